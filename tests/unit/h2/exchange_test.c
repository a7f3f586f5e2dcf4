/* What both sides of a call share: holds, posts, back-pressure. The owner here is a stand-in that
 * writes down what is applied; time and threads are the moved-time loop's, except where a real
 * second thread is the point. */
#include "lib/h2/exchange.h"
#include "tests/sim/sim.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

typedef struct owner {
  gmux__exchange exchange;
  char log[256];
  int answer; /* of apply */
  int writable, dropped;
  bool is_destroyed;
  size_t kept; /* bytes of messages taken */
} owner;

static sim *world;
static gmux_loop *loop;
static owner o;

static int on_apply(gmux__exchange *x, gmux__op *op, bool was_posted) {
  static const char kinds[] = "SWHCXMF";
  owner *own = (owner *)x;
  size_t n = strlen(own->log);
  snprintf(own->log + n, sizeof own->log - n, "%c%s", kinds[op->kind], was_posted ? "'" : "");
  if (own->answer) return own->answer;
  if (op->kind == GMUX__OP_WRITE) {
    own->kept += op->message.len;
    gmux_bytes_release(&op->message);
  }
  return 0;
}

static void on_drop(void *data) {
  (void)data;
  o.dropped++;
}
static void on_writable(gmux__exchange *x) {
  ((owner *)x)->writable++;
}
static void on_destroy(gmux__exchange *x) {
  ((owner *)x)->is_destroyed = true;
  gmux__exchange_deinit(x);
}

static const gmux__exchange_ops ops = {on_apply, on_drop, on_writable, on_destroy};

static gmux__exchange_home home;

static void setup(void) {
  world = sim_new(1);
  loop = sim_loop(world);
  memset(&o, 0, sizeof o);
  home = (gmux__exchange_home){.ops = &ops, .loop = loop};
  gmux__exchange_init(&o.exchange, &home, 1000, 5000);
}

static void teardown(void) {
  if (!o.is_destroyed) gmux__exchange_release(&o.exchange);
  sim_run(world);
  CU_ASSERT_TRUE(o.is_destroyed);
  sim_free(world);
}

static int write_bytes(size_t len) {
  static const uint8_t zeros[10000];
  gmux_bytes message = gmux_bytes_borrow(zeros, len);
  return gmux__exchange_write(&o.exchange, &message, false);
}

static void on_the_loop_an_operation_is_applied_at_once(void) {
  CU_ASSERT_EQUAL(write_bytes(10), 0);
  CU_ASSERT_STRING_EQUAL(o.log, "W");
  gmux__exchange_cancel(&o.exchange);
  CU_ASSERT_STRING_EQUAL(o.log, "WX'");
}

static void elsewhere_it_is_posted_in_order(void) {
  sim_set_outside(loop, true);
  gmux__op half_close = {.kind = GMUX__OP_HALF_CLOSE};
  CU_ASSERT_EQUAL(write_bytes(10), 0);
  CU_ASSERT_EQUAL(write_bytes(10), 0);
  CU_ASSERT_EQUAL(gmux__exchange_do(&o.exchange, &half_close), 0);
  gmux__exchange_cancel(&o.exchange);
  CU_ASSERT_STRING_EQUAL(o.log, "");
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(o.log, "W'W'H'X'");
  CU_ASSERT_EQUAL(o.kept, 20);
  sim_set_outside(loop, false);
}

static void a_post_in_flight_holds_the_exchange(void) {
  sim_set_outside(loop, true);
  CU_ASSERT_EQUAL(write_bytes(10), 0);
  gmux__exchange_release(&o.exchange);
  CU_ASSERT_FALSE(o.is_destroyed);
  sim_run(world);
  CU_ASSERT_TRUE(o.is_destroyed);
  CU_ASSERT_EQUAL(o.kept, 10);
}

static void let_go_now_it_goes_at_once_if_nobody_else_holds_it(void) {
  gmux__exchange_hold(&o.exchange);
  gmux__exchange_release_now(&o.exchange);
  CU_ASSERT_FALSE(o.is_destroyed);
  gmux__exchange_release_now(&o.exchange);
  CU_ASSERT_TRUE(o.is_destroyed);
}

static void cancelling_twice_posts_once(void) {
  sim_set_outside(loop, true);
  gmux__exchange_cancel(&o.exchange);
  gmux__exchange_cancel(&o.exchange);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(o.log, "X'");
  sim_set_outside(loop, false);
}

static int released;
static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
  released++;
}

static void on_failure_the_caller_keeps_its_message(void) {
  static const uint8_t byte;
  released = 0;
  o.answer = GMUX_ERR_NOMEM;
  gmux_bytes message = gmux_bytes_wrap(&byte, 1, on_release, NULL);
  CU_ASSERT_EQUAL(gmux__exchange_write(&o.exchange, &message, true), GMUX_ERR_NOMEM);
  CU_ASSERT_EQUAL(released, 0);
  CU_ASSERT_EQUAL(message.len, 1);
  o.answer = 0; /* and it may try again, as if nothing had been */
  CU_ASSERT_EQUAL(gmux__exchange_write(&o.exchange, &message, true), 0);
  CU_ASSERT_EQUAL(released, 1);
}

static void while_held_it_is_full_and_writable_comes_when_that_ends(void) {
  CU_ASSERT_EQUAL(write_bytes(10), 0);
  gmux__exchange_set_held(&o.exchange, true);
  CU_ASSERT_EQUAL(write_bytes(10), GMUX_ERR_AGAIN);
  gmux__exchange_sent(&o.exchange, 10); /* what others have queued holds it all the same */
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 0);
  gmux__exchange_set_held(&o.exchange, false);
  CU_ASSERT_EQUAL(o.writable, 0); /* never from inside */
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 1);
  CU_ASSERT_EQUAL(write_bytes(10), 0);
  gmux__exchange_set_held(&o.exchange, true);
  gmux__exchange_set_held(&o.exchange, false);
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 1); /* nobody was told to wait */
}

static void held_no_longer_it_still_waits_for_room_of_its_own(void) {
  CU_ASSERT_EQUAL(write_bytes(800), 0);
  gmux__exchange_set_held(&o.exchange, true);
  CU_ASSERT_EQUAL(write_bytes(10), GMUX_ERR_AGAIN);
  gmux__exchange_set_held(&o.exchange, false);
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 0);
  gmux__exchange_sent(&o.exchange, 800);
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 1);
}

static int on_apply_and_hold(gmux__exchange *x, gmux__op *op, bool was_posted) {
  gmux__exchange_set_held(x, true);
  return on_apply(x, op, was_posted);
}

static void the_message_that_passed_the_bound_is_taken_and_says_full(void) {
  static const gmux__exchange_ops holding = {on_apply_and_hold, on_drop, on_writable, on_destroy};
  home.ops = &holding;
  CU_ASSERT_EQUAL(write_bytes(10), GMUX_WRITE_FULL);
  CU_ASSERT_EQUAL(o.kept, 10);
  CU_ASSERT_EQUAL(write_bytes(10), GMUX_ERR_AGAIN);
  sim_set_outside(loop, true);
  CU_ASSERT_EQUAL(write_bytes(10), GMUX_ERR_AGAIN);
  sim_set_outside(loop, false);
  gmux__exchange_set_held(&o.exchange, false);
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 1);
}

static void a_posted_message_that_is_not_taken_is_released(void) {
  static const uint8_t byte;
  released = 0;
  o.answer = GMUX_ERR_STATE;
  sim_set_outside(loop, true);
  gmux_bytes message = gmux_bytes_wrap(&byte, 1, on_release, NULL);
  CU_ASSERT_EQUAL(gmux__exchange_write(&o.exchange, &message, false), 0);
  sim_run(world);
  CU_ASSERT_EQUAL(released, 1);
  gmux__op op = {.kind = GMUX__OP_FINISH, .data = &o};
  CU_ASSERT_EQUAL(gmux__exchange_do(&o.exchange, &op), 0);
  sim_run(world);
  CU_ASSERT_EQUAL(o.dropped, 1);
  sim_set_outside(loop, false);
}

static void a_full_queue_says_so_and_then_refuses(void) {
  const size_t nearly_all = 999 - gmux__exchange_cost(0);
  CU_ASSERT_EQUAL(write_bytes(nearly_all), 0);
  CU_ASSERT_EQUAL(write_bytes(500), GMUX_WRITE_FULL);
  CU_ASSERT_EQUAL(write_bytes(1), GMUX_ERR_AGAIN);
  CU_ASSERT_STRING_EQUAL(o.log, "WW");
  gmux__exchange_sent(&o.exchange, 500);
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 0); /* 999 of 1000 are left: not worth waking anybody */
  gmux__exchange_sent(&o.exchange, nearly_all);
  sim_run(world);
  CU_ASSERT_EQUAL(o.writable, 1);
}

static void empty_messages_count_for_what_they_cost(void) {
  for (size_t left = 1000; left > gmux__exchange_cost(0); left -= gmux__exchange_cost(0))
    CU_ASSERT_EQUAL(write_bytes(0), 0);
  CU_ASSERT_EQUAL(write_bytes(0), GMUX_WRITE_FULL);
}

static void nothing_is_written_after_the_last_message_or_the_end(void) {
  gmux_bytes message = gmux_bytes_borrow("x", 1);
  CU_ASSERT_EQUAL(gmux__exchange_write(&o.exchange, &message, true), 0);
  message = gmux_bytes_borrow("x", 1);
  CU_ASSERT_EQUAL(gmux__exchange_write(&o.exchange, &message, false), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux__exchange_close_writing(&o.exchange), GMUX_ERR_STATE);
  atomic_store(&o.exchange.shared.is_over, true);
  CU_ASSERT_EQUAL(write_bytes(1), GMUX_ERR_STATE);
}

static void a_message_over_the_limit_is_refused_in_words(void) {
  CU_ASSERT_EQUAL(write_bytes(5001), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "5001"));
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "5000"));
  CU_ASSERT_EQUAL(gmux__exchange_write(&o.exchange, NULL, false), GMUX_ERR_INVALID);
}

static void waiting_is_refused_on_the_loops_thread_and_without_a_box(void) {
  gmux_bytes message = {0};
  CU_ASSERT_EQUAL(gmux__exchange_read_wait(&o.exchange, &message), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL_FATAL(gmux__mailbox_new(&o.exchange.box), 0);
  CU_ASSERT_EQUAL(gmux__exchange_read_wait(&o.exchange, &message), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux__exchange_write_wait(&o.exchange, &message, false), GMUX_ERR_DEADLOCK);
}

/* A writer here against a loop on its own thread that drains: whoever comes second sees the other,
 * so the writer is always woken. With a lost wake-up this test never ends. */
enum { ROUNDS = 20000, ROUND_BYTES = 600 };

static atomic_bool is_over;

static int drain(gmux__exchange *x, gmux__op *op, bool was_posted) {
  (void)was_posted;
  if (op->kind == GMUX__OP_WRITE) gmux__exchange_sent(x, op->message.len);
  return 0;
}

static void on_drain_destroy(gmux__exchange *x) {
  gmux__exchange_deinit(x);
  atomic_store(&is_over, true);
}

static void a_waiting_writer_is_always_woken(void) {
  static const gmux__exchange_ops drain_ops = {drain, NULL, NULL, on_drain_destroy};
  static const uint8_t bytes[ROUND_BYTES];
  gmux_loop *real;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&real, NULL), 0);
  gmux__exchange x;
  const gmux__exchange_home its_home = {.ops = &drain_ops, .loop = real};
  gmux__exchange_init(&x, &its_home, 1000, 5000);
  CU_ASSERT_EQUAL_FATAL(gmux__mailbox_new(&x.box), 0);
  int rc = 0;
  for (int i = 0; i < ROUNDS && !rc; i++) {
    gmux_bytes message = gmux_bytes_borrow(bytes, sizeof bytes);
    rc = gmux__exchange_write_wait(&x, &message, false);
  }
  CU_ASSERT_EQUAL(rc, 0);
  gmux__exchange_release(&x);
  CU_ASSERT_EQUAL(gmux_loop_stop(real), 0);
  CU_ASSERT_TRUE(atomic_load(&is_over));
}

/* Two writers, who stop after a few messages: the word that one of them takes back, because its own
 * message filled the queue anew, may have been for the other. */
enum { GAMES = 3000, GAME_MESSAGES = 3 };

typedef struct game {
  gmux__exchange x;
  pthread_barrier_t barrier;
} game;

static int write_a_few(gmux__exchange *x) {
  static const uint8_t bytes[ROUND_BYTES];
  int rc = 0;
  for (int i = 0; i < GAME_MESSAGES && !rc; i++) {
    gmux_bytes message = gmux_bytes_borrow(bytes, sizeof bytes);
    rc = gmux__exchange_write_wait(x, &message, false);
  }
  return rc;
}

static void *play(void *arg) {
  game *g = arg;
  intptr_t failures = 0;
  for (int i = 0; i < GAMES; i++) {
    failures += write_a_few(&g->x) != 0;
    pthread_barrier_wait(&g->barrier);
  }
  return (void *)failures;
}

static void each_of_two_writers_is_woken(void) {
  static const gmux__exchange_ops drain_ops = {drain, NULL, NULL, on_drain_destroy};
  gmux_loop *real;
  game g;
  pthread_t other;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&real, NULL), 0);
  const gmux__exchange_home its_home = {.ops = &drain_ops, .loop = real};
  gmux__exchange_init(&g.x, &its_home, 1000, 5000);
  CU_ASSERT_EQUAL_FATAL(gmux__mailbox_new(&g.x.box), 0);
  CU_ASSERT_EQUAL_FATAL(pthread_barrier_init(&g.barrier, NULL, 2), 0);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&other, NULL, play, &g), 0);
  void *its_failures;
  CU_ASSERT_PTR_NULL(play(&g));
  pthread_join(other, &its_failures);
  CU_ASSERT_PTR_NULL(its_failures);
  pthread_barrier_destroy(&g.barrier);
  gmux__exchange_release(&g.x);
  CU_ASSERT_EQUAL(gmux_loop_stop(real), 0);
}

static const test_case cases[] = {
    TEST(on_the_loop_an_operation_is_applied_at_once),
    TEST(elsewhere_it_is_posted_in_order),
    TEST(a_post_in_flight_holds_the_exchange),
    TEST(let_go_now_it_goes_at_once_if_nobody_else_holds_it),
    TEST(cancelling_twice_posts_once),
    TEST(on_failure_the_caller_keeps_its_message),
    TEST(a_posted_message_that_is_not_taken_is_released),
    TEST(a_full_queue_says_so_and_then_refuses),
    TEST(empty_messages_count_for_what_they_cost),
    TEST(nothing_is_written_after_the_last_message_or_the_end),
    TEST(a_message_over_the_limit_is_refused_in_words),
    TEST(waiting_is_refused_on_the_loops_thread_and_without_a_box),
    TEST(a_waiting_writer_is_always_woken),
    TEST(while_held_it_is_full_and_writable_comes_when_that_ends),
    TEST(held_no_longer_it_still_waits_for_room_of_its_own),
    TEST(the_message_that_passed_the_bound_is_taken_and_says_full),
    TEST(each_of_two_writers_is_woken),
    TESTS_END,
};

extern const test_suite h2_exchange_suite;
const test_suite h2_exchange_suite = {"exchange", cases, setup, teardown};
