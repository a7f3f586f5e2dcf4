/* process_test.c: what a library may not do to the process that it lives in. */
#include "tests/net/kit.h"
#include <dirent.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- SIGPIPE: with its default action, on a thread that does not block it ---- */

/* The loop is the application's, on this thread: one of gmux's own has all signals blocked. */
typedef struct attached {
  struct ev_loop *ev;
  gmux_loop *loop;
  void (*sigpipe_before)(int);
} attached;

static void attached_start(attached *a) {
  a->sigpipe_before = signal(SIGPIPE, SIG_DFL);
  a->ev = ev_loop_new(EVFLAG_AUTO);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&a->loop, a->ev, NULL), 0);
}

static void attached_stop(attached *a) {
  while (ev_run(a->ev, EVRUN_NOWAIT)) {
  }
  CU_ASSERT_EQUAL(gmux_loop_stop(a->loop), 0);
  ev_loop_destroy(a->ev);
  signal(SIGPIPE, a->sigpipe_before);
}

typedef struct stream {
  bool has_headers, is_full, is_over;
  unsigned ended;
  gmux_code code;
} stream;

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  stream *s = user_data;
  s->is_over = true;
  s->code = status->code;
  s->ended++;
}

static const gmux_call_handlers only_end = {.on_end = on_end};

static gmux_call *fill_a_stream(attached *a, gmux_channel *channel, stream *s) {
  gmux_method *method = kit_method(KIT_SINK, GMUX_CLIENT_STREAMING);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, channel, method, NULL, &only_end, s), 0);
  gmux_method_free(method);
  /* The server takes one and no more: what it has not taken stands in the queue at the end. */
  unsigned n = 0;
  for (int turns = 0; turns < 1000; turns++) {
    gmux_bytes message = kit_message(n);
    if (gmux_call_write(call, &message) >= 0) n++;
    ev_run(a->ev, EVRUN_NOWAIT);
  }
  CU_ASSERT_FALSE(s->is_over);
  return call;
}

static void a_server_that_dies_raises_no_sigpipe(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit_server server;
    pid_t pid = kit_server_fork(&server, kit_address(kind), kit_server_tls(kind));
    attached a;
    attached_start(&a);
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    gmux_channel *channel;
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&channel, a.loop, server.target, &o), 0);
    stream s = {0};
    gmux_call *call = fill_a_stream(&a, channel, &s);
    kit_kill(pid);
    /* It is written to before its end has been read: a new call leaves in the turn in which the
     * loop would hear of it. */
    stream late = {0};
    gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
    CU_ASSERT_EQUAL(gmux_call_start(NULL, channel, method, NULL, &only_end, &late), 0);
    gmux_method_free(method);
    while (!s.is_over)
      ev_run(a.ev, EVRUN_ONCE);
    CU_ASSERT_EQUAL(s.code, GMUX_UNAVAILABLE);
    CU_ASSERT_EQUAL(s.ended, 1);
    gmux_call_free(call);
    gmux_channel_free(channel);
    attached_stop(&a);
    CU_ASSERT_EQUAL(late.ended, 1);
    if (kind == KIT_UNIX) unlink(strchr(server.target, '/')); /* a killed server leaves it */
  }
}

/* Reads one message of the flood, says so, and waits to be killed. */
static void flood_me(int told, const char *target, gmux_tls *tls) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  gmux_channel_options o = kit_channel_options(tls);
  kit_client client;
  kit_client_start(&client, target, &o);
  gmux_call_options co;
  gmux_call_options_init(&co, sizeof co);
  gmux_call *call;
  gmux_method *method = kit_method(KIT_FLOOD, GMUX_SERVER_STREAMING);
  gmux_bytes message = gmux_bytes_borrow("go", 2);
  if (gmux_call_start(&call, client.channel, method, &co, NULL, NULL)) _exit(1);
  if (gmux_call_write_wait(call, &message) || gmux_call_read_wait(call, &message)) _exit(1);
  if (write(told, "x", 1) != 1) _exit(1);
  for (;;)
    pause();
}

static void a_client_that_dies_raises_no_sigpipe(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    gmux_tls *client_side = kit_client_tls(kind);
    atomic_store(&kit.flood_written, 0);
    attached a;
    attached_start(&a);
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, a.loop, kit_address(kind), kit_server_tls(kind)));
    int told[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(told, O_NONBLOCK), 0);
    pid_t pid = fork();
    if (pid == 0) flood_me(told[1], server.target, client_side);
    CU_ASSERT_FATAL(pid > 0);
    char byte;
    while (read(told[0], &byte, 1) != 1)
      ev_run(a.ev, EVRUN_NOWAIT);
    kit_kill(pid);
    while (atomic_load(&kit.flood_code) < 0)
      ev_run(a.ev, EVRUN_ONCE);
    CU_ASSERT_EQUAL(atomic_exchange(&kit.flood_code, -1), GMUX_CANCELLED);
    close(told[0]);
    close(told[1]);
    gmux_server_free(server.server);
    attached_stop(&a);
  }
}

/* ---- fork ---- */

static bool serve_and_call(void) {
  kit_server server;
  if (!kit_server_start(&server, NULL, kit_address(KIT_TLS), kit_server_tls(KIT_TLS))) return false;
  gmux_channel_options o = kit_channel_options(kit_client_tls(KIT_TLS));
  kit_client client;
  kit_client_start(&client, server.target, &o);
  bool is_good = kit_echo(client.channel);
  kit_client_stop(&client);
  kit_server_stop(&server);
  return is_good;
}

/* Loops have come and gone before, and credentials are there: neither is in the way. */
static void a_program_may_fork_before_it_makes_a_loop(void) {
  CU_ASSERT(serve_and_call());
  pid_t pids[2];
  for (int i = 0; i < 2; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      _exit(serve_and_call() ? 0 : 1);
    }
    CU_ASSERT_FATAL(pids[i] > 0);
  }
  CU_ASSERT(serve_and_call());
  for (int i = 0; i < 2; i++) {
    int status;
    CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

/* ---- descriptors ---- */

enum { FDS_MAX = 256 };

static void list_fds(bool is_open[FDS_MAX]) {
  for (int fd = 0; fd < FDS_MAX; fd++)
    is_open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* While calls have been made over each kind of transport, and a key log is open. */
static void no_descriptor_goes_to_programs_that_are_started(void) {
  bool before[FDS_MAX], now[FDS_MAX];
  list_fds(before);
  char path[160];
  snprintf(path, sizeof path, "%s/keys", kit_dir);
  setenv("SSLKEYLOGFILE", path, 1);
  gmux_tls_options to;
  gmux_tls_options_init(&to, sizeof to);
  to.ca_pem = kit_ca_pem();
  to.key_log = true;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, &to), 0);
  unsetenv("SSLKEYLOGFILE");

  kit_server servers[KIT_KINDS];
  kit_client clients[KIT_KINDS];
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    CU_ASSERT_FATAL(
        kit_server_start(&servers[kind], NULL, kit_address(kind), kit_server_tls(kind)));
    gmux_channel_options o = kit_channel_options(kind == KIT_TLS ? tls : NULL);
    kit_client_start(&clients[kind], servers[kind].target, &o);
    CU_ASSERT(kit_echo(clients[kind].channel));
  }
  list_fds(now);
  int opened = 0;
  for (int fd = 0; fd < FDS_MAX; fd++) {
    if (!now[fd] || before[fd]) continue;
    opened++;
    CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  }
  /* Of each: two loops (libev's and ours), a listener, two ends; and the key log. */
  CU_ASSERT(opened >= KIT_KINDS * 7 + 1);
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit_client_stop(&clients[kind]);
    kit_server_stop(&servers[kind]);
  }
  gmux_tls_free(tls);
  CU_ASSERT_EQUAL(unlink(path), 0);
}

static const test_case cases[] = {TEST(a_server_that_dies_raises_no_sigpipe),
                                  TEST(a_client_that_dies_raises_no_sigpipe),
                                  TEST(a_program_may_fork_before_it_makes_a_loop),
                                  TEST(no_descriptor_goes_to_programs_that_are_started), TESTS_END};
const test_suite net_process_suite = {"process", cases, kit_setup, kit_teardown};
