/* reentry_test.c: what handlers do to their own call, to others and to the channel while there is
 * more in the read that they are told of. */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

enum { BATCH = 24, CALLS_MAX = 400, ROUNDS = 48 };

static struct {
  tcall *calls[CALLS_MAX];
  size_t count;
  uint64_t random;
  bool is_freed; /* the channel */
  bool may_end;  /* it */
} w;

static size_t roll(size_t below) {
  w.random ^= w.random << 13;
  w.random ^= w.random >> 7;
  w.random ^= w.random << 17;
  return (size_t)(w.random % below);
}

static void on_event(tcall *t, char event);

static void begin(void) {
  if (w.count == CALLS_MAX || w.is_freed) return;
  tcall *t = w_record();
  t->on_event = on_event;
  gmux_call_options o = w_patient();
  if (roll(4) == 0) o.timeout_ms = 1000;
  if (w_start_with(t, roll(2) ? GMUX_UNARY : (gmux_method_kind)roll(4), &o))
    return; /* the channel has been closed */
  (void)w_write(t, "hello");
  w.calls[w.count++] = t;
}

static void end_channel(void) {
  if (!w.may_end || w.is_freed) return;
  size_t how = roll(3);
  if (how == 0) gmux_channel_drain(w_channel, 10, NULL, NULL);
  if (how == 1) gmux_channel_close(w_channel, NULL, NULL);
  if (how < 2) return;
  w.is_freed = true;
  gmux_channel_free(w_channel);
}

static void look(const tcall *t) {
  char words[4096];
  gmux_channel_peer peer = {.size = sizeof peer};
  if (w.is_freed) return;
  gmux_channel_describe(w_channel, words, sizeof words);
  gmux_channel_get_peer(w_channel, &peer, NULL);
  (void)w_stats();
  if (t->call) gmux_call_get_evidence(t->call);
}

static void on_event(tcall *t, char event) {
  (void)event;
  for (size_t i = roll(3); i > 0; i--) {
    tcall *other = w.calls[roll(w.count)];
    switch (roll(12)) {
    case 0:
    case 1:
    case 2:
      begin();
      break;
    case 3:
    case 4:
      w_free(t);
      break;
    case 5:
      w_free(other);
      break;
    case 6:
      if (other->call) gmux_call_cancel(other->call);
      break;
    case 7:
      if (t->call) gmux_call_cancel(t->call);
      break;
    case 8:
      if (t->call) (void)w_write(t, "more");
      break;
    case 9:
      look(t);
      break;
    case 10:
      if (!w.is_freed) gmux_channel_rotate(w_channel);
      break;
    default:
      if (roll(20) == 0) end_channel();
    }
  }
}

static void answer_one(rawpeer *p, uint32_t id) {
  switch (roll(8)) {
  case 0:
    rawpeer_rst(p, id, 8);
    break;
  case 1:
    w_trailers(p, id, "5", "no");
    break;
  case 2:
    w_headers(p, id);
    w_message(p, id, "a");
    w_message(p, id, "b");
    w_trailers(p, id, "0", NULL);
    break;
  default:
    w_answer(p, id, "reply");
  }
}

static size_t answer_new(rawpeer *p, size_t *answered) {
  const rawframe *f;
  size_t n = 0;
  for (; (f = rawpeer_find(p, RAW_HEADERS, RAW_ANY, *answered)); ++*answered, n++)
    answer_one(p, f->stream);
  return n;
}

static void answer_until_quiet(rawpeer *p) {
  enum { TURNS = 40, BREAK_AT = 3 };
  size_t answered = 0, count = 1, fault = roll(4);
  for (int turn = 0; turn < TURNS && count > 0; turn++) {
    sim_run(w_sim);
    count = answer_new(p, &answered);
    if (turn == BREAK_AT && fault == 1) rawpeer_goaway(p, INT32_MAX, 0, "bye");
    if (turn == BREAK_AT && fault > 1) break;
  }
  if (fault == 2) rawpeer_shutdown(p);
  if (fault == 3) rawpeer_close(p);
}

/* Of each call the end has been told once, and last. */
static void settle_up(void) {
  for (size_t i = 0; i < w.count; i++) {
    const char *log = w.calls[i]->log;
    CU_ASSERT_EQUAL(w.calls[i]->ends, 1);
    CU_ASSERT_EQUAL(log[strlen(log) - 1], 'E');
    w_free(w.calls[i]);
  }
}

static void one_round(uint64_t seed) {
  memset(&w, 0, sizeof w);
  w.random = seed * 0x9e3779b97f4a7c15u + 1;
  w.may_end = roll(2) == 0;
  w_options.max_connections = 1;
  sim_net(w_sim)->buffer_bytes = roll(3) ? 65536 : 300; /* a small one holds back what is written */
  rawpeer *p = w_connected(), *other;
  for (int i = 0; i < BATCH; i++)
    begin();
  answer_until_quiet(p);
  if (!w.is_freed) gmux_channel_free(w_channel);
  w.is_freed = true;
  w_channel = NULL;
  w_run_ms(5000);
  settle_up();
  while ((other = rawpeer_accept(w_listener)))
    rawpeer_free(other);
  w_run();
}

static void handlers_may_do_anything_while_answers_wait_behind_theirs(void) {
  for (uint64_t seed = 1; seed <= ROUNDS; seed++)
    one_round(seed);
}

/* ---- while a write has failed ---- */

enum { ANSWERED = 100 };

static rawpeer *lost;

/* The first resets the connection, so that the write of this turn fails and more is read all the
 * same; of that the others are told. */
static void break_then_go_on(tcall *t, char event) {
  (void)t;
  if (event != 'E') return;
  if (w.count == 0) rawpeer_reset(lost);
  w.calls[w.count++] = w_unary();
}

/* What was to leave with the write that failed may have left, for all that is known. */
static void calls_started_while_what_is_lost_is_read_out_go_elsewhere(void) {
  memset(&w, 0, sizeof w);
  w_options.max_concurrent_streams = 2 * ANSWERED;
  lost = w_connected();
  for (int i = 0; i < ANSWERED; i++)
    w_unary()->on_event = break_then_go_on;
  w_run();
  for (uint32_t i = 0; i < ANSWERED; i++)
    w_answer(lost, 2 * i + 1, "reply");
  w_run();
  CU_ASSERT_EQUAL_FATAL(w.count, ANSWERED);
  size_t written = w_stats().calls_failed;
  CU_ASSERT_TRUE(written < ANSWERED);
  rawpeer *p = w_greet(-1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), ANSWERED - written);
  CU_ASSERT_EQUAL(w_stats().calls_failed, written);
}

/* ---- between the loss of a connection and the pool's hearing of it ---- */

static void ask_for_the_peer(tcall *t, char event) {
  gmux_channel_peer peer = {.size = sizeof peer};
  if (event == 'E') *(int *)t->arg = gmux_channel_get_peer(w_channel, &peer, NULL);
}

static void connection_that_was_just_lost_is_no_peer(void) {
  w_options.max_concurrent_streams = 1;
  w_options.max_connections = 1;
  w_connected();
  int asked = 1;
  w_unary();
  tcall *t = w_unary(); /* waits */
  t->on_event = ask_for_the_peer;
  t->arg = &asked;
  gmux_call_cancel(t->call);
  gmux__conn_close(gmux__line_of(w_channel->loop_only.endpoint.ready.last)->conn, GMUX_ERR_EOF, 0,
                   "gone");
  w_run();
  CU_ASSERT_EQUAL(t->ends, 1);
  CU_ASSERT_EQUAL(asked, GMUX_ERR_NOT_FOUND);
}

static const test_case cases[] = {TEST(handlers_may_do_anything_while_answers_wait_behind_theirs),
                                  TEST(calls_started_while_what_is_lost_is_read_out_go_elsewhere),
                                  TEST(connection_that_was_just_lost_is_no_peer), TESTS_END};
const test_suite client_reentry_suite = {"reentry", cases, w_setup, w_teardown};
