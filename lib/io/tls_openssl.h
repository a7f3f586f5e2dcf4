/*
 * tls_openssl.h: what the files of TLS share, and the only header of ours that shows OpenSSL.
 * Included by lib/io/tls*.c alone, and by their test.
 *
 *   tls_context.c   credentials: options, policy, ALPN
 *   tls_load.c      certificates and keys, from files and text
 *   tls_verify.c    is the peer who it should be; if not, why
 *   tls_session.c   resumption
 *   tls_bio.c       a transport, as OpenSSL sees it
 *   tls_error.c     OpenSSL's errors in words
 *   tls.c           OpenSSL, as a transport
 */
#ifndef GMUX__IO_TLS_OPENSSL_H
#define GMUX__IO_TLS_OPENSSL_H

#include "lib/io/tls.h"
#include <openssl/ssl.h>
#include <stdatomic.h>

struct gmux_tls {
  SSL_CTX *context;
  BIO_METHOD *bio_method; /* outlives the BIOs: a transport holds the gmux_tls */
  int key_log;            /* a descriptor; -1: none */
  bool is_server;
  _Atomic(size_t) users; /* any thread */
};

/* What OpenSSL's callbacks find of a connection (SSL_get_app_data). */
typedef struct gmux__tls_peer {
  gmux_tls *tls;
  char *host; /* client: whom the certificate must be for */
  gmux__tls_session *session;
  char *refusal; /* why one of the callbacks said no; NULL: none did, or there was no memory */
} gmux__tls_peer;

/* ---- tls_load.c: `file` or `pem`, one of them NULL. Errors as for gmux_tls_client_new. ---- */

/* Whom to trust. for_server: clients are told these names as well. */
int gmux__tls_load_trust(SSL_CTX *context, const char *file, const char *pem, bool for_server);
/* One's own chain and key. */
int gmux__tls_load_identity(SSL_CTX *context, const gmux_tls_options *options);

/* ---- tls_verify.c ---- */

/* From now on `ssl` accepts only a certificate for this name or literal address. GMUX_ERR_INVALID,
 * GMUX_ERR_NOMEM. */
int gmux__tls_expect_host(SSL *ssl, const char *host);
/* OpenSSL's verify callback: never changes the verdict, only notes why it is no. */
int gmux__tls_verify_note(int is_good, X509_STORE_CTX *store);
/* Notes why a callback says no, for the first that does. */
void gmux__tls_refuse(SSL *ssl, const char *format, ...) GMUX_PRINTF(2, 3);

/* ---- tls_session.c ---- */

/* Lets `ssl` resume what was saved by the same credentials for the same host, if anything was. */
void gmux__tls_session_offer(const gmux__tls_peer *peer, SSL *ssl);
/* OpenSSL's new-session callback: keeps the newest. */
int gmux__tls_session_save(SSL *ssl, SSL_SESSION *resumable);
/* OpenSSL's callback for tickets that come back to a server: whether to accept them. */
SSL_TICKET_RETURN gmux__tls_ticket_check(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                         size_t name_len, SSL_TICKET_STATUS status, void *arg);
/* What was saved did no good: the next handshake is a full one. Takes NULL. */
void gmux__tls_session_forget(gmux__tls_session *session);

/* ---- tls_bio.c ---- */

/* What a BIO reads from and writes to. */
typedef struct gmux__tls_pipe {
  gmux__transport *inner;
  int error; /* inner's last answer, if it was other than bytes or GMUX_ERR_AGAIN; its words are in
                gmux_last_error() */
  size_t allowed; /* bytes to be read from inner before OpenSSL is told to come again */
} gmux__tls_pipe;

/* NULL: out of memory. */
BIO_METHOD *gmux__tls_bio_method_new(void);
BIO *gmux__tls_bio_new(const BIO_METHOD *method, gmux__tls_pipe *pipe);

/* ---- tls_error.c ---- */

/*
 * Empties this thread's OpenSSL error queue into gmux_last_error(): the format's words, a colon,
 * OpenSSL's reason, and what to do about it where that is known. Returns GMUX_ERR_NOMEM when memory
 * was the reason, else GMUX_ERR_TLS.
 */
int gmux__tls_fail(const char *format, ...) GMUX_PRINTF(1, 2);
/* Is the newest error in the queue this one? */
bool gmux__tls_error_is(int library, int reason);

#endif
