/*
 * interop_server.c: a gmux server of grpc.testing.TestService, with the flags that the interop
 * servers of all implementations have.
 *
 * It prints "port: N" when it listens. SIGTERM and SIGINT end it in good order.
 */
#include "tests/interop/interop_flags.h"
#include "tests/interop/interop_lies.h"
#include "tests/interop/interop_service.h"
#include <getopt.h>
#include <gmux/gmux.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: interop_server [FLAG]...\n"
    "  --port=N                        0 (default): any that is free\n"
    "  --host=ADDRESS                  where to listen, default 0.0.0.0\n"
    "  --use_tls[=true|false]          default false\n"
    "  --tls_cert_file, --tls_key_file the server's certificate and its key (PEM), both or none;\n"
    "                                  default " INTEROP_CERT_FILE "\n"
    "                                  and     " INTEROP_KEY_FILE "\n"
    "  --max_concurrent_streams_limit=N  calls at once on one connection, default 100\n"
    "  --lies[=true|false]             answer wrongly whom asks for it (interop_lies.h), to test\n"
    "                                  clients; default false\n";

enum { DRAIN_MS = 2000 }; /* for calls that run when the signal comes */

typedef struct program {
  struct ev_loop *ev;
  gmux_server *server;
} program;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "interop_server: %s\n", gmux_last_error());
  exit(1);
}

static void on_closed(void *user_data) {
  program *p = user_data;
  ev_break(p->ev, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events) {
  (void)ev, (void)events;
  program *p = watcher->data;
  gmux_server_drain(p->server, DRAIN_MS, on_closed, p);
}

typedef struct flags {
  uint32_t port;
  const char *host;
  bool use_tls, lies;
  gmux_server_options server;
  gmux_tls_options credentials;
} flags;

/* One of ours does not go with one of somebody else's. */
static bool credentials_complete(gmux_tls_options *credentials) {
  if (!credentials->cert_file != !credentials->key_file)
    return interop_flag_wrong("--tls_cert_file and --tls_key_file go together");
  return interop_flag_credential("tls_cert_file", INTEROP_CERT_FILE, &credentials->cert_file) &&
         interop_flag_credential("tls_key_file", INTEROP_KEY_FILE, &credentials->key_file);
}

/* False: what was said makes no sense. */
static bool flags_parse(flags *f, int argc, char **argv) {
  static const struct option longs[] = {
      {"port", 1, NULL, 'p'},         {"host", 1, NULL, 'h'},
      {"use_tls", 2, NULL, 't'},      {"tls_cert_file", 1, NULL, 'c'},
      {"tls_key_file", 1, NULL, 'k'}, {"max_concurrent_streams_limit", 1, NULL, 's'},
      {"lies", 2, NULL, 'l'},         {NULL, 0, NULL, 0}};
  bool ok = true;
  for (int o; ok && (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == '?') return false;
    if (o == 'p') ok = interop_flag_number("port", optarg, 0, 65535, &f->port);
    if (o == 'l') ok = interop_flag_bool("lies", optarg, &f->lies);
    if (o == 'h') f->host = optarg;
    if (o == 't') ok = interop_flag_bool("use_tls", optarg, &f->use_tls);
    if (o == 'c') f->credentials.cert_file = optarg;
    if (o == 'k') f->credentials.key_file = optarg;
    if (o == 's')
      ok = interop_flag_number("max_concurrent_streams_limit", optarg, 1, 1000000,
                               &f->server.max_concurrent_streams);
  }
  if (!ok) return false;
  if (optind < argc) return interop_flag_wrong("%s is no flag", argv[optind]);
  return !f->use_tls || credentials_complete(&f->credentials);
}

static void listen_as(gmux_server *server, const flags *f) {
  char address[128];
  uint16_t port = 0;
  snprintf(address, sizeof address, "%s:%u", f->host, (unsigned)f->port);
  if (f->use_tls) {
    gmux_tls *tls;
    must(gmux_tls_server_new(&tls, &f->credentials));
    must(gmux_server_listen(server, address, tls, &port));
    gmux_tls_free(tls); /* the server has its own hold */
  } else {
    must(gmux_server_listen_cleartext(server, address, &port));
  }
  printf("port: %u\n", port);
  fflush(stdout);
}

int main(int argc, char **argv) {
  flags f = {.host = "0.0.0.0"};
  gmux_server_options_init(&f.server, sizeof f.server);
  gmux_tls_options_init(&f.credentials, sizeof f.credentials);
  if (!flags_parse(&f, argc, argv)) return fputs(usage, stderr), 2;

  program p = {.ev = ev_loop_new(EVFLAG_AUTO)};
  gmux_loop *loop;
  interop_service service;
  must(gmux_loop_attach(&loop, p.ev, NULL));
  must(gmux_server_new(&p.server, loop, &f.server));
  must(interop_service_add(&service, p.ev, p.server));
  if (f.lies) must(interop_lies_allow(p.server));

  static const int signals[] = {SIGTERM, SIGINT};
  ev_signal watchers[2];
  for (size_t i = 0; i < 2; i++) {
    ev_signal_init(&watchers[i], on_signal, signals[i]);
    watchers[i].data = &p;
    ev_signal_start(p.ev, &watchers[i]);
  }
  listen_as(p.server, &f);
  ev_run(p.ev, 0);

  for (size_t i = 0; i < 2; i++)
    ev_signal_stop(p.ev, &watchers[i]);
  gmux_server_free(p.server);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(p.ev);
  return 0;
}
