/* printer.h: text that grows, from templates in which $name$ stands for a value. */
#ifndef GEN_PRINTER_H
#define GEN_PRINTER_H

#include <stddef.h>

/* A list of them ends with one whose name is NULL. */
typedef struct var {
  const char *name, *value;
} var;

typedef struct printer {
  char *text; /* always ends with a NUL, once something was printed */
  size_t len, room;
  unsigned indent; /* steps of two spaces in front of each line that is not empty */
} printer;

/* Prints `template` with its variables filled in; a $ that is to be printed is written $$. A name
 * that is not among `vars` is a mistake of this program, and ends it. */
void print(printer *p, const var *vars, const char *template);

/* Prints text as it is, but for the indentation. */
void print_text(printer *p, const char *text, size_t len);

void printer_deinit(printer *p);

#endif
