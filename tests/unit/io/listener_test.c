/* listener_test.c: listening sockets, and the files that Unix ones leave. */
#include "lib/base/fail.h"
#include "lib/io/socket.h"
#include "tests/unit/harness.h"
#include "tests/unit/io/net.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void nothing(void *arg, gmux__transport *transport) {
  (void)arg;
  gmux__transport_close(transport);
}

static int try_listen(gmux__listener **out, const gmux__address *at) {
  *out = NULL;
  return gmux__loop_listen(net_loop, out, at, NULL, nothing, NULL);
}

static bool is_there(const gmux__address *at) {
  struct stat st;
  return lstat(at->path, &st) == 0;
}

static void port_0_gets_a_port(void) {
  gmux__listener *a, *b;
  gmux__address at = net_ipv4(0);
  CU_ASSERT_EQUAL(try_listen(&a, &at), 0);
  CU_ASSERT_EQUAL(try_listen(&b, &at), 0);
  CU_ASSERT_NOT_EQUAL(gmux__listener_address(a)->port, 0);
  CU_ASSERT_NOT_EQUAL(gmux__listener_address(a)->port, gmux__listener_address(b)->port);
  gmux__listener_close(a);
  gmux__listener_close(b);
  gmux__listener_close(NULL);
}

static void an_address_in_use_is_refused(void) {
  gmux__listener *a, *b;
  char expected[256], text[GMUX__ADDRESS_TEXT];
  gmux__address at = net_ipv4(0);
  CU_ASSERT_EQUAL(try_listen(&a, &at), 0);
  at = *gmux__listener_address(a);
  CU_ASSERT_EQUAL(try_listen(&b, &at), GMUX_ERR_EXISTS);
  snprintf(expected, sizeof expected, "listen on %s: address already in use",
           gmux__address_str(&at, text));
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), expected);
  gmux__listener_close(a);
}

static void a_foreign_address_is_refused(void) {
  gmux__listener *l;
  gmux__address at = {.family = GMUX__FAMILY_NONE};
  CU_ASSERT_EQUAL(try_listen(&l, &at), GMUX_ERR_INVALID);
  gmux__address_parse_ip(&at, "192.0.2.1", 9, 0); /* a documentation address: nobody's */
  CU_ASSERT_EQUAL(try_listen(&l, &at), GMUX_ERR_IO);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "listen on ipv4:192.0.2.1:0: cannot assign"));
}

/* The side that closes first keeps the port in TIME_WAIT. */
static void a_port_can_be_listened_on_again_at_once(void) {
  net_server server;
  gmux__address at = net_ipv4(0);
  char why[256];
  net_listen(&server, &at, NULL);
  at = *gmux__listener_address(server.listener);
  gmux__transport *client = net_dial(&at, NULL, why);
  gmux__transport_close(net_server_take(&server));
  gmux__listener_close(server.listener);
  gmux__transport_close(client);
  gmux__listener *again;
  CU_ASSERT_EQUAL(try_listen(&again, &at), 0);
  gmux__listener_close(again);
}

static void a_listener_on_any_takes_ipv4_and_shows_it(void) {
  if (!net_has_ipv6()) {
    test_skip("this machine has no ::1");
    return;
  }
  net_server server;
  gmux__address any = {.family = GMUX__FAMILY_IPV6};
  char why[256], text[GMUX__ADDRESS_TEXT];
  net_listen(&server, &any, NULL);
  gmux__address at = net_ipv4(gmux__listener_address(server.listener)->port);
  gmux__transport *client = net_dial(&at, NULL, why);
  gmux__transport *accepted = net_server_take(&server);
  gmux__address_str(&gmux__transport_info_get(accepted)->peer, text);
  CU_ASSERT_EQUAL(strncmp(text, "ipv4:127.0.0.1:", 15), 0);
  gmux__transport_close(client);
  gmux__transport_close(accepted);
  gmux__listener_close(server.listener);
}

/* ---- a batch ---- */

enum { STORM = 200 }; /* more than one batch */

static void a_storm_of_clients_is_taken_in_batches(void) {
  net_server server;
  gmux__address at = net_unix("x");
  int fds[STORM];
  net_listen(&server, &at, NULL);
  for (int i = 0; i < STORM; i++)
    fds[i] = net_raw_connect(&at);
  net_run_turns(1);
  CU_ASSERT_EQUAL(server.accepted, 64);
  net_run_turns(3);
  CU_ASSERT_EQUAL(server.accepted, STORM);
  gmux__transport_close(server.last);
  gmux__listener_close(server.listener);
  for (int i = 0; i < STORM; i++)
    close(fds[i]);
}

static gmux__listener *closing;
static int closing_accepted;

static void close_at_first(void *arg, gmux__transport *transport) {
  (void)arg;
  closing_accepted++;
  gmux__transport_close(transport);
  gmux__listener_close(closing);
}

static void a_listener_may_be_closed_by_its_callback(void) {
  gmux__address at = net_unix("x");
  int fds[3];
  closing_accepted = 0;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_listen(net_loop, &closing, &at, NULL, close_at_first, NULL), 0);
  for (int i = 0; i < 3; i++)
    fds[i] = net_raw_connect(&at);
  ev_run(net_ev, 0);
  CU_ASSERT_EQUAL(closing_accepted, 1); /* and nobody after it */
  for (int i = 0; i < 3; i++)
    close(fds[i]);
}

/* ---- no descriptors left ---- */

static int log_lines;

static void count_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)user_data;
  CU_ASSERT_EQUAL(level, GMUX_LOG_WARN);
  CU_ASSERT_STRING_EQUAL(room, "io");
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "accept on unix:"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "too many open files; trying again"));
  log_lines++;
}

static void without_descriptors_accepting_pauses_and_goes_on_later(void) {
  net_server server;
  gmux__address at = net_unix("x");
  net_listen(&server, &at, NULL);
  net_loop->loop.logger = (gmux__logger){count_log, NULL, GMUX_LOG_WARN};
  log_lines = 0;
  int fd = net_raw_connect(&at);
  net_exhaust_fds();
  net_run_turns(100);
  CU_ASSERT_EQUAL(server.accepted, 0);
  CU_ASSERT_TRUE(log_lines >= 1 && log_lines < 50); /* once a pause, not once a turn */
  net_restore_fds();
  /* Both come by themselves. Valgrind keeps up the limit by accepting the first and throwing it
   * away, so the second is what is waited for. */
  int second = net_raw_connect(&at);
  gmux__transport_close(net_server_take(&server));
  CU_ASSERT_TRUE(server.accepted >= 1);
  gmux__listener_close(server.listener);
  close(second);
  close(fd);
}

static void a_paused_listener_can_be_closed(void) {
  net_server server;
  gmux__address at = net_unix("x");
  net_listen(&server, &at, NULL);
  int fd = net_raw_connect(&at);
  net_exhaust_fds();
  net_run_turns(2);
  net_restore_fds();
  gmux__listener_close(server.listener);
  ev_run(net_ev, 0); /* its timer has gone with it */
  CU_ASSERT_EQUAL(server.accepted, 0);
  close(fd);
}

/* ---- files ---- */

/* What a server that was killed leaves: a socket's file that nobody listens on. */
static void leave_stale_socket(const gmux__address *at) {
  struct sockaddr_un sun = {.sun_family = AF_UNIX};
  memcpy(sun.sun_path, at->path, at->path_len);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
  close(fd);
  CU_ASSERT_TRUE(is_there(at));
}

static void the_file_goes_with_the_listener(void) {
  gmux__listener *l;
  gmux__address at = net_unix("x");
  CU_ASSERT_EQUAL(try_listen(&l, &at), 0);
  CU_ASSERT_TRUE(is_there(&at));
  CU_ASSERT_TRUE(gmux__address_is_equal(gmux__listener_address(l), &at));
  gmux__listener_close(l);
  CU_ASSERT_FALSE(is_there(&at));
}

static void a_dead_servers_file_is_replaced(void) {
  gmux__listener *l;
  gmux__address at = net_unix("x");
  char why[256];
  leave_stale_socket(&at);
  CU_ASSERT_EQUAL(try_listen(&l, &at), 0);
  gmux__transport *t = net_dial(&at, NULL, why);
  CU_ASSERT_PTR_NOT_NULL(t);
  gmux__transport_close(t);
  net_run_turns(2);
  gmux__listener_close(l);
  CU_ASSERT_FALSE(is_there(&at));
}

static void a_living_server_is_not_replaced(void) {
  gmux__listener *l, *second;
  gmux__address at = net_unix("x");
  CU_ASSERT_EQUAL(try_listen(&l, &at), 0);
  CU_ASSERT_EQUAL(try_listen(&second, &at), GMUX_ERR_EXISTS);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "address already in use"));
  CU_ASSERT_TRUE(is_there(&at));
  gmux__listener_close(l);
}

static void a_file_that_is_no_socket_stays(void) {
  gmux__listener *l;
  gmux__address at = net_unix("x");
  close(open(at.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CU_ASSERT_EQUAL(try_listen(&l, &at), GMUX_ERR_EXISTS);
  CU_ASSERT_TRUE(is_there(&at));
  unlink(at.path);
}

/* Connecting to it, to see whether it lives, fails in a way of its own; the answer stays the same.
 */
static void a_datagram_socket_that_is_there_stays(void) {
  gmux__listener *l;
  gmux__address at = net_unix("x");
  struct sockaddr_un sun = {.sun_family = AF_UNIX};
  memcpy(sun.sun_path, at.path, at.path_len);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
  CU_ASSERT_EQUAL(try_listen(&l, &at), GMUX_ERR_EXISTS);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "address already in use"));
  CU_ASSERT_TRUE(is_there(&at));
  close(fd);
  unlink(at.path);
}

static void a_file_that_somebody_else_put_there_stays(void) {
  gmux__listener *l;
  gmux__address at = net_unix("x"), aside = net_unix("aside");
  CU_ASSERT_EQUAL(try_listen(&l, &at), 0);
  rename(at.path, aside.path); /* so that the new one can't get the inode of the old */
  leave_stale_socket(&at);
  gmux__listener_close(l);
  CU_ASSERT_TRUE(is_there(&at));
  unlink(at.path);
  unlink(aside.path);
}

static void a_missing_directory_is_an_error(void) {
  gmux__listener *l;
  gmux__address at = net_unix("no/such");
  CU_ASSERT_EQUAL(try_listen(&l, &at), GMUX_ERR_IO);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "no/such: no such file or directory"));
}

static void without_descriptors_the_error_says_so(void) {
  gmux__listener *l;
  gmux__address at = net_ipv4(0);
  net_exhaust_fds();
  CU_ASSERT_EQUAL(try_listen(&l, &at), GMUX_ERR_IO);
  net_restore_fds();
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "open a socket: too many open files");
}

static const test_case cases[] = {
    TEST(port_0_gets_a_port),
    TEST(an_address_in_use_is_refused),
    TEST(a_foreign_address_is_refused),
    TEST(a_port_can_be_listened_on_again_at_once),
    TEST(a_listener_on_any_takes_ipv4_and_shows_it),
    TEST(a_storm_of_clients_is_taken_in_batches),
    TEST(a_listener_may_be_closed_by_its_callback),
    TEST(without_descriptors_accepting_pauses_and_goes_on_later),
    TEST(a_paused_listener_can_be_closed),
    TEST(the_file_goes_with_the_listener),
    TEST(a_dead_servers_file_is_replaced),
    TEST(a_living_server_is_not_replaced),
    TEST(a_file_that_is_no_socket_stays),
    TEST(a_datagram_socket_that_is_there_stays),
    TEST(a_file_that_somebody_else_put_there_stays),
    TEST(a_missing_directory_is_an_error),
    TEST(without_descriptors_the_error_says_so),
    TESTS_END,
};

const test_suite io_listener_suite = {"listener", cases, net_setup, net_teardown};
