/* fake_loop.c: a loop whose time is a number. */
#include "tests/unit/io/fake_loop.h"
#include "tests/unit/harness.h"

fake_loop fake;

static uint64_t fake_clock(gmux_loop *loop) {
  (void)loop;
  return fake.clock_ns;
}

static void fake_wake_at(gmux_loop *loop, uint64_t at_ns) {
  (void)loop;
  fake.wake_at_ns = at_ns;
  fake.wake_at_calls++;
}

static void fake_wake(gmux_loop *loop) {
  (void)loop;
  fake.wakes++;
}

static bool fake_is_inside(const gmux_loop *loop) {
  (void)loop;
  return !fake.is_outside;
}

void fake_setup(void) {
  static const gmux__loop_ops ops = {
      .clock = fake_clock, .wake_at = fake_wake_at, .wake = fake_wake, .is_inside = fake_is_inside};
  fake = (fake_loop){.clock_ns = 1000, .wake_at_ns = GMUX__NEVER};
  CU_ASSERT_EQUAL(gmux__loop_init(&fake.common, &ops, NULL, (const uint64_t[4]){1, 2, 3, 4}), 0);
}

void fake_teardown(void) {
  gmux__loop_deinit(&fake.common);
}

bool fake_turn(uint64_t at_ns) {
  fake.clock_ns = at_ns;
  gmux__loop_update_now(&fake.common);
  gmux__loop_run_timers(&fake.common);
  return gmux__loop_end_turn(&fake.common);
}
