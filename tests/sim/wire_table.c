/* wire_table.c: one connection for many rows. */
#include "tests/sim/wire_table.h"
#include <stdio.h>
#include <string.h>

rawpeer *table_peer;
static size_t requests; /* that have come */

void table_open(void) {
  w_options.max_refused_retries = 0;
  table_peer = w_connected();
  requests = 0;
}

tcall *table_call(gmux_method_kind kind, uint32_t *stream) {
  tcall *t = w_start(kind, NULL);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  gmux_call_half_close(t->call); /* harmless where the kind has done so */
  w_run();
  const rawframe *head = rawpeer_find(table_peer, RAW_HEADERS, RAW_ANY, requests++);
  CU_ASSERT_PTR_NOT_NULL_FATAL(head);
  *stream = head->stream;
  return t;
}

void table_check(bool ok, const char *name, const char *what) {
  if (ok) return;
  printf("# %s: %s\n", name, what);
  CU_ASSERT_TRUE(ok);
}

static void check_text(const char *name, const char *what, const char *is, const char *expected) {
  char words[1200];
  snprintf(words, sizeof words, "%s is \"%s\", not \"%s\"", what, is, expected);
  table_check(strcmp(is, expected) == 0, name, words);
}

void table_expect(const char *name, const tcall *t, gmux_code code, const char *text,
                  const char *log) {
  table_check(t->ends == 1, name, "it ends once");
  check_text(name, "the code", gmux_code_str(t->code), gmux_code_str(code));
  check_text(name, "the text", t->message, text);
  if (log) check_text(name, "the order", t->log, log);
}

int64_t table_rst(uint32_t stream) {
  const rawframe *rst = rawpeer_find(table_peer, RAW_RST_STREAM, stream, 0);
  return rst ? (int64_t)rawframe_u32(rst, 0) : -1;
}

void table_goes_on(const char *name) {
  uint32_t stream;
  tcall *t = table_call(GMUX_UNARY, &stream);
  w_answer(table_peer, stream, "fine");
  w_run();
  table_expect(name, t, GMUX_OK, "", "H M4 E");
  table_check(w_stats().connections_made == 1, name, "the connection is kept");
}
