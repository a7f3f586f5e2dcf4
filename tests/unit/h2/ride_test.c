/* Short messages that leave with the head of their stream, and the windows that nghttp2 does not
 * know they use. */
#include "lib/h2/inside.h"
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

extern const test_suite h2_ride_suite;

enum {
  CANCEL = 8,
  MAX_STREAMS = 3,
  INITIAL_WINDOW = 4,
  WINDOW = 65535, /* of a connection, where nobody has said more */
  WIDEST = INT32_MAX,
  FRAME = 16384,
  SMALL = 100,
  LARGE = 60000
};

static const uint8_t noise[LARGE];

/* What is written, as DATA has it. */
static size_t framed(size_t bytes) {
  return GMUX__PREFIX_LEN + bytes;
}

/* ---- calls ---- */

static party *call_begun(size_t bytes) {
  party *c = party_new(&client);
  CU_ASSERT_EQUAL_FATAL(party_write(c, noise, bytes), 0);
  gmux__stream_half_close(&c->stream);
  return c;
}

static party *call(size_t bytes) {
  party *c = call_begun(bytes);
  CU_ASSERT_EQUAL_FATAL(party_open(c), 0);
  return c;
}

static gmux__field respond_fields[] = {
    {.name = (const uint8_t *)":status",
     .value = (const uint8_t *)"200",
     .name_len = 7,
     .value_len = 3},
};

static void answer_begin(party *s, size_t bytes) {
  CU_ASSERT_EQUAL_FATAL(gmux__stream_respond(&s->stream, respond_fields, 1, framed(bytes)), 0);
}

static void answer(party *s, size_t bytes) {
  answer_begin(s, bytes);
  CU_ASSERT_EQUAL_FATAL(party_write(s, noise, bytes), 0);
  party_finish(s, "0");
}

/* ---- the raw side ---- */

static void set_windows(rawpeer *p, uint32_t initial) {
  static const uint16_t ids[] = {INITIAL_WINDOW};
  rawpeer_settings(p, 1, ids, &initial);
  sim_run(pair_sim);
}

/* All frames of streams so far, in order: "H1 D1. H3 D3." with a dot where a stream ends. */
static const char *frames(const rawpeer *p) {
  static const char kinds[] = "DHpR";
  static char text[1024];
  size_t at = 0;
  text[0] = '\0';
  for (size_t i = 0; i < rawpeer_count(p, RAW_ANY, RAW_ANY); i++) {
    const rawframe *f = rawpeer_find(p, RAW_ANY, RAW_ANY, i);
    if (!f->stream || f->type > RAW_RST_STREAM) continue;
    bool is_end = f->type <= RAW_HEADERS && (f->flags & RAW_END_STREAM);
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%c%u%s", at ? " " : "", kinds[f->type],
                           f->stream, is_end ? "." : "");
  }
  return text;
}

static size_t data_bytes(const rawpeer *p, int64_t stream) {
  size_t bytes = 0;
  for (size_t i = 0; i < rawpeer_count(p, RAW_DATA, stream); i++)
    bytes += rawpeer_find(p, RAW_DATA, stream, i)->len;
  return bytes;
}

static uint32_t goaway_code(const rawpeer *p) {
  const rawframe *f = rawpeer_find(p, RAW_GOAWAY, RAW_ANY, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  return rawframe_u32(f, 4);
}

static void stall(void) {
  sim_link_stall(sim_link_first(pair_sim), SIM_BOTH_WAYS);
}

static void unstall(void) {
  sim_link_stall(sim_link_first(pair_sim), 0);
  sim_run(pair_sim);
}

/* ---- as one ---- */

static void a_unary_request_leaves_as_one(void) {
  rawpeer *p = pair_ready_client();
  call(SMALL);
  call(0);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1 D1. H3 D3.");
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_DATA, 1, 0)->len, framed(SMALL));
  raw_answer(p, 1);
  raw_answer(p, 3);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(client.parties[0]->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(client.parties[1]->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(client.parties[0]->sent, SMALL);
}

static void a_unary_answer_leaves_as_one(void) {
  rawpeer *p = pair_ready_server();
  for (uint32_t id = 1; id <= 3; id += 2) {
    raw_request(p, id, RAW_END_HEADERS);
    rawpeer_grpc_message(p, id, RAW_END_STREAM, noise, SMALL);
  }
  sim_run(pair_sim);
  answer(server.parties[0], SMALL);
  answer(server.parties[1], 0);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1 D1 H1. H3 D3 H3.");
  CU_ASSERT_STRING_EQUAL(rawframe_header(rawpeer_find(p, RAW_HEADERS, 1, 1), "grpc-status"), "0");
  CU_ASSERT_EQUAL(server.parties[0]->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(server.parties[0]->sent, SMALL);
}

/* One that answers before the client has said all asks it to stop, as ever. */
static void so_does_an_early_answer(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_HEADERS);
  sim_run(pair_sim);
  answer(server.parties[0], SMALL);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1 D1 H1. R1");
  CU_ASSERT_EQUAL(rawframe_u32(rawpeer_find(p, RAW_RST_STREAM, 1, 0), 0), 0);
}

static void what_is_not_small_or_not_all_goes_the_usual_way(void) {
  rawpeer *p = pair_ready_client();
  call(GMUX__RIDE_MOST);
  party *open = party_new(&client);
  CU_ASSERT_EQUAL(party_write(open, noise, SMALL), 0);
  CU_ASSERT_EQUAL(party_open(open), 0);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1 H3 D1. D3");
}

static void messages_that_wait_together_ride_together(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_new(&client);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(party_write(c, noise, SMALL), 0);
  gmux__stream_half_close(&c->stream);
  CU_ASSERT_EQUAL(party_open(c), 0);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1 D1.");
  CU_ASSERT_EQUAL(data_bytes(p, 1), 3 * framed(SMALL));
}

/* ---- the connection's window ---- */

static void no_more_leaves_than_the_connections_window_lets(void) {
  enum { CALLS = 40, BYTES = 4000 };
  rawpeer *p = pair_ready_client();
  for (int i = 0; i < CALLS; i++)
    call(BYTES);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), WINDOW);
  CU_ASSERT_EQUAL(gmux__conn_send_window(client.conn), 0);
  rawpeer_window_update(p, 0, WINDOW);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), 2 * WINDOW);
  rawpeer_window_update(p, 0, WINDOW);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), CALLS * framed(BYTES));
}

static void a_frame_of_it_is_left_to_others(void) {
  rawpeer *p = pair_ready_client();
  party *large = party_start();
  CU_ASSERT_EQUAL(party_write(large, noise, LARGE), 0);
  for (int i = 0; i < 40; i++)
    call(4000);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), WINDOW);
  CU_ASSERT_TRUE(data_bytes(p, 1) > 0);
}

/* Byte by byte, so that each of them finds the window used up by what nghttp2 does not know of. */
static void a_large_message_goes_on_with_each_byte_of_window(void) {
  rawpeer *p = pair_ready_client();
  for (int i = 0; i < 10; i++)
    call(4000);
  party *large = party_start();
  CU_ASSERT_EQUAL(party_write(large, noise, LARGE), 0);
  sim_run(pair_sim);
  uint32_t id = (uint32_t)large->stream.id;
  size_t sent = data_bytes(p, id);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), WINDOW);
  for (int i = 1; i <= 100; i++) {
    rawpeer_window_update(p, 0, 1);
    sim_run(pair_sim);
    CU_ASSERT_EQUAL(data_bytes(p, id), sent + (size_t)i);
  }
  rawpeer_window_update(p, 0, LARGE);
  rawpeer_window_update(p, id, LARGE);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, id), framed(LARGE));
}

/* Not behind all that is large, which found none before it. */
static void what_is_small_and_found_no_window_is_the_first_when_it_comes(void) {
  rawpeer *p = pair_ready_client();
  call(SMALL); /* so that something is owed, and nghttp2 sees a window */
  for (int i = 0; i < 5; i++)
    CU_ASSERT_EQUAL(party_write(party_start(), noise, LARGE), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), WINDOW);
  party *small[] = {call(SMALL), call(SMALL)};
  sim_run(pair_sim);
  for (size_t i = 0; i < 2; i++) {
    uint32_t id = (uint32_t)small[i]->stream.id;
    CU_ASSERT_EQUAL(rawpeer_count(p, RAW_DATA, id), 0);
    rawpeer_window_update(p, 0, (uint32_t)framed(SMALL));
    sim_run(pair_sim);
    CU_ASSERT_EQUAL(data_bytes(p, id), framed(SMALL));
  }
}

/* It would hold back all others for ever. */
static void a_request_that_is_taken_back_gives_its_part_back(void) {
  rawpeer *p = pair_ready_client();
  party *taken_back[10];
  for (int i = 0; i < 10; i++)
    taken_back[i] = call(4000);
  CU_ASSERT_EQUAL(gmux__conn_send_window(client.conn), WINDOW - 10 * (int32_t)framed(4000));
  party *large = party_start();
  CU_ASSERT_EQUAL(party_write(large, noise, LARGE), 0);
  for (int i = 0; i < 10; i++)
    gmux__stream_reset(&taken_back[i]->stream, CANCEL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), framed(LARGE));
  CU_ASSERT_EQUAL(gmux__conn_send_window(client.conn), WINDOW - (int32_t)framed(LARGE));
}

/* nghttp2 has them still, until a stream has ended. */
static void so_does_one_that_is_taken_back_while_no_further_stream_may_begin(void) {
  static const uint16_t ids[] = {MAX_STREAMS};
  static const uint32_t one[] = {1};
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  set_windows(p, WIDEST);
  rawpeer_window_update(p, 0, LARGE);
  sim_run(pair_sim);
  party *large = party_start();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(party_write(large, noise, LARGE), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(gmux__conn_is_blocked(client.conn));
  for (int i = 0; i < 5; i++)
    call(4000);
  CU_ASSERT_EQUAL(client.conn->ride.planned, 5 * framed(4000));
  rawpeer_settings(p, 1, ids, one);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(last_party(&client)->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  unstall();
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), WINDOW + LARGE);
}

/* A window that is always given back to its last byte stays at its largest, and not one past it. */
static void a_window_at_its_largest_is_never_lifted_past_it(void) {
  rawpeer *p = pair_ready_client();
  set_windows(p, WIDEST);
  rawpeer_window_update(p, 0, WIDEST - WINDOW);
  for (uint32_t id = 1; id < 200; id += 2) {
    call(SMALL);
    sim_run(pair_sim);
    rawpeer_window_update(p, 0, (uint32_t)framed(SMALL));
    rawpeer_window_update(p, id, (uint32_t)framed(SMALL));
    raw_answer(p, id);
    sim_run(pair_sim);
    CU_ASSERT_EQUAL(last_party(&client)->how, GMUX__ENDING_FINISHED);
  }
  CU_ASSERT_EQUAL(gmux__conn_send_window(client.conn), WIDEST);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, RAW_ANY), 0);
}

static void one_byte_too_many_ends_the_connection(void) {
  rawpeer *p = pair_ready_client();
  rawpeer_window_update(p, 0, WIDEST - WINDOW);
  call(SMALL);
  sim_run(pair_sim);
  rawpeer_window_update(p, 0, (uint32_t)framed(SMALL) + 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(goaway_code(p), NGHTTP2_FLOW_CONTROL_ERROR);
}

static void or_the_stream(void) {
  rawpeer *p = pair_ready_client();
  set_windows(p, WIDEST);
  call(SMALL);
  sim_run(pair_sim);
  rawpeer_window_update(p, 1, (uint32_t)framed(SMALL) + 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawframe_u32(rawpeer_find(p, RAW_RST_STREAM, 1, 0), 0),
                  NGHTTP2_FLOW_CONTROL_ERROR);
}

/* ---- WINDOW_UPDATE that nghttp2 must not see as it is ---- */

static void window_update_is_understood_in_whatever_pieces_it_comes(void) {
  rawpeer *p = pair_ready_client();
  for (int i = 0; i < 20; i++)
    call(4000);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), WINDOW);
  static const uint8_t update[] = {0, 0, 4, RAW_WINDOW_UPDATE, 0, 0, 0, 0, 0, 0, 0, 0x40, 0};
  for (size_t i = 0; i < sizeof update; i++) {
    rawpeer_send(p, update + i, 1);
    sim_run(pair_sim);
  }
  CU_ASSERT_EQUAL(data_bytes(p, RAW_ANY), 20 * framed(4000));
  rawpeer_ping(p, 0, update);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, RAW_ANY), 1);
}

static void an_increment_of_zero_is_an_error(void) {
  rawpeer *p = pair_ready_client();
  call(SMALL);
  sim_run(pair_sim);
  rawpeer_window_update(p, 0, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(goaway_code(p), NGHTTP2_PROTOCOL_ERROR);
}

static void so_is_one_of_another_length(void) {
  rawpeer *p = pair_ready_client();
  call(SMALL);
  sim_run(pair_sim);
  rawpeer_frame(p, RAW_WINDOW_UPDATE, 0, 0, noise, 5);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(goaway_code(p), NGHTTP2_FRAME_SIZE_ERROR);
}

static void so_is_one_inside_a_header_block(void) {
  static const char *const pairs[] = {":status", "200", NULL};
  rawpeer *p = pair_ready_client();
  call(SMALL);
  sim_run(pair_sim);
  rawpeer_headers(p, 1, 0, pairs);
  rawpeer_window_update(p, 0, SMALL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(goaway_code(p), NGHTTP2_PROTOCOL_ERROR);
}

static void what_nghttp2_does_not_see_counts_as_chatter_all_the_same(void) {
  pair_config(&client)->abuse = (gmux__abuse_config){.chatter_burst = 50, .chatter_rate_per_s = 1};
  rawpeer *p = pair_ready_client();
  call(4000);
  sim_run(pair_sim);
  for (int i = 0; i < 100; i++)
    rawpeer_window_update(p, 0, 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(goaway_code(p), NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- plans that fail ---- */

/* The peer's SETTINGS come while it waits for the socket. */
static void a_request_whose_window_went_before_it_left_never_left(void) {
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  rawpeer_window_update(p, 0, 2 * LARGE);
  sim_run(pair_sim);
  party *writer = party_start();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  CU_ASSERT_EQUAL(party_write(writer, noise, LARGE), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(gmux__conn_is_blocked(client.conn));
  party *c = call(SMALL);
  CU_ASSERT_EQUAL(client.conn->ride.planned, framed(SMALL));
  set_windows(p, SMALL);
  unstall();
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->why, "window for its message"));
  CU_ASSERT_TRUE_FATAL(gmux__stream_can_rewind(&c->stream));
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_ANY, 3), 0);
  CU_ASSERT_EQUAL(client.conn->ride.planned, 0);
  /* The usual way it waits for a window of its own. */
  gmux__stream_rewind(&c->stream);
  CU_ASSERT_EQUAL(party_open(c), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, 5), SMALL);
  rawpeer_window_update(p, 5, SMALL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, 5), framed(SMALL));
}

static void an_answer_whose_window_went_goes_the_usual_way(void) {
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_HEADERS | RAW_END_STREAM);
  raw_request(p, 3, RAW_END_HEADERS | RAW_END_STREAM);
  rawpeer_window_update(p, 0, 2 * LARGE);
  sim_run(pair_sim);
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_CLIENT);
  party_respond(server.parties[0]);
  CU_ASSERT_EQUAL(party_write(server.parties[0], noise, LARGE), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(gmux__conn_is_blocked(server.conn));
  answer(server.parties[1], SMALL);
  CU_ASSERT_EQUAL(server.conn->ride.planned, framed(SMALL));
  set_windows(p, SMALL);
  unstall();
  CU_ASSERT_EQUAL(data_bytes(p, 3), SMALL);
  CU_ASSERT_FALSE(server.parties[1]->is_closed);
  rawpeer_window_update(p, 3, SMALL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(data_bytes(p, 3), framed(SMALL));
  CU_ASSERT_EQUAL(server.parties[1]->how, GMUX__ENDING_FINISHED);
}

static void an_answer_whose_message_does_not_come_is_a_stream_like_others(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_HEADERS | RAW_END_STREAM);
  sim_run(pair_sim);
  answer_begin(server.parties[0], SMALL);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1");
  CU_ASSERT_EQUAL(server.conn->ride.planned, 0);
  CU_ASSERT_EQUAL(party_write(server.parties[0], noise, SMALL), 0);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1 D1");
  party_finish(server.parties[0], "0");
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(frames(p), "H1 D1 H1.");
}

static void one_that_is_reset_before_it_left_gives_its_part_back(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_HEADERS | RAW_END_STREAM);
  sim_run(pair_sim);
  answer(server.parties[0], SMALL);
  gmux__stream_reset(&server.parties[0]->stream, CANCEL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_DATA, 1), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
  CU_ASSERT_EQUAL(gmux__conn_send_window(server.conn), WINDOW);
}

/* Its RST_STREAM may wait for long. */
static void also_where_its_reset_waits(void) {
  pair_config(&server)->reset_burst = 1;
  pair_config(&server)->reset_rate_per_s = 1;
  rawpeer *p = pair_ready_server();
  for (uint32_t id = 1; id <= 3; id += 2)
    raw_request(p, id, RAW_END_HEADERS | RAW_END_STREAM);
  sim_run(pair_sim);
  for (size_t i = 0; i < 2; i++) {
    answer(server.parties[i], SMALL);
    gmux__stream_reset(&server.parties[i]->stream, CANCEL);
  }
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 1);
  CU_ASSERT_EQUAL(gmux__conn_send_window(server.conn), WINDOW);
}

static void both_sides_understand_each_other(void) {
  pair_connect();
  for (int i = 0; i < 50; i++)
    call(4000);
  stall();
  sim_run(pair_sim);
  unstall();
  for (size_t i = 0; i < 50; i++)
    answer(server.parties[i], 4000);
  sim_run(pair_sim);
  for (size_t i = 0; i < 50; i++) {
    ASSERT_LOG(server.parties[i], "H M4000 C X");
    ASSERT_LOG(client.parties[i], "H M4000 X");
  }
}

/* ---- with others ---- */

enum {
  CLOSED_LOOP = 90,
  CALL = 1000,
  NOT_RIDING = 5000,
  CALLS_IN_ALL = 3000,
  LINK_BYTES_PER_S = 10 * 1000 * 1000
};

static void answer_when_all_came(party *s, char event) {
  if (event == 'C') answer(s, 0);
}

static void on_request(party *s) {
  s->on_event = answer_when_all_came;
}

/* Each that ends is followed by another. */
static void call_next(party *c, char event);
static void call_of_many(void) {
  call(CALL)->on_event = call_next;
}

static void call_next(party *c, char event) {
  (void)c;
  if (event == 'X' && client.conn && client.party_count < CALLS_IN_ALL) call_of_many();
}

/* The socket is what they wait for, so the output is always full of them. */
static void calls_without_end_do_not_starve_what_does_not_ride(void) {
  pair_connect();
  server.on_party = on_request;
  sim_link_drip(sim_link_first(pair_sim), SIM_TO_SERVER, LINK_BYTES_PER_S);
  for (int i = 0; i < CLOSED_LOOP; i++)
    call_of_many();
  sim_run_for(pair_sim, GMUX__NS_PER_S / 100);
  party *other = call(NOT_RIDING);
  while (other->sent < NOT_RIDING && client.party_count < CALLS_IN_ALL)
    sim_run_for(pair_sim, GMUX__NS_PER_S / 1000);
  CU_ASSERT_EQUAL(other->sent, NOT_RIDING);
  CU_ASSERT_TRUE(client.party_count < CALLS_IN_ALL / 2);
}

static const test_case cases[] = {
    TEST(a_unary_request_leaves_as_one),
    TEST(a_unary_answer_leaves_as_one),
    TEST(so_does_an_early_answer),
    TEST(what_is_not_small_or_not_all_goes_the_usual_way),
    TEST(messages_that_wait_together_ride_together),
    TEST(no_more_leaves_than_the_connections_window_lets),
    TEST(a_frame_of_it_is_left_to_others),
    TEST(a_large_message_goes_on_with_each_byte_of_window),
    TEST(what_is_small_and_found_no_window_is_the_first_when_it_comes),
    TEST(a_request_that_is_taken_back_gives_its_part_back),
    TEST(so_does_one_that_is_taken_back_while_no_further_stream_may_begin),
    TEST(a_window_at_its_largest_is_never_lifted_past_it),
    TEST(one_byte_too_many_ends_the_connection),
    TEST(or_the_stream),
    TEST(window_update_is_understood_in_whatever_pieces_it_comes),
    TEST(an_increment_of_zero_is_an_error),
    TEST(so_is_one_of_another_length),
    TEST(so_is_one_inside_a_header_block),
    TEST(what_nghttp2_does_not_see_counts_as_chatter_all_the_same),
    TEST(a_request_whose_window_went_before_it_left_never_left),
    TEST(an_answer_whose_window_went_goes_the_usual_way),
    TEST(an_answer_whose_message_does_not_come_is_a_stream_like_others),
    TEST(one_that_is_reset_before_it_left_gives_its_part_back),
    TEST(also_where_its_reset_waits),
    TEST(calls_without_end_do_not_starve_what_does_not_ride),
    TEST(both_sides_understand_each_other),
    TESTS_END,
};

const test_suite h2_ride_suite = {"ride", cases, pair_setup, pair_teardown};
