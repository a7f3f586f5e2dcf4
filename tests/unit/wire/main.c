/* main.c: the tests of lib/wire. */
#include "tests/unit/harness.h"

extern const test_suite wire_base64_suite, wire_codec_suite, wire_framing_suite, wire_gzip_suite,
    wire_hpack_suite, wire_metadata_suite, wire_path_suite, wire_pb_suite, wire_percent_suite,
    wire_status_suite, wire_timeout_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {
      &wire_base64_suite,   &wire_percent_suite, &wire_timeout_suite, &wire_status_suite,
      &wire_framing_suite,  &wire_gzip_suite,    &wire_codec_suite,   &wire_hpack_suite,
      &wire_metadata_suite, &wire_path_suite,    &wire_pb_suite,      NULL};
  return test_main("wire", suites, 60, argc, argv);
}
