/*
 * connector.c: one attempt to connect: the gate, the look-up, and the race of the addresses.
 *
 * Whatever calls a handler does so last, or looks at the stage again before it goes on: the handler
 * may have stopped the connector, or ended the attempt in another way. The tries that are to be
 * dropped stay in the list until it is their turn, so that a stop from inside of on_dropped drops
 * the rest before it returns.
 */
#include "lib/client/connector.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <stdio.h>

/* RFC 8305 section 5: never less between two attempts, or it would be a flood. */
#define INTERVAL_MIN_NS (10 * GMUX__NS_PER_MS)

static void connector_on_pass(void *owner);
static void connector_on_refused(void *arg);
static void connector_on_deadline(void *arg);
static void connector_on_next(void *arg);

/* ---- stages ---- */

static const char *const stages[] = {"off", "waiting", "resolving", "racing"};
static const uint16_t edges[] = {
    [GMUX__CONNECTOR_OFF] = GMUX__TO(GMUX__CONNECTOR_WAITING),
    [GMUX__CONNECTOR_WAITING] = GMUX__TO(GMUX__CONNECTOR_RESOLVING) |
                                GMUX__TO(GMUX__CONNECTOR_RACING) | GMUX__TO(GMUX__CONNECTOR_OFF),
    [GMUX__CONNECTOR_RESOLVING] = GMUX__TO(GMUX__CONNECTOR_RACING) | GMUX__TO(GMUX__CONNECTOR_OFF),
    [GMUX__CONNECTOR_RACING] = GMUX__TO(GMUX__CONNECTOR_OFF),
};
const gmux__machine gmux__connector_machine = {"connector", GMUX__CONNECTOR_RACING + 1, stages,
                                               edges};

static void connector_set_stage(gmux__connector *c, gmux__connector_stage stage) {
  gmux__machine_step(&gmux__connector_machine, c->stage, stage);
  gmux__log(gmux__loop_logger(c->loop), GMUX_LOG_DEBUG, "client", "connecting to %s: %s -> %s",
            c->config.target->authority, stages[c->stage], stages[stage]);
  c->stage = stage;
  c->stage_started_ns = gmux__loop_now(c->loop);
}

/* To OFF, but for the tries: whoever calls this drops what is left of them. */
static void connector_end(gmux__connector *c) {
  gmux__gate_leave(&c->pass);
  gmux__task_cancel(&c->refused);
  gmux__timer_clear(c->loop, &c->deadline_timer);
  gmux__timer_clear(c->loop, &c->next_timer);
  gmux__resolve_cancel(c->resolve);
  c->resolve = NULL;
  connector_set_stage(c, GMUX__CONNECTOR_OFF);
}

static void connector_fail(gmux__connector *c) {
  assert(gmux__list_is_empty(&c->tries));
  gmux__connector_forget_names(c);
  connector_end(c);
  c->handlers->on_failed(c->owner);
}

static void connector_tell_stage(gmux__connector *c) {
  if (c->handlers->on_stage) c->handlers->on_stage(c->owner);
}

static const gmux__address *connector_addresses(const gmux__connector *c, size_t *count) {
  const gmux__target *target = c->config.target;
  *count = target->needs_dns ? c->found_count : target->address_count;
  return target->needs_dns ? c->found : target->addresses;
}

static uint64_t connector_ms_since(const gmux__connector *c, uint64_t ns) {
  return (gmux__loop_now(c->loop) - ns) / GMUX__NS_PER_MS;
}

/* ---- words ---- */

static void connector_note(gmux__connector *c, const gmux__address *address,
                           gmux__connector_reach reach, gmux_loss loss, const char *why) {
  char text[GMUX__ADDRESS_TEXT];
  gmux__address_str(address, text);
  gmux__log(gmux__loop_logger(c->loop), GMUX_LOG_DEBUG, "client", "connect to %s: %s", text, why);
  if (reach < c->reach) return;
  c->reach = reach;
  c->loss = loss;
  snprintf(c->why, sizeof c->why, "connect to %s: %s", text, why);
}

static void connector_fail_name(gmux__connector *c, int error, const char *why) {
  c->loss = error == GMUX_ERR_NOMEM ? GMUX_LOSS_LOCAL : GMUX_LOSS_DNS;
  snprintf(c->why, sizeof c->why, "look up %s: %s", c->config.target->host, why);
  connector_fail(c);
}

static gmux_loss loss_of_dial(int error) {
  if (error == GMUX_ERR_NOMEM) return GMUX_LOSS_LOCAL;
  return error == GMUX_ERR_TIMEOUT ? GMUX_LOSS_TIMEOUT : GMUX_LOSS_REFUSED;
}

/* ---- a try ---- */

gmux__connector_reach gmux__try_reach(const gmux__try *t) {
  const gmux__connector *c = t->connector;
  if (t->dial) return GMUX__REACH_DIAL;
  return c->handlers->reach ? c->handlers->reach(c->owner, t) : GMUX__REACH_GREETING;
}

static void try_drop(gmux__try *t, int error, const char *why) {
  gmux__connector *c = t->connector;
  bool is_handed = !t->dial;
  gmux__list_remove(&t->link);
  gmux__dial_cancel(t->dial);
  if (is_handed) c->handlers->on_dropped(c->owner, t, error, why);
  gmux__free(t);
}

static void try_time_out(gmux__try *t) {
  static const char *const missing[] = {[GMUX__REACH_DIAL] = "no answer",
                                        [GMUX__REACH_TLS] = "no end of the TLS handshake",
                                        [GMUX__REACH_GREETING] = "no SETTINGS"};
  gmux__connector *c = t->connector;
  gmux__connector_reach reach = gmux__try_reach(t);
  char why[80];
  snprintf(why, sizeof why, "%s within %llu ms", missing[reach],
           (unsigned long long)connector_ms_since(c, t->started_ns));
  connector_note(c, &t->address, reach, GMUX_LOSS_TIMEOUT, why);
  try_drop(t, GMUX_ERR_TIMEOUT, why);
}

static void connector_drop_all(gmux__connector *c, const char *why) {
  for (gmux__try *t = gmux__try_of(c->tries.first); t; t = gmux__try_of(c->tries.first))
    try_drop(t, GMUX_ERR_CANCELLED, why);
}

/* Who has to make room for another: of those not even connected the first, else the first. */
static gmux__try *connector_oldest(const gmux__connector *c) {
  for (gmux__link *l = c->tries.first; l; l = l->next)
    if (gmux__try_of(l)->dial) return gmux__try_of(l);
  return gmux__try_of(c->tries.first);
}

/* ---- the race ---- */

static bool connector_advance(gmux__connector *c);
static void connector_use_last_answer(gmux__connector *c, const char *why);

static void try_on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  gmux__try *t = arg;
  gmux__connector *c = t->connector;
  t->dial = NULL;
  if (!error) {
    c->handlers->on_transport(c->owner, t, transport);
    return;
  }
  connector_note(c, &t->address, GMUX__REACH_DIAL, loss_of_dial(error), why);
  gmux__list_remove(&t->link);
  gmux__free(t);
  connector_advance(c);
}

static int connector_dial(gmux__connector *c, const gmux__address *to) {
  gmux__try *t = gmux__calloc(1, sizeof *t);
  if (!t) return gmux__fail_code(GMUX_ERR_NOMEM);
  t->connector = c;
  t->address = *to;
  t->started_ns = gmux__loop_now(c->loop);
  int error = gmux__loop_dial(c->loop, &t->dial, to, &c->config.socket, try_on_dialed, t);
  if (error) {
    gmux__free(t);
    return error;
  }
  gmux__list_append(&c->tries, &t->link);
  return 0;
}

/* False: it could not even begin, for want of memory or descriptors, or no such family here. */
static bool connector_try(gmux__connector *c, const gmux__address *to) {
  assert(c->tries.count < GMUX__CONNECTOR_TRIES);
  if (!connector_dial(c, to)) return true;
  connector_note(c, to, GMUX__REACH_DIAL, GMUX_LOSS_LOCAL, gmux_last_error());
  return false;
}

/* Begins the next try. False: none was left and none runs, so the attempt has failed. */
static bool connector_advance(gmux__connector *c) {
  size_t count;
  const gmux__address *addresses = connector_addresses(c, &count);
  bool is_begun = false;
  while (!is_begun && c->next < count)
    is_begun = connector_try(c, &addresses[c->next++]);
  if (gmux__list_is_empty(&c->tries)) {
    connector_fail(c);
    return false;
  }
  uint64_t next_ns = gmux__loop_now(c->loop) + c->interval_ns;
  gmux__timer_set(c->loop, &c->next_timer, c->next < count ? next_ns : GMUX__NEVER);
  gmux__connector_check(c);
  return true;
}

static void connector_on_next(void *arg) {
  gmux__connector *c = arg;
  if (c->stage == GMUX__CONNECTOR_RESOLVING) {
    connector_use_last_answer(c, "no answer yet");
    return;
  }
  if (c->tries.count == GMUX__CONNECTOR_TRIES) try_time_out(connector_oldest(c));
  if (c->stage == GMUX__CONNECTOR_RACING) connector_advance(c);
}

/* So that all have begun when half of the time has passed. */
static uint64_t connector_interval(const gmux__connector *c, size_t count, uint64_t now_ns) {
  uint64_t share_ns = (c->deadline_ns - now_ns) / 2 / count;
  uint64_t interval_ns =
      share_ns < c->config.happy_eyeballs_ns ? share_ns : c->config.happy_eyeballs_ns;
  return interval_ns < INTERVAL_MIN_NS ? INTERVAL_MIN_NS : interval_ns;
}

static void connector_race(gmux__connector *c) {
  uint64_t now_ns = gmux__loop_now(c->loop);
  if (now_ns >= c->deadline_ns) {
    connector_fail_name(c, GMUX_ERR_TIMEOUT, "no time left to connect");
    return;
  }
  size_t count;
  connector_addresses(c, &count);
  connector_set_stage(c, GMUX__CONNECTOR_RACING);
  c->next = 0;
  c->interval_ns = connector_interval(c, count, now_ns);
  if (connector_advance(c)) connector_tell_stage(c);
}

void gmux__connector_win(gmux__connector *c, gmux__try *t) {
  assert(c->stage == GMUX__CONNECTOR_RACING && t->link.list == &c->tries && !t->dial);
  gmux__list_remove(&t->link);
  gmux__free(t);
  connector_end(c);
  connector_drop_all(c, "another address was faster");
}

void gmux__connector_lose(gmux__connector *c, gmux__try *t, gmux__connector_reach reach,
                          gmux_loss loss, const char *why) {
  assert(c->stage == GMUX__CONNECTOR_RACING && t->link.list == &c->tries && !t->dial);
  connector_note(c, &t->address, reach, loss, why);
  gmux__list_remove(&t->link);
  gmux__free(t);
  connector_advance(c);
}

/* ---- names ---- */

/* Takes a copy, with the families in turn. */
static int connector_keep(gmux__connector *c, const gmux__address *addresses, size_t count) {
  gmux__address *found = gmux__calloc(count, sizeof *found);
  if (!found) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__addresses_interleave(found, addresses, count);
  gmux__free(c->found);
  c->found = found;
  c->found_count = count;
  c->fresh_until_ns = gmux__loop_now(c->loop) + c->config.cache_ns;
  return 0;
}

static void connector_forget_answer(gmux__connector *c) {
  gmux__free(c->found);
  c->found = NULL;
  c->found_count = 0;
}

static void connector_use_last_answer(gmux__connector *c, const char *why) {
  gmux__log(gmux__loop_logger(c->loop), GMUX_LOG_INFO, "client",
            "look up %s: %s; its last answer is used", c->config.target->host, why);
  gmux__resolve_cancel(c->resolve);
  c->resolve = NULL;
  connector_race(c);
}

static void connector_on_resolved(void *arg, int error, const gmux__address *addresses,
                                  size_t count, const char *why) {
  gmux__connector *c = arg;
  c->resolve = NULL;
  if (!error && connector_keep(c, addresses, count)) {
    error = GMUX_ERR_NOMEM;
    why = gmux_strerror(error);
  }
  if (!error) {
    connector_race(c);
    return;
  }
  if (error == GMUX_ERR_RESOLVE && c->found) {
    connector_use_last_answer(c, why);
    return;
  }
  if (error == GMUX_ERR_NOT_FOUND) connector_forget_answer(c);
  connector_fail_name(c, error, why);
}

static uint64_t connector_patience_ends(const gmux__connector *c) {
  uint64_t half_ns = c->within_ns / 2;
  return c->stage_started_ns +
         (half_ns < GMUX__CONNECTOR_DNS_PATIENCE_NS ? half_ns : GMUX__CONNECTOR_DNS_PATIENCE_NS);
}

static void connector_look_up(gmux__connector *c) {
  const gmux__target *t = c->config.target;
  connector_set_stage(c, GMUX__CONNECTOR_RESOLVING);
  int error = gmux__loop_resolve(c->loop, &c->resolve, t->host, t->port, connector_on_resolved, c);
  if (error) {
    connector_on_resolved(c, error, NULL, 0, gmux_last_error());
    return;
  }
  if (c->found) gmux__timer_set(c->loop, &c->next_timer, connector_patience_ends(c));
  connector_tell_stage(c);
}

void gmux__connector_forget_names(gmux__connector *c) {
  c->fresh_until_ns = 0;
}

bool gmux__connector_has_address(const gmux__connector *c, const gmux__address *address) {
  size_t count;
  const gmux__address *addresses = connector_addresses(c, &count);
  for (size_t i = 0; i < count; i++)
    if (gmux__address_is_equal(&addresses[i], address)) return true;
  return count == 0;
}

/* ---- the attempt ---- */

static void connector_on_pass(void *owner) {
  gmux__connector *c = owner;
  uint64_t now_ns = gmux__loop_now(c->loop);
  c->deadline_ns = now_ns + c->within_ns;
  gmux__timer_set(c->loop, &c->deadline_timer, c->deadline_ns);
  if (!c->config.target->needs_dns || now_ns < c->fresh_until_ns)
    connector_race(c);
  else
    connector_look_up(c);
}

static void connector_on_refused(void *arg) {
  gmux__connector *c = arg;
  c->loss = GMUX_LOSS_LOCAL;
  snprintf(c->why, sizeof c->why, "connect to %s: %s", c->config.target->authority,
           gmux_strerror(GMUX_ERR_NOMEM));
  connector_fail(c);
}

static void connector_on_deadline(void *arg) {
  gmux__connector *c = arg;
  if (c->stage == GMUX__CONNECTOR_RESOLVING) {
    char why[64];
    snprintf(why, sizeof why, "no answer within %llu ms",
             (unsigned long long)connector_ms_since(c, c->stage_started_ns));
    connector_fail_name(c, GMUX_ERR_TIMEOUT, why);
    return;
  }
  connector_addresses(c, &c->next); /* none of the others is begun, whatever a handler does */
  gmux__timer_clear(c->loop, &c->next_timer);
  while (c->stage == GMUX__CONNECTOR_RACING && !gmux__list_is_empty(&c->tries))
    try_time_out(gmux__try_of(c->tries.first));
  if (c->stage == GMUX__CONNECTOR_RACING) connector_fail(c);
}

void gmux__connector_init(gmux__connector *c, gmux_loop *loop, const gmux__connector_config *config,
                          const gmux__connector_handlers *handlers, void *owner) {
  *c = (gmux__connector){.loop = loop, .config = *config, .handlers = handlers, .owner = owner};
  gmux__gate_pass_init(&c->pass, loop, connector_on_pass, c);
  gmux__task_init(&c->refused, connector_on_refused, c);
  gmux__timer_init(&c->deadline_timer, connector_on_deadline, c);
  gmux__timer_init(&c->next_timer, connector_on_next, c);
}

void gmux__connector_deinit(gmux__connector *c) {
  gmux__connector_stop(c);
  connector_forget_answer(c);
}

void gmux__connector_start(gmux__connector *c, uint64_t within_ns) {
  connector_set_stage(c, GMUX__CONNECTOR_WAITING);
  c->within_ns = within_ns;
  c->reach = GMUX__REACH_NOTHING;
  if (gmux__gate_ask(&c->pass)) gmux__loop_defer(c->loop, GMUX__PHASE_DONE, &c->refused);
}

void gmux__connector_stop(gmux__connector *c) {
  if (gmux__connector_is_on(c)) connector_end(c);
  connector_drop_all(c, "the attempt to connect was given up");
}

/* ---- questions ---- */

const char *gmux__connector_why(const gmux__connector *c) {
  return c->why;
}

gmux_loss gmux__connector_loss(const gmux__connector *c) {
  return c->loss;
}
