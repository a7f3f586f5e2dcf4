/*
 * pool.c: which line of an endpoint takes a call, whether one more is wanted, and which must go.
 * The rules are lib/policy/pool.h's; here are the facts.
 *
 * A call costs one look at each line. Lines that are to go by time (age, idleness) share one timer,
 * which is set to the earliest that may be due and looks again when it fires.
 */
#include "lib/client/endpoint.h"
#include "lib/policy/jitter.h"
#include <assert.h>

/* Less than what grpc-go and grpc-java let be asked for. */
enum { KEEPALIVE_NOTICE_MS = 10000 };

/* A socket is full many times a second where much is sent, and empties as often. One that has not
 * for so long is its peer's doing, and a connection that is made meanwhile comes in time. */
enum { STALLED_MS = 100 };

static gmux__pool_order pool_order(const gmux__endpoint *e) {
  return e->config.options->pick_order == GMUX_PICK_SPREAD ? GMUX__POOL_SPREAD : GMUX__POOL_PACK;
}

static uint32_t pool_ideal(const gmux__endpoint *e) {
  return e->config.options->ideal_streams;
}

/* ---- the next call ---- */

/* Nothing came for so long that a NAT or a load balancer may have forgotten it; or its peer is
 * gone, and a quiet stream had spent the suspicion before (promise 10). */
static bool line_is_stale(const gmux__line *line, uint64_t now_ns) {
  uint32_t after_ms = line->endpoint->config.options->validate_after_ms;
  if (after_ms == 0) return false;
  return now_ns - gmux__conn_read_ns(line->conn) >= after_ms * GMUX__NS_PER_MS;
}

/* Its peer does not read. */
static bool line_is_stalled(const gmux__line *line) {
  return gmux__conn_blocked_ns(line->conn) >= STALLED_MS * GMUX__NS_PER_MS;
}

static gmux__line *pool_best(const gmux__endpoint *e, bool may_be_stale, gmux__load *best_load) {
  uint64_t now_ns = gmux__loop_now(e->loop);
  gmux__line *best = NULL;
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    gmux__line *line = gmux__line_of(l);
    gmux__load load = gmux__line_load(line);
    if (!gmux__load_has_room(&load)) continue;
    if (!may_be_stale && line_is_stale(line, now_ns)) continue;
    if (best && !gmux__pool_prefers(pool_order(e), pool_ideal(e), &load, best_load)) continue;
    best = line;
    *best_load = load;
  }
  return best;
}

/* One whose peer has not greeted yet: as many calls as the options allow, and as its peer allowed
 * the last time. */
static gmux__line *pool_eager(const gmux__endpoint *e) {
  for (gmux__link *l = e->greeting.first; l; l = l->next) {
    gmux__line *line = gmux__line_of(l);
    bool is_beyond = e->peer_limit && gmux__conn_used_slots(line->conn) >= e->peer_limit;
    if (gmux__conn_free_slots(line->conn) > 0 && !is_beyond) return line;
  }
  return NULL;
}

static bool pool_is_asking(const gmux__endpoint *e) {
  for (gmux__link *l = e->ready.first; l; l = l->next)
    if (gmux__line_is_asked(gmux__line_of(l))) return true;
  return false;
}

size_t gmux__endpoint_places_asked(const gmux__endpoint *e) {
  if (!pool_is_asking(e)) return 0;
  size_t places = 0;
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    const gmux__line *line = gmux__line_of(l);
    if (gmux__line_is_trusted(line)) places += gmux__conn_free_slots(line->conn);
  }
  return places;
}

/* Whether it has to answer a PING first. One is asked at a time: while the answer is awaited other
 * stale ones are no better. */
static bool pool_must_ask(const gmux__endpoint *e, gmux__line *line) {
  if (!line_is_stale(line, gmux__loop_now(e->loop))) return false;
  return pool_is_asking(e) || gmux__conn_validate(line->conn);
}

gmux__line *gmux__endpoint_pick(gmux__endpoint *e) {
  gmux__load load;
  gmux__line *line = pool_best(e, true, &load);
  if (!line) return pool_eager(e);
  if (pool_must_ask(e, line)) line = pool_best(e, false, &load);
  if (!line) return NULL;
  bool is_last_resort = load.is_blocked && line_is_stalled(line);
  bool is_overfull = !gmux__load_is_below_ideal(&load, pool_ideal(e));
  if (!e->has_overflowed && (is_last_resort || is_overfull)) {
    e->has_overflowed = true;
    gmux__endpoint_changes(e);
  }
  return line;
}

/* ---- one more? ---- */

/* What is asked before its first call counts as usable: an answer comes sooner than a new one. */
static gmux__pool_facts pool_facts(const gmux__endpoint *e, const gmux__demand *demand,
                                   uint64_t now_ns) {
  gmux__pool_facts facts = {
      .dialing = gmux__connector_is_on(&e->connector),
      .waiting = demand->waiting,
      .has_overflowed = e->has_overflowed,
  };
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    const gmux__line *line = gmux__line_of(l);
    facts.suspect += !gmux__line_is_trusted(line);
    if (!gmux__line_is_trusted(line)) continue;
    gmux__load load = gmux__line_load(line);
    load.is_usable = true;
    bool is_below = gmux__load_has_room(&load) && gmux__load_is_below_ideal(&load, pool_ideal(e)) &&
                    !line_is_stalled(line);
    facts.below_ideal += is_below;
    facts.temporary += line->is_temporary;
    facts.usable += !line->is_temporary;
    facts.to_replace += line->recycle != GMUX__RECYCLE_NO;
  }
  facts.is_asked = (demand->is_asked || e->is_successor_wanted) && facts.usable == 0;
  /* What waits for the answer to a PING does not wait for more connections. */
  bool is_crowded = demand->waiting > 0 && facts.below_ideal == 0;
  if (is_crowded) facts.waited_ns = now_ns - demand->waiting_since_ns;
  return facts;
}

/* When what is wanted now may change by time alone: a call will have waited for long enough. */
static uint64_t pool_burst_ns(const gmux__endpoint *e, const gmux__pool_facts *facts,
                              const gmux__demand *demand) {
  if (facts->waiting == 0 || facts->below_ideal > 0 || facts->dialing ||
      gmux__pool_is_full(&e->pool, facts) || facts->usable < e->pool.max_connections ||
      facts->temporary >= e->pool.burst_connections)
    return GMUX__NEVER;
  return demand->waiting_since_ns + e->pool.burst_after_ns;
}

/* Somebody needs a connection, for the first time. The one place for what is worth saying of the
 * options: gmux_channel_new may run on any thread, and the log is the loop's. */
static void endpoint_start(gmux__endpoint *e) {
  uint32_t keepalive_ms = e->config.options->keepalive_ms;
  e->is_started = true;
  if (keepalive_ms == 0 || keepalive_ms >= KEEPALIVE_NOTICE_MS) return;
  gmux__log(gmux__loop_logger(e->loop), GMUX_LOG_INFO, "client",
            "keepalive_ms %u: only servers that were told to allow so many PINGs will",
            keepalive_ms);
}

/* One of them has ended, or goes away, and has not said so yet. It will in this turn, and only then
 * is known how long the next attempt has to wait. */
static bool pool_has_news(const gmux__endpoint *e) {
  for (gmux__link *l = e->ready.first; l; l = l->next)
    if (gmux__conn_get_state(gmux__line_of(l)->conn) != GMUX__CONN_READY) return true;
  return false;
}

void gmux__endpoint_drive(gmux__endpoint *e, const gmux__demand *demand) {
  assert(!e->is_closed);
  uint64_t now_ns = gmux__loop_now(e->loop);
  if (!e->is_started && (demand->waiting || demand->is_asked)) endpoint_start(e);
  gmux__pool_config config = e->pool;
  if (!e->is_started) config.min_connections = 0;
  gmux__pool_facts facts = pool_facts(e, demand, now_ns);
  if (facts.below_ideal > 0) e->has_overflowed = false;
  gmux__pool_wish wish = gmux__pool_wants(&config, &facts);
  if (wish == GMUX__POOL_CONTENT) {
    gmux__timer_set(e->loop, &e->dial_timer, pool_burst_ns(e, &facts, demand));
  } else if (now_ns < e->not_before_ns) {
    gmux__timer_set(e->loop, &e->dial_timer, e->not_before_ns);
  } else if (!pool_has_news(e)) {
    gmux__timer_clear(e->loop, &e->dial_timer);
    e->is_burst = wish == GMUX__POOL_DIAL_BURST;
    gmux__endpoint_dial(e);
  }
}

/* ---- which must go ---- */

static void pool_count_recycled(gmux__endpoint *e, gmux__recycle why) {
  gmux__channel_figures *f = e->config.figures;
  switch (why) {
  case GMUX__RECYCLE_NO:
    return;
  case GMUX__RECYCLE_AGE:
    gmux__counter_add(&f->recycled_age, 1);
    return;
  case GMUX__RECYCLE_CALLS:
    gmux__counter_add(&f->recycled_calls, 1);
    return;
  case GMUX__RECYCLE_IDS:
    gmux__counter_add(&f->recycled_ids, 1);
    return;
  case GMUX__RECYCLE_ROTATED:
  case GMUX__RECYCLE_MOVED:
    gmux__counter_add(&f->recycled_rotated, 1);
    return;
  }
}

static void pool_recycle(gmux__endpoint *e, gmux__line *line) {
  pool_count_recycled(e, line->recycle);
  gmux__line_retire(line, gmux__recycle_str(line->recycle));
}

static gmux__line *pool_to_replace(const gmux__endpoint *e) {
  for (gmux__link *l = e->ready.first; l; l = l->next)
    if (gmux__line_of(l)->recycle != GMUX__RECYCLE_NO) return gmux__line_of(l);
  return NULL;
}

/* A temporary one needs no replacement: when calls wait, there will be another. */
static void pool_mark(gmux__endpoint *e, gmux__line *line, gmux__recycle why) {
  gmux__line_mark(line, why);
  if (line->is_temporary) pool_recycle(e, line);
}

/* Marks all ready lines but one for which `is_due` holds. */
static void pool_mark_all(gmux__endpoint *e, bool (*is_due)(const gmux__line *line),
                          gmux__recycle why) {
  gmux__link *next;
  for (gmux__link *l = e->ready.first; l; l = next) {
    next = l->next;
    if (is_due(gmux__line_of(l))) pool_mark(e, gmux__line_of(l), why);
  }
}

/* Trusted ones, either temporary or not. */
static size_t pool_count(const gmux__endpoint *e, bool is_temporary) {
  size_t count = 0;
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    const gmux__line *line = gmux__line_of(l);
    count += gmux__line_is_trusted(line) && line->is_temporary == is_temporary;
  }
  return count;
}

/* Who is to be replaced anyway, else who carries least; of equals the newest. */
static gmux__line *pool_spare(const gmux__endpoint *e, bool is_temporary) {
  gmux__line *spare = NULL;
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    gmux__line *line = gmux__line_of(l);
    if (line->is_temporary != is_temporary || !gmux__line_is_trusted(line)) continue;
    if (line->recycle != GMUX__RECYCLE_NO) return line;
    if (!spare || gmux__conn_used_slots(line->conn) <= gmux__conn_used_slots(spare->conn))
      spare = line;
  }
  return spare;
}

static void pool_shed_to(gmux__endpoint *e, bool is_temporary, size_t most, const char *why) {
  for (size_t count = pool_count(e, is_temporary); count > most; count--) {
    gmux__line *spare = pool_spare(e, is_temporary);
    if (spare->recycle != GMUX__RECYCLE_NO)
      pool_recycle(e, spare);
    else
      gmux__line_retire(spare, why);
  }
}

static void pool_shed(gmux__endpoint *e) {
  pool_shed_to(e, false, e->pool.max_connections,
               "more connections than max_connections are there");
  pool_shed_to(e, true, e->pool.burst_connections,
               "more connections than burst_connections are there");
}

/* One for one: it is put in the place of the first that is to be replaced. If nobody needs that,
 * nobody needs its replacement. */
static void pool_replace(gmux__endpoint *e, gmux__line *line) {
  gmux__line *old = pool_to_replace(e);
  if (!old) return;
  bool is_idle = line->idle_since_ns != GMUX__NEVER && old->idle_since_ns != GMUX__NEVER;
  if (is_idle) line->idle_since_ns = old->idle_since_ns;
  pool_recycle(e, old);
}

static void pool_set_upkeep(gmux__endpoint *e);

void gmux__pool_on_trust(gmux__endpoint *e) {
  pool_shed(e);
  pool_set_upkeep(e);
}

static bool line_has_moved(const gmux__line *line) {
  return !gmux__connector_has_address(&line->endpoint->connector, &line->address);
}

void gmux__pool_on_ready(gmux__endpoint *e, gmux__line *line) {
  if (gmux__conn_get_state(line->conn) != GMUX__CONN_READY) {
    gmux__endpoint_changed(e); /* GOAWAY came with its SETTINGS: it takes nobody's place */
    return;
  }
  uint32_t max_age_ms = e->config.options->max_age_ms;
  if (max_age_ms)
    line->old_ns = line->ready_ns + gmux__jitter_around(max_age_ms * GMUX__NS_PER_MS, 10,
                                                        gmux__loop_random(e->loop));
  line->is_temporary = e->is_burst && pool_count(e, false) > e->pool.max_connections;
  pool_mark_all(e, line_has_moved, GMUX__RECYCLE_MOVED);
  if (!line->is_temporary) pool_replace(e, line);
  pool_shed(e);
  gmux__endpoint_changed(e);
  bool is_needed = line->state != GMUX__LINE_READY || !gmux__line_is_empty(line);
  if (line->is_temporary && !is_needed) gmux__line_retire(line, "no call waits any more");
  pool_set_upkeep(e);
}

static bool line_is_any(const gmux__line *line) {
  (void)line;
  return true;
}

void gmux__endpoint_rotate(gmux__endpoint *e) {
  gmux__connector_forget_names(&e->connector);
  pool_mark_all(e, line_is_any, GMUX__RECYCLE_ROTATED);
  gmux__endpoint_changes(e);
}

void gmux__endpoint_slow_down(gmux__endpoint *e, uint64_t keepalive_ns) {
  if (e->keepalive_ns == GMUX__PULSE_OFF || keepalive_ns <= e->keepalive_ns) return;
  e->keepalive_ns = keepalive_ns;
  gmux__h2_set_keepalive(e->config.h2, keepalive_ns);
  gmux__counter_set(&e->config.figures->keepalive_ms, keepalive_ns / GMUX__NS_PER_MS);
}

void gmux__endpoint_drop(gmux__endpoint *e) {
  while (e->ready.first) {
    gmux__counter_add(&e->config.figures->closed_idle, 1);
    gmux__line_retire(gmux__line_of(e->ready.first), "no call for idle_timeout_ms");
  }
  gmux__endpoint_stop_dialing(e);
  gmux__endpoint_reset_backoff(e);
  pool_set_upkeep(e);
}

/* ---- by time ---- */

/* How many more may go for want of calls. The last one is the channel's (idle_timeout_ms). */
static size_t pool_spare_count(const gmux__endpoint *e) {
  size_t keep = e->pool.min_connections ? e->pool.min_connections : 1;
  size_t trusted = gmux__endpoint_trusted(e);
  return trusted > keep ? trusted - keep : 0;
}

/* When it has been idle for too long. GMUX__NEVER: as it is, never; only what can be closed then
 * may set the timer, or it would fire again and again. */
static uint64_t line_idle_ns(const gmux__line *line) {
  uint32_t max_idle_ms = line->endpoint->config.options->max_idle_ms;
  if (max_idle_ms == 0 || line->idle_since_ns == GMUX__NEVER) return GMUX__NEVER;
  if (!gmux__line_is_trusted(line)) return GMUX__NEVER;
  return line->idle_since_ns + max_idle_ms * GMUX__NS_PER_MS;
}

/* Temporary ones first, then who has been idle for longest. */
static gmux__line *pool_idlest(const gmux__endpoint *e, uint64_t now_ns) {
  gmux__line *found = NULL;
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    gmux__line *line = gmux__line_of(l);
    if (line_idle_ns(line) > now_ns) continue;
    bool is_first =
        !found || (line->is_temporary && !found->is_temporary) ||
        (line->is_temporary == found->is_temporary && line->idle_since_ns < found->idle_since_ns);
    if (is_first) found = line;
  }
  return found;
}

static void pool_close_idle(gmux__endpoint *e, uint64_t now_ns) {
  for (size_t left = pool_spare_count(e); left > 0; left--) {
    gmux__line *line = pool_idlest(e, now_ns);
    if (!line) return;
    gmux__counter_add(&e->config.figures->closed_idle, 1);
    gmux__line_retire(line, "no call for max_idle_ms");
  }
}

static bool line_is_old(const gmux__line *line) {
  return line->old_ns <= gmux__loop_now(line->endpoint->loop);
}

static void pool_set_upkeep(gmux__endpoint *e) {
  bool has_spare = pool_spare_count(e) > 0;
  uint64_t next_ns = GMUX__NEVER;
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    const gmux__line *line = gmux__line_of(l);
    uint64_t idle_ns = has_spare ? line_idle_ns(line) : GMUX__NEVER;
    uint64_t old_ns = line->recycle == GMUX__RECYCLE_NO ? line->old_ns : GMUX__NEVER;
    if (idle_ns < next_ns) next_ns = idle_ns;
    if (old_ns < next_ns) next_ns = old_ns;
  }
  gmux__timer_set(e->loop, &e->upkeep_timer, next_ns);
}

void gmux__pool_on_idle(gmux__endpoint *e, gmux__line *line) {
  line->idle_since_ns = gmux__loop_now(e->loop);
  if (pool_spare_count(e) == 0) return;
  uint64_t due_ns = line_idle_ns(line);
  if (due_ns < e->upkeep_timer.at_ns) gmux__timer_set(e->loop, &e->upkeep_timer, due_ns);
}

void gmux__pool_on_upkeep(void *arg) {
  gmux__endpoint *e = arg;
  pool_mark_all(e, line_is_old, GMUX__RECYCLE_AGE);
  pool_close_idle(e, gmux__loop_now(e->loop));
  pool_set_upkeep(e);
  gmux__endpoint_changed(e);
}
