/* main.c: the tests of the command gmux. */
#include "tests/unit/harness.h"

extern const test_suite tool_registry_suite, tool_names_suite, tool_numbers_suite,
    tool_encode_suite, tool_decode_suite, tool_known_suite, tool_plain_suite, tool_round_suite,
    tool_terminal_suite, tool_course_suite, tool_tally_suite, tool_top_model_suite,
    tool_top_view_suite, tool_describe_suite, tool_reflection_suite, tool_values_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&tool_registry_suite,
                                             &tool_names_suite,
                                             &tool_numbers_suite,
                                             &tool_encode_suite,
                                             &tool_decode_suite,
                                             &tool_known_suite,
                                             &tool_plain_suite,
                                             &tool_round_suite,
                                             &tool_terminal_suite,
                                             &tool_course_suite,
                                             &tool_tally_suite,
                                             &tool_top_model_suite,
                                             &tool_top_view_suite,
                                             &tool_describe_suite,
                                             &tool_reflection_suite,
                                             &tool_values_suite,
                                             NULL};
  return test_main("tool", suites, 60, argc, argv);
}
