/*
 * booth.h: a server that serves channelz, a channel to it on another loop, and who asks: what comes
 * back is read field by field, by paths as the .proto numbers them.
 */
#ifndef TESTS_UNIT_SERVICES_BOOTH_H
#define TESTS_UNIT_SERVICES_BOOTH_H

#include "tests/sim/sim.h"
#include "tests/unit/harness.h"
#include <gmux/channelz.h>
#include <gmux/gmux.h>

/* Ids, as booth_open gives them: numbers of the list, and the only subchannel of the channel. */
enum { SERVER_ID = 1, CHANNEL_ID = 2 };
#define SUBCHANNEL_ID ((int64_t)CHANNEL_ID << 40 | INT64_C(2) << 38 | 1)

typedef struct booth_world {
  sim *world;
  gmux_loop *home, *far; /* of the server and who asks; of the channel. `far` is outside */
  gmux_channelz *z;
  gmux_server *server; /* serves z, and "/t.S/Say" */
  gmux_channel *channel, *asker;
  char target[64];
} booth_world;

extern booth_world booth;

/* What a call came to. */
typedef struct answer {
  unsigned count; /* how often it was told */
  gmux_code code;
  char words[256];
  gmux_bytes bytes; /* owned */
} answer;

void booth_setup(void); /* a world and its loops */
/* False: memory has failed. What is there is booth_teardown's. */
bool booth_open(void);
void booth_close(void);    /* all that is open, and time for it to go */
void booth_teardown(void); /* the same, and the world */

/* A server that answers "/t.S/Say" "ok" with a reply, and everything else with ABORTED; not
 * listening. */
gmux_server *booth_new_server(gmux_loop *loop);
/* NULL: memory has failed. */
gmux_channel *booth_new_channel(gmux_loop *loop);
/* Calls "/t.S/Say" and waits. */
void booth_say(gmux_channel *channel, const char *text);

/* Asks "/grpc.channelz.v1.Channelz/`method`", with the fields 1, 2, 3 of the request; and waits. */
answer booth_ask(const char *method, int64_t first, int64_t second, int64_t third);
/* The same without waiting; GMUX_ERR_*. `out` (may be NULL) as of gmux_call_unary_start. */
int booth_ask_start(gmux_call **out, answer *a, const char *method, int64_t first);
void answer_clear(answer *a);

/* A number of the answer by its path: "1.2.4" is field 4 of field 2 of field 1; "1[3]": the 4th of
 * a repeated one. 0: it is not there. */
int64_t answer_number(const answer *a, const char *path);
/* Copied, cut; "" when it is not there. */
const char *answer_text(const answer *a, const char *path);
size_t answer_len(const answer *a, const char *path); /* of bytes, or of a message */
bool answer_has(const answer *a, const char *path);
/* How many of a repeated field of the answer itself. */
size_t answer_count(const answer *a, uint32_t number);

#endif
