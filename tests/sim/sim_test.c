/* sim_test.c: time stands where it should, loops take turns, and leaks are found. */
#include "tests/sim/net.h"
#include "tests/sim/sim.h"
#include "tests/unit/harness.h"
#include <fcntl.h>
#include <gmux/error.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern const test_suite sim_sim_suite;

#define MS GMUX__NS_PER_MS

static sim *world;
static gmux_loop *loop;

/* What happened, as a row of letters, and when the last of it did. */
static char trace[64];
static uint64_t trace_ns;

static void setup(void) {
  world = sim_new(1);
  loop = sim_loop(world);
  trace[0] = '\0';
}

static void teardown(void) {
  sim_free(world);
}

/* Something that happens and leaves its letter. */
typedef struct noted {
  char letter[2];
  gmux_loop *on;
  gmux__timer timer;
  gmux__task task;
  unsigned again; /* how often it defers itself once more */
  bool was_inside;
} noted;

static void noted_happen(void *arg) {
  noted *n = arg;
  strncat(trace, n->letter, sizeof trace - strlen(trace) - 1);
  trace_ns = gmux__loop_now(n->on);
  n->was_inside = gmux_loop_is_inside(n->on);
  if (n->again == 0) return;
  n->again--;
  gmux__timer_set(n->on, &n->timer, trace_ns);
}

static noted *noted_init(noted *n, gmux_loop *on, char letter) {
  *n = (noted){.letter = {letter, '\0'}, .on = on};
  gmux__timer_init(&n->timer, noted_happen, n);
  gmux__task_init(&n->task, noted_happen, n);
  return n;
}

static noted *noted_at(noted *n, gmux_loop *on, char letter, uint64_t at_ns) {
  noted_init(n, on, letter);
  gmux__timer_set(on, &n->timer, at_ns);
  return n;
}

/* ---- time ---- */

static void run_does_not_move_time(void) {
  noted later;
  noted_at(&later, loop, 'a', SIM_EPOCH + 1);
  sim_run(world);
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH);
  CU_ASSERT_STRING_EQUAL(trace, "");
  gmux__timer_clear(loop, &later.timer);
}

static void run_for_fires_timers_of_all_loops_in_order_and_on_time(void) {
  gmux_loop *other = sim_loop(world);
  noted a, b, c;
  noted_at(&c, loop, 'c', SIM_EPOCH + 30 * MS);
  noted_at(&a, other, 'a', SIM_EPOCH + 10 * MS);
  noted_at(&b, loop, 'b', SIM_EPOCH + 20 * MS);
  sim_run_for(world, 10 * MS);
  CU_ASSERT_STRING_EQUAL(trace, "a"); /* what is due at the very end has run */
  CU_ASSERT_EQUAL(trace_ns, SIM_EPOCH + 10 * MS);
  sim_run_for(world, 20 * MS - 1);
  CU_ASSERT_STRING_EQUAL(trace, "ab");
  CU_ASSERT_EQUAL(trace_ns, SIM_EPOCH + 20 * MS);
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH + 30 * MS - 1);
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(trace, "abc");
}

static void run_for_moves_time_when_nothing_happens(void) {
  sim_run_for(world, 5 * MS);
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH + 5 * MS);
  CU_ASSERT_EQUAL(gmux__loop_now(loop), SIM_EPOCH + 5 * MS);
  CU_ASSERT_EQUAL(sim_turns(world), 0);
}

static void a_timer_for_the_past_fires_now_and_time_does_not_go_back(void) {
  noted late;
  sim_run_for(world, 5 * MS);
  noted_at(&late, loop, 'a', SIM_EPOCH);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(trace, "a");
  CU_ASSERT_EQUAL(trace_ns, SIM_EPOCH + 5 * MS);
}

static void a_timer_moved_or_cleared_between_turns_is_not_missed(void) {
  noted a, b;
  noted_at(&a, loop, 'a', SIM_EPOCH + 50 * MS);
  noted_at(&b, loop, 'b', SIM_EPOCH + 20 * MS);
  sim_run(world);
  gmux__timer_set(loop, &a.timer, SIM_EPOCH + 10 * MS);
  gmux__timer_clear(loop, &b.timer);
  CU_ASSERT_TRUE(sim_step(world)); /* the loop hears of the new time */
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH + 10 * MS);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_STRING_EQUAL(trace, "a");
}

static bool trace_is_b(void *arg) {
  (void)arg;
  return strchr(trace, 'b') != NULL;
}

static void run_until_stops_at_the_condition(void) {
  noted a, b, c;
  noted_at(&a, loop, 'a', SIM_EPOCH + 10 * MS);
  noted_at(&b, loop, 'b', SIM_EPOCH + 20 * MS);
  noted_at(&c, loop, 'c', SIM_EPOCH + 30 * MS);
  CU_ASSERT_TRUE(sim_run_until(world, trace_is_b, NULL, 20 * MS));
  CU_ASSERT_STRING_EQUAL(trace, "ab");
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH + 20 * MS);
  gmux__timer_clear(loop, &c.timer);
}

static void run_until_says_that_the_limit_came_first(void) {
  noted b;
  noted_at(&b, loop, 'b', SIM_EPOCH + 20 * MS);
  CU_ASSERT_FALSE(sim_run_until(world, trace_is_b, NULL, 20 * MS - 1));
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH + 20 * MS - 1);
  CU_ASSERT_TRUE(sim_run_until(world, trace_is_b, NULL, GMUX__NEVER));
}

/* ---- turns ---- */

static void step_does_what_is_to_do_before_it_moves_the_clock(void) {
  noted now, later;
  gmux__loop_defer(loop, GMUX__PHASE_DONE, &noted_init(&now, loop, 'a')->task);
  noted_at(&later, loop, 'b', SIM_EPOCH + MS);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_STRING_EQUAL(trace, "a");
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_STRING_EQUAL(trace, "a");
  CU_ASSERT_EQUAL(sim_now(world), SIM_EPOCH + MS);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_STRING_EQUAL(trace, "ab");
  CU_ASSERT_FALSE(sim_step(world));
  CU_ASSERT_EQUAL(sim_turns(world), 2);
}

static void loops_take_turns(void) {
  gmux_loop *other = sim_loop(world);
  noted a, b;
  noted_at(&a, loop, 'a', SIM_EPOCH)->again = 2;
  noted_at(&b, other, 'b', SIM_EPOCH)->again = 2;
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(trace, "ababab");
}

static void posts_from_outside_run_inside_and_in_order(void) {
  noted a, b;
  noted_init(&a, loop, 'a');
  noted_init(&b, loop, 'b');
  CU_ASSERT_TRUE(gmux_loop_is_inside(loop));
  sim_set_outside(loop, true);
  CU_ASSERT_FALSE(gmux_loop_is_inside(loop));
  CU_ASSERT_EQUAL(gmux_loop_post(loop, noted_happen, &a), 0);
  CU_ASSERT_EQUAL(gmux_loop_post(loop, noted_happen, &b), 0);
  CU_ASSERT_STRING_EQUAL(trace, "");
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(trace, "ab");
  CU_ASSERT_TRUE(a.was_inside);
  CU_ASSERT_EQUAL(sim_turns(world), 1);
}

static void post_again(void *arg) {
  unsigned *left = arg;
  if (*left == 0) return;
  --*left;
  (void)gmux_loop_post(loop, post_again, left);
}

/* More than one turn is given: the rounds of a turn are bounded. */
static void posts_from_posts_run_to_the_last(void) {
  unsigned left = 100;
  CU_ASSERT_EQUAL(gmux_loop_post(loop, post_again, &left), 0);
  sim_run(world);
  CU_ASSERT_EQUAL(left, 0);
  CU_ASSERT_TRUE(sim_turns(world) > 1);
}

static void a_loop_is_inside_only_its_own_turns_when_set_outside(void) {
  gmux_loop *other = sim_loop(world);
  noted a;
  sim_set_outside(other, true);
  noted_init(&a, other, 'a'); /* asks `other` from a turn of `loop` */
  CU_ASSERT_EQUAL(gmux_loop_post(loop, noted_happen, &a), 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(trace, "a");
  CU_ASSERT_FALSE(a.was_inside);
}

/* ---- frozen loops ---- */

static void a_frozen_loop_runs_no_turn_and_finds_that_time_has_jumped(void) {
  gmux_loop *other = sim_loop(world);
  noted a, b;
  noted_at(&a, loop, 'a', SIM_EPOCH + 10 * MS);
  noted_at(&b, other, 'b', SIM_EPOCH + 20 * MS);
  sim_loop_freeze(loop, 50 * MS);
  sim_run_for(world, 50 * MS - 1);
  CU_ASSERT_STRING_EQUAL(trace, "b"); /* others go on */
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(trace, "ba");
  CU_ASSERT_EQUAL(trace_ns, SIM_EPOCH + 50 * MS);
  CU_ASSERT_EQUAL(sim_loop_thaws_at(loop), SIM_EPOCH + 50 * MS);
  CU_ASSERT_EQUAL(sim_loop_thaws_at(other), 0);
  CU_ASSERT_EQUAL(sim_happened_so_far(world)->freezes, 1);
}

static void posts_to_a_frozen_loop_wait_for_it(void) {
  noted a;
  noted_init(&a, loop, 'a');
  sim_loop_freeze(loop, 50 * MS);
  CU_ASSERT_EQUAL(gmux_loop_post(loop, noted_happen, &a), 0);
  sim_run_for(world, 49 * MS);
  CU_ASSERT_STRING_EQUAL(trace, "");
  sim_loop_freeze(loop, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(trace, "a");
  CU_ASSERT_EQUAL(trace_ns, SIM_EPOCH + 49 * MS);
}

static void a_loop_that_had_nothing_to_do_was_not_frozen(void) {
  sim_loop_freeze(loop, 50 * MS);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(sim_turns(world), 0);
  CU_ASSERT_EQUAL(sim_happened_so_far(world)->freezes, 0);
}

/* ---- chance ---- */

/* Four loops, each with three turns at one time. */
static void run_a_dozen_turns(uint64_t seed, bool is_shuffled) {
  noted n[4];
  teardown();
  world = sim_new(seed);
  trace[0] = '\0';
  sim_shuffle(world, is_shuffled);
  for (int i = 0; i < 4; i++)
    noted_at(&n[i], sim_loop(world), (char)('a' + i), SIM_EPOCH)->again = 2;
  sim_run(world);
}

static void shuffled_turns_come_in_an_order_of_the_seed(void) {
  char first[sizeof trace];
  run_a_dozen_turns(1, false);
  CU_ASSERT_STRING_EQUAL(trace, "abcdabcdabcd");
  run_a_dozen_turns(1, true);
  strcpy(first, trace);
  CU_ASSERT_EQUAL(strlen(first), 12);
  CU_ASSERT_STRING_NOT_EQUAL(first, "abcdabcdabcd");
  CU_ASSERT_TRUE(sim_happened_so_far(world)->shuffles > 0);
  run_a_dozen_turns(1, true);
  CU_ASSERT_STRING_EQUAL(trace, first);
  run_a_dozen_turns(2, true);
  CU_ASSERT_STRING_NOT_EQUAL(trace, first);
}

static void the_seed_alone_decides_what_is_random(void) {
  sim *same = sim_new(1);
  sim *different = sim_new(2);
  gmux_loop *same_loop = sim_loop(same);
  gmux_loop *different_loop = sim_loop(different);
  uint64_t first = gmux__loop_random(loop);
  CU_ASSERT_EQUAL(gmux__loop_random(same_loop), first);
  CU_ASSERT_NOT_EQUAL(gmux__loop_random(different_loop), first);
  CU_ASSERT_NOT_EQUAL(gmux__loop_random(sim_loop(same)), first); /* nor are loops alike */
  sim_free(same);
  sim_free(different);
}

/* ---- the end ---- */

static int stop_answer;

static void stop_from_within(void *arg) {
  stop_answer = gmux_loop_stop(arg);
}

static void stop_refuses_what_its_header_says(void) {
  gmux_loop *other = sim_loop(world);
  gmux__loop_ref(other);
  CU_ASSERT_EQUAL(gmux_loop_stop(other), GMUX_ERR_STATE);
  gmux__loop_unref(other);
  sim_set_outside(other, true);
  CU_ASSERT_EQUAL(gmux_loop_stop(other), GMUX_ERR_THREAD);
  sim_set_outside(other, false);
  CU_ASSERT_EQUAL(gmux_loop_post(other, stop_from_within, other), 0);
  sim_run(world);
  CU_ASSERT_EQUAL(stop_answer, GMUX_ERR_STATE);
}

static void stop_runs_the_posts_that_are_left(void) {
  gmux_loop *other = sim_loop(world);
  noted a;
  noted_init(&a, loop, 'a');
  CU_ASSERT_EQUAL(gmux_loop_post(other, noted_happen, &a), 0);
  CU_ASSERT_EQUAL(gmux_loop_stop(other), 0);
  CU_ASSERT_STRING_EQUAL(trace, "a");
  CU_ASSERT_FALSE(sim_step(world));
}

static void no_answer(void *arg, int error, const gmux__address *addresses, size_t count,
                      const char *why) {
  (void)arg, (void)error, (void)addresses, (void)count, (void)why;
}

static void no_dial(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)error, (void)transport, (void)why;
}

static void no_accept(void *arg, gmux__transport *transport) {
  (void)arg, (void)transport;
}

static void leak_listener(sim *s) {
  gmux__listener *listener;
  gmux__address at = sim_address("127.0.0.1", 0);
  (void)gmux__loop_listen(sim_loop(s), &listener, &at, NULL, no_accept, NULL);
}

static void leak_dial(sim *s) {
  gmux__dial *dial;
  gmux__address to = sim_address("127.0.0.1", 1);
  sim_net_blackhole(s, &to, SIM_BOTH_WAYS);
  (void)gmux__loop_dial(sim_loop(s), &dial, &to, NULL, no_dial, NULL);
}

static void leak_resolve(sim *s) {
  gmux__resolve *resolve;
  sim_dns_hang(s, "lost");
  (void)gmux__loop_resolve(sim_loop(s), &resolve, "lost", 1, no_answer, NULL);
}

static void leak_user(sim *s) {
  gmux__loop_ref(sim_loop(s));
}

static void leak_timer(sim *s) {
  static noted never;
  noted_at(&never, sim_loop(s), 'a', GMUX__NEVER - 1);
}

static void leak_nothing(sim *s) {
  (void)sim_loop(s);
}

/* Whether the world finds it: in a process of its own, since it aborts. */
static bool is_fatal(void (*leak)(sim *s)) {
  pid_t pid = fork();
  if (pid == 0) {
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    sim *s = sim_new(1);
    leak(s);
    sim_free(s);
    _exit(0);
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return false;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void free_finds_what_was_left_behind(void) {
  CU_ASSERT_FALSE(is_fatal(leak_nothing));
  CU_ASSERT_TRUE(is_fatal(leak_listener));
  CU_ASSERT_TRUE(is_fatal(leak_dial));
  CU_ASSERT_TRUE(is_fatal(leak_resolve));
  CU_ASSERT_TRUE(is_fatal(leak_user));
  CU_ASSERT_TRUE(is_fatal(leak_timer));
}

static const test_case cases[] = {
    TEST(run_does_not_move_time),
    TEST(run_for_fires_timers_of_all_loops_in_order_and_on_time),
    TEST(run_for_moves_time_when_nothing_happens),
    TEST(a_timer_for_the_past_fires_now_and_time_does_not_go_back),
    TEST(a_timer_moved_or_cleared_between_turns_is_not_missed),
    TEST(run_until_stops_at_the_condition),
    TEST(run_until_says_that_the_limit_came_first),
    TEST(step_does_what_is_to_do_before_it_moves_the_clock),
    TEST(loops_take_turns),
    TEST(posts_from_outside_run_inside_and_in_order),
    TEST(posts_from_posts_run_to_the_last),
    TEST(a_loop_is_inside_only_its_own_turns_when_set_outside),
    TEST(a_frozen_loop_runs_no_turn_and_finds_that_time_has_jumped),
    TEST(posts_to_a_frozen_loop_wait_for_it),
    TEST(a_loop_that_had_nothing_to_do_was_not_frozen),
    TEST(shuffled_turns_come_in_an_order_of_the_seed),
    TEST(the_seed_alone_decides_what_is_random),
    TEST(stop_refuses_what_its_header_says),
    TEST(stop_runs_the_posts_that_are_left),
    TEST(free_finds_what_was_left_behind),
    TESTS_END,
};

const test_suite sim_sim_suite = {"sim", cases, setup, teardown};
