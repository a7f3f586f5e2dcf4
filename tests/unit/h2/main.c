#include "tests/unit/harness.h"

extern const test_suite h2_abuse_suite, h2_blocks_suite, h2_conn_suite, h2_draft_suite,
    h2_exchange_suite, h2_head_suite, h2_ids_suite, h2_illegal_suite, h2_outq_suite, h2_phase_suite,
    h2_pulse_suite, h2_queue_suite, h2_resets_suite, h2_rewind_suite, h2_strikes_suite,
    h2_slices_suite, h2_torture_suite, h2_unsent_suite, h2_chaos_suite, h2_events_suite,
    h2_tally_suite, h2_lane_suite, h2_burst_suite, h2_windows_suite, h2_ride_suite, h2_rules_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {
      &h2_conn_suite,    &h2_draft_suite,  &h2_exchange_suite,
      &h2_head_suite,    &h2_ids_suite,    &h2_illegal_suite,
      &h2_outq_suite,    &h2_phase_suite,  &h2_pulse_suite,
      &h2_queue_suite,   &h2_resets_suite, &h2_rewind_suite,
      &h2_strikes_suite, &h2_slices_suite, &h2_abuse_suite,
      &h2_torture_suite, &h2_unsent_suite, &h2_chaos_suite,
      &h2_events_suite,  &h2_blocks_suite, &h2_lane_suite,
      &h2_tally_suite,   &h2_burst_suite,  &h2_windows_suite,
      &h2_ride_suite,    &h2_rules_suite,  NULL};
  return test_main("h2", suites, 60, argc, argv);
}
