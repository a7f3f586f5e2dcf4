/* main.c: the tests of lib/protobuf. */
#include "tests/unit/harness.h"

extern const test_suite protobuf_message_suite, protobuf_missing_suite, protobuf_depth_suite,
    protobuf_client_suite, protobuf_server_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&protobuf_message_suite, &protobuf_missing_suite,
                                             &protobuf_depth_suite,   &protobuf_client_suite,
                                             &protobuf_server_suite,  NULL};
  return test_main("protobuf", suites, 60, argc, argv);
}
