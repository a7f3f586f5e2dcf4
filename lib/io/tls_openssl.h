/*
 * tls_openssl.h: what the files of TLS share, and the only header of ours that shows OpenSSL.
 * Included by lib/io/tls*.c alone, and by their test.
 *
 *   tls_options.c      what was asked for
 *   tls_credentials.c  a gmux_tls, and its reloads
 *   tls_context.c      one edition of it: policy, ALPN
 *   tls_load.c         certificates, keys and CRLs, from files and text
 *   tls_verify.c       is the peer who it should be; if not, why
 *   tls_session.c      resumption, by clients
 *   tls_tickets.c      resumption, by servers
 *   tls_bio.c          a transport, as OpenSSL sees it
 *   tls_error.c        OpenSSL's errors in words
 *   tls_record.c       what goes into the next record
 *   tls.c              OpenSSL, as a transport
 */
#ifndef GMUX__IO_TLS_OPENSSL_H
#define GMUX__IO_TLS_OPENSSL_H

#include "lib/io/tls.h"
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/* How long a session may be resumed: OpenSSL's own default. */
enum { GMUX__TLS_SESSION_S = 7200 };

/* Options, with the texts of their own. */
enum { GMUX__TLS_TEXTS = 8 };
typedef struct gmux__tls_kept {
  gmux_tls_options options;
  char *own[GMUX__TLS_TEXTS];
} gmux__tls_kept;

typedef struct gmux__tls_tickets gmux__tls_tickets;
typedef struct gmux__tls_sessions gmux__tls_sessions;

/* What one reading of the options has made. It never changes; each connection holds the one that it
 * began with, so that a reload disturbs nobody. */
typedef struct gmux__tls_edition {
  SSL_CTX *context;
  gmux__tls_tickets *tickets;   /* a server's; NULL without resumption */
  gmux__tls_sessions *sessions; /* a client's; empty without resumption */
  ASN1_TIME *crls_until;        /* when the first of its CRLs expires; NULL: never */
  uint64_t number;              /* from 1, for each gmux_tls */
  int key_log;                  /* that of the gmux_tls */
  _Atomic(size_t) users;        /* any thread */
} gmux__tls_edition;

struct gmux_tls {
  BIO_METHOD *bio_method; /* outlives the BIOs: a transport holds the gmux_tls */
  int key_log;            /* a descriptor; -1: none */
  bool is_server;
  _Atomic(size_t) users; /* any thread */
  pthread_mutex_t reloading;
  gmux__tls_kept kept; /* with `reloading` held */
  pthread_mutex_t lock;
  gmux__tls_edition *edition; /* with `lock` held; never NULL once it is made */
};

/* What OpenSSL's callbacks find of a connection (SSL_get_app_data). */
typedef struct gmux__tls_peer {
  gmux_tls *tls;
  gmux__tls_edition *edition; /* a hold */
  char *host;                 /* client: whom the certificate must be for; with the */
  uint16_t port;    /* port the place that sessions are for. NULL: a server, or half-made */
  bool has_offered; /* a session, to be resumed */
  char *refusal;    /* why one of the callbacks said no; NULL: none did, or there was no memory */
} gmux__tls_peer;

/* ---- tls_options.c ---- */

bool gmux__tls_options_have_trust(const gmux_tls_options *o);
bool gmux__tls_options_have_identity(const gmux_tls_options *o);
bool gmux__tls_options_have_crls(const gmux_tls_options *o);
/* Checks them for this role and copies them. `options` may be NULL. GMUX_ERR_INVALID,
 * GMUX_ERR_NOMEM: there is nothing to deinit then. */
int gmux__tls_kept_init(gmux__tls_kept *kept, const gmux_tls_options *options, bool is_server);
void gmux__tls_kept_deinit(gmux__tls_kept *kept); /* takes one that is all zero */

/* ---- tls_credentials.c: any thread ---- */

/* The newest, with a hold on it. */
gmux__tls_edition *gmux__tls_edition_get(gmux_tls *tls);

/* ---- tls_context.c ---- */

/* Errors as for gmux_tls_client_new. */
int gmux__tls_edition_new(gmux__tls_edition **out, const gmux_tls_options *o, bool is_server,
                          int key_log);
void gmux__tls_edition_unref(gmux__tls_edition *edition); /* takes NULL */
/* Asks for what costs least first, of the suites of TLS 1.3. False: out of memory. */
bool gmux__tls_order_suites(SSL_CTX *context);

/* ---- tls_load.c: `file` or `pem`, one of them NULL. Errors as for gmux_tls_client_new. ---- */

/* Whom to trust. for_server: clients are told these names as well. */
int gmux__tls_load_trust(SSL_CTX *context, const char *file, const char *pem, bool for_server);
/* Who is trusted no more. From now on each certificate of a chain needs the list of its issuer.
 * *until: when the first of them expires, to be freed; NULL if none does. */
int gmux__tls_load_crls(SSL_CTX *context, const char *file, const char *pem, ASN1_TIME **until);
/* One's own chain and key. */
int gmux__tls_load_identity(SSL_CTX *context, const gmux_tls_options *options);

/* ---- tls_verify.c ---- */

/* From now on `ssl` accepts only a certificate for this name or literal address. GMUX_ERR_INVALID,
 * GMUX_ERR_NOMEM. */
int gmux__tls_expect_host(SSL *ssl, const char *host);
/* OpenSSL's verify callback: never changes the verdict, only notes why it is no. */
int gmux__tls_verify_note(int is_good, X509_STORE_CTX *store);
/* What the certificate of the peer calls it, RFC 2253; *name NULL: it has shown none, or one
 * without a subject (its names are all in subjectAltName). GMUX_ERR_NOMEM. */
int gmux__tls_subject_of_peer(char **name, const SSL *ssl);
/* Notes why a callback says no, for the first that does. */
void gmux__tls_refuse(SSL *ssl, const char *format, ...) GMUX_PRINTF(2, 3);

/* The certificate as DER, owned. GMUX_ERR_NOMEM. */
int gmux__tls_der(gmux_bytes *out, X509 *cert);

/* ---- tls_session.c ---- */

enum {
  /* One of TLS 1.3 is good for one connection, so a pool that has lost all of its connections needs
   * as many: twice max_connections, by default. */
  GMUX__TLS_SESSIONS_A_PLACE = 8,
  /* Of one edition, some 2 KB each. The least recent goes. */
  GMUX__TLS_SESSIONS_MAX = 1000
};

int gmux__tls_sessions_new(gmux__tls_sessions **out);       /* GMUX_ERR_NOMEM */
void gmux__tls_sessions_free(gmux__tls_sessions *sessions); /* takes NULL */
/* Any thread; of `place` host, port and edition count. */
/* On true it has taken the reference; false: out of memory. */
bool gmux__tls_sessions_keep(gmux__tls_sessions *sessions, const gmux__tls_peer *place,
                             SSL_SESSION *session);
/* The newest that is still good, a reference; NULL: none. */
SSL_SESSION *gmux__tls_sessions_take(gmux__tls_sessions *sessions, const gmux__tls_peer *place);
void gmux__tls_sessions_forget(gmux__tls_sessions *sessions, const gmux__tls_peer *place);

/* Lets `ssl` resume what another connection to this place has left, if any has. */
void gmux__tls_session_offer(gmux__tls_peer *peer, SSL *ssl);
/* OpenSSL's new-session callback. */
int gmux__tls_session_save(SSL *ssl, SSL_SESSION *resumable);
/* The handshake is done: was what was offered taken? */
void gmux__tls_session_note(const gmux__tls_peer *peer, SSL *ssl);
/* The handshake has failed: should the reason lie in what was resumed, the next one shall not meet
 * it again. Does nothing for a server. */
void gmux__tls_session_distrust(const gmux__tls_peer *peer);
/* Has nothing expired that it stands on? */
bool gmux__tls_session_is_fresh(SSL_SESSION *resumable, const gmux__tls_edition *edition);

/* ---- tls_tickets.c ---- */

int gmux__tls_tickets_new(gmux__tls_tickets **out);      /* GMUX_ERR_NOMEM, GMUX_ERR_TLS */
void gmux__tls_tickets_free(gmux__tls_tickets *tickets); /* takes NULL */
/* OpenSSL's callback for who seals and opens tickets. */
int gmux__tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int direction);
/* OpenSSL's callback for tickets that come back to a server: whether to accept them. */
SSL_TICKET_RETURN gmux__tls_ticket_check(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                         size_t name_len, SSL_TICKET_STATUS status, void *arg);

/* ---- tls_bio.c ---- */

/* What a BIO reads from and writes to. */
typedef struct gmux__tls_pipe {
  gmux__transport *inner;
  SSL *ssl;  /* whose it is */
  int error; /* inner's last answer, if it was other than bytes or GMUX_ERR_AGAIN; its words are in
                gmux_last_error() */
  size_t allowed; /* bytes to be read from inner before OpenSSL is told to come again */
  bool is_corked; /* more follows what is written now; see gmux__transport */
  bool is_dry;    /* inner gave less than was asked for: it has no more for now */
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
