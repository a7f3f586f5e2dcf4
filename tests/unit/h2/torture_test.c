/* The n-th allocation fails, for all n, through connect, calls both ways and teardown: every stream
 * and every connection still ends exactly once, nothing leaks, nothing crashes. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* Unlike pair.c this may not insist on success anywhere. */
typedef struct end {
  gmux__h2 *h2;
  gmux__conn *conn;
  gmux__stream stream;
  int conn_closed, stream_closed;
  bool is_used;
} end;

static sim *world;
static gmux_loop *loop;
static end ends[2]; /* client, server */
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
  { (const uint8_t *)(n), (const uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1 }

static const gmux__field request[] = {
    FIELD(":method", "POST"),         FIELD(":scheme", "http"),       FIELD(":path", "/test.T/M"),
    FIELD(":authority", "localhost"), FIELD("x-custom", "something"), FIELD("te", "trailers"),
};

static void on_headers(gmux__stream *stream) {
  static const gmux__field fields[] = {FIELD(":status", "200"),
                                       FIELD("content-type", "application/grpc")};
  if (end_of(stream) == &ends[1]) (void)gmux__stream_respond(stream, fields, 2);
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
    .on_closed = on_closed_stream,
    .trailers = trailers,
};

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
  (void)conn;
  if (owner == &ends[0]) start_call(owner);
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
  if (e->is_used) return NULL;
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
                            .max_header_bytes = 8192};
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
  gmux__h2_free(e->h2);
}

static void scenario(void *arg) {
  (void)arg;
  static const gmux__socket_options options;
  memset(ends, 0, sizeof ends);
  gmux__address at = sim_address("127.0.0.1", 0);
  if (!gmux__loop_listen(loop, &listener, &at, &options, on_accepted, NULL)) {
    (void)gmux__loop_dial(loop, &dialing, gmux__listener_address(listener), &options, on_dialed,
                          NULL);
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

static const test_case cases[] = {
    TEST(every_allocation_may_fail),
    TEST(an_answer_with_a_message_lost_to_memory_is_not_ok),
    TESTS_END,
};

extern const test_suite h2_torture_suite;
const test_suite h2_torture_suite = {"torture", cases, setup, teardown};
