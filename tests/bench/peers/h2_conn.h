/*
 * h2_conn.h: a connection of nghttp2 and libev (and OpenSSL), with nothing around it: the floor
 * under a library that stands on those. Peers of both sides are made of it.
 *
 * A turn: one read, all of nghttp2's callbacks, one write. Messages are gRPC's, bytes are opaque.
 */
#ifndef GMUX_BENCH_PEERS_H2_CONN_H
#define GMUX_BENCH_PEERS_H2_CONN_H

#include <ev.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum { H2_MESSAGE_HEAD = 5 };

typedef struct h2_conn h2_conn;
struct h2_conn {
  nghttp2_session *session; /* the owner makes it, we free it */
  void (*on_gone)(h2_conn *c, const char *why);
  struct ev_loop *loop;
  SSL *ssl; /* NULL: cleartext */
  int fd;
  ev_io readable, writable;
  uint8_t *out; /* what nghttp2 has serialized and the socket has not taken */
  size_t out_len, out_sent;
};

/* Takes the socket, which does not block, and the SSL. on_gone comes once, when the peer has left
 * or an error has ended the connection; it may free the connection. False: out of memory. */
bool h2_conn_init(h2_conn *c, struct ev_loop *loop, int fd, SSL *ssl,
                  void (*on_gone)(h2_conn *c, const char *why));
void h2_conn_deinit(h2_conn *c);

/* Queues SETTINGS with windows that no message of a benchmark fills, and begins to read. */
void h2_conn_start(h2_conn *c, const nghttp2_settings_entry *settings, size_t count);

/* Writes what nghttp2 has to say. False: on_gone has come. */
bool h2_conn_flush(h2_conn *c);

/* A message's head: not compressed, and its length. */
void h2_message_head(uint8_t head[H2_MESSAGE_HEAD], size_t len);

/* Contexts for both sides. A certificate that cannot be used ends the program, in words. */
SSL_CTX *h2_tls_client(const char *ca, bool is_resuming); /* the newest session, again and again */
SSL_CTX *h2_tls_server(const char *cert, const char *key);
/* A client's handshake on a socket that still blocks. */
SSL *h2_tls_dial(SSL_CTX *tls, int fd);

/* A header field that nghttp2 need not copy; both are literals. */
#define H2_FIELD(name, value)                                                                      \
  {                                                                                                \
    (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,                 \
        sizeof(value) - 1, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE            \
  }

#endif
