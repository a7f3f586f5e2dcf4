/*
 * demo_client.c: what `make demo` shows. A thousand callers, each with a call in flight all the
 * time, and a bidirectional stream beside them, over one connection; figures while it runs.
 *
 * Every reply is compared with what it must be. Exit status 0: all were right, all callers were in
 * flight at once, and one connection was made.
 */
#define _POSIX_C_SOURCE 200809L
#include "greeter.pb-c.h"
#include <ev.h>
#include <getopt.h>
#include <gmux/gmux.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: demo_client [OPTION]... TARGET\n"
    "Loads hello.Greeter with concurrent calls over one connection and shows figures.\n\n"
    "  --callers N    calls in flight at once (default 1000)\n"
    "  --rounds N     calls that each caller makes, one after another (default 100)\n"
    "  --ca FILE      trust this authority (PEM) instead of the system's\n"
    "  --cleartext    no TLS\n";

#define REDRAW_S 0.1
enum { LATENCY_SLOTS = 20000, SLOTS_PER_MS = 10 }; /* up to two seconds, a tenth of a ms each */

typedef struct demo demo;

typedef struct caller {
  demo *demo;
  unsigned number, rounds_left;
  double started_at;
} caller;

struct demo {
  struct ev_loop *ev;
  ev_timer redraw;
  bool is_terminal, is_drawn;
  unsigned complaints; /* about calls that went wrong: the first few are shown */
  gmux_channel *channel;
  gmux_call_options options;
  caller *callers;
  unsigned caller_count, callers_running;
  uint64_t right; /* calls that ended well with what they must bring */
  unsigned latencies[LATENCY_SLOTS + 1], latency_count; /* the last slot: longer than that */
  struct {
    gmux_call *call;
    unsigned sent, received, right, count;
    bool is_running;
  } stream;
};

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "demo_client: %s\n", gmux_last_error());
  exit(1);
}

/* ---- the figures ---- */

static void latency_add(demo *d, double seconds) {
  double slot = seconds * 1000 * SLOTS_PER_MS;
  d->latencies[slot < LATENCY_SLOTS ? (size_t)slot : LATENCY_SLOTS]++;
  d->latency_count++;
}

static double latency_ms(const demo *d, double part) {
  size_t slot = 0;
  for (double seen = d->latencies[0]; seen < part * d->latency_count;)
    seen += d->latencies[++slot];
  return (double)slot / SLOTS_PER_MS;
}

/* On a terminal four lines, drawn over again and again; elsewhere a table. */
static void draw(demo *d) {
  static const char head[] =
      "  started     done  failed  connections  in flight   peak  p50 ms  p99 ms\n";
  static const char row[] = "%9" PRIu64 "%9" PRIu64 "%8" PRIu64 "%13u%11u%7u%8.1f%8.1f\n";
  static const char block[] =
      "calls        %8" PRIu64 " started %8" PRIu64 " done %4" PRIu64 " failed\033[K\n"
      "connections  %8u in use\033[K\n"
      "streams      %8u now     %8u at the peak\033[K\n"
      "latency      %8.1f ms p50  %8.1f ms p99\033[K\n";
  gmux_channel_stats s = {.size = sizeof s};
  must(gmux_channel_get_stats(d->channel, &s));
  if (!d->is_drawn && !d->is_terminal) fputs(head, stdout);
  if (d->is_drawn && d->is_terminal) printf("\033[4A");
  d->is_drawn = true;
  printf(d->is_terminal ? block : row, s.calls_started, s.calls_succeeded, s.calls_failed,
         s.connections, s.calls_running, s.streams_peak, latency_ms(d, 0.50), latency_ms(d, 0.99));
  fflush(stdout);
}

static void on_redraw(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  draw(timer->data);
}

/* ---- the end ---- */

static void on_closed(void *user_data) {
  demo *d = user_data;
  ev_timer_stop(d->ev, &d->redraw);
}

static void finish_when_done(demo *d) {
  if (d->callers_running > 0 || d->stream.is_running) return;
  draw(d);
  gmux_channel_close(d->channel, on_closed, d);
}

/* ---- the callers ---- */

static void caller_call(caller *c);

static void on_reply(gmux_call *call, const gmux_status *status, ProtobufCMessage *reply,
                     void *user_data) {
  (void)call;
  caller *c = user_data;
  demo *d = c->demo;
  latency_add(d, ev_time() - c->started_at);
  char expected[64];
  snprintf(expected, sizeof expected, "Hello, caller %u-%u!", c->number, c->rounds_left);
  const char *got = reply ? ((Hello__HelloReply *)reply)->message : status->message;
  if (status->code == GMUX_OK && strcmp(got, expected) == 0)
    d->right++;
  else if (d->complaints++ < 5)
    fprintf(stderr, "demo_client: caller %u: %s: %s\n", c->number, gmux_code_str(status->code),
            got);
  gmux_protobuf_free(reply);
  if (--c->rounds_left > 0) {
    caller_call(c);
    return;
  }
  d->callers_running--;
  finish_when_done(d);
}

static void caller_call(caller *c) {
  char name[32];
  snprintf(name, sizeof name, "caller %u-%u", c->number, c->rounds_left);
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  c->started_at = ev_time();
  must(gmux_protobuf_call_start(NULL, c->demo->channel, &hello__greeter__descriptor, "SayHello",
                                &c->demo->options, &request.base, on_reply, c));
}

/* ---- the stream: the next message goes out when the reply to the last one is here ---- */

static void stream_write(demo *d) {
  if (d->stream.sent == d->stream.count) {
    must(gmux_call_half_close(d->stream.call));
    return;
  }
  char name[32];
  snprintf(name, sizeof name, "stream %u", ++d->stream.sent);
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  gmux_bytes bytes;
  must(gmux_protobuf_pack(&bytes, &request.base));
  must(gmux_call_write(d->stream.call, &bytes));
}

static void on_stream_message(gmux_call *call, gmux_bytes *bytes, void *user_data) {
  (void)call;
  demo *d = user_data;
  char expected[64];
  unsigned n = ++d->stream.received;
  snprintf(expected, sizeof expected, "Hello, stream %u! (%u)", n, n);
  ProtobufCMessage *reply;
  must(gmux_protobuf_unpack(&reply, &hello__hello_reply__descriptor, bytes));
  if (strcmp(((Hello__HelloReply *)reply)->message, expected) == 0) d->stream.right++;
  gmux_protobuf_free(reply);
  stream_write(d);
}

static void on_stream_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                          void *user_data) {
  (void)call, (void)trailers;
  demo *d = user_data;
  if (status->code == GMUX_OK && d->stream.right == d->stream.count) d->right++;
  d->stream.is_running = false;
  finish_when_done(d);
}

static void stream_start(demo *d, unsigned count) {
  static const gmux_call_handlers handlers = {.on_message = on_stream_message,
                                              .on_end = on_stream_end};
  gmux_method *method;
  must(gmux_method_new(&method, "/hello.Greeter/BidiHello", GMUX_BIDI_STREAMING, 0));
  must(gmux_call_start(&d->stream.call, d->channel, method, &d->options, &handlers, d));
  gmux_method_free(method);
  d->stream.is_running = true;
  d->stream.count = count;
  stream_write(d);
}

/* ---- all of it ---- */

static void demo_start(demo *d, gmux_loop *loop, const char *target, const char *ca, bool cleartext,
                       unsigned rounds) {
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = cleartext;
  how.max_concurrent_streams = d->caller_count + 1; /* default 100: more would wait */
  if (!cleartext) {
    gmux_tls_options tls;
    gmux_tls_options_init(&tls, sizeof tls);
    tls.ca_file = ca;
    must(gmux_tls_client_new(&how.tls, &tls));
  }
  must(gmux_channel_new(&d->channel, loop, target, &how));
  gmux_tls_free(how.tls);
  gmux_call_options_init(&d->options, sizeof d->options);
  d->options.timeout_ms = 30000; /* a demo that hangs shows nothing */

  d->callers = calloc(d->caller_count, sizeof *d->callers);
  if (!d->callers) exit(1);
  stream_start(d, rounds);
  for (unsigned i = 0; i < d->caller_count; i++) {
    d->callers[i] = (caller){.demo = d, .number = i, .rounds_left = rounds};
    caller_call(&d->callers[i]);
  }
  d->callers_running = d->caller_count;
}

/* What it was all for; the exit status. */
static int verdict(demo *d, unsigned calls) {
  gmux_channel_stats s = {.size = sizeof s};
  must(gmux_channel_get_stats(d->channel, &s));
  bool ok = d->right == calls && s.connections_made == 1 && s.streams_peak > d->caller_count;
  printf("%s: %" PRIu64 " of %u calls came back right, up to %u at once; connections made: %" PRIu64
         "\n",
         ok ? "ok" : "FAILED", d->right, calls, s.streams_peak, s.connections_made);
  return ok ? 0 : 1;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"callers", 1, NULL, 'c'}, {"rounds", 1, NULL, 'r'},
                                        {"ca", 1, NULL, 'a'},      {"cleartext", 0, NULL, 'n'},
                                        {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
  const char *given[128] = {['c'] = "1000", ['r'] = "100"};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    given[o] = optarg ? optarg : "yes";
  }
  unsigned rounds = (unsigned)strtoul(given['r'], NULL, 10);
  static demo d;
  d.ev = ev_default_loop(0);
  d.is_terminal = isatty(1);
  d.caller_count = (unsigned)strtoul(given['c'], NULL, 10);
  if (argc - optind != 1 || rounds == 0 || d.caller_count == 0) return fputs(usage, stderr), 2;

  gmux_loop *loop;
  must(gmux_loop_attach(&loop, d.ev, NULL));
  demo_start(&d, loop, argv[optind], given['a'], given['n'] != NULL, rounds);
  ev_timer_init(&d.redraw, on_redraw, 0, REDRAW_S);
  d.redraw.data = &d;
  ev_timer_start(d.ev, &d.redraw);
  ev_run(d.ev, 0);

  int status = verdict(&d, d.caller_count * rounds + 1);
  gmux_call_free(d.stream.call);
  gmux_channel_free(d.channel);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(d.ev);
  free(d.callers);
  return status;
}
