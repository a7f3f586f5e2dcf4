/* odometer.c: for what reason calls waited, and how long. */
#include "lib/watch/odometer.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <gmux/error.h>
#include <string.h>

const char *gmux__wait_str(gmux__wait wait) {
  switch (wait) {
  case GMUX__WAIT_NONE:
    return "for a place";
  case GMUX__WAIT_PAUSED:
    return "while the channel was paused";
  case GMUX__WAIT_BACKOFF:
    return "for the backoff";
  case GMUX__WAIT_GATE:
    return "for other handshakes of this loop";
  case GMUX__WAIT_RESOLVE:
    return "for DNS";
  case GMUX__WAIT_DIAL:
    return "for TCP";
  case GMUX__WAIT_TLS:
    return "for TLS";
  case GMUX__WAIT_SETTINGS:
    return "for the server's SETTINGS";
  case GMUX__WAIT_VALIDATION:
    return "for a PING on an idle connection";
  case GMUX__WAIT_LIMIT:
    return "for a free stream";
  case GMUX__WAIT_MEMORY:
    return "for memory";
  case GMUX__WAITS:
    break;
  }
  return "for an unknown reason";
}

static gmux__leg *leg_new(void) {
  gmux__leg *leg = gmux__calloc(1, sizeof *leg);
  if (leg) leg->holds = 1;
  return leg;
}

void gmux__leg_drop(gmux__leg *leg) {
  if (--leg->holds == 0) gmux__free(leg);
}

/* How long the leg's own clock has run then. */
static uint64_t leg_ran_ns(const gmux__leg *leg, uint64_t at_ns) {
  return at_ns > leg->since_ns ? at_ns - leg->since_ns : 0;
}

int gmux__odometer_init(gmux__odometer *o, uint64_t now_ns) {
  o->leg = leg_new();
  if (!o->leg) return gmux__fail_code(GMUX_ERR_NOMEM);
  o->leg->since_ns = now_ns;
  return 0;
}

void gmux__odometer_deinit(gmux__odometer *o) {
  if (o->leg) gmux__leg_drop(o->leg);
  o->leg = NULL;
}

/* A leg without a mark is of no use any more when it is left. */
void gmux__odometer_set(gmux__odometer *o, gmux__wait wait, uint64_t now_ns) {
  gmux__leg *old = o->leg;
  if (wait == old->wait) return;
  gmux__leg *leg = old->holds == 1 ? old : leg_new();
  if (!leg) return;
  if (leg != old) memcpy(leg->before_ns, old->before_ns, sizeof leg->before_ns);
  leg->before_ns[old->wait] += leg_ran_ns(old, now_ns);
  leg->since_ns = now_ns;
  leg->wait = wait;
  o->leg = leg;
  if (leg != old) gmux__leg_drop(old);
}

gmux__mark gmux__odometer_mark(gmux__odometer *o, uint64_t now_ns) {
  o->leg->holds++;
  return (gmux__mark){o->leg, now_ns};
}

void gmux__mark_add(uint64_t sum[GMUX__WAITS], const gmux__mark *from, const gmux__mark *to) {
  for (int i = 0; i < GMUX__WAITS; i++)
    sum[i] += to->leg->before_ns[i] - from->leg->before_ns[i];
  sum[to->leg->wait] += leg_ran_ns(to->leg, to->at_ns);
  sum[from->leg->wait] -= leg_ran_ns(from->leg, from->at_ns);
}
