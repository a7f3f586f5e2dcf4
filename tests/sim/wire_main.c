/*
 * wire_main.c: peers that misbehave, against the whole library and in moved time: gRPC's negative
 * HTTP/2 interop cases, each malformed answer that a server may give, and each malformed request.
 */
#include "tests/unit/harness.h"

extern const test_suite wire_http2_suite, wire_reply_suite, wire_status_suite, wire_request_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&wire_http2_suite, &wire_reply_suite,
                                             &wire_status_suite, &wire_request_suite, NULL};
  return test_main("wire", suites, 120, argc, argv);
}
