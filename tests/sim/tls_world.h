/*
 * tls_world.h: a whole channel and a whole server over TLS, one of them wrong, in moved time. Rows
 * are tried one after the other: tls_row, some changes to `tw`, then what has to come of it.
 */
#ifndef TESTS_SIM_TLS_WORLD_H
#define TESTS_SIM_TLS_WORLD_H

#include "tests/sim/net.h"
#include "tests/unit/certs.h"
#include "tests/unit/harness.h"
#include <gmux/channel.h>
#include <gmux/server.h>
#include <gmux/tls.h>
#include <openssl/ssl.h>

typedef struct tls_world {
  /* Of the suite's case. */
  sim *sim;
  gmux_loop *client_loop, *server_loop;
  gmux__address at;
  test_ca *ca;            /* trusted by both */
  test_cert *server_cert; /* for a.example */
  test_cert *client_cert; /* of "client" */

  /* Of the row; may be changed before it is tried. */
  const char *name;
  gmux_tls_options client_tls, server_tls;
  const char *host;                       /* that the certificate has to be for */
  uint32_t eager_calls;                   /* of the channel */
  uint32_t max_age_ms;                    /* of connections at the server; 0: none */
  bool is_client_clear, is_server_clear;  /* without TLS */
  void (*twist_client)(SSL_CTX *context); /* makes wrong what gmux would not be */
  void (*twist_server)(SSL_CTX *context);
  const test_cert *forced_client, *forced_server; /* certificates that gmux would not load */

  /* While it is tried. */
  gmux_server *server;
  gmux_channel *channel;
  gmux_tls *of_server, *of_client; /* NULL in cleartext */
  unsigned ends;
  gmux_code code;
  char words[512]; /* the status of the last call */
  char peer[64];   /* who made it, by the name on the certificate; "" if there was none */
  char log[16384]; /* the server's, from info up */
} tls_world;

extern tls_world tw;

/* Around each case. */
void tls_world_setup(void);
void tls_world_teardown(void);

/* A new row, with good credentials on both sides and nobody asked for a client's. */
void tls_row(const char *name);
/* As tls_row, where the server requires a certificate and the client shows this one (NULL: none).
 */
void tls_row_mutual(const char *name, const test_cert *client);

/* Tries the row: a call succeeds. */
void tls_expect_accepted(void);
/*
 * Tries the row: a call ends as UNAVAILABLE with these words in its text, before any time has
 * passed; the server's log has those (NULL: any) and counts so many handshakes that failed, and no
 * call; the next call fails with the same words and without another dial, and a patient one is
 * dialed for when the backoff is over, not before.
 */
void tls_expect_refused(const char *client_words, const char *server_words, unsigned failed);

/* For who looks closer: opens and closes what the two above do. */
void tls_open(void);
void tls_close(void);
void tls_call(bool is_patient); /* begins one */
void tls_check(bool ok, const char *what);
void tls_check_has(const char *what, const char *text, const char *words);

#endif
