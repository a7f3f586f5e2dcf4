/* net.c: the network as a whole: who listens where, and addresses in trouble. */
#include "lib/base/fail.h"
#include "tests/sim/world.h"
#include <stdlib.h>
#include <string.h>

enum { LISTEN_PORT_FIRST = 40000, BUFFER_BYTES = 65536 };

void sim_net_init(sim *s) {
  s->net.settings.buffer_bytes = BUFFER_BYTES;
  s->net.next_port = SIM_DIAL_PORT_FIRST;
}

sim_net_settings *sim_net(sim *s) {
  return &s->net.settings;
}

sim_live sim_net_live(const sim *s) {
  return s->net.live;
}

const sim_happened *sim_happened_so_far(const sim *s) {
  return &s->happened;
}

gmux__address sim_address(const char *ip, uint16_t port) {
  gmux__address address;
  if (!gmux__address_parse_ip(&address, ip, strlen(ip), port))
    sim_die("sim_address: \"%s\" is no literal address", ip);
  return address;
}

bool sim_address_is_ip(const gmux__address *a) {
  return a->family == GMUX__FAMILY_IPV4 || a->family == GMUX__FAMILY_IPV6;
}

/* ---- what is special about an address ---- */

sim_rule *sim_rule_find(const sim *s, const gmux__address *at) {
  for (gmux__link *l = s->net.rules.first; l; l = l->next) {
    sim_rule *rule = gmux__container(l, sim_rule, link);
    if (gmux__address_is_equal(&rule->at, at)) return rule;
  }
  return NULL;
}

sim_rule *sim_rule_get(sim *s, const gmux__address *at) {
  sim_rule *rule = sim_rule_find(s, at);
  if (rule) return rule;
  rule = sim_alloc(sizeof *rule);
  rule->at = *at;
  gmux__list_append(&s->net.rules, &rule->link);
  return rule;
}

void sim_note_lost(sim *s, const sim_rule *rule) {
  if (rule->lost == SIM_TO_SERVER)
    s->happened.lost_to_server++;
  else if (rule->lost == SIM_TO_CLIENT)
    s->happened.lost_to_client++;
  else
    s->happened.lost_both_ways++;
}

void sim_net_latency_of(sim *s, const gmux__address *at, uint64_t latency_ns) {
  sim_rule *rule = sim_rule_get(s, at);
  rule->has_latency = true;
  rule->latency_ns = latency_ns;
}

void sim_net_blackhole(sim *s, const gmux__address *at, unsigned directions) {
  sim_rule *rule = sim_rule_get(s, at);
  rule->lost = directions;
  sim_links_resume(s, rule);
  sim_dials_resume(s, rule);
}

void sim_net_drip(sim *s, const gmux__address *at, unsigned directions, uint64_t bytes_per_s) {
  sim_rule *rule = sim_rule_get(s, at);
  if (directions & SIM_TO_SERVER) rule->bytes_per_s[0] = bytes_per_s;
  if (directions & SIM_TO_CLIENT) rule->bytes_per_s[1] = bytes_per_s;
  sim_links_resume(s, rule);
}

void sim_net_fate(sim *s, const gmux__address *at, sim_direction direction, sim_fate fate,
                  uint64_t at_byte, unsigned links) {
  sim_rule *rule = sim_rule_get(s, at);
  int pipe = sim_direction_writer(direction);
  rule->fates[pipe].fate = fate;
  rule->fates[pipe].at_byte = at_byte;
  rule->fates[pipe].links = links;
}

/* ---- listeners ---- */

typedef struct sim_accept {
  gmux__link link;
  sim_event event;
  sim_listener *listener;
  gmux__transport *transport;
} sim_accept;

static sim_listener *listener_at(const sim *s, const gmux__address *at) {
  for (gmux__link *l = s->net.listeners.first; l; l = l->next) {
    sim_listener *listener = gmux__container(l, sim_listener, link);
    if (gmux__address_is_equal(&listener->at, at)) return listener;
  }
  return NULL;
}

sim_listener *sim_listener_for(const sim *s, const gmux__address *to) {
  sim_listener *listener = listener_at(s, to);
  if (listener || !sim_address_is_ip(to)) return listener;
  gmux__address any = {.family = to->family, .port = to->port};
  return listener_at(s, &any);
}

static bool listener_choose_port(const sim *s, gmux__address *at) {
  for (uint32_t port = LISTEN_PORT_FIRST; port < SIM_DIAL_PORT_FIRST; port++) {
    at->port = (uint16_t)port;
    if (!listener_at(s, at)) return true;
  }
  return false;
}

int sim_net_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                   const gmux__socket_options *options, gmux__accepted_fn fn, void *arg) {
  sim *s = world_loop_of(loop)->sim;
  gmux__address chosen = *at;
  char text[GMUX__ADDRESS_TEXT];
  if (sim_address_is_ip(at) && at->port == 0 && !listener_choose_port(s, &chosen))
    return gmux__fail(GMUX_ERR_IO, "no free port to listen on");
  if (listener_at(s, &chosen))
    return gmux__fail(GMUX_ERR_EXISTS, "cannot listen on %s: address in use",
                      gmux__address_str(&chosen, text));
  sim_listener *listener = sim_alloc(sizeof *listener);
  listener->base.loop = loop;
  listener->sim = s;
  listener->at = chosen;
  if (options) listener->options = *options;
  listener->fn = fn;
  listener->arg = arg;
  gmux__list_append(&s->net.listeners, &listener->link);
  s->net.live.listeners++;
  *out = &listener->base;
  return 0;
}

const gmux__address *sim_net_listener_address(const gmux__listener *listener) {
  return &((const sim_listener *)listener)->at;
}

/* Connections that nobody was told of end with their listener. */
void sim_net_listener_close(gmux__listener *base) {
  sim_listener *listener = gmux__container(base, sim_listener, base);
  for (gmux__link *l = gmux__list_shift(&listener->waiting); l;
       l = gmux__list_shift(&listener->waiting)) {
    sim_accept *accept = gmux__container(l, sim_accept, link);
    sim_event_clear(listener->sim, &accept->event);
    gmux__transport_close(accept->transport);
    free(accept);
  }
  gmux__list_remove(&listener->link);
  listener->sim->net.live.listeners--;
  free(listener);
}

static void accept_run(void *arg) {
  sim_accept *accept = arg;
  sim_listener *listener = accept->listener;
  gmux__transport *transport = accept->transport;
  gmux__list_remove(&accept->link);
  free(accept);
  listener->fn(listener->arg, transport); /* may close the listener */
}

void sim_listener_take(sim_listener *listener, gmux__transport *transport) {
  sim_accept *accept = sim_alloc(sizeof *accept);
  accept->listener = listener;
  accept->transport = transport;
  accept->event = (sim_event){.loop = listener->base.loop, .fn = accept_run, .arg = accept};
  gmux__list_append(&listener->waiting, &accept->link);
  sim_event_set(listener->sim, &accept->event, listener->sim->now_ns);
}

void sim_net_deinit(sim *s) {
  while (s->net.rules.first) {
    sim_rule *rule = gmux__container(gmux__list_shift(&s->net.rules), sim_rule, link);
    free(rule->dialed_ns);
    free(rule);
  }
  sim_names_deinit(s);
}
