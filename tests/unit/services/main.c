/* main.c: the tests of lib/services. */
#include "tests/unit/harness.h"

extern const test_suite services_channelz_suite, services_channelz_threads_suite,
    services_health_suite, services_reflection_suite, services_schema_suite, services_threads_suite,
    services_loops_server_suite, services_loops_channel_suite, services_stubs_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&services_health_suite,
                                             &services_schema_suite,
                                             &services_reflection_suite,
                                             &services_channelz_suite,
                                             &services_channelz_threads_suite,
                                             &services_threads_suite,
                                             &services_loops_server_suite,
                                             &services_loops_channel_suite,
                                             &services_stubs_suite,
                                             NULL};
  return test_main("services", suites, 60, argc, argv);
}
