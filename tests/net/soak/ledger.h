/*
 * ledger.h: the memory that all processes of a soak share: what servers have executed, what became
 * of each call at its client, and what the processes say of themselves.
 *
 * Calls are numbered from 1; call n has the place n % SOAK_PLACES. When the numbers have come round
 * the call that stood there is checked by the laws and its place used again, which at the rate of a
 * soak is minutes later: no server can then be executing it any more, and if one does, that is
 * counted as well. So a soak of any length needs no more memory than a short one.
 */
#ifndef TESTS_NET_SOAK_LEDGER_H
#define TESTS_NET_SOAK_LEDGER_H

#include <gmux/gmux.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
  SOAK_PLACES = 1 << 18,
  SOAK_SETTLED_MS = 60000, /* so long after its end a call is not executed any more */
  SOAK_BERTHS = 8,         /* for servers: those that serve, and those that are on their way out */
  SOAK_GATES = 4,          /* proxies, each in front of one address of a server */
  SOAK_LAWS = 7,
  SOAK_CODES = 17,
  SOAK_KINDS = 4 /* of methods */
};

/* A call, as both sides write it down. */
typedef struct soak_place {
  _Atomic uint64_t id; /* 0: none */
  atomic_uint executed;
  atomic_uint ends;
  uint64_t began_ns, ended_ns;
  uint32_t late_ms;
  uint8_t code, evidence, kind, gate;
  bool is_idempotent, is_foreign;
} soak_place;

/* A process's own memory and descriptors, counted by itself. */
typedef struct soak_self {
  atomic_size_t live_blocks, live_bytes; /* of gmux: its allocator's */
  atomic_uint left_blocks, left_fds;     /* after all was closed; valid when... */
  atomic_bool is_done;                   /* ... this is so */
} soak_self;

typedef struct soak_shared {
  /* Set before the processes start. */
  uint64_t seed, started_ns;
  unsigned lanes, pause_ms, leak_bytes, late_bound_ms;
  char ca_file[128], cert_file[128], key_file[128];
  char gates[SOAK_GATES][128]; /* targets */
  bool is_gate_tls[SOAK_GATES];

  struct {
    uint16_t clear_port, tls_port; /* 0: any; then those that were found */
    soak_self self;
  } berths[SOAK_BERTHS];
  soak_self client;
  atomic_bool is_over; /* no more calls */

  _Atomic uint64_t last_id;
  /* Of calls that have ended. */
  _Atomic uint64_t codes[SOAK_CODES], kinds[SOAK_KINDS];
  _Atomic uint64_t connections_made, dials_failed, retries, suspicions, channels;
  /* Law L(n+1), broken so often; requests that no call made; calls executed when all was over. */
  _Atomic uint64_t broken[SOAK_LAWS], foreign_requests, strays;
  _Atomic uint64_t executed, executed_again;
  soak_place places[SOAK_PLACES];
} soak_shared;

uint64_t soak_now_ns(void);

/* The memory behind the descriptor; NULL with errno. */
int soak_ledger_make(void); /* the descriptor, -1 with errno */
soak_shared *soak_ledger_map(int fd);
void soak_ledger_unmap(soak_shared *shared);

/* ---- the client ---- */

/* A call begins; NULL: the place is still in use, so nothing may be begun now. Any thread. */
soak_place *soak_begin(soak_shared *shared, gmux_method_kind kind, unsigned gate,
                       bool is_idempotent);
/* It has ended. deadline_ns 0: it had none. */
void soak_end(soak_shared *shared, soak_place *place, gmux_code code, gmux_evidence evidence,
              uint64_t deadline_ns);

/* ---- servers ---- */

void soak_execute(soak_shared *shared, uint64_t id);

/* ---- when no call runs, and no server ---- */

/* Checks what has not been checked yet. */
void soak_settle_all(soak_shared *shared);

/* ---- each process ---- */

/* Has gmux count its memory into *self, and notes the descriptors. */
void soak_self_begin(soak_self *self);
/* Gives back to the system what malloc keeps: what is then seen from outside is what is in use, not
 * the record of it. Each second, so that memory can be seen to stay flat. */
void soak_self_trim(void);
/* All has been closed: what is left of either. */
void soak_self_end(soak_self *self);

#endif
