/*
 * pool.h: which connection takes the next call, whether one more is wanted, and which must go.
 * Decisions of one endpoint's pool (promises 1 to 4); the connections themselves are lib/client's.
 */
#ifndef GMUX__POLICY_POOL_H
#define GMUX__POLICY_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum gmux__pool_order {
  GMUX__POOL_PACK = 0, /* fullest below ideal, so that spare ones can go idle */
  GMUX__POOL_SPREAD    /* least loaded */
} gmux__pool_order;

/* A READY connection as the picker sees it. */
typedef struct gmux__load {
  uint32_t used;     /* streams in flight, and those whose reset still waits */
  uint32_t limit;    /* slots: min(peer's, own cap); may be below `used` */
  bool is_usable;    /* neither SUSPECT nor being validated nor about to be replaced at once */
  bool is_blocked;   /* its socket takes nothing */
  size_t queued;     /* when it is blocked: bytes that wait for it */
  bool is_temporary; /* opened beyond max_connections (burst): picked last */
} gmux__load;

/* Whether it can take a call at all. */
bool gmux__load_has_room(const gmux__load *load);
/* Used below min(ideal, limit). */
bool gmux__load_is_below_ideal(const gmux__load *load, uint32_t ideal);
/* True: `a` (which has room) takes the call rather than `b`. Order of classes: not blocked and
 * below ideal, not blocked, blocked; in each, permanent before temporary; of blocked ones, that
 * with fewer bytes queued, by frames; then PACK: the fullest while below ideal, the least loaded
 * above it; SPREAD: the least loaded. Equal: false, so the first asked (the oldest) stays. */
bool gmux__pool_prefers(gmux__pool_order order, uint32_t ideal, const gmux__load *a,
                        const gmux__load *b);

typedef struct gmux__pool_config {
  uint32_t min_connections, max_connections, burst_connections;
  uint64_t burst_after_ns;
} gmux__pool_config;

typedef struct gmux__pool_facts {
  size_t usable;       /* READY ones that may be picked; without temporary ones */
  size_t temporary;    /* READY ones opened beyond max_connections, usable */
  size_t suspect;      /* READY ones of either kind that are not usable: they do not answer */
  size_t below_ideal;  /* usable or temporary ones with room below ideal, whose peer reads */
  size_t dialing;      /* attempts that run: 0 or 1 */
  size_t to_replace;   /* READY ones that are to be recycled once their replacement is there */
  size_t waiting;      /* calls without a place */
  uint64_t waited_ns;  /* by the oldest of them */
  bool is_asked;       /* somebody asked to connect, and none is READY */
  bool has_overflowed; /* a call was placed above ideal, or where nobody reads, since the last
                          connection came */
} gmux__pool_facts;

typedef enum gmux__pool_wish {
  GMUX__POOL_CONTENT = 0,
  GMUX__POOL_DIAL,      /* one more, as a permanent one */
  GMUX__POOL_DIAL_BURST /* one more, beyond max_connections */
} gmux__pool_wish;

/* Suspect ones do not count against max_connections, or a black hole would be a reason not to dial.
 * But a server that greets and then falls silent, again and again, is not given more and more of
 * them: no more are READY than twice as many as are allowed. */
bool gmux__pool_is_full(const gmux__pool_config *config, const gmux__pool_facts *facts);

/* Nothing is wanted of one that is full. One dial at a time. DIAL when usable < min_connections; or
 * to_replace > 0; or usable < max_connections and (is_asked, or calls wait, or has_overflowed)
 * while none is below ideal. DIAL_BURST when usable >= max_connections, calls wait, the oldest for
 * burst_after_ns, and fewer than burst_connections are temporary. */
gmux__pool_wish gmux__pool_wants(const gmux__pool_config *config, const gmux__pool_facts *facts);

#endif
