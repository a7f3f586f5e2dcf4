/* kit.c: a server and clients over loopback and Unix sockets. */
#include "tests/net/kit.h"
#include "tests/net/ledger.h"
#include "tests/net/port.h"
#include "tests/unit/certs.h"
#include "tests/unit/fds.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

kit_state kit;
char kit_dir[128];
static size_t fds_before;
static int holder = -1; /* of the port of kit_held_address */
static test_ca *ca;
static test_cert *cert;
static gmux_tls *server_tls, *client_tls;

/* ---- around a case ---- */

void kit_setup(void) {
  fds_before = test_count_fds();
  snprintf(kit_dir, sizeof kit_dir, "%s/gmux-test-XXXXXX", P_tmpdir);
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(kit_dir));
  kit.gate = 0;
  kit.add_methods = NULL;
  atomic_store(&kit.sink, NULL);
  atomic_store(&kit.sink_taken, 0);
  atomic_store(&kit.flood_written, 0);
  atomic_store(&kit.is_out_of_order, false);
  atomic_store(&kit.flood_code, -1);
  sem_init(&kit.flood_ended, 0, 0);
  ledger_open();
}

void kit_teardown(void) {
  gmux_tls_free(server_tls);
  gmux_tls_free(client_tls);
  server_tls = client_tls = NULL;
  test_cert_free(cert);
  test_ca_free(ca);
  cert = NULL;
  ca = NULL;
  ledger_close();
  sem_destroy(&kit.flood_ended);
  CU_ASSERT_FALSE(atomic_load(&kit.is_out_of_order));
  if (holder >= 0) close(holder);
  holder = -1;
  CU_ASSERT_EQUAL(rmdir(kit_dir), 0); /* else somebody left a file there */
  CU_ASSERT_EQUAL(test_count_fds(), fds_before);
}

void kit_wait(sem_t *sem) {
  while (sem_wait(sem) != 0 && errno == EINTR) {
  }
}

unsigned kit_ms(unsigned ms) {
  const char *slow = getenv("GMUX_TEST_SLOW");
  unsigned long factor = slow ? strtoul(slow, NULL, 10) : 1;
  return ms * (unsigned)(factor ? factor : 1);
}

/* ---- kinds ---- */

const char *kit_address(kit_kind kind) {
  static char path[192];
  if (kind != KIT_UNIX) return "ipv4:127.0.0.1:0";
  snprintf(path, sizeof path, "unix:%s/socket", kit_dir);
  return path;
}

const char *kit_held_address(kit_kind kind) {
  static char address[32];
  uint16_t port;
  if (kind == KIT_UNIX) return kit_address(kind);
  if (holder >= 0) close(holder);
  holder = port_hold(&port);
  snprintf(address, sizeof address, "ipv4:127.0.0.1:%u", port);
  return address;
}

static void make_certificate(void) {
  if (ca) return;
  ca = test_ca_new("gmux test CA");
  cert = test_cert_new(ca, &(test_cert_options){.common_name = "gmux test",
                                                .san = "DNS:localhost,IP:127.0.0.1,IP:::1"});
}

const char *kit_ca_pem(void) {
  make_certificate();
  return test_ca_pem(ca);
}

const char *kit_cert_pem(void) {
  make_certificate();
  return cert->cert_pem;
}

const char *kit_key_pem(void) {
  make_certificate();
  return cert->key_pem;
}

gmux_tls *kit_server_tls(kit_kind kind) {
  if (kind != KIT_TLS || server_tls) return kind == KIT_TLS ? server_tls : NULL;
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = kit_cert_pem();
  o.key_pem = kit_key_pem();
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&server_tls, &o), 0);
  return server_tls;
}

gmux_tls *kit_client_tls(kit_kind kind) {
  if (kind != KIT_TLS || client_tls) return kind == KIT_TLS ? client_tls : NULL;
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = kit_ca_pem();
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&client_tls, &o), 0);
  return client_tls;
}

void kit_forget_sessions(void) {
  if (client_tls) CU_ASSERT_EQUAL(gmux_tls_reload(client_tls, NULL), 0);
}

/* ---- messages of a stream: their number, and bytes that follow from it ---- */

gmux_bytes kit_message(unsigned n) {
  static _Thread_local uint8_t text[KIT_MESSAGE_BYTES];
  memcpy(text, &n, sizeof n);
  memset(text + sizeof n, (int)(n & 0xff), sizeof text - sizeof n);
  return gmux_bytes_borrow(text, sizeof text);
}

bool kit_is_message(const gmux_bytes *message, unsigned n) {
  gmux_bytes want = kit_message(n);
  return message->len == want.len && memcmp(message->data, want.data, want.len) == 0;
}

/* ---- handlers of the server ---- */

static void reply_text(gmux_server_call *call, const char *text) {
  gmux_bytes message = gmux_bytes_borrow(text, strlen(text));
  gmux_server_call_reply(call, &message);
}

static void on_echo(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  gmux_server_call_reply(call, request);
}

static void on_name(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request, (void)user_data;
  const char *name = gmux_server_call_peer_name(call);
  reply_text(call, name ? name : "none");
}

/* Holds back as many calls as kit.gate says: none is answered before all are there. */
static void on_gate(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  static gmux_server_call *held[1024];
  static gmux_bytes requests[1024];
  static unsigned count;
  held[count] = gmux_server_call_ref(call);
  CU_ASSERT_EQUAL(gmux_bytes_take(&requests[count], request), 0);
  if (++count < kit.gate) return;
  while (count > 0) {
    count--;
    gmux_server_call_reply(held[count], &requests[count]);
    gmux_bytes_release(&requests[count]);
    gmux_server_call_unref(held[count]);
  }
}

static void on_talk_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  if (gmux_server_call_write(call, message) < 0)
    gmux_server_call_fail(call, GMUX_INTERNAL, gmux_last_error());
}

static void on_talk_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static void on_sink_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_set_manual_credit(call);
  atomic_store(&kit.sink, gmux_server_call_ref(call));
}

static void on_sink_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)call, (void)user_data;
  unsigned n = atomic_fetch_add(&kit.sink_taken, 1);
  if (!kit_is_message(message, n)) atomic_store(&kit.is_out_of_order, true);
}

static void on_sink_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  char count[16];
  snprintf(count, sizeof count, "%u", atomic_load(&kit.sink_taken));
  reply_text(call, count);
}

static void on_sink_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)call, (void)code, (void)user_data;
  gmux_server_call_unref(atomic_exchange(&kit.sink, NULL));
}

void kit_sink_open(void) {
  CU_ASSERT_EQUAL(gmux_server_call_grant(atomic_load(&kit.sink), GMUX_CREDIT_UNLIMITED), 0);
}

static void on_flood(gmux_server_call *call, void *user_data) {
  (void)user_data;
  for (;;) {
    unsigned n = atomic_load(&kit.flood_written);
    if (n == KIT_MESSAGES) break;
    gmux_bytes message = kit_message(n);
    int rv = gmux_server_call_write(call, &message);
    if (rv < 0) return;
    atomic_store(&kit.flood_written, n + 1);
    if (rv == GMUX_WRITE_FULL) return; /* on_writable goes on */
  }
  gmux_server_call_finish(call, NULL, NULL);
}

static void on_flood_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)call, (void)user_data;
  atomic_store(&kit.flood_code, (int)code);
  sem_post(&kit.flood_ended);
}

static int add_methods(gmux_server *server) {
  static const gmux_server_handlers talk = {.on_message = on_talk_message,
                                            .on_half_close = on_talk_half_close};
  static const gmux_server_handlers sink = {.on_call = on_sink_call,
                                            .on_message = on_sink_message,
                                            .on_half_close = on_sink_half_close,
                                            .on_end = on_sink_end};
  static const gmux_server_handlers flood = {
      .on_half_close = on_flood, .on_writable = on_flood, .on_end = on_flood_end};
  int rv = ledger_serve(server);
  if (!rv) rv = gmux_server_add_unary(server, KIT_ECHO, on_echo, NULL);
  if (!rv) rv = gmux_server_add_unary(server, KIT_NAME, on_name, NULL);
  if (!rv) rv = gmux_server_add_unary(server, KIT_GATE, on_gate, NULL);
  if (!rv) rv = gmux_server_add_method(server, KIT_TALK, GMUX_BIDI_STREAMING, &talk, NULL);
  if (!rv) rv = gmux_server_add_method(server, KIT_SINK, GMUX_CLIENT_STREAMING, &sink, NULL);
  if (!rv) rv = gmux_server_add_method(server, KIT_FLOOD, GMUX_SERVER_STREAMING, &flood, NULL);
  if (!rv && kit.add_methods) rv = kit.add_methods(server);
  return rv;
}

/* ---- servers ---- */

/* "ipv4:127.0.0.1:0" with the port that was found; names of files stay. */
static void set_target(kit_server *s, const char *address) {
  if (strncmp(address, "unix", 4) == 0)
    snprintf(s->target, sizeof s->target, "%s", address);
  else
    snprintf(s->target, sizeof s->target, "%.*s:%u", (int)(strrchr(address, ':') - address),
             address, s->port);
}

static int server_listen(kit_server *s, const char *address, gmux_tls *tls) {
  return tls ? gmux_server_listen(s->server, address, tls, &s->port)
             : gmux_server_listen_cleartext(s->server, address, &s->port);
}

bool kit_server_start(kit_server *s, gmux_loop *loop, const char *address, gmux_tls *tls) {
  *s = (kit_server){.loop = loop};
  if (!loop) CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&s->loop, NULL), 0);
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.max_concurrent_streams = 1000;
  o.stream_window_bytes = KIT_WINDOW_BYTES;
  o.connection_window_bytes = KIT_SERVER_BYTES;
  o.write_queue_bytes = KIT_QUEUE_BYTES;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&s->server, s->loop, &o), 0);
  CU_ASSERT_EQUAL_FATAL(add_methods(s->server), 0);
  if (server_listen(s, address, tls) == 0) {
    set_target(s, address);
    return true;
  }
  gmux_server_free(s->server);
  if (!loop) CU_ASSERT_EQUAL(gmux_loop_stop(s->loop), 0);
  return false;
}

static void on_closed(void *user_data) {
  sem_post(user_data);
}

void kit_server_stop(kit_server *s) {
  sem_t closed;
  sem_init(&closed, 0, 0);
  gmux_server_close(s->server, on_closed, &closed);
  kit_wait(&closed);
  sem_destroy(&closed);
  gmux_server_free(s->server);
  CU_ASSERT_EQUAL(gmux_loop_stop(s->loop), 0);
}

/* The child serves until it is killed, and does not outlive its parent. */
static void serve_for_ever(int told, const char *address, gmux_tls *tls) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  kit_server s;
  if (!kit_server_start(&s, NULL, address, tls)) _exit(1);
  if (write(told, &s.port, sizeof s.port) != sizeof s.port) _exit(1);
  for (;;)
    pause();
}

pid_t kit_server_fork(kit_server *s, const char *address, gmux_tls *tls) {
  int told[2];
  CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
  pid_t pid = fork();
  if (pid == 0) serve_for_ever(told[1], address, tls);
  CU_ASSERT_FATAL(pid > 0);
  close(told[1]);
  CU_ASSERT_EQUAL_FATAL(read(told[0], &s->port, sizeof s->port), sizeof s->port);
  close(told[0]);
  set_target(s, address);
  return pid;
}

void kit_kill(pid_t pid) {
  CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
  CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

void kit_freeze(pid_t pid) {
  int status;
  CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
  CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, WUNTRACED), pid);
  CU_ASSERT(WIFSTOPPED(status));
}

void kit_thaw(pid_t pid) {
  CU_ASSERT_EQUAL(kill(pid, SIGCONT), 0);
}

/* ---- clients ---- */

gmux_channel_options kit_channel_options(gmux_tls *tls) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.tls = tls;
  o.cleartext = !tls;
  o.max_concurrent_streams = 1000;
  o.stream_window_bytes = KIT_WINDOW_BYTES;
  o.write_queue_bytes = KIT_QUEUE_BYTES;
  o.suspect_after_ms = GMUX_NEVER_MS; /* a slow machine is no reason for another connection */
  o.initial_backoff_ms = 100;
  o.max_backoff_ms = 100;
  return o;
}

void kit_client_start(kit_client *c, const char *target, const gmux_channel_options *options) {
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&c->loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&c->channel, c->loop, target, options), 0);
}

void kit_client_stop(kit_client *c) {
  CU_ASSERT_EQUAL(gmux_channel_drain_wait(c->channel, 0), 0);
  gmux_channel_free(c->channel);
  CU_ASSERT_EQUAL(gmux_loop_stop(c->loop), 0);
}

gmux_method *kit_method(const char *path, gmux_method_kind kind) {
  gmux_method *method;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&method, path, kind, 0), 0);
  return method;
}

bool kit_call(gmux_channel *channel, const char *path, const char *text, const char *want,
              gmux_code *code, char words[256]) {
  gmux_method *method = kit_method(path, GMUX_UNARY);
  gmux_bytes request = gmux_bytes_borrow(text, strlen(text)), reply;
  gmux_status status = gmux_call_unary_wait(channel, method, NULL, &request, &reply);
  if (!want) want = text;
  bool is_good = status.code == GMUX_OK && reply.len == strlen(want) &&
                 memcmp(reply.data, want, reply.len) == 0;
  if (code) *code = status.code;
  if (words) snprintf(words, 256, "%s", status.message);
  gmux_bytes_release(&reply);
  gmux_status_clear(&status);
  gmux_method_free(method);
  return is_good;
}

bool kit_echo(gmux_channel *channel) {
  return kit_call(channel, KIT_ECHO, "hello", NULL, NULL, NULL);
}

gmux_channel_stats kit_stats(gmux_channel *channel) {
  gmux_channel_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(channel, &stats), 0);
  return stats;
}
