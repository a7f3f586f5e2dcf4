/* main.c: the tests of lib/policy. */
#include "tests/unit/harness.h"

extern const test_suite policy_abuse_suite, policy_backoff_suite, policy_bucket_suite,
    policy_budget_suite, policy_gate_suite, policy_jitter_suite, policy_pool_suite,
    policy_pulse_suite, policy_pulse_peer_suite, policy_retry_suite, policy_rtt_suite,
    policy_slots_suite, policy_share_suite, policy_strikes_suite, policy_lanes_suite,
    policy_window_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&policy_backoff_suite,
                                             &policy_bucket_suite,
                                             &policy_budget_suite,
                                             &policy_gate_suite,
                                             &policy_jitter_suite,
                                             &policy_pool_suite,
                                             &policy_pulse_suite,
                                             &policy_pulse_peer_suite,
                                             &policy_retry_suite,
                                             &policy_rtt_suite,
                                             &policy_share_suite,
                                             &policy_slots_suite,
                                             &policy_strikes_suite,
                                             &policy_abuse_suite,
                                             &policy_lanes_suite,
                                             &policy_window_suite,
                                             NULL};
  return test_main("policy", suites, 60, argc, argv);
}
