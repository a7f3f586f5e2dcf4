/* connector_explain.c: what an attempt to connect is at, and whether its parts agree. */
#include "lib/client/connector.h"
#include <assert.h>
#include <stdio.h>

/* Who got furthest, of equals the last; NULL: none runs. */
static gmux__try *connector_furthest(const gmux__connector *c) {
  gmux__try *best = NULL;
  for (gmux__link *l = c->tries.first; l; l = l->next)
    if (!best || gmux__try_reach(gmux__try_of(l)) >= gmux__try_reach(best)) best = gmux__try_of(l);
  return best;
}

static gmux__wait reach_wait(gmux__connector_reach reach) {
  if (reach == GMUX__REACH_TLS) return GMUX__WAIT_TLS;
  return reach == GMUX__REACH_GREETING ? GMUX__WAIT_SETTINGS : GMUX__WAIT_DIAL;
}

gmux__wait gmux__connector_wait(const gmux__connector *c) {
  const gmux__try *t = connector_furthest(c);
  switch (c->stage) {
  case GMUX__CONNECTOR_OFF:
    return GMUX__WAIT_NONE;
  case GMUX__CONNECTOR_WAITING:
    return GMUX__WAIT_GATE;
  case GMUX__CONNECTOR_RESOLVING:
    return GMUX__WAIT_RESOLVE;
  case GMUX__CONNECTOR_RACING:
    return t ? reach_wait(gmux__try_reach(t)) : GMUX__WAIT_DIAL;
  }
  return GMUX__WAIT_NONE;
}

static void connector_explain_race(const gmux__connector *c, char *text, size_t len) {
  static const char *const formats[][2] = {[GMUX__REACH_DIAL] = {"connecting to ", ""},
                                           [GMUX__REACH_TLS] = {"in the TLS handshake with ", ""},
                                           [GMUX__REACH_GREETING] = {"no SETTINGS from ", " yet"}};
  const gmux__try *t = connector_furthest(c);
  char address[GMUX__ADDRESS_TEXT], more[64] = "";
  gmux__connector_reach reach = t ? gmux__try_reach(t) : GMUX__REACH_DIAL;
  if (c->tries.count > 1)
    snprintf(more, sizeof more, " (one of %zu addresses that are tried)", c->tries.count);
  snprintf(text, len, "%s%s%s%s", formats[reach][0],
           t ? gmux__address_str(&t->address, address) : "its address", formats[reach][1], more);
}

void gmux__connector_explain(const gmux__connector *c, char *text, size_t len) {
  switch (c->stage) {
  case GMUX__CONNECTOR_OFF:
    snprintf(text, len, "about to connect");
    break;
  case GMUX__CONNECTOR_WAITING:
    snprintf(text, len,
             "waiting until the loop may begin another connection (max_dialing %u, "
             "dial_rate_per_s %u)",
             gmux__loop_max_dialing(c->loop), gmux__loop_dial_rate(c->loop));
    break;
  case GMUX__CONNECTOR_RESOLVING:
    snprintf(text, len, "looking up %s", c->config.target->host);
    break;
  case GMUX__CONNECTOR_RACING:
    connector_explain_race(c, text, len);
    break;
  }
}

void gmux__connector_check(const gmux__connector *c) {
  size_t tries = 0;
  for (gmux__link *l = c->tries.first; l; l = l->next, tries++)
    assert(gmux__try_of(l)->connector == c);
  assert(tries == c->tries.count && tries <= GMUX__CONNECTOR_TRIES);
  assert(!c->found == (c->found_count == 0));
  bool is_waiting = gmux__gate_is_waiting(&c->pass) || gmux__task_is_deferred(&c->refused);
  bool is_inside = c->stage == GMUX__CONNECTOR_RESOLVING || c->stage == GMUX__CONNECTOR_RACING;
  assert(is_waiting == (c->stage == GMUX__CONNECTOR_WAITING));
  assert(c->pass.is_inside == is_inside);
  assert(is_inside || !gmux__timer_is_set(&c->deadline_timer));
  assert(!c->resolve == (c->stage != GMUX__CONNECTOR_RESOLVING));
  assert((tries > 0) == (c->stage == GMUX__CONNECTOR_RACING));
  (void)tries, (void)is_waiting, (void)is_inside;
}
