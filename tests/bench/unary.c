/*
 * unary.c: what a unary call costs its client.
 *
 * Keeps a number of echo calls outstanding on one channel, each completion starting the next call,
 * first for a warm-up and then for a measured window; or makes a fixed number of them, for tools
 * that count instructions or system calls. Prints one figure a line: its name, and the value.
 *
 * One call that goes wrong ends the run without a figure.
 */
#include "tests/bench/allocations.h"
#include "tests/bench/histogram.h"
#include <ev.h>
#include <getopt.h>
#include <gmux/gmux.h>
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: unary [OPTION]... TARGET\n"
    "Measures unary calls of /bench.v1.Bench/Echo over one connection.\n\n"
    "  --outstanding N   calls in flight all the time (default 100)\n"
    "  --size BYTES      of each message (default 0)\n"
    "  --seconds T       length of the measured window (default 2)\n"
    "  --warm-up T       seconds before it (default 0.3)\n"
    "  --count N         make N calls, all measured, instead of running for a time\n"
    "  --timeout-ms N    give each call a deadline (default: none)\n"
    "  --ca FILE         TLS, trusting this authority (PEM); without it cleartext\n"
    "  --own-thread      gmux's loop on a thread of its own, instead of this program's libev loop\n"
    "  --allocations     count allocations per call; the counting costs a little time\n";

typedef struct settings {
  const char *target;
  const char *ca;
  uint32_t outstanding;
  uint32_t size;
  double seconds, warm_up;
  uint64_t count; /* 0: run for a time */
  int64_t timeout_ms;
  bool has_own_thread;
  bool counts_allocations;
} settings;

/* What had been spent at one moment. */
typedef struct spent {
  uint64_t now_ns;
  double cpu_us; /* user and system, of all threads */
  uint64_t allocations;
} spent;

typedef enum phase { PHASE_WARM_UP, PHASE_MEASURED, PHASE_ENDING } phase;

typedef struct bench bench;

typedef struct caller {
  bench *bench;
  uint64_t started_ns;
} caller;

/* Everything here belongs to the loop's thread while that runs. */
struct bench {
  const settings *settings;
  gmux_channel *channel;
  gmux_method *method;
  gmux_call_options options;
  uint8_t *payload;
  caller *callers;
  sem_t closed;
  phase phase;
  uint64_t phase_end_ns;
  uint64_t started;
  uint32_t running;
  uint64_t measured; /* calls that ended within the window */
  histogram latencies;
  spent first, last; /* at the window's ends */
  char failure[256]; /* the first one, in words */
};

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "unary: %s\n", gmux_last_error());
  exit(1);
}

/* ---- the window ---- */

static uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double microseconds(struct timeval t) {
  return 1e6 * (double)t.tv_sec + (double)t.tv_usec;
}

static spent spent_until(uint64_t now_ns) {
  struct rusage usage_now;
  getrusage(RUSAGE_SELF, &usage_now);
  return (spent){now_ns, microseconds(usage_now.ru_utime) + microseconds(usage_now.ru_stime),
                 allocations_now()};
}

static void window_open(bench *b, uint64_t now_ns) {
  b->phase = PHASE_MEASURED;
  b->phase_end_ns =
      b->settings->count ? UINT64_MAX : now_ns + (uint64_t)(1e9 * b->settings->seconds);
  b->first = spent_until(now_ns);
}

static void window_close(bench *b, uint64_t now_ns) {
  b->phase = PHASE_ENDING;
  b->last = spent_until(now_ns);
}

/* A call has ended well. One that was under way when the window opened counts: at the other end
 * there is one that does not. */
static void window_note(bench *b, const caller *c, uint64_t now_ns) {
  if (b->phase == PHASE_MEASURED) {
    histogram_add(&b->latencies, now_ns - c->started_ns);
    b->measured++;
    if (now_ns >= b->phase_end_ns || b->measured == b->settings->count) window_close(b, now_ns);
  } else if (b->phase == PHASE_WARM_UP && now_ns >= b->phase_end_ns) {
    window_open(b, now_ns);
  }
}

/* ---- the calls ---- */

static void fail(bench *b, const char *what, const char *why) {
  b->phase = PHASE_ENDING;
  if (!b->failure[0]) snprintf(b->failure, sizeof b->failure, "%s: %s", what, why);
}

/* The payload outlives every call, so the library may use it where it lies. */
static void keep(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
}

/* Comparing all bytes would be measured too; that is for the warm-up. */
static bool is_echo(const bench *b, const gmux_bytes *reply) {
  if (reply->len != b->settings->size) return false;
  return b->phase != PHASE_WARM_UP || !reply->len || !memcmp(reply->data, b->payload, reply->len);
}

static bool may_start(const bench *b) {
  return b->phase != PHASE_ENDING && !(b->settings->count && b->started == b->settings->count);
}

static void caller_start(caller *c, uint64_t now_ns);

static void on_channel_closed(void *user_data) {
  bench *b = user_data;
  sem_post(&b->closed);
}

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  caller *c = user_data;
  bench *b = c->bench;
  uint64_t now_ns = clock_ns();
  b->running--;
  if (status->code != GMUX_OK)
    fail(b, gmux_code_str(status->code), status->message);
  else if (!is_echo(b, reply))
    fail(b, "a reply", "it is not the request");
  else
    window_note(b, c, now_ns);
  if (may_start(b)) caller_start(c, now_ns);
  if (b->running == 0) gmux_channel_close(b->channel, on_channel_closed, b);
}

static void caller_start(caller *c, uint64_t now_ns) {
  bench *b = c->bench;
  gmux_bytes request = gmux_bytes_wrap(b->payload, b->settings->size, keep, NULL);
  c->started_ns = now_ns;
  if (gmux_call_unary_start(NULL, b->channel, b->method, &b->options, &request, on_reply, c)) {
    fail(b, "a call could not be started", gmux_last_error());
    return;
  }
  b->started++;
  b->running++;
}

static void start_all(void *arg) {
  bench *b = arg;
  uint64_t now_ns = clock_ns();
  b->phase_end_ns = now_ns + (uint64_t)(1e9 * b->settings->warm_up);
  if (b->settings->count) window_open(b, now_ns);
  for (uint32_t i = 0; i < b->settings->outstanding && may_start(b); i++)
    caller_start(&b->callers[i], now_ns);
  if (b->running == 0) gmux_channel_close(b->channel, on_channel_closed, b);
}

/* ---- what is printed ---- */

static void print_figures(const bench *b) {
  double calls = (double)b->measured;
  double seconds = 1e-9 * (double)(b->last.now_ns - b->first.now_ns);
  struct rusage usage_now;
  getrusage(RUSAGE_SELF, &usage_now);
  printf("calls                 %" PRIu64 "\n", b->measured);
  printf("errors                0\n"); /* or there would be no figures */
  printf("calls_per_second      %.0f\n", calls / seconds);
  printf("p50_us                %.1f\n", 1e-3 * histogram_percentile(&b->latencies, 0.5));
  printf("p99_us                %.1f\n", 1e-3 * histogram_percentile(&b->latencies, 0.99));
  printf("p99.9_us              %.1f\n", 1e-3 * histogram_percentile(&b->latencies, 0.999));
  printf("cpu_us_per_call       %.3f\n", (b->last.cpu_us - b->first.cpu_us) / calls);
  printf("peak_mib              %.1f\n", (double)usage_now.ru_maxrss / 1024); /* Linux: in KiB */
  if (b->settings->counts_allocations)
    printf("allocations_per_call  %.3f\n",
           (double)(b->last.allocations - b->first.allocations) / calls);
}

/* ---- all of it ---- */

static void channel_make(bench *b, gmux_loop *loop) {
  const settings *s = b->settings;
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = !s->ca;
  if (s->outstanding > how.max_concurrent_streams) how.max_concurrent_streams = s->outstanding;
  if (s->ca) {
    gmux_tls_options tls;
    gmux_tls_options_init(&tls, sizeof tls);
    tls.ca_file = s->ca;
    must(gmux_tls_client_new(&how.tls, &tls));
  }
  must(gmux_channel_new(&b->channel, loop, s->target, &how));
  gmux_tls_free(how.tls);
}

static bench *bench_new(const settings *s) {
  bench *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->settings = s;
  b->payload = malloc(s->size + 1u);
  b->callers = calloc(s->outstanding, sizeof *b->callers);
  if (!b->payload || !b->callers || sem_init(&b->closed, 0, 0)) return NULL;
  for (uint32_t i = 0; i < s->size; i++)
    b->payload[i] = (uint8_t)(i * 31u);
  for (uint32_t i = 0; i < s->outstanding; i++)
    b->callers[i].bench = b;
  gmux_call_options_init(&b->options, sizeof b->options);
  b->options.timeout_ms = s->timeout_ms;
  return b;
}

static void bench_free(bench *b) {
  gmux_method_free(b->method);
  sem_destroy(&b->closed);
  free(b->callers);
  free(b->payload);
  free(b);
}

/* The program's loop, into which gmux is attached: ev_run returns when the channel has gone. */
static void run_attached(bench *b) {
  struct ev_loop *ev = ev_loop_new(0);
  gmux_loop *loop;
  must(gmux_loop_attach(&loop, ev, NULL));
  channel_make(b, loop);
  start_all(b);
  ev_run(ev, 0);
  gmux_channel_free(b->channel);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(ev);
}

static void run_own_thread(bench *b) {
  gmux_loop *loop;
  must(gmux_loop_start(&loop, NULL));
  channel_make(b, loop);
  must(gmux_loop_post(loop, start_all, b));
  while (sem_wait(&b->closed)) /* EINTR */
    ;
  gmux_channel_free(b->channel);
  must(gmux_loop_stop(loop));
}

/* A server that stops answering would hold us for ever: calls have no deadline unless one is asked
 * for. */
static void on_alarm(int number) {
  (void)number;
  static const char text[] = "unary: the calls do not end\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
  _exit(1);
}

static int run(const settings *s) {
  if (s->counts_allocations) must(allocations_count());
  bench *b = bench_new(s);
  if (!b) {
    fprintf(stderr, "unary: out of memory\n");
    return 1;
  }
  must(gmux_method_new(&b->method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  if (!s->count) {
    signal(SIGALRM, on_alarm);
    alarm(30 + (unsigned)(s->warm_up + s->seconds));
  }
  if (s->has_own_thread)
    run_own_thread(b);
  else
    run_attached(b);
  bool is_good = !b->failure[0];
  if (is_good)
    print_figures(b);
  else
    fprintf(stderr, "unary: no figures: %s\n", b->failure);
  bench_free(b);
  return is_good ? 0 : 1;
}

static double number(const char *name, const char *text, double least, double most) {
  char *end;
  double value = strtod(text, &end);
  if (*text && !*end && value >= least && value <= most) return value;
  fprintf(stderr, "unary: --%s is \"%s\": it must be a number from %g to %g\n", name, text, least,
          most);
  exit(2);
}

int main(int argc, char **argv) {
  /* clang-format off */
  static const struct option longs[] = {
      {"outstanding", 1, NULL, 'n'}, {"size", 1, NULL, 's'}, {"seconds", 1, NULL, 't'},
      {"warm-up", 1, NULL, 'w'}, {"count", 1, NULL, 'c'}, {"timeout-ms", 1, NULL, 'd'},
      {"ca", 1, NULL, 'a'}, {"own-thread", 0, NULL, 'o'}, {"allocations", 0, NULL, 'm'},
      {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
  /* clang-format on */
  const char *given[128] = {['n'] = "100", ['s'] = "0", ['t'] = "2", ['w'] = "0.3", ['c'] = "0"};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    given[o] = optarg ? optarg : "yes";
  }
  if (argc - optind != 1) return fputs(usage, stderr), 2;
  const settings s = {
      .target = argv[optind],
      .ca = given['a'],
      .outstanding = (uint32_t)number("outstanding", given['n'], 1, 1000000),
      .size = (uint32_t)number("size", given['s'], 0, 4194304),
      .seconds = number("seconds", given['t'], 0.01, 3600),
      .warm_up = number("warm-up", given['w'], 0, 3600),
      .count = (uint64_t)number("count", given['c'], 0, 1e12),
      .timeout_ms =
          given['d'] ? (int64_t)number("timeout-ms", given['d'], 1, 1e9) : GMUX_NO_TIMEOUT,
      .has_own_thread = given['o'] != NULL,
      .counts_allocations = given['m'] != NULL,
  };
  return run(&s);
}
