/* terminal_test.c: colour and size, on terminals that the test makes and on what is none. */
#include "tests/unit/harness.h"
#include "tools/gmux/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A pseudo-terminal: what is behind `out` is its other side. */
typedef struct pty {
  int far;
  FILE *out;
} pty;

static bool pty_open(pty *p, unsigned short columns, unsigned short rows) {
  struct winsize size = {.ws_col = columns, .ws_row = rows};
  p->far = posix_openpt(O_RDWR | O_NOCTTY);
  int near = -1;
  if (p->far >= 0 && grantpt(p->far) == 0 && unlockpt(p->far) == 0)
    near = open(ptsname(p->far), O_RDWR | O_NOCTTY);
  p->out = near >= 0 && ioctl(near, TIOCSWINSZ, &size) == 0 ? fdopen(near, "w") : NULL;
  CU_ASSERT_PTR_NOT_NULL(p->out);
  return p->out != NULL;
}

static void pty_close(pty *p) {
  fclose(p->out);
  close(p->far);
}

static void environment(const char *kind, const char *no_colour) {
  unsetenv("COLUMNS"), unsetenv("LINES"), unsetenv("TERM"), unsetenv("NO_COLOR");
  if (kind) setenv("TERM", kind, 1);
  if (no_colour) setenv("NO_COLOR", no_colour, 1);
}

static terminal on_pty(const char *kind, const char *no_colour) {
  pty p;
  environment(kind, no_colour);
  if (!pty_open(&p, 132, 43)) return (terminal){.out = NULL};
  terminal t = terminal_of(p.out);
  pty_close(&p);
  return t;
}

static void a_terminal_has_colour_and_its_own_size(void) {
  terminal t = on_pty("xterm", NULL);
  CU_ASSERT_TRUE(t.is_live);
  CU_ASSERT_TRUE(t.has_colour);
  CU_ASSERT_EQUAL(t.columns, 132);
  CU_ASSERT_EQUAL(t.rows, 43);
  CU_ASSERT_STRING_EQUAL(terminal_style(&t, STYLE_BAD), "\033[31m");
  CU_ASSERT_STRING_EQUAL(terminal_style(&t, STYLE_PLAIN), "\033[0m");
  CU_ASSERT_STRING_EQUAL(terminal_erase_line(&t), "\r\033[K");
}

static void who_wants_no_colour_gets_none_but_lines_move(void) {
  terminal t = on_pty("xterm", "1");
  CU_ASSERT_TRUE(t.is_live);
  CU_ASSERT_FALSE(t.has_colour);
  CU_ASSERT_STRING_EQUAL(terminal_style(&t, STYLE_BAD), "");
  CU_ASSERT_TRUE(on_pty("xterm", "").has_colour);
}

static void a_dumb_terminal_is_given_words_alone(void) {
  terminal dumb = on_pty("dumb", NULL), unknown = on_pty(NULL, NULL);
  CU_ASSERT_FALSE(dumb.is_live || dumb.has_colour);
  CU_ASSERT_FALSE(unknown.is_live || unknown.has_colour);
  CU_ASSERT_EQUAL(dumb.columns, 132);
  CU_ASSERT_STRING_EQUAL(terminal_enter_screen(&dumb), "");
}

static void a_file_is_given_words_alone(void) {
  environment("xterm", NULL);
  FILE *file = tmpfile();
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  terminal t = terminal_of(file);
  CU_ASSERT_FALSE(t.is_live || t.has_colour);
  CU_ASSERT_EQUAL(t.columns, 80);
  CU_ASSERT_EQUAL(t.rows, 24);
  CU_ASSERT_STRING_EQUAL(terminal_erase_line(&t), "");
  fclose(file);
}

static void what_has_no_size_is_as_large_as_the_environment_says(void) {
  pty p;
  environment("xterm", NULL);
  if (!pty_open(&p, 0, 0)) return;
  setenv("COLUMNS", "100", 1), setenv("LINES", "none", 1);
  terminal t = terminal_of(p.out);
  CU_ASSERT_EQUAL(t.columns, 100);
  CU_ASSERT_EQUAL(t.rows, 24);
  pty_close(&p);
}

static void a_terminal_that_grew_is_measured_again(void) {
  pty p;
  environment("xterm", NULL);
  if (!pty_open(&p, 80, 24)) return;
  terminal t = terminal_of(p.out);
  struct winsize larger = {.ws_col = 200, .ws_row = 60};
  CU_ASSERT_EQUAL(ioctl(fileno(p.out), TIOCSWINSZ, &larger), 0);
  terminal_measure(&t);
  CU_ASSERT_EQUAL(t.columns, 200);
  CU_ASSERT_EQUAL(t.rows, 60);
  pty_close(&p);
}

static const test_case cases[] = {TEST(a_terminal_has_colour_and_its_own_size),
                                  TEST(who_wants_no_colour_gets_none_but_lines_move),
                                  TEST(a_dumb_terminal_is_given_words_alone),
                                  TEST(a_file_is_given_words_alone),
                                  TEST(what_has_no_size_is_as_large_as_the_environment_says),
                                  TEST(a_terminal_that_grew_is_measured_again),
                                  TESTS_END};
const test_suite tool_terminal_suite = {"terminal", cases, NULL, NULL};
