/*
 * Everything at once, by a seed: an owner that opens, writes, resets, rewinds, closes and drains,
 * between turns and from within each handler; peers that refuse, reset, answer, lower limits, say
 * GOAWAY and go silent; sockets that stall and links that break. The laws are looked at after each
 * step, and what arrived at the end.
 *
 * GMUX_CHAOS_SEED=n runs that seed alone, GMUX_CHAOS_SEEDS=n the first n.
 */
#include "lib/h2/inside.h"
#include "tests/sim/rawpeer.h"
#include "tests/unit/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 150, STEPS = 200, CALLS = 600, LINES = 3, PEERS = 200, IDS = 600 };

typedef struct line line;

typedef struct call {
  gmux__stream stream;
  line *at;           /* where it was opened last */
  gmux__buf expected; /* all that was written, framed for gRPC */
  size_t written, told;
  bool is_full, is_over, is_half_closed;
  int closes; /* on_closed minus rewinds */
} call;

/* What became of a request on one connection. */
typedef struct entry {
  call *owner;
  bool is_ended;
  gmux_evidence evidence;
  enum { SILENT = 0, ANSWERING, ANSWERED } stage; /* the peer's */
} entry;

typedef struct peer {
  rawpeer *raw;
  entry entries[IDS]; /* of id 2n + 1 */
  size_t acked;       /* PINGs */
  uint32_t last_id;   /* of its last GOAWAY */
  bool is_ending;     /* it has ended its half */
} peer;

struct line {
  gmux__conn *conn;
  gmux__dial *dial;
  peer *peer; /* of this connection; NULL: not accepted yet */
  int closes;
};

static struct world {
  uint64_t seed, random;
  sim *sim;
  gmux_loop *loop;
  gmux__h2 *h2;
  rawlistener *listener;
  line lines[LINES];
  peer *peers[PEERS];
  size_t peer_count;
  call *calls[CALLS];
  size_t call_count;
  int depth;    /* of handlers that act */
  bool is_calm; /* they do not any more */
} w;

#define LAW(what)                                                                                  \
  do {                                                                                             \
    bool holds = (what);                                                                           \
    if (!holds) printf("# GMUX_CHAOS_SEED=%llu\n", (unsigned long long)w.seed);                    \
    CU_assertImplementation(holds, __LINE__, #what, __FILE__, "", CU_TRUE);                        \
  } while (0)

static uint32_t pick(uint32_t below) {
  w.random ^= w.random << 13;
  w.random ^= w.random >> 7;
  w.random ^= w.random << 17;
  return (uint32_t)(w.random >> 16) % below;
}
static bool chance(uint32_t percent) {
  return pick(100) < percent;
}

/* ---- what the owner does ---- */

#define FIELD(n, v)                                                                                \
  {                                                                                                \
    .name = (const uint8_t *)(n), .value = (const uint8_t *)(v), .name_len = sizeof(n) - 1,        \
    .value_len = sizeof(v) - 1, .is_name_lasting = true, .is_value_lasting = true                  \
  }
static const gmux__field request[] = {FIELD(":method", "POST"), FIELD(":scheme", "http"),
                                      FIELD(":path", "/test.T/M"),
                                      FIELD(":authority", "localhost")};

static entry *entry_of(const call *c) {
  return c->at && c->at->peer ? &c->at->peer->entries[c->stream.id / 2] : NULL;
}

static void call_end(call *c) {
  entry *e = entry_of(c);
  if (!e || e->owner != c) return;
  LAW(!e->is_ended);
  e->is_ended = true;
  e->evidence = (gmux_evidence)c->stream.end.evidence;
}

static void call_open(call *c) {
  line *l = &w.lines[pick(LINES)];
  if (!l->conn || !l->peer || c->stream.conn || c->stream.id || c->is_over) return;
  if (gmux__conn_free_slots(l->conn) == 0) return;
  if (gmux__stream_open(&c->stream, l->conn, request, 4)) return;
  c->at = l;
  LAW(c->stream.id / 2 < IDS);
  l->peer->entries[c->stream.id / 2].owner = c;
}

static void call_write(call *c) {
  static const uint8_t bytes[9000];
  if (c->is_over || c->is_half_closed || c->is_full) return;
  size_t len = chance(20) ? pick(sizeof bytes) : pick(50);
  gmux_bytes message = gmux_bytes_borrow(bytes + (sizeof bytes - len), len);
  if (gmux__stream_write(&c->stream, &message)) return;
  uint8_t prefix[5] = {0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len};
  if (gmux__buf_append(&c->expected, prefix, 5)) abort();
  if (len && gmux__buf_append(&c->expected, bytes, len)) abort();
  c->written += len;
}

static void call_reset(call *c) {
  if (c->is_over) return;
  bool was_open = c->stream.conn != NULL;
  gmux__stream_reset(&c->stream, 8);
  if (was_open) call_end(c);
  c->is_over = true;
}

static void call_rewind(call *c) {
  if (c->is_over || c->stream.conn || !c->stream.id || !gmux__stream_can_rewind(&c->stream)) return;
  if (gmux__stream_evidence(&c->stream) == GMUX_EVIDENCE_POSSIBLE) return;
  gmux__stream_rewind(&c->stream);
  c->closes--;
  if (chance(80)) call_open(c);
}

static const gmux__stream_handlers call_handlers;

static void call_new(void) {
  if (w.call_count == CALLS) return;
  call *c = calloc(1, sizeof *c);
  if (!c) abort();
  gmux__stream_init(&c->stream, w.h2, &call_handlers, 1 << 20,
                    chance(90) ? GMUX_CREDIT_UNLIMITED : pick(2));
  if (chance(80)) gmux__stream_keep(&c->stream, 20000);
  w.calls[w.call_count++] = c;
  if (chance(50)) call_write(c);
  if (chance(80)) call_open(c);
}

static void line_act(line *l) {
  if (!l->conn) return;
  switch (pick(12)) {
  case 0:
    gmux__conn_close(l->conn, GMUX_ERR_CANCELLED, 0, "chaos");
    break;
  case 1:
    gmux__conn_drain(l->conn, "chaos");
    break;
  default:
    (void)gmux__conn_validate(l->conn);
    break;
  }
}

static void act(void) {
  call *c = w.call_count ? w.calls[pick((uint32_t)w.call_count)] : NULL;
  uint32_t what = pick(100);
  if (what < 25 || !c)
    call_new();
  else if (what < 45)
    call_write(c);
  else if (what < 55) {
    gmux__stream_half_close(&c->stream);
    c->is_half_closed = true;
  } else if (what < 65)
    call_reset(c);
  else if (what < 75)
    gmux__stream_credit(&c->stream, 1 + pick(3));
  else if (what < 85)
    call_open(c);
  else if (what < 95)
    call_rewind(c);
  else
    line_act(&w.lines[pick(LINES)]);
}

/* From within a handler. */
static void act_inside(void) {
  if (w.is_calm || w.depth > 2) return;
  w.depth++;
  while (chance(40))
    act();
  w.depth--;
}

/* ---- what it is told ---- */

static call *call_of(gmux__stream *stream) {
  return gmux__container(stream, call, stream);
}

static void on_any(gmux__stream *stream) {
  LAW(!call_of(stream)->is_over);
  act_inside();
}
static void on_message(gmux__stream *stream, gmux_bytes *message) {
  LAW(!call_of(stream)->is_over && message->len < 9000);
  act_inside();
}
static void on_sent(gmux__stream *stream, size_t bytes) {
  call_of(stream)->told += bytes;
}
static void on_queue(gmux__stream *stream, bool is_full) {
  LAW(call_of(stream)->is_full != is_full);
  call_of(stream)->is_full = is_full;
}
static void on_stream_closed(gmux__stream *stream) {
  call *c = call_of(stream);
  LAW(!c->is_over && ++c->closes == 1 && stream->end.why && !stream->conn);
  call_end(c);
  if (!w.is_calm && chance(60)) call_rewind(c);
  act_inside();
}

static const gmux__stream_handlers call_handlers = {.on_headers = on_any,
                                                    .on_message = on_message,
                                                    .on_sent = on_sent,
                                                    .on_queue = on_queue,
                                                    .on_draining = on_any,
                                                    .on_answered = on_any,
                                                    .on_closed = on_stream_closed};

static void on_line(gmux__conn *conn, void *owner) {
  LAW(((line *)owner)->conn == conn);
  act_inside();
}

static void on_line_closed(gmux__conn *conn, void *owner) {
  line *l = owner;
  LAW(l->conn == conn && gmux__list_is_empty(&conn->streams));
  l->conn = NULL;
  l->peer = NULL;
  if (chance(50)) act_inside();
  gmux__conn_free(conn);
}

static const gmux__conn_handlers line_handlers = {.on_greeting = on_line,
                                                  .on_ready = on_line,
                                                  .on_slots = on_line,
                                                  .on_draining = on_line,
                                                  .on_trust = on_line,
                                                  .on_worn = on_line,
                                                  .on_closed = on_line_closed};

static void on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)why;
  line *l = arg;
  l->dial = NULL;
  LAW(!error);
  if (gmux__conn_new(&l->conn, w.h2, &line_handlers, l)) abort();
  gmux__conn_start(l->conn, transport);
}

static void set_limit(peer *p, uint32_t limit) {
  static const uint16_t ids[] = {3};
  rawpeer_settings(p->raw, 1, ids, &limit);
}

/* A line at a time, so that whose peer comes is known. */
static void line_connect(line *l) {
  static const gmux__socket_options options;
  if (l->conn || l->dial || w.peer_count == PEERS) return;
  if (gmux__loop_dial(w.loop, &l->dial, rawpeer_listen_address(w.listener), &options, on_dialed, l))
    abort();
  sim_run_for(w.sim, 3 * sim_net(w.sim)->latency_ns);
  rawpeer *raw = rawpeer_accept(w.listener);
  LAW(raw);
  peer *p = calloc(1, sizeof *p);
  if (!p) abort();
  *p = (peer){.raw = raw, .last_id = INT32_MAX};
  w.peers[w.peer_count++] = p;
  if (!l->conn) return;
  l->peer = p;
  set_limit(p, 1 + pick(20));
  rawpeer_settings_ack(raw);
}

/* ---- what peers do ---- */

static uint32_t some_id(const peer *p) {
  size_t count = rawpeer_count(p->raw, RAW_HEADERS, RAW_ANY);
  return count ? rawpeer_find(p->raw, RAW_HEADERS, RAW_ANY, pick((uint32_t)count))->stream : 0;
}

static void peer_answer(peer *p, uint32_t id, bool is_last) {
  static const char *const head[] = {":status", "200", "content-type", "application/grpc", NULL};
  static const char *const tail[] = {"grpc-status", "0", NULL};
  static const uint8_t body[3000];
  entry *e = &p->entries[id / 2];
  if (e->stage == ANSWERED) return;
  if (e->stage == SILENT) rawpeer_headers(p->raw, id, RAW_END_HEADERS, head);
  e->stage = ANSWERING;
  if (chance(50)) rawpeer_grpc_message(p->raw, id, 0, body, pick(sizeof body));
  if (!is_last) return;
  rawpeer_headers(p->raw, id, RAW_END_HEADERS | RAW_END_STREAM, tail);
  e->stage = ANSWERED;
}

static void peer_reset(peer *p, uint32_t id) {
  static const uint32_t codes[] = {7, 7, 7, 8, 2, 0};
  entry *e = &p->entries[id / 2];
  if (e->stage == ANSWERED) return;
  rawpeer_rst(p->raw, id, codes[e->stage == SILENT ? pick(6) : 3 + pick(3)]);
  e->stage = ANSWERED;
}

static void peer_goaway(peer *p) {
  uint32_t id = chance(50) ? p->last_id : some_id(p);
  if (id > p->last_id) id = p->last_id;
  if (chance(10)) id = 0;
  p->last_id = id;
  rawpeer_goaway(p->raw, id, pick(3) ? 0 : 11, chance(20) ? "too_many_pings" : "");
  p->is_ending = chance(20);
  if (p->is_ending) rawpeer_shutdown(p->raw);
}

static void peer_ack(peer *p) {
  const rawframe *ping;
  while ((ping = rawpeer_find(p->raw, RAW_PING, 0, p->acked))) {
    p->acked++;
    if (!(ping->flags & RAW_ACK)) rawpeer_ping(p->raw, RAW_ACK, ping->payload);
  }
}

static void peer_act(peer *p) {
  static const uint8_t opaque[8];
  uint32_t id = some_id(p), what = pick(100);
  if (what < 10)
    set_limit(p, chance(20) ? 0 : pick(30));
  else if (what < 12)
    peer_goaway(p);
  else if (what < 13)
    rawpeer_reset(p->raw);
  else if (what < 20)
    rawpeer_ping(p->raw, 0, opaque);
  else if (what < 35)
    rawpeer_window_update(p->raw, 0, 1 + pick(30000));
  else if (what < 50 && id && p->entries[id / 2].stage != ANSWERED)
    rawpeer_window_update(p->raw, id, 1 + pick(30000));
  else if (what < 65 && id)
    peer_reset(p, id);
  else if (id)
    peer_answer(p, id, chance(70));
}

/* ---- the laws ---- */

static size_t cost_of(const gmux__stream *stream) {
  return stream->send.queued_bytes + stream->send.queued_messages * GMUX__MESSAGE_COST;
}

static void check_call(const call *c) {
  size_t queued = 0;
  uint32_t messages = 0;
  for (const gmux__outmsg *msg = c->stream.send.next; msg; msg = msg->next, messages++)
    queued += gmux__outmsg_left(msg);
  LAW(queued == c->stream.send.queued_bytes && c->told <= c->written);
  LAW(messages == c->stream.send.queued_messages);
  bool is_held = gmux__hook_is_in(&c->stream.hold_hook);
  LAW(!is_held || (c->is_full && queued));
  bool can_go_on = c->stream.conn && c->stream.end.how == GMUX__ENDING_NONE;
  LAW(!can_go_on || is_held == c->is_full);
}

static void check_line(const line *l) {
  if (!l->conn) return;
  const gmux__conn *conn = l->conn;
  size_t queued = 0;
  for (gmux__link *k = conn->streams.first; k; k = k->next)
    queued += cost_of(gmux__container(k, gmux__stream, link));
  LAW(queued == conn->backlog.bytes);
  LAW(conn->slots.taken == conn->seats.count + conn->delayed.count + conn->lingering);
  LAW(conn->state == GMUX__CONN_CLOSED || conn->streams.count <= conn->slots.taken + CALLS);
}

static void check_all(void) {
  size_t queued = 0;
  for (size_t i = 0; i < w.call_count; i++) {
    check_call(w.calls[i]);
    queued += cost_of(&w.calls[i]->stream);
  }
  LAW(queued == w.h2->backlog.bytes);
  for (int i = 0; i < LINES; i++)
    check_line(&w.lines[i]);
}

/* What came of a call is what was written, from its first byte on. */
static void check_data(const peer *p, uint32_t id, const call *c) {
  const uint8_t *expected = gmux__buf_data(&c->expected);
  size_t len = gmux__buf_len(&c->expected), at = 0;
  const rawframe *frame;
  bool is_ended = false;
  for (size_t i = 0; (frame = rawpeer_find(p->raw, RAW_DATA, id, i)); i++) {
    LAW(!is_ended && at + frame->len <= len);
    LAW(frame->len == 0 || !memcmp(expected + at, frame->payload, frame->len));
    at += frame->len;
    is_ended = frame->flags & RAW_END_STREAM;
  }
  LAW(!is_ended || (at == len && c->told == c->written));
}

static void check_peer(const peer *p) {
  for (uint32_t n = 0; n < IDS; n++) {
    const entry *e = &p->entries[n];
    uint32_t id = 2 * n + 1;
    if (!e->owner) continue;
    LAW(e->is_ended);
    size_t arrived = rawpeer_count(p->raw, RAW_HEADERS, id);
    LAW(arrived <= 1);
    LAW(!arrived || e->evidence != GMUX_EVIDENCE_NEVER_LEFT);
    LAW(rawpeer_count(p->raw, RAW_RST_STREAM, id) <= arrived);
    check_data(p, id, e->owner);
  }
}

/* ---- a run ---- */

static bool is_alive(const line *l) {
  return l->conn && l->peer && !l->peer->is_ending && rawpeer_state(l->peer->raw) == 0;
}

static void step(void) {
  line *l = &w.lines[pick(LINES)];
  line_connect(l);
  for (uint32_t i = pick(8); i; i--)
    act();
  for (int i = 0; i < LINES; i++) {
    if (is_alive(&w.lines[i]) && chance(95)) peer_ack(w.lines[i].peer);
    if (is_alive(&w.lines[i]) && chance(50)) peer_act(w.lines[i].peer);
  }
  for (sim_link *link = sim_link_first(w.sim); link; link = sim_link_next(link)) {
    if (chance(5)) sim_link_stall(link, pick(4));
    if (chance(20)) sim_link_stall(link, 0);
  }
  if (chance(20))
    sim_run_for(w.sim, pick(20) * pick(20) * GMUX__NS_PER_MS * 5);
  else
    sim_run(w.sim);
  check_all();
}

/* Everybody behaves: then whatever still runs comes to its end. */
static void heal(void) {
  w.is_calm = true;
  for (sim_link *link = sim_link_first(w.sim); link; link = sim_link_next(link))
    sim_link_stall(link, 0);
  sim_run_for(w.sim, GMUX__NS_PER_S);
  for (int i = 0; i < LINES; i++) {
    if (!is_alive(&w.lines[i])) continue;
    set_limit(w.lines[i].peer, 1000);
    rawpeer_window_update(w.lines[i].peer->raw, 0, 1 << 28);
    peer_ack(w.lines[i].peer);
  }
  sim_run_for(w.sim, GMUX__NS_PER_S);
  for (size_t i = 0; i < w.call_count; i++) {
    call *c = w.calls[i];
    gmux__stream_credit(&c->stream, GMUX_CREDIT_UNLIMITED);
    if (!c->stream.conn || !is_alive(c->at)) continue;
    LAW(c->stream.send.has_left);
    peer_answer(c->at->peer, (uint32_t)c->stream.id, true);
  }
  for (int i = 0; i < 100; i++) {
    sim_run_for(w.sim, GMUX__NS_PER_S / 2);
    for (int k = 0; k < LINES; k++)
      if (is_alive(&w.lines[k])) peer_ack(w.lines[k].peer);
    check_all();
  }
  for (size_t i = 0; i < w.call_count; i++)
    LAW(!w.calls[i]->stream.conn);
  for (int i = 0; i < LINES; i++) {
    LAW(!w.lines[i].conn || w.lines[i].conn->state == GMUX__CONN_READY);
    LAW(!w.lines[i].conn || w.lines[i].conn->slots.taken == 0);
  }
}

static void end_world(void) {
  for (size_t i = 0; i < w.call_count; i++)
    call_reset(w.calls[i]);
  for (int i = 0; i < LINES; i++) {
    gmux__dial_cancel(w.lines[i].dial);
    if (w.lines[i].conn) gmux__conn_close(w.lines[i].conn, GMUX_ERR_CLOSED, 0, "the end");
  }
  sim_run(w.sim);
  for (size_t i = 0; i < w.peer_count; i++)
    check_peer(w.peers[i]);
  for (size_t i = 0; i < w.call_count; i++) {
    gmux__stream_deinit(&w.calls[i]->stream);
    gmux__buf_deinit(&w.calls[i]->expected);
    free(w.calls[i]);
  }
  for (size_t i = 0; i < w.peer_count; i++) {
    rawpeer_free(w.peers[i]->raw);
    free(w.peers[i]);
  }
  gmux__h2_free(w.h2);
  rawpeer_listen_close(w.listener);
  sim_run(w.sim);
  sim_free(w.sim);
}

static void run(uint64_t seed) {
  size_t live = test_alloc_live();
  w = (struct world){.seed = seed, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
  w.sim = sim_new(seed);
  w.loop = sim_loop(w.sim);
  sim_net(w.sim)->buffer_bytes = (size_t)2048 << pick(6);
  sim_net(w.sim)->latency_ns = chance(50) ? 0 : pick(20) * GMUX__NS_PER_MS;
  sim_net(w.sim)->write_chunk = chance(50) ? 0 : 1 + pick(3000);
  gmux__h2_config config = {
      .max_streams = 25,
      .stream_window_bytes = 8000,
      .connection_window_bytes = 65535,
      .max_header_bytes = 8192,
      .pulse = {.keepalive_ns = 2 * GMUX__NS_PER_S, .timeout_ns = 3 * GMUX__NS_PER_S},
      .reset_burst = 5,
      .reset_rate_per_s = 10,
      .eager_streams = chance(50) ? 3 : 0,
      .drain_ns = 2 * GMUX__NS_PER_S,
      .settings_ack_ns = 5 * GMUX__NS_PER_S,
      .header_block_ns = 5 * GMUX__NS_PER_S,
      .write_stall_ns = 4 * GMUX__NS_PER_S,
      .connection_queue_bytes = 20000,
      .queue_bytes = 40000,
  };
  if (gmux__h2_new(&w.h2, w.loop, &config)) abort();
  gmux__address at = sim_address("127.0.0.1", 0);
  w.listener = rawpeer_listen(w.loop, &at);
  for (int i = 0; i < STEPS; i++)
    step();
  heal();
  end_world();
  LAW(test_alloc_live() == live);
}

static void the_laws_hold_whatever_happens(void) {
  const char *one = getenv("GMUX_CHAOS_SEED"), *seeds = getenv("GMUX_CHAOS_SEEDS");
  if (one) {
    run(strtoull(one, NULL, 10));
    return;
  }
  for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 10) : SEEDS); seed++)
    run(seed);
}

static const test_case cases[] = {
    TEST(the_laws_hold_whatever_happens),
    TESTS_END,
};

extern const test_suite h2_chaos_suite;
const test_suite h2_chaos_suite = {"chaos", cases, NULL, NULL};
