/*
 * h2_client.c: "h2-c", the floor: unary calls by nghttp2 and libev alone. It frames requests, puts
 * replies together, and looks at grpc-status; there are no deadlines, no pool, no retries, no
 * metadata and no texts for errors.
 */
#include "tests/bench/figures.h"
#include "tests/bench/load.h"
#include "tests/bench/peers/h2_conn.h"
#include "tests/bench/peers/net.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: h2_client [OPTION]... TARGET\n"
    "Measures unary calls of /bench.v1.Bench/Echo over one connection.\n\n" LOAD_USAGE;

typedef struct call {
  uint64_t started_ns;
  size_t sent;    /* bytes of the request that nghttp2 has */
  uint8_t *reply; /* whole, with its head; kept for the next call */
  size_t reply_len;
  bool is_ok; /* grpc-status: 0 has come */
} call;

static load asked;
static h2_conn conn;
static uint8_t *request; /* with its head */
static size_t request_len;
static uint32_t running;

static _Noreturn void die(const char *why) {
  fprintf(stderr, "h2_client: no figures: %s\n", why);
  exit(1);
}

static void on_gone(h2_conn *c, const char *why) {
  (void)c;
  die(why);
}

/* ---- calls ---- */

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
                            uint32_t *flags, nghttp2_data_source *source, void *user_data) {
  (void)session, (void)id, (void)user_data;
  call *k = source->ptr;
  size_t n = request_len - k->sent;
  if (n > room) n = room;
  memcpy(buf, request + k->sent, n);
  k->sent += n;
  if (k->sent == request_len) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

static void call_start(call *k, uint64_t now_ns) {
  static const nghttp2_nv fields[] = {
      H2_FIELD(":method", "POST"),
      H2_FIELD(":scheme", "http"),
      H2_FIELD(":path", "/bench.v1.Bench/Echo"),
      H2_FIELD(":authority", "localhost"),
      H2_FIELD("te", "trailers"),
      H2_FIELD("content-type", "application/grpc"),
      H2_FIELD("user-agent", "h2-c/1"),
  };
  static const nghttp2_nv secure[] = {
      H2_FIELD(":method", "POST"),
      H2_FIELD(":scheme", "https"),
      H2_FIELD(":path", "/bench.v1.Bench/Echo"),
      H2_FIELD(":authority", "localhost"),
      H2_FIELD("te", "trailers"),
      H2_FIELD("content-type", "application/grpc"),
      H2_FIELD("user-agent", "h2-c/1"),
  };
  if (!window_may_start(&asked.window)) return;
  k->sent = k->reply_len = 0;
  k->is_ok = false;
  k->started_ns = now_ns;
  running++;
  nghttp2_data_provider body = {.source = {.ptr = k}, .read_callback = read_request};
  if (nghttp2_submit_request(conn.session, NULL, asked.ca ? secure : fields,
                             sizeof fields / sizeof *fields, &body, k) < 0)
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

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user_data) {
  (void)flags, (void)user_data;
  call *k = nghttp2_session_get_stream_user_data(session, id);
  if (!k) return 0;
  if (k->reply_len + len > request_len) die("a reply is longer than its request");
  memcpy(k->reply + k->reply_len, data, len);
  k->reply_len += len;
  return 0;
}

/* Comparing all bytes would be measured too; that is for the warm-up. */
static bool is_echo(const call *k) {
  if (!k->is_ok || k->reply_len != request_len) return false;
  return asked.window.phase != WINDOW_WARM_UP || !memcmp(k->reply, request, request_len);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data) {
  (void)user_data;
  call *k = nghttp2_session_get_stream_user_data(session, id);
  if (!k) return 0;
  uint64_t now_ns = meter_clock_ns();
  if (code || !is_echo(k)) die("a call failed, or its reply is not the request");
  running--;
  window_note(&asked.window, k->started_ns, now_ns);
  call_start(k, now_ns);
  if (running == 0) ev_break(conn.loop, EVBREAK_ALL);
  return 0;
}

/* ---- all of it ---- */

static void conn_open(void) {
  int fd = net_dial(asked.target);
  SSL *ssl = NULL;
  if (asked.ca) {
    SSL_CTX *tls = h2_tls_client(asked.ca, false);
    ssl = h2_tls_dial(tls, fd);
    SSL_CTX_free(tls);
  }
  net_unblock(fd);
  if (!h2_conn_init(&conn, ev_default_loop(0), fd, ssl, on_gone)) die("out of memory");
  nghttp2_session_callbacks *callbacks;
  nghttp2_option *option;
  if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&option))
    die("out of memory");
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  /* Until the server's SETTINGS are there: more than anyone asks for. */
  nghttp2_option_set_peer_max_concurrent_streams(option, 1000000);
  if (nghttp2_session_client_new2(&conn.session, callbacks, &conn, option)) die("out of memory");
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  h2_conn_start(&conn, &(nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, 1);
}

static void prepare_request(void) {
  uint8_t *payload = load_payload(&asked);
  request_len = H2_MESSAGE_HEAD + asked.size;
  request = malloc(request_len);
  if (!payload || !request) die("out of memory");
  h2_message_head(request, asked.size);
  memcpy(request + H2_MESSAGE_HEAD, payload, asked.size);
  free(payload);
}

static call *calls_new(void) {
  call *calls = calloc(asked.outstanding, sizeof *calls);
  if (!calls) die("out of memory");
  for (uint32_t i = 0; i < asked.outstanding; i++)
    if (!(calls[i].reply = malloc(request_len))) die("out of memory");
  return calls;
}

static void calls_free(call *calls) {
  for (uint32_t i = 0; i < asked.outstanding; i++)
    free(calls[i].reply);
  free(calls);
}

static void run(void) {
  prepare_request();
  call *calls = calls_new();
  load_watch(&asked);
  conn_open();
  uint64_t now_ns = meter_clock_ns();
  window_begin(&asked.window, now_ns);
  for (uint32_t i = 0; i < asked.outstanding; i++)
    call_start(&calls[i], now_ns);
  h2_conn_flush(&conn);
  ev_run(conn.loop, 0);
  load_print(&asked, "unary", "h2-c");
  window_print(&asked.window);
  figures_end();
  h2_conn_deinit(&conn);
  calls_free(calls);
  free(request);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {LOAD_OPTIONS, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
  load_init(&asked);
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h') return fputs(usage, stdout), 0;
    if (!load_take(&asked, o, optarg)) return fputs(usage, stderr), 2;
  }
  if (!load_target(&asked, argc, argv)) return fputs(usage, stderr), 2;
  run();
  return 0;
}
