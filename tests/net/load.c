/* load.c: calls of every kind on a channel, and what became of each of them. */
#include "tests/net/load.h"
#include "tests/net/faults_wire.h"
#include "tests/net/kit.h"
#include "tests/net/laws.h"
#include "tests/net/peer.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
  CALLS_MAX = 1000000, /* more than any test makes */
  STREAM_MESSAGES = 3,
  TICK_MS = 10,     /* how often it is looked whether what is awaited is so */
  REST_MS = 50,     /* of lanes whose call was refused, lest they turn idly: at most so long */
  STILL_MS = 100,   /* a loop whose turns are so far apart has stood still */
  LATE_MS = 1500,   /* law L7's bound, for a loop that runs */
  FINISH_MS = 60000 /* law L1's: all deadlines are shorter */
};

typedef struct load_call {
  load *load;
  uint32_t number; /* that it brings: unlike any other's of the case */
  unsigned ends, messages;
  bool is_stream, is_idempotent, is_foreign;
  bool is_waiting; /* for a connection, if need be */
  bool met_no_server;
  gmux_code code;
  gmux_evidence evidence;
  uint64_t due_ns, late_ns; /* due: 0, without a deadline */
  uint64_t dials_failed;    /* of the channel, before it was started */
  char words[96];
} load_call;

struct load {
  struct ev_loop *ev;
  ev_timer tick, rest;
  gmux_loop *loop;
  gmux_channel *channel;
  gmux_method *enter, *talk, *hold;
  uint64_t began_ns;
  uint64_t turned_ns;            /* the loop was last seen to turn */
  uint64_t stood_ns, resumed_ns; /* when it stood still, the last time that it did */
  load_call *held;               /* NULL: none was asked for */
  unsigned lanes, started, running, ended, succeeded, lost;
  unsigned mark, succeeded_since; /* of calls from calls[mark] on */
  bool is_paused;
  uint32_t first_number;
  load_call *calls;
};

static unsigned loads; /* so far: each has numbers of its own */

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

unsigned load_now_ms(const load *l) {
  return (unsigned)((now_ns() - l->began_ns) / 1000000);
}

/* ---- time ---- */

/* Whoever else wants the machine, or the test itself, may keep the loop from turning. */
static void look_at_the_clock(load *l) {
  uint64_t now = now_ns();
  if (now - l->turned_ns > STILL_MS * UINT64_C(1000000)) {
    l->stood_ns = l->turned_ns;
    l->resumed_ns = now;
  }
  l->turned_ns = now;
}

/* What was due while the loop stood still can only be done when it turns again. */
static uint64_t late_ns(const load *l, const load_call *c) {
  uint64_t due = c->due_ns;
  if (due >= l->stood_ns && due < l->resumed_ns) due = l->resumed_ns;
  return c->due_ns && l->turned_ns > due ? l->turned_ns - due : 0;
}

/* ---- a call ---- */

static int64_t timeout_of(unsigned index) {
  static const unsigned timeouts_ms[] = {0, 10000, 1000, 250};
  unsigned ms = timeouts_ms[index / 4 % 4];
  return ms ? kit_ms(ms) : GMUX_NO_TIMEOUT;
}

static gmux_call_options options_of(unsigned index) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = timeout_of(index);
  o.idempotent = index % 2 == 0;
  o.wait_for_ready = index % 3 != 0;
  return o;
}

static void start_call(load *l);

static void check_message(load_call *c, const gmux_bytes *message) {
  c->messages++;
  if (!wire_is_message(c->number, message->data, message->len)) c->is_foreign = true;
}

/* A call that comes back is given up where no connection is left and the dial for one has failed:
 * which then was later than the connection that it came back from, and so than its start. */
static bool is_without_server(const load_call *c) {
  return c->code == GMUX_UNAVAILABLE && load_stats(c->load).dials_failed > c->dials_failed;
}

/* One that was not to wait, and did not leave, was told so: nothing is lost with it; nor with one
 * that came back untouched and met no server. */
static bool is_lost(const load_call *c) {
  if (c->code == GMUX_OK || c->code == GMUX_DEADLINE_EXCEEDED) return false;
  if (c->is_waiting || c->evidence >= GMUX_EVIDENCE_POSSIBLE) return true;
  return c->evidence != GMUX_EVIDENCE_NEVER_LEFT && !c->met_no_server;
}

static void call_end(gmux_call *call, load_call *c, const gmux_status *status) {
  load *l = c->load;
  if (c->ends++ > 0) return;
  look_at_the_clock(l);
  c->code = status->code;
  c->evidence = gmux_call_get_evidence(call);
  c->met_no_server = is_without_server(c);
  c->late_ns = late_ns(l, c);
  snprintf(c->words, sizeof c->words, "%s", status->message);
  if (c->code == GMUX_OK && c->messages != (c->is_stream ? STREAM_MESSAGES : 1))
    c->is_foreign = true; /* one too few, or too many */
  l->running--;
  l->ended++;
  if (c->code == GMUX_OK) l->succeeded++;
  if (c->code == GMUX_OK && c >= l->calls + l->mark) l->succeeded_since++;
  if (is_lost(c)) l->lost++;
  if (!l->is_paused && (c->code == GMUX_OK || c->code == GMUX_DEADLINE_EXCEEDED)) start_call(l);
}

static void on_entered(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                       const gmux_metadata *trailers, void *user_data) {
  (void)trailers;
  if (status->code == GMUX_OK) check_message(user_data, reply);
  call_end(call, user_data, status);
}

static void say(gmux_call *call, const load_call *c) {
  uint8_t text[WIRE_MESSAGE_MAX];
  gmux_bytes message = gmux_bytes_borrow(text, wire_message(c->number, text));
  gmux_call_write(call, &message); /* refused when it is over: then its end is on its way */
}

static void on_said(gmux_call *call, gmux_bytes *message, void *user_data) {
  load_call *c = user_data;
  check_message(c, message);
  if (c->messages < STREAM_MESSAGES)
    say(call, c);
  else
    gmux_call_half_close(call);
}

static void on_talked(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                      void *user_data) {
  (void)trailers;
  call_end(call, user_data, status);
}

static void start_stream(load *l, load_call *c, const gmux_call_options *o) {
  static const gmux_call_handlers handlers = {.on_message = on_said, .on_end = on_talked};
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, l->channel, l->talk, o, &handlers, c), 0);
  say(call, c);
  gmux_call_free(call);
}

static void start_unary(load *l, load_call *c, gmux_method *method, const gmux_call_options *o) {
  uint8_t text[WIRE_MESSAGE_MAX];
  gmux_bytes request = gmux_bytes_borrow(text, wire_message(c->number, text));
  CU_ASSERT_EQUAL_FATAL(gmux_call_unary_start(NULL, l->channel, method, o, &request, on_entered, c),
                        0);
}

static load_call *add_call(load *l, const gmux_call_options *o) {
  CU_ASSERT_FATAL(l->started < CALLS_MAX);
  load_call *c = &l->calls[l->started];
  *c = (load_call){.load = l,
                   .number = l->first_number + l->started++,
                   .is_idempotent = o->idempotent,
                   .is_waiting = o->wait_for_ready,
                   .dials_failed = load_stats(l).dials_failed};
  if (o->timeout_ms != GMUX_NO_TIMEOUT) c->due_ns = now_ns() + (uint64_t)o->timeout_ms * 1000000;
  l->running++;
  return c;
}

static void start_call(load *l) {
  gmux_call_options o = options_of(l->started);
  load_call *c = add_call(l, &o);
  c->is_stream = c->number % 7 == 3;
  if (c->is_stream)
    start_stream(l, c, &o);
  else
    start_unary(l, c, l->enter, &o);
}

/* ---- the load ---- */

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  look_at_the_clock(timer->data);
}

static void on_rest(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  load *l = timer->data;
  if (!l->is_paused) load_go_on(l);
}

load *load_start(const char *target, const gmux_channel_options *options, unsigned lanes) {
  load *l = calloc(1, sizeof *l);
  CU_ASSERT_PTR_NOT_NULL_FATAL(l);
  l->calls = calloc(CALLS_MAX, sizeof *l->calls);
  CU_ASSERT_PTR_NOT_NULL_FATAL(l->calls);
  l->ev = ev_loop_new(EVFLAG_AUTO);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&l->loop, l->ev, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&l->channel, l->loop, target, options), 0);
  l->enter = kit_method(WIRE_ENTER, GMUX_UNARY);
  l->talk = kit_method(WIRE_TALK, GMUX_BIDI_STREAMING);
  l->hold = kit_method(WIRE_HOLD, GMUX_UNARY);
  ev_timer_init(&l->tick, on_tick, TICK_MS / 1000.0, TICK_MS / 1000.0);
  l->tick.data = l;
  ev_timer_start(l->ev, &l->tick);
  ev_timer_init(&l->rest, on_rest, REST_MS / 1000.0, REST_MS / 1000.0);
  l->rest.data = l;
  ev_timer_start(l->ev, &l->rest);
  l->first_number = loads++ * CALLS_MAX;
  l->began_ns = l->turned_ns = now_ns();
  l->lanes = lanes;
  load_go_on(l);
  return l;
}

/* What became of a call, for whoever reads a failed test's report. */
static void tell(const char *what, const load_call *c) {
  printf("# %s: call %u%s%s%s: %u ends, %s, %s, %u messages, %u ms late: %s\n", what, c->number,
         c->is_stream ? ", a stream" : "", c->is_idempotent ? ", idempotent" : "",
         c->is_waiting ? ", waits" : "", c->ends, gmux_code_str(c->code),
         gmux_evidence_str(c->evidence), c->messages, (unsigned)(c->late_ns / 1000000), c->words);
}

void load_pause(load *l) {
  l->is_paused = true;
}

void load_go_on(load *l) {
  l->is_paused = false;
  while (l->running < l->lanes)
    start_call(l);
}

gmux_channel_stats load_stats(load *l) {
  return kit_stats(l->channel);
}

unsigned load_started(const load *l) {
  return l->started;
}

void load_check_none_lost(const load *l) {
  CU_ASSERT_EQUAL(l->lost, 0);
  if (l->lost == 0) return;
  for (const load_call *c = l->calls; c < l->calls + l->started; c++)
    if (c->ends && is_lost(c)) tell("lost", c);
}

unsigned load_lost_idempotent(const load *l) {
  unsigned count = 0;
  for (const load_call *c = l->calls; c < l->calls + l->started; c++) {
    if (!c->ends || !is_lost(c) || !c->is_idempotent || c->is_stream) continue;
    count++;
    tell("lost", c);
  }
  return count;
}

/* ---- waiting ---- */

static void describe(load *l) {
  static char text[16384];
  gmux_channel_describe(l->channel, text, sizeof text);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    printf("# %s\n", line);
}

bool load_await(load *l, bool (*is_so)(load *, void *), void *arg, unsigned ms) {
  uint64_t until = now_ns() + (uint64_t)kit_ms(ms) * 1000000;
  while (!is_so(l, arg)) {
    if (now_ns() > until) {
      CU_FAIL("what was awaited did not come");
      describe(l);
      return false;
    }
    ev_run(l->ev, EVRUN_ONCE);
  }
  return true;
}

static bool have_succeeded(load *l, void *more) {
  return l->succeeded_since >= *(unsigned *)more;
}

bool load_await_ok(load *l, unsigned more, unsigned ms) {
  l->mark = l->started;
  l->succeeded_since = 0;
  return load_await(l, have_succeeded, &more, ms);
}

static bool have_ended(load *l, void *ends) {
  return l->ended >= *(unsigned *)ends;
}

bool load_await_ends(load *l, unsigned more, unsigned ms) {
  unsigned ends = l->ended + more;
  return load_await(l, have_ended, &ends, ms);
}

static bool is_executed(load *l, void *arg) {
  (void)arg;
  unsigned foreign, *executed = peers_executed(l->held->number, 1, &foreign);
  bool is_so = *executed > 0;
  free(executed);
  return is_so;
}

void load_hold(load *l, unsigned ms) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.idempotent = o.wait_for_ready = true;
  l->held = add_call(l, &o);
  start_unary(l, l->held, l->hold, &o);
  load_await(l, is_executed, NULL, ms);
}

static bool is_held_over(load *l, void *arg) {
  (void)arg;
  return l->held->ends > 0;
}

void load_await_held(load *l, unsigned ms) {
  load_await(l, is_held_over, NULL, ms);
  CU_ASSERT_EQUAL(l->held->code, GMUX_OK);
}

void load_run_for(load *l, unsigned ms) {
  uint64_t until = now_ns() + (uint64_t)ms * 1000000;
  while (now_ns() < until)
    ev_run(l->ev, EVRUN_ONCE);
}

static bool is_idle(load *l, void *arg) {
  (void)arg;
  return l->running == 0;
}

void load_finish(load *l) {
  load_pause(l);
  load_await(l, is_idle, NULL, FINISH_MS);
}

void load_free(load *l) {
  gmux_method_free(l->enter);
  gmux_method_free(l->talk);
  gmux_method_free(l->hold);
  gmux_channel_free(l->channel);
  CU_ASSERT_EQUAL(gmux_loop_stop(l->loop), 0);
  ev_timer_stop(l->ev, &l->tick);
  ev_timer_stop(l->ev, &l->rest);
  ev_loop_destroy(l->ev);
  free(l->calls);
  free(l);
}

/* ---- the laws ---- */

static bool check_call(const load_call *c, unsigned executed) {
  law_facts facts = {.ends = c->ends,
                     .executed = executed,
                     .is_idempotent = c->is_idempotent,
                     .is_foreign = c->is_foreign,
                     .late_ms = c->late_ns / 1000000,
                     .code = c->code,
                     .evidence = c->evidence};
  const char *broken = law_broken(&facts, kit_ms(LATE_MS));
  if (!broken) return true;
  printf("# executed %u times:\n", executed);
  tell(broken, c);
  return false;
}

/* So that one sees that there was a load, and that the fault did something to it. */
static void print_summary(const load *l, const unsigned executed[]) {
  unsigned again = 0, overdue = 0;
  for (unsigned i = 0; i < l->started; i++) {
    if (executed[i] > 1) again++;
    if (l->calls[i].code == GMUX_DEADLINE_EXCEEDED) overdue++;
  }
  printf("# %u calls in %u ms: %u OK, %u past their deadline, %u lost; %u executed again\n",
         l->started, load_now_ms(l), l->succeeded, overdue, l->lost, again);
}

void load_check(load *l) {
  unsigned foreign, broken = 0;
  unsigned *executed = peers_executed(l->first_number, l->started, &foreign);
  print_summary(l, executed);
  for (unsigned i = 0; i < l->started && broken < 10; i++)
    if (!check_call(&l->calls[i], executed[i])) broken++;
  CU_ASSERT_EQUAL(broken, 0);
  CU_ASSERT_EQUAL(foreign, 0); /* L6, as the servers see it */
  free(executed);
}
