/* hostile_client.c: a client that keeps the rules, and wants its answers. */
#include "tests/bench/hostile.h"
#include <ev.h>
#include <gmux/gmux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACE_MS = 1, TIMEOUT_MS = 60000 };

struct good {
  struct ev_loop *ev;
  gmux_loop *loop;
  gmux_channel *channel;
  gmux_method *echo;
  gmux_call_options options;
  ev_timer pace;
  unsigned running;
  char failure[256];
  /* good_measure: a call each tick, until */
  uint64_t until_ns, next_ns;
  histogram *latencies;
  /* good_call_until */
  unsigned left;
  bool (*is_enough)(void *arg);
  void *arg;
};

typedef struct asked {
  good *good;
  uint64_t at_ns;
} asked;

static void must(int error) {
  if (error) hostile_die("the good client: %s", gmux_last_error());
}

static void good_fail(good *g, const char *what, const char *why) {
  if (!g->failure[0]) snprintf(g->failure, sizeof g->failure, "%s: %s", what, why);
}

static void good_ask(good *g);

static bool wants_more(good *g) {
  if (!g->is_enough || g->failure[0]) return false;
  if (g->left > 0) g->left--;
  return g->left > 0 || !g->is_enough(g->arg);
}

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  asked *a = user_data;
  good *g = a->good;
  g->running--;
  if (status->code != GMUX_OK)
    good_fail(g, gmux_code_str(status->code), status->message);
  else if (reply->len != 1)
    good_fail(g, "a reply", "it is not the request");
  else if (g->latencies)
    histogram_add(g->latencies, (hostile_now_ns() - a->at_ns) / 1000);
  free(a);
  if (wants_more(g)) good_ask(g);
  if (g->running == 0 && !ev_is_active(&g->pace)) ev_break(g->ev, EVBREAK_ALL);
}

static void good_ask(good *g) {
  asked *a = malloc(sizeof *a);
  if (!a) hostile_die("the good client: out of memory");
  *a = (asked){g, hostile_now_ns()};
  gmux_bytes request = gmux_bytes_borrow("x", 1);
  must(gmux_call_unary_start(NULL, g->channel, g->echo, &g->options, &request, on_reply, a));
  g->running++;
}

/* As many as are due: a tick that comes late makes none too few. */
static void on_pace(struct ev_loop *ev, ev_timer *w, int events) {
  (void)events;
  good *g = w->data;
  uint64_t now_ns = hostile_now_ns();
  for (; g->next_ns <= now_ns && g->next_ns < g->until_ns; g->next_ns += PACE_MS * 1000000)
    good_ask(g);
  if (g->next_ns < g->until_ns) return;
  ev_timer_stop(ev, w);
  if (g->running == 0) ev_break(ev, EVBREAK_ALL);
}

good *good_new(unsigned port) {
  good *g = calloc(1, sizeof *g);
  if (!g) hostile_die("the good client: out of memory");
  g->ev = ev_loop_new(0);
  must(gmux_loop_attach(&g->loop, g->ev, NULL));
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = true;
  how.max_connections = 1;
  char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  must(gmux_channel_new(&g->channel, g->loop, target, &how));
  must(gmux_method_new(&g->echo, HOSTILE_ECHO, GMUX_UNARY, 0));
  gmux_call_options_init(&g->options, sizeof g->options);
  g->options.timeout_ms = TIMEOUT_MS;
  ev_timer_init(&g->pace, on_pace, 1e-3 * PACE_MS, 1e-3 * PACE_MS);
  g->pace.data = g;
  good_ask(g);
  ev_run(g->ev, 0);
  if (g->failure[0]) hostile_die("the first call: %s", g->failure);
  return g;
}

void good_measure(good *g, double seconds, histogram *latencies_us) {
  g->latencies = latencies_us;
  g->next_ns = hostile_now_ns();
  g->until_ns = g->next_ns + (uint64_t)(1e9 * seconds);
  ev_timer_again(g->ev, &g->pace);
  ev_run(g->ev, 0);
  g->latencies = NULL;
}

void good_call_until(good *g, unsigned count, bool (*is_enough)(void *arg), void *arg) {
  g->left = count;
  g->is_enough = is_enough;
  g->arg = arg;
  good_ask(g);
  ev_run(g->ev, 0);
  g->is_enough = NULL;
}

const char *good_failure(const good *g) {
  return g->failure;
}

void good_free(good *g) {
  gmux_channel_close(g->channel, NULL, NULL);
  gmux_channel_free(g->channel);
  ev_run(g->ev, 0); /* returns when the channel has gone */
  gmux_method_free(g->echo);
  must(gmux_loop_stop(g->loop));
  ev_loop_destroy(g->ev);
  free(g);
}
