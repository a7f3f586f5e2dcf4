/* faults.c: what the scenarios stand on. */
#include "tests/net/faults.h"
#include "tests/net/apart.h"
#include <stdio.h>

enum {
  /* Far more than it takes, on any machine: nothing waits so long but a failure. */
  OK_MS = 60000, /* until calls succeed again */
  EVENT_MS = 60000,
  PATIENCE_MS = 120000
};

/* Suspicion costs nothing when it errs, so it is quick. To be given up wrongly would cost calls,
 * so nothing is given up before a test has failed, but where a scenario is about that. */
gmux_channel_options faults_options(const faults *f) {
  gmux_channel_options o =
      kit_channel_options(kit_client_tls(f->scenario->is_cleartext ? KIT_TCP : KIT_TLS));
  o.suspect_after_ms = kit_ms(200);
  o.keepalive_timeout_ms = kit_ms(PATIENCE_MS);
  o.connect_timeout_ms = kit_ms(PATIENCE_MS);
  o.ideal_streams = 20; /* more than one connection */
  if (f->scenario->set_options) f->scenario->set_options(&o);
  return o;
}

/* ---- packets ---- */

/* Whether a line of /proc/net/tcp is an open connection to that port; then its own is in *from. */
static bool is_connection_to(const char *line, unsigned port, unsigned *from) {
  unsigned to, state;
  enum { ESTABLISHED = 1 };
  return sscanf(line, " %*u: %*x:%x %*x:%x %x", from, &to, &state) == 3 && to == port &&
         state == ESTABLISHED;
}

static void drop(unsigned client_port, faults_direction direction) {
  if (direction != TO_CLIENT) apart_drop_from(client_port);
  if (direction != TO_SERVER) apart_drop_to(client_port);
}

static void drop_connections(unsigned port, faults_direction direction) {
  char line[256];
  unsigned client_port, count = 0;
  FILE *file = fopen("/proc/self/net/tcp", "re");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  while (fgets(line, sizeof line, file)) {
    if (!is_connection_to(line, port, &client_port)) continue;
    drop(client_port, direction);
    count++;
  }
  fclose(file);
  CU_ASSERT(count > 0);
}

/* ---- either way ---- */

static bool is_dialing_nothing(load *l, void *arg) {
  (void)arg;
  return load_stats(l).connections_dialing == 0;
}

void faults_swallow(faults *f, faults_direction direction) {
  load_await(f->load, is_dialing_nothing, NULL, EVENT_MS);
  if (f->way == BY_FILTERS) {
    drop_connections(f->peers[0].port, direction);
    return;
  }
  unsigned count = 0;
  if (direction != TO_CLIENT) count += proxy_do(f->proxy, 0, PROXY_UP, PROXY_SWALLOW);
  if (direction != TO_SERVER) count += proxy_do(f->proxy, 0, PROXY_DOWN, PROXY_SWALLOW);
  CU_ASSERT(count > 0);
}

void faults_cut_off(faults *f) {
  if (f->way == BY_FILTERS) {
    apart_link_down();
    return;
  }
  proxy_faults all = {.is_mute = true};
  for (proxy_way way = 0; way < PROXY_WAYS; way++)
    all.way[way].flow = PROXY_STALL; /* and not lost: TCP would send it again */
  CU_ASSERT(proxy_set(f->proxy, &all, NULL));
}

void faults_heal(faults *f) {
  if (f->way == BY_PROXY) {
    CU_ASSERT(proxy_set(f->proxy, &(proxy_faults){.is_mute = false}, NULL));
    return;
  }
  apart_link_up();
  apart_drop_nothing();
}

/* ---- waiting, while the load runs ---- */

typedef struct awaited {
  faults *f;
  peer *peer;
  proxy_counter counter;
  gmux_loss loss;
  uint64_t least;
} awaited;

static bool is_lost(load *l, void *arg) {
  const awaited *a = arg;
  return load_stats(l).lost[a->loss] >= a->least;
}

void faults_await_lost(faults *f, gmux_loss loss, unsigned count) {
  load_await(f->load, is_lost, &(awaited){.loss = loss, .least = count}, EVENT_MS);
}

static bool is_suspect(load *l, void *arg) {
  (void)arg;
  return load_stats(l).connections_suspect > 0;
}

void faults_await_suspect(faults *f) {
  load_await(f->load, is_suspect, NULL, EVENT_MS);
}

void faults_hold(faults *f) {
  load_hold(f->load, EVENT_MS);
}

void faults_await_held(faults *f) {
  load_await_held(f->load, EVENT_MS);
}

static bool is_up(load *l, void *arg) {
  (void)l;
  return peer_is_up(((awaited *)arg)->peer);
}

void faults_await_up(faults *f, peer *p) {
  load_await(f->load, is_up, &(awaited){.peer = p}, EVENT_MS);
}

static bool is_gone(load *l, void *arg) {
  (void)l;
  return peer_is_gone(((awaited *)arg)->peer);
}

void faults_await_gone(faults *f, peer *p) {
  load_await(f->load, is_gone, &(awaited){.peer = p}, EVENT_MS);
}

static bool is_counted(load *l, void *arg) {
  (void)l;
  const awaited *a = arg;
  return proxy_get_stats(a->f->proxy).count[a->counter] >= a->least;
}

void faults_await_proxy(faults *f, proxy_counter counter, uint64_t least) {
  load_await(f->load, is_counted, &(awaited){.f = f, .counter = counter, .least = least}, EVENT_MS);
}

void faults_await_ok(faults *f, unsigned count) {
  load_await_ok(f->load, count, OK_MS);
}
