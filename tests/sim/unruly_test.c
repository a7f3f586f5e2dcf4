/* unruly_test.c: the tests of the unruly server. */
#include "tests/unit/harness.h"

extern const test_suite unruly_fate_suite;
extern const test_suite unruly_deed_suite;
extern const test_suite unruly_judge_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&unruly_fate_suite, &unruly_deed_suite,
                                             &unruly_judge_suite, NULL};
  return test_main("unruly", suites, 60, argc, argv);
}
