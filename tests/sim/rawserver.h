/*
 * rawserver.h: a server of a fleet that is made of raw peers, and does with each call what the test
 * says.
 *
 * It greets every client, acknowledges its SETTINGS and PINGs, gives its windows back, and counts
 * what comes. What becomes of a request is up to `on_request`; a stream may be answered or reset
 * then or later. It looks at what has come at each tick of the fleet.
 */
#ifndef TESTS_SIM_RAWSERVER_H
#define TESTS_SIM_RAWSERVER_H

#include "tests/sim/fleet.h"
#include "tests/sim/rawpeer.h"

enum {
  RAWSERVER_CONNS = 64,
  RAWSERVER_PARTS = 64,
  RAWSERVER_LIMITS = 32,
  RAWSERVER_REQUEST = 5 + FLEET_REQUEST_BYTES
};
enum { RAW_NO_ERROR = 0, RAW_REFUSED_STREAM = 7, RAW_CALM = 11 };

/* A request that did not come whole: the window was too small for it. */
typedef struct rawpart {
  uint32_t stream; /* 0: none */
  size_t len;
  uint8_t data[RAWSERVER_REQUEST];
} rawpart;

typedef struct rawconn {
  rawpeer *peer;
  size_t number;          /* from 0, in the order in which they came */
  size_t seen;            /* frames that were looked at */
  uint32_t requests;      /* that were complete */
  uint32_t open, peak;    /* streams that the client has opened and nobody has ended */
  uint32_t last_stream;   /* the highest that has come */
  uint32_t pings, resets; /* of the client */
  /* Limits that the client was told of; the first ones are acknowledged, and the last of those
   * holds: no stream is to be opened beyond it. 0 of them: none. */
  uint32_t limits[RAWSERVER_LIMITS];
  size_t told, acked;
  bool is_mute;       /* answers nothing by itself any more */
  bool has_gone_away; /* streams above goaway_last are not looked at */
  uint32_t goaway_last;
  rawpart parts[RAWSERVER_PARTS];
} rawconn;

typedef struct rawserver {
  rawlistener *listener;
  rawconn conns[RAWSERVER_CONNS];
  size_t count;
  uint32_t limit; /* SETTINGS_MAX_CONCURRENT_STREAMS for those that connect from now on; 0: none */
  /* A whole request has come. The ledger has it only if the test says so (rawserver_execute). */
  void (*on_request)(rawconn *c, uint32_t stream, fleet_call *call);
  void (*on_reset)(rawconn *c, uint32_t stream); /* may be NULL */
} rawserver;

extern rawserver raw;

/* In the place of the fleet's first server, and at its ticks. One at a time. */
void rawserver_open(uint32_t limit,
                    void (*on_request)(rawconn *c, uint32_t stream, fleet_call *call));
void rawserver_close(void); /* harmless when there is none */
void rawserver_look(void);  /* fl.on_tick */

void rawserver_execute(rawconn *c, fleet_call *call); /* the ledger's line */
void rawserver_answer(rawconn *c, uint32_t stream, const fleet_call *call);
/* Both of them. */
void rawserver_serve(rawconn *c, uint32_t stream, fleet_call *call);
void rawserver_reset_stream(rawconn *c, uint32_t stream, uint32_t code);
void rawserver_set_limit(rawconn *c, uint32_t limit);
void rawserver_goaway(rawconn *c, uint32_t last_stream, uint32_t code, const char *debug);

#endif
