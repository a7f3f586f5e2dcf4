/*
 * tls_main.c: wrong certificates and wrong TLS, against whole channels and servers in moved time:
 * each is refused at once, and both sides say why. And credentials that change meanwhile.
 */
#include "tests/unit/harness.h"

extern const test_suite tls_certificate_suite, tls_name_suite, tls_protocol_suite, tls_reload_suite,
    tls_cold_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&tls_certificate_suite, &tls_name_suite,
                                             &tls_protocol_suite,    &tls_reload_suite,
                                             &tls_cold_suite,        NULL};
  return test_main("tls", suites, 120, argc, argv);
}
