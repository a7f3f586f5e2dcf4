/* main.c: the tests of lib/policy. */
#include "tests/unit/harness.h"

extern const test_suite policy_backoff_suite, policy_slots_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&policy_backoff_suite, &policy_slots_suite, NULL};
  return test_main("policy", suites, 30, argc, argv);
}
