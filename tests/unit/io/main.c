/* main.c: the tests of lib/io. */
#include "tests/unit/harness.h"

extern const test_suite io_timer_suite, io_loop_suite, io_loop_options_suite, io_address_suite,
    io_target_suite, io_mailbox_suite, io_ev_suite, io_socket_suite, io_dial_suite,
    io_listener_suite, io_resolver_suite, io_tls_suite, io_tls_context_suite, io_tls_session_suite,
    io_tls_thrift_suite, io_tls_verify_suite, io_tls_crl_suite, io_tls_reload_suite,
    io_tls_tickets_suite, io_tls_foreword_suite, io_vigil_suite;

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&io_timer_suite,        &io_loop_suite,
                                             &io_loop_options_suite, &io_address_suite,
                                             &io_target_suite,       &io_mailbox_suite,
                                             &io_ev_suite,           &io_socket_suite,
                                             &io_dial_suite,         &io_listener_suite,
                                             &io_resolver_suite,     &io_tls_context_suite,
                                             &io_tls_verify_suite,   &io_tls_suite,
                                             &io_tls_session_suite,  &io_tls_thrift_suite,
                                             &io_tls_crl_suite,      &io_tls_reload_suite,
                                             &io_tls_tickets_suite,  &io_tls_foreword_suite,
                                             &io_vigil_suite,        NULL};
  return test_main("io", suites, 60, argc, argv);
}
