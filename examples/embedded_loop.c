/*
 * embedded_loop.c: gmux inside a program that has a libev loop of its own.
 *
 * There is one thread. gmux's watchers run in the program's loop beside its ev_timer; all calls are
 * started at once, go out over one connection, and come back by callback in whatever order the
 * server answers. When the last is back the channel is closed, and ev_run returns as nothing is
 * left to watch.
 */
#include "greeter.gmux.h"
#include <ev.h>
#include <getopt.h>
#include <gmux/gmux.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: embedded_loop [OPTION]... TARGET\n"
    "Makes many calls of hello.Greeter at once beside a timer of its own.\n\n"
    "  --calls N     how many (default 50)\n"
    "  --ca FILE     trust this authority (PEM) instead of the system's\n"
    "  --cleartext   no TLS\n";

typedef struct program {
  struct ev_loop *ev;
  ev_timer ticker;
  unsigned ticks;
  gmux_channel *channel;
  unsigned running, failed;
} program;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "embedded_loop: %s\n", gmux_last_error());
  exit(1);
}

/* The program's own work, which no call holds up. */
static void on_tick(struct ev_loop *ev, ev_timer *ticker, int events) {
  (void)ev, (void)events;
  program *p = ticker->data;
  printf("tick %u: %u calls are running\n", ++p->ticks, p->running);
}

static void on_channel_closed(void *user_data) {
  program *p = user_data;
  ev_timer_stop(p->ev, &p->ticker);
}

static void on_reply(gmux_call *call, const gmux_status *status, const Hello__HelloReply *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  program *p = user_data;
  if (status->code == GMUX_OK) {
    printf("%s\n", reply->message);
  } else {
    fprintf(stderr, "embedded_loop: %s: %s\n", gmux_code_str(status->code), status->message);
    p->failed++;
  }
  if (--p->running == 0) gmux_channel_close(p->channel, on_channel_closed, p);
}

static void start_call(program *p, unsigned number) {
  char name[32];
  snprintf(name, sizeof name, "caller %u", number);
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name; /* packed before the function below returns */
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = 5000;
  must(hello__greeter__say_hello__start(NULL, p->channel, &options, &request, on_reply, p));
  p->running++;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"calls", 1, NULL, 'c'},
                                        {"ca", 1, NULL, 'a'},
                                        {"cleartext", 0, NULL, 'n'},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  const char *given[128] = {['c'] = "50"};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    given[o] = optarg ? optarg : "yes";
  }
  if (argc - optind != 1) return fputs(usage, stderr), 2;

  program p = {.ev = ev_default_loop(0)};
  ev_timer_init(&p.ticker, on_tick, 0.01, 0.01);
  p.ticker.data = &p;
  ev_timer_start(p.ev, &p.ticker);

  gmux_loop *loop; /* lives in the program's loop, on this thread */
  must(gmux_loop_attach(&loop, p.ev, NULL));
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = given['n'] != NULL;
  if (!how.cleartext) {
    gmux_tls_options tls;
    gmux_tls_options_init(&tls, sizeof tls);
    tls.ca_file = given['a'];
    must(gmux_tls_client_new(&how.tls, &tls));
  }
  must(gmux_channel_new(&p.channel, loop, argv[optind], &how));
  gmux_tls_free(how.tls); /* the channel has its own hold */

  unsigned calls = (unsigned)strtoul(given['c'], NULL, 10);
  for (unsigned i = 1; i <= calls; i++)
    start_call(&p, i);
  if (calls == 0) gmux_channel_close(p.channel, on_channel_closed, &p);
  ev_run(p.ev, 0);

  gmux_channel_free(p.channel);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(p.ev);
  return p.failed == 0 ? 0 : 1;
}
