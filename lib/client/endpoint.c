/* endpoint.c: the life of a pool, and what can be asked of it. */
#include "lib/client/endpoint.h"
#include "lib/client/options.h"
#include <assert.h>
#include <gmux/error.h>
#include <stdio.h>

/* ---- life ---- */

void gmux__endpoint_changed(gmux__endpoint *e) {
  gmux__endpoint_publish(e);
  gmux__endpoint_check(e);
  e->handlers->on_change(e->owner);
}

void gmux__endpoint_changes(gmux__endpoint *e) {
  gmux__loop_defer(e->loop, GMUX__PHASE_DONE, &e->change_task);
}

static void endpoint_on_change(void *arg) {
  gmux__endpoint_changed(arg);
}

static void endpoint_init_connector(gmux__endpoint *e) {
  const gmux_channel_options *o = e->config.options;
  gmux__connector_config config = {
      .target = e->config.target,
      .happy_eyeballs_ns = o->happy_eyeballs_ms * GMUX__NS_PER_MS,
      .cache_ns = o->dns_cache_ms * GMUX__NS_PER_MS,
  };
  gmux__settings_socket(&config.socket, o);
  gmux__connector_init(&e->connector, e->loop, &config, &gmux__endpoint_connector_handlers, e);
}

void gmux__endpoint_init(gmux__endpoint *e, gmux_loop *loop, const gmux__endpoint_config *config,
                         const gmux__endpoint_handlers *handlers, void *owner) {
  *e = (gmux__endpoint){.loop = loop, .config = *config, .handlers = handlers, .owner = owner};
  const gmux_channel_options *o = config->options;
  gmux__backoff_config backoff;
  gmux__settings_backoff(&backoff, o);
  gmux__settings_pool(&e->pool, o);
  endpoint_init_connector(e);
  gmux__backoff_init(&e->backoff, &backoff);
  gmux__timer_init(&e->dial_timer, endpoint_on_change, e);
  gmux__timer_init(&e->upkeep_timer, gmux__pool_on_upkeep, e);
  gmux__task_init(&e->change_task, endpoint_on_change, e);
  e->keepalive_ns = o->keepalive_ms ? o->keepalive_ms * GMUX__NS_PER_MS : GMUX__PULSE_OFF;
  gmux__counter_set(&config->figures->keepalive_ms, o->keepalive_ms);
}

static void endpoint_stop(gmux__endpoint *e) {
  gmux__timer_clear(e->loop, &e->dial_timer);
  gmux__timer_clear(e->loop, &e->upkeep_timer);
  gmux__task_cancel(&e->change_task);
}

void gmux__endpoint_deinit(gmux__endpoint *e) {
  if (!e->loop) return;
  assert(gmux__endpoint_is_gone(e));
  gmux__connector_deinit(&e->connector);
  endpoint_stop(e);
}

void gmux__endpoint_close(gmux__endpoint *e, const char *why) {
  e->is_closed = true;
  endpoint_stop(e);
  gmux__endpoint_stop_dialing(e);
  gmux__list *const lists[] = {&e->ready, &e->draining};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    while (lists[i]->first)
      gmux__line_abandon(gmux__line_of(lists[i]->first), GMUX_ERR_CANCELLED, why);
  gmux__endpoint_publish(e);
}

/* ---- questions ---- */

gmux_channel_state gmux__endpoint_state(const gmux__endpoint *e) {
  if (e->is_closed) return GMUX_CHANNEL_SHUTDOWN;
  if (e->ready.first) return GMUX_CHANNEL_READY;
  if (gmux__connector_is_on(&e->connector)) return GMUX_CHANNEL_CONNECTING;
  return e->has_failed ? GMUX_CHANNEL_TRANSIENT_FAILURE : GMUX_CHANNEL_IDLE;
}

size_t gmux__endpoint_trusted(const gmux__endpoint *e) {
  size_t count = 0;
  for (gmux__link *l = e->ready.first; l; l = l->next)
    count += gmux__line_is_trusted(gmux__line_of(l));
  return count;
}

bool gmux__endpoint_is_held_back(gmux__endpoint *e) {
  return e->has_failed && !gmux__connector_is_on(&e->connector) &&
         gmux__loop_now(e->loop) < e->not_before_ns && gmux__endpoint_trusted(e) == 0;
}

bool gmux__endpoint_is_warm(const gmux__endpoint *e) {
  size_t least = e->pool.min_connections ? e->pool.min_connections : 1;
  return gmux__endpoint_trusted(e) >= least;
}

bool gmux__endpoint_is_gone(const gmux__endpoint *e) {
  return !gmux__connector_is_on(&e->connector) &&
         e->greeting.count + e->ready.count + e->draining.count + e->abandoned.count == 0;
}

const char *gmux__endpoint_why(const gmux__endpoint *e) {
  return e->why;
}

/* As long as any connection is good but full, that is it, whatever else goes on. */
gmux__wait gmux__endpoint_wait(gmux__endpoint *e) {
  gmux__wait wait = GMUX__WAIT_NONE;
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    if (!gmux__line_is_trusted(gmux__line_of(l))) continue;
    if (!gmux__line_is_asked(gmux__line_of(l))) return GMUX__WAIT_LIMIT;
    wait = GMUX__WAIT_VALIDATION;
  }
  if (wait != GMUX__WAIT_NONE) return wait;
  if (gmux__connector_is_on(&e->connector)) return gmux__connector_wait(&e->connector);
  return gmux__loop_now(e->loop) < e->not_before_ns ? GMUX__WAIT_BACKOFF : GMUX__WAIT_NONE;
}

/* "": it waits for something else than the limit. */
static void endpoint_explain_limit(const gmux__endpoint *e, char *text, size_t len) {
  size_t streams = 0, lines = 0;
  const gmux__line *last = NULL;
  text[0] = '\0';
  for (gmux__link *l = e->ready.first; l; l = l->next) {
    const gmux__line *line = gmux__line_of(l);
    if (!gmux__line_is_trusted(line)) continue;
    last = line;
    lines++;
    streams += gmux__conn_stream_count(line->conn);
  }
  if (lines == 1)
    snprintf(text, len, "for a free stream to %s, which has %zu of them in use", last->peer,
             streams);
  else if (lines > 1)
    snprintf(text, len, "for a free stream: %zu connections have %zu of them in use", lines,
             streams);
}

void gmux__endpoint_explain(const gmux__endpoint *e, char *text, size_t len) {
  if (len == 0) return;
  endpoint_explain_limit(e, text, len);
  if (text[0]) return;
  char now[GMUX__CONNECTOR_WHY] = "";
  if (gmux__connector_is_on(&e->connector)) gmux__connector_explain(&e->connector, now, sizeof now);
  snprintf(text, len, "for a connection%s%s%s%s", *now ? ": " : "", now, *e->why ? ": " : "",
           e->why);
}

/* ---- figures ---- */

void gmux__endpoint_note(gmux__endpoint *e, gmux__event_kind kind, uint64_t number,
                         gmux_loss loss) {
  gmux__ring_add(e->config.ring, gmux__loop_now(e->loop), kind, (int64_t)number, loss);
}

void gmux__endpoint_publish(gmux__endpoint *e) {
  gmux__channel_figures *f = e->config.figures;
  gmux__counter_set(&f->dialing, gmux__connector_is_on(&e->connector));
  gmux__counter_set(&f->ready, e->ready.count);
  gmux__counter_set(&f->suspect, e->ready.count - gmux__endpoint_trusted(e));
  gmux__counter_set(&f->draining, e->draining.count);
}

#ifdef GMUX_DEBUG
static void check_list(const gmux__endpoint *e, const gmux__list *list, gmux__line_state state) {
  size_t count = 0;
  for (gmux__link *l = list->first; l; l = l->next, count++) {
    const gmux__line *line = gmux__line_of(l);
    assert(line->endpoint == e && line->state == state && line->conn && line->holds > 0);
    assert((line->race != NULL) == (state == GMUX__LINE_GREETING));
    assert((line->ready_ns != 0) == (state == GMUX__LINE_READY) || state > GMUX__LINE_READY);
    assert(state != GMUX__LINE_GREETING || !line->is_temporary);
    assert(line->idle_since_ns == GMUX__NEVER || gmux__line_is_empty(line));
  }
  assert(count == list->count);
}

void gmux__endpoint_check(const gmux__endpoint *e) {
  check_list(e, &e->greeting, GMUX__LINE_GREETING);
  check_list(e, &e->ready, GMUX__LINE_READY);
  check_list(e, &e->draining, GMUX__LINE_DRAINING);
  check_list(e, &e->abandoned, GMUX__LINE_ABANDONED);
  gmux__connector_check(&e->connector);
  assert(!e->greeting.first || e->connector.stage == GMUX__CONNECTOR_RACING);
  assert(!e->is_closed || (!e->ready.first && !e->draining.first && !e->greeting.first));
  const gmux__channel_figures *f = e->config.figures;
  assert(gmux__counter_get(&f->ready) == e->ready.count);
  assert(gmux__counter_get(&f->draining) == e->draining.count);
  assert(gmux__counter_get(&f->dialing) == gmux__connector_is_on(&e->connector));
  assert(gmux__counter_get(&f->dials_started) == gmux__counter_get(&f->made) +
                                                     gmux__counter_get(&f->dials_failed) +
                                                     gmux__counter_get(&f->dialing));
}
#endif
