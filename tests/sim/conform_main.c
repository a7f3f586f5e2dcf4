/*
 * conform_main.c: each row of the tables of conform.h as a test of its own, a server's over
 * cleartext, over TLS, and byte by byte: "server/6.9.1 WINDOW_UPDATE past 2^31-1 on a stream resets
 * it (TLS)".
 */
#include "tests/sim/conform.h"
#include "tests/sim/world.h"
#include <CUnit/TestRun.h>
#include <stdio.h>

enum { ROWS_MAX = 1200, NAME = 160 };

static const conform_table *const tables[] = {
    &conform_connection, &conform_streams, &conform_frames, &conform_windows,
    &conform_messages,   &conform_http,    &conform_hpack};

typedef struct conform_case {
  const conform_row *row;
  void (*try)(const conform_row *row, conform_way way);
  conform_way way;
  char name[NAME];
} conform_case;

/* A suite of them. */
typedef struct conform_suite {
  size_t count;
  conform_case rows[ROWS_MAX];
  test_case cases[ROWS_MAX + 1];
} conform_suite;

static conform_suite server, client;

/* CUnit tells which test it runs by its name alone, so no two may share one. */
static void run_row(const conform_suite *suite) {
  const char *name = CU_get_current_test()->pName;
  const conform_case *found = NULL;
  for (size_t i = 0; i < suite->count; i++) {
    if (strcmp(suite->rows[i].name, name) != 0) continue;
    CU_ASSERT_PTR_NULL_FATAL(found);
    found = &suite->rows[i];
  }
  CU_ASSERT_PTR_NOT_NULL_FATAL(found);
  found->try(found->row, found->way);
}

static void run_server_row(void) {
  run_row(&server);
}

static void run_client_row(void) {
  run_row(&client);
}

static void add_row(conform_suite *suite, const conform_case *row, void (*run)(void)) {
  if (suite->count == ROWS_MAX) sim_die("more than %d rows", ROWS_MAX);
  static const char *const ways[] = {"cleartext", "TLS", "byte by byte"};
  conform_case *c = &suite->rows[suite->count];
  *c = *row;
  snprintf(c->name, NAME, "%s %s (%s)", c->row->section, c->row->title, ways[c->way]);
  suite->cases[suite->count++] = (test_case){c->name, run};
}

static void add_server_row(const conform_row *row, conform_way way) {
  if (row->is_one_read && way == CONFORM_BYTES_ALONE) return;
  add_row(&server, &(conform_case){row, conform_try, way, ""}, run_server_row);
}

static void add_server_rows(conform_way way) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (size_t k = 0; k < tables[i]->count; k++)
      add_server_row(&tables[i]->rows[k], way);
}

static void add_client_rows(void) {
  for (size_t i = 0; i < conform_client.count; i++)
    add_row(&client,
            &(conform_case){&conform_client.rows[i], conform_try_client, CONFORM_CLEARTEXT, ""},
            run_client_row);
}

int main(int argc, char **argv) {
  static const test_suite server_suite = {"server", server.cases, NULL, kit_teardown};
  static const test_suite client_suite = {"client", client.cases, NULL, NULL};
  static const test_suite *const suites[] = {&server_suite, &client_suite, NULL};
  add_server_rows(CONFORM_CLEARTEXT);
  add_server_rows(CONFORM_TLS);
  add_server_rows(CONFORM_BYTES_ALONE);
  add_client_rows();
  return test_main("conformance", suites, 120, argc, argv);
}
