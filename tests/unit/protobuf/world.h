/* world.h: a protobuf-c service, a server that has it, and a channel to it, in a simulated world.
 */
#ifndef TESTS_UNIT_PROTOBUF_WORLD_H
#define TESTS_UNIT_PROTOBUF_WORLD_H

#include "test.pb-c.h"
#include "tests/sim/sim.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <gmux/protobuf.h>

/* How its Say answers; Grow gives its request back, Other is left NULL. */
typedef enum echo_mode {
  ECHO_AT_ONCE = 0,
  ECHO_LATER, /* by echo_answer */
  ECHO_TWICE,
  ECHO_NOTHING,    /* NULL */
  ECHO_INCOMPLETE, /* a reply without its required field */
  ECHO_LONG        /* a reply of ECHO_LONG_BYTES */
} echo_mode;
enum { ECHO_LONG_BYTES = 5000 };

typedef struct echo {
  Test__Pb__Echo_Service service; /* the first member */
  echo_mode mode;
  unsigned calls;
  char name[64]; /* of the last request */
  Test__Pb__Reply_Closure closure;
  void *closure_data;
} echo;

void echo_init(echo *e);
void echo_answer(echo *e); /* the one that waits */

/* How a call ended. */
typedef struct outcome {
  unsigned count; /* how often it was told */
  gmux_code code;
  char message[256];
  char text[64];    /* of the reply; "" when there was none */
  char trailer[64]; /* x-trailer's value; "" when there was none */
} outcome;

/* gmux_protobuf_fn; `user_data` is an outcome. */
void on_outcome(gmux_call *call, const gmux_status *status, const ProtobufCMessage *reply,
                const gmux_metadata *trailers, void *user_data);

typedef struct world {
  sim *sim;
  gmux_loop *loop;
  gmux_server *server; /* listens, cleartext */
  gmux_channel *channel;
  echo echo;
  Test__Pb__Request request; /* complete */
} world;

/* With the echo's service on the server, or (`add` not NULL) what `add` puts there. NULL: out of
 * memory, and nothing is left. */
world *world_new(int (*add)(gmux_server *server));
void world_free(world *w); /* takes NULL */

/* Starts Say. */
int world_say(world *w, outcome *o);
/* Runs until the outcome is there; asserts that it comes. */
void world_wait(world *w, outcome *o);
/* Both; asserts that it was told once. */
outcome world_ask(world *w);
/* Sends these bytes as a request of `path` and waits for the end. */
outcome world_ask_raw(world *w, const char *path, const void *bytes, size_t len);

#endif
