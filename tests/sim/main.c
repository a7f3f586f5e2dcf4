/* main.c: the tests of the simulated world itself. */
#include "tests/unit/harness.h"

extern const test_suite sim_sim_suite;
extern const test_suite sim_net_suite;
extern const test_suite sim_link_suite;
extern const test_suite sim_fate_suite;
extern const test_suite sim_patience_suite;
extern const test_suite sim_rawpeer_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&sim_sim_suite,
                                             &sim_net_suite,
                                             &sim_link_suite,
                                             &sim_fate_suite,
                                             &sim_patience_suite,
                                             &sim_rawpeer_suite,
                                             NULL};
  return test_main("sim", suites, 30, argc, argv);
}
