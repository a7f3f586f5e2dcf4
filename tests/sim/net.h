/*
 * net.h: the network of a sim: addresses, listeners, dials, names, and links that can be broken.
 *
 * A dial to an address with a listener becomes a LINK: two transports and a pipe each way. A pipe
 * is a bounded buffer (the two socket buffers in one) in which bytes are on their way for the
 * latency and then wait to be read. Ends behave as TCP on Linux does:
 *   - close sends EOF behind what is still under way, or a reset when unread bytes are thrown away;
 *   - bytes that come to a closed end are answered by a reset;
 *   - a reset leaves what has arrived readable, then reads and writes are GMUX_ERR_IO;
 *   - with a user timeout or keepalive in the options of its dial or listener an end gives up a
 *     peer that is silent too long: what has arrived is readable, then all is GMUX_ERR_TIMEOUT.
 * A kernel answers for its process: bytes count as delivered when they have arrived, also at a loop
 * that is frozen, unless the acknowledgement is lost on its way back.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "tests/sim/sim.h"

/* Of all links of the world; changed at any time through sim_net(). */
typedef struct sim_net_settings {
  uint64_t latency_ns;      /* each way; default 0: on the next step. A dial takes two. */
  uint64_t dns_latency_ns;  /* from question to answer; default 0 */
  size_t read_chunk;        /* most bytes that one read returns; default 0: no limit */
  size_t write_chunk;       /* most bytes that one write takes; default 0: no limit */
  size_t buffer_bytes;      /* of each pipe, for links made from now on; default 65536 */
  uint64_t dial_timeout_ns; /* a dial without an answer is GMUX_ERR_TIMEOUT; 0: 127 s, as Linux */
} sim_net_settings;

sim_net_settings *sim_net(sim *s);

/* "127.0.0.1" or "::1" and a port (0: a listener gets a free one, from 40000 up). */
gmux__address sim_address(const char *ip, uint16_t port);

/* What lives in the world and has to be closed by its owner. */
typedef struct sim_live {
  size_t transports, dials, resolves, listeners;
} sim_live;
sim_live sim_net_live(const sim *s);

/* ---- faults of an address ---- */

typedef enum sim_direction { /* as seen by who dialed */
                             SIM_TO_SERVER = 1,
                             SIM_TO_CLIENT = 2,
                             SIM_BOTH_WAYS = 3
} sim_direction;

typedef enum sim_dial_fate {
  SIM_DIAL_CONNECTS = 0,
  SIM_DIAL_REFUSED,     /* listener or not */
  SIM_DIAL_UNREACHABLE, /* a router says that there is no way */
  SIM_DIAL_UNANSWERED   /* SYNs are lost, links are not; one that waits goes on when that ends */
} sim_dial_fate;

/* Of dials that reach `at` from now on. */
void sim_net_dial_fate(sim *s, const gmux__address *at, sim_dial_fate fate);
/* SIM_DIAL_REFUSED, or no longer. */
void sim_net_refuse(sim *s, const gmux__address *at, bool is_refused);
/* Dials begun from now on take so much longer to reach `at`, whatever becomes of them there. */
void sim_net_dial_delay(sim *s, const gmux__address *at, uint64_t delay_ns);
/*
 * Packets to or from this server's address are lost in these directions; 0 heals it. As TCP goes on
 * trying, bytes, EOF and resets stay under way, and arrive when it has healed; the writer notices
 * nothing before its buffer is full. A dial does not complete while either way is lost.
 */
void sim_net_blackhole(sim *s, const gmux__address *at, unsigned directions);
/* At most so many bytes a second arrive in these directions, of each link of this address, one or
 * a few at a time (no more than 1000 arrivals a second); 0: at once again. */
void sim_net_drip(sim *s, const gmux__address *at, unsigned directions, uint64_t bytes_per_s);
/* As sim_net_settings.latency_ns for this server's address alone, from now on. */
void sim_net_latency_of(sim *s, const gmux__address *at, uint64_t latency_ns);

/* ---- what was dialed ---- */

/* How many dials to `at` were begun so far, answered or not, and when the i-th (from 0) was. */
size_t sim_net_dials(const sim *s, const gmux__address *at);
uint64_t sim_net_dialed_at(const sim *s, const gmux__address *at, size_t i);

/* ---- links ---- */

typedef struct sim_link sim_link;

/* Those with at least one end open, in the order in which they were dialed. No function below ends
 * a link, so one may go on to the next from a link that was just broken. */
sim_link *sim_link_first(sim *s);
sim_link *sim_link_next(const sim_link *link);
/* The link of one of the network's transports. */
sim_link *sim_link_of(gmux__transport *transport);
/* The address that was dialed. */
const gmux__address *sim_link_address(const sim_link *link);
/* Bytes, and calls of write that took any, in one direction so far. */
uint64_t sim_link_bytes(const sim_link *link, sim_direction direction);
uint64_t sim_link_writes(const sim_link *link, sim_direction direction);
/* When bytes last arrived in this direction; SIM_EPOCH: none did. */
uint64_t sim_link_arrived_ns(const sim_link *link, sim_direction direction);

/* A reset at both ends, now; what is under way is lost. */
void sim_link_reset(sim_link *link);
/* As sim_net_blackhole for this link alone. 0 heals it. */
void sim_link_stall(sim_link *link, unsigned directions);
/* EOF behind what is under way, as if the writer had ended its half: what it writes afterwards is
 * taken and thrown away. */
void sim_link_half_close(sim_link *link, sim_direction direction);
/* As sim_net_drip for this link alone; the slower of the two holds. */
void sim_link_drip(sim_link *link, unsigned directions, uint64_t bytes_per_s);

/* ---- fates: what befalls a direction of a link at one of its bytes ---- */

typedef enum sim_fate {
  SIM_FATE_NONE = 0,
  SIM_FATE_STALL, /* it and all behind it stay under way until sim_link_stall(link, 0) */
  SIM_FATE_RESET, /* sim_link_reset in its place */
  SIM_FATE_EOF,   /* sim_link_half_close in its place */
  SIM_FATE_FLIP,  /* another byte arrives in its place; the rest is well */
  SIM_FATES
} sim_fate;

/*
 * Befalls byte number `at_byte` of this direction, counted from the link's first (0), when it is
 * written; all before it arrive well. Where that number has passed, it is the next byte. A
 * direction has one fate: the last one said. It comes true once.
 */
void sim_link_fate(sim_link *link, sim_direction direction, sim_fate fate, uint64_t at_byte);
/* The same for each of the next `links` links made to `at`, in place of what was said before. */
void sim_net_fate(sim *s, const gmux__address *at, sim_direction direction, sim_fate fate,
                  uint64_t at_byte, unsigned links);

/* ---- what has really happened: a fault that met nobody is none ---- */

typedef struct sim_happened {
  uint64_t fates[SIM_FATES];    /* that came true */
  uint64_t resets, half_closes; /* of links, by sim_link_reset and _half_close */
  /* Rows of bytes, and dials, that met a black hole of this kind. */
  uint64_t lost_to_server, lost_to_client, lost_both_ways;
  uint64_t stalled; /* rows of bytes on a link that stands still */
  uint64_t dripped; /* arrivals of less than what had been written */
  /* By sim_net_dial_fate, _delay and settings; that nobody listened is not counted. */
  uint64_t dials_refused, dials_unreachable, dials_unanswered, dials_delayed, dials_timed_out;
  uint64_t user_timeouts, keepalive_timeouts;       /* ends that gave up */
  uint64_t names_failed, names_unknown, names_hung; /* questions */
  uint64_t freezes;                                 /* of loops that then had something to do */
  uint64_t shuffles;                                /* choices that differed from the row's */
} sim_happened;
const sim_happened *sim_happened_so_far(const sim *s);

/* ---- names ---- */

/* From now on `host` has these addresses (their ports do not matter). Replaces what was said of it
 * before. A host that was never named, or is forgotten, does not exist: GMUX_ERR_NOT_FOUND. */
void sim_dns_set(sim *s, const char *host, const gmux__address *addresses, size_t count);
void sim_dns_forget(sim *s, const char *host);
/* Nobody can be asked: GMUX_ERR_RESOLVE, with `why` in words. */
void sim_dns_fail(sim *s, const char *host, const char *why);
/* Questions that arrive from now on are never answered. */
void sim_dns_hang(sim *s, const char *host);

#endif
