/*
 * deploy_test.c: the example server, as a process of its own, is ended by SIGTERM while a call runs
 * on it, and reads its certificate again at SIGHUP. Servers that are replaced under load are in
 * faults_restart.c.
 */
#include "tests/net/kit.h"
#include "tests/unit/certs.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIDI "/hello.Greeter/BidiHello"

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

/* cert and key NULL: cleartext. */
static void process_start_with(process *p, const char *cert, const char *key) {
  const char *const args[] = {
      "rpc_server", "--max-streams", "1000", "--drain-ms", "60000", cert ? "--cert" : "--cleartext",
      cert,         "--key",         key,    NULL};
  char path[512], line[64] = "";
  CU_ASSERT_FATAL(has_program(path));
  int out[2];
  CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
  p->pid = fork();
  if (p->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_WRONLY);
    if (dup2(out[1], 1) < 0 || dup2(null, 2) < 0) _exit(126);
    execv(path, (char *const *)(uintptr_t)args);
    _exit(127);
  }
  CU_ASSERT_FATAL(p->pid > 0);
  close(out[1]);
  FILE *told = fdopen(out[0], "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof line, told));
  CU_ASSERT_EQUAL_FATAL(sscanf(line, "port: %u", &p->port), 1);
  fclose(told);
}

static void process_start(process *p) {
  process_start_with(p, NULL, NULL);
}

static void process_wait(const process *p) {
  int status;
  CU_ASSERT_EQUAL(waitpid(p->pid, &status, 0), p->pid);
  CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- a call that runs ---- */

static bool is_ready(void) {
  char path[512];
  if (has_program(path)) return true;
  test_skip("examples/rpc_server is not built");
  return false;
}

typedef struct talk {
  kit_client client;
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

static void talk_start(talk *t, const process *p) {
  static const gmux_call_handlers handlers = {
      .on_message = on_talk_message, .on_draining = on_talk_draining, .on_end = on_talk_end};
  sem_init(&t->answered, 0, 0);
  sem_init(&t->draining, 0, 0);
  sem_init(&t->ended, 0, 0);
  char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", p->port);
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client_start(&t->client, target, &o);
  gmux_method *bidi = kit_method(BIDI, GMUX_BIDI_STREAMING);
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&t->call, t->client.channel, bidi, NULL, &handlers, t), 0);
  gmux_method_free(bidi);
  talk_say(t);
}

static void talk_end(talk *t, gmux_code code) {
  kit_wait(&t->ended);
  CU_ASSERT_EQUAL(t->code, code);
  gmux_call_free(t->call);
  kit_client_stop(&t->client);
  sem_destroy(&t->answered);
  sem_destroy(&t->draining);
  sem_destroy(&t->ended);
}

/* ---- signals ---- */

static void a_server_that_is_told_to_end_waits_for_running_calls(void) {
  if (!is_ready()) return;
  process p;
  process_start(&p);
  talk t;
  talk_start(&t, &p);
  kill(p.pid, SIGTERM);
  kit_wait(&t.draining);
  talk_say(&t);
  CU_ASSERT_EQUAL(waitpid(p.pid, NULL, WNOHANG), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(t.call), 0);
  talk_end(&t, GMUX_OK);
  process_wait(&p); /* and goes with the last one */
}

static void a_second_signal_does_not_wait_for_running_calls(void) {
  if (!is_ready()) return;
  process p;
  process_start(&p);
  talk t;
  talk_start(&t, &p);
  kill(p.pid, SIGTERM);
  kit_wait(&t.draining);
  talk_say(&t);
  kill(p.pid, SIGINT);
  talk_end(&t, GMUX_UNAVAILABLE);
  process_wait(&p); /* in good order nevertheless */
}

/* ---- certificates ---- */

static void file_write(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file && fputs(text, file) >= 0);
  CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
}

/* Does a new client that trusts this authority alone get an answer, be it that there is no such
 * method? */
static bool is_trusted(const process *p, const char *ca_pem) {
  gmux_tls_options tls;
  gmux_tls_options_init(&tls, sizeof tls);
  tls.ca_pem = ca_pem;
  gmux_tls *trusting;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&trusting, &tls), 0);
  char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", p->port);
  gmux_channel_options o = kit_channel_options(trusting);
  kit_client client;
  kit_client_start(&client, target, &o);
  gmux_code code = GMUX_OK;
  kit_call(client.channel, KIT_ECHO, "x", NULL, &code, NULL);
  kit_client_stop(&client);
  gmux_tls_free(trusting);
  CU_ASSERT(code == GMUX_UNIMPLEMENTED || code == GMUX_UNAVAILABLE);
  return code == GMUX_UNIMPLEMENTED;
}

static void a_server_reads_its_certificate_again_at_sighup(void) {
  if (!is_ready()) return;
  char cert[160], key[160];
  snprintf(cert, sizeof cert, "%s/cert.pem", kit_dir);
  snprintf(key, sizeof key, "%s/key.pem", kit_dir);
  test_ca *ca = test_ca_new("another authority");
  test_cert *renewed = test_cert_new(ca, &(test_cert_options){.san = "IP:127.0.0.1"});
  file_write(cert, kit_cert_pem());
  file_write(key, kit_key_pem());
  process p;
  process_start_with(&p, cert, key);
  CU_ASSERT_TRUE(is_trusted(&p, kit_ca_pem()));
  CU_ASSERT_FALSE(is_trusted(&p, test_ca_pem(ca)));
  file_write(cert, renewed->cert_pem);
  file_write(key, renewed->key_pem);
  kill(p.pid, SIGHUP);
  while (!is_trusted(&p, test_ca_pem(ca)))
    poll(NULL, 0, 5);
  kill(p.pid, SIGTERM);
  process_wait(&p);
  unlink(cert);
  unlink(key);
  test_cert_free(renewed);
  test_ca_free(ca);
}

static const test_case cases[] = {TEST(a_server_reads_its_certificate_again_at_sighup),
                                  TEST(a_server_that_is_told_to_end_waits_for_running_calls),
                                  TEST(a_second_signal_does_not_wait_for_running_calls), TESTS_END};
const test_suite net_deploy_suite = {"deploy", cases, kit_setup, kit_teardown};
