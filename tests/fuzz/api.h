/*
 * api.h: an application that does anything in any order, as its input has it.
 *
 * The input is a program for a small machine: each step reads an operation and its operands. The
 * objects live in a few slots, so that operations meet. Handlers read steps from a part of the
 * input that is theirs, so that one more byte here does not turn all there into something else. At
 * its end all is calm: the network heals, everything is closed and let go of, time goes on, and
 * what was promised must have come.
 */
#ifndef TESTS_FUZZ_API_H
#define TESTS_FUZZ_API_H

#include "tests/fuzz/caller.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/served.h"
#include "tests/sim/net.h"

enum { API_LOOPS = 2, API_CHANNELS = 3, API_SERVERS = 2, API_PROMISES = 128, API_PORT = 50051 };
#define API_MS GMUX__NS_PER_MS

/* A callback that has to come exactly once. */
typedef struct api_promise {
  const char *name;
  unsigned told;
} api_promise;

typedef struct api_channel {
  gmux_channel *handle; /* NULL: an empty slot */
  bool is_ended;        /* closed, or drains */
} api_channel;

typedef struct api_server {
  gmux_server *handle;
  gmux_loop *loop;
  bool is_ended, is_listening, has_methods;
} api_server;

typedef struct api_world {
  fuzz_input in, of_handlers;
  sim *sim;
  bool is_threaded, is_calm;
  gmux_loop *loops[API_LOOPS];
  size_t loop_count;
  api_channel channels[API_CHANNELS];
  api_server servers[API_SERVERS];
  api_promise promises[API_PROMISES];
  size_t promise_count;
  gmux_metadata *metadata; /* may be NULL */
  gmux_call *blocking;     /* a call in blocking form, or NULL */
  size_t owned;            /* bytes given away, and not released yet */
} api_world;
extern api_world api;

/* What a drain is given: no end, or -50, 0, 50, ... ms. */
static inline int64_t api_grace_ms(uint8_t byte) {
  return byte ? byte * INT64_C(50) - 100 : GMUX_NO_TIMEOUT;
}

/* A step of the input's, from a handler: rarely. */
void api_step_from_handler(void);

/* NULL: no room. The one that was made last is taken back by api_unpromise. */
api_promise *api_promise_new(const char *name);
void api_unpromise(void);
void api_keep(api_promise *promise); /* the callback came */

/* 0, `also`, or out of memory where that was made to happen. */
bool api_is_fine(int error, int also);
/* A message from the input: borrowed, copied, wrapped, or in memory of gmux. */
gmux_bytes api_message(fuzz_input *in);
/* A struct's options, cut to the size that an older program would know, in memory of exactly that
 * size. For free(). */
void *api_cut(const void *options, size_t size, size_t least, fuzz_input *in);
uint32_t api_number(fuzz_input *in);

/* ---- each reads its operands; a slot that does not fit the operation does nothing ---- */

void api_channel_open(fuzz_input *in);
void api_channel_act(fuzz_input *in);
void api_channel_end(api_channel *ch); /* in calm */
void api_call_start(fuzz_input *in);
void api_call_act(fuzz_call *c, gmux_call *call, fuzz_input *in);
void api_blocking_act(fuzz_input *in);

void api_server_open(fuzz_input *in);
void api_server_act(fuzz_input *in);
void api_server_end(api_server *sv);
void api_served_act(fuzz_served *s, fuzz_input *in);

void api_metadata_act(fuzz_input *in);
void api_value_act(fuzz_input *in);
void api_weather(fuzz_input *in);
void api_weather_heal(void);

#endif
