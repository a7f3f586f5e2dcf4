/*
 * harness.h: CUnit underneath, TAP on the way out.
 *
 * One program a room, one suite a file, one function a promise. Each program prints one TAP line a
 * test, so that the test driver counts cases, not programs, and ends itself when its time is up.
 * With arguments it runs only the tests whose "suite/name" contains one of them; those that contain
 * a word of GMUX_TEST_WITHOUT (environment) are left out.
 */
#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H

#include "tests/unit/memory.h"
#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_case {
  const char *name;
  void (*run)(void);
} test_case;

/* `cases` ends with {NULL, NULL}. setup and teardown (may be NULL) run around every case. */
typedef struct test_suite {
  const char *name;
  const test_case *cases;
  void (*setup)(void);
  void (*teardown)(void);
} test_suite;

#define TEST(fn)                                                                                   \
  { #fn, fn }
#define TESTS_END                                                                                  \
  { NULL, NULL }

/* Runs `suites` (ends with NULL) of one room; returns the exit code: 0, 1 when a test failed,
 * 2 when no test is called as the arguments say.
 * `seconds` are more than it takes on a machine that does nothing else; after five times as many
 * the whole program is killed, with the running test named. Under a sanitizer or valgrind
 * (environment GMUX_TEST_SLOW=factor) the time is multiplied. */
int test_main(const char *room, const test_suite *const *suites, unsigned seconds, int argc,
              char **argv);

/* The running test is reported as skipped, with the reason; return from it afterwards. With
 * GMUX_TEST_NO_SKIP=1 in the environment (CI) a skip is a failure. */
void test_skip(const char *why);

/* Runs `scenario` with the 1st, 2nd, 3rd... allocation failing until one run needs none; after each
 * checks that as many blocks live as before. `scenario` returns nothing and must assert what has to
 * hold either way. Returns how many runs it took. */
size_t test_alloc_torture(void (*scenario)(void *arg), void *arg);

#endif
