/* tls_reload_test.c: credentials are replaced under a channel and a server that are in use. */
#include "tests/sim/tls_world.h"
#include <stdlib.h>
#include <string.h>

extern const test_suite tls_reload_suite;

enum { AGE_MS = 60000, AGE_JITTERED_MS = AGE_MS * 3 / 2 };

static test_cert *renewed; /* the client's next certificate */

static void setup(void) {
  tls_world_setup();
  renewed = test_cert_new(tw.ca, &(test_cert_options){.common_name = "renewed"});
  tls_row_mutual("a reload", tw.client_cert);
}

static void teardown(void) {
  tls_close();
  test_cert_free(renewed);
  tls_world_teardown();
}

/* Who the server says it was. */
static void check_call_of(const char *peer) {
  unsigned ends = tw.ends;
  tls_call(false);
  sim_run(tw.sim);
  tls_check(tw.ends == ends + 1 && tw.code == GMUX_OK, tw.words);
  CU_ASSERT_STRING_EQUAL(tw.peer, peer);
}

static gmux_channel_stats stats(void) {
  gmux_channel_stats s = {.size = sizeof s};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(tw.channel, &s), 0);
  return s;
}

static void client_shows(const test_cert *cert) {
  gmux_tls_options o = tw.client_tls;
  o.cert_pem = cert->cert_pem;
  o.key_pem = cert->key_pem;
  CU_ASSERT_EQUAL(gmux_tls_reload(tw.of_client, &o), 0);
}

static void server_revokes(const test_cert *cert) {
  char *list = test_crl_pem(tw.ca, &(test_crl_options){.revoked_pem = cert->cert_pem});
  gmux_tls_options o = tw.server_tls;
  o.crl_pem = list;
  CU_ASSERT_EQUAL(gmux_tls_reload(tw.of_server, &o), 0);
  free(list);
}

static void no_connection_is_dropped_and_no_call_fails(void) {
  tls_open();
  check_call_of("CN=client");
  tls_call(false); /* is on its way meanwhile */
  client_shows(renewed);
  CU_ASSERT_EQUAL(gmux_tls_reload(tw.of_server, NULL), 0);
  sim_run(tw.sim);
  CU_ASSERT(tw.ends == 2 && tw.code == GMUX_OK);
  check_call_of("CN=client"); /* over the connection that was there */
  CU_ASSERT_EQUAL(stats().connections_made, 1);
  CU_ASSERT_EQUAL(stats().connections, 1);
}

static void rotation_brings_connections_up_to_date(void) {
  tls_open();
  check_call_of("CN=client");
  client_shows(renewed);
  gmux_channel_rotate(tw.channel);
  sim_run(tw.sim);
  check_call_of("CN=renewed");
  CU_ASSERT_EQUAL(stats().connections_made, 2);
}

/* What is open stays, as long as the server lets it; its successor is refused in words. */
static void client_that_is_revoked_goes_with_its_connection(void) {
  tw.max_age_ms = AGE_MS;
  tls_open();
  check_call_of("CN=client");
  server_revokes(tw.client_cert);
  check_call_of("CN=client");
  sim_run_for(tw.sim, AGE_JITTERED_MS * GMUX__NS_PER_MS);
  tls_call(false);
  sim_run(tw.sim);
  CU_ASSERT_EQUAL(tw.code, GMUX_UNAVAILABLE);
  tls_check_has("the call", tw.words, "the peer says that our certificate was revoked");
  tls_check_has("the server's log", tw.log, "certificate revoked (/CN=client)");
  client_shows(renewed);
  tls_call(true);
  sim_run_for(tw.sim, AGE_MS * GMUX__NS_PER_MS);
  CU_ASSERT_EQUAL(tw.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(tw.peer, "CN=renewed");
}

/* The channel has kept a session, and it is of no use. */
static void client_that_is_revoked_does_not_come_back_by_its_session(void) {
  tls_open();
  check_call_of("CN=client");
  server_revokes(tw.client_cert);
  sim_link_reset(sim_link_first(tw.sim));
  sim_run_for(tw.sim, GMUX__NS_PER_S);
  tls_call(false);
  sim_run(tw.sim);
  CU_ASSERT_EQUAL(tw.code, GMUX_UNAVAILABLE);
  tls_check_has("the call", tw.words, "the peer says that our certificate was revoked");
}

static const test_case cases[] = {
    TEST(no_connection_is_dropped_and_no_call_fails),
    TEST(rotation_brings_connections_up_to_date),
    TEST(client_that_is_revoked_goes_with_its_connection),
    TEST(client_that_is_revoked_does_not_come_back_by_its_session),
    TESTS_END,
};

const test_suite tls_reload_suite = {"reload", cases, setup, teardown};
