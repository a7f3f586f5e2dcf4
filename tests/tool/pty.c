/*
 * pty.c: a program at a terminal, and somebody who sits at it.
 *
 *     pty COLUMNS ROWS COMMAND [ARGUMENT]... <STEPS
 *
 * A step a line, each of which waits until it is so:
 *
 *     expect TEXT      it is printed, after what was expected last; \e is ESC
 *     type TEXT        typed; \e is ESC
 *     resize C R       the terminal's size
 *     say TEXT         to who waits for it, on standard output
 *     kill N           a signal to the program
 *     stopped          the program is
 *     raw, cooked      keys come one by one and are not shown; or as a shell wants them
 *     exit N, dies N   how the program ends: by itself, by a signal
 *
 * Status 0; 1: a step's time was up, or it was not so; 2: usage. We are a shell as far as it
 * matters: the leader of a session, whose program is a job of its own and can be stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { SEEN_MAX = 1 << 20, PATIENCE_MS = 20000, PAUSE_MS = 5 };

typedef struct sitting {
  int far, near;
  pid_t program;
  char seen[SEEN_MAX]; /* since what was expected last */
  size_t len;
  long left_ms; /* of the patience with a step */
} sitting;

static void must(bool is_so, const char *what) {
  if (is_so) return;
  fprintf(stderr, "pty: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* ---- the terminal ---- */

static void set_size(const sitting *s, int columns, int rows) {
  struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
  must(ioctl(s->far, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
}

static void open_terminal(sitting *s, int columns, int rows) {
  s->far = posix_openpt(O_RDWR | O_NOCTTY);
  must(s->far >= 0 && grantpt(s->far) == 0 && unlockpt(s->far) == 0, "posix_openpt");
  must(setsid() >= 0, "setsid");
  s->near = open(ptsname(s->far), O_RDWR);
  must(s->near >= 0 && ioctl(s->near, TIOCSCTTY, 0) == 0, "a terminal of our own");
  set_size(s, columns, rows);
}

static void start(sitting *s, char **command) {
  signal(SIGTTOU, SIG_IGN);
  s->program = fork();
  must(s->program >= 0, "fork");
  if (s->program > 0) {
    setpgid(s->program, s->program);
    return;
  }
  setpgid(0, 0);
  tcsetpgrp(s->near, getpid());
  signal(SIGTTOU, SIG_DFL);
  for (int fd = 0; fd < 3; fd++)
    dup2(s->near, fd);
  execvp(*command, command);
  _exit(127);
}

/* What the program prints meanwhile is read, so that it never waits for us. */
static void watch(sitting *s) {
  struct pollfd wait = {.fd = s->far, .events = POLLIN};
  s->left_ms -= PAUSE_MS;
  if (poll(&wait, 1, PAUSE_MS) <= 0 || !(wait.revents & POLLIN)) return;
  if (s->len == SEEN_MAX) s->len = 0;
  ssize_t len = read(s->far, s->seen + s->len, SEEN_MAX - s->len);
  if (len > 0) s->len += (size_t)len;
}

/* ---- steps ---- */

static bool fail(const sitting *s, const char *step) {
  fprintf(stderr, "pty: not so: %s\npty: since the last thing expected there was:\n", step);
  for (size_t i = s->len > 8000 ? s->len - 8000 : 0; i < s->len; i++)
    fputc(s->seen[i] == '\033' ? '^' : s->seen[i], stderr);
  fputc('\n', stderr);
  return false;
}

/* "\e" in place. */
static char *escaped(char *text) {
  char *to = text;
  for (const char *from = text; *from; to++) {
    bool is_escape = from[0] == '\\' && from[1] == 'e';
    *to = is_escape ? '\033' : *from;
    from += is_escape ? 2 : 1;
  }
  *to = 0;
  return text;
}

static bool expect(sitting *s, const char *text) {
  size_t len = strlen(text);
  for (; s->left_ms > 0; watch(s)) {
    const char *found = memmem(s->seen, s->len, text, len);
    if (!found) continue;
    size_t used = (size_t)(found - s->seen) + len;
    memmove(s->seen, s->seen + used, s->len - used);
    s->len -= used;
    return true;
  }
  return false;
}

static bool type(const sitting *s, const char *text) {
  return write(s->far, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool say(const char *text) {
  return puts(text) >= 0 && fflush(stdout) == 0;
}

static bool resize(const sitting *s, const char *size) {
  char *rows;
  long columns = strtol(size, &rows, 10);
  set_size(s, (int)columns, (int)strtol(rows, NULL, 10));
  return true;
}

static bool becomes(sitting *s, bool is_raw) {
  for (; s->left_ms > 0; watch(s)) {
    struct termios now;
    must(tcgetattr(s->near, &now) == 0, "tcgetattr");
    tcflag_t line = now.c_lflag & (ICANON | ECHO);
    if (line == (is_raw ? 0 : (ICANON | ECHO))) return true;
  }
  return false;
}

static bool ends(sitting *s, const char *step, const char *how) {
  int status;
  for (; s->left_ms > 0; watch(s)) {
    pid_t who = waitpid(s->program, &status, WNOHANG | WUNTRACED);
    must(who >= 0, "waitpid");
    if (who == 0) continue;
    if (strcmp(how, "stopped") == 0) return WIFSTOPPED(status);
    if (strcmp(how, "dies") == 0) return WIFSIGNALED(status) && WTERMSIG(status) == atoi(step);
    return WIFEXITED(status) && WEXITSTATUS(status) == atoi(step);
  }
  return false;
}

static bool take_step(sitting *s, const char *verb, char *rest) {
  if (strcmp(verb, "expect") == 0) return expect(s, escaped(rest));
  if (strcmp(verb, "type") == 0) return type(s, escaped(rest));
  if (strcmp(verb, "say") == 0) return say(rest);
  if (strcmp(verb, "resize") == 0) return resize(s, rest);
  if (strcmp(verb, "kill") == 0) return kill(s->program, atoi(rest)) == 0;
  if (strcmp(verb, "raw") == 0) return becomes(s, true);
  if (strcmp(verb, "cooked") == 0) return becomes(s, false);
  return ends(s, rest, verb);
}

static bool is_verb(const char *verb) {
  static const char *const verbs[] = {"expect", "type",    "say",  "resize", "kill", "raw",
                                      "cooked", "stopped", "exit", "dies",   NULL};
  for (size_t i = 0; verbs[i]; i++)
    if (strcmp(verb, verbs[i]) == 0) return true;
  return false;
}

static int take_steps(sitting *s) {
  char line[1024], step[1024];
  const char *slow = getenv("GMUX_TEST_SLOW");
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    strcpy(step, line);
    char *rest = line + strcspn(line, " ");
    if (*rest) *rest++ = 0;
    if (!is_verb(line)) return fprintf(stderr, "pty: no such step: %s\n", step), 2;
    s->left_ms = PATIENCE_MS * (slow ? atol(slow) : 1);
    if (!take_step(s, line, rest)) return fail(s, step), 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  static sitting s;
  if (argc < 4) return fputs("usage: pty COLUMNS ROWS COMMAND [ARGUMENT]... <STEPS\n", stderr), 2;
  pid_t shell = fork();
  must(shell >= 0, "fork");
  if (shell > 0) {
    int status;
    while (waitpid(shell, &status, 0) < 0)
      must(errno == EINTR, "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  open_terminal(&s, atoi(argv[1]), atoi(argv[2]));
  start(&s, argv + 3);
  int status = take_steps(&s);
  kill(s.program, SIGKILL);
  return status;
}
