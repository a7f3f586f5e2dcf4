/* timer_test.c: when timers fire, and in which order. */
#include "tests/unit/harness.h"
#include "tests/unit/io/fake_loop.h"
#include <stdlib.h>
#include <string.h>

/* Timers that write down their number when they fire. */
typedef struct noted {
  gmux__timer timer;
  int number;
} noted;

static struct {
  int numbers[64];
  size_t count;
} notes;

static void note(void *arg) {
  const noted *n = arg;
  if (notes.count < sizeof notes.numbers / sizeof *notes.numbers)
    notes.numbers[notes.count++] = n->number;
}

static void setup(void) {
  fake_setup();
  memset(&notes, 0, sizeof notes);
}

static void noted_init(noted *n, size_t count) {
  for (size_t i = 0; i < count; i++) {
    gmux__timer_init(&n[i].timer, note, &n[i]);
    n[i].number = (int)i;
  }
}

static void set(noted *n, uint64_t at_ns) {
  gmux__timer_set(&fake.common, &n->timer, at_ns);
}

static void fires_at_its_time_and_once(void) {
  noted n[1];
  noted_init(n, 1);
  CU_ASSERT_FALSE(gmux__timer_is_set(&n[0].timer));
  set(&n[0], 2000);
  CU_ASSERT_TRUE(gmux__timer_is_set(&n[0].timer));
  fake_turn(1999);
  CU_ASSERT_EQUAL(notes.count, 0);
  fake_turn(2000);
  CU_ASSERT_EQUAL(notes.count, 1);
  CU_ASSERT_FALSE(gmux__timer_is_set(&n[0].timer));
  fake_turn(9000);
  CU_ASSERT_EQUAL(notes.count, 1);
}

static void expect_notes(const int *numbers, size_t count) {
  CU_ASSERT_EQUAL(notes.count, count);
  for (size_t i = 0; i < count && i < notes.count; i++)
    CU_ASSERT_EQUAL(notes.numbers[i], numbers[i]);
}

static void earlier_ones_fire_first(void) {
  noted n[4];
  noted_init(n, 4);
  set(&n[0], 4000);
  set(&n[1], 2000);
  set(&n[2], 5000);
  set(&n[3], 3000);
  fake_turn(4500);
  expect_notes((const int[]){1, 3, 0}, 3);
  gmux__timer_clear(&fake.common, &n[2].timer);
}

static void equal_times_fire_in_the_order_of_setting(void) {
  noted n[20];
  noted_init(n, 20);
  for (int i = 0; i < 20; i++)
    set(&n[(i * 7) % 20], 2000);
  fake_turn(2000);
  CU_ASSERT_EQUAL(notes.count, 20);
  for (int i = 0; i < 20; i++)
    CU_ASSERT_EQUAL(notes.numbers[i], (i * 7) % 20);
}

static void setting_again_to_the_same_time_keeps_the_place(void) {
  noted n[3];
  noted_init(n, 3);
  set(&n[0], 2000);
  set(&n[1], 2000);
  set(&n[2], 2000);
  set(&n[0], 2000);
  set(&n[1], 2500);
  set(&n[1], 2000); /* moved away and back: behind the others */
  fake_turn(2000);
  expect_notes((const int[]){0, 2, 1}, 3);
}

static void a_cleared_one_does_not_fire(void) {
  noted n[2];
  noted_init(n, 2);
  gmux__timer_clear(&fake.common, &n[0].timer); /* not set: nothing happens */
  set(&n[0], 2000);
  set(&n[1], 2000);
  gmux__timer_clear(&fake.common, &n[0].timer);
  gmux__timer_clear(&fake.common, &n[0].timer);
  fake_turn(2000);
  expect_notes((const int[]){1}, 1);
}

static void setting_to_never_clears(void) {
  noted n[1];
  noted_init(n, 1);
  set(&n[0], 2000);
  set(&n[0], GMUX__NEVER);
  CU_ASSERT_FALSE(gmux__timer_is_set(&n[0].timer));
  fake_turn(GMUX__NEVER - 1);
  CU_ASSERT_EQUAL(notes.count, 0);
}

static void one_for_the_past_fires_in_the_next_run(void) {
  noted n[2];
  noted_init(n, 2);
  fake_turn(5000);
  set(&n[0], 5000);
  set(&n[1], 3); /* earlier, but set later: both are for now */
  CU_ASSERT_EQUAL(notes.count, 0);
  fake_turn(5000);
  expect_notes((const int[]){0, 1}, 2);
}

static int again_count;

static void fire_again(void *arg) {
  again_count++;
  gmux__timer_set(&fake.common, arg, 0);
}

static void one_that_sets_itself_to_now_does_not_hold_the_turn(void) {
  gmux__timer timer;
  gmux__timer_init(&timer, fire_again, &timer);
  again_count = 0;
  gmux__timer_set(&fake.common, &timer, 2000);
  fake_turn(2000);
  CU_ASSERT_EQUAL(again_count, 1);
  CU_ASSERT_EQUAL(fake.wake_at_ns, 2000);
  fake_turn(2000);
  CU_ASSERT_EQUAL(again_count, 2);
  gmux__timer_clear(&fake.common, &timer);
}

static noted *to_clear;

static void clear_other(void *arg) {
  (void)arg;
  gmux__timer_clear(&fake.common, &to_clear->timer);
}

static void one_that_is_due_can_still_be_cleared_by_another(void) {
  noted n[2];
  noted_init(n, 2);
  gmux__timer first;
  gmux__timer_init(&first, clear_other, NULL);
  to_clear = &n[0];
  gmux__timer_set(&fake.common, &first, 2000);
  set(&n[0], 2000);
  set(&n[1], 2000);
  fake_turn(2000);
  expect_notes((const int[]){1}, 1);
}

static void free_it(void *arg) {
  free(arg);
  again_count++;
}

static void its_callback_may_free_it(void) {
  again_count = 0;
  gmux__timer *timer = malloc(sizeof *timer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(timer);
  gmux__timer_init(timer, free_it, timer);
  gmux__timer_set(&fake.common, timer, 2000);
  fake_turn(2000);
  CU_ASSERT_EQUAL(again_count, 1);
}

static void the_implementation_is_told_only_of_a_new_earliest_time(void) {
  noted n[2];
  noted_init(n, 2);
  fake_turn(1000);
  CU_ASSERT_EQUAL(fake.wake_at_calls, 0);
  set(&n[0], 5000);
  set(&n[1], 6000);
  fake_turn(1001);
  CU_ASSERT_EQUAL(fake.wake_at_calls, 1);
  CU_ASSERT_EQUAL(fake.wake_at_ns, 5000);
  set(&n[1], 7000);
  fake_turn(1002);
  CU_ASSERT_EQUAL(fake.wake_at_calls, 1);
  gmux__timer_clear(&fake.common, &n[0].timer);
  fake_turn(1003);
  CU_ASSERT_EQUAL(fake.wake_at_calls, 2);
  CU_ASSERT_EQUAL(fake.wake_at_ns, 7000);
  fake_turn(7000);
  fake_turn(7001);
  CU_ASSERT_EQUAL(notes.count, 1);
  CU_ASSERT_FALSE(gmux__loop_needs_turn(&fake.common));
}

static size_t many_fired;
static uint64_t many_last_ns;
static bool many_in_order;

static void fire_of_many(void *arg) {
  const uint64_t *at_ns = arg;
  many_fired++;
  if (*at_ns < many_last_ns) many_in_order = false;
  many_last_ns = *at_ns;
}

/* Falling times make the heap a list, rising ones a single row of siblings. */
static void hundred_thousand_fire_in_order(bool is_falling) {
  enum { MANY = 100000 };
  gmux__timer *timers = calloc(MANY, sizeof *timers);
  uint64_t *times = calloc(MANY, sizeof *times);
  CU_ASSERT_TRUE_FATAL(timers && times);
  many_fired = 0;
  many_last_ns = 0;
  many_in_order = true;
  for (size_t i = 0; i < MANY; i++) {
    times[i] = 2000 + (is_falling ? MANY - i : i);
    gmux__timer_init(&timers[i], fire_of_many, &times[i]);
    gmux__timer_set(&fake.common, &timers[i], times[i]);
  }
  for (size_t i = 0; i < MANY; i += 2)
    gmux__timer_clear(&fake.common, &timers[i]);
  fake_turn(2000 + MANY);
  CU_ASSERT_EQUAL(many_fired, MANY / 2);
  CU_ASSERT_TRUE(many_in_order);
  free(timers);
  free(times);
}

static void a_hundred_thousand_set_in_falling_order(void) {
  hundred_thousand_fire_in_order(true);
}

static void a_hundred_thousand_set_in_rising_order(void) {
  hundred_thousand_fire_in_order(false);
}

/* ---- against a model: an array that is searched from end to end ---- */

enum { MODEL_TIMERS = 100 };

static struct {
  gmux__timer timers[MODEL_TIMERS];
  uint64_t at_ns[MODEL_TIMERS]; /* GMUX__NEVER: not set */
  uint64_t order[MODEL_TIMERS];
  uint64_t next_order, now_ns;
  size_t fired, wrong;
} model;

static int model_earliest(void) {
  int best = -1;
  for (int i = 0; i < MODEL_TIMERS; i++) {
    if (model.at_ns[i] == GMUX__NEVER) continue;
    if (best < 0 || model.at_ns[i] < model.at_ns[best] ||
        (model.at_ns[i] == model.at_ns[best] && model.order[i] < model.order[best]))
      best = i;
  }
  return best;
}

static void model_set(int i, uint64_t at_ns) {
  gmux__timer_set(&fake.common, &model.timers[i], at_ns);
  if (at_ns < model.now_ns) at_ns = model.now_ns;
  if (model.at_ns[i] == at_ns) return;
  model.at_ns[i] = at_ns;
  model.order[i] = model.next_order++;
}

static void model_clear(int i) {
  gmux__timer_clear(&fake.common, &model.timers[i]);
  model.at_ns[i] = GMUX__NEVER;
}

static uint64_t random_below(uint64_t n) {
  return gmux__loop_random(&fake.common) % n;
}

static void model_fire(void *arg) {
  int i = (int)((gmux__timer *)arg - model.timers);
  if (i != model_earliest() || model.at_ns[i] > model.now_ns) model.wrong++;
  model.at_ns[i] = GMUX__NEVER;
  model.fired++;
  if (random_below(4) == 0)
    model_set((int)random_below(MODEL_TIMERS), model.now_ns + random_below(50));
  if (random_below(4) == 0) model_clear((int)random_below(MODEL_TIMERS));
}

static void random_operations_agree_with_a_model(void) {
  memset(&model, 0, sizeof model);
  model.now_ns = 1000;
  for (int i = 0; i < MODEL_TIMERS; i++) {
    gmux__timer_init(&model.timers[i], model_fire, &model.timers[i]);
    model.at_ns[i] = GMUX__NEVER;
  }
  for (int step = 0; step < 50000; step++) {
    int i = (int)random_below(MODEL_TIMERS);
    if (random_below(3) == 0)
      model_clear(i);
    else
      model_set(i, model.now_ns - 10 + random_below(200));
    if (random_below(10) == 0) fake_turn(model.now_ns += random_below(30));
    int earliest = model_earliest();
    const gmux__timer *root = fake.common.loop.timers;
    if (root != (earliest < 0 ? NULL : &model.timers[earliest])) model.wrong++;
  }
  CU_ASSERT_EQUAL(model.wrong, 0);
  CU_ASSERT_TRUE(model.fired > 1000);
  for (int i = 0; i < MODEL_TIMERS; i++)
    model_clear(i);
  CU_ASSERT_PTR_NULL(fake.common.loop.timers);
}

static const test_case cases[] = {
    TEST(fires_at_its_time_and_once),
    TEST(earlier_ones_fire_first),
    TEST(equal_times_fire_in_the_order_of_setting),
    TEST(setting_again_to_the_same_time_keeps_the_place),
    TEST(a_cleared_one_does_not_fire),
    TEST(setting_to_never_clears),
    TEST(one_for_the_past_fires_in_the_next_run),
    TEST(one_that_sets_itself_to_now_does_not_hold_the_turn),
    TEST(one_that_is_due_can_still_be_cleared_by_another),
    TEST(its_callback_may_free_it),
    TEST(the_implementation_is_told_only_of_a_new_earliest_time),
    TEST(a_hundred_thousand_set_in_falling_order),
    TEST(a_hundred_thousand_set_in_rising_order),
    TEST(random_operations_agree_with_a_model),
    TESTS_END,
};

const test_suite io_timer_suite = {"timer", cases, setup, fake_teardown};
