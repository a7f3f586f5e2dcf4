/* unruly.c: the server: who connects, what it is asked to do, and what others hear of it. */
#include "tests/sim/unruly_inside.h"
#include "tests/sim/world.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *unruly_fault_str(unruly_fault fault) {
  static const char *const words[] = {
#define X(name, text, weight) text,
      UNRULY_FAULT_LIST(X)
#undef X
  };
  return words[fault];
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

void unruly_breach(unruly_conn *c, unruly_breach_kind kind, const char *format, ...) {
  char what[160];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  c->u->options.handlers->on_breach(kind, what, c->u->options.user_data);
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

bool unruly_windows_are_back(const unruly *u) {
  for (gmux__link *l = u->conns.first; l; l = l->next)
    if (!unruly_conn_window_is_back(gmux__container(l, unruly_conn, link))) return false;
  return true;
}

void unruly_drain(unruly *u) {
  gmux__listener_close(u->listener);
  u->listener = NULL;
  for (gmux__link *l = u->conns.first; l; l = l->next) {
    unruly_conn *c = gmux__container(l, unruly_conn, link);
    if (unruly_conn_is_open(c)) unruly_conn_drain(c);
  }
}
