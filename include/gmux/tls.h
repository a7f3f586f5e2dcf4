/*
 * tls.h: credentials for channels and servers.
 *
 * A gmux_tls is made once and shared between as many channels or listeners of its role as wanted,
 * on any loops; it counts its users, so it may be freed as soon as they have been made. It never
 * changes.
 *
 * What is always on, for both roles: TLS 1.2 or newer; with 1.2 only ECDHE with AEAD ciphers
 * (RFC 9113 section 9.2.2 and appendix A); ALPN "h2" or no connection; no renegotiation, no
 * compression. A client checks the chain and the host name (subjectAltName only, RFC 6125); a
 * connection that ends without close_notify never counts as a good end.
 */
#ifndef GMUX_TLS_H
#define GMUX_TLS_H

#include <gmux/api.h>
#include <stdbool.h>

GMUX_BEGIN_DECLS

typedef struct gmux_tls gmux_tls;

/* What a server asks of its clients. */
typedef enum gmux_client_cert {
  GMUX_CLIENT_CERT_NONE = 0,     /* none asked for (default) */
  GMUX_CLIENT_CERT_OPTIONAL = 1, /* asked for; checked if there is one */
  GMUX_CLIENT_CERT_REQUIRED = 2  /* no connection without a good one */
} gmux_client_cert;

/* All strings are copied or read at once. Files are PEM; for each, the text itself may be given
 * instead of a file, not both. */
typedef struct gmux_tls_options {
  size_t size;
  const char *ca_file; /* whom to trust; NULL (default): a client uses the system's store */
  const char *ca_pem;
  const char
      *cert_file; /* one's own chain, leaf first. A server must have it; a client, for mutual TLS */
  const char *cert_pem;
  const char *key_file; /* its private key, unencrypted */
  const char *key_pem;
  gmux_client_cert client_cert; /* server only; other than NONE needs ca_file or ca_pem */
  bool no_resumption; /* default false: sessions are resumed, which saves a round trip of CPU and
                         bytes */
  bool key_log;       /* default false: write secrets to the file named by the environment's
                       SSLKEYLOGFILE, for       Wireshark; without that variable nothing happens */
} gmux_tls_options;

GMUX_API void gmux_tls_options_init(gmux_tls_options *options, size_t size);
GMUX_API int gmux_tls_options_check(const gmux_tls_options *options, char *why, size_t len);

/* `options` may be NULL for a client (system store, no certificate of one's own). GMUX_ERR_INVALID,
 * GMUX_ERR_NOT_FOUND (a file), GMUX_ERR_TLS (unreadable certificate, key that does not match, ...),
 * each with words; GMUX_ERR_NOMEM. Any thread. */
GMUX_API int gmux_tls_client_new(gmux_tls **out, const gmux_tls_options *options);
GMUX_API int gmux_tls_server_new(gmux_tls **out, const gmux_tls_options *options);

/* Lets go of it; takes NULL. Any thread. */
GMUX_API void gmux_tls_free(gmux_tls *tls);

GMUX_END_DECLS

#endif
