/* line.c: one connection of a pool: its states, and what it tells. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/endpoint.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const gmux__conn_handlers conn_handlers;

static const char *const line_states[] = {"NEW",      "GREETING",  "READY",
                                          "DRAINING", "ABANDONED", "GONE"};
static const uint16_t line_edges[] = {
    [GMUX__LINE_NEW] = GMUX__TO(GMUX__LINE_GREETING),
    [GMUX__LINE_GREETING] = GMUX__TO(GMUX__LINE_READY) | GMUX__TO(GMUX__LINE_DRAINING) |
                            GMUX__TO(GMUX__LINE_ABANDONED) | GMUX__TO(GMUX__LINE_GONE),
    [GMUX__LINE_READY] =
        GMUX__TO(GMUX__LINE_DRAINING) | GMUX__TO(GMUX__LINE_ABANDONED) | GMUX__TO(GMUX__LINE_GONE),
    [GMUX__LINE_DRAINING] = GMUX__TO(GMUX__LINE_ABANDONED) | GMUX__TO(GMUX__LINE_GONE),
    [GMUX__LINE_ABANDONED] = GMUX__TO(GMUX__LINE_GONE),
    [GMUX__LINE_GONE] = 0,
};
const gmux__machine gmux__line_machine = {"line", GMUX__LINE_GONE + 1, line_states, line_edges};

const char *gmux__line_state_str(gmux__line_state state) {
  return gmux__machine_str(&gmux__line_machine, state);
}

const char *gmux__recycle_str(gmux__recycle why) {
  static const char *const words[] = {"no reason",
                                      "it is as old as max_age_ms",
                                      "it has carried max_calls",
                                      "most of its stream ids are used up",
                                      "the pool is rotated",
                                      "DNS does not name its address any more"};
  return words[why];
}

/* ---- life ---- */

int gmux__line_new(gmux__line **out, gmux__endpoint *e, gmux__try *t) {
  gmux__line *line = gmux__calloc(1, sizeof *line);
  if (!line) return gmux__fail_code(GMUX_ERR_NOMEM);
  line->endpoint = e;
  line->race = t;
  line->holds = 1;
  line->connected_ns = gmux__loop_clock(e->loop);
  line->old_ns = GMUX__NEVER;
  line->idle_since_ns = GMUX__NEVER;
  line->keepalive_ns = e->keepalive_ns;
  line->address = t->address;
  gmux__address_str(&t->address, line->peer);
  int error = gmux__conn_new(&line->conn, e->config.h2, &conn_handlers, line);
  if (error) {
    gmux__free(line);
    return error;
  }
  *out = line;
  return 0;
}

/* Eager calls count, too, as soon as it is READY. */
static void line_mark_worn(gmux__line *line) {
  uint32_t max_calls = line->endpoint->config.options->max_calls;
  bool is_worn = max_calls > 0 && line->calls >= max_calls && line->state == GMUX__LINE_READY;
  if (!is_worn || line->recycle != GMUX__RECYCLE_NO) return;
  gmux__line_mark(line, GMUX__RECYCLE_CALLS);
  gmux__endpoint_changes(line->endpoint);
}

void gmux__line_take_call(gmux__line *line) {
  line->calls++;
  line->holds++;
  line->idle_since_ns = GMUX__NEVER;
  line_mark_worn(line);
}

void gmux__line_discount_call(gmux__line *line) {
  assert(line->calls > 0);
  line->calls--;
}

void gmux__line_release(gmux__line *line) {
  if (!line || --line->holds > 0) return;
  gmux__free(line);
}

/* ---- state ---- */

static gmux__list *line_list(gmux__line *line) {
  gmux__endpoint *e = line->endpoint;
  switch (line->state) {
  case GMUX__LINE_GREETING:
    return &e->greeting;
  case GMUX__LINE_READY:
    return &e->ready;
  case GMUX__LINE_DRAINING:
    return &e->draining;
  case GMUX__LINE_ABANDONED:
    return &e->abandoned;
  default:
    return NULL;
  }
}

void gmux__line_set_state(gmux__line *line, gmux__line_state state) {
  gmux__machine_step(&gmux__line_machine, line->state, state);
  gmux__conn_log(line->conn, GMUX_LOG_DEBUG, "client", "line %s -> %s",
                 gmux__line_state_str(line->state), gmux__line_state_str(state));
  line->state = state;
  gmux__list_remove(&line->link);
  gmux__list *list = line_list(line);
  if (list) gmux__list_append(list, &line->link);
  gmux__endpoint_publish(line->endpoint);
}

void gmux__line_retire(gmux__line *line, const char *why) {
  gmux__conn_log(line->conn, GMUX_LOG_INFO, "client", "no more calls: %s", why);
  gmux__line_set_state(line, GMUX__LINE_DRAINING);
  gmux__conn_drain(line->conn, why);
}

void gmux__line_abandon(gmux__line *line, int error, const char *why) {
  line->race = NULL;
  gmux__line_set_state(line, GMUX__LINE_ABANDONED);
  gmux__conn_close(line->conn, error, GMUX__H2_NO_ERROR, why);
}

void gmux__line_mark(gmux__line *line, gmux__recycle why) {
  if (line->recycle != GMUX__RECYCLE_NO) return;
  line->recycle = why;
  gmux__conn_log(line->conn, GMUX_LOG_INFO, "client", "will be replaced: %s",
                 gmux__recycle_str(why));
}

/* The limit as far as it can be used: a connection that is about to end has none. */
gmux__load gmux__line_load(const gmux__line *line) {
  uint32_t used = gmux__conn_used_slots(line->conn);
  bool is_blocked = gmux__conn_is_blocked(line->conn);
  return (gmux__load){
      .used = used,
      .limit = used + gmux__conn_free_slots(line->conn),
      .is_usable = gmux__line_is_trusted(line) && !gmux__conn_is_validating(line->conn),
      .is_blocked = is_blocked,
      .queued = is_blocked ? gmux__conn_queued_bytes(line->conn) : 0,
      .is_temporary = line->is_temporary,
  };
}

/* ---- what its connection tells ---- */

static void line_on_greeting(gmux__conn *conn, void *owner) {
  (void)conn;
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  line->greeted_ns = gmux__loop_clock(e->loop);
  if (line->state != GMUX__LINE_GREETING) return;
  e->handlers->on_wait(e->owner);
  if (e->config.options->eager_calls) e->handlers->on_room(e->owner);
}

static void line_become_ready(gmux__line *line) {
  gmux__endpoint *e = line->endpoint;
  uint64_t now_ns = gmux__loop_now(e->loop);
  line->ready_ns = now_ns;
  line->settled_ns = gmux__loop_clock(e->loop);
  line->idle_since_ns = gmux__line_is_empty(line) ? now_ns : GMUX__NEVER;
  gmux__line_set_state(line, GMUX__LINE_READY);
  gmux__counter_add(&e->config.figures->made, 1);
  gmux__endpoint_note(e, GMUX__EVENT_CONNECTED, gmux__conn_number(line->conn), 0);
  gmux__conn_log(line->conn, GMUX_LOG_INFO, "client", "ready");
}

static void line_on_ready(gmux__conn *conn, void *owner) {
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  if (line->state == GMUX__LINE_DRAINING) gmux__conn_drain(conn, "another address was faster");
  if (line->state != GMUX__LINE_GREETING) return;
  gmux__try *t = line->race;
  line->race = NULL;
  e->peer_limit = gmux__conn_peer_limit(conn);
  line->redial_ns = gmux__endpoint_succeed(e);
  line_become_ready(line);
  gmux__connector_win(&e->connector, t);
  gmux__pool_on_ready(e, line);
  line_mark_worn(line); /* not before: it does not replace itself */
}

static void line_on_slots(gmux__conn *conn, void *owner) {
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  if (line->state != GMUX__LINE_READY) return;
  e->peer_limit = gmux__conn_peer_limit(conn);
  e->handlers->on_room(e->owner);
  bool was_busy = line->state == GMUX__LINE_READY && line->idle_since_ns == GMUX__NEVER;
  if (was_busy && gmux__line_is_empty(line)) gmux__pool_on_idle(e, line);
}

/* It is suspect, or trusted again, or was asked whether it lives and answered. */
static void line_on_trust(gmux__conn *conn, void *owner) {
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  if (line->state != GMUX__LINE_READY) return;
  if (!gmux__conn_is_suspect(conn)) e->has_failed = false;
  gmux__pool_on_trust(e);
  gmux__endpoint_changed(e);
}

static void line_on_worn(gmux__conn *conn, void *owner) {
  (void)conn;
  gmux__line *line = owner;
  if (line->state != GMUX__LINE_READY) return;
  gmux__line_mark(line, GMUX__RECYCLE_IDS);
  gmux__endpoint_changed(line->endpoint);
}

/* A server that was asked for life too often: not so often from now on. Of several connections that
 * were made with the same interval the first one's word counts, or they would double it each. */
static void line_slow_down(gmux__line *line) {
  gmux__endpoint *e = line->endpoint;
  gmux__counter_add(&e->config.figures->too_many_pings, 1);
  if (line->keepalive_ns != e->keepalive_ns || e->keepalive_ns == GMUX__PULSE_OFF) return;
  uint64_t longest_ns = UINT32_MAX * GMUX__NS_PER_MS;
  gmux__endpoint_slow_down(e, e->keepalive_ns < longest_ns / 2 ? 2 * e->keepalive_ns : longest_ns);
  gmux__conn_log(line->conn, GMUX_LOG_WARN, "client",
                 "the server counts too many PINGs: from now on one after %" PRIu64
                 " ms of silence; set keepalive_ms to what its policy allows",
                 e->keepalive_ns / GMUX__NS_PER_MS);
  e->handlers->on_slower(e->owner);
}

/* READY no longer, and not by our wish: what that means for the next one. */
static void line_is_lost(gmux__line *line) {
  gmux__endpoint *e = line->endpoint;
  snprintf(e->why, sizeof e->why, "%s", gmux__conn_why(line->conn));
  if (gmux__conn_is_over_pinged(line->conn)) line_slow_down(line);
  gmux__endpoint_spread_redial(e, line);
}

/* It was the last, and attempts have failed while it did not answer: who does not want to wait for
 * the next one hears of it now, as if that had failed now. */
static void line_leave(gmux__endpoint *e) {
  if (gmux__endpoint_is_held_back(e)) e->handlers->on_failed(e->owner);
  gmux__endpoint_changed(e);
}

static void line_say_end(gmux__line *line, const char *what) {
  line->is_end_told = line->is_end_told || gmux__conn_get_state(line->conn) == GMUX__CONN_CLOSED;
  gmux__conn_log(line->conn, GMUX_LOG_INFO, "client", "%s: %s", what,
                 gmux__conn_why_alone(line->conn));
}

/* The server goes away, or the ids have come to their end: calls that are on it finish. Or it is
 * closed, and answers wait to be taken. */
static void line_on_draining(gmux__conn *conn, void *owner) {
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  uint32_t code;
  if (line->state != GMUX__LINE_READY) return;
  bool is_closed = gmux__conn_get_state(conn) == GMUX__CONN_CLOSED;
  if (is_closed || gmux__conn_goaway(conn, &code)) {
    line_is_lost(line);
    e->is_successor_wanted = !is_closed && !gmux__line_is_empty(line);
  }
  line_say_end(line, is_closed ? "lost" : "no more calls");
  gmux__line_set_state(line, GMUX__LINE_DRAINING);
  line_leave(e);
}

static void line_lose_race(gmux__line *line) {
  gmux__endpoint *e = line->endpoint;
  gmux__conn *conn = line->conn;
  gmux__try *t = line->race;
  gmux__connector_reach reach =
      gmux__conn_has_greeted(conn) ? GMUX__REACH_GREETING : GMUX__REACH_TLS;
  line->race = NULL;
  gmux__connector_lose(&e->connector, t, reach, gmux__conn_loss(conn), gmux__conn_why_alone(conn));
}

/* An end that was announced is no news when it comes in good order. */
static bool is_end_news(const gmux__line *line) {
  if (line->is_end_told) return false;
  bool is_cut = gmux__conn_error(line->conn) == GMUX_ERR_TIMEOUT;
  return line->state == GMUX__LINE_READY || (line->state == GMUX__LINE_DRAINING && is_cut);
}

static void line_count_end(gmux__line *line) {
  gmux__endpoint *e = line->endpoint;
  gmux_loss loss = gmux__conn_loss(line->conn);
  gmux__counter_add(&e->config.figures->lost[loss], 1);
  gmux__endpoint_note(e, GMUX__EVENT_LOST, gmux__conn_number(line->conn), loss);
}

static void line_on_closed(gmux__conn *conn, void *owner) {
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  if (line->state == GMUX__LINE_READY) line_is_lost(line);
  if (is_end_news(line)) line_say_end(line, "lost");
  if (line->ready_ns) line_count_end(line);
  gmux__line_set_state(line, GMUX__LINE_GONE);
  if (line->race) line_lose_race(line);
  gmux__conn_free(conn); /* its memory, and so its words, stay until the end of the turn */
  line->conn = NULL;
  gmux__line_release(line);
  line_leave(e);
}

static const gmux__conn_handlers conn_handlers = {
    .on_greeting = line_on_greeting,
    .on_ready = line_on_ready,
    .on_slots = line_on_slots,
    .on_draining = line_on_draining,
    .on_trust = line_on_trust,
    .on_worn = line_on_worn,
    .on_closed = line_on_closed,
};
