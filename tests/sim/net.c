/*
 * net.c: who listens where, dials on their way, addresses in trouble, and names.
 *
 * A dial takes two ways: at the first one's end it finds a listener or none (dial_reach), at the
 * second one's the dialer hears of it (dial_answer). Each step that meets a lost direction waits
 * there until sim_net_blackhole heals it.
 */
#include "lib/base/fail.h"
#include "tests/sim/world.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LISTEN_PORT_FIRST = 40000, DIAL_PORT_FIRST = 50000, BUFFER_BYTES = 65536 };

void sim_net_init(sim *s) {
  s->net.settings.buffer_bytes = BUFFER_BYTES;
  s->net.next_port = DIAL_PORT_FIRST;
}

sim_net_settings *sim_net(sim *s) {
  return &s->net.settings;
}

sim_live sim_net_live(const sim *s) {
  return s->net.live;
}

gmux__address sim_address(const char *ip, uint16_t port) {
  gmux__address address;
  if (!gmux__address_parse_ip(&address, ip, strlen(ip), port))
    sim_die("sim_address: \"%s\" is no literal address", ip);
  return address;
}

static bool address_is_ip(const gmux__address *a) {
  return a->family == GMUX__FAMILY_IPV4 || a->family == GMUX__FAMILY_IPV6;
}

/* ---- what is special about an address ---- */

typedef struct sim_rule {
  gmux__link link;
  gmux__address at;
  bool is_refused, has_latency;
  unsigned lost;
  uint64_t latency_ns;
  uint64_t *dialed_ns; /* a row of times, in a buffer of a power of two */
  size_t dials;
} sim_rule;

static sim_rule *rule_find(const sim *s, const gmux__address *at) {
  for (gmux__link *l = s->net.rules.first; l; l = l->next) {
    sim_rule *rule = gmux__container(l, sim_rule, link);
    if (gmux__address_is_equal(&rule->at, at)) return rule;
  }
  return NULL;
}

static sim_rule *rule_get(sim *s, const gmux__address *at) {
  sim_rule *rule = rule_find(s, at);
  if (rule) return rule;
  rule = sim_alloc(sizeof *rule);
  rule->at = *at;
  gmux__list_append(&s->net.rules, &rule->link);
  return rule;
}

unsigned sim_net_lost(const sim *s, const gmux__address *server) {
  const sim_rule *rule = rule_find(s, server);
  return rule ? rule->lost : 0;
}

void sim_net_refuse(sim *s, const gmux__address *at, bool is_refused) {
  rule_get(s, at)->is_refused = is_refused;
}

void sim_net_latency_of(sim *s, const gmux__address *at, uint64_t latency_ns) {
  sim_rule *rule = rule_get(s, at);
  rule->has_latency = true;
  rule->latency_ns = latency_ns;
}

uint64_t sim_net_latency(const sim *s, const gmux__address *server) {
  const sim_rule *rule = rule_find(s, server);
  return rule && rule->has_latency ? rule->latency_ns : s->net.settings.latency_ns;
}

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
  const sim_rule *rule = rule_find(s, at);
  return rule ? rule->dials : 0;
}

uint64_t sim_net_dialed_at(const sim *s, const gmux__address *at, size_t i) {
  const sim_rule *rule = rule_find(s, at);
  if (!rule || i >= rule->dials) sim_die("sim_net_dialed_at: there was no dial number %zu", i);
  return rule->dialed_ns[i];
}

/* ---- listeners ---- */

typedef struct sim_listener {
  gmux__listener base;
  gmux__link link; /* sim.net.listeners */
  sim *sim;
  gmux__address at;
  gmux__accepted_fn fn;
  void *arg;
  gmux__list waiting; /* sim_accept: connected, not told yet */
} sim_listener;

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

/* Who gets a dial to `to`: the address itself, else the family's "any" with its port. */
static sim_listener *listener_for(const sim *s, const gmux__address *to) {
  sim_listener *listener = listener_at(s, to);
  if (listener || !address_is_ip(to)) return listener;
  gmux__address any = {.family = to->family, .port = to->port};
  return listener_at(s, &any);
}

static bool listener_choose_port(const sim *s, gmux__address *at) {
  for (uint32_t port = LISTEN_PORT_FIRST; port < DIAL_PORT_FIRST; port++) {
    at->port = (uint16_t)port;
    if (!listener_at(s, at)) return true;
  }
  return false;
}

int sim_net_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                   const gmux__socket_options *options, gmux__accepted_fn fn, void *arg) {
  (void)options;
  sim *s = world_loop_of(loop)->sim;
  gmux__address chosen = *at;
  char text[GMUX__ADDRESS_TEXT];
  if (address_is_ip(at) && at->port == 0 && !listener_choose_port(s, &chosen))
    return gmux__fail(GMUX_ERR_IO, "no free port to listen on");
  if (listener_at(s, &chosen))
    return gmux__fail(GMUX_ERR_EXISTS, "cannot listen on %s: address in use",
                      gmux__address_str(&chosen, text));
  sim_listener *listener = sim_alloc(sizeof *listener);
  listener->base.loop = loop;
  listener->sim = s;
  listener->at = chosen;
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
    sim_event_clear(&accept->event);
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

static void listener_take(sim_listener *listener, gmux__transport *transport) {
  sim_accept *accept = sim_alloc(sizeof *accept);
  accept->listener = listener;
  accept->transport = transport;
  accept->event = (sim_event){.loop = listener->base.loop, .fn = accept_run, .arg = accept};
  gmux__list_append(&listener->waiting, &accept->link);
  sim_event_set(listener->sim, &accept->event, listener->sim->now_ns);
}

/* ---- dials ---- */

typedef struct sim_dial {
  gmux__dial base;
  gmux__link link; /* sim.net.dials */
  sim *sim;
  gmux__address to;
  gmux__dialed_fn fn;
  void *arg;
  sim_event event;            /* in no list: waits for packets to get through */
  gmux__transport *transport; /* connected, not told yet */
} sim_dial;

static gmux__address dial_source(sim_dial *dial) {
  gmux__address from = {.family = dial->to.family};
  if (!address_is_ip(&dial->to)) return from;
  memcpy(from.ip, dial->to.ip, sizeof from.ip); /* as on the loopback */
  from.port = dial->sim->net.next_port++;
  if (dial->sim->net.next_port == 0) dial->sim->net.next_port = DIAL_PORT_FIRST;
  return from;
}

static void dial_free(sim_dial *dial) {
  sim_event_clear(&dial->event);
  gmux__list_remove(&dial->link);
  dial->sim->net.live.dials--;
  free(dial);
}

static void dial_done(void *arg) {
  sim_dial *dial = arg;
  gmux__dialed_fn fn = dial->fn;
  void *fn_arg = dial->arg;
  gmux__transport *transport = dial->transport;
  dial_free(dial);
  if (transport)
    fn(fn_arg, 0, transport, NULL);
  else
    fn(fn_arg, GMUX_ERR_IO, NULL, "connection refused");
}

static bool dial_is_lost(const sim_dial *dial) {
  return sim_net_lost(dial->sim, &dial->to) != 0;
}

static void dial_answer(void *arg) {
  sim_dial *dial = arg;
  if (dial_is_lost(dial)) return;
  dial->event.loop = dial->base.loop;
  dial->event.fn = dial_done;
  sim_event_set(dial->sim, &dial->event, dial->sim->now_ns);
}

static void dial_reach(void *arg) {
  sim_dial *dial = arg;
  sim *s = dial->sim;
  if (dial_is_lost(dial)) return;
  const sim_rule *rule = rule_find(s, &dial->to);
  sim_listener *listener = listener_for(s, &dial->to);
  if (listener && !(rule && rule->is_refused)) {
    gmux_loop *const loops[2] = {dial->base.loop, listener->base.loop};
    gmux__address from = dial_source(dial);
    gmux__transport *ends[2];
    sim_link_new(s, loops, &from, &dial->to, ends);
    dial->transport = ends[0];
    listener_take(listener, ends[1]);
  }
  dial->event.fn = dial_answer;
  sim_event_set(s, &dial->event, s->now_ns + sim_net_latency(s, &dial->to));
}

int sim_net_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                 const gmux__socket_options *options, gmux__dialed_fn fn, void *arg) {
  (void)options;
  sim *s = world_loop_of(loop)->sim;
  sim_dial *dial = sim_alloc(sizeof *dial);
  dial->base.loop = loop;
  dial->sim = s;
  dial->to = *to;
  dial->fn = fn;
  dial->arg = arg;
  dial->event = (sim_event){.fn = dial_reach, .arg = dial};
  gmux__list_append(&s->net.dials, &dial->link);
  rule_note_dial(rule_get(s, to), s->now_ns);
  s->net.live.dials++;
  sim_event_set(s, &dial->event, s->now_ns + sim_net_latency(s, &dial->to));
  *out = &dial->base;
  return 0;
}

void sim_net_dial_cancel(gmux__dial *base) {
  sim_dial *dial = gmux__container(base, sim_dial, base);
  gmux__transport_close(dial->transport);
  dial_free(dial);
}

void sim_net_blackhole(sim *s, const gmux__address *at, unsigned directions) {
  rule_get(s, at)->lost = directions;
  for (sim_link *link = sim_link_first(s); link; link = sim_link_next(link))
    if (gmux__address_is_equal(sim_link_address(link), at)) sim_link_resume(link);
  if (directions != 0) return;
  for (gmux__link *l = s->net.dials.first; l; l = l->next) {
    sim_dial *dial = gmux__container(l, sim_dial, link);
    if (gmux__link_is_linked(&dial->event.link) || !gmux__address_is_equal(&dial->to, at)) continue;
    sim_event_set(s, &dial->event, s->now_ns + sim_net_latency(s, &dial->to));
  }
}

/* ---- names ---- */

typedef struct sim_name {
  gmux__link link;
  char *host;
  gmux__address *addresses;
  size_t count; /* 0: it fails, or hangs */
  char *why;
  bool is_hung;
} sim_name;

typedef struct sim_resolve {
  gmux__resolve base;
  sim *sim;
  sim_event event; /* in no list: nobody will answer */
  char *host;
  uint16_t port;
  gmux__resolved_fn fn;
  void *arg;
} sim_resolve;

static void *sim_copy(const void *data, size_t len) {
  void *copy = sim_alloc(len);
  memcpy(copy, data, len);
  return copy;
}

static char *sim_strdup(const char *s) {
  return sim_copy(s, strlen(s) + 1);
}

static sim_name *name_find(const sim *s, const char *host) {
  for (gmux__link *l = s->net.names.first; l; l = l->next) {
    sim_name *name = gmux__container(l, sim_name, link);
    if (strcasecmp(name->host, host) == 0) return name;
  }
  return NULL;
}

static void name_free(sim_name *name) {
  if (!name) return;
  gmux__list_remove(&name->link);
  free(name->addresses);
  free(name->why);
  free(name->host);
  free(name);
}

/* A new one that nothing is known of, in the old one's place. */
static sim_name *name_replace(sim *s, const char *host) {
  name_free(name_find(s, host));
  sim_name *name = sim_alloc(sizeof *name);
  name->host = sim_strdup(host);
  gmux__list_append(&s->net.names, &name->link);
  return name;
}

void sim_dns_set(sim *s, const char *host, const gmux__address *addresses, size_t count) {
  sim_name *name = name_replace(s, host);
  assert(count > 0);
  name->addresses = sim_copy(addresses, count * sizeof *addresses);
  name->count = count;
}

void sim_dns_forget(sim *s, const char *host) {
  name_free(name_find(s, host));
}

void sim_dns_fail(sim *s, const char *host, const char *why) {
  name_replace(s, host)->why = sim_strdup(why);
}

void sim_dns_hang(sim *s, const char *host) {
  name_replace(s, host)->is_hung = true;
}

static void resolve_free(sim_resolve *resolve) {
  sim_event_clear(&resolve->event);
  resolve->sim->net.live.resolves--;
  free(resolve->host);
  free(resolve);
}

/* The answer is a copy: the callback may change what the name stands for. */
static void resolve_succeed(sim_resolve *resolve, const sim_name *name) {
  size_t count = name->count;
  gmux__address *answer = sim_copy(name->addresses, count * sizeof *answer);
  for (size_t i = 0; i < count; i++)
    answer[i].port = resolve->port;
  gmux__resolved_fn fn = resolve->fn;
  void *arg = resolve->arg;
  resolve_free(resolve);
  fn(arg, 0, answer, count, NULL);
  free(answer);
}

static void resolve_fail(sim_resolve *resolve, int error, const char *why) {
  char *words = sim_strdup(why);
  gmux__resolved_fn fn = resolve->fn;
  void *arg = resolve->arg;
  resolve_free(resolve);
  fn(arg, error, NULL, 0, words);
  free(words);
}

static void resolve_run(void *arg) {
  sim_resolve *resolve = arg;
  const sim_name *name = name_find(resolve->sim, resolve->host);
  if (name && name->is_hung) return;
  if (!name)
    resolve_fail(resolve, GMUX_ERR_NOT_FOUND, "no such host");
  else if (name->count > 0)
    resolve_succeed(resolve, name);
  else
    resolve_fail(resolve, GMUX_ERR_RESOLVE, name->why);
}

int sim_net_resolve(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                    gmux__resolved_fn fn, void *arg) {
  sim *s = world_loop_of(loop)->sim;
  sim_resolve *resolve = sim_alloc(sizeof *resolve);
  resolve->base.loop = loop;
  resolve->sim = s;
  resolve->host = sim_strdup(host);
  resolve->port = port;
  resolve->fn = fn;
  resolve->arg = arg;
  resolve->event = (sim_event){.loop = loop, .fn = resolve_run, .arg = resolve};
  s->net.live.resolves++;
  sim_event_set(s, &resolve->event, s->now_ns + s->net.settings.dns_latency_ns);
  *out = &resolve->base;
  return 0;
}

void sim_net_resolve_cancel(gmux__resolve *base) {
  resolve_free(gmux__container(base, sim_resolve, base));
}

void sim_net_deinit(sim *s) {
  while (s->net.rules.first) {
    sim_rule *rule = gmux__container(gmux__list_shift(&s->net.rules), sim_rule, link);
    free(rule->dialed_ns);
    free(rule);
  }
  while (s->net.names.first)
    name_free(gmux__container(s->net.names.first, sim_name, link));
}
