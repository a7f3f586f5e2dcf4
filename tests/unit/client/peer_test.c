/* peer_test.c: who is at the other end of a channel's connection. (With TLS:
 * tests/tool/check-ping.) */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

static gmux_channel_peer peer;

static int ask(void) {
  peer = (gmux_channel_peer){.size = sizeof peer};
  return gmux_channel_get_peer(w_channel, &peer, NULL);
}

static void without_a_connection_there_is_no_peer(void) {
  w_open();
  CU_ASSERT_EQUAL(ask(), GMUX_ERR_NOT_FOUND);
  gmux_channel_get_state(w_channel, true);
  CU_ASSERT_PTR_NOT_NULL(w_accept());
  CU_ASSERT_EQUAL(ask(), GMUX_ERR_NOT_FOUND); /* connected, but it has not greeted */
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "no connection takes calls");
}

static void what_the_peer_did_not_say_is_as_http2_has_it(void) {
  w_connected();
  CU_ASSERT_EQUAL_FATAL(ask(), 0);
  CU_ASSERT_STRING_EQUAL(peer.address, "ipv4:127.0.0.1:50051");
  CU_ASSERT_EQUAL(peer.header_table_bytes, 4096);
  CU_ASSERT_EQUAL(peer.max_concurrent_streams, UINT32_MAX);
  CU_ASSERT_EQUAL(peer.initial_window_bytes, 65535);
  CU_ASSERT_EQUAL(peer.max_frame_bytes, 16384);
  CU_ASSERT_EQUAL(peer.max_header_list_bytes, UINT32_MAX);
}

static void its_settings_are_those_that_came_last(void) {
  rawpeer *p = w_connected();
  w_settings(p, 7);
  w_run();
  CU_ASSERT_EQUAL_FATAL(ask(), 0);
  CU_ASSERT_EQUAL(peer.max_concurrent_streams, 7);
}

static void how_long_its_settings_took_is_known(void) {
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_accept();
  w_run_ms(7);
  w_settings(p, -1);
  w_run();
  CU_ASSERT_EQUAL_FATAL(ask(), 0);
  CU_ASSERT_EQUAL(peer.settings_ns, 7 * MS);
  CU_ASSERT_EQUAL(peer.tls_ns, 0);
}

static void without_tls_there_is_no_certificate(void) {
  gmux_bytes certificate = gmux_bytes_borrow("x", 1);
  w_connected();
  CU_ASSERT_EQUAL_FATAL(ask(), 0);
  CU_ASSERT_STRING_EQUAL(peer.tls_version, "");
  CU_ASSERT_STRING_EQUAL(peer.tls_cipher, "");
  CU_ASSERT_EQUAL(gmux_channel_get_peer(w_channel, &peer, &certificate), 0);
  CU_ASSERT_EQUAL(certificate.len, 0);
}

static void a_program_that_knows_less_is_told_less(void) {
  struct {
    size_t size;
    char address[160];
    char beyond;
  } old = {.size = sizeof(size_t) + 160, .beyond = 77};
  w_connected();
  CU_ASSERT_EQUAL(gmux_channel_get_peer(w_channel, (gmux_channel_peer *)(void *)&old, NULL), 0);
  CU_ASSERT_STRING_EQUAL(old.address, "ipv4:127.0.0.1:50051");
  CU_ASSERT_EQUAL(old.beyond, 77);
}

static void a_size_that_was_not_set_is_said(void) {
  w_open();
  peer.size = 0;
  CU_ASSERT_EQUAL(gmux_channel_get_peer(w_channel, &peer, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_get_peer(NULL, &peer, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_get_peer(w_channel, NULL, NULL), GMUX_ERR_INVALID);
}

static const test_case cases[] = {
    TEST(without_a_connection_there_is_no_peer), TEST(what_the_peer_did_not_say_is_as_http2_has_it),
    TEST(its_settings_are_those_that_came_last), TEST(how_long_its_settings_took_is_known),
    TEST(without_tls_there_is_no_certificate),   TEST(a_program_that_knows_less_is_told_less),
    TEST(a_size_that_was_not_set_is_said),       TESTS_END};
const test_suite client_peer_suite = {"peer", cases, w_setup, w_teardown};
