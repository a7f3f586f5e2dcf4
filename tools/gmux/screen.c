/* screen.c: signals are blocked but while it waits, so none is missed and none interrupts. */
#include "tools/gmux/screen.h"

#include <errno.h>
#include <signal.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

/* Signals are a process's, and so is the terminal. */
static struct {
  terminal *terminal;
  bool has_keys;
  struct termios before;
  sigset_t mask_before;
  keys keys;
} screen;
static volatile sig_atomic_t ended_by, is_stopped, is_changed;

/* ---- signals ---- */

static void on_signal(int number) {
  if (number == SIGTSTP)
    is_stopped = 1;
  else if (number == SIGWINCH || number == SIGCONT)
    is_changed = 1;
  else
    ended_by = number;
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
enum { SIGNALS = sizeof signals / sizeof *signals };

static void catch_signal(int number) {
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

static void block_signals(void) {
  sigset_t blocked;
  sigemptyset(&blocked);
  for (size_t i = 0; i < SIGNALS; i++)
    sigaddset(&blocked, signals[i]);
  pthread_sigmask(SIG_BLOCK, &blocked, &screen.mask_before);
}

static void let_go(int number) {
  signal(number, SIG_DFL);
  raise(number);
  pthread_sigmask(SIG_SETMASK, &screen.mask_before, NULL);
}

/* ---- the terminal ---- */

static void enter(void) {
  struct termios raw = screen.before;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (screen.has_keys) tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  fputs(terminal_enter_screen(screen.terminal), stdout);
  fflush(stdout);
}

static void leave(void) {
  fputs(terminal_leave_screen(screen.terminal), stdout);
  fflush(stdout);
  if (screen.has_keys) tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
}

void screen_open(terminal *t) {
  screen.terminal = t;
  screen.has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen.before) == 0;
  block_signals();
  for (size_t i = 0; i < SIGNALS; i++)
    catch_signal(signals[i]);
  enter();
}

void screen_close(void) {
  leave();
  for (size_t i = 0; i < SIGNALS; i++)
    if (signals[i] != ended_by) signal(signals[i], SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &screen.mask_before, NULL);
}

void screen_end(void) {
  if (ended_by) let_go(ended_by);
}

/* Stops here, as who is not looked at should, until SIGCONT. */
static void stop(void) {
  is_stopped = 0;
  leave();
  let_go(SIGTSTP);
  catch_signal(SIGTSTP);
  block_signals();
}

/* ---- what happens ---- */

static screen_event read_key(key *typed) {
  unsigned char byte;
  ssize_t len = read(STDIN_FILENO, &byte, 1);
  if (len < 0 && (errno == EINTR || errno == EAGAIN)) return SCREEN_KEY;
  if (len <= 0) return SCREEN_END;
  *typed = keys_take(&screen.keys, byte);
  return SCREEN_KEY;
}

/* SIGCONT and SIGWINCH say the same: what is on the screen may be anything. */
static screen_event after_signal(void) {
  if (ended_by) return SCREEN_END;
  if (is_stopped) stop();
  is_changed = 0;
  enter();
  terminal_measure(screen.terminal);
  return SCREEN_CHANGED;
}

screen_event screen_wait(int fd, int64_t timeout_ms, key *typed) {
  fd_set set;
  struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
  *typed = KEY_NONE;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  if (screen.has_keys) FD_SET(STDIN_FILENO, &set);
  int ready = pselect(fd + 1, &set, NULL, NULL, &timeout, &screen.mask_before);
  if (ended_by || is_stopped || is_changed) return after_signal();
  if (ready <= 0) return SCREEN_TIME;
  if (screen.has_keys && FD_ISSET(STDIN_FILENO, &set)) return read_key(typed);
  return SCREEN_READABLE;
}
