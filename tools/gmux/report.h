/* report.h: what --json prints of a command: an object a line. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include "tools/gmux/printer.h"

#include <stdint.h>

typedef struct report {
  buffer text;
  printer printer;
} report;

void report_begin(report *r);
/* Prints the line, on standard output, at once. */
void report_end(report *r);

/* Bytes that are not UTF-8 are left out with their name. */
void report_text(report *r, const char *name, const char *text);
void report_count(report *r, const char *name, uint64_t count);
void report_number(report *r, const char *name, double number);
/* Nanoseconds as "name": milliseconds. */
void report_ms(report *r, const char *name, uint64_t ns);
void report_flag(report *r, const char *name, bool is_set);
/* An object or array in it, '{' or '['; closed by its counterpart. Elements of arrays have no name
 * (NULL). */
void report_open(report *r, const char *name, char bracket);
void report_close(report *r, char bracket);

#endif
