/* main.c: tests of the whole library over real sockets. */
#include "tests/unit/harness.h"

extern const test_suite net_target_suite, net_thread_suite, net_stream_suite, net_tls_suite,
    net_restart_suite, net_process_suite, net_misuse_suite, net_deploy_suite, net_blackhole_suite,
    net_stall_suite, net_fleet_suite, net_reload_suite, net_loops_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&net_target_suite,  &net_thread_suite,
                                             &net_loops_suite,   &net_stream_suite,
                                             &net_tls_suite,     &net_restart_suite,
                                             &net_process_suite, &net_misuse_suite,
                                             &net_deploy_suite,  &net_blackhole_suite,
                                             &net_stall_suite,   &net_fleet_suite,
                                             &net_reload_suite,  NULL};
  return test_main("net", suites, 60, argc, argv);
}
