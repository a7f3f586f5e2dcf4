/* main.c: the tests of lib/server. */
#include "tests/unit/harness.h"

extern const test_suite server_abuse_suite, server_hostile_suite, server_resets_suite,
    server_answer_suite, server_call_suite, server_call_api_suite, server_careless_suite,
    server_client_suite, server_compression_suite, server_connection_suite, server_lifetime_suite,
    server_listener_suite, server_log_suite, server_memory_suite, server_methods_suite,
    server_options_suite, server_pings_suite, server_request_suite, server_server_suite,
    server_stalls_suite, server_torture_suite, server_front_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&server_options_suite,
                                             &server_methods_suite,
                                             &server_request_suite,
                                             &server_answer_suite,
                                             &server_call_suite,
                                             &server_call_api_suite,
                                             &server_careless_suite,
                                             &server_connection_suite,
                                             &server_lifetime_suite,
                                             &server_listener_suite,
                                             &server_pings_suite,
                                             &server_server_suite,
                                             &server_client_suite,
                                             &server_log_suite,
                                             &server_abuse_suite,
                                             &server_resets_suite,
                                             &server_hostile_suite,
                                             &server_compression_suite,
                                             &server_stalls_suite,
                                             &server_torture_suite,
                                             &server_front_suite,
                                             &server_memory_suite,
                                             NULL};
  return test_main("server", suites, 60, argc, argv);
}
