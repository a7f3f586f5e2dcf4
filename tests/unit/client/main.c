/* main.c: the tests of lib/client. */
#include "tests/unit/harness.h"

extern const test_suite client_options_suite, client_method_suite, client_request_suite,
    client_result_suite, client_channel_suite, client_gate_suite, client_connector_suite,
    client_dialing_suite, client_pool_suite, client_pool_size_suite, client_recycle_suite,
    client_trust_suite, client_losing_suite, client_channel_pool_suite,
    client_channel_pool_posted_suite, client_channel_end_suite, client_endpoint_suite,
    client_call_suite, client_compression_suite, client_attempt_suite, client_flow_suite,
    client_hostile_suite, client_blocking_suite, client_channel_watch_suite, client_posted_suite,
    client_torture_suite, client_retry_suite, client_resend_suite, client_retry_storm_suite,
    client_acquire_suite, client_explain_suite, client_stats_suite, client_log_suite,
    client_front_suite, client_front_end_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {
      &client_options_suite,       &client_method_suite,       &client_request_suite,
      &client_result_suite,        &client_channel_suite,      &client_gate_suite,
      &client_connector_suite,     &client_dialing_suite,      &client_pool_suite,
      &client_pool_size_suite,     &client_recycle_suite,      &client_trust_suite,
      &client_losing_suite,        &client_channel_pool_suite, &client_channel_pool_posted_suite,
      &client_channel_end_suite,   &client_endpoint_suite,     &client_call_suite,
      &client_attempt_suite,       &client_compression_suite,  &client_flow_suite,
      &client_hostile_suite,       &client_blocking_suite,     &client_retry_suite,
      &client_resend_suite,        &client_retry_storm_suite,  &client_acquire_suite,
      &client_explain_suite,       &client_stats_suite,        &client_log_suite,
      &client_channel_watch_suite, &client_posted_suite,       &client_front_suite,
      &client_front_end_suite,     &client_torture_suite,      NULL};
  return test_main("client", suites, 60, argc, argv);
}
