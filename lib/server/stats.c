/* stats.c: what a server counts. */
#include "lib/base/fail.h"
#include "lib/server/front.h"
#include <assert.h>
#include <gmux/error.h>
#include <string.h>

void gmux__server_count_started(gmux_server *server) {
  gmux__server_count(&server->stats.calls_started);
  gmux__counter_set(&server->stats.last_call_ns, gmux__loop_now(server->loop));
  gmux__server_count(&server->stats.calls_running);
  uint64_t running = gmux__counter_get(&server->stats.calls_running);
  if (running > gmux__counter_get(&server->stats.calls_peak))
    gmux__counter_set(&server->stats.calls_peak, running);
}

void gmux__server_count_ended(gmux_server *server, bool has_succeeded) {
  uint64_t running = gmux__counter_get(&server->stats.calls_running);
  assert(running > 0);
  gmux__counter_set(&server->stats.calls_running, running - 1);
  gmux__server_count(has_succeeded ? &server->stats.calls_succeeded : &server->stats.calls_failed);
}

void gmux__server_connections_changed(gmux_server *server) {
  gmux__counter_set(&server->stats.connections, gmux__server_connection_count(server));
  gmux__counter_set(&server->stats.connections_handshaking,
                    server->loop_only.connections[GMUX__SERVER_CONN_HANDSHAKING].count);
  gmux__server_check(server);
}

static void stats_fill_own(gmux_server_stats *s, const gmux_server *server) {
  s->calls_started = gmux__counter_get(&server->stats.calls_started);
  s->calls_succeeded = gmux__counter_get(&server->stats.calls_succeeded);
  s->calls_failed = gmux__counter_get(&server->stats.calls_failed);
  s->calls_running = (uint32_t)gmux__counter_get(&server->stats.calls_running);
  s->calls_peak = (uint32_t)gmux__counter_get(&server->stats.calls_peak);
  s->connections = (uint32_t)gmux__counter_get(&server->stats.connections);
  s->connections_handshaking = (uint32_t)gmux__counter_get(&server->stats.connections_handshaking);
  s->connections_accepted = gmux__counter_get(&server->stats.connections_accepted);
  s->connections_refused = gmux__counter_get(&server->stats.connections_refused);
  s->connections_overdue = gmux__counter_get(&server->stats.connections_overdue);
  s->handshakes_failed = gmux__counter_get(&server->stats.handshakes_failed);
  s->ended_idle = gmux__counter_get(&server->stats.ended_idle);
  s->ended_age = gmux__counter_get(&server->stats.ended_age);
  s->calls_held = (uint32_t)gmux__counter_get(&server->stats.calls_held);
  s->calls_refused_held = gmux__counter_get(&server->stats.calls_refused_held);
  s->calls_stalled = gmux__counter_get(&server->stats.calls_stalled);
}

static void stats_fill_h2(gmux_server_stats *s, const gmux__h2_figures *f) {
  s->pings_received = gmux__counter_get(&f->pings_received);
  s->pings_bad = gmux__counter_get(&f->pings_bad);
  s->too_many_pings = gmux__counter_get(&f->too_many_pings);
  s->pings_sent = gmux__counter_get(&f->pings_sent);
  s->clients_dead = gmux__counter_get(&f->deaths);
  s->resets_sent = gmux__counter_get(&f->resets_sent);
  s->resets_delayed = gmux__counter_get(&f->resets_delayed);
  s->resets_received = gmux__counter_get(&f->resets_received);
  s->bytes_sent = gmux__counter_get(&f->bytes_sent);
  s->bytes_received = gmux__counter_get(&f->bytes_received);
  s->calls_refused = gmux__counter_get(&f->streams_refused);
  s->ended_resets = gmux__counter_get(&f->abuses[GMUX__ABUSE_RESETS]);
  s->ended_chatter = gmux__counter_get(&f->abuses[GMUX__ABUSE_CHATTER]);
  s->ended_metadata = gmux__counter_get(&f->abuses[GMUX__ABUSE_HEADERS]);
  s->ended_unread = gmux__counter_get(&f->abuses[GMUX__ABUSE_UNREAD]);
  s->memory_bytes = gmux__counter_get(&f->memory_bytes);
  s->memory_waits = gmux__counter_get(&f->memory_waits);
}

static void stats_fill(gmux_server_stats *s, gmux_server *server) {
  stats_fill_own(s, server);
  stats_fill_h2(s, gmux__h2_get_figures(server->h2));
}

int gmux_server_get_stats(gmux_server *server, gmux_server_stats *stats) {
  if (!server || !stats || stats->size < sizeof stats->size)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_get_stats: server or stats is NULL, or "
                                        "stats->size is not sizeof(gmux_server_stats)");
  gmux_server_stats s = {.size = stats->size};
  if (server->front)
    gmux__server_front_get_stats(server->front, &s);
  else
    stats_fill(&s, server);
  memcpy(stats, &s, stats->size < sizeof s ? stats->size : sizeof s);
  return 0;
}

#ifdef GMUX_DEBUG
/* Each in the list of its state, and no other. */
static void check_list(const gmux_server *server, gmux__server_conn_state state) {
  const gmux__list *list = &server->loop_only.connections[state];
  size_t count = 0;
  for (gmux__link *l = list->first; l; l = l->next) {
    const gmux__server_conn *c = gmux__container(l, gmux__server_conn, link);
    assert(c->state == state);
    assert(c->server == server && c->conn);
    assert(c->running <= c->calls);
    count++;
  }
  assert(count == list->count);
}

void gmux__server_check(const gmux_server *server) {
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    check_list(server, (gmux__server_conn_state)state);
  assert(gmux__server_connection_count(server) <= server->options.max_connections);
  assert(server->loop_only.connections[GMUX__SERVER_CONN_HANDSHAKING].count <=
         server->options.max_handshaking);
  assert(gmux__server_connection_count(server) == 0 ||
         server->loop_only.state != GMUX__SERVER_CLOSED);
}
#endif
