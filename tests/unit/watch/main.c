/* main.c: the tests of lib/watch. */
#include "tests/unit/harness.h"

extern const test_suite watch_odometer_suite, watch_ring_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&watch_odometer_suite, &watch_ring_suite, NULL};
  return test_main("watch", suites, 30, argc, argv);
}
