/*
 * retry_storm_test.c: at most once, against a server that refuses, passes over and hangs up at
 * random (promises 11 and 12).
 *
 * The raw server does what ours does not: it refuses streams, sends one abrupt GOAWAY with a last
 * stream id in the middle of what has come, and resets connections; and it writes down which calls
 * it executed. All that is random comes from a number, so one that breaks a law does so again.
 */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 120, PEERS = 40, SEEDS = 150, STEPS = 60, REFUSED_STREAM = 7 };

typedef struct record {
  tcall *t;
  bool is_idempotent, is_half_closed;
  unsigned to_write, written, executed, answered;
} record;

typedef struct server {
  rawpeer *p;
  size_t next; /* request to be looked at */
  uint32_t last_id;
  bool is_leaving; /* GOAWAY is sent: nothing that comes is looked at any more */
  struct {
    uint32_t stream;
    int call;
    bool is_over;
  } executing[4 * CALLS];
  size_t count;
} server;

static uint64_t random_state;
static record records[CALLS];
static size_t record_count;
static server *servers[PEERS];
static size_t server_count;

static uint64_t random_below(uint64_t below) {
  random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (random_state >> 33) % below;
}

static bool chance(unsigned percent) {
  return random_below(100) < percent;
}

/* ---- calls ---- */

static size_t message_text(char *text, size_t room, int call, unsigned number) {
  size_t pad = (size_t)(call * 37 + (int)number * 11) % 150;
  return (size_t)snprintf(text, room, "%d.%u%*s", call, number, (int)pad, "");
}

static void write_some(record *r) {
  char text[200];
  if (r->t->ends || r->written == r->to_write) return;
  gmux_bytes message =
      gmux_bytes_borrow(text, message_text(text, sizeof text, (int)(r - records), r->written));
  int rv = gmux_call_write(r->t->call, &message);
  if (rv >= 0) r->written++;
  CU_ASSERT_TRUE(rv >= 0 || rv == GMUX_ERR_STATE || rv == GMUX_ERR_AGAIN);
  if (r->written < r->to_write) return;
  gmux_call_half_close(r->t->call);
  r->is_half_closed = true;
}

static void start_one(void) {
  if (record_count == CALLS) return;
  record *r = &records[record_count];
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = chance(70);
  o.idempotent = chance(30);
  char id[8];
  snprintf(id, sizeof id, "%zu", record_count);
  gmux_metadata *md = NULL;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  gmux_metadata_add(md, "x-id", id);
  o.metadata = md;
  gmux_method_kind kind = chance(50) ? GMUX_UNARY : GMUX_CLIENT_STREAMING;
  *r = (record){.is_idempotent = o.idempotent};
  r->to_write = kind == GMUX_UNARY ? 1 : 1 + (unsigned)random_below(6);
  r->t = w_start(kind, &o);
  gmux_metadata_free(md);
  record_count++;
  write_some(r);
}

/* ---- the server ---- */

static void greet(void) {
  rawpeer *p = server_count < PEERS ? w_accept() : NULL;
  if (!p) return;
  server *s = sim_alloc(sizeof *s);
  s->p = p;
  servers[server_count++] = s;
  w_settings(p, chance(50) ? -1 : 1 + (int64_t)random_below(20));
  rawpeer_window_update(p, 0, 1u << 30);
}

/* Looks at the next `most` requests that have come: refuses or executes each. */
static void look_at(server *s, size_t most, unsigned refusals) {
  const rawframe *f;
  for (; most > 0 && (f = rawpeer_find(s->p, RAW_HEADERS, RAW_ANY, s->next)); s->next++, most--) {
    int call = atoi(rawframe_header(f, "x-id"));
    s->last_id = f->stream;
    if (rawpeer_count(s->p, RAW_RST_STREAM, f->stream) > 0) continue;
    if (chance(refusals)) {
      rawpeer_rst(s->p, f->stream, REFUSED_STREAM);
      continue;
    }
    records[call].executed++;
    s->executing[s->count].stream = f->stream;
    s->executing[s->count++].call = call;
  }
}

/* The whole request has come: it must be what was written, in order. */
static bool has_all(const server *s, uint32_t stream, int call) {
  static char body[8192], expected[8192];
  size_t frames = rawpeer_count(s->p, RAW_DATA, stream), len = 0;
  if (frames == 0) return false;
  if (!(rawpeer_find(s->p, RAW_DATA, stream, frames - 1)->flags & RAW_END_STREAM)) return false;
  for (unsigned i = 0; i < records[call].written; i++) {
    size_t n = message_text(expected + len + 5, sizeof expected - len - 5, call, i);
    const uint8_t prefix[5] = {0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n};
    memcpy(expected + len, prefix, sizeof prefix);
    len += 5 + n;
  }
  CU_ASSERT_EQUAL_FATAL(w_body(s->p, stream, body, sizeof body), len);
  CU_ASSERT_EQUAL(memcmp(body, expected, len), 0);
  return true;
}

static void answer_some(server *s, unsigned percent) {
  for (size_t i = 0; i < s->count; i++) {
    uint32_t stream = s->executing[i].stream;
    if (s->executing[i].is_over || !chance(percent)) continue;
    if (!has_all(s, stream, s->executing[i].call)) continue;
    s->executing[i].is_over = true;
    records[s->executing[i].call].answered++;
    w_answer(s->p, stream, "reply");
  }
}

static void serve(server *s) {
  if (rawpeer_state(s->p) != 0) return;
  if (!s->is_leaving && chance(4)) {
    look_at(s, random_below(10), 20);
    rawpeer_goaway(s->p, s->last_id, 0, NULL);
    s->is_leaving = true;
  }
  if (!s->is_leaving) look_at(s, SIZE_MAX, 20);
  answer_some(s, 30);
  if (chance(2)) rawpeer_reset(s->p);
}

static void step(void) {
  for (uint64_t n = random_below(6); n > 0; n--)
    start_one();
  greet();
  for (size_t i = 0; i < record_count; i++)
    if (chance(30)) write_some(&records[i]);
  for (size_t i = 0; i < server_count; i++)
    serve(servers[i]);
  w_run_ms(random_below(40));
}

/* ---- the laws ---- */

static void settle(void) {
  for (int round = 0; round < 400; round++) {
    greet();
    bool is_settled = true;
    for (size_t i = 0; i < record_count; i++) {
      write_some(&records[i]);
      is_settled = is_settled && records[i].t->ends > 0;
    }
    if (is_settled) return;
    for (size_t i = 0; i < server_count; i++) {
      if (rawpeer_state(servers[i]->p) != 0) continue;
      if (!servers[i]->is_leaving) look_at(servers[i], SIZE_MAX, 0);
      answer_some(servers[i], 100);
    }
    w_run_ms(100);
  }
}

static uint64_t sum_of(const gmux_call_explanation *e) {
  return e->paused_ns + e->backoff_ns + e->gate_ns + e->resolve_ns + e->dial_ns + e->tls_ns +
         e->settings_ns + e->validation_ns + e->limit_ns + e->retry_ns + e->send_ns + e->server_ns;
}

static bool laws_hold(const record *r, unsigned *retries) {
  const tcall *t = r->t;
  gmux_call_explanation e = {.size = sizeof e};
  if (t->ends != 1 || gmux_call_explain(t->call, &e) != 0) return false;
  *retries += e.attempts > 0 ? e.attempts - 1 : 0;
  const uint32_t *by = e.ended_by;
  bool is_proven_unseen = t->evidence < GMUX_EVIDENCE_POSSIBLE;
  return (r->executed <= 1 || r->is_idempotent) &&                       /* at most once */
         (t->code != GMUX_OK || (r->executed > 0 && r->answered > 0)) && /* no OK without */
         (!is_proven_unseen || r->executed == 0) &&                      /* evidence is true */
         r->executed <= by[GMUX_EVIDENCE_POSSIBLE] + by[GMUX_EVIDENCE_ANSWERED] &&
         by[GMUX_EVIDENCE_REFUSED] + by[GMUX_EVIDENCE_ABOVE_LAST] <=
             w_options.max_refused_retries + 1 &&
         sum_of(&e) == e.total_ns;
}

/* Returns how many retries there were. */
static unsigned storm(uint64_t seed) {
  random_state = seed;
  record_count = server_count = 0;
  w_setup();
  w_options.max_refused_retries = (uint32_t)random_below(5);
  w_options.max_connections = 1 + (uint32_t)random_below(3);
  w_options.write_queue_bytes = 1024;
  w_options.initial_backoff_ms = 100;
  sim_net(w_sim)->latency_ns = random_below(20) * MS;
  w_open();
  for (int i = 0; i < STEPS; i++)
    step();
  settle();
  unsigned retries = 0;
  for (size_t i = 0; i < record_count; i++) {
    bool holds = laws_hold(&records[i], &retries);
    if (!holds)
      printf("# seed %llu, call %zu: ended %u times, executed %u times: %s\n",
             (unsigned long long)seed, i, records[i].t->ends, records[i].executed,
             records[i].t->message);
    CU_ASSERT_TRUE(holds);
  }
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.calls_started, s.calls_succeeded + s.calls_failed);
  for (size_t i = 0; i < server_count; i++)
    free(servers[i]);
  w_teardown();
  return retries;
}

static void no_call_is_executed_twice_whatever_the_server_does(void) {
  unsigned retries = 0;
  for (uint64_t seed = 1; seed <= SEEDS; seed++)
    retries += storm(seed);
  CU_ASSERT_TRUE(retries > 10 * SEEDS); /* there was something to see */
}

static const test_case cases[] = {
    TEST(no_call_is_executed_twice_whatever_the_server_does),
    TESTS_END,
};

const test_suite client_retry_storm_suite = {"retry_storm", cases, NULL, NULL};
