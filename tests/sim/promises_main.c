/* promises_main.c: what DESIGN promises of the connection manager, on the whole library and in
 * moved time. Each test bears the name of its promise. */
#include "tests/unit/harness.h"

extern const test_suite promises_pool_suite, promises_loss_suite, promises_alive_suite,
    promises_storm_suite, promises_app_suite, promises_reset_suite, promises_fair_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {
      &promises_pool_suite, &promises_loss_suite,  &promises_alive_suite, &promises_storm_suite,
      &promises_app_suite,  &promises_reset_suite, &promises_fair_suite,  NULL};
  return test_main("promises", suites, 60, argc, argv);
}
