/* dial_test.c: connects that fail, hang, or are given up. */
#include "lib/base/fail.h"
#include "lib/io/sockaddr.h"
#include "lib/io/socket.h"
#include "tests/unit/fds.h"
#include "tests/unit/harness.h"
#include "tests/unit/io/net.h"
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void never(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)error, (void)transport, (void)why;
  CU_FAIL("a cancelled dial has answered");
}

static void a_refused_connect_says_so(void) {
  net_server server;
  char why[256];
  gmux__address at = net_ipv4(0);
  net_listen(&server, &at, NULL);
  at = *gmux__listener_address(server.listener);
  gmux__listener_close(server.listener); /* now nobody listens there */
  CU_ASSERT_PTR_NULL(net_dial(&at, NULL, why));
  CU_ASSERT_STRING_EQUAL(why, "connection refused");
}

static void a_missing_unix_socket_says_so(void) {
  char why[256];
  gmux__address at = net_unix("nobody");
  CU_ASSERT_PTR_NULL(net_dial(&at, NULL, why));
  CU_ASSERT_STRING_EQUAL(why, "no such file or directory");
}

static void an_abstract_name_that_nobody_has_is_refused(void) {
  char why[256];
  gmux__address at = net_abstract();
  CU_ASSERT_PTR_NULL(net_dial(&at, NULL, why));
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "connection refused"));
}

static void no_address_is_refused_at_once(void) {
  gmux__dial *dial = NULL;
  gmux__address none = {.family = GMUX__FAMILY_NONE};
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &none, NULL, never, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NULL(dial);
}

static void without_descriptors_the_error_says_so(void) {
  gmux__dial *dial = NULL;
  gmux__address at = net_ipv4(1);
  net_exhaust_fds();
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &at, NULL, never, NULL), GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "open a socket: too many open files");
  net_restore_fds();
  CU_ASSERT_PTR_NULL(dial);
}

/* ---- giving up ---- */

/* Listens, but its queue is full, so that further SYNs are dropped: connects hang. */
typedef struct black_hole {
  int listener, fillers[4];
  gmux__address at;
} black_hole;

static void black_hole_open(black_hole *hole) {
  gmux__address at = net_ipv4(0);
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, &at);
  hole->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(hole->listener, &sa.sa, len), 0);
  CU_ASSERT_EQUAL_FATAL(listen(hole->listener, 0), 0);
  len = sizeof sa;
  getsockname(hole->listener, &sa.sa, &len);
  gmux__address_from_sockaddr(&hole->at, &sa, len);
  for (int i = 0; i < 4; i++) {
    hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    connect(hole->fillers[i], &sa.sa, len);
  }
}

static void black_hole_close(black_hole *hole) {
  for (int i = 0; i < 4; i++)
    close(hole->fillers[i]);
  close(hole->listener);
}

static void a_connect_that_hangs_can_be_given_up(void) {
  black_hole hole;
  gmux__dial *dial = NULL;
  black_hole_open(&hole);
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &hole.at, NULL, never, NULL), 0);
  net_run_turns(5);
  CU_ASSERT_EQUAL(gmux__ev_loop_of(net_loop)->open, 1); /* it does hang */
  gmux__dial_cancel(dial);
  CU_ASSERT_EQUAL(gmux__ev_loop_of(net_loop)->open, 0);
  ev_run(net_ev, 0);
  black_hole_close(&hole);
}

/* The timeout of a PING may be a fraction of a second; a lost SYN is sent again after one. */
static void the_user_timeout_does_not_bind_the_connect(void) {
  static const gmux__socket_options options = {.user_timeout_ms = 100};
  black_hole hole;
  gmux__dial *dial = NULL;
  unsigned value = 1;
  socklen_t len = sizeof value;
  black_hole_open(&hole);
  int fd = dup(hole.listener); /* the number that the next descriptor gets */
  close(fd);
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &hole.at, &options, never, NULL), 0);
  CU_ASSERT_EQUAL(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
  CU_ASSERT_EQUAL(value, 0);
  gmux__dial_cancel(dial);
  black_hole_close(&hole);
}

/* Decided by connect() itself, but the answer is still to come. */
static void a_connect_that_failed_at_once_can_be_given_up(void) {
  gmux__dial *dial = NULL;
  gmux__address at = net_unix("nobody");
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &at, NULL, never, NULL), 0);
  gmux__dial_cancel(dial);
  ev_run(net_ev, 0);
  gmux__dial_cancel(NULL);
}

static void a_connect_that_succeeded_at_once_can_be_given_up(void) {
  net_server server;
  gmux__address at = net_unix("x");
  gmux__dial *dial = NULL;
  net_listen(&server, &at, NULL);
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &at, NULL, never, NULL), 0);
  gmux__dial_cancel(dial);
  gmux__transport_close(net_server_take(&server)); /* the other side had got it */
  gmux__listener_close(server.listener);
}

/* ---- from a callback ---- */

static struct {
  bool is_done, is_inside;
  gmux__address to;
} chain;

static void on_chain_end(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)transport, (void)why;
  CU_ASSERT_EQUAL(error, GMUX_ERR_IO);
  CU_ASSERT_FALSE(chain.is_inside);
  chain.is_done = true;
}

static void on_chain(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)transport, (void)why;
  CU_ASSERT_EQUAL(error, GMUX_ERR_IO);
  gmux__dial *dial;
  chain.is_inside = true;
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &chain.to, NULL, on_chain_end, NULL), 0);
  chain.is_inside = false;
}

static void the_answer_never_comes_from_inside_the_call(void) {
  gmux__dial *dial;
  chain.is_done = false;
  chain.to = net_unix("nobody");
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &chain.to, NULL, on_chain, NULL), 0);
  CU_ASSERT_FALSE(chain.is_done);
  net_run_until(&chain.is_done);
}

/* ---- want of memory ---- */

static struct {
  bool is_dialed, is_end;
  gmux__transport *client;
} oom;

static void on_oom_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  gmux__transport_close(transport);
}

static void on_oom_ready(void *owner, unsigned events) {
  (void)owner, (void)events;
  oom.is_end = true; /* closed by the other side, with or without memory */
  gmux__transport_want(oom.client, 0);
}

static void on_oom_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)error, (void)why;
  oom.is_dialed = true;
  oom.client = transport;
}

static void listen_and_dial(void *arg) {
  gmux__listener *listener;
  gmux__dial *dial;
  memset(&oom, 0, sizeof oom);
  int rv = gmux__loop_listen(net_loop, &listener, arg, NULL, on_oom_accepted, NULL);
  CU_ASSERT_TRUE(rv == 0 || rv == GMUX_ERR_NOMEM);
  if (rv) return;
  gmux__address at = *gmux__listener_address(listener);
  rv = gmux__loop_dial(net_loop, &dial, &at, NULL, on_oom_dialed, NULL);
  CU_ASSERT_TRUE(rv == 0 || rv == GMUX_ERR_NOMEM);
  if (rv == 0) {
    net_run_until(&oom.is_dialed);
    CU_ASSERT_PTR_NOT_NULL_FATAL(oom.client); /* once it was begun, memory is no reason to fail */
    oom.client->on_ready = on_oom_ready;
    gmux__transport_want(oom.client, GMUX__READABLE);
    net_run_until(&oom.is_end);
    gmux__transport_close(oom.client);
  }
  gmux__listener_close(listener);
  net_run_turns(1);
}

static void want_of_memory_leaves_nothing(void) {
  size_t fds = test_count_fds();
  gmux__address tcp = net_ipv4(0), un = net_unix("x");
  CU_ASSERT_EQUAL(test_alloc_torture(listen_and_dial, &tcp), 5);
  CU_ASSERT_EQUAL(test_alloc_torture(listen_and_dial, &un), 5);
  CU_ASSERT_EQUAL(test_count_fds(), fds);
}

static const test_case cases[] = {
    TEST(a_refused_connect_says_so),
    TEST(a_missing_unix_socket_says_so),
    TEST(an_abstract_name_that_nobody_has_is_refused),
    TEST(no_address_is_refused_at_once),
    TEST(without_descriptors_the_error_says_so),
    TEST(a_connect_that_hangs_can_be_given_up),
    TEST(the_user_timeout_does_not_bind_the_connect),
    TEST(a_connect_that_failed_at_once_can_be_given_up),
    TEST(a_connect_that_succeeded_at_once_can_be_given_up),
    TEST(the_answer_never_comes_from_inside_the_call),
    TEST(want_of_memory_leaves_nothing),
    TESTS_END,
};

const test_suite io_dial_suite = {"dial", cases, net_setup, net_teardown};
