/*
 * echo_server.c: the server that the benchmarks call. /bench.v1.Bench/Echo answers with the
 * request, Hold does not answer.
 *
 * Bytes in, bytes out: it knows no protobuf, so that every client can send it what it likes.
 */
#include <ev.h>
#include <getopt.h>
#include <gmux/gmux.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: echo_server [OPTION]...\n"
    "Serves /bench.v1.Bench/Echo until SIGINT or SIGTERM.\n\n"
    "  --listen ADDRESS     default ipv4:127.0.0.1:0 (0: any port)\n"
    "  --cert, --key FILE   TLS, with this certificate and its key (PEM); without them cleartext\n"
    "  --max-streams N      calls at once on one connection (default 100)\n";

typedef struct program {
  gmux_server *server;
  ev_signal interrupt, terminate;
} program;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "echo_server: %s\n", gmux_last_error());
  exit(1);
}

/* The request is taken where it lies; it becomes the answer without a copy, if it was not borrowed
 * from the read buffer. */
static void echo(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  if (gmux_server_call_reply(call, request))
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}

/* For who measures what an open call costs: no answer ever comes, the call is the server's until the
 * client lets go of it. */
static void hold(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)call, (void)request, (void)user_data;
}

/* ev_run returns when the server's connections and these watchers are gone. */
static void on_signal(struct ev_loop *ev, ev_signal *w, int events) {
  (void)events;
  program *p = w->data;
  ev_signal_stop(ev, &p->interrupt);
  ev_signal_stop(ev, &p->terminate);
  gmux_server_close(p->server, NULL, NULL);
}

static void watch_signals(program *p, struct ev_loop *ev) {
  ev_signal_init(&p->interrupt, on_signal, SIGINT);
  ev_signal_init(&p->terminate, on_signal, SIGTERM);
  p->interrupt.data = p->terminate.data = p;
  ev_signal_start(ev, &p->interrupt);
  ev_signal_start(ev, &p->terminate);
}

static uint16_t listen_at(gmux_server *server, const char *address, const char *cert,
                          const char *key) {
  uint16_t port = 0;
  if (!cert) {
    must(gmux_server_listen_cleartext(server, address, &port));
    return port;
  }
  gmux_tls_options how;
  gmux_tls_options_init(&how, sizeof how);
  how.cert_file = cert;
  how.key_file = key;
  gmux_tls *tls;
  must(gmux_tls_server_new(&tls, &how));
  must(gmux_server_listen(server, address, tls, &port));
  gmux_tls_free(tls);
  return port;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"listen", 1, NULL, 'l'}, {"cert", 1, NULL, 'c'},
                                        {"key", 1, NULL, 'k'},    {"max-streams", 1, NULL, 'm'},
                                        {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0}};
  const char *given[128] = {['l'] = "ipv4:127.0.0.1:0", ['m'] = "100"};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    given[o] = optarg;
  }
  if (argc != optind || !given['c'] != !given['k']) return fputs(usage, stderr), 2;

  program p = {0};
  struct ev_loop *ev = ev_default_loop(0);
  gmux_loop *loop;
  must(gmux_loop_attach(&loop, ev, NULL));
  gmux_server_options options;
  gmux_server_options_init(&options, sizeof options);
  options.max_concurrent_streams = (uint32_t)strtoul(given['m'], NULL, 10);
  must(gmux_server_new(&p.server, loop, &options));
  must(gmux_server_add_unary(p.server, "/bench.v1.Bench/Echo", echo, NULL));
  must(gmux_server_add_unary(p.server, "/bench.v1.Bench/Hold", hold, NULL));
  uint16_t port = listen_at(p.server, given['l'], given['c'], given['k']);
  watch_signals(&p, ev);
  printf("port: %u\n", port);
  fflush(stdout);
  ev_run(ev, 0);

  gmux_server_free(p.server);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(ev);
  return 0;
}
