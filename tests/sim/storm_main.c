/* storm_main.c: gmux-sim, the command line of the simulator. */
#include "tests/sim/storm_jobs.h"
#include "tests/unit/memory.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { EXIT_BROKEN = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "gmux-sim: whole gmux channels and servers in a storm that one seed decides\n"
    "\n"
    "  gmux-sim --seeds 1-2000 --jobs 2       these seeds, two processes at a time\n"
    "  gmux-sim --fresh 500                   seeds that nobody has seen; they are printed\n"
    "  gmux-sim --seed 17 --story             one storm, told while it happens\n"
    "  gmux-sim --seed 17 --shrink            the fewest moves that still break the law\n"
    "  gmux-sim --seed 17 --without 3,7-40    as --shrink says: without these moves\n"
    "\n"
    "  --scenario NAME   what kind of storms (default: mixed); see below\n"
    "  --jobs J          processes at once (default 1, at most 64)\n"
    "  --coverage        which faults and state transitions happened, how often, and which never\n"
    "  --digest          a number a seed; another one when anything happens otherwise\n"
    "  --help\n"
    "\n"
    "With GMUX_STORM_LOG=4 in the environment the story has the library's log in it.\n"
    "Exit status: 0, all laws held; 1, one was broken; 2, the command was not understood.\n"
    "\n"
    "Scenarios:\n";

static _Noreturn void fail_usage(const char *what, const char *value) {
  fprintf(stderr, "gmux-sim: %s: \"%s\"\nTry gmux-sim --help.\n", what, value);
  exit(EXIT_USAGE);
}

static bool take_number(const char **at, uint64_t *number) {
  char *end;
  if (**at < '0' || **at > '9') return false;
  errno = 0;
  *number = strtoull(*at, &end, 10);
  *at = end;
  return errno == 0;
}

static uint64_t number_or_fail(const char *text, const char *what) {
  const char *at = text;
  uint64_t number;
  if (!take_number(&at, &number) || *at) fail_usage(what, text);
  return number;
}

static void set_seeds(storm_orders *o, const char *text) {
  const char *at = text;
  uint64_t last = 0;
  bool is_range = take_number(&at, &o->first) && *at++ == '-' && take_number(&at, &last);
  if (!is_range || *at || last < o->first || last - o->first == UINT64_MAX)
    fail_usage("seeds are given as A-B, two whole numbers, the smaller one first", text);
  o->count = last - o->first + 1;
}

/* Small enough to be read aloud. */
static void set_fresh(storm_orders *o, const char *text) {
  uint32_t first;
  o->count = number_or_fail(text, "not a number of seeds");
  if (o->count == 0) fail_usage("no seed at all", text);
  if (getrandom(&first, sizeof first, 0) != sizeof first) {
    perror("gmux-sim: no fresh seed");
    exit(EXIT_BROKEN);
  }
  o->first = first;
  printf("# fresh seeds %llu-%llu\n", (unsigned long long)o->first,
         (unsigned long long)(o->first + o->count - 1));
}

static void set_scenario(storm_orders *o, const char *name) {
  o->scenario = storm_scenario_find(name);
  if (!o->scenario) fail_usage("no such scenario", name);
}

static void set_jobs(storm_orders *o, const char *text) {
  uint64_t jobs = number_or_fail(text, "not a number of jobs");
  if (jobs == 0 || jobs > STORM_JOBS_MAX) fail_usage("jobs are from 1 to 64", text);
  o->jobs = (unsigned)jobs;
}

static void set_seed(storm_orders *o, const char *text) {
  o->first = number_or_fail(text, "a seed is a whole number");
  o->count = 1;
}

/* Moves are numbered by the plan, so what is left out is of one seed. */
static void check_without(const storm_orders *o) {
  static storm_plan plan;
  if (!*o->without) return;
  if (o->count != 1) fail_usage("moves can be left out of one seed only", o->without);
  storm_plan_make(&plan, o->scenario, o->first);
  if (!storm_plan_leave_out(&plan, o->without))
    fail_usage("not a list of this plan's moves, as 3,7-40", o->without);
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"seed", required_argument, NULL, 's'},  {"seeds", required_argument, NULL, 'S'},
      {"fresh", required_argument, NULL, 'f'}, {"scenario", required_argument, NULL, 'n'},
      {"jobs", required_argument, NULL, 'j'},  {"without", required_argument, NULL, 'w'},
      {"shrink", no_argument, NULL, 'k'},      {"story", no_argument, NULL, 't'},
      {"coverage", no_argument, NULL, 'c'},    {"digest", no_argument, NULL, 'd'},
      {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
  storm_orders o = {.scenario = storm_scenario_find("mixed"), .jobs = 1, .without = ""};
  bool shrinks = false;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (c == 's')
      set_seed(&o, optarg);
    else if (c == 'S')
      set_seeds(&o, optarg);
    else if (c == 'f')
      set_fresh(&o, optarg);
    else if (c == 'n')
      set_scenario(&o, optarg);
    else if (c == 'j')
      set_jobs(&o, optarg);
    else if (c == 'w')
      o.without = optarg;
    else if (c == 'k')
      shrinks = true;
    else if (c == 't')
      o.tells = true;
    else if (c == 'c')
      o.is_covering = true;
    else if (c == 'd')
      o.digests = true;
    else if (c == 'h')
      return fputs(usage, stdout), storm_scenarios_print(stdout), 0;
    else
      return EXIT_USAGE;
  }
  if (optind < argc) fail_usage("an argument that is no option", argv[optind]);
  if (o.count == 0) fail_usage("which seeds? One of --seed, --seeds, --fresh is needed", "");
  check_without(&o);
  if (!test_alloc_install()) return fputs("gmux-sim: no allocator of its own\n", stderr), 1;
  if (!shrinks) return storm_jobs_run(&o) ? 0 : EXIT_BROKEN;
  if (o.count != 1) fail_usage("one seed is shrunk", "--shrink");
  if (storm_shrink(&o)) return EXIT_BROKEN;
  printf("gmux-sim: seed %llu breaks no law\n", (unsigned long long)o.first);
  return 0;
}
