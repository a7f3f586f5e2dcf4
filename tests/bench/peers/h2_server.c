/*
 * h2_server.c: the server that all clients are measured against: nghttp2 and libev alone, so that
 * it is faster than any of them. h2_echo.h says what it serves.
 */
#include "tests/bench/peers/h2_echo.h"
#include "tests/bench/peers/net.h"
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: h2_server [OPTION]...\n"
    "Serves bench.proto's service until SIGINT or SIGTERM.\n\n"
    "  --listen ADDRESS     default ipv4:127.0.0.1:0 (0: any port)\n"
    "  --cert, --key FILE   TLS, with this certificate and its key (PEM); without them cleartext\n"
    "  --max-streams N      calls at once on one connection (default 1000000)\n";

static SSL_CTX *tls; /* NULL: cleartext */
static uint32_t max_streams;
static nghttp2_session_callbacks *callbacks;

static void on_gone(h2_conn *c, const char *why) {
  (void)why;
  h2_peer *peer = (h2_peer *)c; /* conn is its first member */
  h2_echo_free_all(peer);
  h2_conn_deinit(c);
  free(peer);
}

static _Noreturn void die(const char *why) {
  fprintf(stderr, "h2_server: %s\n", why);
  exit(1);
}

static SSL *ssl_for(int fd) {
  if (!tls) return NULL;
  SSL *ssl = SSL_new(tls);
  if (!ssl || SSL_set_fd(ssl, fd) != 1) die("out of memory");
  SSL_set_accept_state(ssl); /* the handshake is part of the first reads */
  return ssl;
}

static void peer_new(struct ev_loop *loop, int fd) {
  h2_peer *peer = calloc(1, sizeof *peer);
  nghttp2_option *option;
  if (!peer || nghttp2_option_new(&option)) die("out of memory");
  if (!h2_conn_init(&peer->conn, loop, fd, ssl_for(fd), on_gone)) die("out of memory");
  nghttp2_option_set_no_closed_streams(option, 1);
  if (nghttp2_session_server_new2(&peer->conn.session, callbacks, peer, option))
    die("out of memory");
  nghttp2_option_del(option);
  h2_conn_start(&peer->conn,
                &(nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams}, 1);
  if (!tls) h2_conn_flush(&peer->conn);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events) {
  (void)events;
  for (int fd; (fd = net_accept(w->fd)) >= 0;)
    peer_new(loop, fd);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int events) {
  (void)w, (void)events;
  ev_break(loop, EVBREAK_ALL);
}

/* Messages stay on the heap: memory that is mapped anew for each costs a page fault for each 4 KiB,
 * which halves the rate of 64 KiB messages. */
static void keep_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

static void serve(const char *address) {
  struct ev_loop *loop = ev_default_loop(0);
  int listener = net_listen(address);
  ev_io accepting;
  ev_signal interrupt, terminate;
  if (nghttp2_session_callbacks_new(&callbacks)) die("out of memory");
  h2_echo_callbacks(callbacks);
  ev_io_init(&accepting, on_accept, listener, EV_READ);
  ev_io_start(loop, &accepting);
  ev_signal_init(&interrupt, on_signal, SIGINT);
  ev_signal_start(loop, &interrupt);
  ev_signal_init(&terminate, on_signal, SIGTERM);
  ev_signal_start(loop, &terminate);
  net_say_port(listener);
  ev_run(loop, 0);
  nghttp2_session_callbacks_del(callbacks);
  SSL_CTX_free(tls);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"listen", 1, NULL, 'l'}, {"cert", 1, NULL, 'c'},
                                        {"key", 1, NULL, 'k'},    {"max-streams", 1, NULL, 'm'},
                                        {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0}};
  const char *given[128] = {['l'] = "ipv4:127.0.0.1:0", ['m'] = "1000000"};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    given[o] = optarg;
  }
  if (argc != optind || !given['c'] != !given['k']) return fputs(usage, stderr), 2;
  max_streams = (uint32_t)strtoul(given['m'], NULL, 10);
  if (!max_streams) return fputs(usage, stderr), 2;
  keep_memory();
  if (given['c']) tls = h2_tls_server(given['c'], given['k']);
  serve(given['l']);
  return 0;
}
