/* listener_test.c: where a server listens. */
#include "lib/base/fail.h"
#include "tests/unit/certs.h"
#include "tests/unit/server/kit.h"

static void port_0_is_answered_with_the_port_that_was_found(void) {
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  uint16_t first = 0, second = 0;
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:0", &first), 0);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv6:[::1]:0", &second), 0);
  CU_ASSERT_NOT_EQUAL(first, 0);
  CU_ASSERT_NOT_EQUAL(second, 0);
  CU_ASSERT_EQUAL(sim_net_live(kit.world).listeners, 2);
}

static void the_port_need_not_be_asked_for(void) {
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:0", NULL), 0);
}

static void an_address_in_use_is_refused_and_the_first_listener_goes_on(void) {
  kit_serve();
  uint16_t port = 7;
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", &port),
                  GMUX_ERR_EXISTS);
  CU_ASSERT_EQUAL(port, 7);
  kit_connect();
  CU_ASSERT_EQUAL(rawpeer_state(kit.peer), 0);
}

static void what_cannot_be_listened_on_is_refused_in_words(void) {
  static const struct {
    const char *address, *word;
  } rows[] = {
      {"", ""},
      {"dns:///a.example:80", "address"},
      {"localhost:80", "address"},
      {"ipv4:127.0.0.1", "port"},
      {"ipv4:127.0.0.1:99999", "65535"},
      {"ipv4:127.0.0.1:0,127.0.0.2:0", "once for each"},
  };
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, rows[i].address, NULL),
                    GMUX_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), rows[i].word));
  }
  CU_ASSERT_EQUAL(sim_net_live(kit.world).listeners, 0);
}

static void a_null_is_refused_in_words(void) {
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(NULL, "ipv4:127.0.0.1:0", NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_listen(kit.server, "ipv4:127.0.0.1:0", NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "gmux_server_listen_cleartext"));
}

static void a_clients_credentials_are_refused(void) {
  test_ca *ca = test_ca_new("test CA");
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = test_ca_pem(ca);
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, &o), 0);
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL(gmux_server_listen(kit.server, "ipv4:127.0.0.1:0", tls, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "gmux_tls_server_new"));
  gmux_tls_free(tls);
  test_ca_free(ca);
}

static void a_server_that_is_closing_does_not_listen(void) {
  kit_serve();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, NULL, NULL);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:0", NULL),
                  GMUX_ERR_CLOSED);
}

static void several_addresses_serve_the_same_methods(void) {
  kit_serve();
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv6:[::1]:50052", NULL), 0);
  kit_connect();
  gmux__address at = sim_address("::1", 50052);
  rawpeer *other = rawpeer_connect(kit.peers, &at);
  rawpeer_preface(other);
  rawpeer_settings(other, 0, NULL, NULL);
  kit_run();
  CU_ASSERT_EQUAL(rawpeer_state(other), 0);
  CU_ASSERT_EQUAL(kit_stats().connections, 2);
  rawpeer_free(other);
}

/* ---- from another thread ---- */

/* Stands for the loop's thread: whoever wakes the loop finds its turn done when that returns. */
static gmux__loop_ops eager_ops;
static const gmux__loop_ops *usual_ops;

static void wake_and_run(gmux_loop *loop) {
  usual_ops->wake(loop);
  kit_run();
  gmux__fail(GMUX_ERR_STATE, "another thread's sentence"); /* each thread has its own */
}

static void be_another_thread(void) {
  usual_ops = kit.loop->ops;
  eager_ops = *usual_ops;
  eager_ops.wake = wake_and_run;
  kit.loop->ops = &eager_ops;
  sim_set_outside(kit.loop, true);
}

static void be_the_loops_thread(void) {
  kit.loop->ops = usual_ops;
  sim_set_outside(kit.loop, false);
}

static void listening_from_another_thread_waits_for_what_happened(void) {
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  be_another_thread();
  uint16_t port = 0;
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", &port), 0);
  CU_ASSERT_EQUAL(port, KIT_PORT);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", NULL),
                  GMUX_ERR_EXISTS);
  CU_ASSERT_PTR_NULL(strstr(gmux_last_error(), "another thread"));
  be_the_loops_thread();
  kit_connect();
  CU_ASSERT_EQUAL(rawpeer_state(kit.peer), 0);
}

static void listen_or_not(void) {
  uint16_t port = 0;
  int rv = gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:0", &port);
  CU_ASSERT_TRUE(rv == GMUX_ERR_NOMEM ? port == 0 : rv == 0 && port != 0);
}

static void listening_from_another_thread_without_memory_changes_nothing(void) {
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  be_another_thread();
  size_t n = 1;
  for (;; n++) {
    size_t listeners = sim_net_live(kit.world).listeners;
    test_alloc_fail_at(n);
    listen_or_not();
    bool has_failed = test_alloc_has_failed();
    test_alloc_fail_at(0);
    CU_ASSERT_EQUAL(sim_net_live(kit.world).listeners, listeners + !has_failed);
    if (!has_failed) break;
  }
  CU_ASSERT_TRUE(n > 3);
  be_the_loops_thread();
}

static const test_case cases[] = {
    TEST(port_0_is_answered_with_the_port_that_was_found),
    TEST(the_port_need_not_be_asked_for),
    TEST(an_address_in_use_is_refused_and_the_first_listener_goes_on),
    TEST(what_cannot_be_listened_on_is_refused_in_words),
    TEST(a_null_is_refused_in_words),
    TEST(a_clients_credentials_are_refused),
    TEST(a_server_that_is_closing_does_not_listen),
    TEST(several_addresses_serve_the_same_methods),
    TEST(listening_from_another_thread_waits_for_what_happened),
    TEST(listening_from_another_thread_without_memory_changes_nothing),
    TESTS_END,
};

const test_suite server_listener_suite = {
    .name = "listener", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
