/* harness.c: CUnit runs the tests, its handlers print TAP. */
#include "tests/unit/harness.h"

#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The command was not understood. */
enum { EXIT_USAGE = 2 };

size_t test_alloc_torture(void (*scenario)(void *arg), void *arg) {
  for (size_t n = 1;; n++) {
    size_t live = test_alloc_live();
    test_alloc_fail_at(n);
    scenario(arg);
    bool failed = test_alloc_has_failed();
    test_alloc_fail_at(0);
    char what[96];
    snprintf(what, sizeof what, "with allocation %zu failing: %zu blocks live before, %zu after", n,
             live, test_alloc_live());
    CU_assertImplementation(test_alloc_live() == live, __LINE__, what, __FILE__, "", CU_FALSE);
    if (!failed) return n;
  }
}

/*
 * The run. CUnit's handlers take no argument, so what they share stands here.
 */
static struct {
  unsigned number;     /* of the running test */
  unsigned failed;     /* tests so far */
  unsigned asserts;    /* before the running test */
  size_t live;         /* blocks before the running test */
  const char *skip;    /* why, when the running test called test_skip */
  char name[256];      /* "suite/name" of the running test */
  char *const *wanted; /* parts of names; none: all are wanted */
  int wanted_count;
} run;

void test_skip(const char *why) {
  run.skip = why;
}

static bool env_is_set(const char *name) {
  const char *value = getenv(name);
  return value && *value && strcmp(value, "0") != 0;
}

static void on_test_start(const CU_pTest test, const CU_pSuite suite) {
  run.number++;
  run.skip = NULL;
  run.asserts = CU_get_number_of_asserts();
  test_alloc_fail_at(0); /* a fatal assertion may have left a failure armed */
  run.live = test_alloc_live();
  snprintf(run.name, sizeof run.name, "%s/%s", suite->pName, test->pName);
}

/* What is wrong with a test that broke no assertion; NULL: nothing. */
static const char *why_not_ok(void) {
  static char text[128];
  if (run.skip && !env_is_set("GMUX_TEST_NO_SKIP")) return NULL;
  if (run.skip)
    snprintf(text, sizeof text, "skipped, which GMUX_TEST_NO_SKIP forbids: %s", run.skip);
  else if (CU_get_number_of_asserts() == run.asserts)
    snprintf(text, sizeof text, "it asserted nothing, so it cannot fail");
  else if (test_alloc_live() != run.live)
    snprintf(text, sizeof text, "%zu blocks lived before it, %zu after", run.live,
             test_alloc_live());
  else
    return NULL;
  return text;
}

static void on_test_complete(const CU_pTest test, const CU_pSuite suite,
                             const CU_pFailureRecord failures) {
  (void)test;
  (void)suite;
  const char *why = failures ? NULL : why_not_ok();
  if (!failures && !why) {
    printf("ok %u - %s%s%s\n", run.number, run.name, run.skip ? " # SKIP " : "",
           run.skip ? run.skip : "");
    return;
  }
  run.failed++;
  printf("not ok %u - %s\n", run.number, run.name);
  for (const CU_FailureRecord *f = failures; f; f = f->pNext)
    printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
  if (why) printf("# %s\n", why);
}

/* Only what a signal handler may call. */
static void write_text(const char *text) {
  ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));
  (void)ignored;
}

static void on_alarm(int signo) {
  (void)signo;
  write_text("Bail out! The time was up in ");
  write_text(run.name);
  write_text("\n");
  _exit(1);
}

/* Says where it happened and lets it happen: SA_RESETHAND has put the default action back. */
static void on_crash(int signo) {
  write_text("Bail out! Crashed in ");
  write_text(run.name);
  write_text("\n");
  raise(signo);
}

/* A sanitizer that has taken a signal for itself has more to say than we have. */
static void catch_crashes(void) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction action;
    if (sigaction(signals[i], NULL, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_crash;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
    sigaction(signals[i], &action, NULL);
  }
}

/* Nothing but what hangs is to meet it, on a machine that is slow and busy. */
static void set_time_limit(unsigned seconds) {
  enum { BUSY = 5 };
  const char *slow = getenv("GMUX_TEST_SLOW");
  unsigned long factor = slow ? strtoul(slow, NULL, 10) : 1;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, NULL);
  alarm(seconds * BUSY * (unsigned)(factor ? factor : 1));
}

/* Whether one of the words, with spaces between them, is a part of the name. */
static bool has_word_of(const char *words, const char *name) {
  char word[sizeof run.name];
  for (int len; words && sscanf(words, " %255s%n", word, &len) == 1; words += len)
    if (strstr(name, word)) return true;
  return false;
}

static bool is_wanted(const test_suite *suite, const test_case *test) {
  char name[sizeof run.name];
  snprintf(name, sizeof name, "%s/%s", suite->name, test->name);
  if (has_word_of(getenv("GMUX_TEST_WITHOUT"), name)) return false;
  for (int i = 0; i < run.wanted_count; i++)
    if (strstr(name, run.wanted[i])) return true;
  return run.wanted_count == 0;
}

/* How many of the suite's tests were registered; -1 when CUnit has no memory. A suite without a
 * wanted test is not registered. */
static int register_suite(const test_suite *suite) {
  CU_pSuite registered = NULL;
  int count = 0;
  for (const test_case *test = suite->cases; test->name; test++) {
    if (!is_wanted(suite, test)) continue;
    if (!registered)
      registered = CU_add_suite_with_setup_and_teardown(suite->name, NULL, NULL, suite->setup,
                                                        suite->teardown);
    if (!registered || !CU_add_test(registered, test->name, test->run)) return -1;
    count++;
  }
  return count;
}

static int register_all(const test_suite *const *suites) {
  int total = 0;
  for (; *suites; suites++) {
    int count = register_suite(*suites);
    if (count < 0) return -1;
    total += count;
  }
  return total;
}

int test_main(const char *room, const test_suite *const *suites, unsigned seconds, int argc,
              char **argv) {
  run.wanted = argv + 1;
  run.wanted_count = argc - 1;
  setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, and none lost, when a test ends the program */

  int total = CU_initialize_registry() == CUE_SUCCESS ? register_all(suites) : -1;
  if (total < 0 || !test_alloc_install()) {
    printf("Bail out! %s: cannot set up: %s\n", room, CU_get_error_msg());
    return 1;
  }
  if (total == 0) {
    printf("Bail out! %s: no test's name contains what was asked for\n", room);
    return EXIT_USAGE;
  }
  printf("1..%d\n", total);
  CU_set_test_start_handler(on_test_start);
  CU_set_test_complete_handler(on_test_complete);
  catch_crashes();
  set_time_limit(seconds);
  CU_run_all_tests();
  alarm(0);
  CU_cleanup_registry();
  return run.failed ? 1 : 0;
}
