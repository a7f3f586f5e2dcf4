/*
 * call.h (inside): one call, on the loop's thread. What the application calls is in call_api.c.
 *
 *     NEW --request accepted--> RUNNING --finished, or a rule broken--> ANSWERED
 *     NEW --request refused--> ANSWERED --trailers have left--> OVER
 *     any --client's reset, connection lost, deadline--> OVER
 *
 * NEW       the stream is there, its header fields are not; the application knows nothing of it
 * RUNNING   on_call has come or is running; messages go both ways
 * ANSWERED  how it ends is decided; what is queued leaves, nothing is delivered any more
 * OVER      on_end has come (if on_call had); the memory stays for whoever has a hold
 */
#ifndef GMUX__SERVER_CALL_H
#define GMUX__SERVER_CALL_H

#include "lib/base/machine.h"
#include "lib/h2/exchange.h"
#include "lib/h2/stream.h"
#include "lib/server/answer.h"
#include "lib/server/connection.h"
#include "lib/server/methods.h"
#include <gmux/server.h>

typedef enum gmux__server_call_state {
  GMUX__SERVER_CALL_NEW = 0,
  GMUX__SERVER_CALL_RUNNING,
  GMUX__SERVER_CALL_ANSWERED,
  GMUX__SERVER_CALL_OVER
} gmux__server_call_state;

extern const gmux__machine gmux__server_call_machine;

/* A request of a unary method waits for its half-close in the stream's intake, if it is short; in
 * memory of the server's slab, if it is not longer than this; else in memory of its own. So small
 * calls need no allocation. */
enum { GMUX__CALL_REQUEST_SLAB = 1024 };

struct gmux_server_call {
  gmux__exchange exchange; /* the first member */
  gmux_server *server;
  gmux__server_conn *connection; /* held: it knows the peer */
  const gmux__method *method;    /* NULL: not accepted */
  void *data;                    /* the application's */
  struct { /* any thread: what was said, though it may still be on its way to the loop */
    atomic_bool has_headers; /* response headers */
    atomic_bool has_message; /* at least one response message */
  } shared;
  struct { /* the loop's thread */
    gmux__server_call_state state;
    gmux__answer answer; /* from ANSWERED on, or when waits_for_end */
    gmux__timer deadline;
    uint64_t deadline_ns; /* GMUX__NEVER: none */
    uint32_t requests;    /* messages received */
    uint64_t responses;   /* messages written */
    bool waits_for_end;   /* NEW: it is no call; the answer leaves when the request has ended */
    bool is_in_on_call;
    bool has_manual_credit;
    gmux_bytes request;   /* of a unary method, until its half-close */
    void *request_memory; /* the slab's, when that is where it lies */
    /* From here on gmux__server_call_new clears nothing: the stream sees to itself. */
    gmux__stream stream;
  } loop;
};

extern const gmux__exchange_ops gmux__server_call_ops;

/* For a request that begins on `connection`; from inside nghttp2. NULL: out of memory. */
gmux_server_call *gmux__server_call_new(gmux__server_conn *connection);

/* In on_call: each message is answered "full" until it has been framed, and on_writable says that
 * it was. For who has but one thing to say at a time, the latest. */
static inline void gmux__server_call_queue_one(gmux_server_call *call) {
  call->exchange.write_queue_bytes = 1;
}

/* Its client understands it (grpc-accept-encoding). Any thread, from RUNNING on. */
bool gmux__server_call_accepts(const gmux_server_call *call, gmux__encoding encoding);

#endif
