/* fleet.c: servers and gates. */
#include "tests/net/soak/fleet.h"
#include "tests/net/soak/roles.h"
#include "tests/net/soak/weather.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)
#define S_NS  UINT64_C(1000000000)
enum { READY_MS = 60000, END_S = 60 };

static void die(const char *what) {
  fprintf(stderr, "soak: %s: %s\n", what, strerror(errno));
  exit(1);
}

pid_t fleet_spawn(fleet *f, char *const argv[], int ready_fd) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, f->ledger_fd, SOAK_LEDGER_FD);
  if (ready_fd >= 0) posix_spawn_file_actions_adddup2(&files, ready_fd, SOAK_READY_FD);
  pid_t pid;
  errno = posix_spawn(&pid, "/proc/self/exe", &files, NULL, argv, environ);
  if (errno) die("cannot start a process");
  posix_spawn_file_actions_destroy(&files);
  return pid;
}

/* ---- servers ---- */

static unsigned find_berth(const fleet *f) {
  unsigned b = 0;
  while (b < SOAK_BERTHS && f->berths[b].pid)
    b++;
  return b;
}

/* At these ports; 0: any. Waits until it listens. */
static void berth_start(fleet *f, unsigned b, uint16_t clear_port, uint16_t tls_port) {
  char role[] = "server", number[12], name[] = "soak", byte;
  int ready[2];
  snprintf(number, sizeof number, "%u", b);
  f->shared->berths[b].clear_port = clear_port;
  f->shared->berths[b].tls_port = tls_port;
  if (pipe2(ready, O_CLOEXEC)) die("no pipe");
  f->berths[b] =
      (fleet_berth){.pid = fleet_spawn(f, (char *[]){name, role, number, NULL}, ready[1])};
  close(ready[1]);
  struct pollfd fd = {.fd = ready[0], .events = POLLIN};
  if (poll(&fd, 1, READY_MS) != 1 || read(ready[0], &byte, 1) != 1) die("a server did not start");
  close(ready[0]);
}

static void berth_end(fleet *f, unsigned b, int signo) {
  f->berths[b].is_killed = signo == SIGKILL;
  f->berths[b].end_by_ns = soak_now_ns() + END_S * S_NS;
  kill(f->berths[b].pid, signo);
}

static void misbehaved(fleet *f, const char *what) {
  f->misbehaved++;
  fprintf(stderr, "soak: a server %s\n", what);
}

static void berth_ended(fleet *f, unsigned b, int status) {
  const soak_self *self = &f->shared->berths[b].self;
  bool is_killed = f->berths[b].is_killed, was_told = f->berths[b].end_by_ns > 0;
  f->berths[b].pid = 0;
  if (is_killed) return;
  if (!was_told || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || !self->is_done)
    misbehaved(f, "ended in disorder");
  else if (self->left_blocks || self->left_fds)
    misbehaved(f, "left memory or descriptors behind");
}

static void berths_reap(fleet *f) {
  int status;
  for (unsigned b = 0; b < SOAK_BERTHS; b++) {
    fleet_berth *berth = &f->berths[b];
    if (berth->pid && waitpid(berth->pid, &status, WNOHANG) == berth->pid)
      berth_ended(f, b, status);
    if (!berth->pid || !berth->end_by_ns || soak_now_ns() < berth->end_by_ns) continue;
    misbehaved(f, "did not end when it was told to");
    berth_end(f, b, SIGKILL);
  }
}

/* ---- gates ---- */

/* Which server stands behind each, and whether by TLS. */
static const struct {
  unsigned server;
  bool is_tls;
  const char *listen;
} plan[SOAK_GATES] = {{0, false, "127.0.0.1:0"},
                      {0, true, "127.0.0.1:0"},
                      {1, false, NULL /* a Unix socket */},
                      {2, true, "127.0.0.1:0"}};

static void gate_target(const fleet *f, unsigned gate, char to[32]) {
  unsigned b = f->serving[plan[gate].server];
  snprintf(to, 32, "127.0.0.1:%u",
           plan[gate].is_tls ? f->shared->berths[b].tls_port : f->shared->berths[b].clear_port);
}

static void gate_start(fleet *f, unsigned gate) {
  char to[32], why[PROXY_WHY_BYTES], file[96];
  snprintf(file, sizeof file, "unix:%s/gate", f->dir);
  gate_target(f, gate, to);
  f->gates[gate] =
      proxy_start(&(proxy_options){.listen = plan[gate].listen ? plan[gate].listen : file,
                                   .to = to,
                                   .seed = proxy_random_next(&f->random)},
                  why);
  if (!f->gates[gate]) {
    fprintf(stderr, "soak: %s\n", why);
    exit(1);
  }
  snprintf(f->shared->gates[gate], sizeof f->shared->gates[gate], "%s",
           proxy_address(f->gates[gate]));
  f->shared->is_gate_tls[gate] = plan[gate].is_tls;
}

static void gates_follow(fleet *f) {
  char to[32];
  for (unsigned g = 0; g < SOAK_GATES; g++) {
    gate_target(f, g, to);
    proxy_lead_to(f->gates[g], to, NULL);
  }
}

/* ---- what happens to servers ---- */

void fleet_kill(fleet *f, unsigned server) {
  unsigned old = f->serving[server], b = find_berth(f);
  if (b == SOAK_BERTHS) return;
  berth_end(f, old, SIGKILL);
  f->killed++;
  f->serving[server] = b;
  berth_start(f, b, f->shared->berths[old].clear_port, f->shared->berths[old].tls_port);
}

/* The new one waits at the old one's ports until it lets go of them, which a drain does at once. */
void fleet_restart(fleet *f, unsigned server) {
  unsigned old = f->serving[server], b = find_berth(f);
  if (b == SOAK_BERTHS) return;
  berth_end(f, old, SIGTERM);
  f->restarted++;
  f->serving[server] = b;
  berth_start(f, b, f->shared->berths[old].clear_port, f->shared->berths[old].tls_port);
}

/* As a load balancer does it: the new one serves before the old one is told to go. */
void fleet_replace(fleet *f, unsigned server) {
  unsigned old = f->serving[server], b = find_berth(f);
  if (b == SOAK_BERTHS) return;
  berth_start(f, b, 0, 0);
  f->serving[server] = b;
  gates_follow(f);
  berth_end(f, old, SIGTERM);
  f->replaced++;
}

/* ---- the whole ---- */

void fleet_start(fleet *f) {
  for (unsigned s = 0; s < FLEET_SERVERS; s++) {
    f->serving[s] = s;
    berth_start(f, s, 0, 0);
  }
  for (unsigned g = 0; g < SOAK_GATES; g++)
    gate_start(f, g);
}

void fleet_step(fleet *f) {
  berths_reap(f);
  if (soak_now_ns() < f->next_ns) return;
  f->changes++;
  weather_change(f);
  f->next_ns = soak_now_ns() + proxy_random_below(&f->random, 2 * f->change_ms + 1) * MS_NS;
}

void fleet_calm(fleet *f) {
  for (unsigned g = 0; g < SOAK_GATES; g++) {
    proxy_set(f->gates[g], &(proxy_faults){.is_mute = false}, NULL);
  }
}

static bool has_servers(const fleet *f) {
  for (unsigned b = 0; b < SOAK_BERTHS; b++)
    if (f->berths[b].pid) return true;
  return false;
}

void fleet_stop(fleet *f) {
  for (unsigned s = 0; s < FLEET_SERVERS; s++)
    berth_end(f, f->serving[s], SIGTERM);
  while (has_servers(f)) {
    berths_reap(f);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  for (unsigned g = 0; g < SOAK_GATES; g++)
    proxy_stop(f->gates[g]);
}
