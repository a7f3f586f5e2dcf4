/* terminal.c: terminals, as ECMA-48 has them. */
#include "tools/gmux/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_COLUMNS = 80, USUAL_ROWS = 24, SIZE_MAX_CELLS = 10000 };

static bool can_move(FILE *out) {
  const char *kind = getenv("TERM");
  return isatty(fileno(out)) && kind && *kind && strcmp(kind, "dumb") != 0;
}

terminal terminal_of(FILE *out) {
  /* https://no-color.org: "when present and not an empty string". */
  const char *no_colour = getenv("NO_COLOR");
  terminal t = {.out = out, .is_live = can_move(out)};
  t.has_colour = t.is_live && !(no_colour && *no_colour);
  terminal_measure(&t);
  return t;
}

static int size_of(int told, const char *variable, int usual) {
  if (told > 0) return told;
  const char *digits = getenv(variable);
  long size = digits ? strtol(digits, NULL, 10) : 0;
  return size > 0 && size <= SIZE_MAX_CELLS ? (int)size : usual;
}

/* A terminal of no size (a serial line) says 0. */
void terminal_measure(terminal *t) {
  struct winsize size = {.ws_col = 0};
  if (ioctl(fileno(t->out), TIOCGWINSZ, &size)) size = (struct winsize){.ws_col = 0};
  t->columns = size_of(size.ws_col, "COLUMNS", USUAL_COLUMNS);
  t->rows = size_of(size.ws_row, "LINES", USUAL_ROWS);
}

const char *terminal_style(const terminal *t, style s) {
  static const char *const styles[] = {
      [STYLE_PLAIN] = "\033[0m", [STYLE_BOLD] = "\033[1m",     [STYLE_DIM] = "\033[2m",
      [STYLE_GOOD] = "\033[32m", [STYLE_WARNING] = "\033[33m", [STYLE_BAD] = "\033[31m",
      [STYLE_NAME] = "\033[36m",
  };
  return t->has_colour ? styles[s] : "";
}

static const char *if_live(const terminal *t, const char *sequence) {
  return t->is_live ? sequence : "";
}

const char *terminal_erase_line(const terminal *t) {
  return if_live(t, "\r\033[K");
}

const char *terminal_erase_screen(const terminal *t) {
  return if_live(t, "\033[H\033[J");
}

const char *terminal_enter_screen(const terminal *t) {
  return if_live(t, "\033[?1049h\033[?25l");
}

const char *terminal_leave_screen(const terminal *t) {
  return if_live(t, "\033[?25h\033[?1049l");
}
