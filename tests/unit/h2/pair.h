/*
 * pair.h: what the tests of lib/h2 stand on: a world with one loop, and connections of either role
 * whose streams write down what their handlers are told.
 *
 * A `party` is a stream of one side with its record: a text like "H M5 M0 C" (headers, messages
 * with their length, half-close, end). Its peer may be a party of the other role, or a raw peer.
 */
#ifndef TESTS_UNIT_H2_PAIR_H
#define TESTS_UNIT_H2_PAIR_H

#include "lib/h2/conn.h"
#include "tests/sim/rawpeer.h"
#include "tests/unit/harness.h"

typedef struct party {
  gmux__stream stream;
  struct side *side;
  char log[512];
  gmux__buf received; /* all message bytes, one after the other */
  size_t received_bytes;
  size_t sent;  /* as told by on_sent */
  bool is_full; /* as told by on_queue last */
  bool is_closed;
  gmux__ending how;
  int error;
  uint32_t h2_code;
  gmux_evidence evidence;
  char why[256];
  char message[128];                             /* grpc-message */
  int status;                                    /* grpc-status; -1: none */
  void (*on_event)(struct party *p, char event); /* a test's own; may reset, write, close */
  gmux__field trailers[4];
  size_t trailer_count;
} party;

enum { SIDE_PARTIES = 10240 };

/* One connection of one role, and its streams. */
typedef struct side {
  gmux__h2 *h2;
  gmux__conn *conn;
  char log[256]; /* "R" ready, "D" draining, "S" slots (once a row), "T" trust, "W" worn,
                    "X" closed */
  char why[256];
  int error; /* of the closed connection, as those below */
  gmux_loss loss;
  bool is_over_pinged;
  gmux__ring ring;  /* its last events */
  int32_t first_id; /* client: of its streams; 0: 1 */
  char closes_on;   /* 'T' or 'W': then it closes its connection */
  party *parties[SIDE_PARTIES];
  size_t party_count;
  uint32_t credit;            /* of new parties; GMUX_CREDIT_UNLIMITED at first */
  uint32_t max_recv_bytes;    /* the same; 4 MiB */
  void (*on_party)(party *p); /* server: a new stream, before its first handler */
  bool is_refusing;           /* server: on_stream returns NULL */
  bool is_forgetful;          /* counts what its parties receive, and keeps none of it */
} side;

extern sim *pair_sim;
extern gmux_loop *pair_loop;
extern side client, server;

/* A world with one loop; setup and teardown of a suite. Teardown closes what is open and finds
 * leaks. */
void pair_setup(void);
void pair_teardown(void);

/* Both sides over one link, READY. */
void pair_connect(void);
void pair_connect_slowly(void); /* the same where the network has a latency; takes 1 s */
/* Our client against a raw server, or our server against a raw client. The raw side has said
 * nothing. */
rawpeer *pair_client_to_raw(void);
rawpeer *pair_server_to_raw(void);
/* The same with SETTINGS exchanged (the raw side's are empty). */
rawpeer *pair_ready_client(void);
rawpeer *pair_ready_server(void);
/* Configures what the next connection is made with; before connecting. */
gmux__h2_config *pair_config(const side *of);

/* A client's new stream; not opened. */
party *party_new(side *of);
/* Opens it with a plain request; what gmux__stream_open says is returned. */
int party_open(party *p);
/* party_new, and opened. */
party *party_start(void);
/* Queues a copy of these bytes. */
int party_write(party *p, const void *data, size_t len);
/* Server: response headers; the end with a status. */
void party_respond(party *p);
void party_finish(party *p, const char *status);
/* The newest party of a side. */
party *last_party(const side *of);

/* Against a raw peer: a whole response's HEADERS or trailers, a whole request's HEADERS. */
void raw_response(rawpeer *p, uint32_t stream);
void raw_trailers(rawpeer *p, uint32_t stream, const char *status);
void raw_answer(rawpeer *p, uint32_t stream); /* both, with status 0 */
void raw_request(rawpeer *p, uint32_t stream, uint8_t flags);

#define ASSERT_LOG(x, text) CU_ASSERT_STRING_EQUAL((x)->log, text)

#endif
