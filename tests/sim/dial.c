/*
 * dial.c: dials on their way.
 *
 * A dial takes two ways: at the first one's end it finds a listener or none (dial_reach), at the
 * second one's the dialer hears of it (dial_answer). Each step that meets a lost direction waits
 * there until that has healed, but no longer than the system tries.
 */
#include "tests/sim/world.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* Six retransmissions of the SYN, at twice the distance each (tcp_syn_retries of Linux). */
#define SYN_TIMEOUT_NS (127 * GMUX__NS_PER_S)

typedef struct sim_dial {
  gmux__dial base;
  gmux__link link; /* sim.net.dials */
  sim *sim;
  sim_rule *rule;
  gmux__address to;
  gmux__socket_options options;
  gmux__dialed_fn fn;
  void *arg;
  sim_event event; /* idle: waits for packets to get through */
  sim_event timeout;
  bool has_reached;           /* what is under way is the answer */
  gmux__transport *transport; /* connected, not told yet */
  const char *why;            /* there is none; NULL: nobody listens */
} sim_dial;

/* ---- what was dialed ---- */

static void rule_note_dial(sim_rule *rule, uint64_t now_ns) {
  bool is_full = (rule->dials & (rule->dials - 1)) == 0; /* at 0, 1, 2, 4, 8, ... */
  if (is_full) {
    uint64_t *times = sim_alloc((rule->dials ? 2 * rule->dials : 1) * sizeof *times);
    if (rule->dials) memcpy(times, rule->dialed_ns, rule->dials * sizeof *times);
    free(rule->dialed_ns);
    rule->dialed_ns = times;
  }
  rule->dialed_ns[rule->dials++] = now_ns;
}

size_t sim_net_dials(const sim *s, const gmux__address *at) {
  const sim_rule *rule = sim_rule_find(s, at);
  return rule ? rule->dials : 0;
}

uint64_t sim_net_dialed_at(const sim *s, const gmux__address *at, size_t i) {
  const sim_rule *rule = sim_rule_find(s, at);
  if (!rule || i >= rule->dials) sim_die("sim_net_dialed_at: there was no dial number %zu", i);
  return rule->dialed_ns[i];
}

/* ---- the end of a dial ---- */

static void dial_free(sim_dial *dial) {
  sim_event_clear(dial->sim, &dial->event);
  sim_event_clear(dial->sim, &dial->timeout);
  gmux__list_remove(&dial->link);
  dial->sim->net.live.dials--;
  free(dial);
}

static void dial_end(sim_dial *dial, int error, gmux__transport *transport, const char *why) {
  gmux__dialed_fn fn = dial->fn;
  void *arg = dial->arg;
  dial_free(dial);
  fn(arg, error, transport, why);
}

static void dial_done(void *arg) {
  sim_dial *dial = arg;
  if (dial->transport)
    dial_end(dial, 0, dial->transport, NULL);
  else
    dial_end(dial, GMUX_ERR_IO, NULL, dial->why ? dial->why : "connection refused");
}

/* The words of ETIMEDOUT, as lib/io/dial.c has them. */
static void dial_time_out(void *arg) {
  sim_dial *dial = arg;
  dial->sim->happened.dials_timed_out++;
  gmux__transport_close(dial->transport);
  dial_end(dial, GMUX_ERR_TIMEOUT, NULL, "connection timed out");
}

void sim_net_dial_cancel(gmux__dial *base) {
  sim_dial *dial = gmux__container(base, sim_dial, base);
  gmux__transport_close(dial->transport);
  dial_free(dial);
}

/* ---- there and back ---- */

static bool dial_is_held(const sim_dial *dial) {
  bool is_unanswered = !dial->has_reached && dial->rule->dial_fate == SIM_DIAL_UNANSWERED;
  return dial->rule->lost != 0 || is_unanswered;
}

static void dial_note_held(const sim_dial *dial) {
  if (dial->rule->lost)
    sim_note_lost(dial->sim, dial->rule);
  else
    dial->sim->happened.dials_unanswered++;
}

static void dial_answer(void *arg) {
  sim_dial *dial = arg;
  if (dial_is_held(dial)) return;
  dial->event.loop = dial->base.loop;
  dial->event.fn = dial_done;
  sim_event_set(dial->sim, &dial->event, dial->sim->now_ns);
}

static gmux__address dial_source(const sim_dial *dial) {
  uint16_t *next_port = &dial->sim->net.next_port;
  gmux__address from = {.family = dial->to.family};
  if (!sim_address_is_ip(&dial->to)) return from;
  memcpy(from.ip, dial->to.ip, sizeof from.ip); /* as on the loopback */
  from.port = (*next_port)++;
  if (*next_port == 0) *next_port = SIM_DIAL_PORT_FIRST;
  return from;
}

static void dial_connect(sim_dial *dial, sim_listener *listener) {
  const sim_party parties[2] = {
      {.loop = dial->base.loop, .at = dial_source(dial), .options = dial->options},
      {.loop = listener->base.loop, .at = dial->to, .options = listener->options},
  };
  gmux__transport *ends[2];
  sim_link_new(dial->sim, dial->rule, parties, ends);
  dial->transport = ends[SIM_CLIENT];
  sim_listener_take(listener, ends[SIM_SERVER]);
}

static void dial_meet(sim_dial *dial) {
  sim_happened *happened = &dial->sim->happened;
  switch (dial->rule->dial_fate) {
  case SIM_DIAL_REFUSED:
    happened->dials_refused++;
    return;
  case SIM_DIAL_UNREACHABLE:
    happened->dials_unreachable++;
    dial->why = "no route to host";
    return;
  case SIM_DIAL_CONNECTS:
  case SIM_DIAL_UNANSWERED: /* held before it came here */
    break;
  }
  sim_listener *listener = sim_listener_for(dial->sim, &dial->to);
  if (listener) dial_connect(dial, listener);
}

static void dial_reach(void *arg) {
  sim_dial *dial = arg;
  sim *s = dial->sim;
  if (dial_is_held(dial)) {
    dial_note_held(dial);
    return;
  }
  dial_meet(dial);
  dial->has_reached = true;
  dial->event.fn = dial_answer;
  sim_event_set(s, &dial->event, s->now_ns + sim_rule_latency(dial->rule, s));
}

int sim_net_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                 const gmux__socket_options *options, gmux__dialed_fn fn, void *arg) {
  sim *s = world_loop_of(loop)->sim;
  sim_rule *rule = sim_rule_get(s, to);
  uint64_t timeout_ns = s->net.settings.dial_timeout_ns;
  sim_dial *dial = sim_alloc(sizeof *dial);
  dial->base.loop = loop;
  dial->sim = s;
  dial->rule = rule;
  dial->to = *to;
  if (options) dial->options = *options;
  dial->fn = fn;
  dial->arg = arg;
  dial->event = (sim_event){.fn = dial_reach, .arg = dial};
  dial->timeout = (sim_event){.loop = loop, .fn = dial_time_out, .arg = dial};
  gmux__list_append(&s->net.dials, &dial->link);
  rule_note_dial(rule, s->now_ns);
  s->net.live.dials++;
  if (rule->dial_delay_ns > 0) s->happened.dials_delayed++;
  sim_event_set(s, &dial->event, s->now_ns + rule->dial_delay_ns + sim_rule_latency(rule, s));
  sim_event_set(s, &dial->timeout, s->now_ns + (timeout_ns > 0 ? timeout_ns : SYN_TIMEOUT_NS));
  *out = &dial->base;
  return 0;
}

/* ---- trouble ---- */

void sim_dials_resume(sim *s, const sim_rule *rule) {
  for (gmux__link *l = s->net.dials.first; l; l = l->next) {
    sim_dial *dial = gmux__container(l, sim_dial, link);
    if (dial->rule == rule && sim_event_is_idle(&dial->event) && !dial_is_held(dial))
      sim_event_set(s, &dial->event, s->now_ns + sim_rule_latency(rule, s));
  }
}

void sim_net_dial_fate(sim *s, const gmux__address *at, sim_dial_fate fate) {
  sim_rule *rule = sim_rule_get(s, at);
  rule->dial_fate = fate;
  sim_dials_resume(s, rule);
}

void sim_net_refuse(sim *s, const gmux__address *at, bool is_refused) {
  sim_net_dial_fate(s, at, is_refused ? SIM_DIAL_REFUSED : SIM_DIAL_CONNECTS);
}

void sim_net_dial_delay(sim *s, const gmux__address *at, uint64_t delay_ns) {
  sim_rule_get(s, at)->dial_delay_ns = delay_ns;
}
