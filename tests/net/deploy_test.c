/*
 * deploy_test.c: the example server, as a process of its own, is ended and replaced under load: by
 * SIGTERM, as a deployment does it, and by SIGKILL.
 */
#include "tests/net/kit.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELLO "/hello.Greeter/SayHello"
#define BIDI  "/hello.Greeter/BidiHello"

/* ---- the example server ---- */

typedef struct process {
  pid_t pid;
  unsigned port;
} process;

static bool has_program(char path[512]) {
  const char *builddir = getenv("GMUX_BUILDDIR");
  snprintf(path, 512, "%s/examples/rpc_server", builddir ? builddir : ".");
  return access(path, X_OK) == 0;
}

/* At that port (0: any). False: somebody else is there still. */
static bool process_start(process *p, unsigned port) {
  char path[512], address[64], line[64] = "";
  CU_ASSERT_FATAL(has_program(path));
  snprintf(address, sizeof address, "ipv4:127.0.0.1:%u", port);
  int out[2];
  CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
  p->pid = fork();
  if (p->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_WRONLY);
    if (dup2(out[1], 1) < 0 || dup2(null, 2) < 0) _exit(126);
    execl(path, path, "--cleartext", "--listen", address, "--max-streams", "1000", "--drain-ms",
          "60000", (char *)NULL);
    _exit(127);
  }
  CU_ASSERT_FATAL(p->pid > 0);
  close(out[1]);
  FILE *told = fdopen(out[0], "r");
  bool is_up = fgets(line, sizeof line, told) && sscanf(line, "port: %u", &p->port) == 1;
  fclose(told);
  if (!is_up) CU_ASSERT_EQUAL(waitpid(p->pid, NULL, 0), p->pid);
  return is_up;
}

/* As soon as the old one listens no more: until then each new one ends by itself. */
static void process_replace(process *p, unsigned port) {
  while (!process_start(p, port)) {
  }
}

static void process_wait(const process *p) {
  int status;
  CU_ASSERT_EQUAL(waitpid(p->pid, &status, 0), p->pid);
  CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- load: so many calls at any time, each of which brings the next ---- */

static struct {
  kit_client client;
  gmux_method *hello, *bidi;
  atomic_uint started, succeeded, failed, oddly; /* oddly: in a way that is not allowed */
  atomic_bool is_stopping;
  atomic_int running;
  atomic_uint enough; /* successes that load_run waits for; 0: it does not */
  sem_t idle, has_enough;
} load;

static void start_hello(void);

static void on_hello(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)reply, (void)trailers, (void)user_data;
  if (status->code == GMUX_OK) {
    if (atomic_fetch_add(&load.succeeded, 1) + 1 == atomic_load(&load.enough))
      sem_post(&load.has_enough);
  } else {
    /* A call that the server cannot have seen is made again, not failed. */
    bool is_lost =
        status->code == GMUX_UNAVAILABLE && gmux_call_get_evidence(call) == GMUX_EVIDENCE_POSSIBLE;
    atomic_fetch_add(is_lost ? &load.failed : &load.oddly, 1);
    if (!is_lost) fprintf(stderr, "# %s\n", status->message);
  }
  if (!atomic_load(&load.is_stopping)) start_hello();
  if (atomic_fetch_sub(&load.running, 1) == 1) sem_post(&load.idle);
}

static void start_hello(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = true;
  gmux_bytes request = gmux_bytes_borrow("\x0a\x05gmux!", 7); /* HelloRequest { name: "gmux!" } */
  atomic_fetch_add(&load.started, 1);
  atomic_fetch_add(&load.running, 1);
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_unary_start(NULL, load.client.channel, load.hello, &o, &request, on_hello, NULL),
      0);
}

static void load_start(unsigned port, unsigned width) {
  memset(&load, 0, sizeof load);
  sem_init(&load.idle, 0, 0);
  sem_init(&load.has_enough, 0, 0);
  char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client_start(&load.client, target, &o);
  load.hello = kit_method(HELLO, GMUX_UNARY);
  load.bidi = kit_method(BIDI, GMUX_BIDI_STREAMING);
  for (unsigned i = 0; i < width; i++)
    start_hello();
}

/* Set on the loop, which alone counts: so the number is not passed before it is set. */
static void want_more(void *arg) {
  atomic_store(&load.enough, atomic_load(&load.succeeded) + *(unsigned *)arg);
}

static void load_run(unsigned more) {
  CU_ASSERT_EQUAL_FATAL(gmux_loop_post(load.client.loop, want_more, &more), 0);
  kit_wait(&load.has_enough);
}

static void load_stop(void) {
  atomic_store(&load.is_stopping, true);
  kit_wait(&load.idle);
  CU_ASSERT_EQUAL(atomic_load(&load.oddly), 0);
  CU_ASSERT_EQUAL(atomic_load(&load.started),
                  atomic_load(&load.succeeded) + atomic_load(&load.failed));
  gmux_method_free(load.hello);
  gmux_method_free(load.bidi);
  kit_client_stop(&load.client);
  sem_destroy(&load.idle);
  sem_destroy(&load.has_enough);
}

static bool is_ready(void) {
  char path[512];
  if (has_program(path)) return true;
  test_skip("examples/rpc_server is not built");
  return false;
}

/* ---- SIGTERM ---- */

typedef struct talk {
  gmux_call *call;
  sem_t answered, draining, ended;
  gmux_code code;
} talk;

static void on_talk_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call, (void)message;
  sem_post(&((talk *)user_data)->answered);
}

static void on_talk_draining(gmux_call *call, void *user_data) {
  (void)call;
  sem_post(&((talk *)user_data)->draining);
}

static void on_talk_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                        void *user_data) {
  (void)call, (void)trailers;
  ((talk *)user_data)->code = status->code;
  sem_post(&((talk *)user_data)->ended);
}

static void talk_say(talk *t) {
  gmux_bytes request = gmux_bytes_borrow("\x0a\x05gmux!", 7);
  CU_ASSERT(gmux_call_write(t->call, &request) >= 0);
  kit_wait(&t->answered);
}

static void talk_start(talk *t) {
  static const gmux_call_handlers handlers = {
      .on_message = on_talk_message, .on_draining = on_talk_draining, .on_end = on_talk_end};
  sem_init(&t->answered, 0, 0);
  sem_init(&t->draining, 0, 0);
  sem_init(&t->ended, 0, 0);
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = true;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&t->call, load.client.channel, load.bidi, &o, &handlers, t),
                        0);
  talk_say(t);
}

static void talk_end(talk *t, gmux_code code) {
  kit_wait(&t->ended);
  CU_ASSERT_EQUAL(t->code, code);
  gmux_call_free(t->call);
  sem_destroy(&t->answered);
  sem_destroy(&t->draining);
  sem_destroy(&t->ended);
}

static void a_server_replaced_by_sigterm_under_load_loses_no_call(void) {
  if (!is_ready()) return;
  process now, next;
  CU_ASSERT_FATAL(process_start(&now, 0));
  load_start(now.port, 200);
  for (int i = 0; i < 5; i++) {
    load_run(1000);
    talk t;
    talk_start(&t); /* a long one, in the middle of it */
    kill(now.pid, SIGTERM);
    kit_wait(&t.draining);
    process_replace(&next, now.port);
    load_run(1000);
    talk_say(&t); /* the old server is there for it still */
    CU_ASSERT_EQUAL(waitpid(now.pid, NULL, WNOHANG), 0);
    CU_ASSERT_EQUAL(gmux_call_half_close(t.call), 0);
    talk_end(&t, GMUX_OK);
    process_wait(&now); /* and goes with its last call */
    now = next;
  }
  load_stop();
  CU_ASSERT_EQUAL(atomic_load(&load.failed), 0);
  kill(now.pid, SIGTERM);
  process_wait(&now);
}

static void a_second_signal_does_not_wait_for_running_calls(void) {
  if (!is_ready()) return;
  process p;
  CU_ASSERT_FATAL(process_start(&p, 0));
  load_start(p.port, 1);
  load_run(1);
  atomic_store(&load.is_stopping, true);
  talk t;
  talk_start(&t);
  kill(p.pid, SIGTERM);
  kit_wait(&t.draining);
  talk_say(&t);
  kill(p.pid, SIGINT);
  talk_end(&t, GMUX_UNAVAILABLE);
  process_wait(&p); /* in good order nevertheless */
  load_stop();
}

/* ---- SIGKILL ---- */

/* What was under way may have been executed, so it fails, once; all else waits and succeeds. */
static void a_server_replaced_by_sigkill_under_load_loses_only_what_was_under_way(void) {
  if (!is_ready()) return;
  enum { WIDTH = 200, LIVES = 5 };
  process p;
  CU_ASSERT_FATAL(process_start(&p, 0));
  unsigned port = p.port;
  load_start(port, WIDTH);
  for (int i = 0; i < LIVES; i++) {
    load_run(1000);
    kit_kill(p.pid);
    process_replace(&p, port);
  }
  load_run(1000);
  load_stop();
  /* On two connections: what follows the calls of the one that is found dead first goes to the
   * other, and is lost with it. */
  CU_ASSERT(atomic_load(&load.failed) <= 2 * WIDTH * LIVES);
  kill(p.pid, SIGTERM);
  process_wait(&p);
}

static const test_case cases[] = {
    TEST(a_server_replaced_by_sigterm_under_load_loses_no_call),
    TEST(a_second_signal_does_not_wait_for_running_calls),
    TEST(a_server_replaced_by_sigkill_under_load_loses_only_what_was_under_way), TESTS_END};
const test_suite net_deploy_suite = {"deploy", cases, kit_setup, kit_teardown};
