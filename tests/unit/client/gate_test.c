/* gate_test.c: promise 7, on one loop: how many at once, how many a second, first come first
 * served. */
#include "lib/base/fail.h"
#include "lib/client/gate.h"
#include "tests/sim/sim.h"
#include "tests/unit/harness.h"

#define MS GMUX__NS_PER_MS
enum { PASSES = 200 };

typedef struct visitor {
  gmux__gate_pass pass;
  uint64_t passed_ns;
  bool leaves_at_once;
} visitor;

static sim *world;
static gmux_loop *loop;
static visitor visitors[PASSES];
static size_t order[PASSES], passed; /* who came through, in order */
static bool is_asking;

static void on_pass(void *owner) {
  visitor *v = owner;
  CU_ASSERT_FALSE(is_asking);
  CU_ASSERT_TRUE(passed < PASSES);
  order[passed++] = (size_t)(v - visitors);
  v->passed_ns = sim_now(world);
  if (v->leaves_at_once) gmux__gate_leave(&v->pass);
}

static void open_gate(uint32_t max_dialing, uint32_t rate) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.max_dialing = max_dialing;
  o.dial_rate_per_s = rate;
  world = sim_new(1);
  loop = sim_loop_with(world, &o);
  passed = 0;
  for (size_t i = 0; i < PASSES; i++) {
    visitors[i] = (visitor){.passed_ns = 0};
    gmux__gate_pass_init(&visitors[i].pass, loop, on_pass, &visitors[i]);
  }
}

static void close_gate(void) {
  for (size_t i = 0; i < PASSES; i++)
    gmux__gate_leave(&visitors[i].pass);
  sim_free(world); /* ends the process when a task or a timer is left */
}

static void ask(size_t i) {
  is_asking = true;
  CU_ASSERT_EQUAL(gmux__gate_ask(&visitors[i].pass), 0);
  is_asking = false;
}

static void ask_all(bool leave_at_once) {
  for (size_t i = 0; i < PASSES; i++) {
    visitors[i].leaves_at_once = leave_at_once;
    ask(i);
  }
}

static void expect_order(void) {
  for (size_t i = 0; i < passed; i++)
    CU_ASSERT_EQUAL(order[i], i);
}

static void no_more_than_max_dialing_are_inside_at_once(void) {
  open_gate(64, 100000);
  ask_all(false);
  CU_ASSERT_EQUAL(passed, 0);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 64);
  sim_run_for(world, 60000 * MS);
  CU_ASSERT_EQUAL(passed, 64); /* however long they take */
  for (size_t i = 0; i < PASSES; i++) {
    gmux__gate_leave(&visitors[i].pass);
    sim_run(world);
    size_t expected = i + 1 + 64;
    CU_ASSERT_EQUAL(passed, expected < PASSES ? expected : PASSES);
  }
  expect_order();
  close_gate();
}

static void no_more_than_the_rate_begin_a_second(void) {
  open_gate(64, 100);
  ask_all(true);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 100); /* a second's worth at once, those that left do not count */
  sim_run_for(world, 10 * MS - 1);
  CU_ASSERT_EQUAL(passed, 100);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(passed, 101);
  sim_run_for(world, 1000 * MS);
  CU_ASSERT_EQUAL(passed, PASSES);
  expect_order();
  for (size_t i = 100; i < PASSES; i++)
    CU_ASSERT_EQUAL(visitors[i].passed_ns, SIM_EPOCH + (i - 99) * 10 * MS);
  close_gate();
}

static void after_a_quiet_second_a_seconds_worth_may_begin_again(void) {
  open_gate(1000, 50);
  for (size_t i = 0; i < 50; i++)
    ask(i);
  sim_run_for(world, 1000 * MS);
  for (size_t i = 50; i < 110; i++)
    ask(i);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 100);
  close_gate();
}

static void nobody_passes_from_inside_asking(void) {
  open_gate(10, 10);
  ask(0);
  CU_ASSERT_EQUAL(passed, 0);
  CU_ASSERT_TRUE(gmux__gate_is_waiting(&visitors[0].pass));
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 1);
  CU_ASSERT_FALSE(gmux__gate_is_waiting(&visitors[0].pass));
  CU_ASSERT_TRUE(visitors[0].pass.is_inside);
  close_gate();
}

static void who_comes_later_does_not_overtake_who_waits(void) {
  open_gate(1, 100000);
  ask(0);
  sim_run(world);
  ask(1);
  gmux__gate_leave(&visitors[0].pass); /* there is room, and one waits for it */
  ask(2);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 2);
  CU_ASSERT_EQUAL(order[1], 1);
  close_gate();
}

static void who_gives_up_waiting_costs_nobody_his_place(void) {
  open_gate(1, 1);
  for (size_t i = 0; i < 4; i++)
    ask(i);
  sim_run(world);
  gmux__gate_leave(&visitors[1].pass);
  CU_ASSERT_FALSE(gmux__gate_is_waiting(&visitors[1].pass));
  gmux__gate_leave(&visitors[0].pass);
  sim_run_for(world, 1000 * MS); /* 0 has used this second's only one */
  CU_ASSERT_EQUAL(passed, 2);
  CU_ASSERT_EQUAL(order[1], 2);
  close_gate();
}

static void leaving_without_having_asked_is_nothing(void) {
  open_gate(1, 100000);
  gmux__gate_leave(&visitors[0].pass); /* there is not even a gate yet */
  ask(1);
  sim_run(world);
  gmux__gate_leave(&visitors[0].pass);
  gmux__gate_leave(&visitors[1].pass);
  gmux__gate_leave(&visitors[1].pass);
  ask(2);
  ask(3);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 2); /* and not one more for each time of leaving */
  close_gate();
}

static void when_the_last_one_gives_up_nothing_is_left_to_happen(void) {
  open_gate(1, 1);
  ask(0);
  ask(1);
  sim_run(world);
  gmux__gate_leave(&visitors[0].pass);
  sim_run(world); /* 1 waits for the rate now: a timer */
  gmux__gate_leave(&visitors[1].pass);
  uint64_t turns = sim_turns(world);
  sim_run_for(world, 10000 * MS);
  CU_ASSERT_TRUE(sim_turns(world) <= turns + 1); /* one to learn that no timer is set any more */
  turns = sim_turns(world);
  ask(2);
  gmux__gate_leave(&visitors[2].pass);
  sim_run_for(world, 10000 * MS);
  CU_ASSERT_EQUAL(sim_turns(world), turns);
  CU_ASSERT_EQUAL(passed, 1);
  close_gate();
}

static void on_pass_of_a_busy_one(void *owner) {
  on_pass(owner);
  gmux__gate_leave(&visitors[0].pass);
  gmux__gate_leave(&visitors[1].pass); /* the next in the queue gives up */
  if (passed < 3) (void)gmux__gate_ask(&visitors[0].pass);
}

static void a_handler_may_leave_ask_again_and_have_others_leave(void) {
  open_gate(1, 100000);
  visitors[0].pass.on_pass = on_pass_of_a_busy_one;
  for (size_t i = 0; i < 3; i++)
    ask(i);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 2);
  CU_ASSERT_EQUAL(order[0], 0);
  CU_ASSERT_EQUAL(order[1], 2); /* 0 asked anew, and so stands behind 2 */
  CU_ASSERT_TRUE(gmux__gate_is_waiting(&visitors[0].pass));
  gmux__gate_leave(&visitors[2].pass);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 3);
  close_gate();
}

static size_t rounds;

static void on_pass_of_a_restless_one(void *owner) {
  visitor *v = owner;
  rounds++;
  gmux__gate_leave(&v->pass);
  (void)gmux__gate_ask(&v->pass);
}

static void who_always_asks_anew_does_not_hold_the_turn(void) {
  open_gate(1, 100000);
  rounds = 0;
  visitors[0].pass.on_pass = on_pass_of_a_restless_one;
  ask(0);
  (void)sim_step(world); /* one turn, which goes through its phases a bounded number of times */
  CU_ASSERT_TRUE(rounds >= 1 && rounds <= 16);
  close_gate();
}

static void each_loop_has_a_gate_of_its_own(void) {
  open_gate(1, 1);
  gmux_loop *other = sim_loop(world);
  ask(0);
  gmux__gate_pass_init(&visitors[1].pass, other, on_pass, &visitors[1]);
  ask(1);
  sim_run(world);
  CU_ASSERT_EQUAL(passed, 2);
  close_gate();
}

static void want_of_memory_is_told_and_the_next_may_ask(void) {
  open_gate(1, 1);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux__gate_ask(&visitors[0].pass), GMUX_ERR_NOMEM);
  gmux__gate_leave(&visitors[0].pass);
  ask(0);
  size_t calls = test_alloc_calls();
  for (size_t i = 1; i < PASSES; i++)
    ask(i);
  sim_run_for(world, 3000 * MS);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls); /* no allocation but the first */
  close_gate();
}

static const test_case cases[] = {
    TEST(no_more_than_max_dialing_are_inside_at_once),
    TEST(no_more_than_the_rate_begin_a_second),
    TEST(after_a_quiet_second_a_seconds_worth_may_begin_again),
    TEST(nobody_passes_from_inside_asking),
    TEST(who_comes_later_does_not_overtake_who_waits),
    TEST(who_gives_up_waiting_costs_nobody_his_place),
    TEST(leaving_without_having_asked_is_nothing),
    TEST(when_the_last_one_gives_up_nothing_is_left_to_happen),
    TEST(a_handler_may_leave_ask_again_and_have_others_leave),
    TEST(who_always_asks_anew_does_not_hold_the_turn),
    TEST(each_loop_has_a_gate_of_its_own),
    TEST(want_of_memory_is_told_and_the_next_may_ask),
    TESTS_END,
};

const test_suite client_gate_suite = {"gate", cases, NULL, NULL};
