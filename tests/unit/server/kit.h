/*
 * kit.h: a server in the simulated world, a service whose handlers write down what they are told,
 * and clients made of raw frames.
 *
 * There are two loops: one is the server's, which may be made to believe that the test is another
 * thread (sim_set_outside), and one the peers'.
 */
#ifndef TESTS_UNIT_SERVER_KIT_H
#define TESTS_UNIT_SERVER_KIT_H

#include "tests/sim/rawpeer.h"
#include "tests/sim/sim.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <gmux/server.h>
#include <string.h>

/* What a handler is told, as it is written down in kit.order. */
enum {
  SAW_CALL = 'c',
  SAW_MESSAGE = 'm',
  SAW_HALF_CLOSE = 'h',
  SAW_WRITABLE = 'w',
  SAW_END = 'e',
  SAW_UNARY = 'u' /* gmux_server_add_unary's function */
};

enum { KIT_PORT = 50051, KIT_ORDER = 4096, KIT_LOG = 512, KIT_LOOPS = 3 };

#define KIT_HOST "kit.example"

typedef struct kit_world {
  sim *world;
  gmux_loop *loop, *peers;
  gmux_server *server;
  rawpeer *peer;               /* the first that connected */
  gmux_server_options options; /* for kit_serve */
  /* Set before kit_serve, from 2 on: the server is one of so many loops, of which `loop` is the
   * first. */
  size_t loop_count;
  gmux_loop *loops[KIT_LOOPS];
  /* Set before kit_serve: all is over TLS, with a certificate for KIT_HOST. Freed by
   * kit_teardown. */
  gmux_tls *server_tls, *client_tls;

  /* What the handlers saw, of all calls. */
  char order[KIT_ORDER];
  unsigned calls, ends;
  gmux_code code;    /* of the last end */
  char message[256]; /* the last one, cut, with a zero */
  size_t message_len;
  gmux_server_call *call; /* the newest with handlers, until its end; for longer take a hold */
  /* Runs in each handler; NULL: nothing but writing down. */
  void (*act)(int event, gmux_server_call *call, gmux_bytes *message);

  unsigned closed;   /* how often kit_on_closed came */
  char log[KIT_LOG]; /* the last line of room "server" from WARN up, and how many there were */
  unsigned log_lines;
  char transcript[4096]; /* all lines of room "server", cut: "D server: OPEN -> DRAINING\n" */
} kit_world;

extern kit_world kit;

void kit_setup(void);
/* Whatever is left is closed and freed; asserts that nothing has leaked, and that each call that
 * began has ended once. */
void kit_teardown(void);

/*
 * kit.server, with kit.options, listening on 127.0.0.1:KIT_PORT, and the methods
 * "/t.S/Unary", "/t.S/Client" (streaming), "/t.S/Server", "/t.S/Bidi" with handlers, and
 * "/t.S/Fn" by gmux_server_add_unary.
 */
void kit_serve(void);
/* The same without listening; -1: memory failed on the way. */
int kit_make_server(void);
extern const gmux_server_handlers kit_handlers;

/* Counts in kit.closed. */
void kit_on_closed(void *user_data);
void kit_run(void);
void kit_run_ms(unsigned ms);

/* A peer that has said its preface and SETTINGS, and heard the server's. The first is kit.peer.
 * Freed by kit_teardown. */
rawpeer *kit_connect(void);
/* A peer that says nothing. */
rawpeer *kit_connect_silent(void);
/* What it still has to say, to be one that greets. */
void kit_greet(rawpeer *peer);
/* The peer's connection has ended, or is ending. */
bool kit_is_gone(const rawpeer *peer);
/* kit.peer's has, and its last GOAWAY had this code, and these words in its debug text. */
bool kit_is_ended_with(uint32_t code, const char *words);
bool kit_is_calmed(const char *words); /* the same with ENHANCE_YOUR_CALM */

/* HEADERS of a request on kit.peer; `more` (may be NULL): name, value, ..., NULL. */
void kit_request(uint32_t stream, const char *path, bool is_end, const char *const *more);
/* A message; with `is_end` END_STREAM comes with it. */
void kit_message(uint32_t stream, const char *text, bool is_end);
void kit_half_close(uint32_t stream);
/* A whole unary request and what comes of it. */
void kit_unary(uint32_t stream, const char *path, const char *text);

/* What came on a stream of kit.peer. A field's value in the first or in the last HEADERS; "" when
 * it is not there. */
const char *kit_header(uint32_t stream, const char *name);
const char *kit_trailer(uint32_t stream, const char *name);
/* The nth message's text, if its DATA is whole frames of one message each; NULL: there is none. */
const char *kit_reply(uint32_t stream, size_t nth);
/* The last HEADERS had END_STREAM. */
bool kit_is_ended(uint32_t stream);
/* One HEADERS frame with END_STREAM and nothing else. */
bool kit_is_trailers_only(uint32_t stream);
/* The code of RST_STREAM; -1: there is none. */
int64_t kit_rst(uint32_t stream);
/* The bytes of DATA that came, on one stream. */
size_t kit_data_bytes(uint32_t stream);

/* Answers from handlers. */
void kit_reply_text(gmux_server_call *call, const char *text);
gmux_bytes kit_text(const char *text); /* borrowed */

gmux_server_stats kit_stats(void);

#define KIT_STREQ(actual, expected) CU_ASSERT_STRING_EQUAL(actual, expected)

#endif
