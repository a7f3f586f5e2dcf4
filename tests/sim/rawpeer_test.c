/* rawpeer_test.c: two raw peers tell each other right and wrong things. */
#include "tests/sim/rawpeer.h"
#include "tests/unit/harness.h"
#include <string.h>

extern const test_suite sim_rawpeer_suite;

static sim *world;
static gmux_loop *loop;
static rawlistener *listener;
static rawpeer *client, *server;

static void setup(void) {
  gmux__address any = sim_address("127.0.0.1", 0);
  world = sim_new(1);
  loop = sim_loop(world);
  listener = rawpeer_listen(loop, &any);
  client = rawpeer_connect(loop, rawpeer_listen_address(listener));
  server = NULL;
}

static void teardown(void) {
  rawpeer_free(client);
  rawpeer_free(server);
  rawpeer_listen_close(listener);
  sim_free(world);
}

static void accept_client(void) {
  rawpeer_preface(client);
  sim_run(world);
  server = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  sim_run(world);
}

static void what_is_sent_before_the_connection_stands_leaves_when_it_does(void) {
  static const uint16_t ids[] = {3, 4};
  static const uint32_t values[] = {100, 65536};
  rawpeer_preface(client);
  rawpeer_settings(client, 2, ids, values);
  sim_run(world);
  server = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  CU_ASSERT_FALSE(rawpeer_has_preface(server));
  sim_run(world);
  CU_ASSERT_TRUE(rawpeer_has_preface(server));
  CU_ASSERT_EQUAL(rawpeer_bytes(server), 24 + 9 + 12);
  const rawframe *settings = rawpeer_find(server, RAW_SETTINGS, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(settings);
  CU_ASSERT_EQUAL(settings->len, 12);
  CU_ASSERT_EQUAL(rawframe_u32(settings, 2), 100);
  CU_ASSERT_EQUAL(rawframe_u32(settings, 8), 65536);
  CU_ASSERT_EQUAL(rawframe_u32(settings, 9), 0);
  CU_ASSERT_EQUAL(rawpeer_count(client, RAW_ANY, RAW_ANY), 0); /* nobody answers by himself */
}

static void a_wrong_preface_is_not_taken(void) {
  rawpeer_send(client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", 27);
  sim_run(world);
  server = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server);
  sim_run(world);
  CU_ASSERT_EQUAL(rawpeer_bytes(server), 27);
  CU_ASSERT_FALSE(rawpeer_has_preface(server));
  CU_ASSERT_EQUAL(rawpeer_count(server, RAW_ANY, RAW_ANY), 0);
}

static void connections_are_accepted_in_their_order(void) {
  rawpeer *second = rawpeer_connect(loop, rawpeer_listen_address(listener));
  rawpeer *third = rawpeer_connect(loop, rawpeer_listen_address(listener));
  CU_ASSERT_PTR_NULL(rawpeer_accept(listener));
  accept_client();
  rawpeer *second_server = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(second_server);
  rawpeer_send(second, "2", 1);
  sim_run(world);
  CU_ASSERT_TRUE(rawpeer_has_preface(server));
  CU_ASSERT_EQUAL(rawpeer_bytes(second_server), 1);
  rawpeer_listen_close(listener); /* and with it who was not accepted */
  listener = NULL;
  sim_run(world);
  CU_ASSERT_EQUAL(rawpeer_state(second), 0);
  CU_ASSERT_EQUAL(rawpeer_state(third), GMUX_ERR_EOF);
  rawpeer_free(second);
  rawpeer_free(second_server);
  rawpeer_free(third);
}

static void a_refused_connection_says_so(void) {
  gmux__address nobody = sim_address("127.0.0.1", 1);
  rawpeer *p = rawpeer_connect(loop, &nobody);
  rawpeer_preface(p);
  CU_ASSERT_EQUAL(rawpeer_state(p), 0);
  sim_run(world);
  CU_ASSERT_EQUAL(rawpeer_state(p), GMUX_ERR_IO);
  rawpeer_preface(p); /* nothing happens */
  rawpeer_free(p);
}

static void all_kinds_of_frames(void) {
  static const uint8_t opaque[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  rawpeer_settings_ack(client);
  rawpeer_rst(client, 5, 8);
  rawpeer_ping(client, RAW_ACK, opaque);
  rawpeer_goaway(client, 7, 11, "too_many_pings");
  rawpeer_goaway(client, 9, 0, NULL);
  rawpeer_window_update(client, 5, 1000);
  rawpeer_data(client, 5, RAW_END_STREAM, "ab", 2, 0);
  rawpeer_data(client, 5, 0, "cd", 2, 3);
  rawpeer_grpc_message(client, 5, 0, "message", 7);
  rawpeer_frame(client, 0xfe, 0x55, INT32_MAX, "?", 1);
}

static void check_all_kinds(void) {
  CU_ASSERT_EQUAL(rawpeer_count(server, RAW_ANY, RAW_ANY), 10);
  CU_ASSERT_EQUAL(rawpeer_count(server, RAW_ANY, 5), 5);
  CU_ASSERT_EQUAL(rawpeer_count(server, RAW_DATA, RAW_ANY), 3);
  CU_ASSERT_EQUAL(rawpeer_find(server, RAW_SETTINGS, 0, 0)->flags, RAW_ACK);
  CU_ASSERT_EQUAL(rawframe_u32(rawpeer_find(server, RAW_RST_STREAM, 5, 0), 0), 8);
  const rawframe *ping = rawpeer_find(server, RAW_PING, 0, 0);
  CU_ASSERT_EQUAL(ping->len, 8);
  CU_ASSERT_EQUAL(rawframe_u32(ping, 4), 0x05060708);
  const rawframe *goaway = rawpeer_find(server, RAW_GOAWAY, 0, 0);
  CU_ASSERT_EQUAL(rawframe_u32(goaway, 0), 7);
  CU_ASSERT_EQUAL(rawframe_u32(goaway, 4), 11);
  CU_ASSERT_STRING_EQUAL((const char *)goaway->payload + 8, "too_many_pings");
  CU_ASSERT_EQUAL(rawpeer_find(server, RAW_GOAWAY, 0, 1)->len, 8);
  CU_ASSERT_PTR_NULL(rawpeer_find(server, RAW_GOAWAY, 0, 2));
  CU_ASSERT_EQUAL(rawframe_u32(rawpeer_find(server, RAW_WINDOW_UPDATE, 5, 0), 0), 1000);
  const rawframe *data = rawpeer_find(server, RAW_DATA, 5, 0);
  CU_ASSERT_EQUAL(data->flags, RAW_END_STREAM);
  CU_ASSERT_STRING_EQUAL((const char *)data->payload, "ab");
  const rawframe *padded = rawpeer_find(server, RAW_DATA, 5, 1);
  CU_ASSERT_EQUAL(padded->flags, RAW_PADDED);
  CU_ASSERT_EQUAL(padded->len, 6);
  CU_ASSERT_EQUAL(memcmp(padded->payload,
                         "\x03"
                         "cd\0\0\0",
                         6),
                  0);
  const rawframe *message = rawpeer_find(server, RAW_DATA, 5, 2);
  CU_ASSERT_EQUAL(rawframe_u32(message, 1), 7);
  CU_ASSERT_STRING_EQUAL((const char *)message->payload + 5, "message");
  CU_ASSERT_EQUAL(rawpeer_find(server, 0xfe, INT32_MAX, 0)->flags, 0x55);
}

static void frames_come_as_they_were_sent(void) {
  accept_client();
  all_kinds_of_frames();
  sim_run(world);
  check_all_kinds();
}

static void frames_come_byte_by_byte_all_the_same(void) {
  sim_net(world)->read_chunk = sim_net(world)->write_chunk = 1;
  accept_client();
  all_kinds_of_frames();
  sim_run(world);
  check_all_kinds();
}

static void headers_are_decoded(void) {
  char value[1001];
  memset(value, 'v', sizeof value - 1);
  value[sizeof value - 1] = '\0';
  const char *const pairs[] = {":status", "200", "x-long", value, "x-empty", "", NULL};
  accept_client();
  rawpeer_headers(server, 1, RAW_END_HEADERS, pairs);
  sim_run(world);
  const rawframe *headers = rawpeer_find(client, RAW_HEADERS, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(headers);
  CU_ASSERT_EQUAL(headers->flags, RAW_END_HEADERS);
  CU_ASSERT_EQUAL_FATAL(headers->header_count, 3);
  CU_ASSERT_STRING_EQUAL(rawframe_header(headers, ":status"), "200");
  CU_ASSERT_STRING_EQUAL(rawframe_header(headers, "x-long"), value);
  CU_ASSERT_STRING_EQUAL(rawframe_header(headers, "x-empty"), "");
  CU_ASSERT_PTR_NULL(rawframe_header(headers, "x-none"));
}

static void headers_are_decoded_when_their_block_has_ended(void) {
  /* length of the padding, five bytes of priority, half of a literal (the rest comes in
   * CONTINUATION), padding */
  static const uint8_t front[] = {2, 0, 0, 0, 0, 16, 0x00, 0x01, 0, 0};
  accept_client();
  rawpeer_frame(client, RAW_HEADERS, RAW_PADDED | RAW_PRIORITY_FLAG, 3, front, sizeof front);
  sim_run(world);
  const rawframe *headers = rawpeer_find(server, RAW_HEADERS, 3, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(headers);
  CU_ASSERT_EQUAL(headers->header_count, 0);
  rawpeer_frame(client, RAW_CONTINUATION, RAW_END_HEADERS, 3, "n\x01v", 3);
  sim_run(world);
  CU_ASSERT_EQUAL_FATAL(headers->header_count, 1);
  CU_ASSERT_STRING_EQUAL(rawframe_header(headers, "n"), "v");
}

static void the_senders_dynamic_table_is_followed(void) {
  accept_client();
  rawpeer_frame(client, RAW_HEADERS, RAW_END_HEADERS, 1, "\x40\x01n\x01v", 5); /* and remember */
  rawpeer_frame(client, RAW_HEADERS, RAW_END_HEADERS, 3, "\xbe", 1);           /* entry 62 */
  sim_run(world);
  const rawframe *second = rawpeer_find(server, RAW_HEADERS, 3, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(second);
  CU_ASSERT_STRING_EQUAL(rawframe_header(second, "n"), "v");
}

static void what_does_not_fit_waits_for_room(void) {
  static uint8_t payload[100000];
  sim_net(world)->buffer_bytes = 1000;
  payload[sizeof payload - 1] = 9;
  accept_client();
  rawpeer_data(client, 1, 0, payload, sizeof payload, 0);
  CU_ASSERT_EQUAL(sim_link_bytes(sim_link_first(world), SIM_TO_SERVER), 24 + 1000);
  rawpeer_shutdown(client); /* behind all of it */
  sim_run(world);
  const rawframe *data = rawpeer_find(server, RAW_DATA, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(data);
  CU_ASSERT_EQUAL(data->len, sizeof payload);
  CU_ASSERT_EQUAL(memcmp(data->payload, payload, sizeof payload), 0);
  CU_ASSERT_EQUAL(rawpeer_state(server), GMUX_ERR_EOF);
}

static void shutdown_leaves_the_other_half_open(void) {
  accept_client();
  rawpeer_shutdown(client);
  sim_run(world);
  CU_ASSERT_EQUAL(rawpeer_state(server), GMUX_ERR_EOF);
  rawpeer_settings(server, 0, NULL, NULL);
  sim_run(world);
  CU_ASSERT_EQUAL(rawpeer_count(client, RAW_SETTINGS, 0), 1);
  CU_ASSERT_EQUAL(rawpeer_state(client), 0);
}

static void close_is_seen_as_the_end(void) {
  accept_client();
  rawpeer_close(server);
  sim_run(world);
  CU_ASSERT_EQUAL(rawpeer_state(server), GMUX_ERR_CLOSED);
  CU_ASSERT_EQUAL(rawpeer_state(client), GMUX_ERR_EOF);
  rawpeer_preface(server); /* nothing happens */
}

static void reset_is_seen_as_a_loss(void) {
  accept_client();
  rawpeer_reset(server);
  sim_run(world);
  CU_ASSERT_EQUAL(rawpeer_state(server), GMUX_ERR_IO);
  CU_ASSERT_EQUAL(rawpeer_state(client), GMUX_ERR_IO);
}

static void a_peer_makes_no_allocation_of_the_library(void) {
  size_t before = test_alloc_calls();
  test_alloc_fail_at(1);
  accept_client();
  all_kinds_of_frames();
  sim_run(world);
  check_all_kinds();
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
  test_alloc_fail_at(0);
}

static const test_case cases[] = {
    TEST(what_is_sent_before_the_connection_stands_leaves_when_it_does),
    TEST(a_wrong_preface_is_not_taken),
    TEST(connections_are_accepted_in_their_order),
    TEST(a_refused_connection_says_so),
    TEST(frames_come_as_they_were_sent),
    TEST(frames_come_byte_by_byte_all_the_same),
    TEST(headers_are_decoded),
    TEST(headers_are_decoded_when_their_block_has_ended),
    TEST(the_senders_dynamic_table_is_followed),
    TEST(what_does_not_fit_waits_for_room),
    TEST(shutdown_leaves_the_other_half_open),
    TEST(close_is_seen_as_the_end),
    TEST(reset_is_seen_as_a_loss),
    TEST(a_peer_makes_no_allocation_of_the_library),
    TESTS_END,
};

const test_suite sim_rawpeer_suite = {"rawpeer", cases, setup, teardown};
