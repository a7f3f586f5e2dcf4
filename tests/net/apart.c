/* apart.c: a test in a process and a network of its own. */
#include "tests/net/apart.h"
#include "tests/net/kit.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How the process ends. */
enum { APART_GOOD, APART_FAILED, APART_NO_NETWORK, APART_NO_FILTER };

/* ---- the packet filter ---- */

static bool run(char *const argv[]) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (int fd = 0; fd <= 2; fd++)
    posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  pid_t pid;
  int status, err = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  if (err) return false;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Of the packets that come in through the loopback, and so of all. */
static bool iptables(const char *rule) {
  char command[128];
  snprintf(command, sizeof command, "exec iptables -w %s", rule);
  char sh[] = "/bin/sh", c[] = "-c";
  return run((char *[]){sh, c, command, NULL});
}

static bool drop(const char *match, unsigned port) {
  char rule[64];
  snprintf(rule, sizeof rule, "-A INPUT -p tcp %s %u -j DROP", match, port);
  return iptables(port ? rule : "-A INPUT -j DROP");
}

void apart_drop_from(unsigned port) {
  CU_ASSERT_FATAL(drop("--sport", port));
}

void apart_drop_to(unsigned port) {
  CU_ASSERT_FATAL(drop("--dport", port));
}

void apart_drop_nothing(void) {
  CU_ASSERT_FATAL(iptables("-F INPUT"));
}

/* ---- the link ---- */

static bool set_link(bool is_up) {
  struct ifreq request = {.ifr_flags = is_up ? IFF_UP | IFF_RUNNING : 0};
  strcpy(request.ifr_name, "lo");
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  int rv = ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
  return rv == 0;
}

void apart_link_down(void) {
  CU_ASSERT_FATAL(set_link(false));
}

void apart_link_up(void) {
  CU_ASSERT_FATAL(set_link(true));
}

/* ---- the process ---- */

/* Root of a namespace of users of its own: it may have a network, and what it starts may filter. */
static bool become_root(void) {
  char map[64];
  int len = snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());
  if (unshare(CLONE_NEWUSER) != 0) return false;
  int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool is_good = write(fd, map, (size_t)len) == len;
  close(fd);
  return is_good;
}

static bool leave_network(void) {
  if (unshare(CLONE_NEWNET) != 0 && (!become_root() || unshare(CLONE_NEWNET) != 0)) return false;
  return set_link(true);
}

static bool has_filter(void) {
  char path[4096];
  const char *before = getenv("PATH");
  snprintf(path, sizeof path, "%s:/usr/sbin:/sbin", before ? before : "/usr/bin:/bin");
  setenv("PATH", path, 1);
  return drop("--dport", 1) && iptables("-F INPUT");
}

/* A fatal assertion leaves the test, not the process. */
static void run_guarded(void (*test)(void)) {
  jmp_buf out;
  CU_get_current_test()->pJumpBuf = &out;
  if (setjmp(out) == 0) test();
}

static void tell_failures(unsigned known) {
  unsigned number = 0;
  for (CU_pFailureRecord f = CU_get_failure_list(); f; f = f->pNext)
    if (number++ >= known)
      printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
}

static int run_apart(void (*test)(void)) {
  if (!leave_network()) return APART_NO_NETWORK;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* not before: other credentials have it forgotten */
  if (!has_filter()) return APART_NO_FILTER;
  unsigned known = CU_get_number_of_failure_records();
  size_t live = test_alloc_live();
  run_guarded(test);
  kit_forget_sessions();
  CU_ASSERT_EQUAL(test_alloc_live(), live);
  tell_failures(known);
  return CU_get_number_of_failure_records() > known ? APART_FAILED : APART_GOOD;
}

void apart_run(void (*test)(void)) {
  pid_t pid = fork();
  if (pid == 0) _exit(run_apart(test));
  CU_ASSERT_FATAL(pid > 0);
  int status;
  CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
  CU_ASSERT_FATAL(WIFEXITED(status));
  if (WEXITSTATUS(status) == APART_NO_NETWORK)
    test_skip("a network of its own is not allowed here: run as root");
  else if (WEXITSTATUS(status) == APART_NO_FILTER)
    test_skip("iptables is missing, or not allowed");
  else
    CU_ASSERT_EQUAL(WEXITSTATUS(status), APART_GOOD);
}
