/* gateway.c: nginx, haproxy and nghttpx as processes. */
#include "tests/net/gateway.h"
#include "tests/net/kit.h"
#include "tests/net/port.h"
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  PATH_BYTES = 256,
  START_MS = 60000, /* until it listens: far more than it takes */
  AGAIN_MS = 100,   /* until a signal is repeated that was not heard */
  MANY_REQUESTS = 1000000
};

static char dir[PATH_BYTES];

/* ---- configs ---- */

/* gRPC wants HTTP/2 both ways. The temporary paths are only made, for HTTP/1.1's sake: bodies of
 * gRPC are passed on as they come. By itself nginx drops headers whose names have a dot or an
 * underscore, which metadata may have. */
static void write_nginx(FILE *f, const gateway *g) {
  static const char *const paths[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
  fprintf(f, "daemon off;\nworker_processes 1;\npid %s/pid;\nerror_log %s/log;\n", dir, dir);
  if (geteuid() == 0) fprintf(f, "user root;\n"); /* who may enter the directory */
  fprintf(f, "events { worker_connections 512; }\nhttp {\n  access_log off;\n");
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    fprintf(f, "  %s_temp_path %s/%s;\n", paths[i], dir, paths[i]);
  fprintf(f, "  upstream servers { server 127.0.0.1:%u; keepalive 8; }\n", g->server_port);
  fprintf(f, "  server {\n    listen 127.0.0.1:%u http2%s;\n", g->port, g->is_tls ? " ssl" : "");
  fprintf(f, "    ssl_certificate %s/bundle.pem;\n    ssl_certificate_key %s/bundle.pem;\n", dir,
          dir);
  fprintf(f, "    keepalive_timeout %us;\n    keepalive_requests %u;\n", g->idle_s,
          g->max_requests);
  if (g->wants_certificate)
    fprintf(f, "    ssl_verify_client on;\n    ssl_client_certificate %s/ca.pem;\n", dir);
  fprintf(f, "    ignore_invalid_headers off;\n    underscores_in_headers on;\n");
  fprintf(f, "    client_max_body_size 0;\n    grpc_socket_keepalive on;\n");
  fprintf(f, "    grpc_read_timeout %us;\n    grpc_send_timeout %us;\n", g->silence_s,
          g->silence_s);
  fprintf(f, "    client_body_timeout %us;\n", g->silence_s);
  fprintf(f, "    location / { grpc_pass grpc://servers; }\n  }\n}\n");
}

/* TLS ends here in both modes. */
static void write_haproxy(FILE *f, const gateway *g) {
  const char *h2 = g->is_blind ? "" : "proto h2";
  fprintf(f, "global\n  log stderr local0 emerg\n  hard-stop-after 20s\n");
  fprintf(f, "defaults\n  mode %s\n  timeout connect 2s\n", g->is_blind ? "tcp" : "http");
  fprintf(f, "  timeout server %us\n  timeout client 60s\n", g->silence_s);
  fprintf(f, "  timeout http-keep-alive %us\n", g->idle_s);
  fprintf(f, "frontend clients\n  bind 127.0.0.1:%u ", g->port);
  if (g->is_tls)
    fprintf(f, "ssl crt %s/bundle.pem alpn h2", dir);
  else
    fprintf(f, "%s", h2);
  if (g->wants_certificate) fprintf(f, " ca-file %s/ca.pem verify required", dir);
  fprintf(f, "\n  default_backend servers\n");
  fprintf(f, "backend servers\n  server one 127.0.0.1:%u %s\n", g->server_port, h2);
}

/* By default it may leave a server alone for two minutes that was down. */
static void write_nghttpx(FILE *f, const gateway *g) {
  fprintf(f, "frontend=127.0.0.1,%u%s\n", g->port, g->is_tls ? "" : ";no-tls");
  fprintf(f, "backend=127.0.0.1,%u;;proto=h2\nbackend-max-backoff=1s\n", g->server_port);
  fprintf(f, "private-key-file=%s/bundle.pem\ncertificate-file=%s/bundle.pem\n", dir, dir);
  fprintf(f, "no-ocsp=yes\nworkers=1\nerrorlog-file=%s/log\naccesslog-file=/dev/null\n", dir);
  fprintf(f, "frontend-http2-read-timeout=%us\nfrontend-max-requests=%u\n", g->idle_s,
          g->max_requests);
  fprintf(f, "backend-read-timeout=%us\n", g->silence_s);
  if (g->wants_certificate) fprintf(f, "verify-client=yes\nverify-client-cacert=%s/ca.pem\n", dir);
}

/* ---- makes ---- */

static const struct make {
  const char *name, *program;
  void (*write_config)(FILE *file, const gateway *g);
  int reload, leave; /* signals */
  const char *heard; /* what it says of `reload`; NULL: nothing, and it hears it always */
  const char *args[8];
} makes[GATEWAY_MAKES] = {
    [GATEWAY_NGINX] = {"nginx",
                       "/usr/sbin/nginx",
                       write_nginx,
                       SIGHUP,
                       SIGQUIT,
                       NULL,
                       {"-e", "stderr", "-p", dir, "-c"}},
    [GATEWAY_HAPROXY] = {"haproxy",
                         "/usr/sbin/haproxy",
                         write_haproxy,
                         SIGUSR2,
                         SIGUSR1,
                         "Reloading HAProxy",
                         {"-W", "-db", "-f"}},
    [GATEWAY_NGHTTPX] =
        {"nghttpx", "/usr/sbin/nghttpx", write_nghttpx, SIGHUP, SIGQUIT, NULL, {"--conf"}},
};

const char *gateway_make_str(gateway_make make) {
  return makes[make].name;
}

const char *gateway_why_not(gateway_make make) {
  static char why[64];
  if (access(makes[make].program, X_OK) == 0) return NULL;
  snprintf(why, sizeof why, "no %s (./bootstrap --peers)", makes[make].program);
  return why;
}

/* ---- around a case ---- */

static const char *path_in_dir(const char *name) {
  static char path[PATH_BYTES + 32];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static FILE *create(const char *name) {
  FILE *file = fopen(path_in_dir(name), "we");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  return file;
}

static void write_certificates(void) {
  FILE *file = create("bundle.pem");
  fprintf(file, "%s%s", kit_cert_pem(), kit_key_pem());
  CU_ASSERT_EQUAL(fclose(file), 0);
  file = create("ca.pem");
  fputs(kit_ca_pem(), file);
  CU_ASSERT_EQUAL(fclose(file), 0);
}

void gateway_init(gateway *g) {
  snprintf(dir, sizeof dir, "%s/gateway", kit_dir);
  CU_ASSERT_EQUAL_FATAL(mkdir(dir, 0700), 0);
  write_certificates();
  g->held = port_hold(&g->port);
  if (!g->max_requests) g->max_requests = MANY_REQUESTS;
  FILE *config = create("config");
  makes[g->make].write_config(config, g);
  CU_ASSERT_EQUAL(fclose(config), 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)info, (void)kind, (void)where;
  return remove(path);
}

void gateway_free(gateway *g) {
  if (g->pid) gateway_terminate(g);
  while (!gateway_is_gone(g))
    poll(NULL, 0, 5);
  close(g->held);
  CU_ASSERT_EQUAL(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- life ---- */

/* Does not outlive us: SIGTERM, so that it takes its workers along. */
static _Noreturn void become(const struct make *make) {
  const char *args[12];
  char config[PATH_BYTES + 32];
  int n = 0;
  snprintf(config, sizeof config, "%s", path_in_dir("config"));
  args[n++] = make->program;
  for (const char *const *arg = make->args; *arg; arg++)
    args[n++] = *arg;
  args[n++] = config;
  args[n] = NULL;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (freopen(path_in_dir("said"), "w", stderr) && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
    execv(args[0], (char *const *)(uintptr_t)args);
  _exit(127);
}

void gateway_start(gateway *g) {
  g->ending = 0;
  g->pid = fork();
  if (g->pid == 0) become(&makes[g->make]);
  CU_ASSERT_FATAL(g->pid > 0);
}

bool gateway_is_up(const gateway *g) {
  struct sockaddr_in a = port_loopback(g->port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool is_up = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
  close(fd);
  return is_up;
}

/* What it has said goes into the test's own report. */
static void tell(const char *name) {
  char line[256];
  FILE *file = fopen(path_in_dir(name), "re");
  while (file && fgets(line, sizeof line, file))
    printf("# %s", line);
  if (file) fclose(file);
}

void gateway_await(const gateway *g) {
  for (unsigned ms = 0; ms < kit_ms(START_MS); ms += 5) {
    if (gateway_is_up(g)) return;
    poll(NULL, 0, 5);
  }
  tell("said");
  tell("log");
  CU_FAIL_FATAL("the gateway does not listen");
}

static void send_signal(const gateway *g, int signal) {
  CU_ASSERT_EQUAL(kill(g->pid, signal), 0);
}

static unsigned count_said(const char *words) {
  char line[256];
  unsigned count = 0;
  FILE *file = fopen(path_in_dir("said"), "re");
  while (file && fgets(line, sizeof line, file))
    if (strstr(line, words)) count++;
  if (file) fclose(file);
  return count;
}

/* haproxy is deaf for a moment after it has begun to listen, and after each reload: a signal that
 * comes then is lost. */
void gateway_reload(gateway *g) {
  const struct make *make = &makes[g->make];
  unsigned heard = make->heard ? count_said(make->heard) : 0;
  send_signal(g, make->reload);
  for (unsigned ms = 1; make->heard && count_said(make->heard) == heard; ms++) {
    poll(NULL, 0, 1);
    if (ms % AGAIN_MS == 0) send_signal(g, make->reload);
  }
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void tell_to_end(gateway *g, int signal) {
  send_signal(g, signal);
  g->ending = signal;
  g->told_ns = now_ns();
}

void gateway_leave(gateway *g) {
  tell_to_end(g, makes[g->make].leave);
}

void gateway_terminate(gateway *g) {
  tell_to_end(g, SIGTERM);
}

static void tell_again(gateway *g) {
  if (!g->ending || !makes[g->make].heard) return;
  if (now_ns() - g->told_ns >= AGAIN_MS * UINT64_C(1000000)) tell_to_end(g, g->ending);
}

bool gateway_is_gone(gateway *g) {
  if (g->pid == 0) return true;
  pid_t pid = waitpid(g->pid, NULL, WNOHANG);
  if (pid == 0) tell_again(g);
  if (pid == 0) return false;
  CU_ASSERT_EQUAL(pid, g->pid);
  g->pid = 0;
  return true;
}
