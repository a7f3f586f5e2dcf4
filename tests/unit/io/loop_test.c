/* loop_test.c: the turn, posts and random numbers, on a loop whose time is a number. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/loop.h"
#include "tests/unit/harness.h"
#include "tests/unit/io/fake_loop.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char trace[256]; /* what ran, in order */

static void setup(void) {
  fake_setup();
  trace[0] = '\0';
}

/* A literal as a callback's argument. */
static void *word(const char *literal) {
  return (void *)(uintptr_t)literal;
}

static void trace_add(const char *what) {
  size_t len = strlen(trace);
  snprintf(trace + len, sizeof trace - len, "%s ", what);
}

/* ---- the turn ---- */

static void run_trace(void *arg) {
  trace_add(arg);
}

static void task_named(gmux__task *task, void *name) {
  gmux__task_init(task, run_trace, name);
}

static void phases_run_in_their_order(void) {
  gmux__task a, b, c, d;
  task_named(&a, word("free"));
  task_named(&b, word("write"));
  task_named(&c, word("done1"));
  task_named(&d, word("done2"));
  gmux__loop_defer(&fake.common, GMUX__PHASE_FREE, &a);
  gmux__loop_defer(&fake.common, GMUX__PHASE_WRITE, &b);
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &c);
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &d);
  CU_ASSERT_TRUE(gmux__task_is_deferred(&a));
  CU_ASSERT_TRUE(gmux__loop_needs_turn(&fake.common));
  CU_ASSERT_FALSE(fake_turn(2000));
  CU_ASSERT_STRING_EQUAL(trace, "done1 done2 write free ");
  CU_ASSERT_FALSE(gmux__task_is_deferred(&a));
  CU_ASSERT_FALSE(gmux__loop_needs_turn(&fake.common));
}

static void deferring_twice_runs_once(void) {
  gmux__task a;
  task_named(&a, word("a"));
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &a);
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &a);
  fake_turn(2000);
  fake_turn(2000);
  CU_ASSERT_STRING_EQUAL(trace, "a ");
}

static void a_cancelled_task_does_not_run(void) {
  gmux__task a;
  task_named(&a, word("a"));
  gmux__loop_defer(&fake.common, GMUX__PHASE_WRITE, &a);
  gmux__task_cancel(&a);
  gmux__task_cancel(&a);
  CU_ASSERT_FALSE(fake_turn(2000));
  CU_ASSERT_STRING_EQUAL(trace, "");
}

static gmux__task chain_write, chain_done, chain_free;

static void chain_defer_write(void *arg) {
  (void)arg;
  trace_add("done");
  gmux__loop_defer(&fake.common, GMUX__PHASE_WRITE, &chain_write);
}

static void chain_defer_done(void *arg) {
  (void)arg;
  trace_add("write");
  if (strlen(trace) < 20) gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &chain_done);
}

static void what_writes_bring_is_done_in_the_same_turn(void) {
  gmux__task_init(&chain_done, chain_defer_write, NULL);
  gmux__task_init(&chain_write, chain_defer_done, NULL);
  task_named(&chain_free, word("free"));
  gmux__loop_defer(&fake.common, GMUX__PHASE_FREE, &chain_free);
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &chain_done);
  CU_ASSERT_FALSE(fake_turn(2000));
  CU_ASSERT_STRING_EQUAL(trace, "done write done write free ");
}

static int again_runs;

static void run_again(void *arg) {
  again_runs++;
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, arg);
}

static void a_task_that_always_defers_itself_gets_a_bounded_share(void) {
  gmux__task again;
  gmux__task_init(&again, run_again, &again);
  again_runs = 0;
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &again);
  CU_ASSERT_TRUE(fake_turn(2000));
  CU_ASSERT_EQUAL(again_runs, 16);
  CU_ASSERT_TRUE(fake_turn(2001));
  CU_ASSERT_EQUAL(again_runs, 32);
  gmux__task_cancel(&again);
  CU_ASSERT_FALSE(fake_turn(2002));
}

static void run_cancel(void *arg) {
  trace_add("first");
  gmux__task_cancel(arg);
}

static void a_task_can_cancel_the_next(void) {
  gmux__task first, second, third;
  gmux__task_init(&first, run_cancel, &second);
  task_named(&second, word("second"));
  task_named(&third, word("third"));
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &first);
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &second);
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &third);
  fake_turn(2000);
  CU_ASSERT_STRING_EQUAL(trace, "first third ");
}

static void run_free(void *arg) {
  free(arg);
  trace_add("freed");
}

static void a_task_may_free_itself(void) {
  gmux__task *task = malloc(sizeof *task);
  CU_ASSERT_PTR_NOT_NULL_FATAL(task);
  gmux__task_init(task, run_free, task);
  gmux__loop_defer(&fake.common, GMUX__PHASE_FREE, task);
  fake_turn(2000);
  CU_ASSERT_STRING_EQUAL(trace, "freed ");
}

/* ---- time ---- */

static uint64_t seen_now[2];

static void look_at_now(void *arg) {
  (void)arg;
  seen_now[0] = gmux__loop_now(&fake.common);
  fake.clock_ns += 500;
  seen_now[1] = gmux__loop_now(&fake.common);
}

static void time_stands_still_within_a_turn(void) {
  gmux__task task;
  gmux__task_init(&task, look_at_now, NULL);
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &task);
  fake_turn(3000);
  CU_ASSERT_EQUAL(seen_now[0], 3000);
  CU_ASSERT_EQUAL(seen_now[1], 3000);
}

static void time_is_fresh_outside_of_turns(void) {
  fake_turn(3000);
  fake.clock_ns = 8000;
  CU_ASSERT_EQUAL(gmux__loop_now(&fake.common), 8000);
}

static void time_never_goes_back(void) {
  fake_turn(3000);
  fake.clock_ns = 2000;
  CU_ASSERT_EQUAL(gmux__loop_now(&fake.common), 3000);
  fake_turn(2500);
  CU_ASSERT_EQUAL(gmux__loop_now(&fake.common), 3000);
}

/* ---- posts ---- */

static void posts_run_in_order_at_the_end_of_the_turn(void) {
  CU_ASSERT_EQUAL(gmux_loop_post(&fake.common, run_trace, word("a")), 0);
  CU_ASSERT_EQUAL(gmux_loop_post(&fake.common, run_trace, word("b")), 0);
  CU_ASSERT_EQUAL(gmux_loop_post(&fake.common, run_trace, word("c")), 0);
  CU_ASSERT_STRING_EQUAL(trace, "");
  CU_ASSERT_TRUE(gmux__loop_needs_turn(&fake.common));
  CU_ASSERT_FALSE(fake_turn(2000));
  CU_ASSERT_STRING_EQUAL(trace, "a b c ");
}

static void a_batch_of_posts_wakes_once(void) {
  fake.is_outside = true;
  for (int i = 0; i < 5; i++)
    gmux_loop_post(&fake.common, run_trace, word("x"));
  CU_ASSERT_EQUAL(fake.wakes, 1);
  fake.is_outside = false;
  fake_turn(2000);
  fake.is_outside = true;
  gmux_loop_post(&fake.common, run_trace, word("y"));
  CU_ASSERT_EQUAL(fake.wakes, 2);
  fake.is_outside = false;
  fake_turn(2000);
  CU_ASSERT_STRING_EQUAL(trace, "x x x x x y ");
}

static void post_more(void *arg) {
  trace_add("first");
  gmux_loop_post(&fake.common, run_trace, arg);
}

static void a_post_from_inside_a_turn_runs_in_it_and_wakes_nobody(void) {
  gmux__task task;
  gmux__task_init(&task, post_more, word("second"));
  gmux__loop_defer(&fake.common, GMUX__PHASE_DONE, &task);
  CU_ASSERT_FALSE(fake_turn(2000));
  CU_ASSERT_EQUAL(fake.wakes, 0);
  CU_ASSERT_STRING_EQUAL(trace, "first second ");
}

static void a_post_on_the_own_thread_outside_a_turn_wakes(void) {
  gmux_loop_post(&fake.common, run_trace, word("a"));
  CU_ASSERT_EQUAL(fake.wakes, 1);
  fake_turn(2000);
  CU_ASSERT_STRING_EQUAL(trace, "a ");
}

static void post_forever(void *arg) {
  again_runs++;
  if (again_runs < 1000) gmux_loop_post(&fake.common, post_forever, arg);
}

static void posts_that_always_post_get_a_bounded_share(void) {
  again_runs = 0;
  gmux_loop_post(&fake.common, post_forever, NULL);
  CU_ASSERT_TRUE(fake_turn(2000));
  CU_ASSERT_EQUAL(again_runs, 16);
  while (fake_turn(2000)) {
  }
  CU_ASSERT_EQUAL(again_runs, 1000);
}

static void a_post_needs_a_loop_and_a_function(void) {
  CU_ASSERT_EQUAL(gmux_loop_post(NULL, run_trace, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_loop_post(&fake.common, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_FALSE(fake_turn(2000));
}

static void a_post_without_memory_says_so(void) {
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_loop_post(&fake.common, run_trace, word("a")), GMUX_ERR_NOMEM);
  fake_turn(2000);
  CU_ASSERT_STRING_EQUAL(trace, "");
}

/* ---- the rest ---- */

static void random_numbers_are_those_of_xoshiro256(void) {
  /* the reference implementation's first four for the seed {1, 2, 3, 4} */
  CU_ASSERT_EQUAL(gmux__loop_random(&fake.common), 11520);
  CU_ASSERT_EQUAL(gmux__loop_random(&fake.common), 0);
  CU_ASSERT_EQUAL(gmux__loop_random(&fake.common), 1509978240);
  CU_ASSERT_EQUAL(gmux__loop_random(&fake.common), UINT64_C(1215971899390074240));
}

static void the_read_buffer_is_as_large_as_asked(void) {
  size_t len = 0;
  CU_ASSERT_PTR_NOT_NULL(gmux__loop_read_buffer(&fake.common, &len));
  CU_ASSERT_EQUAL(len, 65536);
}

static void a_loop_knows_how_many_may_dial(void) {
  CU_ASSERT_EQUAL(gmux__loop_max_dialing(&fake.common), 64);
  CU_ASSERT_EQUAL(gmux__loop_dial_rate(&fake.common), 100);
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.max_dialing = 3;
  o.dial_rate_per_s = 7;
  gmux_loop loop;
  CU_ASSERT_EQUAL_FATAL(
      gmux__loop_init(&loop, fake.common.ops, &o, (const uint64_t[4]){1, 2, 3, 4}), 0);
  CU_ASSERT_EQUAL(gmux__loop_max_dialing(&loop), 3);
  CU_ASSERT_EQUAL(gmux__loop_dial_rate(&loop), 7);
  gmux__loop_deinit(&loop);
}

/* ---- what others keep with a loop ---- */

static int init_a(void **out, gmux_loop *loop) {
  (void)loop;
  trace_add("+a");
  char *a = gmux__malloc(2);
  if (!a) return gmux__fail_code(GMUX_ERR_NOMEM);
  memcpy(a, "a", 2);
  *out = a;
  return 0;
}

static void free_local(void *object) {
  char text[] = "-?";
  text[1] = *(char *)object;
  trace_add(text);
  gmux__free(object);
}

static const gmux__local_kind kind_a = {init_a, free_local};

/* One that needs another. */
static int init_b(void **out, gmux_loop *loop) {
  CU_ASSERT_PTR_NOT_NULL(gmux__loop_local(loop, &kind_a));
  int error = init_a(out, loop);
  if (!error) **(char **)out = 'b';
  return error;
}

static const gmux__local_kind kind_b = {init_b, free_local};

static void what_is_kept_with_a_loop_is_made_once_and_goes_with_it(void) {
  gmux_loop loop;
  CU_ASSERT_EQUAL_FATAL(
      gmux__loop_init(&loop, fake.common.ops, NULL, (const uint64_t[4]){1, 2, 3, 4}), 0);
  char *b = gmux__loop_local(&loop, &kind_b);
  CU_ASSERT_PTR_NOT_NULL_FATAL(b);
  CU_ASSERT_EQUAL(*b, 'b');
  CU_ASSERT_PTR_EQUAL(gmux__loop_local(&loop, &kind_b), b);
  CU_ASSERT_EQUAL(*(char *)gmux__loop_local(&loop, &kind_a), 'a');
  CU_ASSERT_STRING_EQUAL(trace, "+a +a ");
  gmux__loop_deinit(&loop);
  CU_ASSERT_STRING_EQUAL(trace, "+a +a -b -a ");
}

static void each_loop_keeps_its_own(void) {
  gmux_loop loop;
  CU_ASSERT_EQUAL_FATAL(
      gmux__loop_init(&loop, fake.common.ops, NULL, (const uint64_t[4]){1, 2, 3, 4}), 0);
  CU_ASSERT_PTR_NOT_EQUAL(gmux__loop_local(&loop, &kind_a),
                          gmux__loop_local(&fake.common, &kind_a));
  gmux__loop_deinit(&loop);
}

static void what_could_not_be_made_is_made_by_who_asks_next(void) {
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__loop_local(&fake.common, &kind_a));
  CU_ASSERT_PTR_NOT_NULL(gmux__loop_local(&fake.common, &kind_a));
}

static void making_one_survives_want_of_memory(void) {
  gmux_loop loop;
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux__loop_init(&loop, fake.common.ops, NULL, (const uint64_t[4]){1, 2, 3, 4}),
                  GMUX_ERR_NOMEM);
}

static void null_is_no_loop(void) {
  CU_ASSERT_FALSE(gmux_loop_is_inside(NULL));
  CU_ASSERT_EQUAL(gmux_loop_stop(NULL), 0);
}

static const test_case cases[] = {
    TEST(phases_run_in_their_order),
    TEST(deferring_twice_runs_once),
    TEST(a_cancelled_task_does_not_run),
    TEST(what_writes_bring_is_done_in_the_same_turn),
    TEST(a_task_that_always_defers_itself_gets_a_bounded_share),
    TEST(a_task_can_cancel_the_next),
    TEST(a_task_may_free_itself),
    TEST(time_stands_still_within_a_turn),
    TEST(time_is_fresh_outside_of_turns),
    TEST(time_never_goes_back),
    TEST(posts_run_in_order_at_the_end_of_the_turn),
    TEST(a_batch_of_posts_wakes_once),
    TEST(a_post_from_inside_a_turn_runs_in_it_and_wakes_nobody),
    TEST(a_post_on_the_own_thread_outside_a_turn_wakes),
    TEST(posts_that_always_post_get_a_bounded_share),
    TEST(a_post_needs_a_loop_and_a_function),
    TEST(a_post_without_memory_says_so),
    TEST(random_numbers_are_those_of_xoshiro256),
    TEST(the_read_buffer_is_as_large_as_asked),
    TEST(a_loop_knows_how_many_may_dial),
    TEST(what_is_kept_with_a_loop_is_made_once_and_goes_with_it),
    TEST(each_loop_keeps_its_own),
    TEST(what_could_not_be_made_is_made_by_who_asks_next),
    TEST(making_one_survives_want_of_memory),
    TEST(null_is_no_loop),
    TESTS_END,
};

const test_suite io_loop_suite = {"loop", cases, setup, fake_teardown};
