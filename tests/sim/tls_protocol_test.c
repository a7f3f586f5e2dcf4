/* tls_protocol_test.c: TLS of yesterday, TLS without HTTP/2, no TLS, and TLS that never ends. */
#include "tests/sim/tls_world.h"
#include <stdio.h>
#include <string.h>

extern const test_suite tls_protocol_suite;

/* ---- versions and ciphers ---- */

static void make_tls_1_1(SSL_CTX *context) {
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
}

static void make_tls_1_2(SSL_CTX *context) {
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

static void make_cbc(SSL_CTX *context) {
  make_tls_1_2(context);
  SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256");
}

static void make_static_rsa(SSL_CTX *context) {
  make_tls_1_2(context);
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_cipher_list(context, "AES128-GCM-SHA256:@SECLEVEL=0");
}

static void make_anonymous(SSL_CTX *context) {
  make_tls_1_2(context);
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_cipher_list(context, "AECDH-AES128-SHA:ADH-AES128-GCM-SHA256:@SECLEVEL=0");
}

static void tls_1_2_is_accepted(void) {
  tls_row("a server of TLS 1.2");
  tw.twist_server = make_tls_1_2;
  tls_expect_accepted();
  tls_row("a client of TLS 1.2");
  tw.twist_client = make_tls_1_2;
  tls_expect_accepted();
}

static void tls_1_1_is_refused(void) {
  tls_row("a server of TLS 1.1");
  tw.twist_server = make_tls_1_1;
  tls_expect_refused("the peer refuses TLS 1.2 and newer", "offers nothing as new", 1);
  tls_row("a client of TLS 1.1");
  tw.twist_client = make_tls_1_1;
  tls_expect_refused("protocol version", "the peer offers nothing as new as TLS 1.2", 1);
}

/* RFC 9113 appendix A. */
static void ciphers_without_aead_or_forward_secrecy_are_refused(void) {
  static const char server_says[] = "no cipher in common: with TLS 1.2 only ECDHE with AES-GCM or";
  static const char client_says[] = "the peer found nothing in common";
  static const struct {
    const char *name;
    void (*make)(SSL_CTX *context);
  } ciphers[] = {{"CBC", make_cbc}, {"static RSA", make_static_rsa}, {"anonymous", make_anonymous}};
  test_cert *rsa =
      test_cert_new(tw.ca, &(test_cert_options){.san = "DNS:a.example", .rsa_bits = 1024});
  for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
    tls_row(ciphers[i].name);
    tw.twist_server = ciphers[i].make;
    tw.forced_server = ciphers[i].make == make_static_rsa ? rsa : NULL;
    tls_expect_refused(client_says, "no cipher in common", 1);
    tls_row(ciphers[i].name);
    tw.twist_client = ciphers[i].make;
    tls_expect_refused(client_says, server_says, 1);
  }
  test_cert_free(rsa);
}

/* ---- ALPN ---- */

static void offer_nothing(SSL_CTX *context) {
  SSL_CTX_set_alpn_protos(context, NULL, 0);
}

static void offer_http_1_1(SSL_CTX *context) {
  static const unsigned char http_1_1[] = "\x8http/1.1";
  SSL_CTX_set_alpn_protos(context, http_1_1, sizeof http_1_1 - 1);
}

static void choose_nothing(SSL_CTX *context) {
  SSL_CTX_set_client_hello_cb(context, NULL, NULL);
  SSL_CTX_set_alpn_select_cb(context, NULL, NULL);
}

static int select_http_1_1(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg) {
  (void)ssl, (void)in, (void)in_len, (void)arg;
  *out = (const unsigned char *)"http/1.1";
  *out_len = 8;
  return SSL_TLSEXT_ERR_OK;
}

static void choose_http_1_1(SSL_CTX *context) {
  SSL_CTX_set_alpn_select_cb(context, select_http_1_1, NULL);
}

static int refuse_all(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                      const unsigned char *in, unsigned in_len, void *arg) {
  (void)ssl, (void)out, (void)out_len, (void)in, (void)in_len, (void)arg;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* As a server of HTTP/1.1 alone does that follows RFC 7301. */
static void choose_to_refuse(SSL_CTX *context) {
  SSL_CTX_set_alpn_select_cb(context, refuse_all, NULL);
}

static void server_without_http_2_is_refused(void) {
  tls_row("a server without ALPN");
  tw.twist_server = choose_nothing;
  tls_expect_refused("the peer does not speak HTTP/2 (it chose no ALPN \"h2\")", NULL, 1);
  tls_row("a server that chooses HTTP/1.1");
  tw.twist_server = choose_http_1_1;
  tls_expect_refused("TLS handshake with a.example: ", NULL, 1);
  tls_row("a server that wants HTTP/1.1");
  tw.twist_server = choose_to_refuse;
  tls_expect_refused("the peer refuses HTTP/2 (ALPN \"h2\")", NULL, 1);
}

static void client_without_http_2_is_refused(void) {
  tls_row("a client without ALPN");
  tw.twist_client = offer_nothing;
  tls_expect_refused("no application protocol", "the client does not offer HTTP/2 (no ALPN \"h2\")",
                     1);
  tls_row("a client of HTTP/1.1");
  tw.twist_client = offer_http_1_1;
  tls_expect_refused("the peer refuses HTTP/2", "the client does not offer HTTP/2 (ALPN \"h2\")",
                     1);
}

/* ---- cleartext ---- */

static void cleartext_where_tls_is_expected_is_refused(void) {
  tls_row("a client in cleartext");
  tw.is_client_clear = true;
  tls_expect_refused("is it a TLS port?", "the peer does not speak TLS", 1);
}

static void tls_where_cleartext_is_expected_is_refused(void) {
  tls_row("a server in cleartext");
  tw.is_server_clear = true;
  tls_expect_refused("the peer does not speak TLS: is it a cleartext port?",
                     "the peer speaks TLS, and this port is for cleartext", 0);
}

/* ---- handshakes that stand still ---- */

static const uint64_t client_patience_ms = 20000, server_patience_ms = 120000;

/* How many bytes each way until a call is over. */
/* Without a call: it takes no part in what is measured here. */
static void measure(uint64_t *to_server, uint64_t *to_client) {
  tls_row_mutual("measured", tw.client_cert);
  tls_open();
  gmux_channel_get_state(tw.channel, true);
  sim_run(tw.sim);
  sim_link *link = sim_link_first(tw.sim);
  *to_server = sim_link_bytes(link, SIM_TO_SERVER);
  *to_client = sim_link_bytes(link, SIM_TO_CLIENT);
  tls_close();
}

/* From this byte on nothing comes, in this direction, whatever has come before. */
static void stall(sim_direction direction, uint64_t at_byte) {
  char name[64];
  snprintf(name, sizeof name, "byte %u is the last to the %s", (unsigned)at_byte,
           direction == SIM_TO_SERVER ? "server" : "client");
  tls_row_mutual(name, tw.client_cert);
  sim_net_fate(tw.sim, &tw.at, direction, SIM_FATE_STALL, at_byte, 1);
  uint64_t begun_ns = sim_now(tw.sim);
  tls_open();
  tls_call(false);
  sim_run(tw.sim);
  tls_check(tw.ends == 0, "the call has ended before its time");
  sim_run_for(tw.sim, client_patience_ms * GMUX__NS_PER_MS);
  tls_check(tw.ends == 1 && tw.code == GMUX_UNAVAILABLE, "the call does not end in time");
  /* Where the last thing was a write it is the kernel's time (TCP_USER_TIMEOUT), which is as long.
   */
  tls_check(strstr(tw.words, "20000 ms") || strstr(tw.words, "timed out"), tw.words);
  sim_run_for(tw.sim, begun_ns + server_patience_ms * GMUX__NS_PER_MS - sim_now(tw.sim));
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(tw.server, &stats), 0);
  tls_check(stats.connections_handshaking == 0, "the server still waits");
  tls_check(stats.calls_started == 0, "the server has a call");
  tls_close();
}

/* Hello, certificates, Finished, SETTINGS: wherever it stops, both give up when their time is
 * over. */
static void handshake_that_stands_still_ends_with_its_time(void) {
  enum { PLACES = 16 };
  uint64_t to_server = 0, to_client = 0;
  measure(&to_server, &to_client);
  CU_ASSERT_FATAL(to_server > 1000 && to_client > 1000);
  for (uint64_t i = 0; i < PLACES; i++)
    stall(SIM_TO_SERVER, to_server * i / PLACES);
  for (uint64_t i = 0; i < PLACES; i++)
    stall(SIM_TO_CLIENT, to_client * i / PLACES);
}

static const test_case cases[] = {
    TEST(tls_1_2_is_accepted),
    TEST(tls_1_1_is_refused),
    TEST(ciphers_without_aead_or_forward_secrecy_are_refused),
    TEST(server_without_http_2_is_refused),
    TEST(client_without_http_2_is_refused),
    TEST(cleartext_where_tls_is_expected_is_refused),
    TEST(tls_where_cleartext_is_expected_is_refused),
    TEST(handshake_that_stands_still_ends_with_its_time),
    TESTS_END,
};

const test_suite tls_protocol_suite = {"protocol", cases, tls_world_setup, tls_world_teardown};
