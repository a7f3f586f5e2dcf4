/* kit.c: a server, its handlers that write down, and raw clients. */
#include "tests/unit/server/kit.h"
#include "lib/wire/status.h"
#include <stdio.h>
#include <stdlib.h>

enum { KIT_PEERS = 2048 };

kit_world kit;
static rawpeer *peers[KIT_PEERS];
static size_t peer_count;
static size_t live_before;

/* ---- handlers ---- */

static void saw(int event, gmux_server_call *call, gmux_bytes *message) {
  size_t len = strlen(kit.order);
  if (len < KIT_ORDER - 1) kit.order[len] = (char)event;
  if (message) {
    size_t n = message->len < sizeof kit.message - 1 ? message->len : sizeof kit.message - 1;
    if (n > 0) memcpy(kit.message, message->data, n);
    kit.message[n] = '\0';
    kit.message_len = message->len;
  }
  if (event != SAW_END && event != SAW_UNARY) kit.call = call; /* its end would not be told */
  if (kit.act) kit.act(event, call, message);
}

static void on_call(gmux_server_call *call, void *user_data) {
  CU_ASSERT_PTR_EQUAL(user_data, &kit);
  kit.calls++;
  saw(SAW_CALL, call, NULL);
}

static void on_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  saw(SAW_MESSAGE, call, message);
}

static void on_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  saw(SAW_HALF_CLOSE, call, NULL);
}

static void on_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  saw(SAW_WRITABLE, call, NULL);
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)user_data;
  kit.ends++;
  kit.code = code;
  CU_ASSERT_TRUE(gmux_server_call_is_over(call));
  saw(SAW_END, call, NULL);
  if (kit.call == call) kit.call = NULL;
}

const gmux_server_handlers kit_handlers = {.on_call = on_call,
                                           .on_message = on_message,
                                           .on_half_close = on_half_close,
                                           .on_writable = on_writable,
                                           .on_end = on_end};

static void on_unary(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  saw(SAW_UNARY, call, request);
}

void kit_on_closed(void *user_data) {
  CU_ASSERT_PTR_EQUAL(user_data, &kit);
  kit.closed++;
}

/* ---- the world ---- */

static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)user_data;
  if (strcmp(room, "server") != 0) return;
  size_t used = strlen(kit.transcript);
  snprintf(kit.transcript + used, sizeof kit.transcript - used, "%c %s\n", "-EWID"[level], text);
  if (level > GMUX_LOG_WARN) return;
  snprintf(kit.log, sizeof kit.log, "%s", text);
  kit.log_lines++;
}

void kit_setup(void) {
  memset(&kit, 0, sizeof kit);
  kit.code = (gmux_code)99; /* none that a call ends with */
  peer_count = 0;
  live_before = test_alloc_live();
  kit.world = sim_new(1);
  gmux_loop_options options;
  gmux_loop_options_init(&options, sizeof options);
  options.log = on_log;
  options.log_level = GMUX_LOG_DEBUG; /* so that every line is formatted once */
  kit.loop = sim_loop_with(kit.world, &options);
  kit.peers = sim_loop(kit.world);
  kit.loops[0] = kit.loop;
  for (size_t i = 1; i < KIT_LOOPS; i++)
    kit.loops[i] = sim_loop_with(kit.world, &options);
  gmux_server_options_init(&kit.options, sizeof kit.options);
}

void kit_teardown(void) {
  gmux_server_free(kit.server);
  for (size_t i = 0; i < peer_count; i++)
    rawpeer_free(peers[i]);
  sim_run(kit.world);
  sim_free(kit.world);
  gmux_tls_free(kit.server_tls);
  gmux_tls_free(kit.client_tls);
  CU_ASSERT_EQUAL(kit.ends, kit.calls);
  CU_ASSERT_EQUAL(test_alloc_live(), live_before);
}

void kit_run(void) {
  sim_run(kit.world);
}

void kit_run_ms(unsigned ms) {
  sim_run_for(kit.world, ms * GMUX__NS_PER_MS);
}

static int make_server(void) {
  if (kit.loop_count == 0) return gmux_server_new(&kit.server, kit.loop, &kit.options);
  return gmux_server_new_on_loops(&kit.server, kit.loops, kit.loop_count, &kit.options);
}

int kit_make_server(void) {
  if (make_server()) return -1;
  static const struct {
    const char *path;
    gmux_method_kind kind;
  } methods[] = {
      {"/t.S/Unary", GMUX_UNARY},
      {"/t.S/Client", GMUX_CLIENT_STREAMING},
      {"/t.S/Server", GMUX_SERVER_STREAMING},
      {"/t.S/Bidi", GMUX_BIDI_STREAMING},
  };
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    if (gmux_server_add_method(kit.server, methods[i].path, methods[i].kind, &kit_handlers, &kit))
      return -1;
  return gmux_server_add_unary(kit.server, "/t.S/Fn", on_unary, &kit) ? -1 : 0;
}

void kit_serve(void) {
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  static const char at[] = "ipv4:127.0.0.1:50051";
  uint16_t port = 0;
  int error = kit.server_tls ? gmux_server_listen(kit.server, at, kit.server_tls, &port)
                             : gmux_server_listen_cleartext(kit.server, at, &port);
  CU_ASSERT_EQUAL_FATAL(error, 0);
  CU_ASSERT_EQUAL(port, KIT_PORT);
}

/* ---- clients ---- */

rawpeer *kit_connect_silent(void) {
  CU_ASSERT_FATAL(peer_count < KIT_PEERS);
  gmux__address at = sim_address("127.0.0.1", KIT_PORT);
  rawpeer *peer = rawpeer_connect_tls(kit.peers, &at, kit.client_tls, KIT_HOST);
  peers[peer_count++] = peer;
  if (!kit.peer) kit.peer = peer;
  return peer;
}

void kit_greet(rawpeer *peer) {
  rawpeer_preface(peer);
  rawpeer_settings(peer, 0, NULL, NULL);
  rawpeer_settings_ack(peer);
  kit_run();
}

rawpeer *kit_connect(void) {
  rawpeer *peer = kit_connect_silent();
  kit_greet(peer);
  return peer;
}

bool kit_is_gone(const rawpeer *peer) {
  return rawpeer_state(peer) != 0;
}

bool kit_is_ended_with(uint32_t code, const char *words) {
  size_t count = rawpeer_count(kit.peer, RAW_GOAWAY, 0);
  if (count == 0 || !kit_is_gone(kit.peer)) return false;
  const rawframe *goaway = rawpeer_find(kit.peer, RAW_GOAWAY, 0, count - 1);
  char text[300] = "";
  if (goaway->len < 8 || goaway->len - 8 >= sizeof text) return false;
  memcpy(text, goaway->payload + 8, goaway->len - 8);
  return rawframe_u32(goaway, 4) == code && strstr(text, words);
}

bool kit_is_calmed(const char *words) {
  return kit_is_ended_with(GMUX__H2_ENHANCE_YOUR_CALM, words);
}

void kit_request(uint32_t stream, const char *path, bool is_end, const char *const *more) {
  enum { ROOM = 64 };
  const char *pairs[ROOM] = {":method", "POST",     ":scheme",      "http",
                             ":path",   path,       ":authority",   "a.example",
                             "te",      "trailers", "content-type", "application/grpc"};
  size_t n = 12;
  for (; more && *more && n < ROOM - 1; more++)
    pairs[n++] = *more;
  pairs[n] = NULL;
  rawpeer_headers(kit.peer, stream, (uint8_t)(RAW_END_HEADERS | (is_end ? RAW_END_STREAM : 0)),
                  pairs);
}

void kit_message(uint32_t stream, const char *text, bool is_end) {
  rawpeer_grpc_message(kit.peer, stream, is_end ? RAW_END_STREAM : 0, text, strlen(text));
}

void kit_half_close(uint32_t stream) {
  rawpeer_data(kit.peer, stream, RAW_END_STREAM, NULL, 0, 0);
}

void kit_unary(uint32_t stream, const char *path, const char *text) {
  kit_request(stream, path, false, NULL);
  kit_message(stream, text, true);
  kit_run();
}

static const rawframe *headers_at(uint32_t stream, bool is_last) {
  size_t count = rawpeer_count(kit.peer, RAW_HEADERS, stream);
  return count ? rawpeer_find(kit.peer, RAW_HEADERS, stream, is_last ? count - 1 : 0) : NULL;
}

static const char *field_of(const rawframe *frame, const char *name) {
  const char *value = frame ? rawframe_header(frame, name) : NULL;
  return value ? value : "";
}

const char *kit_header(uint32_t stream, const char *name) {
  return field_of(headers_at(stream, false), name);
}

const char *kit_trailer(uint32_t stream, const char *name) {
  return field_of(headers_at(stream, true), name);
}

const char *kit_reply(uint32_t stream, size_t nth) {
  size_t count = rawpeer_count(kit.peer, RAW_DATA, stream);
  size_t message = 0;
  for (size_t i = 0; i < count; i++) {
    const rawframe *frame = rawpeer_find(kit.peer, RAW_DATA, stream, i);
    /* Several messages may share a frame. */
    for (size_t at = 0; at + 5 <= frame->len;) {
      size_t len = rawframe_u32(frame, at + 1);
      static char text[1024];
      if (at + 5 + len > frame->len || len >= sizeof text) return NULL;
      if (message++ == nth) {
        memcpy(text, frame->payload + at + 5, len);
        text[len] = '\0';
        return text;
      }
      at += 5 + len;
    }
  }
  return NULL;
}

bool kit_is_ended(uint32_t stream) {
  const rawframe *last = headers_at(stream, true);
  return last && (last->flags & RAW_END_STREAM);
}

bool kit_is_trailers_only(uint32_t stream) {
  return kit_is_ended(stream) && rawpeer_count(kit.peer, RAW_HEADERS, stream) == 1 &&
         rawpeer_count(kit.peer, RAW_DATA, stream) == 0;
}

int64_t kit_rst(uint32_t stream) {
  const rawframe *rst = rawpeer_find(kit.peer, RAW_RST_STREAM, stream, 0);
  return rst ? (int64_t)rawframe_u32(rst, 0) : -1;
}

size_t kit_data_bytes(uint32_t stream) {
  size_t bytes = 0, count = rawpeer_count(kit.peer, RAW_DATA, stream);
  for (size_t i = 0; i < count; i++)
    bytes += rawpeer_find(kit.peer, RAW_DATA, stream, i)->len;
  return bytes;
}

gmux_bytes kit_text(const char *text) {
  return gmux_bytes_borrow(text, strlen(text));
}

void kit_reply_text(gmux_server_call *call, const char *text) {
  gmux_bytes message = kit_text(text);
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, &message), 0);
}

gmux_server_stats kit_stats(void) {
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(kit.server, &stats), 0);
  CU_ASSERT_EQUAL(stats.calls_started,
                  stats.calls_succeeded + stats.calls_failed + stats.calls_running);
  return stats;
}
