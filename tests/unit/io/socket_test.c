/* socket_test.c: connected sockets as transports: bytes, ends, and what the kernel was told. */
#include "lib/base/fail.h"
#include "lib/io/socket.h"
#include "tests/unit/harness.h"
#include "tests/unit/io/net.h"
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void pair_close(net_pair *pair) {
  gmux__transport_close(pair->client);
  gmux__transport_close(pair->server);
}

/* ---- an echo of much more than the sockets hold ---- */

enum { ECHO_BYTES = 8 * 1024 * 1024, ECHO_SLICE = 5000 /* no power of two */ };

static uint8_t echo_byte(size_t i) {
  return (uint8_t)(i * 31 + (i >> 8));
}

static struct {
  gmux__transport *client, *server;
  uint8_t *data; /* what the client sends */
  size_t sent, received, wrong;
  size_t partial;      /* writes that did not take everything */
  uint8_t held[65536]; /* read by the server and not written yet */
  size_t held_start, held_end;
  bool is_server_done, is_done;
} echo;

static size_t echo_slices(gmux__slice *slices) {
  size_t n = 0, at = echo.sent;
  for (; n < GMUX__SLICES_MAX && at < ECHO_BYTES; n++) {
    size_t len = ECHO_BYTES - at < ECHO_SLICE ? ECHO_BYTES - at : ECHO_SLICE;
    slices[n] = (gmux__slice){echo.data + at, len};
    at += len;
  }
  return n;
}

static void client_write(void) {
  gmux__slice slices[GMUX__SLICES_MAX];
  while (echo.sent < ECHO_BYTES) {
    size_t count = echo_slices(slices), asked = 0;
    for (size_t i = 0; i < count; i++)
      asked += slices[i].len;
    ptrdiff_t n = gmux__transport_write(echo.client, slices, count);
    if (n == GMUX_ERR_AGAIN) return;
    CU_ASSERT_TRUE_FATAL(n > 0);
    if ((size_t)n < asked) echo.partial++;
    echo.sent += (size_t)n;
  }
  gmux__transport_shutdown(echo.client);
}

static void client_read(void) {
  size_t len;
  uint8_t *buf = gmux__loop_read_buffer(net_loop, &len);
  ptrdiff_t n = gmux__transport_read(echo.client, buf, len);
  if (n == GMUX_ERR_EOF) {
    echo.is_done = true;
    return;
  }
  CU_ASSERT_TRUE_FATAL(n > 0);
  for (ptrdiff_t i = 0; i < n; i++)
    if (buf[i] != echo_byte(echo.received++)) echo.wrong++;
}

static void on_echo_client(void *owner, unsigned events) {
  (void)owner;
  if (events & GMUX__WRITABLE) client_write();
  if (events & GMUX__READABLE) client_read();
  unsigned more = echo.sent < ECHO_BYTES ? GMUX__WRITABLE : 0;
  gmux__transport_want(echo.client, echo.is_done ? 0 : GMUX__READABLE | more);
}

static void server_write(void) {
  while (echo.held_start < echo.held_end) {
    gmux__slice slice = {echo.held + echo.held_start, echo.held_end - echo.held_start};
    ptrdiff_t n = gmux__transport_write(echo.server, &slice, 1);
    if (n == GMUX_ERR_AGAIN) return;
    CU_ASSERT_TRUE_FATAL(n > 0);
    echo.held_start += (size_t)n;
  }
}

static void server_read(void) {
  ptrdiff_t n = gmux__transport_read(echo.server, echo.held, sizeof echo.held);
  echo.held_start = echo.held_end = 0;
  if (n > 0)
    echo.held_end = (size_t)n;
  else
    echo.is_server_done = n == GMUX_ERR_EOF;
}

/* Reads only when all that was read has been written: the client feels the pressure. */
static void on_echo_server(void *owner, unsigned events) {
  (void)owner;
  if (events & GMUX__READABLE) server_read();
  server_write();
  if (echo.is_server_done) {
    gmux__transport_want(echo.server, 0);
    gmux__transport_shutdown(echo.server);
    return;
  }
  bool is_held = echo.held_start < echo.held_end;
  gmux__transport_want(echo.server, is_held ? GMUX__WRITABLE : GMUX__READABLE);
}

static void echo_over(const gmux__address *at) {
  memset(&echo, 0, sizeof echo);
  echo.data = malloc(ECHO_BYTES);
  CU_ASSERT_PTR_NOT_NULL_FATAL(echo.data);
  for (size_t i = 0; i < ECHO_BYTES; i++)
    echo.data[i] = echo_byte(i);
  net_pair pair = net_connect(at);
  echo.client = pair.client;
  echo.server = pair.server;
  echo.client->on_ready = on_echo_client;
  echo.server->on_ready = on_echo_server;
  gmux__transport_want(echo.client, GMUX__READABLE | GMUX__WRITABLE);
  gmux__transport_want(echo.server, GMUX__READABLE);
  net_run_until(&echo.is_done);
  CU_ASSERT_EQUAL(echo.received, ECHO_BYTES);
  CU_ASSERT_EQUAL(echo.wrong, 0);
  CU_ASSERT_TRUE(echo.partial > 0); /* else this tested less than it says */
  pair_close(&pair);
  free(echo.data);
}

static void echoes_over_ipv4(void) {
  gmux__address at = net_ipv4(0);
  echo_over(&at);
}

static void echoes_over_ipv6(void) {
  if (!net_has_ipv6()) {
    test_skip("this machine has no ::1");
    return;
  }
  gmux__address at = net_ipv6(0);
  echo_over(&at);
}

static void echoes_over_a_unix_socket(void) {
  gmux__address at = net_unix("echo");
  echo_over(&at);
}

static void echoes_over_an_abstract_unix_socket(void) {
  gmux__address at = net_abstract();
  echo_over(&at);
}

/* ---- what is told to the owner ---- */

typedef struct counted {
  int calls;
  unsigned events; /* of the last call */
} counted;

static void count_ready(void *owner, unsigned events) {
  counted *c = owner;
  c->calls++;
  c->events = events;
}

static void count_on(gmux__transport *t, counted *c) {
  *c = (counted){.calls = 0};
  t->on_ready = count_ready;
  t->owner = c;
}

static void write_text(gmux__transport *t, const char *text) {
  gmux__slice slice = {(const uint8_t *)text, strlen(text)};
  CU_ASSERT_EQUAL(gmux__transport_write(t, &slice, 1), (ptrdiff_t)slice.len);
}

static void only_what_is_wanted_is_reported(void) {
  gmux__address at = net_unix("x");
  net_pair pair = net_connect(&at);
  counted c;
  count_on(pair.server, &c);
  write_text(pair.client, "x");
  net_run_turns(3);
  CU_ASSERT_EQUAL(c.calls, 0);
  gmux__transport_want(pair.server, GMUX__READABLE);
  net_run_turns(1);
  CU_ASSERT_EQUAL(c.calls, 1);
  CU_ASSERT_EQUAL(c.events, GMUX__READABLE);
  gmux__transport_want(pair.server, GMUX__WRITABLE);
  net_run_turns(1);
  CU_ASSERT_EQUAL(c.calls, 2);
  CU_ASSERT_EQUAL(c.events, GMUX__WRITABLE);
  gmux__transport_want(pair.server, GMUX__READABLE | GMUX__WRITABLE);
  net_run_turns(1);
  CU_ASSERT_EQUAL(c.calls, 3);
  CU_ASSERT_EQUAL(c.events, GMUX__READABLE | GMUX__WRITABLE);
  gmux__transport_want(pair.server, 0);
  net_run_turns(3);
  CU_ASSERT_EQUAL(c.calls, 3);
  pair_close(&pair);
}

static void readiness_comes_once_a_turn_while_it_is_there(void) {
  gmux__address at = net_unix("x");
  net_pair pair = net_connect(&at);
  counted c;
  count_on(pair.server, &c);
  write_text(pair.client, "x");
  gmux__transport_want(pair.server, GMUX__READABLE);
  net_run_turns(4);
  CU_ASSERT_EQUAL(c.calls, 4);
  uint8_t buf[8];
  CU_ASSERT_EQUAL(gmux__transport_read(pair.server, buf, sizeof buf), 1);
  CU_ASSERT_EQUAL(gmux__transport_read(pair.server, buf, sizeof buf), GMUX_ERR_AGAIN);
  net_run_turns(4);
  CU_ASSERT_EQUAL(c.calls, 4);
  pair_close(&pair);
}

static void wanting_the_same_again_touches_no_watcher(void) {
  gmux__address at = net_unix("x");
  net_pair pair = net_connect(&at);
  counted c;
  count_on(pair.server, &c);
  gmux__transport_want(pair.server, GMUX__READABLE);
  net_run_turns(1);
  unsigned pending = ev_pending_count(net_ev);
  write_text(pair.client, "x");
  ev_feed_fd_event(net_ev, gmux__socket_transport_fd(pair.server), EV_READ);
  CU_ASSERT_EQUAL(ev_pending_count(net_ev), pending + 1);
  gmux__transport_want(pair.server, GMUX__READABLE); /* stopping it would drop what is pending */
  CU_ASSERT_EQUAL(ev_pending_count(net_ev), pending + 1);
  pair_close(&pair);
}

static net_pair both;
static int both_calls;

static void close_both(void *owner, unsigned events) {
  (void)owner, (void)events;
  both_calls++;
  pair_close(&both);
}

static void on_ready_may_close_it_and_others(void) {
  gmux__address at = net_unix("x");
  both = net_connect(&at);
  both_calls = 0;
  both.client->on_ready = both.server->on_ready = close_both;
  gmux__transport_want(both.client, GMUX__WRITABLE);
  gmux__transport_want(both.server, GMUX__WRITABLE);
  net_run_turns(2);
  CU_ASSERT_EQUAL(both_calls, 1); /* the other one's pending event went with it */
}

static void a_handshake_is_nothing_and_the_addresses_are_known(void) {
  net_server server;
  gmux__address at = net_ipv4(0);
  char why[256];
  net_listen(&server, &at, NULL);
  gmux__address to = *gmux__listener_address(server.listener);
  gmux__transport *client = net_dial(&to, NULL, why);
  gmux__transport *accepted = net_server_take(&server);
  CU_ASSERT_EQUAL(gmux__transport_handshake(client), 0);
  const gmux__transport_info *ci = gmux__transport_info_get(client);
  const gmux__transport_info *si = gmux__transport_info_get(accepted);
  CU_ASSERT_TRUE(gmux__address_is_equal(&ci->peer, &to));
  CU_ASSERT_TRUE(gmux__address_is_equal(&si->local, &to));
  CU_ASSERT_TRUE(gmux__address_is_equal(&ci->local, &si->peer));
  CU_ASSERT_FALSE(ci->is_secure);
  CU_ASSERT_PTR_NULL(ci->alpn);
  gmux__transport_close(client);
  gmux__transport_close(accepted);
  gmux__listener_close(server.listener);
}

/* More than half of what the socket holds by default, so that a piece is as large as can be. */
static void a_unix_socket_asks_for_large_writes_and_tcp_does_not(void) {
  gmux__address local = net_unix("x"), tcp = net_ipv4(0);
  net_pair pair = net_connect(&local);
  CU_ASSERT_TRUE(gmux__transport_info_get(pair.client)->write_bytes >= 104 * 1024);
  CU_ASSERT_TRUE(gmux__transport_info_get(pair.server)->write_bytes >= 104 * 1024);
  pair_close(&pair);
  pair = net_connect(&tcp);
  CU_ASSERT_EQUAL(gmux__transport_info_get(pair.client)->write_bytes, 0);
  CU_ASSERT_EQUAL(gmux__transport_info_get(pair.server)->write_bytes, 0);
  pair_close(&pair);
}

/* ---- ends ---- */

static void an_orderly_end_is_eof_and_the_other_half_goes_on(void) {
  gmux__address at = net_ipv4(0);
  net_pair pair = net_connect(&at);
  counted c;
  count_on(pair.server, &c);
  gmux__transport_want(pair.server, GMUX__READABLE);
  write_text(pair.client, "last");
  gmux__transport_shutdown(pair.client);
  bool is_ready = false;
  while (!is_ready) {
    ev_run(net_ev, EVRUN_ONCE);
    is_ready = c.calls > 0;
  }
  uint8_t buf[8];
  CU_ASSERT_EQUAL(gmux__transport_read(pair.server, buf, sizeof buf), 4);
  ptrdiff_t n;
  do
    n = gmux__transport_read(pair.server, buf, sizeof buf);
  while (n == GMUX_ERR_AGAIN);
  CU_ASSERT_EQUAL(n, GMUX_ERR_EOF);
  write_text(pair.server, "answer");
  do
    n = gmux__transport_read(pair.client, buf, sizeof buf);
  while (n == GMUX_ERR_AGAIN);
  CU_ASSERT_EQUAL(n, 6);
  pair_close(&pair);
}

static void what_was_corked_leaves_with_the_end(void) {
  gmux__address at = net_ipv4(0);
  net_pair pair = net_connect(&at);
  pair.client->is_corked = true;
  write_text(pair.client, "last");
  gmux__transport_shutdown(pair.client);
  gmux__transport_close(pair.client);
  uint8_t buf[8];
  ptrdiff_t n;
  size_t got = 0;
  do {
    n = gmux__transport_read(pair.server, buf, sizeof buf);
    if (n > 0) got += (size_t)n;
  } while (n > 0 || n == GMUX_ERR_AGAIN);
  CU_ASSERT_EQUAL(n, GMUX_ERR_EOF);
  CU_ASSERT_EQUAL(got, 4);
  gmux__transport_close(pair.server);
}

/* A transport whose peer has sent RST. */
static gmux__transport *reset_by_peer(void) {
  net_server server;
  gmux__address at = net_ipv4(0);
  net_listen(&server, &at, NULL);
  int fd = net_raw_connect(gmux__listener_address(server.listener));
  gmux__transport *t = net_server_take(&server);
  gmux__listener_close(server.listener);
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
  return t;
}

static void a_reset_is_an_error_in_words(void) {
  gmux__transport *t = reset_by_peer();
  counted c;
  count_on(t, &c);
  gmux__transport_want(t, GMUX__READABLE);
  while (c.calls == 0)
    ev_run(net_ev, EVRUN_ONCE);
  uint8_t buf[8];
  CU_ASSERT_EQUAL(gmux__transport_read(t, buf, sizeof buf), GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "read: connection reset by peer");
  gmux__transport_close(t);
}

/* The child's answer: 0 when every write to a peer that has gone was an error and no more. */
static int write_to_nobody(void) {
  gmux__transport *t = reset_by_peer();
  gmux__slice slices[2] = {{(const uint8_t *)"x", 1}, {(const uint8_t *)"y", 1}};
  int errors = 0;
  for (int i = 0; i < 1000 && errors < 3; i++) {
    ptrdiff_t n = gmux__transport_write(t, slices, 2);
    if (n == GMUX_ERR_IO) errors++;
  }
  gmux__transport_close(t);
  gmux__address at = net_unix("x");
  net_pair pair = net_connect(&at);
  gmux__transport_close(pair.server);
  if (gmux__transport_write(pair.client, slices, 2) == GMUX_ERR_IO) errors++;
  return errors == 4 ? 0 : 1;
}

/* Never read, hence volatile: so that a leak checker finds them. */
static struct ev_loop *volatile inherited_ev;
static gmux_loop *volatile inherited_loop;

/* In a child, because the harness or a debugger may have a handler here. */
static void writing_to_a_peer_that_has_gone_raises_no_sigpipe(void) {
  pid_t child = fork();
  CU_ASSERT_TRUE_FATAL(child >= 0);
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    alarm(30);
    inherited_ev = net_ev; /* a loop does not survive a fork: it is let alone, but not lost */
    inherited_loop = net_loop;
    net_setup();
    int failed = write_to_nobody();
    net_teardown();
    _exit(failed);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CU_ASSERT_TRUE(WIFEXITED(status));
  CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

static void writing_after_shutdown_says_why_not(void) {
  gmux__address at = net_unix("x");
  net_pair pair = net_connect(&at);
  gmux__transport_shutdown(pair.client);
  gmux__slice slice = {(const uint8_t *)"x", 1};
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client, &slice, 1), GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "write: broken pipe");
  pair_close(&pair);
}

/* ---- what the kernel was told ---- */

static bool is_open_on_exec(int fd) {
  int flags = fcntl(fd, F_GETFD);
  return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* How many descriptors a program started now would get. */
static size_t count_inherited(void) {
  DIR *dir = opendir("/proc/self/fd");
  CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
  size_t count = 0;
  for (struct dirent *e = readdir(dir); e; e = readdir(dir))
    if (e->d_name[0] != '.' && is_open_on_exec(atoi(e->d_name))) count++;
  closedir(dir);
  return count;
}

static void no_descriptor_is_inherited_by_other_programs(void) {
  size_t before = count_inherited();
  net_server server;
  gmux__address at = net_ipv4(0);
  gmux_loop *started;
  char why[256];
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&started, NULL), 0);
  net_listen(&server, &at, NULL);
  gmux__transport *client = net_dial(gmux__listener_address(server.listener), NULL, why);
  gmux__transport *accepted = net_server_take(&server);
  CU_ASSERT_EQUAL(count_inherited(), before);
  gmux__transport_close(client);
  gmux__transport_close(accepted);
  gmux__listener_close(server.listener);
  CU_ASSERT_EQUAL(gmux_loop_stop(started), 0);
}

static unsigned socket_option(gmux__transport *t, int level, int name) {
  unsigned value = 0;
  socklen_t len = sizeof value;
  int fd = gmux__socket_transport_fd(t);
  CU_ASSERT_EQUAL(getsockopt(fd, level, name, &value, &len), 0);
  return value;
}

static unsigned tcp_option(gmux__transport *t, int name) {
  return socket_option(t, IPPROTO_TCP, name);
}

static void expect_keepalive(gmux__transport *t, const gmux__socket_options *o) {
  CU_ASSERT_EQUAL(socket_option(t, SOL_SOCKET, SO_KEEPALIVE) != 0, o->keepalive_idle_s > 0);
  if (o->keepalive_idle_s == 0) return;
  CU_ASSERT_EQUAL(tcp_option(t, TCP_KEEPIDLE), o->keepalive_idle_s);
  CU_ASSERT_EQUAL(tcp_option(t, TCP_KEEPINTVL), o->keepalive_interval_s);
  CU_ASSERT_EQUAL(tcp_option(t, TCP_KEEPCNT), o->keepalive_count);
}

static void expect_options(gmux__transport *t, const gmux__socket_options *o) {
  CU_ASSERT_TRUE(tcp_option(t, TCP_NODELAY) != 0);
  CU_ASSERT_EQUAL(tcp_option(t, TCP_NOTSENT_LOWAT), 32 * 1024);
  CU_ASSERT_EQUAL(tcp_option(t, TCP_USER_TIMEOUT), o->user_timeout_ms);
  CU_ASSERT_TRUE((fcntl(gmux__socket_transport_fd(t), F_GETFL) & O_NONBLOCK) != 0);
  expect_keepalive(t, o);
}

static void expect_options_of_both_ends(const gmux__socket_options *options) {
  net_server server;
  gmux__address at = net_ipv4(0);
  char why[256];
  net_listen(&server, &at, options);
  gmux__transport *client = net_dial(gmux__listener_address(server.listener), options, why);
  gmux__transport *accepted = net_server_take(&server);
  static const gmux__socket_options none = {0};
  expect_options(client, options ? options : &none);
  expect_options(accepted, options ? options : &none);
  gmux__transport_close(client);
  gmux__transport_close(accepted);
  gmux__listener_close(server.listener);
}

static void tcp_does_not_delay_and_times_out_as_asked(void) {
  expect_options_of_both_ends(NULL);
  expect_options_of_both_ends(&(gmux__socket_options){.user_timeout_ms = 12345});
}

/* The least, the most and something between, of what the options allow. */
static void tcp_keepalive_is_as_asked_at_both_ends(void) {
  static const gmux__socket_options options[] = {
      {.keepalive_idle_s = 1, .keepalive_interval_s = 1, .keepalive_count = 1},
      {.keepalive_idle_s = 120, .keepalive_interval_s = 20, .keepalive_count = 3},
      {.keepalive_idle_s = 32767, .keepalive_interval_s = 32767, .keepalive_count = 127},
      {.keepalive_interval_s = 20, .keepalive_count = 3}, /* off */
      {.user_timeout_ms = 20000,
       .keepalive_idle_s = 121,
       .keepalive_interval_s = 21,
       .keepalive_count = 4},
  };
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    expect_options_of_both_ends(&options[i]);
}

static void tcp_options_do_not_hurt_a_unix_socket(void) {
  static const gmux__socket_options options = {.user_timeout_ms = 1000,
                                               .keepalive_idle_s = 1,
                                               .keepalive_interval_s = 1,
                                               .keepalive_count = 1};
  net_server server;
  gmux__address at = net_unix("x");
  char why[256];
  net_listen(&server, &at, &options);
  gmux__transport *client = net_dial(&at, &options, why);
  CU_ASSERT_PTR_NOT_NULL(client);
  gmux__transport_close(client);
  gmux__transport_close(net_server_take(&server));
  gmux__listener_close(server.listener);
}

static const test_case cases[] = {
    TEST(echoes_over_ipv4),
    TEST(echoes_over_ipv6),
    TEST(echoes_over_a_unix_socket),
    TEST(echoes_over_an_abstract_unix_socket),
    TEST(only_what_is_wanted_is_reported),
    TEST(readiness_comes_once_a_turn_while_it_is_there),
    TEST(wanting_the_same_again_touches_no_watcher),
    TEST(on_ready_may_close_it_and_others),
    TEST(a_handshake_is_nothing_and_the_addresses_are_known),
    TEST(a_unix_socket_asks_for_large_writes_and_tcp_does_not),
    TEST(an_orderly_end_is_eof_and_the_other_half_goes_on),
    TEST(what_was_corked_leaves_with_the_end),
    TEST(a_reset_is_an_error_in_words),
    TEST(writing_to_a_peer_that_has_gone_raises_no_sigpipe),
    TEST(writing_after_shutdown_says_why_not),
    TEST(no_descriptor_is_inherited_by_other_programs),
    TEST(tcp_does_not_delay_and_times_out_as_asked),
    TEST(tcp_keepalive_is_as_asked_at_both_ends),
    TEST(tcp_options_do_not_hurt_a_unix_socket),
    TESTS_END,
};

const test_suite io_socket_suite = {"socket", cases, net_setup, net_teardown};
