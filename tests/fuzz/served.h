/*
 * served.h: the calls that a server's application was handed, each with a record of what its
 * handlers saw, and the laws that hold for every one whatever its client says.
 */
#ifndef TESTS_FUZZ_SERVED_H
#define TESTS_FUZZ_SERVED_H

#include "tests/fuzz/law.h"
#include "tests/sim/sim.h"
#include <gmux/server.h>

enum { SERVED_CALLS = 256 };

typedef struct fuzz_served {
  unsigned number;
  gmux_server_call *call; /* valid in its handlers, and while there is a hold */
  gmux_method_kind kind;
  bool is_unary_fn; /* gmux_server_add_unary: nobody tells of its end */
  bool is_in_on_call, has_headers, has_half_closed, is_finished, is_manual;
  unsigned holds, received, written, ends;
  uint64_t credit; /* UINT64_MAX: without limit */
} fuzz_served;

/* C on_call, M message, H half-close, W writable, E end; U: the function of add_unary. */
typedef void (*served_event_fn)(fuzz_served *s, char event);

typedef struct fuzz_serveds {
  bool is_threaded;
  uint32_t max_bytes; /* of a message */
  served_event_fn on_event;
  fuzz_served calls[SERVED_CALLS];
  size_t count;
} fuzz_serveds;
extern fuzz_serveds serveds;

void serveds_open(uint32_t max_bytes);
/* Laws of the end, after the servers': each has had its on_end. Lets go of what is held. */
void serveds_close(void);

/* The four methods of caller.h, and the fast one. GMUX_ERR_NOMEM. */
int served_add_methods(gmux_server *server);

/* All need the call to be there: in a handler of it, or with a hold. */
int served_write(fuzz_served *s, gmux_bytes *message);
int served_reply(fuzz_served *s, gmux_bytes *message);
int served_finish(fuzz_served *s, gmux_code code, const gmux_metadata *trailers);
void served_send_headers(fuzz_served *s, const gmux_metadata *metadata);
void served_request(fuzz_served *s, uint32_t count);
void served_set_manual_credit(fuzz_served *s);
void served_ask(fuzz_served *s); /* everything that can be asked of it */
void served_hold(fuzz_served *s);
void served_let_go(fuzz_served *s); /* of one hold, if there is one */

#endif
