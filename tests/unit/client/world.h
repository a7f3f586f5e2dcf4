/*
 * world.h: what the tests of lib/client stand on: a loop in a simulated world, a channel on it, a
 * raw server that says what the test tells it to, and calls that write down what they are told.
 *
 * A `tcall` is a call of the test with its record: "H M5 W D E" (initial metadata, messages with
 * their length, writable, draining, end). Everything is closed by the teardown, which finds leaks.
 */
#ifndef TESTS_UNIT_CLIENT_WORLD_H
#define TESTS_UNIT_CLIENT_WORLD_H

#include "lib/client/call.h"
#include "tests/sim/rawpeer.h"
#include "tests/unit/harness.h"

#define MS GMUX__NS_PER_MS

/* A code that no call ends with: what has not ended is not OK. */
#define W_NOT_ENDED ((gmux_code)99)

typedef struct tcall tcall;
struct tcall {
  gmux_call *call; /* NULL: freed */
  char log[256];
  unsigned ends;
  gmux_code code; /* W_NOT_ENDED before the end */
  char message[512];
  char details[64];
  char trailer[64];   /* value of "x-trailer" */
  char header[64];    /* value of "x-header" */
  char received[512]; /* messages, one after the other */
  gmux_evidence evidence;
  char peer[64];
  /* The test's own, after the record: may do anything to any call and the channel. */
  void (*on_event)(tcall *t, char event);
  void *arg;
};

extern sim *w_sim;
extern gmux_loop *w_loop;
extern gmux_channel *w_channel;
extern gmux_channel_options w_options; /* to be changed before w_open */
extern unsigned w_closed;              /* how often on_closed came */
extern rawlistener *w_listener;
extern gmux__address w_address; /* where the raw server listens */
extern gmux_method *w_methods[4];

/* Of a suite: a world, a raw server that accepts nothing by itself. */
void w_setup(void);
void w_teardown(void);

/* A channel to the raw server with w_options (cleartext, if not changed). */
void w_open(void);
/* The same to another target. */
void w_open_to(const char *target);
void w_on_closed(void *user_data);
gmux_channel_state w_state(void);
gmux_channel_stats w_stats(void);

/* A call with the handlers that record. Freed by the teardown, if not before. */
tcall *w_start(gmux_method_kind kind, const gmux_call_options *options);
/* Starts it with an existing record, whose on_event may be set; 0 or the error. */
int w_start_with(tcall *t, gmux_method_kind kind, const gmux_call_options *options);
tcall *w_record(void);
extern const gmux_call_handlers w_handlers; /* user_data: a tcall */
void w_on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
               const gmux_metadata *trailers, void *user_data); /* the same */
gmux_call_options w_timeout(int64_t timeout_ms);
gmux_call_options w_patient(void); /* wait_for_ready */
/* A unary call with "hello" written. */
tcall *w_unary(void);
int w_write(tcall *t, const char *text);
void w_free(tcall *t);

/* ---- the raw server ---- */

/* The next connection, after everything has run; NULL when there is none. */
rawpeer *w_accept(void);
/* The same, and greets with SETTINGS that allow so many streams (-1: says nothing of it). */
rawpeer *w_greet(int64_t max_streams);
/* Waits for the next connection to be dialed, while there is none, and greets. */
rawpeer *w_greet_within(uint64_t ms);
/* w_open, one connection made and greeted. */
rawpeer *w_connected(void);
void w_settings(rawpeer *p, int64_t max_streams);
/* A whole good answer: HEADERS, one message, trailers with OK. */
void w_answer(rawpeer *p, uint32_t stream, const char *message);
void w_headers(rawpeer *p, uint32_t stream);
void w_message(rawpeer *p, uint32_t stream, const char *message);
void w_trailers(rawpeer *p, uint32_t stream, const char *status, const char *message);
/* Answers all requests that have come and were not answered by this before; returns how many. */
size_t w_answer_all(rawpeer *p, const char *message);

/* The body of the request on this stream as it has come so far, gRPC's prefixes included, with a
 * zero behind it; returns its length. */
size_t w_body(const rawpeer *p, uint32_t stream, char *body, size_t room);

void w_run(void);
void w_run_ms(uint64_t ms);

#define ASSERT_LOG(t, text)     CU_ASSERT_STRING_EQUAL((t)->log, text)
#define ASSERT_CODE(t, c)       CU_ASSERT_EQUAL((t)->code, c)
#define ASSERT_MESSAGE(t, text) CU_ASSERT_STRING_EQUAL((t)->message, text)
/* Part of a text; the whole of it is shown by the failed test. */
#define ASSERT_HAS(text, part) assert_has(text, part, __FILE__, __LINE__)
void assert_has(const char *text, const char *part, const char *file, unsigned line);

#endif
