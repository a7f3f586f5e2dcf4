/*
 * soak.c: `make soak`. Starts servers, proxies in front of them and a client, changes the weather
 * for as long as it was told to, watches memory and descriptors, and ends with the verdict.
 */
#include "tests/net/proxy_words.h"
#include "tests/net/soak/fleet.h"
#include "tests/net/soak/roles.h"
#include "tests/net/soak/samples.h"
#include "tests/unit/certs.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: soak [OPTION]...\n"
    "Client and servers over real sockets, with faults that change all the time. Ends with the\n"
    "verdict of the ledger, and fails if a law was broken, memory grew, or anything was left.\n\n"
    "  soak --seconds 600             as `make soak` does it (SOAK_SECONDS=600)\n"
    "  soak --seconds 36000           over night: a slope ten times as fine\n"
    "  soak --seed 4711 --story       the same weather again, told while it changes\n"
    "  soak --lanes 200 --pause 10    more load: calls at once, and ms between two calls of a "
    "lane\n"
    "  soak --weather 200             a change of the weather each 200 ms, instead of each second\n"
    "  soak --leak 100                the client loses 100 bytes a second: does the soak notice?\n";

enum { LATE_BOUND_MS = 2000, CLIENT_END_S = 150, TICK_MS = 20, NOTE_MS = 100 };
#define MS_NS UINT64_C(1000000)
#define S_NS  UINT64_C(1000000000)

/* What is watched: of the client, and of the server that is never restarted. */
enum { MEMORY, GMUX, FDS, THREADS, SERVER_MEMORY, SERVER_GMUX, SERVER_FDS, SERIES };

typedef struct soak {
  unsigned seconds;
  fleet fleet;
  soak_shared *shared;
  test_ca *ca;
  test_cert *cert;
  pid_t client;
  bool is_client_gone; /* and should not be, or in disorder */
  samples series[SERIES];
} soak;

/* ---- set up ---- */

static unsigned slowness(void) {
  const char *slow = getenv("GMUX_TEST_SLOW");
  unsigned long factor = slow ? strtoul(slow, NULL, 10) : 1;
  return (unsigned)(factor ? factor : 1);
}

static void make_certificates(soak *s) {
  s->ca = test_ca_new("gmux soak CA");
  s->cert = test_cert_new(
      s->ca, &(test_cert_options){.common_name = "gmux soak", .san = "DNS:localhost,IP:127.0.0.1"});
  test_cert_files(s->cert);
  snprintf(s->shared->ca_file, sizeof s->shared->ca_file, "%s", test_ca_file(s->ca));
  snprintf(s->shared->cert_file, sizeof s->shared->cert_file, "%s", s->cert->cert_file);
  snprintf(s->shared->key_file, sizeof s->shared->key_file, "%s", s->cert->key_file);
}

static void start(soak *s) {
  char name[] = "soak", role[] = "client";
  snprintf(s->fleet.dir, sizeof s->fleet.dir, "%s/gmux-soak-XXXXXX", P_tmpdir);
  if (!mkdtemp(s->fleet.dir)) exit(1);
  make_certificates(s);
  s->fleet.shared = s->shared;
  s->fleet.random.state = s->shared->seed;
  s->shared->late_bound_ms = LATE_BOUND_MS * slowness();
  s->shared->started_ns = soak_now_ns();
  fleet_start(&s->fleet);
  s->client = fleet_spawn(&s->fleet, (char *[]){name, role, NULL}, -1);
}

/* ---- the run ---- */

static void note(soak *s) {
  sample_process client, server;
  if (!sample_take(&client, s->client) ||
      !sample_take(&server, s->fleet.berths[s->fleet.serving[0]].pid))
    return;
  samples_note(&s->series[MEMORY], client.memory);
  samples_note(&s->series[GMUX], (double)atomic_load(&s->shared->client.live_bytes));
  samples_note(&s->series[FDS], client.fds);
  samples_note(&s->series[THREADS], client.threads);
  samples_note(&s->series[SERVER_MEMORY], server.memory);
  samples_note(&s->series[SERVER_GMUX], (double)atomic_load(&s->shared->berths[0].self.live_bytes));
  samples_note(&s->series[SERVER_FDS], server.fds);
}

static bool is_client_there(soak *s) {
  int status;
  if (waitpid(s->client, &status, WNOHANG) != s->client) return true;
  s->client = 0;
  s->is_client_gone = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  return false;
}

static void tick(void) {
  nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
}

static void run(soak *s) {
  uint64_t began = soak_now_ns(), next_note = began, next_second = began + S_NS;
  while (soak_now_ns() - began < s->seconds * S_NS) {
    tick();
    fleet_step(&s->fleet);
    if (!is_client_there(s)) {
      s->is_client_gone = true;
      fprintf(stderr, "soak: the client has gone\n");
      return;
    }
    if (soak_now_ns() < next_note) continue;
    note(s);
    next_note += NOTE_MS * MS_NS;
    if (soak_now_ns() < next_second) continue;
    next_second += S_NS;
    for (int i = 0; i < SERIES; i++)
      samples_end_second(&s->series[i]);
  }
}

/* The client first, while servers are there that can answer; then they. */
static void stop(soak *s) {
  fleet_calm(&s->fleet);
  uint64_t until = soak_now_ns() + CLIENT_END_S * S_NS;
  if (s->client) kill(s->client, SIGTERM);
  while (s->client && is_client_there(s)) {
    tick();
    if (soak_now_ns() < until) continue;
    fprintf(stderr, "soak: the client did not end\n");
    kill(s->client, SIGKILL);
    waitpid(s->client, NULL, 0);
    s->client = 0, s->is_client_gone = true;
  }
  fleet_stop(&s->fleet);
  rmdir(s->fleet.dir);
  test_cert_free(s->cert);
  test_ca_free(s->ca);
}

/* ---- the verdict ---- */

static bool say(bool is_good, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool say(bool is_good, const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("%s: ", is_good ? "ok" : "FAILED");
  vprintf(format, args);
  putchar('\n');
  va_end(args);
  return is_good;
}

static void print_plots(const soak *s) {
  samples_plot(
      "memory, MiB",
      (samples_curve[]){{'C', "client: RssAnon", &s->series[MEMORY]},
                        {'c', "client: what gmux has allocated", &s->series[GMUX]},
                        {'S', "the server that is never restarted", &s->series[SERVER_MEMORY]},
                        {'s', "what gmux has allocated there", &s->series[SERVER_GMUX]}},
      4, 1048576);
  samples_plot(
      "descriptors",
      (samples_curve[]){{'c', "client", &s->series[FDS]}, {'s', "server", &s->series[SERVER_FDS]}},
      2, 1);
  putchar('\n');
}

static void print_figures(const soak *s) {
  const soak_shared *h = s->shared;
  static const char *const kinds[SOAK_KINDS] = {"unary", "client-streaming", "server-streaming",
                                                "bidirectional"};
  printf("seed %" PRIu64 ": %u s, %u changes of the weather; servers killed %u, restarted %u, "
         "replaced %u\n",
         h->seed, s->seconds, s->fleet.changes, s->fleet.killed, s->fleet.restarted,
         s->fleet.replaced);
  printf("calls: %" PRIu64, h->last_id);
  for (int k = 0; k < SOAK_KINDS; k++)
    printf("%s %" PRIu64 " %s", k ? "," : ";", h->kinds[k], kinds[k]);
  printf("\nstatus:");
  for (int c = 0; c < SOAK_CODES; c++)
    if (h->codes[c]) printf(" %s %" PRIu64, gmux_code_str((gmux_code)c), h->codes[c]);
  printf("\nexecuted: %" PRIu64 ", of those again %" PRIu64 "\n", h->executed, h->executed_again);
  printf("channels: %" PRIu64 "; connections made %" PRIu64 ", dials failed %" PRIu64
         ", calls sent again %" PRIu64 ", suspicions %" PRIu64 "\n\n",
         h->channels, h->connections_made, h->dials_failed, h->retries, h->suspicions);
}

static bool judge_laws(const soak *s) {
  static const char *const laws[SOAK_LAWS] = {"L1 no call without an end",
                                              "L2 none ended twice",
                                              "L3 none executed twice, unless idempotent",
                                              "L4 no OK without execution",
                                              "L5 none executed that is said not to have been",
                                              "L6 no foreign or broken body",
                                              "L7 none later than its deadline"};
  bool ok = true;
  for (int i = 0; i < SOAK_LAWS; i++)
    ok &= say(s->shared->broken[i] == 0, "%s (broken %" PRIu64 " times)", laws[i],
              s->shared->broken[i]);
  ok &= say(s->shared->foreign_requests == 0, "L6 at the servers (%" PRIu64 " foreign requests)",
            s->shared->foreign_requests);
  ok &= say(s->shared->strays == 0, "none executed after it was settled (%" PRIu64 ")",
            s->shared->strays);
  return ok;
}

static bool judge_growth(const char *name, const samples *series) {
  samples_slope g = samples_get_slope(series);
  double percent = g.mean > 0 ? 100 / g.mean : 0;
  if (series->count < SAMPLES_FOR_SLOPE)
    return printf("%s: %.2f MiB on average; too short to say whether it grows\n", name,
                  g.mean / 1048576) > 0;
  return say(g.is_flat,
             "%s: %.2f MiB, slope %+.3f MiB/h; it grew by %.2f %% over the second half (tolerance "
             "%.2f %%)",
             name, g.mean / 1048576, g.per_hour / 1048576, percent * g.growth,
             percent * g.tolerance);
}

static double highest(const samples *s) {
  double most = 0;
  for (size_t i = 0; i < s->count; i++)
    if (s->values[i] > most) most = s->values[i];
  return most;
}

static int verdict(const soak *s) {
  const soak_self *c = &s->shared->client;
  print_plots(s);
  print_figures(s);
  bool ok = judge_laws(s);
  ok &= say(s->shared->codes[GMUX_OK] > 0, "calls succeeded");
  ok &= say(!s->is_client_gone && c->is_done, "the client ended in good order");
  ok &= say(c->is_done && c->left_blocks == 0 && c->left_fds == 0,
            "after closing the client had %u blocks and %u descriptors more than at its start",
            c->left_blocks, c->left_fds);
  ok &= say(s->fleet.misbehaved == 0, "so it was with every server that was not killed (%u not)",
            s->fleet.misbehaved);
  ok &= judge_growth("client, RssAnon", &s->series[MEMORY]);
  ok &= judge_growth("client, gmux", &s->series[GMUX]);
  ok &= judge_growth("server, RssAnon", &s->series[SERVER_MEMORY]);
  ok &= judge_growth("server, gmux", &s->series[SERVER_GMUX]);
  printf(
      "at most: %.0f descriptors and %.0f threads in the client, %.0f descriptors in the server\n",
      highest(&s->series[FDS]), highest(&s->series[THREADS]), highest(&s->series[SERVER_FDS]));
  return ok ? 0 : 1;
}

/* ---- start ---- */

/* Another role of this program, with the ledger that it inherited. */
static int play_role(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  soak_shared *shared = soak_ledger_map(SOAK_LEDGER_FD);
  if (!shared) return 1;
  int status =
      argc == 3 ? soak_serve(shared, (unsigned)strtoul(argv[2], NULL, 10)) : soak_call(shared);
  soak_ledger_unmap(shared);
  return status;
}

static int refuse(const char *why) {
  fprintf(stderr, "soak: %s\nTry 'soak --help'.\n", why);
  return 2;
}

static bool read_options(soak *s, int argc, char **argv, int *status) {
  static const struct option longs[] = {
      {"seconds", 1, NULL, 'n'}, {"seed", 1, NULL, 's'},    {"lanes", 1, NULL, 'l'},
      {"pause", 1, NULL, 'p'},   {"weather", 1, NULL, 'w'}, {"leak", 1, NULL, 'k'},
      {"story", 0, NULL, 't'},   {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
  uint64_t n[256] = {['n'] = 600, ['l'] = 64, ['p'] = 150, ['w'] = 1000, ['s'] = s->shared->seed};
  *status = 0;
  for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (c == 'h') return fputs(usage, stdout), false;
    if (c == '?') return *status = refuse("that is no option, or it lacks its value"), false;
    if (c == 't') s->fleet.is_telling = true;
    if (optarg && !proxy_words_number(&n[c], optarg))
      return *status = refuse("each of these is a number"), false;
  }
  if (optind < argc) return *status = refuse("it takes options alone"), false;
  if (n['n'] == 0 || n['n'] > 86400 * 30 || n['l'] == 0 || n['l'] > 10000 || n['p'] > 60000 ||
      n['w'] > 60000 || n['k'] > 1 << 20)
    return *status = refuse("1 to 2592000 seconds, 1 to 10000 lanes, at most 60000 ms of pause or "
                            "weather and 1048576 bytes to leak"),
           false;
  s->seconds = (unsigned)n['n'];
  s->shared->seed = n['s'];
  s->shared->lanes = (unsigned)n['l'];
  s->shared->pause_ms = (unsigned)n['p'];
  s->fleet.change_ms = (unsigned)n['w'];
  s->shared->leak_bytes = (unsigned)n['k'];
  return true;
}

/* Small enough to be typed again. */
static uint64_t fresh_seed(void) {
  uint32_t seed = 1;
  return getrandom(&seed, sizeof seed, 0) == sizeof seed ? seed : (uint64_t)soak_now_ns();
}

int main(int argc, char **argv) {
  if (argc > 1 && (strcmp(argv[1], "server") == 0 || strcmp(argv[1], "client") == 0))
    return play_role(argc, argv);
  static soak s;
  int status;
  s.fleet.ledger_fd = soak_ledger_make();
  s.shared = s.fleet.ledger_fd < 0 ? NULL : soak_ledger_map(s.fleet.ledger_fd);
  if (!s.shared) {
    perror("soak: no memory for the ledger");
    return 1;
  }
  s.shared->seed = fresh_seed();
  if (!read_options(&s, argc, argv, &status)) return status;
  printf("soak: seed %" PRIu64 ", %u s, %u lanes\n", s.shared->seed, s.seconds, s.shared->lanes);
  fflush(stdout);
  start(&s);
  run(&s);
  stop(&s);
  soak_settle_all(s.shared);
  return verdict(&s);
}
