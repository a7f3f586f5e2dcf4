/*
 * conform_main.c: each row of the tables of conform.h twice, over cleartext and over TLS, as a test
 * of its own: "6.9.1 WINDOW_UPDATE past 2^31-1 on a stream resets it (TLS)".
 */
#include "tests/sim/conform.h"
#include "tests/sim/world.h"
#include <CUnit/TestRun.h>
#include <stdio.h>

enum { ROWS_MAX = 1000, NAME = 160 };

static const conform_table *const tables[] = {
    &conform_connection, &conform_streams, &conform_frames, &conform_windows,
    &conform_messages,   &conform_http,    &conform_hpack};

static struct {
  size_t count;
  const conform_row *rows[ROWS_MAX];
  bool is_secure[ROWS_MAX];
  char names[ROWS_MAX][NAME];
  test_case cases[ROWS_MAX + 1];
} all;

/* CUnit tells which test it runs by its name alone, so no two may share one. */
static void run_row(void) {
  const char *name = CU_get_current_test()->pName;
  size_t found = all.count;
  for (size_t i = 0; i < all.count; i++) {
    if (strcmp(all.names[i], name) != 0) continue;
    CU_ASSERT_EQUAL_FATAL(found, all.count);
    found = i;
  }
  CU_ASSERT_FATAL(found < all.count);
  conform_try(all.rows[found], all.is_secure[found]);
}

static void add_row(const conform_row *row, bool is_secure) {
  if (all.count == ROWS_MAX) sim_die("more than %d rows", ROWS_MAX);
  char *name = all.names[all.count];
  snprintf(name, NAME, "%s %s (%s)", row->section, row->title, is_secure ? "TLS" : "cleartext");
  all.rows[all.count] = row;
  all.is_secure[all.count] = is_secure;
  all.cases[all.count++] = (test_case){name, run_row};
}

static void add_tables(bool is_secure) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (size_t k = 0; k < tables[i]->count; k++)
      add_row(&tables[i]->rows[k], is_secure);
}

int main(int argc, char **argv) {
  static const test_suite suite = {"server", all.cases, NULL, kit_teardown};
  static const test_suite *const suites[] = {&suite, NULL};
  add_tables(false);
  add_tables(true);
  return test_main("conformance", suites, 120, argc, argv);
}
