/* storm_jobs.c: processes that run storms, and who reads what became of them. */
#include "tests/sim/storm_jobs.h"
#include "tests/sim/cover.h"
#include "tests/sim/storm.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* A storm takes some milliseconds; one that takes so long goes in a circle. Times GMUX_TEST_SLOW.
 */
enum { STORM_SECONDS = 60 };

/* What did not happen in so many storms is worth a word, also to who has not asked. */
enum { TELLING_SEEDS = 10000 };

/* Memory that a worker shares with its parent. */
typedef struct worker {
  pid_t pid;
  FILE *said; /* what it prints */
  uint64_t seed;
  storm_outcome outcome;
  cover covered;
  uint64_t readings[LEDGER_LAWS]; /* of each law */
} worker;

static struct {
  worker *workers; /* STORM_JOBS_MAX of them, and one for storm_apart */
  atomic_bool *is_over;
} jobs;

static void *shared(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) {
    perror("gmux-sim: mmap");
    exit(1);
  }
  return p;
}

static void jobs_open(void) {
  if (jobs.workers) return;
  jobs.workers = shared((STORM_JOBS_MAX + 1) * sizeof *jobs.workers);
  jobs.is_over = shared(sizeof *jobs.is_over);
}

static unsigned slowness(void) {
  const char *slow = getenv("GMUX_TEST_SLOW");
  unsigned factor = slow ? (unsigned)strtoul(slow, NULL, 10) : 1;
  return factor > 0 ? factor : 1;
}

void storm_command_print(FILE *out, const storm_plan *plan) {
  static char list[8 * STORM_MOVES];
  storm_plan_left_out(plan, list, sizeof list);
  fprintf(out, "gmux-sim --scenario %s --seed %llu%s%s\n", plan->scenario->name,
          (unsigned long long)plan->seed, *list ? " --without " : "", list);
}

/* ---- one storm ---- */

storm_outcome storm_here(const storm_plan *plan, bool tells) {
  memset(&st, 0, sizeof st);
  st.plan = *plan;
  storm_story_begin(tells);
  storm_outcome outcome = {.is_broken = !storm_run()};
  if (outcome.is_broken) snprintf(outcome.why, sizeof outcome.why, "%s", st.broken_law);
  return outcome;
}

static void storm_ended(worker *w, const storm_orders *orders) {
  if (orders->digests)
    printf("# seed %llu: %016llx\n", (unsigned long long)w->seed,
           (unsigned long long)storm_story_digest());
  cover more;
  cover_count_seed(st.call_count, st.happened, STORM_FAULT_KINDS);
  cover_take(&more);
  cover_add(&w->covered, &more);
  for (int i = 0; i < LEDGER_LAWS; i++)
    w->readings[i] = ledger_law_readings((ledger_law_id)i);
}

static storm_outcome outcome_of_status(const worker *w, int status) {
  storm_outcome outcome = w->outcome;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return outcome;
  outcome.is_broken = true;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    snprintf(outcome.why, sizeof outcome.why, "it does not end");
  else if (WIFSIGNALED(status))
    snprintf(outcome.why, sizeof outcome.why, "signal %d", WTERMSIG(status));
  else
    snprintf(outcome.why, sizeof outcome.why, "exit status %d", WEXITSTATUS(status));
  return outcome;
}

static pid_t fork_or_exit(void) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid >= 0) return pid;
  perror("gmux-sim: fork");
  exit(1);
}

static int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

storm_outcome storm_apart(const storm_plan *plan) {
  jobs_open();
  worker *w = &jobs.workers[STORM_JOBS_MAX];
  w->outcome = (storm_outcome){0};
  pid_t pid = fork_or_exit();
  if (pid > 0) return outcome_of_status(w, wait_for(pid));
  if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(1);
  alarm(STORM_SECONDS * slowness());
  w->outcome = storm_here(plan, false);
  _exit(0);
}

/* ---- many ---- */

static bool plan_of(storm_plan *plan, const storm_orders *orders, uint64_t seed) {
  storm_plan_make(plan, orders->scenario, seed);
  return storm_plan_leave_out(plan, orders->without);
}

/* From `from` on, each stride-th seed of those ordered. */
static void worker_run(worker *w, const storm_orders *orders, uint64_t from) {
  static storm_plan plan;
  cover_install();
  for (uint64_t i = from; i < orders->count && !atomic_load(jobs.is_over); i += orders->jobs) {
    w->seed = orders->first + i;
    alarm(STORM_SECONDS * slowness());
    plan_of(&plan, orders, w->seed);
    w->outcome = storm_here(&plan, orders->tells);
    storm_ended(w, orders);
    if (w->outcome.is_broken) return;
  }
}

static void worker_start(worker *w, const storm_orders *orders, uint64_t from) {
  w->said = tmpfile();
  if (!w->said) {
    perror("gmux-sim: tmpfile");
    exit(1);
  }
  pid_t pid = fork_or_exit();
  if (pid > 0) {
    w->pid = pid;
    return;
  }
  if (dup2(fileno(w->said), STDOUT_FILENO) < 0 || dup2(fileno(w->said), STDERR_FILENO) < 0)
    _exit(1);
  worker_run(w, orders, from);
  fflush(NULL);
  _exit(0);
}

static void worker_tell(const worker *w) {
  char line[1024];
  rewind(w->said);
  while (fgets(line, sizeof line, w->said))
    fputs(line, stdout);
}

static void worker_blame(const worker *w, const storm_orders *orders, const char *why) {
  static storm_plan plan;
  plan_of(&plan, orders, w->seed);
  printf("# seed %llu: %s\n# again: ", (unsigned long long)w->seed, why);
  storm_command_print(stdout, &plan);
}

static bool worker_end(worker *w, const storm_orders *orders, int status) {
  storm_outcome outcome = outcome_of_status(w, status);
  if (outcome.is_broken || orders->tells || orders->digests) worker_tell(w);
  if (outcome.is_broken) {
    atomic_store(jobs.is_over, true);
    worker_blame(w, orders, outcome.why);
  }
  fclose(w->said);
  return !outcome.is_broken;
}

static worker *worker_by_pid(pid_t pid, unsigned count) {
  for (unsigned j = 0; j < count; j++)
    if (jobs.workers[j].pid == pid) return &jobs.workers[j];
  return NULL;
}

static bool run_forked(const storm_orders *orders) {
  bool is_well = true;
  for (unsigned j = 0; j < orders->jobs; j++)
    worker_start(&jobs.workers[j], orders, j);
  for (unsigned left = orders->jobs; left > 0;) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    if (pid < 0 && errno != EINTR) return false; /* somebody else has asked after our workers */
    worker *w = worker_by_pid(pid, orders->jobs);
    if (!w) continue;
    is_well &= worker_end(w, orders, status);
    left--;
  }
  return is_well;
}

/* One seed stays in this process, where a debugger can follow it. */
static bool run_single(const storm_orders *orders) {
  static storm_plan plan;
  worker *w = &jobs.workers[0];
  w->seed = orders->first;
  plan_of(&plan, orders, orders->first);
  cover_install();
  storm_outcome outcome = storm_here(&plan, orders->tells);
  storm_ended(w, orders);
  if (!outcome.is_broken) return true;
  printf("# seed %llu: %s\n# again: ", (unsigned long long)plan.seed, outcome.why);
  storm_command_print(stdout, &plan);
  return false;
}

static const char *fault_str(size_t kind) {
  return storm_fault_str((storm_fault)kind);
}

/* A law that nobody reads proves nothing. */
static void readings_print(unsigned workers) {
  printf("laws, and how often each was read:\n");
  for (int i = 0; i < LEDGER_LAWS; i++) {
    ledger_law_id law = (ledger_law_id)i;
    uint64_t sum = 0;
    for (unsigned j = 0; j < workers; j++)
      sum += jobs.workers[j].readings[i];
    printf("%12llu  %s: %s\n", (unsigned long long)sum, ledger_law_name(law),
           ledger_law_sentence(law));
  }
}

static void covered_print(const cover *sum, bool is_whole) {
  static const cover_faults faults = {STORM_FAULT_KINDS, fault_str};
  if (is_whole) {
    cover_print(sum, &faults, stdout);
    return;
  }
  uint64_t count = 0;
  for (size_t i = 0; i < STORM_FAULT_KINDS; i++)
    count += sum->faults[i];
  printf("# %llu seeds, %llu calls, %llu faults\n", (unsigned long long)sum->seeds,
         (unsigned long long)sum->calls, (unsigned long long)count);
  if (sum->seeds >= TELLING_SEEDS && cover_missing(sum, &faults) > 0)
    cover_print_missing(sum, &faults, stdout);
}

bool storm_jobs_run(const storm_orders *orders) {
  jobs_open();
  memset(jobs.workers, 0, (STORM_JOBS_MAX + 1) * sizeof *jobs.workers);
  atomic_store(jobs.is_over, false);
  bool is_well = orders->count == 1 ? run_single(orders) : run_forked(orders);
  static cover sum;
  memset(&sum, 0, sizeof sum);
  for (unsigned j = 0; j < orders->jobs; j++)
    cover_add(&sum, &jobs.workers[j].covered);
  if (orders->is_covering) readings_print(orders->jobs);
  covered_print(&sum, orders->is_covering);
  return is_well;
}
