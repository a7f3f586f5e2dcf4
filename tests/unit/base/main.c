/* main.c: the tests of lib/base. */
#include "tests/unit/harness.h"

extern const test_suite base_alloc_suite, base_buf_suite, base_bytes_suite, base_fail_suite,
    base_hook_suite, base_list_suite, base_log_suite, base_machine_suite, base_map_suite,
    base_options_suite, base_slab_suite, base_hoard_suite, base_text_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&base_alloc_suite,   &base_fail_suite,
                                             &base_bytes_suite,   &base_hook_suite,
                                             &base_list_suite,    &base_map_suite,
                                             &base_buf_suite,     &base_slab_suite,
                                             &base_hoard_suite,   &base_log_suite,
                                             &base_options_suite, &base_machine_suite,
                                             &base_text_suite,    NULL};
  return test_main("base", suites, 30, argc, argv);
}
