/* tls_thrift_test.c: what connections over TLS save: cheap suites, and segments that carry more
 * than one thing. */
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <string.h>

extern const test_suite io_tls_thrift_suite;

/* ---- suites ---- */

static void tls_1_3_is_asked_for_aes_128_first(void) {
  tls_pair_connect_default();
  const gmux__transport_info *info = gmux__transport_info_get(pair.client.transport);
  CU_ASSERT_STRING_EQUAL(info->tls_version, "TLSv1.3");
  CU_ASSERT_STRING_EQUAL(info->tls_cipher, "TLS_AES_128_GCM_SHA256");
}

static void server_that_has_only_another_suite_gets_it(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_ciphersuites(pair.server_tls->edition->context, "TLS_CHACHA20_POLY1305_SHA256");
  tls_pair_connect_well();
  const gmux__transport_info *info = gmux__transport_info_get(pair.client.transport);
  CU_ASSERT_STRING_EQUAL(info->tls_cipher, "TLS_CHACHA20_POLY1305_SHA256");
}

static const char *first_suite(const SSL_CTX *context) {
  return SSL_CIPHER_get_name(sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(context), 0));
}

/* As by openssl.cnf, which OpenSSL has applied to a context when it is made. */
static void suites_that_somebody_has_chosen_stay_as_they_are(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
  CU_ASSERT_TRUE(gmux__tls_order_suites(context));
  CU_ASSERT_STRING_EQUAL(first_suite(context), "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set_ciphersuites(context, OSSL_default_ciphersuites());
  CU_ASSERT_TRUE(gmux__tls_order_suites(context));
  CU_ASSERT_STRING_EQUAL(first_suite(context), "TLS_AES_128_GCM_SHA256");
  SSL_CTX_free(context);
}

/* ---- segments ---- */

/* The operations of the client's inner transport; each write is noted: '+' when more follows. */
static struct {
  gmux__transport_ops ops;
  const gmux__transport_ops *real;
  char log[32];
} noted;

static ptrdiff_t noted_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  size_t len = strlen(noted.log);
  if (len < sizeof noted.log - 1) noted.log[len] = t->is_corked ? '+' : '.';
  return noted.real->write(t, slices, count);
}

/* A connection whose ClientHello has left, or is about to. */
static void connect_and_note(void) {
  memset(&noted, 0, sizeof noted);
  tls_pair_connect_for(0);
  while (!pair.client.inner && sim_step(pair.world))
    continue;
  CU_ASSERT_PTR_NOT_NULL_FATAL(pair.client.inner);
  noted.real = pair.client.inner->ops;
  noted.ops = *noted.real;
  noted.ops.write = noted_write;
  pair.client.inner->ops = &noted.ops;
  sim_run(pair.world);
  CU_ASSERT_EQUAL_FATAL(pair.client.handshake, 0);
}

/* Which are the preface and SETTINGS, in the same turn. */
static void last_words_of_the_handshake_wait_for_the_first_of_the_owner(void) {
  tls_pair_use(NULL, NULL);
  connect_and_note();
  CU_ASSERT_STRING_EQUAL(noted.log, "+");
  tls_side_write(&pair.client, "ping", 4);
  sim_run(pair.world);
  CU_ASSERT_STRING_EQUAL(noted.log, "+.");
}

/* There the server has the last word. */
static void with_tls_1_2_they_do_not(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_max_proto_version(pair.client_tls->edition->context, TLS1_2_VERSION);
  connect_and_note();
  CU_ASSERT_STRING_EQUAL(noted.log, ".");
}

/* HelloRetryRequest: the second ClientHello is waited for. */
static void second_client_hello_leaves_at_once(void) {
  char groups[] = "P-384"; /* OpenSSL's macro casts a const away */
  tls_pair_use(NULL, NULL);
  SSL_CTX_set1_groups_list(pair.server_tls->edition->context, groups);
  connect_and_note();
  CU_ASSERT_STRING_EQUAL(noted.log, ".+");
}

static void close_notify_waits_for_the_end(void) {
  tls_pair_use(NULL, NULL);
  connect_and_note();
  tls_side_write(&pair.client, "ping", 4);
  sim_run(pair.world);
  gmux__transport_shutdown(pair.client.transport);
  CU_ASSERT_STRING_EQUAL(noted.log, "+.+");
}

static void owner_that_says_so_is_waited_for(void) {
  tls_pair_use(NULL, NULL);
  connect_and_note();
  pair.client.transport->is_corked = true;
  tls_side_write(&pair.client, "last", 4);
  sim_run(pair.world);
  gmux__transport_shutdown(pair.client.transport);
  CU_ASSERT_STRING_EQUAL(noted.log, "+++");
}

static const test_case cases[] = {
    TEST(tls_1_3_is_asked_for_aes_128_first),
    TEST(server_that_has_only_another_suite_gets_it),
    TEST(suites_that_somebody_has_chosen_stay_as_they_are),
    TEST(last_words_of_the_handshake_wait_for_the_first_of_the_owner),
    TEST(with_tls_1_2_they_do_not),
    TEST(second_client_hello_leaves_at_once),
    TEST(close_notify_waits_for_the_end),
    TEST(owner_that_says_so_is_waited_for),
    TESTS_END,
};

const test_suite io_tls_thrift_suite = {"tls_thrift", cases, tls_pair_setup, tls_pair_teardown};
