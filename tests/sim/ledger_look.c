/*
 * ledger_look.c: laws that can only be seen from inside the library: DIALS, CHECK and QUEUES. Those
 * of a pool are in ledger_pool.c.
 *
 * What is called after each turn must cost next to nothing where nothing has happened: it compares
 * a few figures of each channel with those of the turn before.
 */
#include "lib/client/call.h"
#include "lib/client/channel.h"
#include "lib/h2/inside.h"
#include "lib/server/server.h"
#include "tests/sim/ledger.h"

static ledger_channel *channel_of(gmux__link *link) {
  return gmux__container(link, ledger_channel, link);
}

static ledger_server *server_of(gmux__link *link) {
  return gmux__container(link, ledger_server, link);
}

/* ---- a server's drain ---- */

/* It may be made shorter while it lasts. */
static void look_at_server(ledger_server *sv) {
  const gmux_server *server = sv->server;
  int64_t grace_ms = atomic_load(&server->shared.grace_ms);
  if (server->loop_only.state != GMUX__SERVER_DRAINING || grace_ms == INT64_MAX) return;
  if (sv->ends_by_ns == 0 || grace_ms < sv->grace_ms) {
    uint64_t by_ns = ledger_now() + (uint64_t)grace_ms * GMUX__NS_PER_MS;
    sv->ends_by_ns = sv->ends_by_ns && sv->ends_by_ns < by_ns ? sv->ends_by_ns : by_ns;
    sv->grace_ms = grace_ms;
  }
  ledger_law(LAW_SILENCE, ledger_now() <= ledger_due(sv->ends_by_ns),
             "server %d drains longer than the %lld ms that it was given", sv->number,
             (long long)grace_ms);
}

/* ---- DIALS ---- */

static void look_at_dials(ledger_channel *ch) {
  const gmux__channel_figures *f = &ch->channel->shared.figures;
  const ledger_dials now = {
      .started = gmux__counter_get(&f->dials_started),
      .failed = gmux__counter_get(&f->dials_failed),
      .failed_by_us = gmux__counter_get(&f->lost[GMUX_LOSS_LOCAL]),
      .made = gmux__counter_get(&f->made),
      .attempts = gmux__counter_get(&f->attempts),
      .connections = (uint32_t)(gmux__counter_get(&f->ready) + gmux__counter_get(&f->draining)),
      .has_calls = gmux__counter_get(&f->running) + gmux__counter_get(&f->waiting) > 0,
  };
  ledger_channel_read_dials(ch, &now);
}

void ledger_look(gmux_loop *loop, void *unused) {
  (void)unused;
  size_t inside = 0;
  for (gmux__link *l = ledger_channels()->first; l; l = l->next) {
    ledger_channel *ch = channel_of(l);
    if (ch->channel->loop != loop) continue;
    look_at_dials(ch);
    ledger_pool_look(ch);
    ledger_upkeep_look(ch);
    inside += ch->channel->loop_only.endpoint.connector.pass.is_inside;
  }
  for (gmux__link *l = ledger_servers()->first; l; l = l->next)
    if (server_of(l)->server->loop == loop) {
      look_at_server(server_of(l));
      ledger_upkeep_look_at_server(server_of(l));
    }
  ledger_law(LAW_DIALS, inside <= gmux__loop_max_dialing(loop),
             "%zu handshakes at once on a loop, max_dialing is %u", inside,
             gmux__loop_max_dialing(loop));
}

/* ---- CHECK ---- */

#ifdef GMUX_DEBUG
static void check_lines(const gmux__list *lines) {
  for (const gmux__link *l = lines->first; l; l = l->next)
    gmux__conn_check(gmux__line_of(l)->conn);
}

static void check_channel(const gmux_channel *channel) {
  const gmux__endpoint *e = &channel->loop_only.endpoint;
  gmux__channel_check(channel); /* endpoint and connector are parts of it */
  check_lines(&e->greeting);
  check_lines(&e->ready);
  check_lines(&e->draining);
  check_lines(&e->abandoned);
}

static void check_server(const gmux_server *server) {
  gmux__server_check(server);
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    for (gmux__link *l = server->loop_only.connections[state].first; l; l = l->next)
      gmux__conn_check(gmux__container(l, gmux__server_conn, link)->conn);
}

static void check_all(const gmux_loop *loop) {
  for (gmux__link *l = ledger_channels()->first; l; l = l->next)
    if (channel_of(l)->channel->loop == loop) check_channel(channel_of(l)->channel);
  for (gmux__link *l = ledger_servers()->first; l; l = l->next)
    if (server_of(l)->server->loop == loop) check_server(server_of(l)->server);
  ledger_law(LAW_CHECK, true, "an assertion says more");
}
#else
static void check_all(const gmux_loop *loop) {
  (void)loop;
}
#endif

void ledger_look_closely(gmux_loop *loop, void *unused) {
  ledger_look(loop, unused);
  check_all(loop);
}

/* ---- QUEUES ---- */

/* Beside its bytes; and how many are kept at most to be sent again (rewind.c). */
enum { ONE_MESSAGE = GMUX__PREFIX_LEN + GMUX__MESSAGE_COST, KEPT_MESSAGES = 1024 };

/* What one call may have queued is what it may before write says "full", the message that did it,
 * and, made again, what had been kept of it. */
typedef struct queue_bound {
  const char *what;
  int number;
  size_t of_call;
  size_t of_connection, of_all; /* beside what each call may go beyond that: */
  bool is_sharp;                /* its longest message, else of_call */
} queue_bound;

static size_t longest_message(const gmux__stream *stream) {
  size_t longest = 0;
  for (const gmux__outmsg *msg = stream->send.next; msg; msg = msg->next) {
    size_t len = ONE_MESSAGE + msg->bytes.len;
    if (len > longest) longest = len;
  }
  return longest;
}

/* Returns how far the calls of a connection may go beyond the bound that they share. */
static size_t law_of_conn(const gmux__conn *conn, const queue_bound *bound) {
  size_t sum = 0, beyond = 0;
  for (gmux__link *l = conn->streams.first; l; l = l->next) {
    const gmux__stream *stream = gmux__container(l, gmux__stream, link);
    size_t queued = stream->send.queued_bytes + stream->send.queued_messages * GMUX__MESSAGE_COST;
    ledger_law(LAW_QUEUES, queued <= bound->of_call,
               "%s %d: a call has queued %zu bytes, %zu are allowed", bound->what, bound->number,
               queued, bound->of_call);
    sum += queued;
    beyond += bound->is_sharp ? longest_message(stream) : bound->of_call;
  }
  ledger_law(LAW_QUEUES, conn->backlog.bytes == sum,
             "%s %d: a connection counts %zu bytes queued, its calls have %zu", bound->what,
             bound->number, conn->backlog.bytes, sum);
  ledger_law(LAW_QUEUES, sum <= bound->of_connection + beyond,
             "%s %d: %zu bytes are queued on a connection, allowed are %zu", bound->what,
             bound->number, sum, bound->of_connection + beyond);
  size_t output = conn->out ? conn->out->bytes : 0;
  ledger_law(LAW_QUEUES, output < 64 * 1024,
             "%s %d: %zu bytes stand ahead of a connection's socket", bound->what, bound->number,
             output);
  return beyond;
}

static void law_of_all(const gmux__h2 *h2, size_t beyond, const queue_bound *bound) {
  ledger_law(LAW_QUEUES, h2->backlog.bytes <= bound->of_all + beyond,
             "%s %d: %zu bytes are queued, of which %zu are allowed", bound->what, bound->number,
             h2->backlog.bytes, bound->of_all + beyond);
}

/* Those for whom a stream was free, and that waited only for a PING to be answered, may be there
 * beside max_waiting, and stay when it was not. What was suspect and is trusted again is there for
 * a moment beside what was made in its place. */
static size_t most_waiting(const gmux_channel_options *o) {
  size_t lines = 2 * ((size_t)o->max_connections + o->burst_connections);
  return o->max_waiting + lines * o->max_concurrent_streams;
}

/* A call may write while it waits, and be made again with all that it had written: what its
 * connection has queued already stops neither, so each may bring all that one call may have. */
void ledger_channel_read_queues(const ledger_channel *ch) {
  const gmux_channel *channel = ch->channel;
  for (size_t i = 0; i < ch->lane_count; i++)
    ledger_channel_read_queues(&ch->lanes[i]);
  if (!channel || ch->lanes) return;
  size_t waiting = channel->loop_only.waiting.count;
  ledger_law_of_channel(ch, LAW_QUEUES, waiting <= most_waiting(&ch->options),
                        "channel %d: %zu calls wait, max_waiting is %u", ch->number, waiting,
                        ch->options.max_waiting);
  if (ch->max_message_bytes == 0) return;
  const queue_bound bound = {
      .what = "channel",
      .number = ch->number,
      .of_call = ch->options.write_queue_bytes + ch->max_message_bytes + ONE_MESSAGE +
                 ch->options.retry_buffer_bytes + KEPT_MESSAGES * GMUX__MESSAGE_COST,
      .of_connection = ch->options.connection_queue_bytes,
      .of_all = ch->options.channel_queue_bytes,
  };
  const gmux__endpoint *e = &channel->loop_only.endpoint;
  const gmux__list *const lists[] = {&e->greeting, &e->ready, &e->draining, &e->abandoned};
  size_t calls = waiting + channel->loop_only.again.count + channel->loop_only.resting.count +
                 channel->loop_only.running.count + channel->loop_only.ending.count;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    for (const gmux__link *l = lists[i]->first; l; l = l->next)
      law_of_conn(gmux__line_of(l)->conn, &bound);
  law_of_all(channel->h2, calls * bound.of_call, &bound);
}

void ledger_server_read_queues(const ledger_server *sv) {
  const gmux_server *server = sv->server;
  if (!server || sv->max_message_bytes == 0) return;
  const queue_bound bound = {
      .what = "server",
      .number = sv->number,
      .of_call = sv->options.write_queue_bytes + sv->max_message_bytes + ONE_MESSAGE,
      .of_connection = sv->options.connection_queue_bytes,
      .of_all = sv->options.server_queue_bytes,
      .is_sharp = true,
  };
  size_t beyond = 0;
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    for (gmux__link *l = server->loop_only.connections[state].first; l; l = l->next)
      beyond += law_of_conn(gmux__container(l, gmux__server_conn, link)->conn, &bound);
  law_of_all(server->h2, beyond, &bound);
}

/* ---- memory that is kept, or may be ---- */

static size_t spare_of(const gmux__h2 *h2) {
  return h2->hoard.held + h2->widened;
}

size_t ledger_spare(void) {
  size_t sum = 0;
  for (gmux__link *l = ledger_channels()->first; l; l = l->next)
    if (channel_of(l)->channel) sum += spare_of(channel_of(l)->channel->h2);
  for (gmux__link *l = ledger_servers()->first; l; l = l->next)
    if (server_of(l)->server) sum += spare_of(server_of(l)->server->h2);
  return sum;
}
