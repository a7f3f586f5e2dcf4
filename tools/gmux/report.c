/* report.c: objects of figures and texts, by the printer of messages. */
#include "tools/gmux/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void report_begin(report *r) {
  *r = (report){.text = {.data = NULL}};
  r->printer = (printer){.out = &r->text, .is_compact = true};
  print_open(&r->printer, '{');
}

void report_end(report *r) {
  print_close(&r->printer, '}');
  printf("%s\n", buffer_string(&r->text));
  fflush(stdout);
  buffer_free(&r->text);
}

static void name_it(report *r, const char *name) {
  if (name) print_name(&r->printer, name, strlen(name));
}

void report_text(report *r, const char *name, const char *text) {
  size_t len = r->text.len;
  bool is_first = r->printer.is_first;
  name_it(r, name);
  if (print_string(&r->printer, text, strlen(text))) return;
  r->text.len = len;
  r->printer.is_first = is_first;
  r->printer.is_named = false;
}

void report_count(report *r, const char *name, uint64_t count) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRIu64, count);
  name_it(r, name);
  print_raw(&r->printer, digits);
}

void report_number(report *r, const char *name, double number) {
  char digits[40];
  snprintf(digits, sizeof digits, "%.6g", number);
  name_it(r, name);
  print_raw(&r->printer, digits);
}

void report_ms(report *r, const char *name, uint64_t ns) {
  report_number(r, name, 1e-6 * (double)ns);
}

void report_flag(report *r, const char *name, bool is_set) {
  name_it(r, name);
  print_raw(&r->printer, is_set ? "true" : "false");
}

void report_open(report *r, const char *name, char bracket) {
  name_it(r, name);
  print_open(&r->printer, bracket);
}

void report_close(report *r, char bracket) {
  print_close(&r->printer, bracket);
}
