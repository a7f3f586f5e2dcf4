/* What a peer must not send, and when it must not send it (RFC 9113), from a scripted peer: each
 * case ends what it has to end, with the right code, and nothing else. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

typedef enum harm { STREAM, CONNECTION, NOTHING } harm;

typedef struct illegal {
  const char *name;
  void (*send)(rawpeer *p);
  harm harm;
  uint32_t code; /* of our RST_STREAM or GOAWAY; NO_CODE: none needed */
} illegal;

enum { NO_CODE = 0xffff };

static uint32_t code_sent(const rawpeer *p, int type, int64_t stream, size_t at) {
  const rawframe *f = rawpeer_find(p, type, stream, 0);
  return f ? rawframe_u32(f, at) : NO_CODE;
}

/* ---- to a client: stream 1 is under attack, stream 3 is a bystander ---- */

static void data_before_headers(rawpeer *p) {
  rawpeer_data(p, 1, 0, "x", 1, 0);
}

static void headers_without_status(rawpeer *p) {
  const char *const pairs[] = {"content-type", "application/grpc", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}

static void upper_case_name(rawpeer *p) {
  const char *const pairs[] = {":status", "200", "X-Upper", "1", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}

static void connection_header(rawpeer *p) {
  const char *const pairs[] = {":status", "200", "connection", "close", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}

static void second_headers_without_end(rawpeer *p) {
  raw_response(p, 1);
  const char *const pairs[] = {"grpc-status", "0", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}

static void informational_with_end(rawpeer *p) {
  const char *const pairs[] = {":status", "103", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS | RAW_END_STREAM, pairs);
}

static void pseudo_header_in_trailers(rawpeer *p) {
  raw_response(p, 1);
  const char *const pairs[] = {":status", "200", "grpc-status", "0", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS | RAW_END_STREAM, pairs);
}

static void flag_above_one(rawpeer *p) {
  raw_response(p, 1);
  const uint8_t bytes[] = {2, 0, 0, 0, 0};
  rawpeer_data(p, 1, 0, bytes, sizeof bytes, 0);
}

static void compressed_without_encoding(rawpeer *p) {
  raw_response(p, 1);
  const uint8_t bytes[] = {1, 0, 0, 0, 1, 'x'};
  rawpeer_data(p, 1, 0, bytes, sizeof bytes, 0);
}

static void zero_window_update_on_stream(rawpeer *p) {
  rawpeer_window_update(p, 1, 0);
}

static void window_overflow_on_stream(rawpeer *p) {
  rawpeer_window_update(p, 1, 0x7fffffff);
}

static void data_on_stream_zero(rawpeer *p) {
  rawpeer_data(p, 0, 0, "x", 1, 0);
}
static void data_on_idle_stream(rawpeer *p) {
  rawpeer_data(p, 99, 0, "x", 1, 0);
}
static void headers_on_even_stream(rawpeer *p) {
  raw_response(p, 2);
}
static void rst_on_idle_stream(rawpeer *p) {
  rawpeer_rst(p, 99, 0);
}
static void rst_of_wrong_size(rawpeer *p) {
  rawpeer_frame(p, RAW_RST_STREAM, 0, 1, "xxx", 3);
}
static void ping_of_wrong_size(rawpeer *p) {
  rawpeer_frame(p, RAW_PING, 0, 0, "xxxxxxx", 7);
}
static void ping_on_a_stream(rawpeer *p) {
  rawpeer_frame(p, RAW_PING, 0, 1, "xxxxxxxx", 8);
}
static void settings_on_a_stream(rawpeer *p) {
  rawpeer_frame(p, RAW_SETTINGS, 0, 1, NULL, 0);
}
static void settings_of_odd_size(rawpeer *p) {
  rawpeer_frame(p, RAW_SETTINGS, 0, 0, "xxxxx", 5);
}
static void settings_ack_with_content(rawpeer *p) {
  rawpeer_frame(p, RAW_SETTINGS, RAW_ACK, 0, "xxxxxx", 6);
}
static void window_overflow_on_connection(rawpeer *p) {
  rawpeer_window_update(p, 0, 0x7fffffff);
}
static void goaway_on_a_stream(rawpeer *p) {
  rawpeer_frame(p, RAW_GOAWAY, 0, 1, "xxxxxxxx", 8);
}
static void goaway_that_rises(rawpeer *p) {
  rawpeer_goaway(p, 3, 0, NULL);
  rawpeer_goaway(p, 7, 0, NULL);
}
static void continuation_alone(rawpeer *p) {
  rawpeer_frame(p, RAW_CONTINUATION, RAW_END_HEADERS, 1, "", 0);
}
static void frame_amid_a_header_block(rawpeer *p) {
  const char *const pairs[] = {":status", "200", NULL};
  rawpeer_headers(p, 1, 0, pairs);
  rawpeer_data(p, 1, 0, "x", 1, 0);
}
static void push_promise(rawpeer *p) {
  rawpeer_frame(p, RAW_PUSH_PROMISE, RAW_END_HEADERS, 1, "\0\0\0\2", 4);
}
static void frame_too_large(rawpeer *p) {
  static const uint8_t big[16385];
  rawpeer_frame(p, RAW_DATA, 0, 1, big, sizeof big);
}
static void padding_longer_than_its_frame(rawpeer *p) {
  rawpeer_frame(p, RAW_DATA, RAW_PADDED, 1, "\xffxx", 3);
}
static void broken_hpack(rawpeer *p) {
  rawpeer_frame(p, RAW_HEADERS, RAW_END_HEADERS, 1, "\xff\xff\xff\xff\xff\xff", 6);
}
static void push_enabled_by_server(rawpeer *p) {
  uint16_t id = 2;
  uint32_t value = 1;
  rawpeer_settings(p, 1, &id, &value);
}

static void unknown_frame(rawpeer *p) {
  rawpeer_frame(p, 0xfa, 0xff, 1, "whatever", 8);
}
static void unknown_setting(rawpeer *p) {
  uint16_t id = 0xfe03;
  uint32_t value = 1;
  rawpeer_settings(p, 1, &id, &value);
}
static void empty_data(rawpeer *p) {
  raw_response(p, 1);
  rawpeer_data(p, 1, 0, NULL, 0, 0);
}
static void priority(rawpeer *p) {
  rawpeer_frame(p, RAW_PRIORITY, 0, 1, "\0\0\0\0\x10", 5);
}

static const illegal to_client[] = {
    {"DATA before HEADERS", data_before_headers, CONNECTION, 1},
    {"HEADERS without :status", headers_without_status, STREAM, 1},
    {"an upper-case name", upper_case_name, STREAM, 1},
    {"a connection header", connection_header, STREAM, 1},
    {"a second HEADERS without END_STREAM", second_headers_without_end, STREAM, 1},
    {"1xx with END_STREAM", informational_with_end, STREAM, 1},
    {"a pseudo-header in trailers", pseudo_header_in_trailers, STREAM, 1},
    {"a message flag above 1", flag_above_one, STREAM, 2},
    {"a compressed message without grpc-encoding", compressed_without_encoding, STREAM, 2},
    {"WINDOW_UPDATE of 0", zero_window_update_on_stream, CONNECTION, 1},
    {"a stream's window over 2^31-1", window_overflow_on_stream, STREAM, 3},
    {"DATA on stream 0", data_on_stream_zero, CONNECTION, 1},
    {"DATA on an idle stream", data_on_idle_stream, CONNECTION, 1},
    {"HEADERS on a stream that only we could push", headers_on_even_stream, CONNECTION, 1},
    {"RST_STREAM on an idle stream", rst_on_idle_stream, CONNECTION, 1},
    {"RST_STREAM of 3 bytes", rst_of_wrong_size, CONNECTION, 6},
    {"PING of 7 bytes", ping_of_wrong_size, CONNECTION, 6},
    {"PING on a stream", ping_on_a_stream, CONNECTION, 1},
    {"SETTINGS on a stream", settings_on_a_stream, CONNECTION, 1},
    {"SETTINGS of 5 bytes", settings_of_odd_size, CONNECTION, 6},
    {"a SETTINGS ACK with content", settings_ack_with_content, CONNECTION, 6},
    {"the connection's window over 2^31-1", window_overflow_on_connection, CONNECTION, 3},
    {"GOAWAY on a stream", goaway_on_a_stream, CONNECTION, 1},
    {"GOAWAY with a higher last id", goaway_that_rises, CONNECTION, 1},
    {"CONTINUATION alone", continuation_alone, CONNECTION, 1},
    {"a frame amid a header block", frame_amid_a_header_block, CONNECTION, 1},
    {"PUSH_PROMISE", push_promise, CONNECTION, 1},
    {"a frame over 16,384 bytes", frame_too_large, CONNECTION, 6},
    {"padding longer than its frame", padding_longer_than_its_frame, CONNECTION, 1},
    {"HPACK that is none", broken_hpack, CONNECTION, 9},
    {"ENABLE_PUSH from a server", push_enabled_by_server, CONNECTION, 1},
    {"a frame of an unknown type", unknown_frame, NOTHING, NO_CODE},
    {"an unknown setting", unknown_setting, NOTHING, NO_CODE},
    {"empty DATA", empty_data, NOTHING, NO_CODE},
    {"PRIORITY", priority, NOTHING, NO_CODE},
};

static void check(bool ok, const char *name, const char *what) {
  if (ok) return;
  printf("# %s: %s\n", name, what);
  CU_ASSERT_TRUE(ok);
}

static void try_on_client(const illegal *t) {
  rawpeer *p = pair_ready_client();
  party *victim = party_start(), *bystander = party_start();
  gmux__stream_half_close(&victim->stream);
  sim_run(pair_sim);
  t->send(p);
  sim_run(pair_sim);
  if (t->harm == CONNECTION) {
    check(victim->is_closed && bystander->is_closed, t->name, "all streams end");
    check(!client.conn && client.error == GMUX_ERR_PROTOCOL, t->name, "the connection ends");
    check(code_sent(p, RAW_GOAWAY, 0, 4) == t->code, t->name, "GOAWAY has the right code");
    return;
  }
  check(victim->is_closed == (t->harm == STREAM), t->name, "the stream's end");
  if (t->harm == STREAM) {
    check(victim->how == GMUX__ENDING_BROKEN && victim->why[0], t->name, "said why");
    check(code_sent(p, RAW_RST_STREAM, 1, 0) == t->code, t->name, "RST_STREAM has the right code");
  }
  raw_response(p, 3);
  raw_trailers(p, 3, "0");
  sim_run(pair_sim);
  check(bystander->how == GMUX__ENDING_FINISHED, t->name, "nothing else suffers");
}

static void each_alone(const illegal *cases, size_t count, void (*try)(const illegal *t)) {
  for (size_t i = 0; i < count; i++) {
    if (i) pair_setup();
    try(&cases[i]);
    if (i + 1 < count) pair_teardown();
  }
}

static void a_client_ends_what_a_server_breaks_and_nothing_else(void) {
  each_alone(to_client, sizeof to_client / sizeof *to_client, try_on_client);
}

static void settings_must_come_first(void) {
  rawpeer *p = pair_client_to_raw();
  rawpeer_ping(p, 0, (const uint8_t *)"12345678");
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(client.error, GMUX_ERR_PROTOCOL);
}

static void a_silent_end_before_settings_is_told_in_words(void) {
  rawpeer *p = pair_client_to_raw();
  rawpeer_shutdown(p);
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(client.error, GMUX_ERR_EOF);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "the peer closed the connection"));
}

static void data_after_the_end_changes_nothing(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start(), *other = party_start();
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  raw_response(p, 1);
  raw_trailers(p, 1, "0");
  rawpeer_data(p, 1, 0, "x", 1, 0);
  raw_response(p, 3);
  sim_run(pair_sim);
  ASSERT_LOG(c, "H X");
  ASSERT_LOG(other, "H");
}

static void a_stream_window_is_enforced(void) {
  static const uint8_t bytes[16384];
  rawpeer *p = pair_ready_client();
  client.credit = 0;
  party *c = party_start();
  sim_run(pair_sim);
  raw_response(p, 1);
  for (int i = 0; i < 4; i++)
    rawpeer_data(p, 1, 0, bytes, sizeof bytes, 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(c->is_closed || !client.conn); /* 65,536 bytes into a window of 65,535 */
}

/* ---- to a server ---- */

static void no_path(rawpeer *p) {
  const char *const pairs[] = {":method", "POST", ":scheme", "http", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}
static void path_twice(rawpeer *p) {
  const char *const pairs[] = {":method", "POST",  ":scheme", "http", ":path",
                               "/a/b",    ":path", "/c/d",    NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}
static void transfer_encoding(rawpeer *p) {
  const char *const pairs[] = {":method",           "POST",    ":scheme", "http", ":path", "/a/b",
                               "transfer-encoding", "chunked", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}
static void te_other_than_trailers(rawpeer *p) {
  const char *const pairs[] = {":method", "POST", ":scheme", "http", ":path",
                               "/a/b",    "te",   "gzip",    NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}
static void even_stream(rawpeer *p) {
  raw_request(p, 2, 0);
}
static void request_flag_above_one(rawpeer *p) {
  raw_request(p, 1, 0);
  const uint8_t bytes[] = {7, 0, 0, 0, 0};
  rawpeer_data(p, 1, 0, bytes, sizeof bytes, 0);
}
static void truncated_message(rawpeer *p) {
  raw_request(p, 1, 0);
  const uint8_t bytes[] = {0, 0, 0, 0, 9, 'x'};
  rawpeer_data(p, 1, RAW_END_STREAM, bytes, sizeof bytes, 0);
}
static void data_after_half_close(rawpeer *p) {
  raw_request(p, 1, RAW_END_STREAM);
  rawpeer_data(p, 1, 0, "x", 1, 0);
}
static void push_promise_from_client(rawpeer *p) {
  rawpeer_frame(p, RAW_PUSH_PROMISE, RAW_END_HEADERS, 1, "\0\0\0\2", 4);
}

static const illegal to_server[] = {
    {"no :path", no_path, STREAM, 1},
    {":path twice", path_twice, STREAM, 1},
    {"transfer-encoding", transfer_encoding, STREAM, 1},
    {"te: gzip", te_other_than_trailers, STREAM, 1},
    {"a message flag above 1", request_flag_above_one, STREAM, 2},
    {"an end in the middle of a message", truncated_message, STREAM, 2},
    {"an even stream id", even_stream, CONNECTION, 1},
    {"DATA after END_STREAM", data_after_half_close, CONNECTION, 5},
    {"PUSH_PROMISE from a client", push_promise_from_client, CONNECTION, 1},
    {"DATA on an idle stream", data_on_idle_stream, CONNECTION, 1},
    {"HPACK that is none", broken_hpack, CONNECTION, 9},
    {"SETTINGS of 5 bytes", settings_of_odd_size, CONNECTION, 6},
};

static void try_on_server(const illegal *t) {
  rawpeer *p = pair_ready_server();
  t->send(p);
  sim_run(pair_sim);
  if (t->harm == CONNECTION) {
    check(!server.conn && server.error == GMUX_ERR_PROTOCOL, t->name, "the connection ends");
    check(code_sent(p, RAW_GOAWAY, 0, 4) == t->code, t->name, "GOAWAY has the right code");
    return;
  }
  check(last_party(&server)->is_closed, t->name, "the stream ends");
  check(code_sent(p, RAW_RST_STREAM, 1, 0) == t->code, t->name, "RST_STREAM has the right code");
  raw_request(p, 3, RAW_END_STREAM);
  sim_run(pair_sim);
  ASSERT_LOG(last_party(&server), "H C");
}

static void a_server_ends_what_a_client_breaks_and_nothing_else(void) {
  each_alone(to_server, sizeof to_server / sizeof *to_server, try_on_server);
}

static void request_metadata(rawpeer *p, uint32_t stream, size_t size) {
  static char value[60000];
  memset(value, 'v', sizeof value);
  value[size] = '\0';
  const char *const pairs[] = {":method",    "POST",      ":scheme", "http", ":path", "/a/b",
                               ":authority", "localhost", "big",     value,  NULL};
  rawpeer_headers(p, stream, RAW_END_HEADERS | RAW_END_STREAM, pairs);
}

static void metadata_over_the_limit_is_marked_and_dropped(void) {
  rawpeer *p = pair_ready_server();
  request_metadata(p, 1, 9000);
  sim_run(pair_sim);
  party *s = last_party(&server);
  ASSERT_LOG(s, "H C");
  CU_ASSERT_TRUE(s->stream.in->head.is_too_large);
  CU_ASSERT_PTR_NULL(s->stream.in->head.metadata);
  CU_ASSERT_STRING_EQUAL(s->stream.in->head.path, "/a/b");
  raw_request(p, 3, RAW_END_STREAM);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(last_party(&server)->stream.in->head.is_too_large);
}

/* Wherever a read ends between them. */
static void data_behind_a_reset_ends_the_connection(void) {
  static const uint8_t frames[] = {0, 0, 4, RAW_RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, 8,
                                   0, 0, 1, RAW_DATA,       0, 0, 0, 0, 1, 0};
  rawpeer *p = pair_ready_server();
  for (size_t cut = 0;; cut++) {
    raw_request(p, 1, RAW_END_HEADERS);
    sim_run(pair_sim);
    rawpeer_send(p, frames, cut);
    sim_run(pair_sim);
    rawpeer_send(p, frames + cut, sizeof frames - cut);
    sim_run(pair_sim);
    CU_ASSERT_EQUAL(code_sent(p, RAW_GOAWAY, RAW_ANY, 4), 5);
    if (cut == sizeof frames) return;
    pair_teardown();
    pair_setup();
    p = pair_ready_server();
  }
}

/* What is refused has ended, for us: no clock runs for it while our reset cannot leave. */
static void a_refused_block_is_not_waited_for(void) {
  static const uint8_t big[60000];
  pair_config(&client)->header_block_ns = GMUX__NS_PER_S;
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  party *refused = party_start(), *writer = party_start();
  sim_run(pair_sim);
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  CU_ASSERT_EQUAL(party_write(writer, big, sizeof big), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(gmux__conn_is_blocked(client.conn));
  connection_header(p);
  sim_run_for(pair_sim, 5 * GMUX__NS_PER_S);
  ASSERT_LOG(refused, "X");
  CU_ASSERT_EQUAL(refused->error, GMUX_ERR_PROTOCOL);
  CU_ASSERT_PTR_NULL(strchr(client.log, 'X'));
}

static const test_case cases[] = {
    TEST(a_client_ends_what_a_server_breaks_and_nothing_else),
    TEST(settings_must_come_first),
    TEST(a_silent_end_before_settings_is_told_in_words),
    TEST(data_after_the_end_changes_nothing),
    TEST(a_stream_window_is_enforced),
    TEST(a_server_ends_what_a_client_breaks_and_nothing_else),
    TEST(data_behind_a_reset_ends_the_connection),
    TEST(metadata_over_the_limit_is_marked_and_dropped),
    TEST(a_refused_block_is_not_waited_for),
    TESTS_END,
};

extern const test_suite h2_illegal_suite;
const test_suite h2_illegal_suite = {"illegal", cases, pair_setup, pair_teardown};
