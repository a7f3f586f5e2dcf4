/* server_test.c: a server from new to free. */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- making ---- */

static void a_server_that_never_listened_is_freed(void) {
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  gmux_server_stats stats = kit_stats();
  CU_ASSERT_EQUAL(stats.connections, 0);
  CU_ASSERT_EQUAL(stats.calls_peak, 0);
}

static void new_without_options_has_the_defaults(void) {
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&kit.server, kit.loop, NULL), 0);
}

static void new_refuses_what_cannot_be_right_in_words(void) {
  gmux_server *server = NULL;
  CU_ASSERT_EQUAL(gmux_server_new(NULL, kit.loop, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_new(&server, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "loop is NULL"));
  kit.options.max_concurrent_streams = 0;
  CU_ASSERT_EQUAL(gmux_server_new(&server, kit.loop, &kit.options), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "max_concurrent_streams"));
  CU_ASSERT_PTR_NULL(server);
}

static void ignore_half_close(gmux_server_call *call, void *user_data) {
  (void)call, (void)user_data;
}

static void ignore_request(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)call, (void)request, (void)user_data;
}

static void add_method_refuses_what_cannot_be_right_in_words(void) {
  static const gmux_server_handlers deaf = {.on_end = NULL};
  static const gmux_server_handlers enough = {.on_half_close = ignore_half_close};
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  gmux_server *s = kit.server;
  CU_ASSERT_EQUAL(gmux_server_add_method(NULL, "/a/B", GMUX_UNARY, &enough, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_method(s, NULL, GMUX_UNARY, &enough, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_method(s, "/a/B", GMUX_UNARY, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_method(s, "/a/B", (gmux_method_kind)4, &enough, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_method(s, "/a/B", GMUX_UNARY, &deaf, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "never be told"));
  CU_ASSERT_EQUAL(gmux_server_add_method(s, "a/B", GMUX_UNARY, &enough, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_unary(s, "/a/B", NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_unary(NULL, "/a/B", ignore_request, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_method(s, "/a/B", GMUX_UNARY, &enough, NULL), 0);
  CU_ASSERT_EQUAL(gmux_server_add_unary(s, "/a/B", ignore_request, NULL), GMUX_ERR_EXISTS);
}

static void a_server_that_listens_takes_no_more_methods(void) {
  kit_serve();
  CU_ASSERT_EQUAL(gmux_server_add_unary(kit.server, "/a/B", ignore_request, NULL), GMUX_ERR_STATE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "before"));
}

/* ---- figures ---- */

static void figures_add_up_and_the_peak_stays(void) {
  kit_serve();
  kit_connect();
  for (uint32_t stream = 1; stream <= 5; stream += 2)
    kit_request(stream, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().calls_running, 3);
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL);
  kit_run();
  CU_ASSERT_EQUAL(gmux_server_call_finish(kit.call, NULL, NULL), 0);
  kit_run();
  gmux_server_stats stats = kit_stats();
  CU_ASSERT_EQUAL(stats.calls_started, 3);
  CU_ASSERT_EQUAL(stats.calls_succeeded, 1);
  CU_ASSERT_EQUAL(stats.calls_failed, 1);
  CU_ASSERT_EQUAL(stats.calls_running, 1);
  CU_ASSERT_EQUAL(stats.calls_peak, 3);
  kit_request(7, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().calls_running, 2);
  CU_ASSERT_EQUAL(kit_stats().calls_peak, 3);
}

static void figures_of_bytes_and_resets_are_those_of_the_wire(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_request(3, "/t.S/Bidi", false, NULL);
  kit_run();
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL);
  CU_ASSERT_EQUAL(gmux_server_call_finish(kit.call, NULL, NULL), 0); /* the client sends on */
  kit_run();
  gmux_server_stats stats = kit_stats();
  const sim_link *link = sim_link_first(kit.world);
  CU_ASSERT_EQUAL(stats.bytes_received, sim_link_bytes(link, SIM_TO_SERVER));
  CU_ASSERT_EQUAL(stats.bytes_sent, sim_link_bytes(link, SIM_TO_CLIENT));
  CU_ASSERT_EQUAL(stats.bytes_sent, rawpeer_bytes(kit.peer));
  CU_ASSERT_EQUAL(stats.resets_received, 1);
  CU_ASSERT_EQUAL(kit_rst(3), GMUX__H2_NO_ERROR);
  CU_ASSERT_EQUAL(stats.resets_sent, 1);
  CU_ASSERT_EQUAL(stats.resets_delayed, 0);
}

static void figures_fill_what_their_caller_knows_and_no_more(void) {
  kit_serve();
  gmux_server_stats stats;
  memset(&stats, 0xff, sizeof stats);
  stats.size = offsetof(gmux_server_stats, calls_succeeded);
  CU_ASSERT_EQUAL(gmux_server_get_stats(kit.server, &stats), 0);
  CU_ASSERT_EQUAL(stats.calls_started, 0);
  CU_ASSERT_EQUAL(stats.calls_succeeded, UINT64_MAX);
  CU_ASSERT_EQUAL(stats.size, offsetof(gmux_server_stats, calls_succeeded));
  stats.size = 0;
  CU_ASSERT_EQUAL(gmux_server_get_stats(kit.server, &stats), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_get_stats(kit.server, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_get_stats(NULL, &stats), GMUX_ERR_INVALID);
}

/* ---- the end ---- */

static bool goaway_says(size_t nth, const char *text) {
  const rawframe *goaway = rawpeer_find(kit.peer, RAW_GOAWAY, 0, nth);
  return goaway && rawframe_u32(goaway, 4) == GMUX__H2_NO_ERROR &&
         goaway->len == 8 + strlen(text) && memcmp(goaway->payload + 8, text, strlen(text)) == 0;
}

static uint32_t goaway_last_id(size_t nth) {
  const rawframe *goaway = rawpeer_find(kit.peer, RAW_GOAWAY, 0, nth);
  return goaway ? rawframe_u32(goaway, 0) : 0;
}

static void answer_ping(void) {
  const rawframe *ping = rawpeer_find(kit.peer, RAW_PING, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  CU_ASSERT_EQUAL(ping->flags & RAW_ACK, 0);
  rawpeer_ping(kit.peer, RAW_ACK, ping->payload);
}

static void act_echo(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_HALF_CLOSE) kit_reply_text(call, kit.message);
}

static void a_drain_loses_no_call_in_two_steps(void) {
  kit.options.request_stall_timeout_ms = 0; /* its clients take an hour */
  kit_serve();
  kit_connect();
  kit.act = act_echo;
  kit_request(1, "/t.S/Unary", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_run();
  CU_ASSERT_EQUAL(sim_net_live(kit.world).listeners, 0);
  CU_ASSERT_EQUAL(goaway_last_id(0), INT32_MAX);
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_GOAWAY, 0), 1);
  /* What the client had sent before it heard of it is served. */
  kit_request(3, "/t.S/Unary", false, NULL);
  answer_ping();
  kit_run();
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_GOAWAY, 0), 2);
  CU_ASSERT_EQUAL(goaway_last_id(1), 3);
  CU_ASSERT_TRUE(goaway_says(1, "the server is shutting down"));
  kit_message(1, "one", true);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_run_ms(3600000); /* as long as it takes */
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_message(3, "three", true);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "one");
  KIT_STREQ(kit_reply(3, 0), "three");
  KIT_STREQ(kit_trailer(3, "grpc-status"), "0");
  CU_ASSERT_NOT_EQUAL(rawpeer_state(kit.peer), 0);
  CU_ASSERT_EQUAL(kit.closed, 0);
  rawpeer_close(kit.peer);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, 2);
}

static void a_drain_waits_for_no_handshake(void) {
  kit_serve();
  rawpeer *silent = kit_connect_silent();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_TRUE(kit_is_gone(silent));
}

static void a_drain_cancels_what_is_left_when_its_grace_is_over(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_request(3, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, 1000, kit_on_closed, &kit);
  kit_run_ms(999);
  KIT_STREQ(kit.order, "cc");
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_run_ms(1);
  KIT_STREQ(kit.order, "ccee");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_NOT_EQUAL(rawpeer_state(kit.peer), 0);
}

static void a_grace_that_is_used_up_is_none(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, -1, kit_on_closed, &kit);
  kit_run();
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_drain_without_connections_is_over_at_once_but_not_inside_the_call(void) {
  kit_serve();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_close_ends_everything_now(void) {
  kit_serve();
  kit_connect();
  kit_connect_silent();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_close(kit.server, kit_on_closed, &kit);
  KIT_STREQ(kit.order, "c");
  kit_run();
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_EQUAL(sim_net_live(kit.world).listeners, 0);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
}

static void never_on_closed(void *user_data) {
  (void)user_data;
  CU_FAIL("on_closed of a second drain or close");
}

static void a_second_drain_shortens_the_time_and_has_no_on_closed(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  kit_run_ms(5000);
  gmux_server_drain(kit.server, 1000, never_on_closed, NULL);
  kit_run_ms(500);
  gmux_server_drain(kit.server, 100000, never_on_closed, NULL); /* not longer */
  kit_run_ms(499);
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_run_ms(1);
  CU_ASSERT_EQUAL(kit.closed, 1);
  gmux_server_close(kit.server, never_on_closed, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_drain_and_a_close_in_one_breath_close(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  gmux_server_close(kit.server, never_on_closed, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_grace_beyond_all_clocks_is_one(void) {
  kit_serve();
  kit_connect();
  gmux_server_drain(kit.server, INT64_MAX - 1, kit_on_closed, &kit);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 0);
  answer_ping();
  kit_run();
  rawpeer_close(kit.peer);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void free_alone_closes(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_NOT_EQUAL(rawpeer_state(kit.peer), 0);
  gmux_server_free(NULL);
  gmux_server_close(NULL, NULL, NULL);
}

static void free_lets_a_drain_have_its_time(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, 1000, kit_on_closed, &kit);
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run_ms(999);
  KIT_STREQ(kit.order, "c");
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_run_ms(1);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_freed_server_drains_to_the_end_of_its_last_call(void) {
  kit_serve();
  kit_connect();
  kit.act = act_echo;
  kit_request(1, "/t.S/Unary", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  answer_ping();
  kit_message(1, "one", true);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "one");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  rawpeer_close(kit.peer);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void on_closed_frees(void *user_data) {
  kit_on_closed(user_data);
  gmux_server_free(kit.server);
  kit.server = NULL;
}

static void a_server_may_be_freed_in_on_closed(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_close(kit.server, on_closed_frees, &kit);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_PTR_NULL(kit.server);
}

static void act_free_server(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)call, (void)message;
  if (event != SAW_MESSAGE) return;
  gmux_server_free(kit.server);
  kit.server = NULL;
}

static void a_server_may_be_freed_from_a_handler(void) {
  kit_serve();
  kit_connect();
  kit.act = act_free_server;
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_request(3, "/t.S/Bidi", false, NULL);
  kit_message(1, "x", true);
  kit_run();
  CU_ASSERT_EQUAL(kit.ends, 2);
}

static void another_thread_may_drain_and_free(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  sim_set_outside(kit.loop, true);
  gmux_server_drain(kit.server, 1000, kit_on_closed, &kit);
  kit_run_ms(10);
  gmux_server_close(kit.server, NULL, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  sim_set_outside(kit.loop, false);
}

static void the_end_takes_no_memory(void) {
  kit_serve();
  kit_connect();
  kit_connect_silent();
  kit_run();
  size_t before = test_alloc_calls();
  gmux_server_drain(kit.server, 1000, kit_on_closed, &kit);
  gmux_server_close(kit.server, NULL, NULL);
  CU_ASSERT_EQUAL(test_alloc_calls(), before); /* nghttp2 takes some for its GOAWAY, later */
  test_alloc_fail_at(1);
  kit_run();
  test_alloc_fail_at(0);
  CU_ASSERT_EQUAL(kit.closed, 1);
  before = test_alloc_calls();
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
}

/* ---- waiting for the end: a loop with a thread of its own, and real sockets ---- */

static gmux_loop *own_loop;

static gmux_server *own_server(uint16_t *port) {
  gmux_server *server = NULL;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&own_loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&server, own_loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(server, "127.0.0.1:0", port), 0);
  return server;
}

/* A client that greets, and then says nothing more: not even to the PING of a drain. */
static int silent_client(uint16_t port) {
  /* The preface, and empty SETTINGS; the last byte of these is the string's end. */
  static const char greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CU_ASSERT_EQUAL_FATAL(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
  CU_ASSERT_EQUAL(send(fd, greeting, sizeof greeting, 0), sizeof greeting);
  char answer; /* the server's SETTINGS: it has the connection */
  CU_ASSERT_EQUAL(recv(fd, &answer, 1, 0), 1);
  return fd;
}

/* The server's end of a client's connection, in this process too; -1: not found. */
static int server_side(int client_fd) {
  struct sockaddr_in mine, peer;
  socklen_t len = sizeof mine;
  CU_ASSERT_EQUAL_FATAL(getsockname(client_fd, (struct sockaddr *)&mine, &len), 0);
  for (int fd = 0; fd < 1024; fd++) {
    len = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) || peer.sin_family != AF_INET) continue;
    if (peer.sin_port == mine.sin_port) return fd;
  }
  return -1;
}

static int tcp_option(int fd, int option) {
  int value = -1;
  socklen_t len = sizeof value;
  CU_ASSERT_EQUAL(getsockopt(fd, IPPROTO_TCP, option, &value, &len), 0);
  return value;
}

/* gRPC A18, read back from the kernel. */
static void accepted_sockets_have_the_keepalives_user_timeout_and_tcp_keepalive(void) {
  uint16_t port;
  gmux_server *server = own_server(&port);
  int fd = silent_client(port);
  int accepted = server_side(fd);
  CU_ASSERT_TRUE_FATAL(accepted >= 0);
  CU_ASSERT_EQUAL(tcp_option(accepted, TCP_USER_TIMEOUT), 20000);
  CU_ASSERT_EQUAL(tcp_option(accepted, TCP_KEEPIDLE), 120);
  CU_ASSERT_EQUAL(tcp_option(accepted, TCP_KEEPINTVL), 20);
  CU_ASSERT_EQUAL(tcp_option(accepted, TCP_KEEPCNT), 3);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(server, 0), 0);
  gmux_server_free(server);
  CU_ASSERT_EQUAL(gmux_loop_stop(own_loop), 0);
  close(fd);
}

static atomic_uint own_closed;

static void own_on_closed(void *user_data) {
  (void)user_data;
  atomic_fetch_add(&own_closed, 1);
}

static void drain_wait_returns_when_all_is_over(void) {
  uint16_t port;
  gmux_server *server = own_server(&port);
  int fd = silent_client(port);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(server, 1), 0);
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(server, &stats), 0);
  CU_ASSERT_EQUAL(stats.connections_accepted, 1);
  CU_ASSERT_EQUAL(stats.connections, 0);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(server, GMUX_NO_TIMEOUT), 0); /* over already */
  gmux_server_free(server);
  CU_ASSERT_EQUAL(gmux_loop_stop(own_loop), 0);
  close(fd);
}

static void drain_wait_joins_and_shortens_a_drain_that_runs(void) {
  uint16_t port;
  gmux_server *server = own_server(&port);
  int fd = silent_client(port);
  atomic_store(&own_closed, 0);
  gmux_server_drain(server, GMUX_NO_TIMEOUT, own_on_closed, NULL);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(server, 1), 0);
  CU_ASSERT_EQUAL(atomic_load(&own_closed), 1); /* came before */
  gmux_server_free(server);
  CU_ASSERT_EQUAL(gmux_loop_stop(own_loop), 0);
  close(fd);
}

static void drain_wait_that_is_refused_has_begun_nothing(void) {
  kit_serve();
  CU_ASSERT_EQUAL(gmux_server_drain_wait(NULL, 0), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(kit.server, 0), GMUX_ERR_DEADLOCK);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "own thread"));
  sim_set_outside(kit.loop, true);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(kit.server, 0), GMUX_ERR_NOMEM);
  test_alloc_fail_at(0);
  sim_set_outside(kit.loop, false);
  kit_run();
  CU_ASSERT_EQUAL(sim_net_live(kit.world).listeners, 1);
}

static const test_case cases[] = {
    TEST(a_server_that_never_listened_is_freed),
    TEST(new_without_options_has_the_defaults),
    TEST(new_refuses_what_cannot_be_right_in_words),
    TEST(add_method_refuses_what_cannot_be_right_in_words),
    TEST(a_server_that_listens_takes_no_more_methods),
    TEST(figures_add_up_and_the_peak_stays),
    TEST(figures_of_bytes_and_resets_are_those_of_the_wire),
    TEST(figures_fill_what_their_caller_knows_and_no_more),
    TEST(a_drain_loses_no_call_in_two_steps),
    TEST(a_drain_waits_for_no_handshake),
    TEST(a_drain_cancels_what_is_left_when_its_grace_is_over),
    TEST(a_grace_that_is_used_up_is_none),
    TEST(a_drain_without_connections_is_over_at_once_but_not_inside_the_call),
    TEST(a_close_ends_everything_now),
    TEST(a_second_drain_shortens_the_time_and_has_no_on_closed),
    TEST(a_drain_and_a_close_in_one_breath_close),
    TEST(a_grace_beyond_all_clocks_is_one),
    TEST(free_alone_closes),
    TEST(free_lets_a_drain_have_its_time),
    TEST(a_freed_server_drains_to_the_end_of_its_last_call),
    TEST(a_server_may_be_freed_in_on_closed),
    TEST(a_server_may_be_freed_from_a_handler),
    TEST(another_thread_may_drain_and_free),
    TEST(the_end_takes_no_memory),
    TEST(accepted_sockets_have_the_keepalives_user_timeout_and_tcp_keepalive),
    TEST(drain_wait_returns_when_all_is_over),
    TEST(drain_wait_joins_and_shortens_a_drain_that_runs),
    TEST(drain_wait_that_is_refused_has_begun_nothing),
    TESTS_END,
};

const test_suite server_server_suite = {
    .name = "server", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
