/* h2_conn.c: bytes between a socket and nghttp2. */
#include "tests/bench/peers/h2_conn.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is read and written at once at most. A frame that nghttp2 hands out has 16 KiB and its head
 * at most, so there is room for one more below OUT_FULL. */
enum { IN_BYTES = 256 * 1024, OUT_BYTES = 256 * 1024, OUT_FULL = OUT_BYTES - 20000 };
/* Reads a turn: under TLS each gives one record of 16 KiB at most. */
enum { READS = 4 };
enum { STREAM_WINDOW = 4 << 20, CONNECTION_WINDOW = 1 << 28 };

static uint8_t in[IN_BYTES];

/* Of a read or a write: bytes, 0 for "not now", -1 for the end. */
static ssize_t outcome(h2_conn *c, ssize_t n) {
  if (n > 0) return n;
  if (!c->ssl) return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
  int error = SSL_get_error(c->ssl, (int)n);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t take(h2_conn *c) {
  return outcome(c, c->ssl ? SSL_read(c->ssl, in, IN_BYTES) : recv(c->fd, in, IN_BYTES, 0));
}

static ssize_t give(h2_conn *c) {
  const uint8_t *from = c->out + c->out_sent;
  size_t len = c->out_len - c->out_sent;
  return outcome(c,
                 c->ssl ? SSL_write(c->ssl, from, (int)len) : send(c->fd, from, len, MSG_NOSIGNAL));
}

static bool is_gone(h2_conn *c, const char *why) {
  c->on_gone(c, why);
  return false;
}

/* As much of what nghttp2 has to say as there is room for. */
static void serialize(h2_conn *c) {
  const uint8_t *frame;
  ssize_t n;
  c->out_sent = c->out_len = 0;
  while (c->out_len < OUT_FULL && (n = nghttp2_session_mem_send(c->session, &frame)) > 0) {
    memcpy(c->out + c->out_len, frame, (size_t)n);
    c->out_len += (size_t)n;
  }
}

bool h2_conn_flush(h2_conn *c) {
  for (;;) {
    if (c->out_sent == c->out_len) serialize(c);
    if (c->out_len == 0) break;
    ssize_t n = give(c);
    if (n < 0) return is_gone(c, "the peer does not take what is written");
    if (n == 0) {
      ev_io_start(c->loop, &c->writable);
      return true;
    }
    c->out_sent += (size_t)n;
  }
  ev_io_stop(c->loop, &c->writable);
  if (nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session)) return true;
  return is_gone(c, "HTTP/2 has ended");
}

/* False: on_gone has come. */
static bool read_all(h2_conn *c) {
  for (int i = 0; i < READS; i++) {
    ssize_t n = take(c);
    if (n == 0) return true;
    if (n < 0) return is_gone(c, "the peer has closed the connection");
    if (nghttp2_session_mem_recv(c->session, in, (size_t)n) < 0)
      return is_gone(c, "the peer does not keep to HTTP/2");
    if (!c->ssl && n < IN_BYTES) return true;
  }
  return true;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events) {
  (void)events;
  h2_conn *c = w->data;
  if (!read_all(c)) return;
  if (c->ssl && SSL_pending(c->ssl)) ev_feed_event(loop, w, EV_READ);
  h2_conn_flush(c);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events) {
  (void)loop, (void)events;
  h2_conn_flush(w->data);
}

bool h2_conn_init(h2_conn *c, struct ev_loop *loop, int fd, SSL *ssl,
                  void (*on_gone)(h2_conn *c, const char *why)) {
  *c = (h2_conn){.on_gone = on_gone, .loop = loop, .fd = fd, .ssl = ssl};
  ev_io_init(&c->readable, on_readable, fd, EV_READ);
  ev_io_init(&c->writable, on_writable, fd, EV_WRITE);
  c->readable.data = c->writable.data = c;
  c->out = malloc(OUT_BYTES);
  return c->out != NULL;
}

void h2_conn_start(h2_conn *c, const nghttp2_settings_entry *settings, size_t count) {
  nghttp2_settings_entry all[4] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW}};
  memcpy(all + 1, settings, count * sizeof *settings);
  nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, all, count + 1);
  nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
  ev_io_start(c->loop, &c->readable);
}

void h2_conn_deinit(h2_conn *c) {
  ev_io_stop(c->loop, &c->readable);
  ev_io_stop(c->loop, &c->writable);
  nghttp2_session_del(c->session);
  if (c->ssl) SSL_shutdown(c->ssl);
  SSL_free(c->ssl);
  close(c->fd);
  free(c->out);
}

void h2_message_head(uint8_t head[H2_MESSAGE_HEAD], size_t len) {
  head[0] = 0;
  for (int i = 1; i < H2_MESSAGE_HEAD; i++)
    head[i] = (uint8_t)(len >> (8 * (H2_MESSAGE_HEAD - 1 - i)));
}
