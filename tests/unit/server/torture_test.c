/* torture_test.c: the n-th allocation fails, for all n, from new to free. */
#include "tests/unit/server/kit.h"

/* Every handler does what may need memory. */
static void act(int event, gmux_server_call *call, gmux_bytes *message) {
  gmux_bytes text;
  switch (event) {
  case SAW_CALL: {
    gmux_metadata *m;
    if (gmux_metadata_new(&m)) return;
    if (!gmux_metadata_add(m, "k", "v")) gmux_server_call_send_headers(call, m);
    gmux_metadata_free(m);
    return;
  }
  case SAW_MESSAGE:
    text = gmux_bytes_borrow(message->data, message->len);
    gmux_server_call_write(call, &text);
    return;
  case SAW_HALF_CLOSE:
    if (gmux_server_call_fail(call, GMUX_ABORTED, "half way"))
      gmux_server_call_finish(call, NULL, NULL);
    return;
  case SAW_UNARY:
    text = kit_text("reply");
    gmux_server_call_reply(call, &text);
    return;
  default:
    return;
  }
}

/* A server, a connection, a call of each form, and the end. Whatever failed on the way: the world
 * comes to rest, nothing is left, and each on_call had its on_end (kit_teardown counts). */
static void serve_and_close(void *arg) {
  bool is_outside = *(bool *)arg;
  kit.act = act;
  if (kit_make_server() || gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", NULL)) {
    gmux_server_free(kit.server);
    kit.server = NULL;
    kit_run();
    return;
  }
  kit_connect();
  static const char *const more[] = {"a-text",       "with a value", "b-bin", "AAECAw",
                                     "grpc-timeout", "1H",           NULL};
  kit_request(1, "/t.S/Bidi", false, more);
  kit_message(1, "message", false);
  kit_request(3, "/t.S/Fn", false, more);
  kit_message(3, "request", true);
  kit_request(5, "/t.S/Nope", true, NULL);
  kit_run();
  kit_message(1, "another", true);
  kit_request(7, "/t.S/Bidi", false, more); /* runs when the end comes */
  kit_run();
  if (is_outside && kit.call) {
    gmux_server_call *call = gmux_server_call_ref(kit.call);
    sim_set_outside(kit.loop, true);
    gmux_bytes text = kit_text("posted");
    gmux_server_call_write(call, &text);
    kit_run();
    gmux_server_call_fail(call, GMUX_ABORTED, "posted");
    gmux_server_call_unref(call);
    kit_run();
    sim_set_outside(kit.loop, false);
  }
  gmux_server_drain(kit.server, 1000, kit_on_closed, &kit);
  kit_run_ms(1000);
  CU_ASSERT_EQUAL(kit.closed, 1);
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  CU_ASSERT_EQUAL(kit.ends, kit.calls);
}

/* A connection that has a call grows old, and another one is idle; then the grace is over. */
static void grow_old(void) {
  kit.act = act;
  kit.options.max_connection_age_ms = 10000;
  kit.options.max_connection_age_grace_ms = 1000;
  kit.options.max_connection_idle_ms = 1000;
  if (!kit_make_server() &&
      !gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", NULL)) {
    kit_connect();
    kit_connect();
    kit_request(1, "/t.S/Server", false, NULL);
    kit_run_ms(30000); /* neither client answers the PING */
    gmux_server_stats stats = kit_stats();
    CU_ASSERT_EQUAL(stats.connections, 0);
    CU_ASSERT_EQUAL(stats.calls_running, 0);
  }
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  CU_ASSERT_EQUAL(kit.ends, kit.calls);
}

static void when_connections_grow_old_or_idle_too(void) {
  size_t n = 0;
  bool has_failed = true;
  while (has_failed) {
    kit_setup();
    test_alloc_fail_at(++n);
    grow_old();
    has_failed = test_alloc_has_failed();
    test_alloc_fail_at(0);
    kit_teardown();
  }
  CU_ASSERT_TRUE(n > 50);
}

/* In a build that keeps no blocks for nghttp2 it is twice as many. */
enum { AT_LEAST = 60 };

static size_t torture(bool is_outside) {
  for (size_t n = 1;; n++) {
    kit_setup();
    test_alloc_fail_at(n);
    serve_and_close(&is_outside);
    bool has_failed = test_alloc_has_failed();
    test_alloc_fail_at(0);
    if (!has_failed) {
      KIT_STREQ(kit_reply(1, 0), "message");
      KIT_STREQ(kit_reply(1, 1), "another");
      KIT_STREQ(kit_trailer(1, "grpc-status"), "10");
      KIT_STREQ(kit_reply(3, 0), "reply");
      KIT_STREQ(kit_trailer(5, "grpc-status"), "12");
    }
    kit_teardown(); /* nothing has leaked */
    if (!has_failed) return n;
  }
}

static void from_listen_to_close_each_allocation_may_fail(void) {
  CU_ASSERT_TRUE(torture(false) > AT_LEAST);
}

static void from_another_thread_too(void) {
  CU_ASSERT_TRUE(torture(true) > AT_LEAST);
}

static const test_case cases[] = {
    TEST(from_listen_to_close_each_allocation_may_fail),
    TEST(from_another_thread_too),
    TEST(when_connections_grow_old_or_idle_too),
    TESTS_END,
};

const test_suite server_torture_suite = {.name = "torture", .cases = cases};
