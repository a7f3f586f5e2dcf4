/*
 * strangers_test.c: wrong TLS of others' making, over sockets: OpenSSL's own server and client, and
 * servers and gateways whose certificate is for somebody else. Each case there is, with its words,
 * is in tests/sim/tls_*_test.c; here it is others that say what they say.
 */
#include "tests/net/gateway.h"
#include "tests/net/kit.h"
#include "tests/net/peer.h"
#include "tests/unit/certs.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern const test_suite net_strangers_suite;

static const char openssl[] = "/usr/bin/openssl";
enum { ARGS_MAX = 24 };

static test_ca *stranger;
static char cert_path[160], key_path[160]; /* the kit's certificate; peers_setup writes them */

static void setup(void) {
  peers_setup();
  stranger = test_ca_new("a stranger");
  snprintf(cert_path, sizeof cert_path, "%s/cert.pem", kit_dir);
  snprintf(key_path, sizeof key_path, "%s/key.pem", kit_dir);
}

static void teardown(void) {
  test_ca_free(stranger);
  peers_teardown();
}

static bool has_openssl(void) {
  if (access(openssl, X_OK) == 0) return true;
  test_skip("no /usr/bin/openssl (./bootstrap)");
  return false;
}

/* ---- processes ---- */

typedef struct process {
  pid_t pid;
  FILE *said; /* its stdout and stderr */
} process;

/* Does not outlive us. */
static _Noreturn void become(const char *const *args, int out) {
  int null = open("/dev/null", O_RDONLY);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
      dup2(out, STDERR_FILENO) >= 0)
    execv(args[0], (char *const *)(uintptr_t)args);
  _exit(127);
}

/* openssl with these arguments and those; both end with NULL. */
static void process_start(process *p, const char *const *first, const char *const *more) {
  const char *args[ARGS_MAX] = {openssl};
  int n = 1, out[2];
  while (*first)
    args[n++] = *first++;
  while (*more)
    args[n++] = *more++;
  CU_ASSERT_FATAL(n < ARGS_MAX);
  CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
  p->pid = fork();
  if (p->pid == 0) become(args, out[1]);
  CU_ASSERT_FATAL(p->pid > 0);
  close(out[1]);
  p->said = fdopen(out[0], "r");
}

static void process_end(process *p) {
  CU_ASSERT_EQUAL(waitpid(p->pid, NULL, 0), p->pid);
  fclose(p->said);
}

/* ---- servers ---- */

/* A call to this port ends as UNAVAILABLE, with these words. */
static void check_refused(unsigned port, const char *ca_pem, const char *host, const char *words) {
  char target[64], said[256] = "";
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = ca_pem;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, &o), 0);
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  gmux_channel_options co = kit_channel_options(tls);
  co.tls_host = host;
  kit_client client;
  kit_client_start(&client, target, &co);
  gmux_code code = GMUX_OK;
  CU_ASSERT_FALSE(kit_call(client.channel, KIT_ECHO, "x", NULL, &code, said));
  CU_ASSERT_EQUAL(code, GMUX_UNAVAILABLE);
  if (!strstr(said, words)) printf("# \"%s\" is not in: %s\n", words, said);
  CU_ASSERT_PTR_NOT_NULL(strstr(said, words));
  kit_client_stop(&client);
  gmux_tls_free(tls);
}

static unsigned s_server_start(process *p, const char *const *more) {
  const char *const args[] = {"s_server", "-accept", "127.0.0.1:0", "-cert", cert_path,
                              "-key",     key_path,  "-rev",        NULL};
  char line[256];
  unsigned port = 0;
  process_start(p, args, more);
  while (port == 0 && fgets(line, sizeof line, p->said))
    sscanf(line, "ACCEPT 127.0.0.1:%u", &port);
  CU_ASSERT_NOT_EQUAL_FATAL(port, 0);
  return port;
}

static void each_wrong_server_of_openssls_is_refused(void) {
  static const struct {
    const char *args[6];
    const char *words;
  } rows[] = {
      {{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-alpn", "h2"},
       "the peer refuses TLS 1.2 and newer"},
      {{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA", "-alpn", "h2"},
       "the peer found nothing in common"},
      {{NULL}, "the peer does not speak HTTP/2"},
      {{"-alpn", "http/1.1"}, "the peer refuses HTTP/2"},
  };
  if (!has_openssl()) return;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    process p;
    unsigned port = s_server_start(&p, rows[i].args);
    check_refused(port, kit_ca_pem(), NULL, rows[i].words);
    kill(p.pid, SIGKILL);
    process_end(&p);
  }
}

static void check_not_for_us(unsigned port) {
  check_refused(port, test_ca_pem(stranger), NULL, "is not signed by an authority that is trusted");
  check_refused(port, kit_ca_pem(), "another.example", "localhost, 127.0.0.1, ::1, not another");
}

static void grpcio_with_a_certificate_that_is_not_for_us_is_refused(void) {
  const char *why = peer_why_not(PEER_GRPCIO);
  if (why) {
    test_skip(why);
    return;
  }
  peer p = {.make = PEER_GRPCIO, .is_tls = true};
  peer_start(&p);
  peer_await(&p);
  check_not_for_us(p.port);
  peer_kill(&p);
}

static void gateway_is_refused(gateway_make make) {
  const char *why = gateway_why_not(make);
  if (why) {
    test_skip(why);
    return;
  }
  gateway g = {.make = make, .is_tls = true, .server_port = 9, .idle_s = 60};
  gateway_init(&g);
  gateway_start(&g);
  gateway_await(&g);
  check_not_for_us(g.port);
  gateway_free(&g);
}

static void nginx_with_a_certificate_that_is_not_for_us_is_refused(void) {
  gateway_is_refused(GATEWAY_NGINX);
}

static void haproxy_with_a_certificate_that_is_not_for_us_is_refused(void) {
  gateway_is_refused(GATEWAY_HAPROXY);
}

static void nghttpx_with_a_certificate_that_is_not_for_us_is_refused(void) {
  gateway_is_refused(GATEWAY_NGHTTPX);
}

/* ---- clients ---- */

static uint64_t handshakes_failed(const kit_server *server) {
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(server->server, &stats), 0);
  return stats.handshakes_failed;
}

/* One that says at once what it was told, or nothing: with TLS 1.3 it is done before it is refused,
 * and may be gone. */
static void s_client_run(const kit_server *server, const char *const *more, const char *words) {
  char connect[64], line[512];
  snprintf(connect, sizeof connect, "127.0.0.1:%u", server->port);
  const char *const args[] = {"s_client", "-connect", connect, NULL};
  bool has_said = !words;
  process p;
  process_start(&p, args, more);
  while (fgets(line, sizeof line, p.said))
    if (words && strstr(line, words)) has_said = true;
  CU_ASSERT(has_said);
  if (!has_said) printf("# openssl s_client has not said \"%s\"\n", words);
  process_end(&p);
}

static gmux_tls *mutual_tls(void) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = kit_cert_pem();
  o.key_pem = kit_key_pem();
  o.ca_pem = kit_ca_pem();
  o.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&tls, &o), 0);
  return tls;
}

static void each_wrong_client_of_openssls_is_refused(void) {
  static const struct {
    const char *args[8];
    const char *words;
  } rows[] = {
      {{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-alpn", "h2"}, "alert protocol version"},
      {{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA", "-alpn", "h2"}, "alert handshake failure"},
      {{NULL}, "no application protocol"},
      {{"-alpn", "http/1.1"}, "no application protocol"},
      {{"-tls1_2", "-alpn", "h2"}, "alert handshake failure"}, /* without a certificate */
      {{"-alpn", "h2"}, NULL},
  };
  if (!has_openssl()) return;
  gmux_tls *tls = mutual_tls();
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), tls));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    s_client_run(&server, rows[i].args, rows[i].words);
    while (handshakes_failed(&server) <= i)
      poll(NULL, 0, 1);
    CU_ASSERT_EQUAL(handshakes_failed(&server), i + 1);
  }
  gmux_tls_free(tls);
  kit_server_stop(&server);
}

static const test_case cases[] = {
    TEST(each_wrong_server_of_openssls_is_refused),
    TEST(each_wrong_client_of_openssls_is_refused),
    TEST(grpcio_with_a_certificate_that_is_not_for_us_is_refused),
    TEST(nginx_with_a_certificate_that_is_not_for_us_is_refused),
    TEST(haproxy_with_a_certificate_that_is_not_for_us_is_refused),
    TEST(nghttpx_with_a_certificate_that_is_not_for_us_is_refused),
    TESTS_END,
};

const test_suite net_strangers_suite = {"strangers", cases, setup, teardown};
