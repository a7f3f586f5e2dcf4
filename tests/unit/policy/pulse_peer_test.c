/*
 * pulse_peer_test.c: no client of ours in its default configuration is ever punished by a server
 * with default settings (promises 9 and 10), over many schedules of calls, replies, refusals,
 * cancellations, validations and silence on a connection whose every byte takes its time.
 *
 * Client and server are joined by two pipes that keep order. The server counts strikes and answers
 * PINGs, some late and among other bytes; what becomes of a stream is its own affair. Time is moved
 * to the next event.
 */
#include "lib/policy/pulse.h"
#include "lib/policy/strikes.h"
#include "tests/unit/harness.h"
#include "tests/unit/policy/random.h"
#include <string.h>

#define MS     UINT64_C(1000000)
#define S      UINT64_C(1000000000)
#define MINUTE (60 * S)

enum { SEEDS = 10000, STEPS = 500, STREAMS = 4, PIPE = 64 };

typedef enum frame_kind {
  FRAME_OPEN, /* client: HEADERS of a request */
  FRAME_CANCEL,
  FRAME_PING,
  FRAME_ACK,     /* server */
  FRAME_ANSWER,  /* HEADERS or DATA */
  FRAME_END,     /* trailers: an answer that ends the stream */
  FRAME_REFUSE,  /* RST_STREAM without an answer */
  FRAME_CONTROL, /* WINDOW_UPDATE and the like */
} frame_kind;

typedef struct frame {
  uint64_t at; /* arrives */
  frame_kind kind;
  uint32_t id; /* of a stream, or of a PING */
} frame;

typedef struct pipe {
  frame frames[PIPE];
  size_t first, count;
  uint64_t last_at;
} pipe;

/* How a server counts: as A8 says, or as grpc-core and grpc-go do, where the clock moves with every
 * PING, good or bad. */
typedef enum variant { A8, CORE } variant;

typedef struct tally { /* over all seeds: that what is to be tried does happen */
  uint64_t keepalives, woken, suspicions, validations, crossed, deaths;
  uint64_t strikes[4]; /* PINGs after which so many were counted */
} tally;

typedef struct sim {
  test_random random;
  variant variant;
  uint64_t now;
  uint64_t slowest_ns; /* a frame on its way, now and then */
  bool validates;      /* after 30 s without calls */
  bool overtakes;      /* a PING leaves before what was written in the same turn */
  bool refuses;        /* the server often does */
  bool answers_rarely;
  bool acks_late;
  pipe up, down;
  struct {
    gmux__pulse pulse;
    uint32_t streams[STREAMS], next_stream, last_ping;
    uint64_t next_ns; /* when it does something by itself */
    uint64_t idle_ns; /* since when there is no stream */
    bool has_pending; /* a call that waits for a validation */
  } client;
  struct {
    gmux__strikes strikes;
    uint32_t streams[STREAMS];
    uint32_t unacked_ping;
    uint64_t next_ns;
    bool is_punished;
  } server;
  bool is_dead;
  tally *tally;
} sim;

/* ---- the pipes ---- */

static void pipe_send(sim *s, pipe *p, frame_kind kind, uint32_t id) {
  CU_ASSERT_FATAL(p->count < PIPE); /* more than any schedule needs */
  bool is_slow = test_random_below(&s->random, 4) == 0;
  uint64_t at = s->now + test_random_below(&s->random, is_slow ? s->slowest_ns : 20 * MS);
  if (at < p->last_at) at = p->last_at;
  p->last_at = at;
  p->frames[(p->first + p->count++) % PIPE] = (frame){at, kind, id};
}

static uint64_t pipe_next(const pipe *p) {
  return p->count > 0 ? p->frames[p->first].at : UINT64_MAX;
}

static frame pipe_receive(pipe *p) {
  frame f = p->frames[p->first];
  p->first = (p->first + 1) % PIPE;
  p->count--;
  return f;
}

/* ---- streams, of either side: 0 is a free place ---- */

static uint32_t *find_stream(uint32_t *streams, uint32_t stream) {
  for (int i = 0; i < STREAMS; i++)
    if (streams[i] == stream) return &streams[i];
  return NULL;
}

static bool has_streams(const uint32_t *streams) {
  for (int i = 0; i < STREAMS; i++)
    if (streams[i] != 0) return true;
  return false;
}

static uint32_t *any_stream(sim *s, uint32_t *streams) {
  uint32_t *stream = &streams[test_random_below(&s->random, STREAMS)];
  return *stream != 0 ? stream : NULL;
}

/* From a moment to most of an hour, each order of magnitude alike. */
static uint64_t any_time(sim *s) {
  static const uint64_t scales[] = {MS,         30 * MS,    S,           3 * S,
                                    30 * S,     40 * S,     MINUTE,      5 * MINUTE,
                                    6 * MINUTE, 6 * MINUTE, 12 * MINUTE, 45 * MINUTE};
  uint64_t which = test_random_below(&s->random, sizeof scales / sizeof *scales);
  return test_random_below(&s->random, scales[which]);
}

/* ---- the server ---- */

static bool server_counts(sim *s) {
  bool has = has_streams(s->server.streams);
  bool is_punished = gmux__strikes_ping(&s->server.strikes, s->now, has);
  if (s->variant == CORE) s->server.strikes.last_good_ns = s->now;
  uint32_t count = s->server.strikes.count;
  s->tally->strikes[count < 3 ? count : 3]++;
  return is_punished;
}

static void server_answer(sim *s, frame_kind kind, uint32_t stream) {
  gmux__strikes_clear(&s->server.strikes);
  pipe_send(s, &s->down, kind, stream);
}

static void server_ack(sim *s) {
  pipe_send(s, &s->down, FRAME_ACK, s->server.unacked_ping);
  s->server.unacked_ping = 0;
}

static void server_receive(sim *s) {
  frame f = pipe_receive(&s->up);
  if (f.kind == FRAME_PING) {
    if (server_counts(s)) s->server.is_punished = true;
    s->server.unacked_ping = f.id;
    if (!s->acks_late) server_ack(s);
    return;
  }
  if (f.kind == FRAME_CANCEL) {
    uint32_t *stream = find_stream(s->server.streams, f.id);
    if (stream) *stream = 0;
    return;
  }
  uint32_t *place = find_stream(s->server.streams, 0);
  if (!place || (s->refuses && test_random_below(&s->random, 2) == 0))
    pipe_send(s, &s->down, FRAME_REFUSE, f.id);
  else
    *place = f.id;
  /* A reply is often about as slow as a suspicion is quick. */
  if (test_random_below(&s->random, 2) == 0)
    s->server.next_ns = s->now + test_random_below(&s->random, 2 * S);
}

/* It does something with one of its streams. */
static void server_act(sim *s) {
  s->server.next_ns = s->now + any_time(s);
  uint64_t dice = test_random_below(&s->random, 8);
  if (dice == 0) pipe_send(s, &s->down, FRAME_CONTROL, 0);
  if (s->server.unacked_ping != 0 && dice % 2 == 0) server_ack(s);
  uint32_t *stream = any_stream(s, s->server.streams);
  if (!stream || dice < 2) return;
  if (s->answers_rarely && test_random_below(&s->random, 8) != 0) return;
  if (dice < 5) {
    server_answer(s, FRAME_ANSWER, *stream);
    return;
  }
  if (dice < 7)
    server_answer(s, FRAME_END, *stream);
  else
    pipe_send(s, &s->down, FRAME_REFUSE, *stream);
  *stream = 0;
}

/* ---- the client, as a connection uses its pulse ---- */

static void client_ping(sim *s, gmux__pulse_action kind) {
  gmux__pulse *pulse = &s->client.pulse;
  if (kind == GMUX__PULSE_PING_KEEPALIVE) {
    s->tally->keepalives++;
    s->tally->woken += pulse->streams_ns == s->now;
  }
  s->tally->suspicions += kind == GMUX__PULSE_PING_SUSPICION;
  s->tally->validations += kind == GMUX__PULSE_PING_VALIDATION;
  pipe_send(s, &s->up, FRAME_PING, ++s->client.last_ping);
  gmux__pulse_on_ping_sent(pulse, s->now, kind, test_random_next(&s->random));
}

static void client_poll(sim *s) {
  gmux__pulse_action action = gmux__pulse_poll(&s->client.pulse, s->now);
  if (action == GMUX__PULSE_DEAD) {
    s->is_dead = true;
    return;
  }
  if (action != GMUX__PULSE_NOTHING) client_ping(s, action);
  CU_ASSERT_TRUE(gmux__pulse_next_ns(&s->client.pulse, s->now) > s->now); /* no busy loop */
}

static void client_set_streams(sim *s) {
  bool has = has_streams(s->client.streams);
  if (s->client.pulse.has_streams && !has) s->client.idle_ns = s->now;
  gmux__pulse_on_streams(&s->client.pulse, s->now, has);
}

static void client_open(sim *s) {
  uint32_t *place = find_stream(s->client.streams, 0);
  if (!place) return;
  *place = s->client.next_stream++;
  client_set_streams(s);
  if (s->overtakes) client_poll(s);
  pipe_send(s, &s->up, FRAME_OPEN, *place);
}

/* True: a PING is to come back before the call is committed. */
static bool client_validates(sim *s) {
  gmux__pulse *pulse = &s->client.pulse;
  if (!s->validates || has_streams(s->client.streams)) return false;
  if (s->now - s->client.idle_ns <= 30 * S || !gmux__pulse_may_validate(pulse, s->now))
    return false;
  bool is_under_way = pulse->ping_ns != GMUX__PULSE_OFF &&
                      (pulse->is_silent || s->now < pulse->ping_ns + pulse->config.timeout_ns);
  if (!is_under_way) client_ping(s, GMUX__PULSE_PING_VALIDATION);
  return true;
}

static void client_act(sim *s) {
  s->client.next_ns = s->now + any_time(s);
  if (test_random_below(&s->random, 2) == 0) {
    uint32_t *stream = any_stream(s, s->client.streams);
    if (!stream) return;
    pipe_send(s, &s->up, FRAME_CANCEL, *stream);
    *stream = 0;
    client_set_streams(s);
    return;
  }
  if (client_validates(s))
    s->client.has_pending = true;
  else
    client_open(s);
}

static void client_receive(sim *s) {
  gmux__pulse *pulse = &s->client.pulse;
  frame f = pipe_receive(&s->down);
  gmux__pulse_on_read(pulse, s->now);
  if (f.kind == FRAME_ACK && f.id == s->client.last_ping) gmux__pulse_on_ping_acked(pulse, s->now);
  if (f.kind == FRAME_ANSWER || f.kind == FRAME_END) {
    s->tally->crossed += pulse->unacked > 0;
    gmux__pulse_on_answer(pulse);
  }
  if (f.kind == FRAME_END || f.kind == FRAME_REFUSE) {
    uint32_t *stream = find_stream(s->client.streams, f.id);
    if (stream) *stream = 0;
    client_set_streams(s);
  }
  if (!s->client.has_pending) return;
  s->client.has_pending = false;
  client_open(s);
}

/* ---- the world ---- */

static uint64_t sim_next(const sim *s) {
  uint64_t next = gmux__pulse_next_ns(&s->client.pulse, s->now);
  if (s->client.next_ns < next) next = s->client.next_ns;
  if (s->server.next_ns < next) next = s->server.next_ns;
  if (pipe_next(&s->up) < next) next = pipe_next(&s->up);
  if (pipe_next(&s->down) < next) next = pipe_next(&s->down);
  return next;
}

/* Nothing but the pulse asked for this moment: then something changes. */
static void check_next(const sim *s, uint64_t before_ns) {
  const gmux__pulse *pulse = &s->client.pulse;
  bool has_changed =
      gmux__pulse_is_suspect(pulse, s->now) != gmux__pulse_is_suspect(pulse, before_ns);
  CU_ASSERT_TRUE(has_changed || gmux__pulse_poll(pulse, s->now) != GMUX__PULSE_NOTHING);
}

static void sim_step(sim *s) {
  uint64_t before_ns = s->now;
  s->now = sim_next(s);
  if (pipe_next(&s->down) == s->now)
    client_receive(s);
  else if (pipe_next(&s->up) == s->now)
    server_receive(s);
  else if (s->client.next_ns == s->now)
    client_act(s);
  else if (s->server.next_ns == s->now)
    server_act(s);
  else
    check_next(s, before_ns);
  client_poll(s);
}

static void sim_start(sim *s, uint64_t seed, variant v, tally *t) {
  static const uint64_t slowest[] = {1 * MS, 600 * MS, 5 * S, 15 * S};
  static const gmux__pulse_config client = {.keepalive_ns = 330 * S, .timeout_ns = 20 * S};
  static const gmux__strikes_config server = {.min_interval_ns = 5 * MINUTE, .max_strikes = 2};
  memset(s, 0, sizeof *s);
  s->random.state = seed;
  s->variant = v;
  s->tally = t;
  s->now = 1000 * S;
  s->slowest_ns = slowest[test_random_below(&s->random, 4)];
  uint64_t manners = test_random_next(&s->random);
  s->validates = manners & 1;
  s->overtakes = manners & 2;
  s->refuses = manners & 4;
  s->answers_rarely = manners & 8;
  s->acks_late = (manners & 0x70) == 0;
  gmux__pulse_init(&s->client.pulse, &client, s->now, test_random_next(&s->random));
  gmux__strikes_init(&s->server.strikes, &server);
  s->client.next_stream = 1;
  s->client.idle_ns = s->client.next_ns = s->server.next_ns = s->now;
}

static void try_all_seeds(variant v, tally *t) {
  static sim s;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    sim_start(&s, seed, v, t);
    for (int step = 0; step < STEPS && !s.is_dead && !s.server.is_punished; step++)
      sim_step(&s);
    t->deaths += s.is_dead;
    if (!s.server.is_punished) continue;
    CU_FAIL("punished");
    return;
  }
}

/* A schedule in which nothing could go wrong would prove nothing. */
static void check_tally(const tally *t) {
  CU_ASSERT_TRUE(t->keepalives > SEEDS);
  CU_ASSERT_TRUE(t->woken > SEEDS / 2);
  CU_ASSERT_TRUE(t->suspicions > SEEDS);
  CU_ASSERT_TRUE(t->validations > SEEDS);
  CU_ASSERT_TRUE(t->crossed > SEEDS / 10);
  CU_ASSERT_TRUE(t->deaths > SEEDS / 10);
  CU_ASSERT_TRUE(t->strikes[1] > SEEDS / 2);
  CU_ASSERT_TRUE(t->strikes[2] > 30); /* one more would have been punished */
  CU_ASSERT_EQUAL(t->strikes[3], 0);
}

static void a_server_with_default_settings_never_punishes_us(void) {
  tally t = {0};
  try_all_seeds(A8, &t);
  check_tally(&t);
}

static void nor_does_one_whose_clock_moves_with_every_ping(void) {
  tally t = {0};
  try_all_seeds(CORE, &t);
  check_tally(&t);
}

static const test_case cases[] = {TEST(a_server_with_default_settings_never_punishes_us),
                                  TEST(nor_does_one_whose_clock_moves_with_every_ping), TESTS_END};
const test_suite policy_pulse_peer_suite = {"pulse_peer", cases, NULL, NULL};
