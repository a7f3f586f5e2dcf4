/* name.c: names and who asks for them. */
#include "tests/sim/world.h"
#include <assert.h>
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
  sim_event_clear(resolve->sim, &resolve->event);
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
  sim_happened *happened = &resolve->sim->happened;
  const sim_name *name = name_find(resolve->sim, resolve->host);
  if (name && name->is_hung) {
    happened->names_hung++;
  } else if (!name) {
    happened->names_unknown++;
    resolve_fail(resolve, GMUX_ERR_NOT_FOUND, "no such host");
  } else if (name->count > 0) {
    resolve_succeed(resolve, name);
  } else {
    happened->names_failed++;
    resolve_fail(resolve, GMUX_ERR_RESOLVE, name->why);
  }
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

void sim_names_deinit(sim *s) {
  while (s->net.names.first)
    name_free(gmux__container(s->net.names.first, sim_name, link));
}
