/*
 * hostile.h: a server, its good client and an attacker, each a process of its own on loopback.
 *
 * What they tell each other stands on the board, in memory that they share.
 */
#ifndef GMUX_BENCH_HOSTILE_H
#define GMUX_BENCH_HOSTILE_H

#include "tools/gmux/histogram.h"
#include "tests/sim/rawwire.h"
#include <gmux/server.h>
#include <stdatomic.h>
#include <stdbool.h>

/* ---- the board ---- */

typedef struct board {
  struct {                      /* by the server */
    atomic_uint port, tls_port; /* 0: it does not listen yet */
    _Atomic(uint64_t) counted;  /* what the attack is counted as */
    _Atomic(uint64_t) cpu_us;
    _Atomic(uint64_t) peak_bytes; /* of gmux's and nghttp2's memory */
    histogram turns_us;           /* of the loop: CPU time each took */
    atomic_bool is_clean;         /* it has ended, and freed all of that */
    gmux_server_stats stats;      /* when it has ended */
  } server;
  struct { /* by the attacker */
    _Atomic(uint64_t) bytes, rounds, returns;
  } foe;
} board;

/* ---- attacks ---- */

typedef struct attack attack;

/* One connection of the attacker. */
typedef struct foe {
  const attack *attack;
  int fd; /* -1: out of descriptors or ports for a moment */
  bool is_connected;
  bool is_done;     /* it has nothing more to say, and waits to be thrown out */
  rawbuf out;       /* what the socket has not taken */
  size_t out_at;    /* how much of that it has */
  uint32_t next_id; /* of a stream */
  unsigned round;
  uint64_t due_ns; /* of the next one */
} foe;

struct attack {
  const char *name;
  /* What a connection says first; NULL: preface and SETTINGS. */
  void (*begin)(foe *f);
  /* A round, as soon as the last was taken, or after pause_ms; one that adds nothing is the last.
   */
  void (*say)(foe *f);
  size_t counted_as; /* in gmux_server_stats, uint64_t: what must become more; 0: nothing need */
  unsigned connections, pause_ms;
  bool is_deaf;   /* it reads nothing */
  bool is_brief;  /* it leaves after each round, and comes back at once */
  bool wants_tls; /* the port where TLS is expected */
};

extern const attack attacks[];
extern const size_t attack_count;

/* Attacks until the process ends. */
void foe_run(const attack *a, board *b) __attribute__((noreturn));

/* ---- the server ---- */

typedef struct server_settings {
  bool is_strict; /* small bursts, so that each limit is reached soon */
  const char *cert_pem, *key_pem;
  size_t counted_as;
} server_settings;

/* Serves until SIGTERM; returns the exit status. */
int server_run(const server_settings *s, board *b);
#define HOSTILE_ECHO "/hostile.v1.Hostile/Echo" /* unary; answers with its request */
#define HOSTILE_HOLD "/hostile.v1.Hostile/Hold" /* never answers */
#define HOSTILE_POUR "/hostile.v1.Hostile/Pour" /* answers without end */

/* ---- the good client ---- */

typedef struct good good;

/* A channel to the server, with a first call made. Ends the process, with words, when that fails.
 */
good *good_new(unsigned port);
/* A call each millisecond, whether or not the last has ended, for so long. */
void good_measure(good *g, double seconds, histogram *latencies_us);
/* One after the other, at least `count`, until `is_enough`. */
void good_call_until(good *g, unsigned count, bool (*is_enough)(void *arg), void *arg);
/* The first call that went wrong, in words; "" none did. */
const char *good_failure(const good *g);
void good_free(good *g);

uint64_t hostile_now_ns(void);
void hostile_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
