/*
 * tls_pair.h: two ends of a link in the simulated world, with TLS on both, one or none of them, and
 * owners that write what they are given and keep what they read. For the tests of lib/io/tls*.c.
 */
#ifndef TESTS_UNIT_IO_TLS_PAIR_H
#define TESTS_UNIT_IO_TLS_PAIR_H

#include "lib/io/tls.h"
#include "tests/sim/net.h"
#include "tests/unit/certs.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <time.h>

typedef struct tls_side {
  gmux__transport *transport; /* NULL: closed */
  gmux__transport *inner;     /* below TLS */
  int handshake;              /* GMUX_ERR_AGAIN while it runs */
  int read_end;               /* what ended reading; 0: nothing has */
  int write_end;              /* what ended writing */
  char why[512];              /* the words of what came first of these */
  size_t calls;               /* of on_ready once the handshake was done */

  /* How the owner behaves; may be set at any time. */
  bool is_deaf;         /* wants bytes, but does nothing when told */
  bool is_idle;         /* does not even want them; tls_side_update after a change */
  bool closes_on_ready; /* when bytes are there */
  bool keeps_failed;    /* does not close when the handshake fails */
  size_t read_len;      /* of one read; 0: READ_LEN */

  uint8_t *got;
  size_t got_len, got_cap;
  const uint8_t *out; /* to be written */
  size_t out_len;
} tls_side;

enum { READ_LEN = 65536 };

typedef struct tls_pair {
  sim *world;
  gmux_loop *loop;
  gmux__listener *listener;
  gmux__dial *dial;
  gmux__address at;
  tls_side client, server;
  /* For the next connection. NULL: that side has no TLS. */
  gmux_tls *client_tls, *server_tls;
  const char *host;
  const char *foreword; /* the server's; NULL: none */
  /* Made by setup: a server certificate for a.example, *.b.example, 127.0.0.1 and ::1, and one of a
   * client with the name "client". */
  test_ca *ca;
  test_cert *server_cert, *client_cert;
} tls_pair;

extern tls_pair pair;

/* OpenSSL asks the C library what time it is, and finds that of this test program, which is so much
 * later: certificates and keys can expire between two connections. 0 again after each test. */
extern time_t tls_time_passed_s;

/* For each test; teardown also lets go of the pair's credentials. */
void tls_pair_setup(void);
void tls_pair_teardown(void);

/* Options that trust the pair's authority and nothing else. */
gmux_tls_options tls_client_options(void);
/* Options with this certificate. */
gmux_tls_options tls_server_options(const test_cert *cert);
/* Asserts that there is no error. */
gmux_tls *tls_client_of(const gmux_tls_options *options);
gmux_tls *tls_server_of(const gmux_tls_options *options);
/* Puts them into the pair, which lets go of those it had. NULL: tls_client_options, or
 * tls_server_options of the pair's certificate. */
void tls_pair_use(const gmux_tls_options *client, const gmux_tls_options *server);

/* For a listener of the pair's. */
void tls_pair_on_accepted(void *arg, gmux__transport *transport);

/* A new link, with handshakes run until nothing moves any more. */
void tls_pair_connect(void);
/* A new link and only so many steps of the world. */
void tls_pair_connect_for(int steps);
/* As tls_pair_connect; asserts that both have succeeded. */
void tls_pair_connect_well(void);
/* The same with the pair's default credentials. */
void tls_pair_connect_default(void);
/* Closes both ends, gives up what is being dialed, and forgets what they have read. */
void tls_pair_close(void);

/* A connection with bytes both ways, ended in good order; was it resumed? Both say the same. */
bool tls_pair_talk_is_resumed(void);

void tls_side_write(tls_side *side, const void *data, size_t len); /* borrowed until written */
void tls_side_update(tls_side *side);
void tls_side_close(tls_side *side);
bool tls_side_got(const tls_side *side, const void *data, size_t len);
/* Were these words among why it failed? */
bool tls_side_says(const tls_side *side, const char *words);

/* `len` bytes that show if one is lost, doubled or moved; free() them. */
uint8_t *tls_test_bytes(size_t len);

#endif
