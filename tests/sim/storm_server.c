/* storm_server.c: servers of the library, from listening to their end. */
#include "lib/server/server.h"
#include "tests/sim/storm.h"
#include <stdio.h>

enum { PORT = 50051 };

gmux__address storm_server_address(int i) {
  char ip[32];
  snprintf(ip, sizeof ip, "127.0.0.%d", i + 1);
  return sim_address(ip, PORT);
}

/* What may turn a client away, or cut it off. */
static void random_bounds(gmux_server_options *o) {
  if (storm_chance(15)) o->max_recv_message_bytes = (uint32_t)(st.max_bytes / 2);
  if (storm_chance(25)) o->max_connections = STORM_ANY_OF(1, 2);
  if (storm_chance(10)) o->max_handshaking = 1;
  o->max_connection_age_ms = STORM_ANY_OF(0, 0, 1000, 5000);
  if (o->max_connection_age_ms) o->max_connection_age_grace_ms = STORM_ANY_OF(0, 1, 1000);
  o->max_connection_idle_ms = STORM_ANY_OF(0, 0, 1000);
  o->keepalive_ms = STORM_ANY_OF(7200000, 1000);
  o->keepalive_timeout_ms = STORM_ANY_OF(20000, 1000, 100);
  o->write_stall_timeout_ms = STORM_ANY_OF(60000, 1000);
  o->tcp_keepalive_idle_s = STORM_ANY_OF(120, 1);
  o->tcp_keepalive_interval_s = STORM_ANY_OF(20, 1);
  if (st.plan.seed % 4 == 0) o->max_memory_bytes = STORM_ANY_OF(1048576, 2097152, 8388608);
}

/* What it allows in PINGs is the default, or more: see LAW_PINGS. */
static gmux_server_options random_options(void) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.stream_window_bytes = STORM_ANY_OF(65535, 65535, 100000, 0);
  o.connection_window_bytes = STORM_ANY_OF(65535, 65535, 100000, 0);
  o.write_queue_bytes = STORM_ANY_OF(1024, 4096, 65536);
  o.connection_queue_bytes = STORM_ANY_OF(65536, 4194304);
  o.max_concurrent_streams = STORM_ANY_OF(1, 2, 3, 5, 100);
  o.handshake_timeout_ms = 1000 + (uint32_t)storm_random(5000);
  if (storm_chance(25)) o.min_ping_interval_ms = 0;
  if (!st.is_calm) random_bounds(&o);
  return o;
}

static bool has_calm_bounds(const gmux_server_options *o) {
  gmux_server_options usual;
  gmux_server_options_init(&usual, sizeof usual);
  return o->max_connections == usual.max_connections &&
         o->max_handshaking == usual.max_handshaking && o->max_connection_age_ms == 0 &&
         o->max_connection_idle_ms == 0 && o->keepalive_timeout_ms == usual.keepalive_timeout_ms &&
         o->write_stall_timeout_ms == usual.write_stall_timeout_ms && o->max_memory_bytes == 0;
}

/* Listening from elsewhere waits for the loop, for which there is no thread here. */
static int server_listen(storm_server *sv, int i) {
  char address[64];
  snprintf(address, sizeof address, "ipv4:127.0.0.%d:%d", i + 1, PORT);
  sim_set_outside(sv->loop, false);
  int error = STORM_API(st.server_tls ? gmux_server_listen(sv->server, address, st.server_tls, NULL)
                                      : gmux_server_listen_cleartext(sv->server, address, NULL));
  sim_set_outside(sv->loop, st.is_outside);
  return error;
}

static void on_server_closed(void *user_data) {
  storm_server *sv = user_data;
  ledger_law(LAW_CALLBACKS, st.in_api == 0,
             "a server's on_closed from inside a function of the library");
  ledger_law(LAW_CALLBACKS, sv->closes_due > 0, "a server's on_closed came twice");
  sv->closes_due--;
  storm_note("server %d: on_closed", (int)(sv - st.servers));
}

bool storm_server_is_open(int i) {
  return st.servers[i].server || st.servers[i].unruly;
}

static void server_open(storm_server *sv, int i) {
  gmux_server_options o = random_options();
  sv->loop = st.loops[storm_random((uint64_t)st.loop_count)];
  storm_life *life = &st.lives[st.life_count];
  *life = (storm_life){.server = i, .limit = o.max_concurrent_streams, .loop = sv->loop};
  int error = STORM_API(gmux_server_new(&sv->server, sv->loop, &o));
  ledger_law(LAW_ANSWERS, storm_is_fine(error, 0), "no server: %s", gmux_last_error());
  if (error) return;
  error = storm_served_by(sv->server, life);
  if (!error) error = server_listen(sv, i);
  ledger_law(LAW_ANSWERS, storm_is_fine(error, GMUX_ERR_EXISTS), "a server cannot listen: %d",
             error);
  if (error) {
    gmux_server_free(sv->server);
    sv->server = NULL;
    return;
  }
  life->shares_little = storm_shares_little(o.connection_queue_bytes);
  ledger_server_open(&life->book, i, sv->server, &o);
  life->book.max_message_bytes = st.max_bytes;
  sv->life = life;
  st.life_count++;
  sv->is_draining = false;
  sv->is_narrow = !has_calm_bounds(&o);
  storm_note("server %d: listens, %u streams, %u connections, age %u", i, o.max_concurrent_streams,
             o.max_connections, o.max_connection_age_ms);
}

/* What it is like is drawn from a stream of its own, for each of its lives. */
void storm_server_open(int i) {
  storm_server *sv = &st.servers[i];
  if (storm_server_is_open(i) || st.life_count == STORM_LIVES) return;
  uint64_t nth = (uint64_t)i << 32 | sv->lives++;
  uint64_t stream = storm_stream_start(st.plan.seed, STORM_STREAM_SERVER, nth);
  uint64_t *random = st.random;
  storm_on_behalf(&stream);
  if (storm_chance(st.plan.unruly_percent))
    storm_unruly_open(sv, i);
  else
    server_open(sv, i);
  storm_on_behalf(random);
}

void storm_server_drain(int i) {
  storm_server *sv = &st.servers[i];
  if (sv->unruly) storm_unruly_drain(sv);
  if (!sv->server) return;
  int64_t grace_ms = storm_chance(40) ? GMUX_NO_TIMEOUT : storm_chance(50) ? 0 : (int64_t)storm_random(3000);
  storm_note("server %d: drain, grace %lld", i, (long long)grace_ms);
  if (!sv->is_draining) sv->closes_due++;
  st.in_api++;
  gmux_server_drain(sv->server, grace_ms, sv->is_draining ? NULL : on_server_closed, sv);
  st.in_api--;
  sv->is_draining = true;
}

/* What a server has done by itself because of its options. */
static void server_count(gmux_server *server) {
  gmux_server_stats s = {.size = sizeof s};
  if (gmux_server_get_stats(server, &s)) return;
  st.happened[STORM_FAULT_TOO_MANY_PINGS] += s.too_many_pings;
  st.happened[STORM_FAULT_TOO_OLD] += s.ended_age;
  st.happened[STORM_FAULT_TOO_IDLE] += s.ended_idle;
  st.happened[STORM_FAULT_TURNED_AWAY] += s.connections_refused;
  st.happened[STORM_FAULT_OVERDUE] += s.connections_overdue;
  st.happened[STORM_FAULT_CLIENT_DEAD] += s.clients_dead;
}

void storm_server_free(int i) {
  storm_server *sv = &st.servers[i];
  if (sv->unruly) storm_unruly_free(sv);
  if (!sv->server) return;
  server_count(sv->server);
  storm_note("server %d: free", i);
  ledger_server_read(&sv->life->book);
  ledger_server_leave(&sv->life->book);
  st.in_api++;
  gmux_server_free(sv->server);
  st.in_api--;
  sv->server = NULL;
}

static gmux__server_conn *random_connection(const gmux_server *server) {
  const gmux__list *serving = &server->loop_only.connections[GMUX__SERVER_CONN_SERVING];
  if (serving->count == 0) return NULL;
  gmux__link *l = serving->first;
  for (uint64_t n = storm_random(serving->count); n > 0; n--)
    l = l->next;
  return gmux__container(l, gmux__server_conn, link);
}

bool storm_server_goaway(int i, bool is_abrupt) {
  storm_server *sv = &st.servers[i];
  gmux__server_conn *c = sv->server ? random_connection(sv->server) : NULL;
  if (!c) return false;
  sim_set_outside(sv->loop, false);
  storm_note("server %d: GOAWAY to %s%s", i, c->peer, is_abrupt ? ", and closes" : "");
  if (is_abrupt)
    gmux__conn_close(c->conn, GMUX_ERR_CLOSED, 0, "storm");
  else
    gmux__server_conn_drain(c, "storm");
  sim_set_outside(sv->loop, st.is_outside);
  return true;
}
