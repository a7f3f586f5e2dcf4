/* unruly.c: the server: who connects, what it is asked to do, and what others hear of it. */
#include "tests/sim/unruly_inside.h"
#include "tests/sim/world.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fault_names[UNRULY_FAULTS] = {
    [UNRULY_GOAWAY] = "goaway",
    [UNRULY_GOAWAY_LOWERED] = "goaway lowered",
    [UNRULY_GOAWAY_CLOSE] = "goaway and close",
    [UNRULY_GOAWAY_TWO_STEPS] = "goaway in two steps",
    [UNRULY_TOO_MANY_PINGS] = "too many pings",
    [UNRULY_REFUSE] = "refuse what is not executed",
    [UNRULY_RESET] = "reset a call",
    [UNRULY_LIMIT_UP] = "limit up",
    [UNRULY_LIMIT_DOWN] = "limit down",
    [UNRULY_LIMIT_ZERO] = "limit zero",
    [UNRULY_WINDOW_UP] = "window up",
    [UNRULY_WINDOW_DOWN] = "window down",
    [UNRULY_STARVE] = "no window updates",
    [UNRULY_PINGS] = "pings",
    [UNRULY_NO_ACKS] = "no acks",
    [UNRULY_DEAF] = "deaf",
    [UNRULY_DRIP] = "drip",
    [UNRULY_BABBLE] = "babble",
    [UNRULY_CLOSE] = "close",
    [UNRULY_ABORT] = "abort",
    [UNRULY_HALF_CLOSE] = "half close",
    [UNRULY_NO_GREETING] = "no settings",
    [UNRULY_LATE_GREETING] = "late settings",
    [UNRULY_GOAWAY_AT_ONCE] = "goaway at once",
    [UNRULY_LATE_ACKS] = "late acks",
    [UNRULY_SMALL_WINDOW] = "small window",
    [UNRULY_PADDING] = "padding",
    [UNRULY_SMALL_FRAMES] = "small frames",
    [UNRULY_EMPTY_FRAMES] = "empty frames",
    [UNRULY_CONTINUATION] = "continuation",
    [UNRULY_REFUSED] = "refused",
    [UNRULY_REFUSED_LATE] = "refused late",
    [UNRULY_RESET_UNEXECUTED] = "reset, not executed",
    [UNRULY_RESET_EXECUTED] = "reset, executed",
    [UNRULY_ERROR] = "error",
    [UNRULY_ERROR_ONLY] = "trailers only",
    [UNRULY_EARLY] = "early answer",
    [UNRULY_INFORMATIONAL] = "informational",
    [UNRULY_NO_TRAILERS] = "no trailers",
    [UNRULY_CUT_MESSAGE] = "cut message",
    [UNRULY_WRONG_COUNT] = "wrong count",
    [UNRULY_BROKEN_OFF] = "broken off",
    [UNRULY_GOAWAY_INSTEAD] = "goaway instead",
    [UNRULY_SILENT] = "silent",
};

const char *unruly_fault_str(unruly_fault fault) {
  return fault < UNRULY_FAULTS ? fault_names[fault] : "unknown";
}

/* ---- chance ---- */

/* splitmix64 (Vigna, public domain). */
uint64_t unruly_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint64_t unruly_below(uint64_t *state, uint64_t below) {
  return unruly_random(state) % below;
}

bool unruly_chance(uint64_t *state, unsigned percent) {
  return unruly_below(state, 100) < percent;
}

uint64_t unruly_while_ns(uint64_t *state, unsigned most_ms) {
  static const unsigned parts[] = {1000, 100, 10, 1};
  uint64_t most_ns = (uint64_t)most_ms * GMUX__NS_PER_MS / parts[unruly_below(state, 4)];
  return unruly_below(state, most_ns + 1);
}

uint64_t unruly_mix(uint64_t seed, uint64_t name) {
  uint64_t state = seed ^ (name * UINT64_C(0xd6e8feb86659fd93));
  return unruly_random(&state);
}

/* ---- what others hear ---- */

void unruly_count(unruly *u, unruly_fault fault) {
  u->options.handlers->on_fault(fault, u->options.user_data);
}

bool unruly_is_wild(const unruly *u, uint64_t *random) {
  if (u->is_calm || u->options.always >= UNRULY_DEEDS) return false;
  return unruly_chance(random, u->options.roughness);
}

void unruly_breach(unruly_conn *c, const char *format, ...) {
  char what[160];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  c->u->options.handlers->on_breach(what, c->u->options.user_data);
}

unsigned unruly_times_seen(unruly *u, uint32_t id) {
  if (id >= u->seen_size) {
    size_t size = 2 * (size_t)id + 64;
    u->seen = realloc(u->seen, size);
    if (!u->seen) sim_die("no memory for %zu bytes", size);
    memset(u->seen + u->seen_size, 0, size - u->seen_size);
    u->seen_size = size;
  }
  return ++u->seen[id];
}

/* ---- its life ---- */

static void free_conns(unruly *u, bool is_all) {
  for (gmux__link *l = u->conns.first, *next; l; l = next) {
    next = l->next;
    unruly_conn *c = gmux__container(l, unruly_conn, link);
    if (is_all || !c->transport) unruly_conn_free(c);
  }
}

/* No connection is on the stack here, so those that are over can go. */
static void on_accepted(void *arg, gmux__transport *transport) {
  unruly *u = arg;
  free_conns(u, false);
  unruly_conn_new(u, transport);
}

unruly *unruly_open(gmux_loop *loop, const gmux__address *at, const unruly_options *options,
                    uint64_t seed) {
  unruly *u = sim_alloc(sizeof *u);
  u->loop = loop;
  u->options = *options;
  u->seed = seed;
  if (gmux__loop_listen(loop, &u->listener, at, NULL, on_accepted, u) == 0) return u;
  unruly_close(u);
  return NULL;
}

void unruly_close(unruly *u) {
  if (!u) return;
  gmux__listener_close(u->listener);
  free_conns(u, true);
  free(u->seen);
  free(u);
}

size_t unruly_connections(const unruly *u) {
  size_t count = 0;
  for (gmux__link *l = u->conns.first; l; l = l->next)
    count += gmux__container(l, unruly_conn, link)->transport != NULL;
  return count;
}

size_t unruly_calls(const unruly *u) {
  size_t count = 0;
  for (gmux__link *l = u->conns.first; l; l = l->next)
    count += gmux__container(l, unruly_conn, link)->streams.count;
  return count;
}

/* ---- what it is asked to do ---- */

static unruly_conn *nth_conn(const unruly *u, size_t nth) {
  gmux__link *l = u->conns.first;
  while (nth-- > 0)
    l = l->next;
  return gmux__container(l, unruly_conn, link);
}

/* The first from a random one on to which it can be done. */
bool unruly_do(unruly *u, unruly_fault deed, uint64_t seed) {
  uint64_t random = seed;
  size_t count = u->conns.count;
  size_t first = count > 0 ? (size_t)unruly_below(&random, count) : 0;
  for (size_t i = 0; i < count; i++) {
    unruly_conn *c = nth_conn(u, (first + i) % count);
    if (!unruly_conn_is_open(c) || !c->has_greeted) continue;
    if (!unruly_conn_do(c, deed, &random)) continue;
    unruly_count(u, deed);
    unruly_conn_flush(c);
    return true;
  }
  return false;
}

void unruly_calm(unruly *u) {
  u->is_calm = true;
  for (gmux__link *l = u->conns.first; l; l = l->next) {
    unruly_conn *c = gmux__container(l, unruly_conn, link);
    if (c->transport) unruly_conn_calm(c);
  }
}

void unruly_drain(unruly *u) {
  gmux__listener_close(u->listener);
  u->listener = NULL;
  for (gmux__link *l = u->conns.first; l; l = l->next) {
    unruly_conn *c = gmux__container(l, unruly_conn, link);
    if (unruly_conn_is_open(c)) unruly_conn_drain(c);
  }
}
