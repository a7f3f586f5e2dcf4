/*
 * channelz_server.c: a program to be looked at with channelz: a worker, channels to it whose calls
 * are known, and a server for who asks, each on a loop of its own.
 *
 * Prints "port: ADMIN WORKER TLS" once its own calls have been made: of each channel 7 that succeed
 * and 2 that fail. Ends when "/demo.Worker/End" is called.
 */
#include <getopt.h>
#include <gmux/gmux.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: channelz_server --cert FILE --key FILE --ca FILE\n"
                            "         [--admin TARGET]  where it is asked; a port of 127.0.0.1\n";

enum { CALLS = 9, FAIL_EVERY = 4 };

typedef struct program {
  gmux_loop *work, *ask, *go;
  gmux_server *worker, *admin;
  gmux_channel *plain, *secure;
  gmux_channelz *z;
  uint16_t admin_port, plain_port, secure_port;
  sem_t ended;
} program;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "channelz_server: %s\n", gmux_last_error());
  exit(1);
}

/* ---- the worker ---- */

static void say(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  if (request->len == 2 && memcmp(request->data, "no", 2) == 0)
    gmux_server_call_fail(call, GMUX_ABORTED, "no");
  else
    gmux_server_call_reply(call, request);
}

/* Never answers: until its client gives up. */
static void wait_for_ever(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)call, (void)request, (void)user_data;
}

static void end(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  program *p = user_data;
  gmux_server_call_reply(call, request);
  sem_post(&p->ended);
}

static void open_worker(program *p, const gmux_tls_options *credentials) {
  gmux_tls *tls;
  must(gmux_tls_server_new(&tls, credentials));
  must(gmux_server_new(&p->worker, p->work, NULL));
  must(gmux_server_add_unary(p->worker, "/demo.Worker/Say", say, p));
  must(gmux_server_add_unary(p->worker, "/demo.Worker/Wait", wait_for_ever, p));
  must(gmux_server_add_unary(p->worker, "/demo.Worker/End", end, p));
  must(gmux_server_listen_cleartext(p->worker, "ipv4:127.0.0.1:0", &p->plain_port));
  must(gmux_server_listen(p->worker, "ipv4:127.0.0.1:0", tls, &p->secure_port));
  gmux_tls_free(tls);
}

/* ---- its clients ---- */

static gmux_channel *open_channel(gmux_loop *loop, uint16_t port, gmux_tls *tls) {
  char target[64];
  gmux_channel *channel;
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.tls = tls;
  options.cleartext = tls == NULL;
  snprintf(target, sizeof target, "127.0.0.1:%u", port);
  must(gmux_channel_new(&channel, loop, target, &options));
  return channel;
}

static void make_calls(gmux_channel *channel) {
  gmux_method *method;
  must(gmux_method_new(&method, "/demo.Worker/Say", GMUX_UNARY, 0));
  for (int i = 0; i < CALLS; i++) {
    bool is_to_fail = i % FAIL_EVERY == FAIL_EVERY - 1;
    gmux_bytes request = gmux_bytes_borrow(is_to_fail ? "no" : "ok", 2), reply;
    gmux_status status = gmux_call_unary_wait(channel, method, NULL, &request, &reply);
    if (status.code != (is_to_fail ? GMUX_ABORTED : GMUX_OK)) {
      fprintf(stderr, "channelz_server: call %d: %s\n", i, status.message);
      exit(1);
    }
    gmux_bytes_release(&reply);
    gmux_status_clear(&status);
  }
  gmux_method_free(method);
}

static void open_clients(program *p, const char *ca_file) {
  gmux_tls_options trust;
  gmux_tls *tls;
  gmux_tls_options_init(&trust, sizeof trust);
  trust.ca_file = ca_file;
  must(gmux_tls_client_new(&tls, &trust));
  p->plain = open_channel(p->go, p->plain_port, NULL);
  p->secure = open_channel(p->go, p->secure_port, tls);
  gmux_tls_free(tls);
  make_calls(p->plain);
  make_calls(p->secure);
}

/* ---- who shows them ---- */

static void open_admin(program *p, const char *target) {
  must(gmux_channelz_new(&p->z));
  must(gmux_channelz_add_server(p->z, p->worker));
  must(gmux_channelz_add_channel(p->z, p->plain));
  must(gmux_channelz_add_channel(p->z, p->secure));
  must(gmux_server_new(&p->admin, p->ask, NULL));
  must(gmux_server_add_channelz(p->admin, p->z));
  must(gmux_server_listen_cleartext(p->admin, target, &p->admin_port));
}

static void close_all(program *p) {
  gmux_channel_free(p->plain);
  gmux_channel_free(p->secure);
  must(gmux_server_drain_wait(p->worker, GMUX_NO_TIMEOUT));
  gmux_server_free(p->worker);
  gmux_server_free(p->admin);
  gmux_channelz_free(p->z);
  must(gmux_loop_stop(p->ask));
  must(gmux_loop_stop(p->go));
  must(gmux_loop_stop(p->work));
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"cert", 1, NULL, 'c'},
                                        {"key", 1, NULL, 'k'},
                                        {"ca", 1, NULL, 'a'},
                                        {"admin", 1, NULL, 'w'},
                                        {NULL, 0, NULL, 0}};
  const char *ca_file = NULL, *admin = "ipv4:127.0.0.1:0";
  gmux_tls_options credentials;
  gmux_tls_options_init(&credentials, sizeof credentials);
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == '?') return fputs(usage, stderr), 2;
    if (o == 'c') credentials.cert_file = optarg;
    if (o == 'k') credentials.key_file = optarg;
    if (o == 'a') ca_file = optarg;
    if (o == 'w') admin = optarg;
  }
  if (!credentials.cert_file || !credentials.key_file || !ca_file || optind < argc)
    return fputs(usage, stderr), 2;

  static program p;
  sem_init(&p.ended, 0, 0);
  must(gmux_loop_start(&p.work, NULL));
  must(gmux_loop_start(&p.ask, NULL));
  must(gmux_loop_start(&p.go, NULL));
  open_worker(&p, &credentials);
  open_clients(&p, ca_file);
  open_admin(&p, admin);
  printf("port: %u %u %u\n", p.admin_port, p.plain_port, p.secure_port);
  fflush(stdout);
  while (sem_wait(&p.ended)) /* a signal may interrupt it */
    continue;
  close_all(&p);
  sem_destroy(&p.ended);
  return 0;
}
