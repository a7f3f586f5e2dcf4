/*
 * h2_each.c: "h2-c" once more: what the bare protocol costs where it is not a load of calls on one
 * connection: a fresh connection with one call, the memory of a call that waits for its reply, the
 * memory of an idle connection. The same is measured of gmux by tests/bench/connect and memory.
 */
#include "tests/bench/figures.h"
#include "tests/bench/kit_options.h"
#include "tests/bench/peers/h2_conn.h"
#include "tests/bench/peers/net.h"
#include "tests/bench/window.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REQUEST = H2_MESSAGE_HEAD + 4 };

/* A message of no bytes; and one that is answered in a minute: Payload.delay_ms, field 3. */
static const uint8_t at_once[H2_MESSAGE_HEAD] = {0};
static const uint8_t in_a_minute[MAX_REQUEST] = {0, 0, 0, 0, 4, 0x18, 0xe0, 0xd4, 0x03};

typedef struct call {
  const uint8_t *request;
  size_t len;
  bool is_ok; /* grpc-status: 0 has come */
} call;

static kit_server server;
static const char *of = "connect";
static uint64_t count = 1000;
static window measured = {.seconds = 2, .warm_up = 0.3};
static struct ev_loop *loop;
static SSL_CTX *tls;
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *option;
static bool is_holding; /* no call may end */
static bool is_resuming;

static _Noreturn void die(const char *why) {
  fprintf(stderr, "h2_each: no figures: %s\n", why);
  exit(1);
}

static void on_gone(h2_conn *c, const char *why) {
  (void)c;
  die(why);
}

/* ---- a call ---- */

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *user_data) {
  (void)session, (void)id, (void)user_data;
  const call *k = source->ptr;
  if (k->len > room) die("there is no room for a request");
  memcpy(buf, k->request, k->len);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)k->len;
}

static void call_start(h2_conn *c, call *k) {
  static const nghttp2_nv fields[] = {
      H2_FIELD(":method", "POST"),
      H2_FIELD(":scheme", "http"),
      H2_FIELD(":path", "/bench.v1.Bench/Echo"),
      H2_FIELD(":authority", "localhost"),
      H2_FIELD("te", "trailers"),
      H2_FIELD("content-type", "application/grpc"),
      H2_FIELD("user-agent", "h2-c/1"),
  };
  nghttp2_data_provider body = {.source = {.ptr = k}, .read_callback = read_request};
  if (nghttp2_submit_request(c->session, NULL, fields, sizeof fields / sizeof *fields, &body, k) <
      0)
    die("a call could not be started");
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data) {
  (void)flags, (void)user_data;
  if (name_len != 11 || memcmp(name, "grpc-status", 11)) return 0;
  call *k = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (k) k->is_ok = value_len == 1 && *value == '0';
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data) {
  (void)user_data;
  const call *k = nghttp2_session_get_stream_user_data(session, id);
  if (is_holding) die("a call ended that should have waited");
  if (!k || code || !k->is_ok) die("a call failed");
  ev_break(loop, EVBREAK_ALL);
  return 0;
}

/* ---- a connection ---- */

static void conn_open(h2_conn *c) {
  int fd = net_dial(server.target);
  SSL *ssl = tls ? h2_tls_dial(tls, fd) : NULL;
  net_unblock(fd);
  if (!h2_conn_init(c, loop, fd, ssl, on_gone)) die("out of memory");
  if (nghttp2_session_client_new2(&c->session, callbacks, c, option)) die("out of memory");
  h2_conn_start(c, &(nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, 1);
}

static void on_time(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)timer, (void)events;
  ev_break(ev, EVBREAK_ALL);
}

static void run_for(double seconds) {
  ev_timer timer;
  ev_timer_init(&timer, on_time, seconds, 0.);
  ev_now_update(loop);
  ev_timer_start(loop, &timer);
  ev_run(loop, 0);
}

/* ---- what is measured ---- */

static void connect_once(void) {
  h2_conn c;
  call k = {.request = at_once, .len = sizeof at_once};
  conn_open(&c);
  call_start(&c, &k);
  h2_conn_flush(&c);
  ev_run(loop, 0);
  h2_conn_deinit(&c);
}

static void print_begin(const char *bench) {
  figures_begin(bench, "h2-c");
  figures_text("transport", tls ? "tls" : "tcp");
}

static void measure_connect(void) {
  window_begin(&measured, meter_clock_ns());
  while (measured.phase != WINDOW_ENDING) {
    uint64_t start_ns = meter_clock_ns();
    connect_once();
    window_note(&measured, start_ns, meter_clock_ns());
  }
  print_begin("connect");
  figures_text("session", is_resuming ? "resumed" : "fresh");
  window_print(&measured);
}

static void print_bytes(const char *bench, uint64_t before) {
  double more = (double)meter_resident_bytes() - (double)before;
  print_begin(bench);
  figures_number("count", (double)count);
  figures_number("bytes_each", more / (double)count);
}

static void measure_calls(void) {
  h2_conn c;
  call *calls = calloc(count, sizeof *calls);
  if (!calls) die("out of memory");
  connect_once();
  conn_open(&c);
  h2_conn_flush(&c);
  run_for(0.2);
  is_holding = true;
  uint64_t before = meter_resident_bytes();
  for (uint64_t i = 0; i < count; i++) {
    calls[i] = (call){.request = in_a_minute, .len = sizeof in_a_minute};
    call_start(&c, &calls[i]);
  }
  h2_conn_flush(&c);
  run_for(1);
  print_bytes("memory_call", before);
}

static void measure_connections(void) {
  h2_conn *all = calloc(count + 1, sizeof *all);
  if (!all) die("out of memory");
  conn_open(&all[0]);
  h2_conn_flush(&all[0]);
  run_for(0.2);
  uint64_t before = meter_resident_bytes();
  for (uint64_t i = 1; i <= count; i++) {
    conn_open(&all[i]);
    h2_conn_flush(&all[i]);
    run_for(0.001);
  }
  run_for(0.3);
  print_bytes("memory_idle", before);
}

/* ---- all of it ---- */

static void prepare(void) {
  loop = ev_default_loop(0);
  if (server.ca) tls = h2_tls_client(server.ca, is_resuming);
  if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&option))
    die("out of memory");
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_option_set_peer_max_concurrent_streams(option, 1000000);
}

int main(int argc, char **argv) {
  const kit_option options[] = {
      {"of", "KIND", "connect, call (outstanding) or connection", KIT_TEXT, &of, 0, 0},
      {"each", "N", "call, connection: how many", KIT_COUNT, &count, 1, 100000},
      {"resume", NULL, "TLS: resume the session of the connection before", KIT_FLAG, &is_resuming,
       0, 0},
      KIT_WINDOW_OPTIONS(measured),
      {0}};
  kit_parse("h2_each", "Measures what the bare protocol costs.", options, &server, argc, argv);
  if (is_resuming && !server.ca) kit_refuse("resume", "is for TLS: --ca is missing");
  prepare();
  if (!strcmp(of, "connect"))
    measure_connect();
  else if (!strcmp(of, "call"))
    measure_calls();
  else if (!strcmp(of, "connection"))
    measure_connections();
  else
    kit_refuse("of", "is none of connect, call, connection");
  figures_end();
  return 0; /* the system takes everything back */
}
