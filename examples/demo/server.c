/*
 * server.c: the server that `make demo` restarts. It writes down each name that it greets, one
 * a line, in a file that a second life of it goes on with: so that it can be shown afterwards that
 * nothing was executed twice. SIGTERM lets running calls finish.
 */
#include "greeter.gmux.h"
#include <gmux/gmux.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *ledger;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "demo server: %s\n", gmux_last_error());
  exit(1);
}

/* ---- hello.Greeter ---- */

static void say_hello(gmux_server_call *call, const Hello__HelloRequest *request, void *user_data) {
  (void)user_data;
  fprintf(ledger, "%s\n", request->name);
  char text[128];
  snprintf(text, sizeof text, "Hello, %s!", request->name);
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = text;
  hello__greeter__say_hello__reply(call, &reply);
}

/* Each name comes back. */
static void bidi_message(gmux_server_call *call, const Hello__HelloRequest *request,
                         void *user_data) {
  (void)user_data;
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = request->name;
  if (hello__greeter__bidi_hello__server_write(call, &reply) < 0)
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}

static void bidi_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static const Hello__Greeter_Server greeter = {
    .say_hello = say_hello,
    .bidi_hello = {.on_message = bidi_message, .on_half_close = bidi_end},
};

/* ---- all of it ---- */

int main(int argc, char **argv) {
  if (argc != 5) {
    fputs("usage: server ADDRESS CERT KEY LEDGER\n", stderr);
    return 2;
  }
  sigset_t stop; /* blocked before the loop starts its thread */
  sigemptyset(&stop), sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, NULL);
  ledger = fopen(argv[4], "a");
  if (!ledger) return perror("demo server: ledger"), 1;

  gmux_tls *tls;
  gmux_tls_options files;
  gmux_tls_options_init(&files, sizeof files);
  files.cert_file = argv[2], files.key_file = argv[3];
  gmux_loop *loop;
  gmux_server *server;
  uint16_t port;
  must(gmux_tls_server_new(&tls, &files));
  must(gmux_loop_start(&loop, NULL));
  gmux_server_options options;
  gmux_server_options_init(&options, sizeof options);
  options.max_concurrent_streams = 500;
  must(gmux_server_new(&server, loop, &options));
  must(hello__greeter__server__add(server, &greeter));
  must(gmux_server_listen(server, argv[1], tls, &port));
  gmux_tls_free(tls);
  printf("port: %u\n", port), fflush(stdout);

  int signal;
  sigwait(&stop, &signal);
  must(gmux_server_drain_wait(server, 5000));
  gmux_server_free(server);
  must(gmux_loop_stop(loop));
  return fclose(ledger) ? 1 : 0;
}
