/* connector.c: name look-up and dials of one attempt to connect. */
#include "lib/client/connector.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <stdio.h>

static void connector_run(void *arg);
static void connector_on_timer(void *arg);

void gmux__connector_init(gmux__connector *c, gmux_loop *loop, const gmux__target *target,
                          const gmux__connector_handlers *handlers, void *owner) {
  *c = (gmux__connector){.loop = loop, .target = target, .handlers = handlers, .owner = owner};
  gmux__task_init(&c->start_task, connector_run, c);
  gmux__timer_init(&c->timer, connector_on_timer, c);
}

void gmux__connector_deinit(gmux__connector *c) {
  gmux__connector_stop(c);
}

void gmux__connector_start(gmux__connector *c, uint64_t deadline_ns) {
  assert(c->stage == GMUX__CONNECTOR_OFF);
  c->stage = GMUX__CONNECTOR_STARTING;
  c->step_started_ns = gmux__loop_now(c->loop);
  c->deadline_ns = deadline_ns;
  c->reach = GMUX__REACH_NOTHING;
  gmux__loop_defer(c->loop, GMUX__PHASE_DONE, &c->start_task);
}

void gmux__connector_stop(gmux__connector *c) {
  gmux__task_cancel(&c->start_task);
  gmux__timer_clear(c->loop, &c->timer);
  gmux__resolve_cancel(c->resolve);
  gmux__dial_cancel(c->dial);
  gmux__free(c->found);
  c->resolve = NULL;
  c->dial = NULL;
  c->found = NULL;
  c->count = c->next = 0;
  c->stage = GMUX__CONNECTOR_OFF;
}

const char *gmux__connector_why(const gmux__connector *c) {
  return c->why;
}

static const gmux__address *connector_addresses(const gmux__connector *c) {
  return c->found ? c->found : c->target->addresses;
}

const char *gmux__connector_address(const gmux__connector *c, char text[GMUX__ADDRESS_TEXT]) {
  return gmux__address_str(&connector_addresses(c)[c->next - 1], text);
}

uint64_t gmux__connector_spent_ms(gmux__connector *c) {
  return (gmux__loop_now(c->loop) - c->step_started_ns) / GMUX__NS_PER_MS;
}

void gmux__connector_explain(const gmux__connector *c, char *text, size_t len) {
  char address[GMUX__ADDRESS_TEXT];
  switch (c->stage) {
  case GMUX__CONNECTOR_OFF:
  case GMUX__CONNECTOR_STARTING:
    snprintf(text, len, "about to connect");
    break;
  case GMUX__CONNECTOR_RESOLVING:
    snprintf(text, len, "looking up %s", c->target->host);
    break;
  case GMUX__CONNECTOR_DIALING:
    snprintf(text, len, "connecting to %s", gmux__connector_address(c, address));
    break;
  case GMUX__CONNECTOR_HANDED:
    snprintf(text, len, "no SETTINGS from %s yet", gmux__connector_address(c, address));
    break;
  }
}

static void connector_fail(gmux__connector *c) {
  gmux__connector_stop(c);
  c->handlers->on_failed(c->owner);
}

/* ---- addresses ---- */

static void connector_on_dialed(void *arg, int error, gmux__transport *transport, const char *why);

static void connector_note(gmux__connector *c, gmux__connector_reach reach, const char *why) {
  if (reach < c->reach) return;
  c->reach = reach;
  char address[GMUX__ADDRESS_TEXT];
  snprintf(c->why, sizeof c->why, "connect to %s: %s", gmux__connector_address(c, address), why);
}

static void connector_note_name(gmux__connector *c, const char *why) {
  snprintf(c->why, sizeof c->why, "look up %s: %s", c->target->host, why);
}

static uint64_t connector_share(const gmux__connector *c, uint64_t now_ns) {
  return now_ns + (c->deadline_ns - now_ns) / (c->count - c->next + 1);
}

/* False: it failed at once. */
static bool connector_dial(gmux__connector *c, uint64_t now_ns) {
  static const gmux__socket_options options = {0};
  const gmux__address *to = &connector_addresses(c)[c->next++];
  c->step_started_ns = now_ns;
  if (gmux__loop_dial(c->loop, &c->dial, to, &options, connector_on_dialed, c)) {
    connector_note(c, GMUX__REACH_DIAL, gmux_last_error());
    return false;
  }
  c->stage = GMUX__CONNECTOR_DIALING;
  gmux__timer_set(c->loop, &c->timer, connector_share(c, now_ns));
  return true;
}

static void connector_dial_next(gmux__connector *c) {
  uint64_t now_ns = gmux__loop_now(c->loop);
  if (c->next == 0 && now_ns >= c->deadline_ns) connector_note_name(c, "no time left to connect");
  while (c->next < c->count && now_ns < c->deadline_ns)
    if (connector_dial(c, now_ns)) return;
  connector_fail(c);
}

static void connector_on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  gmux__connector *c = arg;
  c->dial = NULL;
  if (error) {
    connector_note(c, GMUX__REACH_DIAL, why);
    connector_dial_next(c);
    return;
  }
  c->stage = GMUX__CONNECTOR_HANDED; /* the timer goes on: TLS and SETTINGS belong to the share */
  c->handlers->on_transport(c->owner, transport);
}

void gmux__connector_next(gmux__connector *c, gmux__connector_reach reach, const char *why) {
  assert(c->stage == GMUX__CONNECTOR_HANDED);
  gmux__timer_clear(c->loop, &c->timer);
  connector_note(c, reach, why);
  connector_dial_next(c);
}

/* ---- names ---- */

static void connector_on_resolved(void *arg, int error, const gmux__address *addresses,
                                  size_t count, const char *why) {
  gmux__connector *c = arg;
  c->resolve = NULL;
  gmux__timer_clear(c->loop, &c->timer);
  if (error) {
    connector_note_name(c, why);
    connector_fail(c);
    return;
  }
  c->found = gmux__memdup(addresses, count * sizeof *addresses);
  if (!c->found) {
    connector_note_name(c, gmux_strerror(GMUX_ERR_NOMEM));
    connector_fail(c);
    return;
  }
  c->count = count;
  connector_dial_next(c);
}

static void connector_look_up(gmux__connector *c) {
  const gmux__target *t = c->target;
  if (gmux__loop_resolve(c->loop, &c->resolve, t->host, t->port, connector_on_resolved, c)) {
    connector_note_name(c, gmux_last_error());
    connector_fail(c);
    return;
  }
  c->stage = GMUX__CONNECTOR_RESOLVING;
  gmux__timer_set(c->loop, &c->timer, c->deadline_ns);
}

static void connector_run(void *arg) {
  gmux__connector *c = arg;
  if (c->target->needs_dns) {
    connector_look_up(c);
    return;
  }
  c->count = c->target->address_count;
  connector_dial_next(c);
}

/* ---- time ---- */

static void connector_on_timer(void *arg) {
  gmux__connector *c = arg;
  char why[64];
  snprintf(why, sizeof why, "no answer within %llu ms",
           (unsigned long long)gmux__connector_spent_ms(c));
  if (c->stage == GMUX__CONNECTOR_HANDED) {
    c->handlers->on_late(c->owner);
    return;
  }
  if (c->stage == GMUX__CONNECTOR_RESOLVING) {
    connector_note_name(c, why);
    connector_fail(c);
    return;
  }
  gmux__dial_cancel(c->dial);
  c->dial = NULL;
  connector_note(c, GMUX__REACH_DIAL, why);
  connector_dial_next(c);
}
