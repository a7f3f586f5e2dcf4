/* describe.c: what a channel is doing, for people (gmux_channel_describe). */
#include "lib/client/ask.h"
#include "lib/client/call.h"
#include "lib/client/front.h"
#include "lib/client/words.h"

static void say_calls(gmux__words *w, gmux_channel *channel) {
  size_t waiting = channel->loop_only.waiting.count + channel->loop_only.again.count;
  gmux__say(w, "  calls: %zu on a stream, %zu wait", channel->loop_only.running.count, waiting);
  if (waiting > 0) {
    char what[GMUX__CONNECTOR_WHY];
    gmux__channel_explain_wait(channel, what, sizeof what);
    gmux__say(w, " %s, the first of them for ", what);
    gmux__say_ms(w, gmux__loop_now(channel->loop) - gmux__channel_oldest_wait(channel));
  }
  if (channel->loop_only.resting.count > 0)
    gmux__say(w, "; %zu rest until they are made again", channel->loop_only.resting.count);
  gmux__say(w, "\n");
}

static void say_attempt(gmux__words *w, const gmux__endpoint *e) {
  char what[GMUX__CONNECTOR_WHY];
  if (gmux__connector_is_on(&e->connector)) {
    gmux__connector_explain(&e->connector, what, sizeof what);
    gmux__say(w, "  dialing: %s\n", what);
  }
  if (*gmux__endpoint_why(e)) gmux__say(w, "  last failure: %s\n", gmux__endpoint_why(e));
}

static void say_keepalive(gmux__words *w, const gmux_channel *channel) {
  uint64_t every_ms = gmux__counter_get(&channel->shared.figures.keepalive_ms);
  if (every_ms > 0)
    gmux__say(w, "  keepalive: a PING after %llu ms without a byte\n",
              (unsigned long long)every_ms);
  else
    gmux__say(w, "  keepalive: off\n");
}

static void say_event(gmux__words *w, const gmux__event *event, uint64_t now_ns) {
  char what[96];
  gmux__client_event_str(event, what, sizeof what);
  gmux__say(w, "    ");
  gmux__say_ms(w, now_ns - event->at_ns);
  gmux__say(w, " ago: %s\n", what);
}

static void say_events(gmux__words *w, const gmux__ring *ring, uint64_t now_ns) {
  for (size_t i = 0; i < gmux__ring_count(ring); i++)
    say_event(w, gmux__ring_at(ring, i), now_ns);
}

static void say_line(gmux__words *w, const gmux__line *line, uint64_t now_ns) {
  const gmux__conn *conn = line->conn;
  gmux__say(w, "  connection %llu (%s): %s", (unsigned long long)gmux__conn_number(conn),
            line->peer, gmux__line_state_str(line->state));
  gmux__say(w, ", %u of %u streams", gmux__conn_used_slots(conn), gmux__conn_slot_limit(conn));
  gmux__say(w, ", %llu calls so far", (unsigned long long)line->calls);
  if (line->ready_ns) {
    gmux__say(w, ", ready for ");
    gmux__say_ms(w, now_ns - line->ready_ns);
  }
  if (gmux__conn_rtt_ns(conn)) {
    gmux__say(w, ", round trip ");
    gmux__say_ms(w, gmux__conn_rtt_ns(conn));
  }
  if (gmux__conn_is_suspect(conn)) gmux__say(w, ", SUSPECT");
  if (gmux__conn_is_blocked(conn)) gmux__say(w, ", its socket takes nothing");
  if (line->is_temporary) gmux__say(w, ", beyond max_connections");
  if (line->recycle) gmux__say(w, ", to be replaced: %s", gmux__recycle_str(line->recycle));
  gmux__say(w, "\n");
  say_events(w, gmux__conn_ring(conn), now_ns);
}

static void say_lines(gmux__words *w, const gmux__list *lines, uint64_t now_ns) {
  for (gmux__link *l = lines->first; l; l = l->next)
    say_line(w, gmux__line_of(l), now_ns);
}

typedef struct describing {
  gmux_channel *channel;
  gmux__words words;
} describing;

static void describe(void *arg) {
  describing *d = arg;
  gmux__words *w = &d->words;
  gmux_channel *channel = d->channel;
  const gmux__endpoint *e = &channel->loop_only.endpoint;
  uint64_t now_ns = gmux__loop_now(channel->loop);
  gmux__say(w, "channel to %s: %s%s%s\n", channel->authority,
            gmux_channel_state_str(channel->loop_only.state),
            channel->loop_only.is_paused ? ", paused" : "",
            channel->loop_only.is_draining ? ", draining" : "");
  say_calls(w, channel);
  say_attempt(w, e);
  say_keepalive(w, channel);
  gmux__say(w, "  last events:\n");
  say_events(w, &channel->loop_only.ring, now_ns);
  say_lines(w, &e->greeting, now_ns);
  say_lines(w, &e->ready, now_ns);
  say_lines(w, &e->draining, now_ns);
}

size_t gmux_channel_describe(gmux_channel *channel, char *text, size_t len) {
  describing d = {.channel = channel, .words = {text, len, 0}};
  if (len > 0) text[0] = '\0';
  if (channel && channel->front) return gmux__front_describe(channel->front, text, len);
  if (!channel || gmux__ask(channel->loop, describe, &d)) return 0;
  return d.words.used;
}
