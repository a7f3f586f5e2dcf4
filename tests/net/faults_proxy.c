/* faults_proxy.c: what stands between client and server, and is far, forgetful, or broken. */
#include "tests/net/faults.h"

enum { SOME = 100, TIME_MS = 60000 };

/* ---- 200 ms there and back ---- */

static const proxy_faults far = {.way = {[PROXY_UP].delay_ms = 100, [PROXY_DOWN].delay_ms = 100}};
enum {
  THERE_AND_BACK_MS = 200,
  FAR_LANES = 100,
  FAR_CALLS = 200,
  FAR_TIMES = 100, /* tries, each of which takes half a second and succeeds if there is the time */
};

static unsigned time_of(load *l, unsigned calls) {
  unsigned began_ms = load_now_ms(l);
  load_await_ends(l, calls, TIME_MS);
  return load_now_ms(l) - began_ms;
}

static void suspect_as_measured(gmux_channel_options *o) {
  o->suspect_after_ms = 0;
}

/* Each call waits for the network, and none for another: in the time that the network takes for ten
 * of them, one after another, two hundred have ended. Where they do wait no try succeeds, however
 * fast the machine; where they do not, one in which it does not stand still. */
static void far_away(faults *f) {
  faults_await_ok(f, 1);
  unsigned tries = 0;
  while (time_of(f->load, FAR_CALLS) > 10 * THERE_AND_BACK_MS && tries < FAR_TIMES)
    tries++;
  CU_ASSERT(tries < FAR_TIMES);
  gmux_channel_stats stats = load_stats(f->load);
  CU_ASSERT_EQUAL(stats.dials_failed, 0);
  for (int loss = 0; loss < GMUX_LOSSES; loss++)
    CU_ASSERT_EQUAL(stats.lost[loss], 0);
}

/* ---- one in a hundred is killed, each second ---- */

enum { CONNECTIONS = 100, KILLED = 2 };

static void have_many(gmux_channel_options *o) {
  o->max_connections = CONNECTIONS;
  o->ideal_streams = 1;
}

static void some_are_killed(faults *f) {
  faults_await_ok(f, SOME);
  CU_ASSERT(proxy_set(f->proxy, &(proxy_faults){.kill_per_s = 0.01}, NULL));
  faults_await_proxy(f, PROXY_KILLED, KILLED);
  faults_await_ok(f, SOME);
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* ---- idle for 2 s ---- */

enum { IDLE_MS = 2000 };

/* Far sooner: the client may have read the last byte later than the proxy passed it on. */
static void set_validation(gmux_channel_options *o) {
  o->validate_after_ms = IDLE_MS / 20;
}

/* Whoever did it said nothing, or nothing yet: a PING finds out before a call is put on it. */
static void go_on(faults *f) {
  load_go_on(f->load);
  faults_await_ok(f, SOME);
  CU_ASSERT_EQUAL(load_stats(f->load).retries[GMUX_EVIDENCE_POSSIBLE], 0);
}

/* Not while there are calls: a machine that stands still may leave them idle, too. */
static void idle_out(faults *f, proxy_act act) {
  faults_await_ok(f, SOME);
  load_finish(f->load);
  CU_ASSERT(proxy_set(f->proxy, &(proxy_faults){.idle_ms = IDLE_MS, .idle = act}, NULL));
  faults_await_proxy(f, PROXY_IDLED, 1);
  faults_heal(f);
  go_on(f);
}

static void idle_is_closed(faults *f) {
  idle_out(f, PROXY_CLOSE);
}

static void idle_is_forgotten(faults *f) {
  if (f->way == BY_PROXY) {
    idle_out(f, PROXY_FORGET);
  } else {
    faults_await_ok(f, SOME);
    load_finish(f->load);
    faults_swallow(f, BOTH_WAYS);
    load_run_for(f->load, IDLE_MS); /* time itself is what is waited for */
    go_on(f);
  }
  CU_ASSERT(load_stats(f->load).validations > 0);
}

/* ---- a byte arrives as another ---- */

enum { BROKEN = 8, FIRST_BYTE = 100 };

/* One that waits for the rest of what is longer than it was is given up. */
static void have_one(gmux_channel_options *o) {
  o->max_connections = 1;
  o->keepalive_timeout_ms = o->connect_timeout_ms = kit_ms(2000);
}

/* The first ones break at a byte that is twice as far each time: in the handshake, in SETTINGS, in
 * calls. */
static void corrupt(faults *f, proxy_way way) {
  faults_await_ok(f, 1);
  uint64_t first = proxy_get_stats(f->proxy).count[PROXY_ACCEPTED] + 1;
  for (unsigned i = 0; i < BROKEN; i++) {
    proxy_faults broken = {.kill_per_s = 0};
    broken.way[way].corrupt_at = (uint64_t)FIRST_BYTE << i;
    CU_ASSERT(proxy_set_one(f->proxy, first + i, &broken, NULL));
  }
  proxy_kill_all(f->proxy);
  faults_await_proxy(f, PROXY_CORRUPTED, BROKEN);
  faults_await_proxy(f, PROXY_ENDED, first - 1 + BROKEN);
  faults_await_ok(f, SOME);
}

static void corrupt_requests(faults *f) {
  corrupt(f, PROXY_UP);
}

static void corrupt_replies(faults *f) {
  corrupt(f, PROXY_DOWN);
}

const scenario proxy_scenarios[] = {
    {.name = "200 ms there and back",
     .ways = WAY(BY_PROXY),
     .lanes = FAR_LANES,
     .lossless = ALL_PEERS,
     .run = far_away,
     .set_options = suspect_as_measured,
     .proxied = &far},
    {.name = "1 % of connections killed a second",
     .ways = WAY(BY_PROXY),
     .lanes = CONNECTIONS,
     .run = some_are_killed,
     .set_options = have_many,
     .is_cleartext = true},
    {.name = "idle for 2 s is closed",
     .ways = WAY(BY_PROXY),
     .lanes = 20,
     .lossless = ALL_PEERS,
     .run = idle_is_closed,
     .set_options = set_validation},
    {.name = "idle for 2 s is forgotten",
     .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
     .lanes = 20,
     .lossless = ALL_PEERS,
     .run = idle_is_forgotten,
     .set_options = set_validation},
    {.name = "a byte of requests is corrupted",
     .ways = WAY(BY_PROXY),
     .lanes = 20,
     .run = corrupt_requests,
     .set_options = have_one},
    {.name = "a byte of replies is corrupted",
     .ways = WAY(BY_PROXY),
     .lanes = 20,
     .run = corrupt_replies,
     .set_options = have_one},
    {.name = NULL},
};
