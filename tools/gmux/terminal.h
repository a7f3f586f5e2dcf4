/*
 * terminal.h: what may be printed beside words: colour, and lines that are written over.
 *
 * Into a file or a pipe go words alone. On a terminal there is colour, unless NO_COLOR is set (and
 * not empty) or TERM is "dumb" or missing; the latter can move no cursor, either.
 */
#ifndef TOOL_TERMINAL_H
#define TOOL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

typedef enum style {
  STYLE_PLAIN = 0,
  STYLE_BOLD,
  STYLE_DIM,
  STYLE_GOOD,    /* green */
  STYLE_WARNING, /* yellow */
  STYLE_BAD,     /* red */
  STYLE_NAME     /* cyan */
} style;

typedef struct terminal {
  FILE *out;
  bool is_live;    /* a terminal whose cursor can be moved */
  bool has_colour; /* one that shows colours, to who wants them */
  int columns, rows;
} terminal;

/* What stands behind `out`. */
terminal terminal_of(FILE *out);
/* How large it is now: what it says itself, else COLUMNS and LINES, else 80 x 24. */
void terminal_measure(terminal *t);

/* What begins a style, and STYLE_PLAIN ends it; "" where there is no colour. */
const char *terminal_style(const terminal *t, style s);

/* What erases the line that the cursor is in, and goes to its start; "" if it is not live. */
const char *terminal_erase_line(const terminal *t);
/* The same for the whole screen. */
const char *terminal_erase_screen(const terminal *t);
/* A screen of one's own, and back to what was there before; the cursor is hidden meanwhile. */
const char *terminal_enter_screen(const terminal *t);
const char *terminal_leave_screen(const terminal *t);

#endif
