/*
 * caller.h: an application's calls, each with a record of what its handlers saw, and the laws that
 * hold for every call whatever the server says and whenever memory runs out.
 */
#ifndef TESTS_FUZZ_CALLER_H
#define TESTS_FUZZ_CALLER_H

#include "tests/fuzz/law.h"
#include "tests/sim/sim.h"
#include <gmux/call.h>

enum { CALLER_CALLS = 64 };

typedef struct fuzz_call {
  unsigned number;
  gmux_call *handle; /* NULL: there is none, or it was freed */
  gmux_method_kind kind;
  bool is_unary_form; /* gmux_call_unary_start */
  bool is_half_closed, is_close_said, is_cancelled;
  unsigned written, headers, received, ends;
  uint64_t credit;      /* granted so far; UINT64_MAX: without limit */
  uint32_t max_bytes;   /* of a message */
  uint64_t deadline_ns; /* GMUX__NEVER: none */
  gmux_code code;
} fuzz_call;

/* H headers, M message, W writable, D draining, E end: what the application does beside. */
typedef void (*caller_event_fn)(fuzz_call *c, gmux_call *call, char event);

typedef struct fuzz_callers {
  sim *sim;
  gmux_method *methods[4];  /* by kind */
  gmux_method *fast;        /* a unary one that is answered at once */
  bool is_threaded;         /* some functions are called as if from another thread */
  caller_event_fn on_event; /* may be NULL */
  fuzz_call calls[CALLER_CALLS];
  size_t count;
} fuzz_callers;
extern fuzz_callers callers;

void callers_open(sim *s);
/* Laws of the end: each call has ended exactly once. Frees what is left. */
void callers_close(void);

/* NULL: no room, or it could not be started; *error (may be NULL) says why. The deadline and credit
 * are read from the options; `method` NULL is that of the kind. */
fuzz_call *caller_start(gmux_channel *channel, gmux_method_kind kind, bool is_unary_form,
                        gmux_method *method, const gmux_call_options *options, int *error);

/* The others take the call itself, which in handlers is there without a handle. */
int caller_write(fuzz_call *c, gmux_call *call, gmux_bytes *message);
void caller_half_close(fuzz_call *c, gmux_call *call);
void caller_request(fuzz_call *c, gmux_call *call, uint32_t count);
void caller_cancel(fuzz_call *c, gmux_call *call);
void caller_explain(fuzz_call *c, gmux_call *call);
void caller_free(fuzz_call *c); /* lets go of the handle, if there is one */

size_t callers_running(void);
size_t callers_ok(bool with_message_only); /* calls that ended OK; of those, whose method has one */
size_t callers_received(void);             /* messages */

#endif
