/* The n-th allocation fails, for all n, through connect, calls both ways and teardown: every stream
 * and every connection still ends exactly once, nothing leaks, nothing crashes. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { MORE = 3 };

/* Unlike pair.c this may not insist on success anywhere. */
typedef struct end {
  gmux__h2 *h2;
  gmux__conn *conn;
  gmux__stream stream;
  int conn_closed, stream_closed;
  bool is_used;
  /* Beside the call. Client: the first is refused and sent again, the others are cancelled. Server:
   * those of them that were taken. */
  gmux__stream more[MORE];
  int more_closed[MORE];
  size_t more_count;
} end;

static sim *world;
static gmux_loop *loop;
static end ends[2]; /* client, server */
static int refused;
static gmux__listener *listener;
static gmux__dial *dialing;

static end *end_of(gmux__stream *stream) {
  return gmux__container(stream, end, stream);
}

static void on_sent(gmux__stream *stream, size_t bytes) {
  (void)stream, (void)bytes;
}
static void on_closed_stream(gmux__stream *stream) {
  end_of(stream)->stream_closed++;
}

#define FIELD(n, v)                                                                                \
  {                                                                                                \
    .name = (const uint8_t *)(n), .value = (const uint8_t *)(v), .name_len = sizeof(n) - 1,        \
    .value_len = sizeof(v) - 1, .is_name_lasting = true, .is_value_lasting = true                  \
  }

static const gmux__field request[] = {
    FIELD(":method", "POST"),         FIELD(":scheme", "http"),       FIELD(":path", "/test.T/M"),
    FIELD(":authority", "localhost"), FIELD("x-custom", "something"), FIELD("te", "trailers"),
};

static void on_queue(gmux__stream *stream, bool is_full) {
  (void)stream, (void)is_full;
}

static void on_headers(gmux__stream *stream) {
  for (size_t i = 1; end_of(stream) == &ends[0] && i < ends[0].more_count; i++)
    gmux__stream_reset(&ends[0].more[i], 8);
  static const gmux__field fields[] = {FIELD(":status", "200"),
                                       FIELD("content-type", "application/grpc")};
  if (end_of(stream) == &ends[1]) (void)gmux__stream_respond(stream, fields, 2, 0);
}

static void on_message(gmux__stream *stream, gmux_bytes *message) {
  if (end_of(stream) == &ends[1]) (void)gmux__stream_write(stream, message);
}

static void on_half_close(gmux__stream *stream) {
  gmux__stream_finish(stream, 1);
}

static size_t trailers(gmux__stream *stream, gmux__field *fields, size_t room) {
  (void)stream;
  if (room) fields[0] = (gmux__field)FIELD("grpc-status", "0");
  return room ? 1 : 0;
}

static const gmux__stream_handlers handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_sent = on_sent,
    .on_queue = on_queue,
    .on_closed = on_closed_stream,
    .trailers = trailers,
};

static void on_nothing(gmux__stream *stream) {
  (void)stream;
}

static void on_message_of_more(gmux__stream *stream, gmux_bytes *message) {
  (void)stream, (void)message;
}

static void on_more_closed(gmux__stream *stream) {
  for (end *e = ends; e < ends + 2; e++) {
    for (size_t i = 0; i < MORE; i++)
      if (stream == &e->more[i]) e->more_closed[i]++;
  }
  if (stream != &ends[0].more[0] || !ends[0].conn || !gmux__stream_can_rewind(stream)) return;
  gmux__stream_rewind(stream);
  if (!gmux__stream_open(stream, ends[0].conn, request, 6)) ends[0].more_closed[0]--;
}

static const gmux__stream_handlers more_handlers = {
    .on_headers = on_nothing,
    .on_message = on_message_of_more,
    .on_sent = on_sent,
    .on_queue = on_queue,
    .on_closed = on_more_closed,
};

static void start_more(end *e) {
  for (; e->more_count < MORE; e->more_count++) {
    gmux__stream *stream = &e->more[e->more_count];
    gmux__stream_init(stream, e->h2, &more_handlers, 1 << 20, GMUX_CREDIT_UNLIMITED);
    gmux__stream_keep(stream, 1 << 20);
    gmux_bytes message = gmux_bytes_borrow("again", 5);
    if (gmux__stream_write(stream, &message) || gmux__stream_open(stream, e->conn, request, 6)) {
      gmux__stream_deinit(stream);
      return;
    }
  }
}

static void start_call(end *e) {
  static const uint8_t big[50000];
  gmux__stream_init(&e->stream, e->h2, &handlers, 1 << 20, GMUX_CREDIT_UNLIMITED);
  if (gmux__stream_open(&e->stream, e->conn, request, 6)) return;
  e->is_used = true;
  gmux_bytes message = gmux_bytes_borrow(big, sizeof big);
  (void)gmux__stream_write(&e->stream, &message);
  message = gmux_bytes_borrow("small", 5);
  (void)gmux__stream_write(&e->stream, &message);
  gmux__stream_half_close(&e->stream);
}

static void on_ready(gmux__conn *conn, void *owner) {
  if (owner != &ends[0]) return;
  (void)gmux__conn_validate(conn);
  start_call(owner);
  start_more(owner);
}

static void on_closed(gmux__conn *conn, void *owner) {
  end *e = owner;
  e->conn_closed++;
  e->conn = NULL;
  gmux__conn_free(conn);
}

static gmux__stream *on_stream(gmux__conn *conn, void *owner) {
  (void)conn;
  end *e = owner;
  if (e->is_used) {
    bool is_refused = !refused++ || e->more_count == MORE;
    if (is_refused) return NULL;
    gmux__stream *stream = &e->more[e->more_count++];
    gmux__stream_init(stream, e->h2, &more_handlers, 1 << 20, 1);
    return stream;
  }
  e->is_used = true;
  gmux__stream_init(&e->stream, e->h2, &handlers, 1 << 20, GMUX_CREDIT_UNLIMITED);
  return &e->stream;
}

static const gmux__conn_handlers conn_handlers = {
    .on_ready = on_ready, .on_closed = on_closed, .on_stream = on_stream};

static void begin(end *e, gmux__transport *transport) {
  gmux__h2_config config = {.is_server = e == &ends[1],
                            .max_streams = 10,
                            .stream_window_bytes = 65535,
                            .connection_window_bytes = 65535,
                            .max_header_bytes = 8192,
                            .reset_burst = 1,
                            .reset_rate_per_s = 1,
                            .connection_queue_bytes = 1000,
                            .queue_bytes = 1000,
                            .pulse = {.keepalive_ns = GMUX__NS_PER_S, .timeout_ns = GMUX__NS_PER_S},
                            .strikes = {.max_strikes = 2},
                            .settings_ack_ns = GMUX__NS_PER_S,
                            .header_block_ns = GMUX__NS_PER_S,
                            .write_stall_ns = GMUX__NS_PER_S};
  if (gmux__h2_new(&e->h2, loop, &config) || gmux__conn_new(&e->conn, e->h2, &conn_handlers, e)) {
    gmux__transport_close(transport);
    return;
  }
  gmux__conn_start(e->conn, transport);
}

static void on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)why;
  dialing = NULL;
  if (!error) begin(&ends[0], transport);
}

static void on_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  begin(&ends[1], transport);
}

static void finish(end *e) {
  if (e->conn) {
    gmux__conn_close(e->conn, GMUX_ERR_CLOSED, 0, "the end");
    sim_run(world);
  }
  CU_ASSERT_PTR_NULL(e->conn);
  CU_ASSERT_EQUAL(e->stream_closed, e->is_used ? 1 : 0);
  if (e->is_used) gmux__stream_deinit(&e->stream);
  for (size_t i = 0; i < e->more_count; i++) {
    CU_ASSERT_TRUE(e->more_closed[i] <= 1);
    gmux__stream_deinit(&e->more[i]);
  }
  gmux__h2_free(e->h2);
}

static void scenario(void *arg) {
  (void)arg;
  static const gmux__socket_options options;
  memset(ends, 0, sizeof ends);
  refused = 0;
  gmux__address at = sim_address("127.0.0.1", 0);
  if (!gmux__loop_listen(loop, &listener, &at, &options, on_accepted, NULL)) {
    (void)gmux__loop_dial(loop, &dialing, gmux__listener_address(listener), &options, on_dialed,
                          NULL);
    sim_run(world);
    if (ends[1].conn) gmux__conn_drain(ends[1].conn, "max_age");
    sim_run(world);
    gmux__dial_cancel(dialing);
    gmux__listener_close(listener);
  }
  finish(&ends[0]);
  finish(&ends[1]);
  sim_run(world);
}

static void setup(void) {
  world = sim_new(1);
  loop = sim_loop(world);
}
static void teardown(void) {
  sim_free(world);
}

static void every_allocation_may_fail(void) {
  size_t runs = test_alloc_torture(scenario, NULL);
  CU_ASSERT_TRUE(runs > 30);
  CU_ASSERT_EQUAL(ends[1].more_count, MORE); /* at last all was well: also the refused one came */
  CU_ASSERT_EQUAL(ends[0].more_closed[1] + ends[0].more_closed[2], 0);
}

/* The whole answer is here, and its message has to be kept until there is credit for it. */
static bool ask_with_the_nth_failing(size_t n) {
  client.credit = 0;
  rawpeer *p = pair_ready_client();
  party *asker = party_start();
  gmux__stream_half_close(&asker->stream);
  sim_run(pair_sim);
  raw_response(p, 1);
  rawpeer_grpc_message(p, 1, 0, "hello", 5);
  raw_trailers(p, 1, "0");
  test_alloc_fail_at(n);
  sim_run(pair_sim);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  gmux__stream_credit(&asker->stream, 1);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(asker->is_closed);
  CU_ASSERT_EQUAL(asker->how == GMUX__ENDING_FINISHED, gmux__buf_len(&asker->received) == 5);
  return has_failed;
}

static void an_answer_with_a_message_lost_to_memory_is_not_ok(void) {
  for (size_t n = 1;; n++) {
    pair_setup();
    bool has_failed = ask_with_the_nth_failing(n);
    pair_teardown();
    if (!has_failed) return;
  }
}

/* So much that the connection's window has to be given back. */
static bool hear_much_with_the_nth_failing(size_t n) {
  static const uint8_t bytes[16384];
  pair_config(&client)->connection_window_bytes = 65535;
  rawpeer *p = pair_ready_client();
  party_start();
  sim_run(pair_sim);
  raw_response(p, 1);
  test_alloc_fail_at(n);
  for (int i = 0; i < 3; i++)
    rawpeer_data(p, 1, 0, bytes, sizeof bytes, 0);
  sim_run(pair_sim);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  const rawframe *goaway = rawpeer_find(p, RAW_GOAWAY, 0, 0);
  CU_ASSERT_TRUE(!goaway || rawframe_u32(goaway, 4) != NGHTTP2_PROTOCOL_ERROR);
  return has_failed;
}

static void a_peer_is_not_blamed_for_memory_that_ends(void) {
  for (size_t n = 1;; n++) {
    pair_setup();
    bool has_failed = hear_much_with_the_nth_failing(n);
    pair_teardown();
    if (!has_failed) return;
  }
}

/* An answer that keeps all rules, in more pieces than a read has room for; a reset of ours would
 * have to wait, so that all of it is still heard. */
static bool hear_pieces_with_the_nth_failing(size_t n) {
  const char *const head[] = {
      ":status", "200", "content-type", "application/grpc", "content-length", "45", NULL};
  pair_config(&client)->reset_burst = pair_config(&client)->reset_rate_per_s = 1;
  rawpeer *p = pair_ready_client();
  party *gone = party_start();
  gmux__stream_half_close(&party_start()->stream);
  sim_run(pair_sim);
  gmux__stream_reset(&gone->stream, NGHTTP2_CANCEL);
  sim_run(pair_sim);
  rawpeer_headers(p, 3, RAW_END_HEADERS, head);
  for (int i = 0; i < 9; i++)
    rawpeer_grpc_message(p, 3, 0, "", 0);
  raw_trailers(p, 3, "0");
  test_alloc_fail_at(n);
  sim_run(pair_sim);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, 3, 0);
  CU_ASSERT_TRUE(!rst || rawframe_u32(rst, 0) != NGHTTP2_PROTOCOL_ERROR);
  return has_failed;
}

static void an_answer_is_not_blamed_for_memory_that_ends(void) {
  for (size_t n = 1;; n++) {
    pair_setup();
    bool has_failed = hear_pieces_with_the_nth_failing(n);
    pair_teardown();
    if (!has_failed) return;
  }
}

static const test_case cases[] = {
    TEST(every_allocation_may_fail),
    TEST(an_answer_with_a_message_lost_to_memory_is_not_ok),
    TEST(a_peer_is_not_blamed_for_memory_that_ends),
    TEST(an_answer_is_not_blamed_for_memory_that_ends),
    TESTS_END,
};

extern const test_suite h2_torture_suite;
const test_suite h2_torture_suite = {"torture", cases, setup, teardown};
