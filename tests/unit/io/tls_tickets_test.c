/* tls_tickets_test.c: the keys of tickets are replaced in time, and forgotten in time. */
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

extern const test_suite io_tls_tickets_suite;

enum { LIFE_S = GMUX__TLS_SESSION_S, NAME_LEN = 16 };

/* A connection of a server, as far as the callback looks at it. */
static SSL *ssl;
static gmux__tls_peer peer;
static EVP_MAC *hmac;

static void setup(void) {
  tls_pair_setup();
  tls_pair_use(NULL, NULL);
  peer = (gmux__tls_peer){.edition = pair.server_tls->edition};
  ssl = SSL_new(peer.edition->context);
  hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
  CU_ASSERT_FATAL(ssl && hmac);
  SSL_set_app_data(ssl, &peer);
}

static void teardown(void) {
  SSL_free(ssl);
  EVP_MAC_free(hmac);
  tls_pair_teardown();
}

static int ask(unsigned char name[NAME_LEN], int direction) {
  unsigned char iv[EVP_MAX_IV_LENGTH] = {0};
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
  int answer = gmux__tls_ticket_key(ssl, name, iv, cipher, mac, direction);
  EVP_CIPHER_CTX_free(cipher);
  EVP_MAC_CTX_free(mac);
  return answer;
}

static void seal(unsigned char name[NAME_LEN]) {
  CU_ASSERT_EQUAL(ask(name, 1), 1);
}

static int open_again(const unsigned char name[NAME_LEN]) {
  unsigned char copy[NAME_LEN];
  memcpy(copy, name, NAME_LEN);
  return ask(copy, 0);
}

static void key_seals_for_as_long_as_a_session_lasts(void) {
  unsigned char first[NAME_LEN], later[NAME_LEN];
  seal(first);
  tls_time_passed_s = LIFE_S - 10;
  seal(later);
  CU_ASSERT_EQUAL(memcmp(first, later, NAME_LEN), 0);
  tls_time_passed_s = LIFE_S + 10;
  seal(later);
  CU_ASSERT_NOT_EQUAL(memcmp(first, later, NAME_LEN), 0);
}

static void key_opens_for_as_long_again_and_is_gone(void) {
  unsigned char first[NAME_LEN], next[NAME_LEN];
  seal(first);
  tls_time_passed_s = LIFE_S + 10;
  seal(next);
  CU_ASSERT_EQUAL(open_again(first), 2);
  tls_time_passed_s = 2 * LIFE_S + 20;
  CU_ASSERT_EQUAL(open_again(first), 0);
  CU_ASSERT_EQUAL(open_again(next), 2);
}

/* Nobody came for so long that nothing can be left to open. */
static void key_of_a_server_that_slept_is_gone(void) {
  unsigned char first[NAME_LEN];
  seal(first);
  tls_time_passed_s = 2 * LIFE_S + 10;
  CU_ASSERT_EQUAL(open_again(first), 0);
}

static void clock_that_is_set_back_brings_a_new_key(void) {
  unsigned char first[NAME_LEN], next[NAME_LEN];
  seal(first);
  tls_time_passed_s = -3600;
  seal(next);
  CU_ASSERT_NOT_EQUAL(memcmp(first, next, NAME_LEN), 0);
  CU_ASSERT_EQUAL(open_again(first), 2);
}

static void name_that_was_made_up_opens_nothing(void) {
  static const unsigned char made_up[NAME_LEN];
  CU_ASSERT_EQUAL(open_again(made_up), 0);
}

static void session_outlives_the_change_of_keys(void) {
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  tls_time_passed_s = LIFE_S - 10;
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  tls_time_passed_s = LIFE_S + 10; /* the ticket's key seals no more */
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 2 * LIFE_S;
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void session_that_is_too_old_is_not_resumed(void) {
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  tls_time_passed_s = LIFE_S + 10;
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
}

static const test_case cases[] = {
    TEST(key_seals_for_as_long_as_a_session_lasts), TEST(key_opens_for_as_long_again_and_is_gone),
    TEST(key_of_a_server_that_slept_is_gone),       TEST(clock_that_is_set_back_brings_a_new_key),
    TEST(name_that_was_made_up_opens_nothing),      TEST(session_outlives_the_change_of_keys),
    TEST(session_that_is_too_old_is_not_resumed),   TESTS_END,
};

const test_suite io_tls_tickets_suite = {"tls_tickets", cases, setup, teardown};
