/* peer.c: servers of the fault tests, as processes. */
#include "tests/net/peer.h"
#include "tests/net/faults_wire.h"
#include "tests/net/kit.h"
#include "tests/net/port.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 512 };

static char log_path[PATH_BYTES], cert_path[PATH_BYTES], key_path[PATH_BYTES];

const char *peer_make_str(peer_make make) {
  return make == PEER_OWN ? "own" : "grpcio";
}

/* ---- programs ---- */

static const char *own_path(void) {
  static char path[PATH_BYTES];
  const char *builddir = getenv("GMUX_BUILDDIR");
  snprintf(path, sizeof path, "%s/tests/net/faults-server", builddir ? builddir : ".");
  return path;
}

static const char *script_path(void) {
  static char path[PATH_BYTES];
  const char *srcdir = getenv("GMUX_SRCDIR");
  snprintf(path, sizeof path, "%s/tests/net/faults_server.py", srcdir ? srcdir : ".");
  return path;
}

static bool has_grpcio(const char *python) {
  char command[PATH_BYTES];
  snprintf(command, sizeof command,
           "'%s' -c 'import sys, importlib.util as u; sys.exit(not u.find_spec(\"grpc\"))' "
           "2>/dev/null",
           python);
  return system(command) == 0;
}

/* The system's own first: that is the one which Debian's python3-grpcio is for. */
static const char *find_python(void) {
  const char *candidates[] = {getenv("PYTHON"), "/usr/bin/python3", "python3"};
  for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
    if (candidates[i] && *candidates[i] && has_grpcio(candidates[i])) return candidates[i];
  return NULL;
}

static const char *python(void) {
  static const char *found;
  static bool is_looked_for;
  if (!is_looked_for) found = find_python();
  is_looked_for = true;
  return found;
}

const char *peer_why_not(peer_make make) {
  if (make == PEER_OWN)
    return access(own_path(), X_OK) == 0 ? NULL : "no tests/net/faults-server in GMUX_BUILDDIR";
  if (access(script_path(), R_OK) != 0) return "no tests/net/faults_server.py in GMUX_SRCDIR";
  return python() ? NULL : "no Python with grpcio (./bootstrap --peers)";
}

/* ---- around a case ---- */

enum { HELD_MAX = 8 };
/* The ports of the case's servers. */
static struct {
  int fds[HELD_MAX];
  unsigned count;
} held;

static unsigned hold_a_port(void) {
  uint16_t port;
  CU_ASSERT_FATAL(held.count < HELD_MAX);
  held.fds[held.count++] = port_hold(&port);
  return port;
}

static void write_file(char path[PATH_BYTES], const char *name, const char *text) {
  snprintf(path, PATH_BYTES, "%s/%s", kit_dir, name);
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  CU_ASSERT(fputs(text, file) >= 0);
  CU_ASSERT_EQUAL(fclose(file), 0);
}

void peers_setup(void) {
  kit_setup();
  write_file(log_path, "log", "");
  write_file(cert_path, "cert.pem", kit_cert_pem());
  write_file(key_path, "key.pem", kit_key_pem());
}

void peers_teardown(void) {
  while (held.count > 0)
    close(held.fds[--held.count]);
  unlink(log_path);
  unlink(cert_path);
  unlink(key_path);
  kit_teardown();
}

/* ---- life ---- */

/* Does not outlive us. What it says on stderr is for whoever reads the test's own. */
static _Noreturn void become(const peer *p, int out) {
  char address[32];
  snprintf(address, sizeof address, "127.0.0.1:%u", p->port);
  const char *args[8];
  int n = 0;
  if (p->make == PEER_GRPCIO) args[n++] = python();
  args[n++] = p->make == PEER_GRPCIO ? script_path() : own_path();
  args[n++] = address;
  args[n++] = log_path;
  if (p->is_tls) args[n++] = cert_path;
  if (p->is_tls) args[n++] = key_path;
  args[n] = NULL;
  if (p->max_age_ms) {
    char age[16];
    snprintf(age, sizeof age, "%u", p->max_age_ms);
    setenv(WIRE_MAX_AGE, age, 1);
  }
  setenv("GRPC_VERBOSITY", "NONE", 1); /* of corruption it has much to say */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (dup2(out, STDOUT_FILENO) >= 0) execvp(args[0], (char *const *)(uintptr_t)args);
  _exit(127);
}

void peer_start(peer *p) {
  int told[2];
  if (!p->port) p->port = hold_a_port();
  CU_ASSERT_EQUAL_FATAL(pipe2(told, O_CLOEXEC), 0);
  p->pid = fork();
  if (p->pid == 0) become(p, told[1]);
  CU_ASSERT_FATAL(p->pid > 0);
  close(told[1]);
  p->told = told[0];
}

/* It says all in one write. */
bool peer_is_up(peer *p) {
  char line[64] = "";
  struct pollfd told = {.fd = p->told, .events = POLLIN};
  if (p->told < 0) return true;
  if (poll(&told, 1, 0) <= 0) return false;
  CU_ASSERT_FATAL(read(p->told, line, sizeof line - 1) > 0);
  CU_ASSERT_EQUAL_FATAL(sscanf(line, "port: %u", &p->port), 1);
  close(p->told);
  p->told = -1;
  return true;
}

void peer_await(peer *p) {
  while (!peer_is_up(p))
    poll(&(struct pollfd){.fd = p->told, .events = POLLIN}, 1, -1);
}

void peer_kill(peer *p) {
  if (p->pid) kit_kill(p->pid);
  p->pid = 0;
}

void peer_terminate(peer *p) {
  CU_ASSERT_EQUAL(kill(p->pid, SIGTERM), 0);
}

bool peer_is_gone(peer *p) {
  int status;
  if (p->pid == 0) return true;
  pid_t pid = waitpid(p->pid, &status, WNOHANG);
  if (pid == 0) return false;
  CU_ASSERT_EQUAL(pid, p->pid);
  CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  p->pid = 0;
  return true;
}

/* ---- the log ---- */

unsigned *peers_executed(unsigned first, unsigned count, unsigned *foreign) {
  unsigned *executed = calloc(count + 1, sizeof *executed);
  FILE *file = fopen(log_path, "rb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(executed);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  *foreign = 0;
  for (uint32_t number; fread(&number, sizeof number, 1, file) == 1;) {
    if (number == WIRE_FOREIGN)
      (*foreign)++;
    else if (number >= first && number - first < count)
      executed[number - first]++;
  }
  fclose(file);
  return executed;
}
