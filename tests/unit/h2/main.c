#include "tests/unit/harness.h"

extern const test_suite h2_conn_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&h2_conn_suite, NULL};
  return test_main("h2", suites, 60, argc, argv);
}
