/* main.c: the tests of generated stubs. */
#include "tests/unit/harness.h"

extern const test_suite stubs_start_suite, stubs_wait_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&stubs_start_suite, &stubs_wait_suite, NULL};
  return test_main("stubs", suites, 60, argc, argv);
}
