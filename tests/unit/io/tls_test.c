/* tls_test.c: bytes through TLS: all of them, in order, however the transport below cuts them; and
 * an end that is no end is told from one that is. */
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

extern const test_suite io_tls_suite;

/* ---- handshake ---- */

static void both_sides_agree_on_tls_1_3_and_h2(void) {
  tls_pair_connect_default();
  const gmux__transport_info *client = gmux__transport_info_get(pair.client.transport);
  const gmux__transport_info *server = gmux__transport_info_get(pair.server.transport);
  CU_ASSERT_TRUE(client->is_secure && server->is_secure);
  CU_ASSERT_STRING_EQUAL(client->tls_version, "TLSv1.3");
  CU_ASSERT_STRING_EQUAL(server->tls_version, "TLSv1.3");
  CU_ASSERT_STRING_EQUAL(client->tls_cipher, server->tls_cipher);
  CU_ASSERT_STRING_EQUAL(client->alpn, "h2");
  CU_ASSERT_STRING_EQUAL(server->alpn, "h2");
  CU_ASSERT_STRING_EQUAL(client->peer_name, "CN=server");
  CU_ASSERT_PTR_NULL(server->peer_name);
  CU_ASSERT_FALSE(client->is_resumed || server->is_resumed);
  CU_ASSERT_TRUE(gmux__address_is_equal(&client->peer, &pair.at));
  CU_ASSERT_TRUE(gmux__address_is_equal(&server->local, &pair.at));
}

/* The whole certificate, of which the peer's name is a part. */
static bool certificate_is_for(gmux__transport *t, bool is_peers, const char *name) {
  gmux_bytes der;
  CU_ASSERT_EQUAL_FATAL(gmux__transport_certificate(t, is_peers, &der), 0);
  const uint8_t *at = der.data;
  X509 *cert = d2i_X509(NULL, &at, (long)der.len);
  CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
  CU_ASSERT_PTR_EQUAL(at, der.data + der.len);
  char subject[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, subject, sizeof subject);
  X509_free(cert);
  gmux_bytes_release(&der);
  return strcmp(subject, name) == 0;
}

static void shows_the_certificates_of_both_sides(void) {
  gmux_bytes none;
  tls_pair_connect_default();
  CU_ASSERT_TRUE(certificate_is_for(pair.client.transport, true, "server"));
  CU_ASSERT_TRUE(certificate_is_for(pair.server.transport, false, "server"));
  CU_ASSERT_EQUAL(gmux__transport_certificate(pair.client.transport, false, &none),
                  GMUX_ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(gmux__transport_certificate(pair.server.transport, true, &none),
                  GMUX_ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(gmux__transport_certificate(pair.server.inner, true, &none), GMUX_ERR_NOT_FOUND);
}

static void use_tls_1_2(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_max_proto_version(pair.client_tls->edition->context, TLS1_2_VERSION);
}

static void tls_1_2_uses_ephemeral_keys_and_aead(void) {
  use_tls_1_2();
  tls_pair_connect_well();
  const gmux__transport_info *info = gmux__transport_info_get(pair.client.transport);
  CU_ASSERT_STRING_EQUAL(info->tls_version, "TLSv1.2");
  CU_ASSERT_TRUE(strncmp(info->tls_cipher, "ECDHE-", 6) == 0);
  CU_ASSERT_TRUE(strstr(info->tls_cipher, "GCM") || strstr(info->tls_cipher, "CHACHA20"));
  CU_ASSERT_TRUE(strncmp(info->tls_cipher_suite, "TLS_ECDHE_", 10) == 0);
}

static void tls_1_2_peer_with_cbc_only_is_refused(void) {
  use_tls_1_2();
  SSL_CTX_set_cipher_list(pair.client_tls->edition->context, "ECDHE-ECDSA-AES128-SHA");
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "no cipher in common"));
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
}

static void make_old(gmux_tls *tls) {
  SSL_CTX_set_security_level(tls->edition->context, 0);
  SSL_CTX_set_cipher_list(tls->edition->context, "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(tls->edition->context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(tls->edition->context, TLS1_1_VERSION);
}

static void client_of_tls_1_1_is_refused(void) {
  tls_pair_use(NULL, NULL);
  make_old(pair.client_tls);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "the peer offers nothing as new as TLS 1.2"));
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
}

static void server_of_tls_1_1_is_refused(void) {
  tls_pair_use(NULL, NULL);
  make_old(pair.server_tls);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "the peer refuses TLS 1.2 and newer"));
}

static void client_without_alpn_is_refused(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_alpn_protos(pair.client_tls->edition->context, NULL, 0);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "does not offer HTTP/2 (no ALPN \"h2\")"));
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "alert no application protocol"));
}

static void client_of_http_1_1_is_refused(void) {
  static const unsigned char http_1_1[] = "\x8http/1.1";
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_alpn_protos(pair.client_tls->edition->context, http_1_1, sizeof http_1_1 - 1);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "does not offer HTTP/2"));
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "the peer refuses HTTP/2"));
}

static void h2_is_found_among_what_a_client_offers(void) {
  static const unsigned char several[] = "\x8http/1.1\x3h2c\x2h2";
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_alpn_protos(pair.client_tls->edition->context, several, sizeof several - 1);
  tls_pair_connect_well();
}

static void server_without_alpn_is_refused(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_client_hello_cb(pair.server_tls->edition->context, NULL, NULL);
  SSL_CTX_set_alpn_select_cb(pair.server_tls->edition->context, NULL, NULL);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "the peer does not speak HTTP/2"));
}

static int select_http_1_1(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg) {
  (void)ssl, (void)in, (void)in_len, (void)arg;
  *out = (const unsigned char *)"http/1.1";
  *out_len = 8;
  return SSL_TLSEXT_ERR_OK;
}

static void server_that_chooses_http_1_1_is_refused(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_alpn_select_cb(pair.server_tls->edition->context, select_http_1_1, NULL);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "TLS handshake with a.example: bad extension"));
}

static void use_tls_for_client_only(void) {
  tls_pair_use(NULL, NULL);
  gmux_tls_free(pair.server_tls);
  pair.server_tls = NULL;
}

static void cleartext_server_is_named(void) {
  static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
  use_tls_for_client_only();
  tls_pair_connect();
  tls_side_write(&pair.server, settings, sizeof settings);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "does not speak TLS: is it a cleartext port?"));
}

static void speak_cleartext_to_server(const char *text) {
  tls_pair_use(NULL, NULL);
  gmux_tls_free(pair.client_tls);
  pair.client_tls = NULL;
  tls_pair_connect();
  tls_side_write(&pair.client, text, strlen(text));
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
}

static void cleartext_client_is_named(void) {
  speak_cleartext_to_server("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "does not speak TLS"));
}

static void cleartext_http_1_client_is_named(void) {
  speak_cleartext_to_server("GET / HTTP/1.1\r\n\r\n");
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "cleartext HTTP"));
}

static void peer_that_closes_in_the_handshake_is_named(void) {
  use_tls_for_client_only();
  tls_pair_connect();
  tls_side_close(&pair.server);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "TLS handshake with a.example: the peer closed"));
}

static void reset_in_the_handshake_keeps_its_words(void) {
  use_tls_for_client_only();
  tls_pair_connect();
  sim_link_reset(sim_link_of(pair.server.transport));
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_IO);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "connection reset by peer"));
}

static void bytes_before_the_handshake_are_refused(void) {
  use_tls_for_client_only();
  tls_pair_connect();
  CU_ASSERT_EQUAL_FATAL(pair.client.handshake, GMUX_ERR_AGAIN);
  uint8_t byte = 0;
  gmux__slice slice = {&byte, 1};
  CU_ASSERT_EQUAL(gmux__transport_read(pair.client.transport, &byte, 1), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_STATE);
}

static void failed_handshake_repeats_its_words(void) {
  use_tls_for_client_only();
  pair.client.keeps_failed = true;
  tls_pair_connect();
  tls_side_close(&pair.server);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  uint8_t byte;
  gmux__slice slice = {&byte, 1};
  gmux__fail(GMUX_ERR_INVALID, "something else");
  CU_ASSERT_EQUAL(gmux__transport_handshake(pair.client.transport), GMUX_ERR_TLS);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "the peer closed"));
  CU_ASSERT_EQUAL(gmux__transport_read(pair.client.transport, &byte, 1), GMUX_ERR_TLS);
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_TLS);
}

/* ---- bytes ---- */

/* Both ways at once. */
static void exchange(size_t len) {
  uint8_t *bytes = tls_test_bytes(len);
  tls_side_write(&pair.client, bytes, len);
  tls_side_write(&pair.server, bytes, len);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, bytes, len));
  CU_ASSERT_TRUE(tls_side_got(&pair.server, bytes, len));
  CU_ASSERT_EQUAL(pair.client.read_end, 0);
  CU_ASSERT_EQUAL(pair.server.read_end, 0);
  free(bytes);
}

static void a_mebibyte_goes_both_ways(void) {
  tls_pair_connect_default();
  exchange(1 << 20);
}

static void a_mebibyte_goes_both_ways_by_tls_1_2(void) {
  use_tls_1_2();
  tls_pair_connect_well();
  exchange(1 << 20);
}

static void transport_that_reads_byte_by_byte(void) {
  sim_net(pair.world)->read_chunk = 1;
  tls_pair_connect_default();
  exchange(3000);
}

/* ---- buffers ---- */

static struct {
  size_t between, within; /* records, was OpenSSL asked to free its buffers */
} freed;

/* Found in OpenSSL's place, as it has to be visible to be. The buffers stay, which costs memory
 * and nothing else. */
__attribute__((visibility("default"))) int SSL_free_buffers(SSL *ssl) {
  bool is_within = !strcmp(SSL_rstate_string(ssl), "RB");
  freed.within += is_within;
  freed.between += !is_within;
  return !is_within;
}

/* Which some versions of it would do, and then go on to read into them. */
static void openssl_is_never_asked_to_free_its_buffers_within_a_record(void) {
  sim_net(pair.world)->read_chunk = 1;
  tls_pair_connect_default();
  memset(&freed, 0, sizeof freed);
  exchange(300);
  CU_ASSERT_TRUE(freed.between > 0);
  CU_ASSERT_EQUAL(freed.within, 0);
}

static void transport_that_writes_byte_by_byte(void) {
  sim_net(pair.world)->write_chunk = 1;
  tls_pair_connect_default();
  exchange(3000);
}

/* A record never fits, so each is taken in many goes, and what was offered comes again. */
static void transport_that_is_full_in_every_record(void) {
  sim_net(pair.world)->buffer_bytes = 1000;
  tls_pair_connect_default();
  exchange(200000);
}

static void transport_that_is_full_in_every_record_of_tls_1_2(void) {
  sim_net(pair.world)->buffer_bytes = 777;
  use_tls_1_2();
  tls_pair_connect_well();
  exchange(200000);
}

static void small_slices_leave_in_one_record(void) {
  tls_pair_connect_default();
  sim_link *link = sim_link_first(pair.world);
  uint64_t writes = sim_link_writes(link, SIM_TO_SERVER);
  uint64_t bytes = sim_link_bytes(link, SIM_TO_SERVER);
  gmux__slice slices[GMUX__SLICES_MAX];
  for (size_t i = 0; i < GMUX__SLICES_MAX; i++)
    slices[i] = (gmux__slice){(const uint8_t *)"ten bytes.", 10};
  ptrdiff_t taken = gmux__transport_write(pair.client.transport, slices, GMUX__SLICES_MAX);
  CU_ASSERT_EQUAL(taken, 10 * GMUX__SLICES_MAX);
  CU_ASSERT_EQUAL(sim_link_writes(link, SIM_TO_SERVER) - writes, 1);
  /* 5 of head, 1 of type, 16 of tag. */
  CU_ASSERT_EQUAL(sim_link_bytes(link, SIM_TO_SERVER) - bytes, 10 * GMUX__SLICES_MAX + 22);
}

/* The operations of the link's end at the client, but that reads are counted. */
static struct {
  const gmux__transport_ops *real;
  gmux__transport_ops ops;
  size_t reads;
} counted;

static ptrdiff_t counted_read(gmux__transport *inner, uint8_t *buf, size_t len) {
  counted.reads++;
  return counted.real->read(inner, buf, len);
}

static void count_reads(gmux__transport *inner) {
  counted.real = inner->ops;
  counted.ops = *inner->ops;
  counted.ops.read = counted_read;
  counted.reads = 0;
  inner->ops = &counted.ops;
}

/* A system call each, on a socket: none for a record's head alone, and none to hear that there is
 * no more. */
static void record_costs_one_read_of_the_inner_transport(void) {
  tls_pair_connect_default();
  count_reads(pair.client.inner);
  tls_side_write(&pair.server, "ten bytes.", 10);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "ten bytes.", 10));
  CU_ASSERT_EQUAL(counted.reads, 1);
}

static void bytes_right_behind_the_handshake_are_not_stranded(void) {
  tls_pair_use(NULL, NULL);
  /* They are given before the handshake, so the client sends them in the turn in which it is done:
   * the server reads its end and them at once. */
  tls_side_write(&pair.client, "first", 5);
  tls_pair_connect_well();
  CU_ASSERT_TRUE(tls_side_got(&pair.server, "first", 5));
}

static void owner_that_reads_little_is_told_until_all_is_read(void) {
  tls_pair_connect_default();
  uint8_t *bytes = tls_test_bytes(50000);
  pair.client.read_len = 100;
  tls_side_write(&pair.server, bytes, 50000);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, bytes, 50000));
  free(bytes);
}

static void owner_that_reads_little_is_told_no_more_often_in_a_turn_than_by_a_socket(void) {
  tls_pair_connect_default();
  uint8_t *bytes = tls_test_bytes(50000);
  pair.client.read_len = 100;
  tls_side_write(&pair.server, bytes, 50000);
  size_t most = 0;
  for (size_t before = pair.client.calls; sim_step(pair.world); before = pair.client.calls)
    if (pair.client.calls - before > most) most = pair.client.calls - before;
  CU_ASSERT_TRUE(tls_side_got(&pair.client, bytes, 50000));
  CU_ASSERT_TRUE(most <= 2); /* of bytes that lie inside, and of those in the link */
  free(bytes);
}

/* Ten bytes for the client, of which three are read: the other seven lie inside, where the link
 * knows nothing of them. The owner wants none yet. */
static void leave_seven_bytes_inside(void) {
  uint8_t three[3];
  tls_pair_connect_default();
  pair.client.is_idle = true;
  tls_side_update(&pair.client);
  tls_side_write(&pair.server, "0123456789", 10);
  sim_run(pair.world);
  CU_ASSERT_EQUAL_FATAL(gmux__transport_read(pair.client.transport, three, 3), 3);
  pair.client.calls = 0;
}

static void want_bytes(void) {
  pair.client.is_idle = false;
  tls_side_update(&pair.client);
}

static void owner_that_does_not_want_is_not_told(void) {
  leave_seven_bytes_inside();
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.calls, 0);
}

static void owner_that_wants_later_is_told_then(void) {
  leave_seven_bytes_inside();
  want_bytes();
  CU_ASSERT_EQUAL(pair.client.calls, 0);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "3456789", 7));
}

static void owner_that_wants_no_more_is_not_told(void) {
  leave_seven_bytes_inside();
  want_bytes();
  pair.client.is_idle = true;
  tls_side_update(&pair.client);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.calls, 0);
}

static void owner_that_does_not_read_is_told_again(void) {
  leave_seven_bytes_inside();
  pair.client.is_deaf = true;
  want_bytes();
  sim_step(pair.world);
  size_t calls = pair.client.calls;
  CU_ASSERT_TRUE(calls > 0);
  sim_step(pair.world);
  CU_ASSERT_TRUE(pair.client.calls > calls);
  pair.client.is_deaf = false;
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "3456789", 7));
}

static void owner_may_close_when_told_of_bytes_inside(void) {
  leave_seven_bytes_inside();
  pair.client.closes_on_ready = true;
  want_bytes();
  sim_run(pair.world);
  CU_ASSERT_PTR_NULL(pair.client.transport);
}

/* The world would complain of a task that is left. */
static void owner_may_close_while_it_is_to_be_told(void) {
  leave_seven_bytes_inside();
  want_bytes();
  tls_side_close(&pair.client);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.calls, 0);
}

static void other_bytes_than_those_offered_are_refused(void) {
  sim_net(pair.world)->buffer_bytes = 4000;
  tls_pair_connect_default();
  pair.server.is_idle = true;
  tls_side_update(&pair.server);
  uint8_t bytes[10000] = {0};
  gmux__slice slice = {bytes, sizeof bytes};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_AGAIN);
  bytes[9999] = 1;
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_STATE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "not offered again"));
}

static void fewer_bytes_than_those_offered_are_refused(void) {
  sim_net(pair.world)->buffer_bytes = 4000;
  tls_pair_connect_default();
  pair.server.is_idle = true;
  tls_side_update(&pair.server);
  uint8_t bytes[10000] = {0};
  gmux__slice slice = {bytes, sizeof bytes};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_AGAIN);
  slice.len--;
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_STATE);
}

/* ---- OpenSSL in the middle of it ---- */

/* A side's SSL, which the transport keeps for itself. */
static SSL *caught_ssl;

static void catch_ssl(int is_writing, int version, int type, const void *data, size_t len, SSL *ssl,
                      void *arg) {
  (void)is_writing, (void)version, (void)type, (void)data, (void)len, (void)arg;
  caught_ssl = ssl;
}

/* New keys may be asked for at any time; the peer answers when it writes next. */
static void key_updates_lose_nothing(void) {
  sim_net(pair.world)->buffer_bytes = 3000;
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_msg_callback(pair.client_tls->edition->context, catch_ssl);
  tls_pair_connect_well();
  enum { PART = 8000, PARTS = 20 };
  uint8_t *bytes = tls_test_bytes(PART * PARTS);
  for (size_t i = 0; i < PARTS; i++) {
    CU_ASSERT_EQUAL(SSL_key_update(caught_ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    tls_side_write(&pair.client, bytes + i * PART, PART);
    tls_side_write(&pair.server, bytes + i * PART, PART);
    sim_run(pair.world);
  }
  CU_ASSERT_TRUE(tls_side_got(&pair.client, bytes, PART * PARTS));
  CU_ASSERT_TRUE(tls_side_got(&pair.server, bytes, PART * PARTS));
  free(bytes);
}

static size_t updates_seen;

static void count_updates(int is_writing, int version, int type, const void *data, size_t len,
                          SSL *ssl, void *arg) {
  (void)version, (void)ssl, (void)arg;
  const unsigned char *message = data;
  if (is_writing || type != SSL3_RT_HANDSHAKE || len == 0) return;
  if (message[0] == SSL3_MT_KEY_UPDATE) updates_seen++;
}

/* Messages of TLS's own hold nobody's bytes, so OpenSSL would read on for as long as they come:
 * with a quick peer for ever, and nobody else on the loop would have a turn. */
static void peer_that_floods_with_key_updates_does_not_hold_the_loop(void) {
  enum { UPDATES = 12000 };
  sim_net(pair.world)->buffer_bytes = 1 << 20;
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_msg_callback(pair.client_tls->edition->context, catch_ssl);
  SSL_CTX_set_msg_callback(pair.server_tls->edition->context, count_updates);
  tls_pair_connect_well();
  pair.server.is_idle = true;
  tls_side_update(&pair.server);
  for (int i = 0; i < UPDATES; i++) {
    SSL_key_update(caught_ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    CU_ASSERT_EQUAL_FATAL(SSL_do_handshake(caught_ssl), 1);
  }
  tls_side_write(&pair.client, "still here", 10);
  sim_run(pair.world);
  uint8_t buf[100];
  updates_seen = 0;
  CU_ASSERT_EQUAL(gmux__transport_read(pair.server.transport, buf, sizeof buf), GMUX_ERR_AGAIN);
  CU_ASSERT_TRUE(updates_seen > 0 && updates_seen < UPDATES / 2);
  pair.server.is_idle = false;
  tls_side_update(&pair.server);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(updates_seen, UPDATES);
  CU_ASSERT_TRUE(tls_side_got(&pair.server, "still here", 10));
}

static void use_renegotiation_of(gmux_tls *tls) {
  SSL_CTX_clear_options(tls->edition->context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_msg_callback(tls->edition->context, catch_ssl);
}

static void expect_renegotiation_is_refused(tls_side *who) {
  CU_ASSERT_EQUAL_FATAL(SSL_renegotiate(caught_ssl), 1);
  tls_side_write(who, "again", 5);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(who->read_end ? who->read_end : who->write_end, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(who, "no renegotiation"));
}

static void server_refuses_renegotiation(void) {
  use_tls_1_2();
  use_renegotiation_of(pair.client_tls);
  tls_pair_connect_well();
  expect_renegotiation_is_refused(&pair.client);
}

static void client_refuses_renegotiation(void) {
  use_tls_1_2();
  use_renegotiation_of(pair.server_tls);
  tls_pair_connect_well();
  expect_renegotiation_is_refused(&pair.server);
}

/* What an application has left in the thread's queue of errors is not ours, nor is ours its. */
static void errors_of_others_are_not_taken_for_ours(void) {
  tls_pair_use(NULL, NULL);
  ERR_raise(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
  tls_pair_connect_well();
  tls_side_write(&pair.client, "hello", 5);
  ERR_raise(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.server, "hello", 5));
  CU_ASSERT_EQUAL(pair.server.read_end, 0);
  tls_pair_close();
  use_tls_for_client_only();
  tls_pair_connect();
  tls_side_write(&pair.server, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

/* ---- the end ---- */

static void orderly_end_is_eof(void) {
  tls_pair_connect_default();
  tls_side_write(&pair.server, "last", 4);
  sim_run(pair.world);
  gmux__transport_shutdown(pair.server.transport);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "last", 4));
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_EOF);
}

static void bytes_and_end_at_once_are_both_told(void) {
  tls_pair_connect_default();
  sim_run(pair.world);
  gmux__slice slice = {(const uint8_t *)"last", 4};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.server.transport, &slice, 1), 4);
  gmux__transport_shutdown(pair.server.transport);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "last", 4));
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_EOF);
}

/* The peer ends TLS and leaves the connection below open, as one that waits for our half does. */
static void end_of_tls_alone_is_told(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_msg_callback(pair.server_tls->edition->context, catch_ssl);
  tls_pair_connect_well();
  gmux__slice slice = {(const uint8_t *)"last", 4};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.server.transport, &slice, 1), 4);
  SSL_shutdown(caught_ssl);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "last", 4));
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_EOF);
}

static void ended_half_leaves_the_other_open(void) {
  tls_pair_connect_default();
  gmux__transport_shutdown(pair.client.transport);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.server.read_end, GMUX_ERR_EOF);
  tls_side_write(&pair.server, "still here", 10);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "still here", 10));
  gmux__slice slice = {(const uint8_t *)"late", 4};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_STATE);
}

static void cut_connection_is_no_eof(void) {
  tls_pair_connect_default();
  tls_side_write(&pair.server, "not all", 7);
  sim_run(pair.world);
  sim_link_half_close(sim_link_first(pair.world), SIM_TO_CLIENT);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "not all", 7));
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "without close_notify"));
}

static void cut_connection_of_tls_1_2_is_no_eof(void) {
  use_tls_1_2();
  tls_pair_connect_well();
  sim_link_half_close(sim_link_first(pair.world), SIM_TO_CLIENT);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_TLS);
}

static void reset_is_an_io_error_in_the_transports_words(void) {
  tls_pair_connect_default();
  sim_link_reset(sim_link_first(pair.world));
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_IO);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "read: connection reset by peer"));
  CU_ASSERT_STRING_EQUAL(pair.client.why, "read: connection reset by peer");
}

/* A record of application data that nobody has encrypted. */
static void forge_record(void) {
  static const uint8_t forged[] = "\x17\x03\x03\x00\x20 32 bytes that the key does not fit.";
  gmux__slice slice = {forged, 5 + 32};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.server.inner, &slice, 1), 5 + 32);
}

static void forged_record_is_noticed(void) {
  tls_pair_connect_default();
  forge_record();
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "decryption failed"));
  CU_ASSERT_EQUAL(pair.client.got_len, 0);
}

/* What came before it is good, and read by the same call. */
static void bytes_and_failure_at_once_are_both_told(void) {
  tls_pair_connect_default();
  gmux__slice slice = {(const uint8_t *)"last", 4};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.server.transport, &slice, 1), 4);
  forge_record();
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "last", 4));
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "decryption failed"));
}

/* An owner that only writes learns of it all the same. */
static void failure_is_told_to_who_wants_to_write(void) {
  sim_net(pair.world)->buffer_bytes = 1000;
  tls_pair_connect_default();
  pair.client.is_idle = true;
  pair.server.is_idle = true;
  tls_side_update(&pair.server);
  uint8_t *bytes = tls_test_bytes(20000);
  tls_side_write(&pair.client, bytes, 20000);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.write_end, 0);
  sim_link_reset(sim_link_first(pair.world));
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.write_end, GMUX_ERR_IO);
  free(bytes);
}

/* The first write reaches nobody and is answered by a reset, so that the second one fails. */
static void last_words_can_be_read_when_writing_fails(void) {
  tls_pair_connect_default();
  pair.client.is_idle = true;
  tls_side_update(&pair.client);
  tls_side_write(&pair.server, "farewell", 8);
  sim_run(pair.world);
  tls_side_close(&pair.server);
  tls_side_write(&pair.client, "hello", 5);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.write_end, 0);
  tls_side_write(&pair.client, "hello", 5);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.write_end, GMUX_ERR_IO);
  gmux__slice slice = {(const uint8_t *)"hello?", 6};
  gmux__fail(GMUX_ERR_INVALID, "something else");
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client.transport, &slice, 1), GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "write: broken pipe");
  want_bytes();
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "farewell", 8));
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_TLS);
}

static void close_works_at_every_step(void) {
  tls_pair_use(NULL, NULL);
  for (int steps = 0; steps < 16; steps++) {
    tls_side_write(&pair.client, "ping", 4);
    tls_pair_connect_for(steps);
    tls_pair_close();
  }
}

/* ---- memory ---- */

static void talk(void *arg) {
  (void)arg;
  gmux_tls_options client = tls_client_options(), server = tls_server_options(pair.server_cert);
  bool is_made = gmux_tls_client_new(&pair.client_tls, &client) == 0 &&
                 gmux_tls_server_new(&pair.server_tls, &server) == 0;
  if (is_made) {
    tls_pair_connect();
    tls_side_write(&pair.client, "ping", 4);
    tls_side_write(&pair.server, "pong", 4);
    sim_run(pair.world);
  }
  bool is_well =
      is_made && tls_side_got(&pair.client, "pong", 4) && tls_side_got(&pair.server, "ping", 4);
  CU_ASSERT_TRUE(is_well || test_alloc_has_failed());
  if (!is_made) CU_ASSERT_STRING_EQUAL(gmux_last_error(), gmux_strerror(GMUX_ERR_NOMEM));
  tls_pair_close();
  gmux_tls_free(pair.client_tls);
  gmux_tls_free(pair.server_tls);
  pair.client_tls = pair.server_tls = NULL;
}

static void out_of_memory_anywhere_leaks_nothing(void) {
  CU_ASSERT_TRUE(test_alloc_torture(talk, NULL) > 8);
}

/* The words of a failure are memory, too. */
static void fail_to_talk(void *arg) {
  (void)arg;
  pair.host = "other.example";
  tls_pair_connect();
  CU_ASSERT_TRUE(pair.client.handshake == GMUX_ERR_TLS || pair.client.handshake == GMUX_ERR_NOMEM ||
                 pair.server.handshake == GMUX_ERR_NOMEM);
  CU_ASSERT_NOT_EQUAL(pair.client.why[0] || pair.server.why[0], 0);
  tls_pair_close();
}

static void out_of_memory_in_a_failure_leaks_nothing(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_TRUE(test_alloc_torture(fail_to_talk, NULL) > 4);
}

static const test_case cases[] = {
    TEST(both_sides_agree_on_tls_1_3_and_h2),
    TEST(shows_the_certificates_of_both_sides),
    TEST(tls_1_2_uses_ephemeral_keys_and_aead),
    TEST(tls_1_2_peer_with_cbc_only_is_refused),
    TEST(client_of_tls_1_1_is_refused),
    TEST(server_of_tls_1_1_is_refused),
    TEST(client_without_alpn_is_refused),
    TEST(client_of_http_1_1_is_refused),
    TEST(h2_is_found_among_what_a_client_offers),
    TEST(server_without_alpn_is_refused),
    TEST(server_that_chooses_http_1_1_is_refused),
    TEST(cleartext_server_is_named),
    TEST(cleartext_client_is_named),
    TEST(cleartext_http_1_client_is_named),
    TEST(peer_that_closes_in_the_handshake_is_named),
    TEST(reset_in_the_handshake_keeps_its_words),
    TEST(bytes_before_the_handshake_are_refused),
    TEST(failed_handshake_repeats_its_words),
    TEST(a_mebibyte_goes_both_ways),
    TEST(a_mebibyte_goes_both_ways_by_tls_1_2),
    TEST(transport_that_reads_byte_by_byte),
    TEST(openssl_is_never_asked_to_free_its_buffers_within_a_record),
    TEST(transport_that_writes_byte_by_byte),
    TEST(transport_that_is_full_in_every_record),
    TEST(transport_that_is_full_in_every_record_of_tls_1_2),
    TEST(small_slices_leave_in_one_record),
    TEST(bytes_right_behind_the_handshake_are_not_stranded),
    TEST(record_costs_one_read_of_the_inner_transport),
    TEST(owner_that_reads_little_is_told_until_all_is_read),
    TEST(owner_that_reads_little_is_told_no_more_often_in_a_turn_than_by_a_socket),
    TEST(owner_that_does_not_want_is_not_told),
    TEST(owner_that_wants_later_is_told_then),
    TEST(owner_that_wants_no_more_is_not_told),
    TEST(owner_that_does_not_read_is_told_again),
    TEST(owner_may_close_when_told_of_bytes_inside),
    TEST(owner_may_close_while_it_is_to_be_told),
    TEST(other_bytes_than_those_offered_are_refused),
    TEST(fewer_bytes_than_those_offered_are_refused),
    TEST(key_updates_lose_nothing),
    TEST(peer_that_floods_with_key_updates_does_not_hold_the_loop),
    TEST(server_refuses_renegotiation),
    TEST(client_refuses_renegotiation),
    TEST(errors_of_others_are_not_taken_for_ours),
    TEST(orderly_end_is_eof),
    TEST(bytes_and_end_at_once_are_both_told),
    TEST(end_of_tls_alone_is_told),
    TEST(ended_half_leaves_the_other_open),
    TEST(cut_connection_is_no_eof),
    TEST(cut_connection_of_tls_1_2_is_no_eof),
    TEST(reset_is_an_io_error_in_the_transports_words),
    TEST(forged_record_is_noticed),
    TEST(bytes_and_failure_at_once_are_both_told),
    TEST(failure_is_told_to_who_wants_to_write),
    TEST(last_words_can_be_read_when_writing_fails),
    TEST(close_works_at_every_step),
    TEST(out_of_memory_anywhere_leaks_nothing),
    TEST(out_of_memory_in_a_failure_leaks_nothing),
    TESTS_END,
};

const test_suite io_tls_suite = {"tls", cases, tls_pair_setup, tls_pair_teardown};
