/* printer.h: JSON as it is written: commas, lines, indentation. */
#ifndef TOOL_PRINTER_H
#define TOOL_PRINTER_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

typedef struct printer {
  buffer *out;
  bool is_compact;
  unsigned depth;
  bool is_first; /* in what was opened last */
  bool is_named; /* a name was written: the value stands behind it */
} printer;

void print_open(printer *p, char bracket);
void print_close(printer *p, char bracket);
/* False: it is not UTF-8, and nothing was written. */
bool print_name(printer *p, const char *name, size_t len);
bool print_string(printer *p, const char *data, size_t len);
/* Numbers, true, null: as they stand there. */
void print_raw(printer *p, const char *value);
/* The same between quotes: digits, base64. */
void print_quoted(printer *p, const char *value);

/* A name, and a text behind it, of our own: what is not UTF-8 in them is a question mark. */
void print_key(printer *p, const char *name);
void print_text(printer *p, const char *name, const char *value);
void print_bool(printer *p, const char *name, bool value);

#endif
