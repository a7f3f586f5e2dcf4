/* front_test.c: a server over several loops: where connections go, and how it ends. */
#include "lib/server/front.h"
#include "tests/unit/server/kit.h"

static void act_reply(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
}

static void setup(void) {
  kit_setup();
  kit.loop_count = KIT_LOOPS;
  kit.act = act_reply;
}

static gmux_server *lane(size_t i) {
  return kit.server->front->lanes[i].server;
}

static uint32_t connections_of(size_t i) {
  gmux_server_stats s = {.size = sizeof s};
  CU_ASSERT_EQUAL(gmux_server_get_stats(lane(i), &s), 0);
  return s.connections;
}

static void call_on(rawpeer *peer, uint32_t stream) {
  kit.peer = peer;
  kit_unary(stream, "/t.S/Fn", "hello");
}

/* ---- making one ---- */

static void refused(gmux_loop *const *loops, size_t count, const char *words) {
  gmux_server *server = NULL;
  CU_ASSERT_EQUAL(gmux_server_new_on_loops(&server, loops, count, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), words));
  CU_ASSERT_PTR_NULL(server);
}

static void loops_that_cannot_be_are_refused_in_words(void) {
  gmux_loop *twice[] = {kit.loops[0], kit.loops[1], kit.loops[1]};
  gmux_loop *hole[] = {NULL, kit.loops[0]};
  refused(kit.loops, 0, "0 loops: it must be 1 to 64");
  refused(kit.loops, GMUX_SERVER_LOOPS_MAX + 1, "65 loops: it must be 1 to 64");
  refused(twice, 3, "loops[1] and loops[2] are the same");
  refused(hole, 2, "loops[0] is NULL");
  refused(NULL, 2, "loops is NULL");
}

static void one_loop_makes_an_ordinary_server(void) {
  kit.loop_count = 1;
  kit_serve();
  CU_ASSERT_PTR_NULL(kit.server->front);
  CU_ASSERT_PTR_NULL(kit.server->lane);
}

static void limits_of_the_whole_are_divided(void) {
  kit.options.max_connections = 10;
  kit.options.max_handshaking = 2;
  kit.options.max_server_held_calls = 7;
  kit.options.max_memory_bytes = 10000001;
  kit_serve();
  static const uint32_t want[KIT_LOOPS][3] = {{4, 1, 3}, {3, 1, 2}, {3, 1, 2}};
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    CU_ASSERT_EQUAL(lane(i)->options.max_connections, want[i][0]);
    CU_ASSERT_EQUAL(lane(i)->options.max_handshaking, want[i][1]);
    CU_ASSERT_EQUAL(lane(i)->options.max_server_held_calls, want[i][2]);
    CU_ASSERT_EQUAL(lane(i)->options.max_memory_bytes, i < 2 ? 3333334 : 3333333);
  }
}

static void a_method_is_added_once_for_all_loops_and_not_after_listening(void) {
  kit_serve();
  CU_ASSERT_EQUAL(gmux_server_add_method(kit.server, "/t.S/New", GMUX_UNARY, &kit_handlers, &kit),
                  GMUX_ERR_STATE);
  for (size_t i = 0; i < KIT_LOOPS; i++)
    CU_ASSERT_PTR_NULL(gmux__methods_find(&lane(i)->methods, "/t.S/New"));
}

static void a_method_that_is_there_is_refused(void) {
  CU_ASSERT_EQUAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL(gmux_server_add_method(kit.server, "/t.S/Bidi", GMUX_UNARY, &kit_handlers, &kit),
                  GMUX_ERR_EXISTS);
}

/* ---- connections ---- */

static void connections_go_to_the_loop_that_has_the_fewest(void) {
  kit_serve();
  rawpeer *peers[9];
  for (size_t i = 0; i < 9; i++)
    peers[i] = kit_connect();
  for (size_t i = 0; i < KIT_LOOPS; i++)
    CU_ASSERT_EQUAL(connections_of(i), 3);
  for (size_t i = 0; i < 9; i++) {
    call_on(peers[i], 1);
    CU_ASSERT_STRING_EQUAL(kit_reply(1, 0), "reply");
  }
  CU_ASSERT_EQUAL(kit_stats().connections, 9);
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, 9);
  CU_ASSERT_EQUAL(kit_stats().connections_accepted, 9);
}

static void those_on_their_way_count(void) {
  kit_serve();
  for (size_t i = 0; i < 6; i++)
    kit_connect_silent();
  kit_run(); /* all are accepted in one turn */
  for (size_t i = 0; i < KIT_LOOPS; i++)
    CU_ASSERT_EQUAL(connections_of(i), 2);
}

static void who_leaves_makes_room_on_its_loop(void) {
  kit_serve();
  rawpeer *peers[6];
  for (size_t i = 0; i < 6; i++)
    peers[i] = kit_connect();
  for (size_t i = 0; i < KIT_LOOPS; i++)
    CU_ASSERT_EQUAL(connections_of(i), 2);
  rawpeer_close(peers[1]);
  rawpeer_close(peers[4]);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().connections, 4);
  kit_connect();
  kit_connect();
  for (size_t i = 0; i < KIT_LOOPS; i++)
    CU_ASSERT_EQUAL(connections_of(i), 2);
}

static void the_limit_of_connections_holds_for_all_together(void) {
  kit.options.max_connections = 7;
  kit_serve();
  for (size_t i = 0; i < 7; i++)
    kit_connect();
  CU_ASSERT_EQUAL(kit_stats().connections, 7);
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 0);
  rawpeer *one_more = kit_connect();
  CU_ASSERT_TRUE(kit_is_gone(one_more));
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 1);
}

/* 7 are 3, 2 and 2: the last one has a place on the first loop only, which is the busiest. */
static void who_has_a_place_anywhere_is_not_refused(void) {
  kit.options.max_connections = 7;
  kit_serve();
  rawpeer *first = kit_connect();
  for (size_t i = 1; i < 6; i++)
    kit_connect();
  kit.peer = first;
  kit_request(1, "/t.S/Bidi", false, NULL); /* stays */
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().calls_running, 1);
  kit_connect();
  CU_ASSERT_EQUAL(connections_of(0), 3);
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 0);
}

/* Nor who could shake hands on a loop that has more connections. */
static void handshakes_go_where_there_is_room_for_them(void) {
  kit.options.max_handshaking = 3; /* one a loop */
  kit_serve();
  rawpeer *peers[6];
  for (size_t i = 0; i < 6; i++)
    peers[i] = kit_connect();
  rawpeer_close(peers[2]);
  rawpeer_close(peers[5]);
  kit_run();
  CU_ASSERT_EQUAL(connections_of(2), 0);
  for (size_t i = 0; i < 2; i++)
    kit_connect_silent();
  kit_run();
  CU_ASSERT_EQUAL(connections_of(2), 1);
  CU_ASSERT_EQUAL(kit_stats().connections, 6);
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 0);
}

/* ---- the end ---- */

static rawpeer *busy[KIT_LOOPS];
static gmux_server_call *open_calls[KIT_LOOPS];
static size_t open_count;

static void act_keep(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL) open_calls[open_count++] = gmux_server_call_ref(call);
}

/* A call on each loop. */
static void serve_busily(void) {
  open_count = 0;
  kit.act = act_keep;
  kit_serve();
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    kit.peer = busy[i] = kit_connect();
    kit_unary(1, "/t.S/Unary", "hello");
  }
  CU_ASSERT_EQUAL_FATAL(open_count, KIT_LOOPS);
}

static void answer(size_t i) {
  kit_reply_text(open_calls[i], "reply");
  gmux_server_call_unref(open_calls[i]);
  kit_run();
}

static void leave(size_t i) {
  rawpeer_close(busy[i]);
  kit_run();
}

static void a_drain_is_over_when_it_is_on_all_loops(void) {
  serve_busily();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  kit_run();
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    CU_ASSERT_EQUAL(kit.closed, 0);
    CU_ASSERT_TRUE(rawpeer_count(busy[i], RAW_GOAWAY, 0) > 0);
    answer(i);
    leave(i);
  }
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, KIT_LOOPS);
}

static void after_the_grace_calls_of_all_loops_are_cancelled(void) {
  serve_busily();
  gmux_server_drain(kit.server, 500, kit_on_closed, &kit);
  kit_run_ms(499);
  CU_ASSERT_EQUAL(kit.ends, 0);
  kit_run_ms(1001); /* and time for the connections to go */
  CU_ASSERT_EQUAL(kit.ends, KIT_LOOPS);
  for (size_t i = 0; i < KIT_LOOPS; i++)
    gmux_server_call_unref(open_calls[i]);
  kit_run_ms(2000);
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_second_end_only_hastens_the_first(void) {
  serve_busily();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  kit_run();
  gmux_server_close(kit.server, kit_on_closed, &kit);
  kit_run_ms(2000);
  CU_ASSERT_EQUAL(kit.closed, 1);
  for (size_t i = 0; i < KIT_LOOPS; i++)
    gmux_server_call_unref(open_calls[i]);
}

static void freed_while_it_drains_it_finishes(void) {
  serve_busily();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 0);
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    answer(i);
    leave(i);
  }
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_connection_that_arrives_at_a_loop_that_drains_is_closed(void) {
  kit_serve();
  for (size_t i = 0; i < KIT_LOOPS; i++)
    sim_loop_freeze(kit.loops[i], 500 * GMUX__NS_PER_MS);
  gmux_server_free(kit.server); /* each loop will hear of it at the end of its next turn, */
  kit.server = NULL;
  rawpeer *peers[3];
  for (size_t i = 0; i < 3; i++)
    peers[i] = kit_connect_silent(); /* after the first has accepted these and sent them on */
  kit_run_ms(5000);
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_TRUE(kit_is_gone(peers[i]));
}

static void free_it(void *user_data) {
  (void)user_data;
  gmux_server_free(kit.server);
  kit.server = NULL;
}

static void on_closed_may_free_it(void) {
  kit_serve();
  for (size_t i = 0; i < KIT_LOOPS; i++)
    kit_connect();
  gmux_server_close(kit.server, free_it, NULL);
  kit_run_ms(3000);
  CU_ASSERT_PTR_NULL(kit.server);
}

static void nobody_waits_on_any_of_its_loops(void) {
  kit_serve();
  for (size_t i = 0; i < KIT_LOOPS; i++)
    sim_set_outside(kit.loops[i], i != 1);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(kit.server, GMUX_NO_TIMEOUT), GMUX_ERR_DEADLOCK);
  for (size_t i = 0; i < KIT_LOOPS; i++)
    sim_set_outside(kit.loops[i], false);
}

static void act_keep_blocking(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_CALL) return;
  CU_ASSERT_EQUAL(gmux_server_call_set_blocking(call), 0);
  open_calls[open_count++] = gmux_server_call_ref(call);
}

/* A call on the first loop, and a message on its way to whoever waits. */
static gmux_server_call *serve_blocking(void) {
  open_count = 0;
  kit.act = act_keep_blocking;
  kit_serve();
  kit.peer = kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_message(1, "hello", false);
  kit_run();
  CU_ASSERT_EQUAL_FATAL(open_count, 1);
  return open_calls[0];
}

static void nor_for_a_call_of_another_loop(void) {
  gmux_server_call *call = serve_blocking();
  gmux_bytes message = gmux_bytes_borrow("x", 1);
  for (size_t own = 0; own < KIT_LOOPS; own++) {
    for (size_t i = 0; i < KIT_LOOPS; i++)
      sim_set_outside(kit.loops[i], i != own);
    CU_ASSERT_EQUAL_FATAL(gmux_server_call_read_wait(call, &message), GMUX_ERR_DEADLOCK);
    CU_ASSERT_EQUAL(gmux_server_call_write_wait(call, &message), GMUX_ERR_DEADLOCK);
  }
  for (size_t i = 0; i < KIT_LOOPS; i++)
    sim_set_outside(kit.loops[i], true);
  CU_ASSERT_EQUAL(gmux_server_call_read_wait(call, &message), 0);
  gmux_bytes_release(&message);
  for (size_t i = 0; i < KIT_LOOPS; i++)
    sim_set_outside(kit.loops[i], false);
  gmux_server_call_unref(call);
}

/* Its thread may be that of a loop that has no part in the server any more. */
static void a_call_that_is_kept_past_the_end_can_be_asked_from_any_thread(void) {
  gmux_server_call *call = serve_blocking();
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run_ms(2000);
  gmux_bytes message;
  sim_set_outside(kit.loops[0], true);
  CU_ASSERT_EQUAL_FATAL(gmux_server_call_read_wait(call, &message), 0);
  gmux_bytes_release(&message);
  CU_ASSERT_EQUAL(gmux_server_call_read_wait(call, &message), GMUX_ERR_EOF);
  sim_set_outside(kit.loops[0], false);
  gmux_server_call_unref(call);
}

/* ---- memory ---- */

static void act_try(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  gmux_bytes reply = kit_text("reply");
  if (event == SAW_UNARY && gmux_server_call_reply(call, &reply))
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, NULL);
}

/* A connection that there is no memory to hand on is served where it is, or dropped. */
static bool run_without(size_t n) {
  kit_setup();
  kit.loop_count = KIT_LOOPS;
  kit.act = act_try;
  test_alloc_fail_at(n);
  bool is_made = kit_make_server() == 0;
  if (is_made)
    is_made = gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", NULL) == 0;
  rawpeer *peers[KIT_LOOPS];
  for (size_t i = 0; is_made && i < KIT_LOOPS; i++)
    peers[i] = kit_connect();
  for (size_t i = 0; is_made && i < KIT_LOOPS; i++)
    if (!kit_is_gone(peers[i])) call_on(peers[i], 1);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  kit_teardown();
  return has_failed;
}

static void it_survives_every_failed_allocation(void) {
  size_t n = 1;
  kit_teardown();
  while (n < 5000 && run_without(n))
    n++;
  setup();
  CU_ASSERT_TRUE(n > 60 && n < 5000);
}

static const test_case cases[] = {
    TEST(loops_that_cannot_be_are_refused_in_words),
    TEST(one_loop_makes_an_ordinary_server),
    TEST(limits_of_the_whole_are_divided),
    TEST(a_method_is_added_once_for_all_loops_and_not_after_listening),
    TEST(a_method_that_is_there_is_refused),
    TEST(connections_go_to_the_loop_that_has_the_fewest),
    TEST(those_on_their_way_count),
    TEST(who_leaves_makes_room_on_its_loop),
    TEST(the_limit_of_connections_holds_for_all_together),
    TEST(who_has_a_place_anywhere_is_not_refused),
    TEST(handshakes_go_where_there_is_room_for_them),
    TEST(a_drain_is_over_when_it_is_on_all_loops),
    TEST(after_the_grace_calls_of_all_loops_are_cancelled),
    TEST(a_second_end_only_hastens_the_first),
    TEST(freed_while_it_drains_it_finishes),
    TEST(a_connection_that_arrives_at_a_loop_that_drains_is_closed),
    TEST(on_closed_may_free_it),
    TEST(nobody_waits_on_any_of_its_loops),
    TEST(nor_for_a_call_of_another_loop),
    TEST(a_call_that_is_kept_past_the_end_can_be_asked_from_any_thread),
    TEST(it_survives_every_failed_allocation),
    TESTS_END,
};

extern const test_suite server_front_suite;
const test_suite server_front_suite = {
    .name = "front", .cases = cases, .setup = setup, .teardown = kit_teardown};
