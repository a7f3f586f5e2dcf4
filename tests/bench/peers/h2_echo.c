/* h2_echo.c: calls of the raw server. */
#include "tests/bench/peers/h2_echo.h"
#include "tests/bench/peers/payload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum echo_kind { ECHO_UNARY, ECHO_SERVER_STREAM, ECHO_BIDI } echo_kind;

struct h2_echo {
  h2_peer *peer;
  h2_echo *prev, *next;
  int32_t id;
  echo_kind kind;
  bool has_request; /* whole */
  uint8_t *bytes;   /* unary, bidi: what is echoed. Server stream: the message that is repeated */
  size_t len, room, sent;
  uint64_t left; /* server stream: messages that have not begun */
  ev_timer delay;
};

static _Noreturn void die(const char *why) {
  fprintf(stderr, "h2_server: %s\n", why);
  exit(1);
}

/* ---- life ---- */

static void echo_add(nghttp2_session *session, h2_peer *peer, int32_t id) {
  h2_echo *e = calloc(1, sizeof *e);
  if (!e) die("out of memory");
  e->peer = peer;
  e->id = id;
  e->next = peer->calls;
  if (e->next) e->next->prev = e;
  peer->calls = e;
  nghttp2_session_set_stream_user_data(session, id, e);
}

static void echo_free(h2_echo *e) {
  if (e->prev)
    e->prev->next = e->next;
  else
    e->peer->calls = e->next;
  if (e->next) e->next->prev = e->prev;
  if (ev_is_active(&e->delay)) ev_timer_stop(e->peer->conn.loop, &e->delay);
  free(e->bytes);
  free(e);
}

void h2_echo_free_all(h2_peer *peer) {
  while (peer->calls)
    echo_free(peer->calls);
}

static h2_echo *echo_of(nghttp2_session *session, int32_t id) {
  return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- the answer ---- */

static ssize_t end_with_trailer(h2_echo *e, uint32_t *flags, size_t n) {
  static const nghttp2_nv trailer[] = {H2_FIELD("grpc-status", "0")};
  *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  nghttp2_submit_trailer(e->peer->conn.session, e->id, trailer, 1);
  return (ssize_t)n;
}

/* The same message again and again. */
static size_t fill_with_messages(h2_echo *e, uint8_t *buf, size_t room) {
  size_t filled = 0;
  while (filled < room && (e->left || e->sent)) {
    if (e->sent == 0) e->left--;
    size_t n = e->len - e->sent;
    if (n > room - filled) n = room - filled;
    memcpy(buf + filled, e->bytes + e->sent, n);
    filled += n;
    e->sent += n;
    if (e->sent == e->len) e->sent = 0;
  }
  return filled;
}

static size_t fill_with_echo(h2_echo *e, uint8_t *buf, size_t room) {
  size_t n = e->len - e->sent;
  if (n > room) n = room;
  if (n) memcpy(buf, e->bytes + e->sent, n);
  e->sent += n;
  return n;
}

static ssize_t read_answer(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user_data) {
  (void)session, (void)id, (void)user_data;
  h2_echo *e = source->ptr;
  if (e->kind == ECHO_SERVER_STREAM) {
    size_t n = fill_with_messages(e, buf, room);
    return e->left || e->sent ? (ssize_t)n : end_with_trailer(e, flags, n);
  }
  size_t n = fill_with_echo(e, buf, room);
  if (e->sent < e->len) return (ssize_t)n;
  if (e->kind == ECHO_UNARY) return end_with_trailer(e, flags, n);
  e->sent = e->len = 0;
  if (e->has_request) return end_with_trailer(e, flags, n);
  return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

static void answer(h2_echo *e) {
  static const nghttp2_nv head[] = {H2_FIELD(":status", "200"),
                                    H2_FIELD("content-type", "application/grpc")};
  nghttp2_data_provider body = {.source = {.ptr = e}, .read_callback = read_answer};
  nghttp2_submit_response(e->peer->conn.session, e->id, head, sizeof head / sizeof *head, &body);
}

static void on_delay(struct ev_loop *loop, ev_timer *w, int events) {
  (void)loop, (void)events;
  h2_echo *e = w->data;
  answer(e);
  h2_conn_flush(&e->peer->conn);
}

static void answer_later(h2_echo *e, uint64_t delay_ms) {
  ev_timer_init(&e->delay, on_delay, 1e-3 * (double)delay_ms, 0);
  e->delay.data = e;
  ev_timer_start(e->peer->conn.loop, &e->delay);
}

static void answer_with_stream(h2_echo *e, const payload_request *asked) {
  free(e->bytes);
  e->bytes = payload_message(asked->size, &e->len);
  if (!e->bytes) die("out of memory");
  e->left = asked->count ? asked->count : UINT64_MAX;
  answer(e);
}

static void request_end(h2_echo *e) {
  e->has_request = true;
  payload_request asked;
  if (e->kind == ECHO_BIDI) {
    nghttp2_session_resume_data(e->peer->conn.session, e->id);
    return;
  }
  payload_read(&asked, e->bytes, e->len);
  if (e->kind == ECHO_SERVER_STREAM)
    answer_with_stream(e, &asked);
  else if (asked.delay_ms)
    answer_later(e, asked.delay_ms);
  else
    answer(e);
}

/* ---- what nghttp2 reads ---- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  echo_add(session, user_data, frame->hd.stream_id);
  return 0;
}

static bool ends_with(const uint8_t *text, size_t len, const char *end) {
  size_t n = strlen(end);
  return len >= n && memcmp(text + len - n, end, n) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t len, uint8_t flags,
                     void *user_data) {
  (void)flags, (void)user_data;
  if (name_len != 5 || memcmp(name, ":path", 5)) return 0;
  h2_echo *e = echo_of(session, frame->hd.stream_id);
  if (!e) return 0;
  if (ends_with(value, len, "/ServerStream")) e->kind = ECHO_SERVER_STREAM;
  if (ends_with(value, len, "/BidiEcho")) e->kind = ECHO_BIDI;
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
  (void)user_data;
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  h2_echo *e = echo_of(session, frame->hd.stream_id);
  if (!e) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS && e->kind == ECHO_BIDI) answer(e);
  if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) request_end(e);
  return 0;
}

static void make_room(h2_echo *e, size_t len) {
  if (len <= e->room) return;
  size_t room = e->room ? 2 * e->room : 256;
  while (room < len)
    room *= 2;
  e->bytes = realloc(e->bytes, room);
  if (!e->bytes) die("out of memory");
  e->room = room;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user_data) {
  (void)flags, (void)user_data;
  h2_echo *e = echo_of(session, id);
  if (!e) return 0;
  make_room(e, e->len + len);
  memcpy(e->bytes + e->len, data, len);
  e->len += len;
  if (e->kind == ECHO_BIDI) nghttp2_session_resume_data(session, id);
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data) {
  (void)code, (void)user_data;
  h2_echo *e = echo_of(session, id);
  if (e) echo_free(e);
  return 0;
}

void h2_echo_callbacks(nghttp2_session_callbacks *callbacks) {
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}
