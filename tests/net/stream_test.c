/* stream_test.c: streams over real sockets, held back by their readers. */
#include "tests/net/kit.h"
#include <string.h>

/* A stream that one side of the test drives. */
typedef struct stream {
  gmux_call *call;
  atomic_uint written, taken;
  char reply[16];
  gmux_code code;
  sem_t first, ended;
} stream;

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  stream *s = user_data;
  s->code = status->code;
  sem_post(&s->ended);
}

/* ---- out ---- */

/* Runs on the loop alone: posted for the start, on_writable later. */
static void write_on(stream *s) {
  for (;;) {
    unsigned n = atomic_load(&s->written);
    if (n == KIT_MESSAGES) break;
    gmux_bytes message = kit_message(n);
    int rv = gmux_call_write(s->call, &message);
    if (rv < 0) return;
    atomic_store(&s->written, n + 1);
    if (rv == GMUX_WRITE_FULL) return;
  }
  CU_ASSERT_EQUAL(gmux_call_half_close(s->call), 0);
}

static void on_start(void *arg) {
  write_on(arg);
}

static void on_writable(gmux_call *call, void *user_data) {
  (void)call;
  write_on(user_data);
}

static void on_reply(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call;
  stream *s = user_data;
  size_t len = message->len < sizeof s->reply ? message->len : sizeof s->reply - 1;
  memcpy(s->reply, message->data, len);
}

static const gmux_call_handlers writer = {
    .on_message = on_reply, .on_writable = on_writable, .on_end = on_end};

/* ---- in ---- */

static void on_flood_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call;
  stream *s = user_data;
  unsigned n = atomic_fetch_add(&s->taken, 1);
  if (!kit_is_message(message, n)) atomic_store(&kit.is_out_of_order, true);
  if (n == 0) sem_post(&s->first);
}

static const gmux_call_handlers reader = {.on_message = on_flood_message, .on_end = on_end};

/* ---- both ---- */

typedef struct world {
  kit_server server;
  kit_client client;
  gmux_method *method;
  stream stream;
} world;

static void world_start(world *w, kit_kind kind, const char *path, gmux_method_kind method_kind) {
  memset(w, 0, sizeof *w);
  sem_init(&w->stream.first, 0, 0);
  sem_init(&w->stream.ended, 0, 0);
  atomic_store(&kit.sink_taken, 0);
  atomic_store(&kit.flood_written, 0);
  CU_ASSERT_FATAL(kit_server_start(&w->server, NULL, kit_address(kind), kit_server_tls(kind)));
  gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
  kit_client_start(&w->client, w->server.target, &o);
  w->method = kit_method(path, method_kind);
}

static void world_stop(world *w) {
  gmux_call_free(w->stream.call);
  gmux_method_free(w->method);
  kit_client_stop(&w->client);
  kit_server_stop(&w->server);
  sem_destroy(&w->stream.first);
  sem_destroy(&w->stream.ended);
}

/* Calls on the same connection come and go, which also gives the stream every chance to go too far:
 * what it has sent before them has arrived before them. */
static void check_others_go_on(world *w) {
  for (int i = 0; i < 20; i++)
    CU_ASSERT(kit_echo(w->client.channel));
}

static void a_writer_is_held_back_by_a_server_that_does_not_read(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    world w;
    world_start(&w, kind, KIT_SINK, GMUX_CLIENT_STREAMING);
    stream *s = &w.stream;
    CU_ASSERT_EQUAL_FATAL(gmux_call_start(&s->call, w.client.channel, w.method, NULL, &writer, s),
                          0);
    CU_ASSERT_EQUAL_FATAL(gmux_loop_post(w.client.loop, on_start, s), 0);
    check_others_go_on(&w);
    CU_ASSERT_EQUAL(atomic_load(&kit.sink_taken), 1);
    CU_ASSERT(atomic_load(&s->written) <= KIT_AHEAD_MAX);
    kit_sink_open();
    kit_wait(&s->ended);
    CU_ASSERT_EQUAL(s->code, GMUX_OK);
    CU_ASSERT_STRING_EQUAL(s->reply, "200");
    CU_ASSERT_EQUAL(atomic_load(&kit.sink_taken), KIT_MESSAGES);
    world_stop(&w);
  }
}

static void a_server_is_held_back_by_a_client_that_does_not_read(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    world w;
    world_start(&w, kind, KIT_FLOOD, GMUX_SERVER_STREAMING);
    stream *s = &w.stream;
    gmux_call_options o;
    gmux_call_options_init(&o, sizeof o);
    o.initial_credit = 1;
    CU_ASSERT_EQUAL_FATAL(gmux_call_start(&s->call, w.client.channel, w.method, &o, &reader, s), 0);
    gmux_bytes request = gmux_bytes_borrow("go", 2);
    CU_ASSERT_EQUAL(gmux_call_write(s->call, &request), 0);
    kit_wait(&s->first);
    check_others_go_on(&w);
    CU_ASSERT_EQUAL(atomic_load(&s->taken), 1);
    CU_ASSERT(atomic_load(&kit.flood_written) <= KIT_AHEAD_MAX);
    CU_ASSERT_EQUAL(gmux_call_grant(s->call, 2), 0);
    CU_ASSERT_EQUAL(gmux_call_grant(s->call, KIT_MESSAGES - 3), 0);
    kit_wait(&s->ended);
    CU_ASSERT_EQUAL(s->code, GMUX_OK);
    CU_ASSERT_EQUAL(atomic_load(&s->taken), KIT_MESSAGES);
    world_stop(&w);
  }
}

static void a_conversation_is_had_message_by_message(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    world w;
    world_start(&w, kind, KIT_TALK, GMUX_BIDI_STREAMING);
    gmux_call *call;
    CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, w.client.channel, w.method, NULL, NULL, NULL), 0);
    for (unsigned n = 0; n < 50; n++) {
      gmux_bytes message = kit_message(n), reply = gmux_bytes_borrow(NULL, 0);
      CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), 0);
      CU_ASSERT_EQUAL_FATAL(gmux_call_read_wait(call, &reply), 0);
      CU_ASSERT(kit_is_message(&reply, n));
      gmux_bytes_release(&reply);
    }
    CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
    gmux_bytes none;
    CU_ASSERT_EQUAL(gmux_call_read_wait(call, &none), GMUX_ERR_EOF);
    gmux_status status = gmux_call_end_wait(call, NULL);
    CU_ASSERT_EQUAL(status.code, GMUX_OK);
    gmux_status_clear(&status);
    gmux_call_free(call);
    world_stop(&w);
  }
}

static const test_case cases[] = {TEST(a_writer_is_held_back_by_a_server_that_does_not_read),
                                  TEST(a_server_is_held_back_by_a_client_that_does_not_read),
                                  TEST(a_conversation_is_had_message_by_message), TESTS_END};
const test_suite net_stream_suite = {"stream", cases, kit_setup, kit_teardown};
