/* channelz_show.c: channels, subchannels and servers as messages of grpc.channelz.v1. */
#include "lib/client/words.h"
#include "lib/server/listener.h"
#include "lib/services/channelz.h"
#include <inttypes.h>
#include <stdio.h>

/* Of one subchannel's connections; each has a ring of events. */
enum { TRACED_CONNECTIONS = 16, EVENT_WORDS = 160 };

/* All addresses of a target are one endpoint, and so one subchannel. */
enum { THE_SUBCHANNEL = 1 };

/* ---- parts ---- */

/* google.protobuf.Timestamp; nothing for 0, "never". */
void gmux__channelz_put_time(gmux__pb_writer *w, uint32_t number, gmux_loop *loop, uint64_t at_ns) {
  if (at_ns == 0) return;
  uint64_t wall_ns = gmux__loop_wall(loop, at_ns);
  size_t mark = gmux__pb_begin(w, number);
  gmux__pb_put_uint(w, 1, wall_ns / GMUX__NS_PER_S);
  gmux__pb_put_uint(w, 2, wall_ns % GMUX__NS_PER_S);
  gmux__pb_end(w, mark);
}

void gmux__channelz_put_socket_ref(gmux__pb_writer *w, uint32_t number, uint64_t id,
                                   const char *name) {
  size_t mark = gmux__pb_begin(w, number);
  gmux__pb_put_uint(w, 3, id);
  gmux__pb_put_string(w, 4, name);
  gmux__pb_end(w, mark);
}

static void put_channel_ref(gmux__pb_writer *w, uint32_t number, uint64_t id, const char *name) {
  size_t mark = gmux__pb_begin(w, number);
  gmux__pb_put_uint(w, 1, id);
  gmux__pb_put_string(w, 2, name);
  gmux__pb_end(w, mark);
}

static void put_subchannel_ref(gmux__pb_writer *w, uint32_t number, uint64_t id, const char *name) {
  size_t mark = gmux__pb_begin(w, number);
  gmux__pb_put_uint(w, 7, id);
  gmux__pb_put_string(w, 8, name);
  gmux__pb_end(w, mark);
}

/* ---- traces ---- */

enum { SEVERITY_INFO = 1, SEVERITY_WARNING = 2 };

static unsigned event_severity(const gmux__event *event) {
  switch (event->kind) {
  case GMUX__EVENT_GOAWAY_SENT:
  case GMUX__EVENT_GOAWAY_RECEIVED:
  case GMUX__EVENT_SUSPECT:
  case GMUX__EVENT_EOF:
  case GMUX__EVENT_IO_ERROR:
  case GMUX__EVENT_DIAL_FAILED:
    return SEVERITY_WARNING;
  case GMUX__EVENT_LOST:
    return event->b == GMUX_LOSS_LOCAL ? SEVERITY_INFO : SEVERITY_WARNING;
  case GMUX__EVENT_CHANNEL_STATE:
    return event->a == GMUX_CHANNEL_TRANSIENT_FAILURE ? SEVERITY_WARNING : SEVERITY_INFO;
  default:
    return SEVERITY_INFO;
  }
}

/* `connection` 0: the channel's own events. */
static void put_event(gmux__pb_writer *w, gmux_loop *loop, const gmux__event *event,
                      uint64_t connection) {
  char what[EVENT_WORDS / 2], text[EVENT_WORDS];
  gmux__client_event_str(event, what, sizeof what);
  if (connection)
    snprintf(text, sizeof text, "connection %" PRIu64 ": %s", connection, what);
  else
    snprintf(text, sizeof text, "%s", what);
  size_t mark = gmux__pb_begin(w, 3);
  gmux__pb_put_string(w, 1, text);
  gmux__pb_put_uint(w, 2, event_severity(event));
  gmux__channelz_put_time(w, 3, loop, event->at_ns);
  gmux__pb_end(w, mark);
}

static void put_ring(gmux__pb_writer *w, gmux_loop *loop, const gmux__ring *ring,
                     uint64_t connection) {
  for (size_t i = 0; i < gmux__ring_count(ring); i++)
    put_event(w, loop, gmux__ring_at(ring, i), connection);
}

static void put_channel_trace(gmux__pb_writer *w, const gmux_channel *channel) {
  const gmux__ring *ring = &channel->loop_only.ring;
  size_t mark = gmux__pb_begin(w, 3);
  gmux__pb_put_uint(w, 1, ring->written);
  gmux__channelz_put_time(w, 2, channel->loop, channel->made_ns);
  put_ring(w, channel->loop, ring, 0);
  gmux__pb_end(w, mark);
}

/* ---- a subchannel's connections ---- */

typedef struct line_lists {
  const gmux__list *at[4];
} line_lists;

static line_lists lists_of(const gmux__endpoint *e) {
  return (line_lists){{&e->ready, &e->draining, &e->greeting, &e->abandoned}};
}

/* Connection by connection, each in the order of time. */
static void put_subchannel_trace(gmux__pb_writer *w, const gmux_channel *channel) {
  line_lists lists = lists_of(&channel->loop_only.endpoint);
  size_t mark = gmux__pb_begin(w, 3);
  uint64_t events = 0;
  size_t traced = 0;
  gmux__channelz_put_time(w, 2, channel->loop, channel->made_ns);
  for (size_t i = 0; i < sizeof lists.at / sizeof *lists.at; i++)
    for (gmux__link *l = lists.at[i]->first; l; l = l->next) {
      const gmux__conn *conn = gmux__line_of(l)->conn;
      events += gmux__conn_ring(conn)->written;
      if (traced++ < TRACED_CONNECTIONS)
        put_ring(w, channel->loop, gmux__conn_ring(conn), gmux__conn_number(conn));
    }
  gmux__pb_put_uint(w, 1, events);
  gmux__pb_end(w, mark);
}

static void put_line_refs(gmux__pb_writer *w, const gmux__channelz_entry *entry) {
  line_lists lists = lists_of(&entry->channel->loop_only.endpoint);
  for (size_t i = 0; i < sizeof lists.at / sizeof *lists.at; i++)
    for (gmux__link *l = lists.at[i]->first; l; l = l->next) {
      const gmux__line *line = gmux__line_of(l);
      uint64_t number = gmux__conn_number(line->conn);
      gmux__channelz_put_socket_ref(
          w, 5, gmux__channelz_child_id(entry->id, GMUX__CHANNELZ_CONNECTION, number), line->peer);
    }
}

/* ---- channels ---- */

/* gRPC's numbers begin with UNKNOWN. */
static void put_state(gmux__pb_writer *w, gmux_channel_state state) {
  size_t mark = gmux__pb_begin(w, 1);
  gmux__pb_put_uint(w, 1, (uint64_t)state + 1);
  gmux__pb_end(w, mark);
}

typedef struct tally {
  gmux_channel_state state;
  uint64_t started, succeeded, failed, last_call_ns;
} tally;

static void tally_add(tally *t, const gmux_channel *channel) {
  const gmux__channel_figures *f = &channel->shared.figures;
  uint64_t last_ns = gmux__counter_get(&f->last_call_ns);
  t->started += gmux__counter_get(&f->started);
  t->succeeded += gmux__counter_get(&f->succeeded);
  t->failed += gmux__counter_get(&f->failed);
  if (last_ns > t->last_call_ns) t->last_call_ns = last_ns;
}

/* The channel of one that is not over stays while the lock is held. */
static void tally_front(tally *t, gmux__front *front) {
  gmux__lock_take(front->lock);
  t->state = front->locked.state;
  for (size_t i = 0; i < front->count; i++)
    if (!front->lanes[i].is_over) tally_add(t, front->lanes[i].channel);
  gmux__lock_give(front->lock);
}

static void put_channel_data(gmux__pb_writer *w, gmux_channel *channel) {
  tally t = {.state = channel->loop_only.state};
  if (channel->lane)
    tally_front(&t, channel->lane->front);
  else
    tally_add(&t, channel);
  size_t mark = gmux__pb_begin(w, 2);
  put_state(w, t.state);
  gmux__pb_put_string(w, 2, channel->target.authority);
  put_channel_trace(w, channel);
  gmux__pb_put_uint(w, 4, t.started);
  gmux__pb_put_uint(w, 5, t.succeeded);
  gmux__pb_put_uint(w, 6, t.failed);
  gmux__channelz_put_time(w, 7, channel->loop, t.last_call_ns);
  gmux__pb_end(w, mark);
}

void gmux__channelz_put_channel(gmux__pb_writer *w, uint32_t number,
                                const gmux__channelz_entry *entry) {
  gmux_channel *channel = entry->channel;
  const char *name = channel->target.authority;
  size_t mark = gmux__pb_begin(w, number);
  put_channel_ref(w, 1, entry->id, name);
  put_channel_data(w, channel);
  for (uint64_t i = 0; i < entry->lanes; i++)
    put_subchannel_ref(
        w, 4, gmux__channelz_child_id(entry->id + i, GMUX__CHANNELZ_SUBCHANNEL, THE_SUBCHANNEL),
        name);
  gmux__pb_end(w, mark);
}

/* Its calls are attempts: one that was made again has failed here. */
static void put_subchannel_data(gmux__pb_writer *w, gmux_channel *channel) {
  const gmux__channel_figures *f = &channel->shared.figures;
  const gmux_channel_options *o = &channel->options;
  uint64_t started = gmux__counter_get(&f->attempts);
  uint64_t succeeded = gmux__counter_get(&f->succeeded);
  size_t mark = gmux__pb_begin(w, 2);
  put_state(w, gmux__endpoint_state(&channel->loop_only.endpoint));
  gmux__pb_put_string(w, 2, channel->target.authority);
  put_subchannel_trace(w, channel);
  gmux__pb_put_uint(w, 4, started);
  gmux__pb_put_uint(w, 5, succeeded);
  gmux__pb_put_uint(w, 6, started - succeeded - channel->loop_only.running.count);
  gmux__channelz_put_time(w, 7, channel->loop, gmux__counter_get(&f->last_call_ns));
  gmux__pb_put_uint(w, 8, (uint64_t)o->max_connections + o->burst_connections);
  gmux__pb_end(w, mark);
}

bool gmux__channelz_put_subchannel(gmux__pb_writer *w, uint32_t number,
                                   const gmux__channelz_entry *entry, uint64_t id) {
  gmux_channel *channel = entry->channel;
  if (!channel ||
      id != gmux__channelz_child_id(entry->id, GMUX__CHANNELZ_SUBCHANNEL, THE_SUBCHANNEL))
    return false;
  size_t mark = gmux__pb_begin(w, number);
  put_subchannel_ref(w, 1, id, channel->target.authority);
  put_subchannel_data(w, channel);
  put_line_refs(w, entry);
  gmux__pb_end(w, mark);
  return true;
}

/* ---- servers ---- */

static void put_server_data(gmux__pb_writer *w, gmux_server *server) {
  size_t mark = gmux__pb_begin(w, 2);
  gmux__pb_put_uint(w, 2, gmux__counter_get(&server->stats.calls_started));
  gmux__pb_put_uint(w, 3, gmux__counter_get(&server->stats.calls_succeeded));
  gmux__pb_put_uint(w, 4, gmux__counter_get(&server->stats.calls_failed));
  gmux__channelz_put_time(w, 5, server->loop, gmux__counter_get(&server->stats.last_call_ns));
  gmux__pb_end(w, mark);
}

static void put_listener_refs(gmux__pb_writer *w, const gmux__channelz_entry *entry) {
  for (gmux__link *l = entry->server->loop_only.listeners.first; l; l = l->next) {
    const gmux__server_listener *listener = gmux__container(l, gmux__server_listener, link);
    char name[GMUX__ADDRESS_TEXT];
    gmux__address_str(gmux__listener_address(listener->socket), name);
    gmux__channelz_put_socket_ref(
        w, 3, gmux__channelz_child_id(entry->id, GMUX__CHANNELZ_LISTENER, listener->number), name);
  }
}

void gmux__channelz_put_server(gmux__pb_writer *w, uint32_t number,
                               const gmux__channelz_entry *entry) {
  size_t mark = gmux__pb_begin(w, number);
  size_t ref = gmux__pb_begin(w, 1);
  gmux__pb_put_uint(w, 5, entry->id);
  gmux__pb_end(w, ref);
  put_server_data(w, entry->server);
  put_listener_refs(w, entry);
  gmux__pb_end(w, mark);
}
