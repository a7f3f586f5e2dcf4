/* cover_test.c: what a run has covered is counted once, added up, and what is missing is named. */
#include "lib/client/line.h"
#include "tests/sim/cover.h"
#include "tests/unit/harness.h"
#include <string.h>

static const char *fault_str(size_t kind) {
  return kind == 0 ? "rain" : "hail";
}
static const cover_faults faults = {2, fault_str};

static cover seen;
static char text[16384];

static void setup(void) {
  cover_install();
  cover_take(&seen);
}

static void teardown(void) {
  gmux__machine_observe = NULL;
}

static const char *printed(const cover *c) {
  FILE *out = tmpfile();
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  cover_print(c, &faults, out);
  rewind(out);
  text[fread(text, 1, sizeof text - 1, out)] = '\0';
  fclose(out);
  return text;
}

/* From the list of what never happened. */
static bool is_missed(const cover *c, const char *words) {
  const char *list = strstr(printed(c), "never in these seeds:");
  return list && strstr(list, words);
}

static void a_step_is_counted_under_its_machine(void) {
  gmux__machine_step(&gmux__line_machine, GMUX__LINE_GREETING, GMUX__LINE_READY);
  gmux__machine_step(&gmux__line_machine, GMUX__LINE_GREETING, GMUX__LINE_READY);
  cover_take(&seen);
  CU_ASSERT_PTR_NOT_NULL(strstr(printed(&seen), " 2  line: GREETING -> READY\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(printed(&seen), " 0  line: READY -> DRAINING\n"));
}

static void what_never_happened_is_named(void) {
  cover_count_seed(50, (const uint64_t[]){3, 0}, 2);
  gmux__machine_step(&gmux__line_machine, GMUX__LINE_GREETING, GMUX__LINE_READY);
  cover_take(&seen);
  CU_ASSERT_TRUE(is_missed(&seen, "fault: hail"));
  CU_ASSERT_FALSE(is_missed(&seen, "fault: rain"));
  CU_ASSERT_TRUE(is_missed(&seen, "line: READY -> DRAINING"));
  CU_ASSERT_FALSE(is_missed(&seen, "line: GREETING -> READY"));
}

static void what_cannot_happen_is_not_missed(void) {
  CU_ASSERT_FALSE(is_missed(&seen, "line: READY -> GREETING"));
  CU_ASSERT_FALSE(is_missed(&seen, "line: GONE"));
}

static void what_was_covered_twice_is_missed_once_less(void) {
  size_t before = cover_missing(&seen, &faults);
  cover_count_seed(1, (const uint64_t[]){1, 1}, 2);
  gmux__machine_step(&gmux__line_machine, GMUX__LINE_GREETING, GMUX__LINE_READY);
  gmux__machine_step(&gmux__line_machine, GMUX__LINE_GREETING, GMUX__LINE_READY);
  cover_take(&seen);
  CU_ASSERT_EQUAL(cover_missing(&seen, &faults), before - 3);
}

static void taking_begins_again_at_nothing(void) {
  cover_count_seed(50, (const uint64_t[]){3, 1}, 2);
  gmux__machine_step(&gmux__line_machine, GMUX__LINE_GREETING, GMUX__LINE_READY);
  cover_take(&seen);
  CU_ASSERT_EQUAL(seen.seeds, 1);
  cover_take(&seen);
  static const cover nothing;
  CU_ASSERT_EQUAL(memcmp(&seen, &nothing, sizeof seen), 0);
}

static void covers_of_several_processes_add_up(void) {
  cover sum = {0};
  for (int i = 0; i < 2; i++) {
    cover_count_seed(50, (const uint64_t[]){3, 1}, 2);
    gmux__machine_step(&gmux__line_machine, GMUX__LINE_GREETING, GMUX__LINE_READY);
    cover_take(&seen);
    cover_add(&sum, &seen);
  }
  CU_ASSERT_EQUAL(sum.seeds, 2);
  CU_ASSERT_EQUAL(sum.calls, 100);
  CU_ASSERT_EQUAL(sum.faults[0], 6);
  CU_ASSERT_PTR_NOT_NULL(strstr(printed(&sum), " 2  line: GREETING -> READY\n"));
}

static const test_case cases[] = {
    TEST(a_step_is_counted_under_its_machine),
    TEST(what_never_happened_is_named),
    TEST(what_cannot_happen_is_not_missed),
    TEST(what_was_covered_twice_is_missed_once_less),
    TEST(taking_begins_again_at_nothing),
    TEST(covers_of_several_processes_add_up),
    TESTS_END,
};

int main(int argc, char **argv) {
  static const test_suite cover_suite = {"cover", cases, setup, teardown};
  static const test_suite *const suites[] = {&cover_suite, NULL};
  return test_main("cover", suites, 30, argc, argv);
}
