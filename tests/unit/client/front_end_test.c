/* front_end_test.c: a channel over several loops ends when all of them are done with it, once. */
#include "tests/unit/client/front_kit.h"
#include <gmux/error.h>
#include <string.h>

enum { CALLS = 6 };
static tcall *t[CALLS];

/* Two calls on each of three loops. */
static void busy(void) {
  fk_connected(3);
  for (size_t i = 0; i < CALLS; i++)
    t[i] = w_unary();
  w_run();
}

static void all_end_once_with(gmux_code code) {
  for (size_t i = 0; i < CALLS; i++) {
    CU_ASSERT_EQUAL(t[i]->ends, 1);
    ASSERT_CODE(t[i], code);
  }
}

static void closing_ends_all_calls_and_is_told_once(void) {
  busy();
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  CU_ASSERT_EQUAL(w_closed, 0);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
  all_end_once_with(GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN);
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  gmux_channel_drain(w_channel, 0, w_on_closed, &w_closed);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void nothing_starts_on_one_that_is_closing(void) {
  busy();
  gmux_channel_drain(w_channel, GMUX_NO_TIMEOUT, NULL, NULL);
  tcall *late = w_record();
  CU_ASSERT_EQUAL(w_start_with(late, GMUX_UNARY, NULL), GMUX_ERR_CLOSED);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, NULL, NULL), GMUX_ERR_INVALID);
}

static void a_drain_is_over_when_the_last_call_of_the_last_loop_is(void) {
  busy();
  gmux_channel_drain(w_channel, GMUX_NO_TIMEOUT, w_on_closed, &w_closed);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(w_closed, 0);
  w_answer_all(fk_peer(0), "reply");
  w_answer_all(fk_peer(1), "reply");
  w_run();
  CU_ASSERT_EQUAL(w_closed, 0);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY); /* as long as one is */
  fk_answer_all();
  CU_ASSERT_EQUAL(w_closed, 1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN);
  all_end_once_with(GMUX_OK);
}

static void after_the_grace_calls_of_all_loops_are_cancelled(void) {
  busy();
  gmux_channel_drain(w_channel, 500, w_on_closed, &w_closed);
  w_run_ms(499);
  CU_ASSERT_EQUAL(w_closed, 0);
  w_run_ms(1);
  CU_ASSERT_EQUAL(w_closed, 1);
  all_end_once_with(GMUX_CANCELLED);
}

static void a_close_cuts_a_drain_short(void) {
  busy();
  gmux_channel_drain(w_channel, GMUX_NO_TIMEOUT, w_on_closed, &w_closed);
  w_run();
  gmux_channel_close(w_channel, NULL, NULL);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
  all_end_once_with(GMUX_CANCELLED);
}

static void close_here(void *arg) {
  (void)arg;
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  CU_ASSERT_EQUAL(w_closed, 0);
}

static void one_of_its_loops_may_close_it(void) {
  busy();
  fk_inside(1, close_here, NULL);
  CU_ASSERT_EQUAL(w_closed, 1);
  all_end_once_with(GMUX_CANCELLED);
}

static void free_it(void *user_data) {
  (void)user_data;
  gmux_channel_free(w_channel);
  w_channel = NULL;
}

static void on_closed_may_free_it(void) {
  busy();
  gmux_channel_close(w_channel, free_it, NULL);
  w_run();
  CU_ASSERT_PTR_NULL(w_channel);
  all_end_once_with(GMUX_CANCELLED);
}

static void free_at_end(tcall *call, char event) {
  (void)call;
  if (event == 'E' && w_channel) free_it(NULL);
}

static void the_end_of_a_call_may_free_it(void) {
  busy();
  for (size_t i = 0; i < CALLS; i++)
    t[i]->on_event = free_at_end;
  w_answer_all(fk_peer(1), "reply");
  w_run();
  CU_ASSERT_PTR_NULL(w_channel);
  for (size_t i = 0; i < CALLS; i++)
    CU_ASSERT_EQUAL(t[i]->ends, 1);
}

static void free_when_told(gmux_channel_state state, void *user_data) {
  (void)state, (void)user_data;
  free_it(NULL);
}

static void a_watcher_may_free_it(void) {
  fk_open(3);
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, GMUX_CHANNEL_IDLE, free_when_told, NULL), 0);
  gmux_channel_get_state(w_channel, true);
  w_run();
  CU_ASSERT_PTR_NULL(w_channel);
}

static void a_call_that_is_held_keeps_no_loop_but_its_own(void) {
  busy();
  gmux_loop *its = t[0]->call->channel->loop;
  for (size_t i = 1; i < CALLS; i++)
    if (t[i]->call->channel->loop != its) w_free(t[i]);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  for (size_t i = 0; i < FK_LOOPS; i++) {
    size_t users = atomic_load(&fk_loops[i]->shared.users);
    CU_ASSERT_EQUAL(users, fk_loops[i] == its ? 1 : 0);
  }
}

static void before_it_was_ever_used_it_goes_without_a_word(void) {
  fk_open(3);
  gmux_channel_drain(w_channel, GMUX_NO_TIMEOUT, w_on_closed, &w_closed);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
}

/* ---- memory ---- */

static void count_warm(int error, void *user_data) {
  (void)error;
  ++*(unsigned *)user_data;
}

static void count_state(gmux_channel_state state, void *user_data) {
  (void)state;
  ++*(unsigned *)user_data;
}

static bool is_out_of_memory_or_none(int error) {
  return error == 0 || error == GMUX_ERR_NOMEM;
}

/* Whatever could be asked for is told once, and nothing else. */
static void use_and_close(void) {
  unsigned warm = 0, states = 0;
  int error =
      gmux_channel_new_on_loops(&w_channel, fk_loops, FK_LOOPS, "ipv4:127.0.0.1:50051", &w_options);
  CU_ASSERT_TRUE(is_out_of_memory_or_none(error));
  if (error) return;
  int warmed = gmux_channel_warm(w_channel, count_warm, &warm);
  int watched = gmux_channel_watch_state(w_channel, GMUX_CHANNEL_IDLE, count_state, &states);
  CU_ASSERT_TRUE(is_out_of_memory_or_none(warmed) && is_out_of_memory_or_none(watched));
  int started[CALLS];
  for (size_t i = 0; i < CALLS; i++) {
    t[i] = w_record();
    started[i] = w_start_with(t[i], GMUX_UNARY, NULL);
    CU_ASSERT_TRUE(is_out_of_memory_or_none(started[i]));
    if (!started[i]) gmux_call_half_close(t[i]->call);
  }
  fk_greet_all();
  w_run_ms(100);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  CU_ASSERT_EQUAL(warm, warmed ? 0 : 1);
  CU_ASSERT_EQUAL(states, watched ? 0 : 1);
  for (size_t i = 0; i < CALLS; i++)
    CU_ASSERT_EQUAL(t[i]->ends, started[i] ? 0 : 1);
}

/* A world of its own for each run. Returns whether the n-th allocation was asked for. */
static bool run_without(size_t n) {
  size_t live = test_alloc_live();
  fk_setup();
  test_alloc_fail_at(n);
  use_and_close();
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  fk_teardown();
  CU_ASSERT_EQUAL(test_alloc_live(), live);
  return has_failed;
}

static void it_survives_every_failed_allocation(void) {
  size_t n = 1;
  fk_teardown();
  while (n < 5000 && run_without(n))
    n++;
  fk_setup();
  CU_ASSERT_TRUE(n > 60 && n < 5000);
}

static const test_case cases[] = {
    TEST(closing_ends_all_calls_and_is_told_once),
    TEST(nothing_starts_on_one_that_is_closing),
    TEST(a_drain_is_over_when_the_last_call_of_the_last_loop_is),
    TEST(after_the_grace_calls_of_all_loops_are_cancelled),
    TEST(a_close_cuts_a_drain_short),
    TEST(one_of_its_loops_may_close_it),
    TEST(on_closed_may_free_it),
    TEST(the_end_of_a_call_may_free_it),
    TEST(a_watcher_may_free_it),
    TEST(a_call_that_is_held_keeps_no_loop_but_its_own),
    TEST(before_it_was_ever_used_it_goes_without_a_word),
    TEST(it_survives_every_failed_allocation),
    TESTS_END,
};

extern const test_suite client_front_end_suite;
const test_suite client_front_end_suite = {
    .name = "front_end", .cases = cases, .setup = fk_setup, .teardown = fk_teardown};
