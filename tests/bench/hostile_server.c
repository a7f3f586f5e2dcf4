/* hostile_server.c: the server that is attacked. */
#include "tests/bench/hostile.h"
#include "tests/unit/memory.h"
#include <ev.h>
#include <gmux/gmux.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const double LOOK_S = 0.01;

typedef struct victim {
  const server_settings *settings;
  board *board;
  gmux_server *server;
  ev_signal terminate;
  ev_timer look;
  ev_check turn_begin;
  ev_prepare turn_end;
  uint64_t turn_ns;
} victim;

static void must(int error) {
  if (error) hostile_die("the server: %s", gmux_last_error());
}

/* ---- its methods ---- */

static void on_echo(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  if (gmux_server_call_reply(call, request))
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}

static void on_hold(gmux_server_call *call, void *user_data) {
  (void)call, (void)user_data;
}

static void on_pour(gmux_server_call *call, void *user_data) {
  (void)user_data;
  static char text[10000];
  for (int rc = 0; rc == 0;) {
    gmux_bytes bytes = gmux_bytes_borrow(text, sizeof text);
    rc = gmux_server_call_write(call, &bytes);
  }
}

static const gmux_server_handlers hold = {.on_call = on_hold};
static const gmux_server_handlers pour = {.on_call = on_pour, .on_writable = on_pour};

/* ---- what it tells ---- */

static uint64_t microseconds(struct timeval t) {
  return 1000000 * (uint64_t)t.tv_sec + (uint64_t)t.tv_usec;
}

static void victim_look(victim *v) {
  board *b = v->board;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  atomic_store(&b->server.cpu_us, microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
  b->server.stats = (gmux_server_stats){.size = sizeof b->server.stats};
  must(gmux_server_get_stats(v->server, &b->server.stats));
  uint64_t counted = 0;
  memcpy(&counted, (const char *)&b->server.stats + v->settings->counted_as, sizeof counted);
  atomic_store(&b->server.counted, counted);
}

static void on_look(struct ev_loop *ev, ev_timer *w, int events) {
  (void)ev, (void)events;
  victim_look(w->data);
}

/* ---- its turns ---- */

/* Not the clock on the wall: what else the machine does is not the server's doing. */
static uint64_t cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_turn_begin(struct ev_loop *ev, ev_check *w, int events) {
  (void)ev, (void)events;
  victim *v = w->data;
  v->turn_ns = cpu_ns();
}

static void on_turn_end(struct ev_loop *ev, ev_prepare *w, int events) {
  (void)ev, (void)events;
  victim *v = w->data;
  if (v->turn_ns) histogram_add(&v->board->server.turns_us, (cpu_ns() - v->turn_ns) / 1000);
}

static void victim_watch_turns(victim *v, struct ev_loop *ev) {
  ev_check_init(&v->turn_begin, on_turn_begin);
  ev_prepare_init(&v->turn_end, on_turn_end);
  v->turn_begin.data = v->turn_end.data = v;
  ev_set_priority(&v->turn_begin, EV_MAXPRI);
  ev_check_start(ev, &v->turn_begin);
  ev_prepare_start(ev, &v->turn_end);
  ev_unref(ev);
  ev_unref(ev);
}

static void victim_unwatch_turns(victim *v, struct ev_loop *ev) {
  ev_ref(ev);
  ev_ref(ev);
  ev_check_stop(ev, &v->turn_begin);
  ev_prepare_stop(ev, &v->turn_end);
}

/* ev_run returns when the server's connections and these watchers are gone. */
static void on_terminate(struct ev_loop *ev, ev_signal *w, int events) {
  (void)events;
  victim *v = w->data;
  victim_look(v);
  ev_signal_stop(ev, &v->terminate);
  ev_timer_stop(ev, &v->look);
  gmux_server_close(v->server, NULL, NULL);
}

/* ---- its life ---- */

static void victim_watch(victim *v, struct ev_loop *ev) {
  ev_signal_init(&v->terminate, on_terminate, SIGTERM);
  ev_timer_init(&v->look, on_look, LOOK_S, LOOK_S);
  v->terminate.data = v->look.data = v;
  ev_signal_start(ev, &v->terminate);
  ev_timer_start(ev, &v->look);
}

static void victim_listen(victim *v) {
  uint16_t port = 0, tls_port = 0;
  must(gmux_server_listen_cleartext(v->server, "ipv4:127.0.0.1:0", &port));
  gmux_tls_options how;
  gmux_tls_options_init(&how, sizeof how);
  how.cert_pem = v->settings->cert_pem;
  how.key_pem = v->settings->key_pem;
  gmux_tls *tls;
  must(gmux_tls_server_new(&tls, &how));
  must(gmux_server_listen(v->server, "ipv4:127.0.0.1:0", tls, &tls_port));
  gmux_tls_free(tls);
  atomic_store(&v->board->server.tls_port, tls_port);
  atomic_store(&v->board->server.port, port);
}

static gmux_server_options victim_options(const server_settings *s) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  if (!s->is_strict) return o;
  o.client_reset_burst = 100;
  /* Of what comes in one read, chatter is counted before resets: a server that was kept waiting has
   * had 500 frames at once. */
  o.chatter_burst = s->counted_as == offsetof(gmux_server_stats, ended_resets) ? 0 : 500;
  o.chatter_rate_per_s = 10;
  o.max_handshaking = 20;
  return o;
}

static void victim_start(victim *v, gmux_loop *loop) {
  gmux_server_options o = victim_options(v->settings);
  must(gmux_server_new(&v->server, loop, &o));
  must(gmux_server_add_unary(v->server, HOSTILE_ECHO, on_echo, NULL));
  must(gmux_server_add_method(v->server, HOSTILE_HOLD, GMUX_BIDI_STREAMING, &hold, NULL));
  must(gmux_server_add_method(v->server, HOSTILE_POUR, GMUX_BIDI_STREAMING, &pour, NULL));
  victim_listen(v);
}

int server_run(const server_settings *s, board *b) {
  if (!test_alloc_install()) hostile_die("the server's memory cannot be watched");
  victim v = {.settings = s, .board = b};
  struct ev_loop *ev = ev_loop_new(0);
  gmux_loop *loop;
  must(gmux_loop_attach(&loop, ev, NULL));
  victim_watch(&v, ev);
  victim_watch_turns(&v, ev);
  victim_start(&v, loop);
  ev_run(ev, 0);
  victim_unwatch_turns(&v, ev);
  atomic_store(&b->server.peak_bytes, test_alloc_peak());
  gmux_server_free(v.server);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(ev);
  atomic_store(&b->server.is_clean, test_alloc_live() == 0);
  return 0;
}
