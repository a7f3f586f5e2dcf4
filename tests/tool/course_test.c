/* course_test.c: when the calls of a load start, and which of them count. */
#include "tests/unit/harness.h"
#include "tools/gmux/course.h"

enum { BEGIN = 1000000 };

static course course_of(double interval_ns) {
  course c = {.interval_ns = interval_ns};
  course_begin(&c, BEGIN);
  return c;
}

static unsigned start_all(course *c, uint64_t now_ns, course_call *last) {
  unsigned count = 0;
  while (count < 1000 && course_next(c, now_ns, last))
    count++;
  return count;
}

static void with_a_rate_each_call_has_its_moment(void) {
  course c = course_of(100.);
  course_call call;
  CU_ASSERT_TRUE(course_next(&c, BEGIN, &call));
  CU_ASSERT_EQUAL(call.planned_ns, BEGIN);
  CU_ASSERT_FALSE(course_next(&c, BEGIN + 99, &call));
  CU_ASSERT_EQUAL(course_due_ns(&c), BEGIN + 100);
  CU_ASSERT_TRUE(course_next(&c, BEGIN + 100, &call));
  CU_ASSERT_EQUAL(call.planned_ns, BEGIN + 100);
}

/* The omission that is called coordinated: a load that stood still for ten intervals has ten calls
 * to make good, each counted from its own moment. */
static void a_call_that_starts_late_counts_from_when_it_was_to_start(void) {
  course c = course_of(100.);
  course_call call;
  CU_ASSERT_TRUE(course_next(&c, BEGIN, &call));
  for (uint64_t k = 1; k <= 10; k++) {
    CU_ASSERT_TRUE(course_next(&c, BEGIN + 1000, &call));
    CU_ASSERT_EQUAL(call.planned_ns, BEGIN + 100 * k);
  }
  CU_ASSERT_FALSE(course_next(&c, BEGIN + 1000, &call));
}

static void intervals_that_are_no_whole_nanoseconds_do_not_add_up_to_less(void) {
  course c = course_of(1e9 / 3);
  course_call call = {.planned_ns = 0};
  CU_ASSERT_EQUAL(start_all(&c, BEGIN + 100 * (uint64_t)1000000000, &call), 301);
  CU_ASSERT_EQUAL(call.planned_ns, BEGIN + 100 * (uint64_t)1000000000);
}

static void several_loads_take_turns(void) {
  course a = {.interval_ns = 200, .offset_ns = 0}, b = {.interval_ns = 200, .offset_ns = 100};
  course_begin(&a, BEGIN), course_begin(&b, BEGIN);
  CU_ASSERT_EQUAL(course_due_ns(&a), BEGIN);
  CU_ASSERT_EQUAL(course_due_ns(&b), BEGIN + 100);
}

static void a_rate_and_a_duration_make_a_number_of_calls(void) {
  course c = {.interval_ns = 100, .warm_up_ns = 500, .duration_ns = 1000};
  course_call call;
  course_begin(&c, BEGIN);
  CU_ASSERT_EQUAL(start_all(&c, BEGIN + 99999, &call), 15);
  CU_ASSERT_EQUAL(c.counted, 10);
  CU_ASSERT_TRUE(course_is_over(&c, BEGIN + 99999));
}

static void calls_of_the_warm_up_are_not_counted(void) {
  course c = {.warm_up_ns = 500, .requests = 2};
  course_call call;
  course_begin(&c, BEGIN);
  CU_ASSERT_TRUE(course_next(&c, BEGIN + 499, &call) && !call.is_counted);
  CU_ASSERT_TRUE(course_next(&c, BEGIN + 500, &call) && call.is_counted);
  CU_ASSERT_TRUE(course_next(&c, BEGIN + 600, &call) && call.is_counted);
  CU_ASSERT_FALSE(course_next(&c, BEGIN + 700, &call));
  CU_ASSERT_EQUAL(course_counts_from_ns(&c), BEGIN + 500);
}

static void without_a_rate_a_call_starts_when_there_is_a_place(void) {
  course c = course_of(0);
  course_call call;
  c.duration_ns = 1000;
  CU_ASSERT_TRUE(course_next(&c, BEGIN + 7, &call));
  CU_ASSERT_EQUAL(call.planned_ns, BEGIN + 7);
  CU_ASSERT_TRUE(course_next(&c, BEGIN + 999, &call));
  CU_ASSERT_FALSE(course_is_over(&c, BEGIN + 999));
  CU_ASSERT_FALSE(course_next(&c, BEGIN + 1000, &call));
  CU_ASSERT_TRUE(course_is_over(&c, BEGIN + 1000));
}

static void what_comes_first_ends_it(void) {
  course c = {.interval_ns = 100, .duration_ns = 1000, .requests = 3};
  course_call call;
  course_begin(&c, BEGIN);
  CU_ASSERT_EQUAL(start_all(&c, BEGIN + 5000, &call), 3);
  c = (course){.interval_ns = 100, .duration_ns = 200, .requests = 30};
  course_begin(&c, BEGIN);
  CU_ASSERT_EQUAL(start_all(&c, BEGIN + 5000, &call), 2);
}

static const test_case cases[] = {
    TEST(with_a_rate_each_call_has_its_moment),
    TEST(a_call_that_starts_late_counts_from_when_it_was_to_start),
    TEST(intervals_that_are_no_whole_nanoseconds_do_not_add_up_to_less),
    TEST(several_loads_take_turns),
    TEST(a_rate_and_a_duration_make_a_number_of_calls),
    TEST(calls_of_the_warm_up_are_not_counted),
    TEST(without_a_rate_a_call_starts_when_there_is_a_place),
    TEST(what_comes_first_ends_it),
    TESTS_END};
const test_suite tool_course_suite = {"course", cases, NULL, NULL};
