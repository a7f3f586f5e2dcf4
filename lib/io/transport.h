/*
 * transport.h: a stream of bytes to a peer, whatever it is made of.
 *
 * A socket, TLS over another transport, or a pipe in memory: all answer the same six operations.
 * Nothing blocks. A transport belongs to one loop and has one owner, who is told of readiness
 * through on_ready and asks for it with `want`; nobody else touches its watchers.
 */
#ifndef GMUX__IO_TRANSPORT_H
#define GMUX__IO_TRANSPORT_H

#include "lib/io/address.h"
#include <gmux/bytes.h>
#include <gmux/error.h>
#include <gmux/loop.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gmux__transport gmux__transport;

enum { GMUX__READABLE = 1, GMUX__WRITABLE = 2 };

/* What to write from; has the layout of nothing in particular. */
typedef struct gmux__slice {
  const uint8_t *data;
  size_t len;
} gmux__slice;

enum { GMUX__SLICES_MAX = 64 }; /* one writev */

/* What is known of an established transport. Strings are owned by the transport. */
typedef struct gmux__transport_info {
  gmux__address peer, local;
  bool is_secure;               /* TLS */
  bool is_resumed;              /* TLS session resumed */
  const char *tls_version;      /* "TLSv1.3"; NULL without TLS */
  const char *tls_cipher;       /* OpenSSL's name */
  const char *tls_cipher_suite; /* the standard's: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" */
  const char *alpn;             /* "h2" */
  const char *peer_name; /* subject of the peer's verified certificate; NULL when there is none */
  uint64_t foreword_ns;  /* when the foreword left; 0: it has not, and will not */
  /* Where there is much to write a write should be of so much: it is taken at once, and less would
   * not leave sooner. 0: there is no such figure. */
  size_t write_bytes;
} gmux__transport_info;

typedef struct gmux__transport_ops {
  /*
   * Brings it to where bytes can flow: the TLS handshake with all its checks; for others 0 at once.
   * GMUX_ERR_AGAIN: call again on the next on_ready (the transport has set its own watchers). Other
   * errors are final, with the reason in gmux_last_error().
   */
  int (*handshake)(gmux__transport *t);
  /* >0 bytes; GMUX_ERR_AGAIN; GMUX_ERR_EOF (the peer ended in good order); GMUX_ERR_IO,
   * GMUX_ERR_TIMEOUT (the kernel has given up a silent peer) or GMUX_ERR_TLS (lost, words in
   * gmux_last_error()). */
  ptrdiff_t (*read)(gmux__transport *t, uint8_t *buf, size_t len);
  /* >0 bytes taken, perhaps not all; GMUX_ERR_AGAIN; lost as by read. 1 <= count <=
   * GMUX__SLICES_MAX. Bytes that were offered and not taken come first in the next write, unchanged
   * (cut into other slices if need be, and more behind them): TLS has encrypted them by then.
   * GMUX_ERR_STATE when they do not. */
  ptrdiff_t (*write)(gmux__transport *t, const gmux__slice *slices, size_t count);
  /* Ends our half in good order (close_notify, FIN) as far as can be done without waiting. Once,
   * optional. */
  void (*shutdown)(gmux__transport *t);
  /* Frees it; no on_ready follows. Never fails. */
  void (*close)(gmux__transport *t);
  /* From now on report these; 0: none. A no-op when nothing changes (no system call). */
  void (*want)(gmux__transport *t, unsigned events);
  /* Borrowed until close. Addresses are there from the start, the rest once handshake has returned
   * 0. */
  const gmux__transport_info *(*info)(gmux__transport *t);
  /* The certificate of one side (the peer's: verified), as DER, owned. GMUX_ERR_NOT_FOUND: there is
   * none; GMUX_ERR_NOMEM. NULL: never any. */
  int (*certificate)(gmux__transport *t, bool is_peers, gmux_bytes *der);
  /* What a server says to every client, borrowed until close. It leaves in the handshake where that
   * saves the client a round trip and tells nobody a secret: the client is not known yet. Before
   * the first handshake; info says what became of it. NULL: never in the handshake. */
  void (*set_foreword)(gmux__transport *t, const uint8_t *data, size_t len);
  /* To another loop's, before anything but info was asked of it: on its loop's thread with NULL,
   * then on the other's with that; in between nobody touches it. NULL: it cannot. */
  void (*move)(gmux__transport *t, gmux_loop *loop);
} gmux__transport_ops;

struct gmux__transport {
  const gmux__transport_ops *ops;
  gmux_loop *loop;
  /* The owner's. Level-triggered: comes once a turn while what is wanted is there. May close the
   * transport. */
  void (*on_ready)(void *owner, unsigned events);
  void *owner;
  /* The owner's: behind what is written now come more bytes, or shutdown, in the same turn, so it
   * need not leave by itself. One segment instead of two wakes the peer once. */
  bool is_corked;
};

static inline int gmux__transport_handshake(gmux__transport *t) {
  return t->ops->handshake(t);
}
static inline ptrdiff_t gmux__transport_read(gmux__transport *t, uint8_t *buf, size_t len) {
  return t->ops->read(t, buf, len);
}
static inline ptrdiff_t gmux__transport_write(gmux__transport *t, const gmux__slice *slices,
                                              size_t count) {
  return t->ops->write(t, slices, count);
}
static inline void gmux__transport_shutdown(gmux__transport *t) {
  t->ops->shutdown(t);
}
static inline void gmux__transport_close(gmux__transport *t) {
  if (t) t->ops->close(t);
}
static inline void gmux__transport_want(gmux__transport *t, unsigned events) {
  t->ops->want(t, events);
}
static inline const gmux__transport_info *gmux__transport_info_get(gmux__transport *t) {
  return t->ops->info(t);
}

static inline void gmux__transport_set_foreword(gmux__transport *t, const uint8_t *data,
                                                size_t len) {
  if (t->ops->set_foreword) t->ops->set_foreword(t, data, len);
}

static inline void gmux__transport_move(gmux__transport *t, gmux_loop *loop) {
  t->ops->move(t, loop);
}

static inline int gmux__transport_certificate(gmux__transport *t, bool is_peers, gmux_bytes *der) {
  return t->ops->certificate ? t->ops->certificate(t, is_peers, der) : GMUX_ERR_NOT_FOUND;
}

#endif
