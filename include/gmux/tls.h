/*
 * tls.h: credentials for channels and servers.
 *
 * A gmux_tls is made once and shared between as many channels or listeners of its role as wanted,
 * on any loops; it counts its users, so it may be freed as soon as they have been made.
 *
 * gmux_tls_reload replaces what is in it while it is in use: certificates are renewed, authorities
 * come and go, lists of revoked certificates grow. A handshake begins and ends with one state of
 * it, and connections that are open live on.
 *
 * What is always on, for both roles: TLS 1.2 or newer; with 1.2 only ECDHE with AEAD ciphers
 * (RFC 9113 section 9.2.2 and appendix A); ALPN "h2" or no connection; no renegotiation, no
 * compression; keys of RSA 2048 or EC 224 bits at least, no signatures with SHA-1; at most 8
 * authorities between a certificate and one that is trusted. A client checks the chain and the host
 * name (subjectAltName only, RFC 6125); a connection that ends without close_notify never counts as
 * a good end.
 *
 * A client's sessions are kept by the gmux_tls: whichever of its channels, on whatever loop,
 * connects next to the same host and port resumes the newest that one of them has left. (So
 * the server can tell that both are of one client: channels that it shall not connect with each
 * other need a gmux_tls each.) A session is good for two hours after the handshake that began or
 * last resumed it, and until the next reload; with TLS 1.3 for one connection, which brings the
 * next (RFC 8446 section C.4). 8 are kept for a host and port, 1000 in all. One that is not
 * accepted, or was offered in a handshake that fails, takes the others for its host and port with
 * it. A server's keys for tickets seal for two hours, open for two more, and are forgotten.
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
  /* Whom to trust. NULL (default): a client trusts the system's store. */
  const char *ca_file;
  const char *ca_pem;
  /* One's own certificate first, then its issuers. A server must have it; a client, for mutual TLS.
   * Default NULL. */
  const char *cert_file;
  const char *cert_pem;
  /* Its private key, unencrypted. */
  const char *key_file;
  const char *key_pem;
  /* Server only, default NONE. Other than NONE needs ca_file or ca_pem; with NONE a server must
   * have neither, because it would look as if clients were checked. */
  gmux_client_cert client_cert;
  /* Default false: sessions are resumed, which saves the signatures and certificates of a
   * handshake, and half of its CPU time. The peer is then taken for who it proved to be when the
   * session began, for as long as that certificate is valid. */
  bool no_resumption;
  /* Default false. Append secrets to the file named by the environment's SSLKEYLOGFILE, for
   * Wireshark; without that variable nothing happens. */
  bool key_log;
  /* Certificates that were taken back before their end. Default NULL: revocation is not checked.
   * Else one CRL or more (PEM, 16 MiB at most), and the whole chain is checked: each authority in
   * it needs its list here. Without a list, or with one that has expired, nobody that the authority
   * has signed for is let in, and the words say whose list it was; so renew it in time, and
   * gmux_tls_reload. A server needs client_cert for it. Nothing is fetched (no CRL distribution
   * points, no OCSP). */
  const char *crl_file;
  const char *crl_pem;
} gmux_tls_options;

/* Fills in the defaults. `size` is sizeof *options of the caller. Any thread. */
GMUX_API void gmux_tls_options_init(gmux_tls_options *options, size_t size);

/* 0, or GMUX_ERR_INVALID with the reason in why[0..len) (cut to fit; why may be NULL). Reads no
 * file, and knows no role: what only a server or only a client may not do is for _new to say. Any
 * thread. */
GMUX_API int gmux_tls_options_check(const gmux_tls_options *options, char *why, size_t len);

/*
 * `options` may be NULL for a client (system store, no certificate of one's own). GMUX_ERR_INVALID,
 * GMUX_ERR_NOT_FOUND (no such file), GMUX_ERR_IO (a file that cannot be read, or a key log that
 * cannot be written), GMUX_ERR_TLS (not a certificate, a key that does not match or is encrypted or
 * too weak, ...), each with words; GMUX_ERR_NOMEM. Any thread.
 */
GMUX_API int gmux_tls_client_new(gmux_tls **out, const gmux_tls_options *options);
GMUX_API int gmux_tls_server_new(gmux_tls **out, const gmux_tls_options *options);

/*
 * What is in it, anew: with `options` NULL by reading the files again that it was made of, or
 * reloaded with (relative paths from where the program stands now; texts are the same), else with
 * these options, all of them, of which only key_log has to be as it was. Any thread; it reads
 * files, so a loop's thread stands still for so long.
 *
 * All or nothing: handshakes that begin when it has returned 0 use the new; on an error (those of
 * gmux_tls_client_new, in words) all is as it was. A file that is being written is such an error,
 * if its end is missing in the middle of a certificate, or if the key is not yet that of the
 * certificate: try again later. Best is to rename files into their place when they are whole.
 *
 * Connections live on, also those of peers that would be let in no more. To end them:
 * gmux_channel_rotate, or a server's max_connection_age_ms. No session of before is resumed.
 */
GMUX_API int gmux_tls_reload(gmux_tls *tls, const gmux_tls_options *options);

/* Lets go of it; takes NULL. Any thread. */
GMUX_API void gmux_tls_free(gmux_tls *tls);

GMUX_END_DECLS

#endif
