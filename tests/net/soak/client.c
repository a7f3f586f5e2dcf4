/*
 * client.c: the client of the soak. On its main thread a loop with a channel through each gate,
 * whose lanes make a call at a time, of all four kinds, and rest a while; some of the calls have
 * deadlines, some are cancelled, some read slowly. One of the channels is replaced all the time. On
 * a loop of its own another channel serves threads that make blocking calls.
 */
#include "tests/net/proxy_random.h"
#include "tests/net/soak/roles.h"
#include "tests/net/soak/wire.h"
#include <ev.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS_NS UINT64_C(1000000)
enum {
  BLOCKING_THREADS = 2,
  BLOCKING_GATE = 1,
  MESSAGES_MAX = 8, /* of a stream */
  GIVE_UP_S = 90,   /* all calls have ended long before: law L1 */
  REPLACE_S = 3,    /* how long the channel lives that is replaced */
  REPLACED = 3,     /* which one that is */
  ROTATE_S = 7
};

typedef struct client client;

/* A channel through a gate; the current one, if it is replaced. */
typedef struct way_out {
  client *client;
  unsigned gate;
  gmux_channel *channel;
  unsigned closing; /* that have not closed yet */
} way_out;

typedef struct lane {
  client *client;
  way_out *out;
  proxy_random random;
  ev_timer rest, cancel;
  /* The call, while there is one. */
  soak_place *place;
  gmux_call *call;
  gmux_method_kind kind;
  soak_head head;          /* of its next message */
  unsigned messages;       /* it says */
  unsigned replies, heard; /* it must hear for OK; and has */
  bool is_slow;            /* grants credit for one reply at a time */
  uint64_t deadline_ns;
} lane;

struct client {
  soak_shared *shared;
  struct ev_loop *ev;
  gmux_loop *loop, *blocking_loop;
  gmux_channel *blocking_channel;
  gmux_tls *tls;
  gmux_method *methods[SOAK_KINDS];
  way_out outs[SOAK_GATES];
  lane *lanes;
  unsigned running;
  ev_signal stop;
  ev_timer replace, rotate, trim, leak, give_up;
  pthread_t threads[BLOCKING_THREADS];
  atomic_uint threads_begun;
};

void soak_must(int error) {
  if (error == 0) return;
  fprintf(stderr, "soak: %s: %s\n", gmux_strerror(error), gmux_last_error());
  exit(1);
}

static bool is_over(const client *c) {
  return atomic_load(&c->shared->is_over);
}

/* ---- channels ---- */

static gmux_channel_options channel_options(const client *c, unsigned gate) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.tls = c->shared->is_gate_tls[gate] ? c->tls : NULL;
  o.cleartext = !o.tls;
  if (o.tls) o.tls_host = "localhost";
  o.initial_backoff_ms = 100;
  o.max_backoff_ms = 1000;
  o.connect_timeout_ms = 3000;
  o.keepalive_ms = 2000;
  o.keepalive_timeout_ms = 1500;
  o.validate_after_ms = 1000;
  o.ideal_streams = 8;
  o.max_connections = 3;
  o.max_idle_ms = 3000;
  o.max_age_ms = 10000;
  o.drain_timeout_ms = 5000;
  return o;
}

static gmux_channel *make_channel(client *c, gmux_loop *loop, unsigned gate) {
  gmux_channel_options o = channel_options(c, gate);
  gmux_channel *channel;
  soak_must(gmux_channel_new(&channel, loop, c->shared->gates[gate], &o));
  atomic_fetch_add(&c->shared->channels, 1);
  return channel;
}

static void add_figures(client *c, gmux_channel *channel) {
  gmux_channel_stats s = {.size = sizeof s};
  soak_must(gmux_channel_get_stats(channel, &s));
  atomic_fetch_add(&c->shared->connections_made, s.connections_made);
  atomic_fetch_add(&c->shared->dials_failed, s.dials_failed);
  atomic_fetch_add(&c->shared->suspicions, s.suspicions);
  for (int i = 0; i < 5; i++)
    atomic_fetch_add(&c->shared->retries, s.retries[i]);
}

typedef struct farewell {
  way_out *out;
  gmux_channel *channel;
} farewell;

static void on_closed(void *user_data) {
  farewell *f = user_data;
  add_figures(f->out->client, f->channel);
  gmux_channel_free(f->channel);
  f->out->closing--;
  free(f);
}

static void close_channel(way_out *out) {
  farewell *f = calloc(1, sizeof *f);
  if (!f) abort();
  *f = (farewell){.out = out, .channel = out->channel};
  out->closing++;
  out->channel = NULL;
  gmux_channel_drain(f->channel, 2000, on_closed, f);
}

static void on_replace(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  client *c = timer->data;
  close_channel(&c->outs[REPLACED]);
  c->outs[REPLACED].channel = make_channel(c, c->loop, REPLACED);
}

static void on_rotate(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  client *c = timer->data;
  for (unsigned i = 0; i < SOAK_GATES; i++)
    gmux_channel_rotate(c->outs[i].channel);
}

/* ---- what a call is like ---- */

/* Mostly small; the large ones are few, so that they are no more than half of all bytes. */
static uint32_t draw_bytes(proxy_random *r) {
  uint64_t most = 64;
  if (proxy_random_chance(r, 0.3)) most = 4096;
  if (proxy_random_chance(r, 0.03)) most = 65536;
  if (proxy_random_chance(r, 0.002)) most = SOAK_MESSAGE_MAX - sizeof(soak_head);
  return (uint32_t)(sizeof(soak_head) + proxy_random_below(r, most + 1));
}

static int64_t draw_timeout_ms(proxy_random *r) {
  double x = proxy_random_unit(r);
  if (x < 0.2) return GMUX_NO_TIMEOUT;
  if (x < 0.7) return 20000;
  return (int64_t)(x < 0.75 ? proxy_random_below(r, 50) : 50 + proxy_random_below(r, 2000));
}

static gmux_call_options draw_options(proxy_random *r) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = draw_timeout_ms(r);
  o.wait_for_ready = proxy_random_chance(r, 0.5);
  o.idempotent = proxy_random_chance(r, 0.3);
  return o;
}

static soak_head draw_head(proxy_random *r, uint64_t id) {
  return (soak_head){.id = id,
                     .bytes = draw_bytes(r),
                     .reply_bytes = draw_bytes(r),
                     .replies = (uint16_t)proxy_random_below(r, MESSAGES_MAX + 1),
                     .pause_ms =
                         (uint16_t)(proxy_random_chance(r, 0.1) ? proxy_random_below(r, 300) : 0)};
}

static uint64_t deadline_of(const gmux_call_options *o) {
  return o->timeout_ms == GMUX_NO_TIMEOUT ? 0 : soak_now_ns() + (uint64_t)o->timeout_ms * MS_NS;
}

/* ---- lanes ---- */

static void lane_rest(lane *l) {
  unsigned most = 2 * l->client->shared->pause_ms;
  ev_timer_set(&l->rest, (double)proxy_random_below(&l->random, most + 1) / 1000.0, 0);
  ev_timer_start(l->client->ev, &l->rest);
}

static void stop_if_idle(client *c) {
  if (is_over(c) && c->running == 0) ev_break(c->ev, EVBREAK_ALL);
}

static void check_reply(lane *l, const gmux_bytes *reply) {
  soak_head head;
  if (!soak_read(&head, reply) || head.id != l->head.id || head.index != l->heard)
    l->place->is_foreign = true;
  l->heard++;
}

static void lane_ended(lane *l, gmux_call *call, const gmux_status *status) {
  client *c = l->client;
  if (status->code == GMUX_OK && l->heard != l->replies) l->place->is_foreign = true;
  soak_end(c->shared, l->place, status->code, gmux_call_get_evidence(call), l->deadline_ns);
  ev_timer_stop(c->ev, &l->cancel);
  gmux_call_free(l->call);
  l->call = NULL;
  l->place = NULL;
  c->running--;
  if (!is_over(c)) lane_rest(l);
  stop_if_idle(c);
}

static void on_unary_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                          const gmux_metadata *trailers, void *user_data) {
  (void)trailers;
  lane *l = user_data;
  if (status->code == GMUX_OK) check_reply(l, reply);
  lane_ended(l, call, status);
}

static void on_message(gmux_call *call, gmux_bytes *reply, void *user_data) {
  lane *l = user_data;
  check_reply(l, reply);
  if (l->is_slow) gmux_call_grant(call, 1);
}

/* Until the queue is full or all has been said. */
static void lane_say(lane *l) {
  static uint8_t text[SOAK_MESSAGE_MAX];
  while (l->head.index < l->messages) {
    gmux_bytes message = soak_message(&l->head, text);
    int rv = gmux_call_write(l->call, &message);
    if (rv < 0) return; /* on_writable comes, or the end */
    l->head.index++;
    if (rv == GMUX_WRITE_FULL) return;
  }
  gmux_call_half_close(l->call);
}

static void on_writable(gmux_call *call, void *user_data) {
  (void)call;
  lane_say(user_data);
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)trailers;
  lane_ended(user_data, call, status);
}

static void on_cancel(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  gmux_call_cancel(((lane *)timer->data)->call);
}

static void lane_start_stream(lane *l, gmux_call_options *o) {
  static const gmux_call_handlers handlers = {
      .on_message = on_message, .on_writable = on_writable, .on_end = on_end};
  l->is_slow = proxy_random_chance(&l->random, 0.2);
  if (l->is_slow) o->initial_credit = 1;
  soak_must(
      gmux_call_start(&l->call, l->out->channel, l->client->methods[l->kind], o, &handlers, l));
  lane_say(l);
}

static void lane_start_unary(lane *l, const gmux_call_options *o) {
  static uint8_t text[SOAK_MESSAGE_MAX];
  gmux_bytes request = soak_message(&l->head, text);
  soak_must(gmux_call_unary_start(&l->call, l->out->channel, l->client->methods[GMUX_UNARY], o,
                                  &request, on_unary_done, l));
}

/* How much is said and heard in a call of this kind. */
static void lane_plan(lane *l) {
  unsigned drawn = (unsigned)proxy_random_below(&l->random, MESSAGES_MAX) + 1;
  bool says_many = l->kind == GMUX_CLIENT_STREAMING || l->kind == GMUX_BIDI_STREAMING;
  l->messages = says_many ? drawn : 1;
  l->replies = 1;
  if (l->kind == GMUX_SERVER_STREAMING) l->replies = l->head.replies;
  if (l->kind == GMUX_BIDI_STREAMING) l->replies = l->messages;
  l->heard = 0;
}

static void lane_start(lane *l) {
  client *c = l->client;
  l->kind = (gmux_method_kind)(proxy_random_chance(&l->random, 0.6)
                                   ? GMUX_UNARY
                                   : proxy_random_below(&l->random, SOAK_KINDS));
  gmux_call_options o = draw_options(&l->random);
  l->place = soak_begin(c->shared, l->kind, l->out->gate, o.idempotent);
  if (!l->place) {
    lane_rest(l);
    return;
  }
  l->head = draw_head(&l->random, atomic_load(&l->place->id));
  l->deadline_ns = deadline_of(&o);
  lane_plan(l);
  c->running++;
  if (l->kind == GMUX_UNARY)
    lane_start_unary(l, &o);
  else
    lane_start_stream(l, &o);
  if (!proxy_random_chance(&l->random, 0.05)) return;
  ev_timer_set(&l->cancel, (double)proxy_random_below(&l->random, 100) / 1000.0, 0);
  ev_timer_start(c->ev, &l->cancel);
}

static void on_rested(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  lane_start(timer->data);
}

static void lanes_start(client *c) {
  proxy_random seeds = {.state = c->shared->seed};
  c->lanes = calloc(c->shared->lanes, sizeof *c->lanes);
  if (!c->lanes) abort();
  for (unsigned i = 0; i < c->shared->lanes; i++) {
    lane *l = &c->lanes[i];
    l->client = c;
    l->out = &c->outs[i % SOAK_GATES];
    l->random.state = proxy_random_next(&seeds);
    ev_init(&l->rest, on_rested);
    ev_init(&l->cancel, on_cancel);
    l->rest.data = l->cancel.data = l;
    lane_rest(l);
  }
}

/* ---- threads that wait ---- */

static void call_and_wait(client *c, proxy_random *random) {
  uint8_t text[sizeof(soak_head) + 64];
  gmux_call_options o = draw_options(random);
  soak_place *place = soak_begin(c->shared, GMUX_UNARY, BLOCKING_GATE, o.idempotent);
  if (!place) return;
  soak_head head = {.id = atomic_load(&place->id), .bytes = sizeof text, .reply_bytes = 1000}, got;
  uint64_t deadline = deadline_of(&o);
  gmux_bytes request = soak_message(&head, text), reply;
  gmux_status status =
      gmux_call_unary_wait(c->blocking_channel, c->methods[GMUX_UNARY], &o, &request, &reply);
  if (status.code == GMUX_OK && (!soak_read(&got, &reply) || got.id != head.id))
    place->is_foreign = true;
  /* This form does not show the evidence; "possible" excuses any execution. */
  soak_end(c->shared, place, status.code,
           status.code == GMUX_OK ? GMUX_EVIDENCE_ANSWERED : GMUX_EVIDENCE_POSSIBLE, deadline);
  gmux_bytes_release(&reply);
  gmux_status_clear(&status);
}

static void *make_blocking_calls(void *arg) {
  client *c = arg;
  proxy_random random = {.state = c->shared->seed + 1 + atomic_fetch_add(&c->threads_begun, 1)};
  while (!is_over(c)) {
    uint64_t ms = 1 + proxy_random_below(&random, 2 * c->shared->pause_ms + 1);
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * MS_NS)},
        NULL);
    call_and_wait(c, &random);
  }
  return NULL;
}

/* ---- life ---- */

static void on_stop(struct ev_loop *ev, ev_signal *signal, int events) {
  (void)ev, (void)events;
  client *c = signal->data;
  atomic_store(&c->shared->is_over, true);
  for (unsigned i = 0; i < c->shared->lanes; i++)
    ev_timer_stop(c->ev, &c->lanes[i].rest);
  ev_timer_set(&c->give_up, GIVE_UP_S, 0);
  ev_timer_start(c->ev, &c->give_up);
  stop_if_idle(c);
}

/* A call without an end: the ledger will tell which. */
static void on_give_up(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)timer, (void)events;
  ev_break(ev, EVBREAK_ALL);
}

static void on_trim(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)timer, (void)events;
  soak_self_trim();
}

/* --leak: what a soak is there to find. */
static void on_leak(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  void *lost = gmux_malloc(((client *)timer->data)->shared->leak_bytes);
  if (!lost) abort();
  memset(lost, 1, ((client *)timer->data)->shared->leak_bytes);
}

static void every(client *c, ev_timer *timer, void (*fn)(struct ev_loop *, ev_timer *, int),
                  double seconds) {
  ev_timer_init(timer, fn, seconds, seconds);
  timer->data = c;
  ev_timer_start(c->ev, timer);
}

static void make_methods(client *c) {
  static const char *const paths[SOAK_KINDS] = {SOAK_UNARY, SOAK_CLIENT, SOAK_SERVER, SOAK_BIDI};
  for (int i = 0; i < SOAK_KINDS; i++)
    soak_must(gmux_method_new(&c->methods[i], paths[i], (gmux_method_kind)i, 0));
}

static void client_start(client *c) {
  soak_must(gmux_loop_attach(&c->loop, c->ev, NULL));
  soak_must(gmux_loop_start(&c->blocking_loop, NULL));
  gmux_tls_options to;
  gmux_tls_options_init(&to, sizeof to);
  to.ca_file = c->shared->ca_file;
  soak_must(gmux_tls_client_new(&c->tls, &to));
  make_methods(c);
  for (unsigned i = 0; i < SOAK_GATES; i++)
    c->outs[i] = (way_out){.client = c, .gate = i, .channel = make_channel(c, c->loop, i)};
  c->blocking_channel = make_channel(c, c->blocking_loop, BLOCKING_GATE);
  for (int i = 0; i < BLOCKING_THREADS; i++)
    if (pthread_create(&c->threads[i], NULL, make_blocking_calls, c)) abort();
  lanes_start(c);
  ev_signal_init(&c->stop, on_stop, SIGTERM);
  c->stop.data = c;
  ev_signal_start(c->ev, &c->stop);
  ev_init(&c->give_up, on_give_up);
  every(c, &c->replace, on_replace, REPLACE_S);
  every(c, &c->rotate, on_rotate, ROTATE_S);
  every(c, &c->trim, on_trim, 1);
  ev_init(&c->leak, on_leak);
  if (c->shared->leak_bytes) every(c, &c->leak, on_leak, 1);
}

static bool is_closing(const client *c) {
  for (unsigned i = 0; i < SOAK_GATES; i++)
    if (c->outs[i].closing) return true;
  return false;
}

static void client_stop(client *c) {
  ev_timer_stop(c->ev, &c->replace);
  ev_timer_stop(c->ev, &c->rotate);
  ev_timer_stop(c->ev, &c->trim);
  ev_timer_stop(c->ev, &c->leak);
  ev_timer_stop(c->ev, &c->give_up);
  ev_signal_stop(c->ev, &c->stop);
  for (unsigned i = 0; i < SOAK_GATES; i++)
    close_channel(&c->outs[i]);
  while (is_closing(c))
    ev_run(c->ev, EVRUN_ONCE);
  for (int i = 0; i < BLOCKING_THREADS; i++)
    pthread_join(c->threads[i], NULL);
  add_figures(c, c->blocking_channel);
  gmux_channel_free(c->blocking_channel);
  for (int i = 0; i < SOAK_KINDS; i++)
    gmux_method_free(c->methods[i]);
  gmux_tls_free(c->tls);
  soak_must(gmux_loop_stop(c->blocking_loop));
  soak_must(gmux_loop_stop(c->loop));
  free(c->lanes);
}

int soak_call(soak_shared *shared) {
  client c = {.shared = shared};
  soak_self_begin(&shared->client);
  c.ev = ev_loop_new(EVFLAG_AUTO);
  client_start(&c);
  ev_run(c.ev, 0);
  client_stop(&c);
  ev_loop_destroy(c.ev);
  soak_self_end(&shared->client);
  return 0;
}
