/*
 * hostile.c: what an attacked server's good client notices of the attack.
 *
 *     hostile [--seconds T] [ATTACK...]   p99 of the good client before and under each attack, the
 *                                         server's CPU and memory: a table
 *     hostile --check [ATTACK...]         each attack until it was stopped, on a server with small
 *                                         limits: TAP, and no clock
 *
 * Server, client and attacker are processes on loopback. For the table the server has a core of its
 * own; client and attacker share the other, where the client goes first.
 */
#include "tests/bench/hostile.h"
#include "tests/unit/certs.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: hostile [OPTION]... [ATTACK]...\n"
    "Attacks a server, and measures what its good client notices. Without ATTACK: all.\n\n"
    "  --check          TAP: is each attack stopped, and the good client served?\n"
    "  --seconds T      how long each attack lasts (default 3); half of it is measured before\n"
    "  --list           the names of the attacks\n";

/* What the server may hold under any attack: calls of 8 connections, and where nothing is read
 * what may be queued for each. */
enum { CEILING_MIB = 64, CALLS_LEAST = 20, CHECK_LIMIT_S = 600 };

static struct {
  bool is_check;
  double seconds; /* of an attack */
  const char *cert_pem, *key_pem;
} how = {.seconds = 3};
static bool has_failed;

void hostile_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("hostile: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

uint64_t hostile_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- processes ---- */

static void pin_to_core(size_t core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (!how.is_check)
    (void)sched_setaffinity(0, sizeof set, &set); /* where there is but one: so be it */
}

/* Where it may the client goes before all else on its core, so that what the table shows is the
 * server. That has the highest of the usual priorities: what has a real-time one is stopped for
 * 50 ms of each second in which it never rests. */
static bool be_first(void) {
  const struct sched_param p = {.sched_priority = 1};
  return !how.is_check && sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

static void be_usual(int niceness) {
  const struct sched_param p = {.sched_priority = 0};
  if (how.is_check) return;
  (void)sched_setscheduler(0, SCHED_OTHER, &p);
  (void)setpriority(PRIO_PROCESS, 0, niceness);
}

static pid_t start(void) {
  fflush(NULL); /* what stands there is not for the child to write again */
  pid_t parent = getpid(), pid = fork();
  if (pid < 0) hostile_die("fork: %s", strerror(errno));
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  return 0;
}

static pid_t start_server(const attack *a, board *b) {
  const server_settings s = {how.is_check, how.cert_pem, how.key_pem, a->counted_as};
  pid_t pid = start();
  if (pid == 0) {
    pin_to_core(0);
    be_usual(-20);
    exit(server_run(&s, b));
  }
  while (!atomic_load(&b->server.port)) {
    if (waitpid(pid, NULL, WNOHANG) == pid) hostile_die("the server did not start");
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return pid;
}

/* It waits at the gate until the client has its channel, and what is to be compared was measured.
 */
static pid_t start_attacker(const attack *a, board *b, int *gate) {
  int ends[2];
  if (pipe(ends)) hostile_die("pipe: %s", strerror(errno));
  pid_t pid = start();
  if (pid > 0) {
    close(ends[0]);
    *gate = ends[1];
    return pid;
  }
  close(ends[1]);
  pin_to_core(1);
  be_usual(-10);
  char byte;
  if (read(ends[0], &byte, 1) != 1) _exit(1);
  foe_run(a, b);
}

static void stop(pid_t pid, int signal_number) {
  int status;
  kill(pid, signal_number);
  if (waitpid(pid, &status, 0) != pid || (signal_number == SIGTERM && status != 0))
    hostile_die("the server has failed: status %d", status);
}

/* "VmHWM:    12345 kB" of its status; -1: unknown. */
static double peak_mib(pid_t pid) {
  char name[64], line[256];
  double kib = -1024;
  snprintf(name, sizeof name, "/proc/%d/status", (int)pid);
  FILE *file = fopen(name, "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmHWM: %lf", &kib) == 1) break;
  if (file) fclose(file);
  return kib / 1024;
}

/* ---- the table ---- */

typedef struct result {
  histogram before, under;
  double cpu_percent, peak_mib;
} result;

static void print_head(bool is_real_time) {
  if (!is_real_time) puts("Without the right to real-time priority: take the figures with care.");
  printf("%-34s %7s %7s %7s %7s %5s %7s %7s %5s %6s %6s %7s %8s\n", "", "p50", "p99", "p50", "p99",
         "", "turn", "longest", "CPU", "peak", "heap", "sent", "thrown");
  printf("%-34s %7s %7s %7s %7s %5s %7s %7s %5s %6s %6s %7s %8s\n", "attack", "before", "before",
         "under", "under", "ratio", "p99", "turn", "%", "MiB", "MiB", "MB/s", "out/s");
}

static void print_counts(const gmux_server_stats *s) {
  const struct {
    const char *name;
    uint64_t value;
  } counts[] = {{"ended_resets", s->ended_resets},
                {"ended_chatter", s->ended_chatter},
                {"ended_metadata", s->ended_metadata},
                {"ended_unread", s->ended_unread},
                {"too_many_pings", s->too_many_pings},
                {"calls_refused", s->calls_refused},
                {"connections_refused", s->connections_refused}};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (counts[i].value) printf("  %s %" PRIu64, counts[i].name, counts[i].value);
  printf("\n");
}

static void print_row(const attack *a, const result *r, const board *b) {
  double before = histogram_percentile(&r->before, 0.99);
  double under = histogram_percentile(&r->under, 0.99);
  printf("%-34s %7.0f %7.0f %7.0f %7.0f %5.1f %7.0f %7.0f %5.0f %6.1f %6.1f %7.2f %8.0f", a->name,
         histogram_percentile(&r->before, 0.5), before, histogram_percentile(&r->under, 0.5), under,
         before > 0 ? under / before : 0, histogram_percentile(&b->server.turns_us, 0.99),
         histogram_percentile(&b->server.turns_us, 1), r->cpu_percent, r->peak_mib,
         (double)atomic_load(&b->server.peak_bytes) / (1 << 20),
         1e-6 * (double)atomic_load(&b->foe.bytes) / how.seconds,
         (double)atomic_load(&b->foe.returns) / how.seconds);
  print_counts(&b->server.stats);
  fflush(stdout);
}

static void measure(const attack *a, board *b, good *g, int gate, pid_t server) {
  static result r;
  r = (result){.peak_mib = 0};
  good_measure(g, how.seconds / 4, &r.under); /* a warm-up */
  r.under = (histogram){0};
  good_measure(g, how.seconds / 2, &r.before);
  uint64_t cpu_us = atomic_load(&b->server.cpu_us), begun_ns = hostile_now_ns();
  if (write(gate, "", 1) != 1) hostile_die("the attacker is gone");
  good_measure(g, how.seconds, &r.under);
  r.cpu_percent = 1e5 * (double)(atomic_load(&b->server.cpu_us) - cpu_us) /
                  (double)(hostile_now_ns() - begun_ns);
  r.peak_mib = peak_mib(server);
  good_free(g);
  stop(server, SIGTERM);
  print_row(a, &r, b);
}

/* ---- the check ---- */

typedef struct wanted {
  const attack *attack;
  const board *board;
} wanted;

/* It was counted, or where nothing is to be counted each of its connections has said something. */
static bool is_enough(void *arg) {
  const wanted *w = arg;
  const board *b = w->board;
  if (w->attack->counted_as) return atomic_load(&b->server.counted) > 0;
  return !w->attack->say ||
         atomic_load(&b->foe.rounds) + atomic_load(&b->foe.returns) >= w->attack->connections;
}

static char last_words[128];

static void on_alarm(int number) {
  (void)number;
  if (write(STDOUT_FILENO, last_words, strlen(last_words)) < 0) _exit(1);
  _exit(1);
}

static void check(const attack *a, board *b, good *g, int gate, pid_t server, size_t number) {
  wanted w = {a, b};
  snprintf(last_words, sizeof last_words, "Bail out! %s goes on, and nothing stops it\n", a->name);
  signal(SIGALRM, on_alarm);
  alarm(CHECK_LIMIT_S);
  if (write(gate, "", 1) != 1) hostile_die("the attacker is gone");
  good_call_until(g, CALLS_LEAST, is_enough, &w);
  char failure[256];
  snprintf(failure, sizeof failure, "%s", good_failure(g));
  good_free(g);
  stop(server, SIGTERM);
  alarm(0);
  uint64_t peak = atomic_load(&b->server.peak_bytes);
  bool is_small = peak <= (uint64_t)CEILING_MIB << 20;
  bool is_good = !failure[0] && is_small && atomic_load(&b->server.is_clean);
  if (!is_good) has_failed = true;
  printf("%s %zu - good clients are served under attack: %s\n", is_good ? "ok" : "not ok", number,
         a->name);
  if (failure[0]) printf("# %s\n", failure);
  if (!is_small) printf("# the server held %" PRIu64 " bytes\n", peak);
  if (!atomic_load(&b->server.is_clean)) printf("# the server has not freed all of its memory\n");
}

/* ---- all of it ---- */

static void run(const attack *a, size_t number) {
  board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (b == MAP_FAILED) hostile_die("mmap: %s", strerror(errno));
  int gate;
  pid_t server = start_server(a, b);
  pid_t attacker = start_attacker(a, b, &gate);
  good *g = good_new(atomic_load(&b->server.port));
  if (how.is_check)
    check(a, b, g, gate, server, number);
  else
    measure(a, b, g, gate, server);
  stop(attacker, SIGKILL);
  close(gate);
  munmap(b, sizeof *b);
}

/* Hundreds of connections, at both ends. */
static void raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void run_all(const attack *const *chosen, size_t count) {
  test_ca *ca = test_ca_new("hostile");
  test_cert *cert = test_cert_new(ca, &(test_cert_options){.san = "IP:127.0.0.1"});
  how.cert_pem = cert->cert_pem;
  how.key_pem = cert->key_pem;
  raise_descriptors();
  pin_to_core(1);
  if (how.is_check)
    printf("1..%zu\n", count);
  else
    print_head(be_first());
  for (size_t i = 0; i < count; i++)
    run(chosen[i], i + 1);
  test_cert_free(cert);
  test_ca_free(ca);
}

static const attack *attack_named(const char *name) {
  for (size_t i = 0; i < attack_count; i++)
    if (!strcmp(attacks[i].name, name)) return &attacks[i];
  fprintf(stderr, "hostile: there is no attack \"%s\"; --list shows their names\n", name);
  exit(2);
}

static double seconds_of(const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (*text && !*end && value >= 0.1 && value <= 3600) return value;
  fprintf(stderr, "hostile: --seconds is \"%s\": it must be a number from 0.1 to 3600\n", text);
  exit(2);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"check", 0, NULL, 'C'},
                                        {"seconds", 1, NULL, 's'},
                                        {"list", 0, NULL, 'l'},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    if (o == 'C') how.is_check = true;
    if (o == 's') how.seconds = seconds_of(optarg);
    for (size_t i = 0; o == 'l' && i < attack_count; i++)
      puts(attacks[i].name);
    if (o == 'l') return 0;
  }
  size_t count = optind < argc ? (size_t)(argc - optind) : attack_count;
  const attack **chosen = calloc(count, sizeof(attack *));
  if (!chosen) hostile_die("out of memory");
  for (size_t i = 0; i < count; i++)
    chosen[i] = optind < argc ? attack_named(argv[optind + (int)i]) : &attacks[i];
  run_all(chosen, count);
  free(chosen);
  return has_failed ? 1 : 0;
}
