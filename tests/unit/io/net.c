/* net.c: a gmux_loop on a libev loop of the test's. */
#include "tests/unit/io/net.h"
#include "lib/base/fail.h"
#include "lib/io/sockaddr.h"
#include "tests/unit/fds.h"
#include "tests/unit/harness.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct ev_loop *net_ev;
gmux_loop *net_loop;
char net_dir[128];

static size_t fds_before;
static rlim_t fd_limit;

void net_exhaust_fds(void) {
  int free_fd = dup(0); /* the lowest: all below it are taken */
  close(free_fd);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  fd_limit = limit.rlim_cur;
  limit.rlim_cur = (rlim_t)free_fd;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void net_restore_fds(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = fd_limit;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void net_setup(void) {
  fds_before = test_count_fds();
  snprintf(net_dir, sizeof net_dir, "%s/gmux-test-XXXXXX", P_tmpdir);
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(net_dir));
  net_ev = ev_loop_new(EVFLAG_AUTO);
  CU_ASSERT_PTR_NOT_NULL_FATAL(net_ev);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&net_loop, net_ev, NULL), 0);
}

void net_teardown(void) {
  CU_ASSERT_EQUAL(gmux_loop_stop(net_loop), 0);
  ev_loop_destroy(net_ev);
  CU_ASSERT_EQUAL(rmdir(net_dir), 0); /* else somebody left a file there */
  CU_ASSERT_EQUAL(test_count_fds(), fds_before);
}

void net_run_until(const bool *flag) {
  while (!*flag)
    ev_run(net_ev, EVRUN_ONCE);
}

void net_run_turns(int count) {
  for (int i = 0; i < count; i++)
    ev_run(net_ev, EVRUN_NOWAIT);
}

/* ---- addresses ---- */

gmux__address net_ipv4(uint16_t port) {
  gmux__address a = {.family = GMUX__FAMILY_NONE};
  gmux__address_parse_ip(&a, "127.0.0.1", 9, port);
  return a;
}

gmux__address net_ipv6(uint16_t port) {
  gmux__address a = {.family = GMUX__FAMILY_NONE};
  gmux__address_parse_ip(&a, "::1", 3, port);
  return a;
}

gmux__address net_unix(const char *name) {
  gmux__address a = {.family = GMUX__FAMILY_UNIX};
  int len = snprintf(a.path, sizeof a.path, "%s/%s", net_dir, name);
  a.path_len = (uint8_t)len;
  return a;
}

gmux__address net_abstract(void) {
  gmux__address a = {.family = GMUX__FAMILY_UNIX_ABSTRACT};
  int len = snprintf(a.path, sizeof a.path, "gmux-test-%d", (int)getpid());
  a.path_len = (uint8_t)len;
  return a;
}

bool net_has_ipv6(void) {
  gmux__address at = net_ipv6(0);
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, &at);
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool has = fd >= 0 && bind(fd, &sa.sa, len) == 0;
  if (fd >= 0) close(fd);
  return has;
}

/* ---- connections ---- */

static void on_accepted(void *arg, gmux__transport *transport) {
  net_server *server = arg;
  gmux__transport_close(server->last);
  server->last = transport;
  server->has_accepted = true;
  server->accepted++;
}

void net_listen(net_server *server, const gmux__address *at, const gmux__socket_options *options) {
  *server = (net_server){.listener = NULL};
  CU_ASSERT_EQUAL_FATAL(
      gmux__loop_listen(net_loop, &server->listener, at, options, on_accepted, server), 0);
}

gmux__transport *net_server_take(net_server *server) {
  net_run_until(&server->has_accepted);
  gmux__transport *t = server->last;
  server->last = NULL;
  server->has_accepted = false;
  return t;
}

typedef struct dialing {
  bool is_done;
  gmux__transport *transport;
  char *why;
} dialing;

static void on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  dialing *d = arg;
  CU_ASSERT_EQUAL(error == 0, transport != NULL);
  CU_ASSERT_EQUAL(error == 0, why == NULL);
  d->is_done = true;
  d->transport = transport;
  snprintf(d->why, 256, "%s", why ? why : "");
}

gmux__transport *net_dial(const gmux__address *to, const gmux__socket_options *options,
                          char why[256]) {
  dialing d = {.why = why};
  gmux__dial *dial;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_dial(net_loop, &dial, to, options, on_dialed, &d), 0);
  CU_ASSERT_FALSE(d.is_done); /* never from inside */
  net_run_until(&d.is_done);
  return d.transport;
}

net_pair net_connect(const gmux__address *at) {
  net_server server;
  char why[256];
  net_pair pair;
  net_listen(&server, at, NULL);
  pair.client = net_dial(gmux__listener_address(server.listener), NULL, why);
  CU_ASSERT_PTR_NOT_NULL_FATAL(pair.client);
  pair.server = net_server_take(&server);
  gmux__listener_close(server.listener);
  return pair;
}

int net_raw_connect(const gmux__address *to) {
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, to);
  int fd = socket(sa.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_TRUE_FATAL(fd >= 0);
  CU_ASSERT_EQUAL_FATAL(connect(fd, &sa.sa, len), 0);
  return fd;
}
