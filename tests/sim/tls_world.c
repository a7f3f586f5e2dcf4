/* tls_world.c: a channel, a server, and one row after the other. */
#include "tests/sim/tls_world.h"
#include "lib/io/tls_openssl.h"
#include <gmux/call.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

enum { PORT = 50051, BACKOFF_LEAST_MS = 800, BACKOFF_MOST_MS = 1200 };
#define MS GMUX__NS_PER_MS

tls_world tw;

/* ---- the world ---- */

static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)level, (void)user_data;
  if (strcmp(room, "server") != 0) return;
  size_t used = strlen(tw.log);
  snprintf(tw.log + used, sizeof tw.log - used, "%s\n", text);
}

void tls_world_setup(void) {
  tw = (tls_world){.sim = sim_new(3)};
  gmux_loop_options options;
  gmux_loop_options_init(&options, sizeof options);
  options.log = on_log;
  options.log_level = GMUX_LOG_INFO;
  tw.client_loop = sim_loop(tw.sim);
  tw.server_loop = sim_loop_with(tw.sim, &options);
  tw.at = sim_address("127.0.0.1", PORT);
  tw.ca = test_ca_new("the authority");
  tw.server_cert =
      test_cert_new(tw.ca, &(test_cert_options){.common_name = "server", .san = "DNS:a.example"});
  tw.client_cert = test_cert_new(tw.ca, &(test_cert_options){.common_name = "client"});
}

void tls_world_teardown(void) {
  test_cert_free(tw.server_cert);
  test_cert_free(tw.client_cert);
  test_ca_free(tw.ca);
  sim_free(tw.sim);
}

/* ---- a row ---- */

void tls_row(const char *name) {
  tw.name = name;
  gmux_tls_options_init(&tw.client_tls, sizeof tw.client_tls);
  gmux_tls_options_init(&tw.server_tls, sizeof tw.server_tls);
  tw.client_tls.ca_pem = test_ca_pem(tw.ca);
  tw.server_tls.cert_pem = tw.server_cert->cert_pem;
  tw.server_tls.key_pem = tw.server_cert->key_pem;
  tw.host = "a.example";
  tw.eager_calls = 0;
  tw.max_age_ms = 0;
  tw.is_client_clear = tw.is_server_clear = false;
  tw.twist_client = tw.twist_server = NULL;
  tw.forced_client = tw.forced_server = NULL;
}

void tls_row_mutual(const char *name, const test_cert *client) {
  tls_row(name);
  tw.server_tls.ca_pem = test_ca_pem(tw.ca);
  tw.server_tls.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  tw.client_tls.cert_pem = client ? client->cert_pem : NULL;
  tw.client_tls.key_pem = client ? client->key_pem : NULL;
}

void tls_check(bool ok, const char *what) {
  if (!ok) printf("# %s: %s\n", tw.name, what);
  CU_ASSERT_TRUE(ok);
}

void tls_check_has(const char *what, const char *text, const char *words) {
  bool has = !words || strstr(text, words);
  if (!has) printf("# %s: %s has no \"%s\" in it: %s\n", tw.name, what, words, text);
  CU_ASSERT_TRUE(has);
}

/* ---- both sides ---- */

static void force_certificate(SSL_CTX *context, const test_cert *cert) {
  if (!cert) return;
  BIO *certs = BIO_new_mem_buf(cert->cert_pem, -1), *keys = BIO_new_mem_buf(cert->key_pem, -1);
  X509 *leaf = PEM_read_bio_X509(certs, NULL, NULL, NULL), *issuer;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
  SSL_CTX_set_security_level(context, 0);
  CU_ASSERT_EQUAL(SSL_CTX_use_certificate(context, leaf), 1);
  CU_ASSERT_EQUAL(SSL_CTX_use_PrivateKey(context, key), 1);
  while ((issuer = PEM_read_bio_X509(certs, NULL, NULL, NULL)) != NULL)
    CU_ASSERT_EQUAL(SSL_CTX_add0_chain_cert(context, issuer), 1);
  X509_free(leaf);
  EVP_PKEY_free(key);
  BIO_free(certs);
  BIO_free(keys);
}

static void on_request(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request, (void)user_data;
  const char *name = gmux_server_call_peer_name(call);
  snprintf(tw.peer, sizeof tw.peer, "%s", name ? name : "");
  gmux_bytes reply = {0};
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, &reply), 0);
}

static void server_open(void) {
  gmux_server_options options;
  gmux_server_options_init(&options, sizeof options);
  if (tw.max_age_ms) options.max_connection_age_ms = tw.max_age_ms;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&tw.server, tw.server_loop, &options), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_unary(tw.server, "/t.S/M", on_request, NULL), 0);
  if (tw.is_server_clear) {
    CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(tw.server, "ipv4:127.0.0.1:50051", NULL), 0);
    return;
  }
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&tw.of_server, &tw.server_tls), 0);
  force_certificate(tw.of_server->edition->context, tw.forced_server);
  if (tw.twist_server) tw.twist_server(tw.of_server->edition->context);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen(tw.server, "ipv4:127.0.0.1:50051", tw.of_server, NULL),
                        0);
}

static void client_open(void) {
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = tw.is_client_clear;
  options.eager_calls = tw.eager_calls;
  if (!tw.is_client_clear) {
    CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tw.of_client, &tw.client_tls), 0);
    force_certificate(tw.of_client->edition->context, tw.forced_client);
    if (tw.twist_client) tw.twist_client(tw.of_client->edition->context);
    options.tls = tw.of_client;
    options.tls_host = tw.host;
  }
  CU_ASSERT_EQUAL_FATAL(
      gmux_channel_new(&tw.channel, tw.client_loop, "ipv4:127.0.0.1:50051", &options), 0);
}

void tls_open(void) {
  tw.log[0] = '\0';
  tw.ends = 0;
  server_open();
  client_open();
}

void tls_close(void) {
  gmux_channel_free(tw.channel);
  gmux_server_free(tw.server);
  gmux_tls_free(tw.of_client);
  gmux_tls_free(tw.of_server);
  tw.channel = NULL;
  tw.server = NULL;
  tw.of_client = tw.of_server = NULL;
  sim_run(tw.sim);
}

/* ---- calls ---- */

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers, (void)user_data;
  tw.ends++;
  tw.code = status->code;
  snprintf(tw.words, sizeof tw.words, "%s", status->message ? status->message : "");
}

void tls_call(bool is_patient) {
  gmux_method *method = NULL;
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.wait_for_ready = is_patient;
  gmux_bytes request = {0};
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&method, "/t.S/M", GMUX_UNARY, 0), 0);
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_unary_start(NULL, tw.channel, method, &options, &request, on_done, NULL), 0);
  gmux_method_free(method);
}

static gmux_server_stats server_stats(void) {
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(tw.server, &stats), 0);
  return stats;
}

/* ---- what comes of it ---- */

void tls_expect_accepted(void) {
  tls_open();
  tls_call(false);
  sim_run(tw.sim);
  tls_check(tw.ends == 1 && tw.code == GMUX_OK, "it is not accepted:");
  if (tw.code != GMUX_OK) tls_check_has("the call", tw.words, "(anything better)");
  tls_check(server_stats().handshakes_failed == 0, "a handshake is counted as failed");
  tls_close();
}

static void check_call_failed(unsigned ends, const char *client_words) {
  tls_check(tw.ends == ends, "the call has not ended at once");
  tls_check(tw.code == GMUX_UNAVAILABLE, "the call has not ended with UNAVAILABLE");
  tls_check_has("the call", tw.words, client_words);
}

static void check_backoff(size_t dials) {
  tls_call(false);
  sim_run(tw.sim);
  check_call_failed(2, NULL);
  tls_call(true);
  sim_run_for(tw.sim, (BACKOFF_LEAST_MS - 1) * MS);
  tls_check(sim_net_dials(tw.sim, &tw.at) == dials, "it is dialed again without backoff");
  sim_run_for(tw.sim, (BACKOFF_MOST_MS - BACKOFF_LEAST_MS + 2) * MS);
  tls_check(sim_net_dials(tw.sim, &tw.at) == dials + 1, "it is not dialed again after the backoff");
}

void tls_expect_refused(const char *client_words, const char *server_words, unsigned failed) {
  size_t dials = sim_net_dials(tw.sim, &tw.at) + 1;
  uint64_t begun_ns = sim_now(tw.sim);
  tls_open();
  tls_call(false);
  sim_run(tw.sim);
  tls_check(sim_now(tw.sim) == begun_ns, "time had to pass");
  check_call_failed(1, client_words);
  tls_check_has("the server's log", tw.log, server_words);
  gmux_server_stats stats = server_stats();
  tls_check(stats.handshakes_failed == failed, "handshakes_failed is something else");
  tls_check(stats.calls_started == 0, "the server has a call");
  tls_check(stats.connections == 0, "the server keeps the connection");
  check_backoff(dials);
  tls_close();
}
