/*
 * pipe.c: bytes under way: when they arrive, and what befalls them.
 */
#include "tests/sim/pipe.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RING_FIRST = 4096, DRIPS_PER_S = 1000, FLIPPED = 0xff };

typedef enum mark_kind {
  MARK_BYTES = 0,
  MARK_EOF,
  MARK_RESET,
  MARK_STALL, /* what follows waits */
  MARK_CUT    /* a reset at both ends */
} mark_kind;

typedef struct sim_mark {
  gmux__link link;
  mark_kind kind;
  uint64_t at_ns;
  uint64_t upto; /* MARK_BYTES: those before this one arrive */
} sim_mark;

static sim_mark *mark_of(gmux__link *link) {
  return link ? gmux__container(link, sim_mark, link) : NULL;
}

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

/* ---- which way ---- */

static int pipe_writer(const sim_pipe *pipe) {
  return pipe == &pipe->owner->pipes[SIM_CLIENT] ? SIM_CLIENT : SIM_SERVER;
}

static sim_pipe *pipe_back(const sim_pipe *pipe) {
  return &pipe->owner->pipes[!pipe_writer(pipe)];
}

static unsigned pipe_direction(const sim_pipe *pipe) {
  return pipe_writer(pipe) == SIM_CLIENT ? SIM_TO_SERVER : SIM_TO_CLIENT;
}

bool sim_pipe_is_lost(const sim_pipe *pipe) {
  const sim_link *link = pipe->owner;
  return ((link->stalled | link->rule->lost) & pipe_direction(pipe)) != 0;
}

/* ---- when ---- */

/* The slower of the two limits; 0: none. */
static uint64_t pipe_rate(const sim_pipe *pipe) {
  uint64_t own = pipe->bytes_per_s, all = pipe->owner->rule->bytes_per_s[pipe_writer(pipe)];
  if (own == 0 || all == 0) return own + all;
  return own < all ? own : all;
}

static uint64_t pipe_arrives_at(const sim_pipe *pipe, const sim_mark *first) {
  if (first->at_ns >= pipe->drips_at_ns || pipe_rate(pipe) == 0) return first->at_ns;
  return pipe->drips_at_ns;
}

static void pipe_note_held(const sim_pipe *pipe) {
  const sim_rule *rule = pipe->owner->rule;
  if (rule->lost & pipe_direction(pipe))
    sim_note_lost(pipe->owner->sim, rule);
  else
    pipe->owner->sim->happened.stalled++;
}

static void pipe_set_arrival(sim_pipe *pipe) {
  sim *s = pipe->owner->sim;
  const sim_mark *first = mark_of(pipe->marks.first);
  bool is_lost = sim_pipe_is_lost(pipe);
  if (first && is_lost) pipe_note_held(pipe);
  if (first && !is_lost)
    sim_event_set(s, &pipe->arrival, pipe_arrives_at(pipe, first));
  else
    sim_event_clear(s, &pipe->arrival);
}

static void pipe_send(sim_pipe *pipe, mark_kind kind, uint64_t upto) {
  sim_link *link = pipe->owner;
  sim_mark *mark = sim_alloc(sizeof *mark);
  mark->kind = kind;
  mark->at_ns = link->sim->now_ns + sim_rule_latency(link->rule, link->sim);
  mark->upto = upto;
  gmux__list_append(&pipe->marks, &mark->link);
  if (pipe->marks.count == 1) pipe_set_arrival(pipe);
}

void sim_pipe_send_eof(sim_pipe *pipe) {
  pipe_send(pipe, MARK_EOF, 0);
}

void sim_pipe_send_reset(sim_pipe *pipe) {
  pipe_send(pipe, MARK_RESET, 0);
}

void sim_pipe_send_cut(sim_pipe *pipe) {
  pipe_send(pipe, MARK_CUT, 0);
}

/* ---- arriving ---- */

/* The writer hears of all that is there, if the way back is open. */
static void pipe_acknowledge(sim_pipe *pipe) {
  if (pipe->acked == pipe->arrived || sim_pipe_is_lost(pipe_back(pipe))) return;
  pipe->acked = pipe->arrived;
  pipe->acked_ns = pipe->moved_ns = pipe->owner->sim->now_ns;
}

static void pipe_bytes_arrive(sim_pipe *pipe, uint64_t upto) {
  const sim_end *reader = pipe->owner->ends[!pipe_writer(pipe)];
  pipe->arrived = upto;
  pipe->arrived_ns = pipe->owner->sim->now_ns;
  pipe_acknowledge(pipe);
  if (!reader || reader->patience.is_over) sim_pipe_send_reset(pipe_back(pipe));
}

static void mark_arrive(sim_pipe *pipe, const sim_mark *mark) {
  switch (mark->kind) {
  case MARK_BYTES:
    pipe_bytes_arrive(pipe, mark->upto);
    return;
  case MARK_EOF:
    if (!pipe->has_reset) pipe->has_eof = true;
    return;
  case MARK_RESET:
    pipe->has_reset = true;
    return;
  case MARK_STALL:
    pipe->owner->stalled |= pipe_direction(pipe);
    return;
  case MARK_CUT:
    sim_link_cut(pipe->owner);
    return;
  }
}

/* So many bytes of a mark arrive now, where they are few a second; then there is a pause. */
static uint64_t pipe_drip(sim_pipe *pipe, uint64_t upto) {
  uint64_t rate = pipe_rate(pipe), left = upto - pipe->arrived;
  if (rate == 0) return upto;
  uint64_t count = rate / DRIPS_PER_S + 1;
  if (count > left) count = left;
  pipe->drips_at_ns = pipe->owner->sim->now_ns + count * GMUX__NS_PER_S / rate;
  return pipe->arrived + count;
}

/* False: some of its bytes are still to come. */
static bool mark_has_come(sim_pipe *pipe, const sim_mark *mark) {
  if (mark->kind != MARK_BYTES) return true;
  uint64_t upto = pipe_drip(pipe, mark->upto);
  if (upto == mark->upto) return true;
  pipe->owner->sim->happened.dripped++;
  pipe_bytes_arrive(pipe, upto);
  return false;
}

static void pipe_arrive(void *arg) {
  sim_pipe *pipe = arg;
  uint64_t now_ns = pipe->owner->sim->now_ns;
  for (sim_mark *m = mark_of(pipe->marks.first);
       m && !sim_pipe_is_lost(pipe) && pipe_arrives_at(pipe, m) <= now_ns;
       m = mark_of(pipe->marks.first)) {
    if (!mark_has_come(pipe, m)) continue;
    gmux__list_remove(&m->link);
    mark_arrive(pipe, m);
    free(m);
  }
  pipe_set_arrival(pipe);
  sim_ends_update(pipe->owner);
}

void sim_pipe_drop(sim_pipe *pipe) {
  for (gmux__link *l = gmux__list_shift(&pipe->marks); l; l = gmux__list_shift(&pipe->marks))
    free(mark_of(l));
  sim_event_clear(pipe->owner->sim, &pipe->arrival);
}

void sim_pipe_resume(sim_pipe *pipe) {
  pipe_acknowledge(pipe);
  pipe_set_arrival(pipe);
}

/* ---- the ring ---- */

/* What is in it comes to stand at its places in a ring of that length. */
static void ring_move(const sim_pipe *pipe, uint8_t *ring, size_t len) {
  for (uint64_t at = pipe->read; at < pipe->written;) {
    size_t from = (size_t)(at % pipe->ring_len), to = (size_t)(at % len);
    size_t n = size_min((size_t)(pipe->written - at), size_min(pipe->ring_len - from, len - to));
    memcpy(ring + to, pipe->ring + from, n);
    at += n;
  }
}

static void ring_grow(sim_pipe *pipe, size_t wanted) {
  size_t len = pipe->ring_len > 0 ? pipe->ring_len : RING_FIRST;
  while (len < wanted)
    len *= 2;
  if (len > pipe->size) len = pipe->size;
  uint8_t *ring = malloc(len);
  if (!ring) sim_die("no memory for %zu bytes", len);
  ring_move(pipe, ring, len);
  free(pipe->ring);
  pipe->ring = ring;
  pipe->ring_len = len;
}

static void ring_put(sim_pipe *pipe, const uint8_t *data, size_t len) {
  size_t at = (size_t)(pipe->written % pipe->ring_len);
  size_t first = size_min(len, pipe->ring_len - at);
  memcpy(pipe->ring + at, data, first);
  memcpy(pipe->ring, data + first, len - first);
  pipe->written += len;
}

static void ring_put_slices(sim_pipe *pipe, const gmux__slice *slices, size_t len) {
  size_t held = (size_t)(pipe->written - pipe->read);
  if (held + len > pipe->ring_len) ring_grow(pipe, held + len);
  for (; len > 0; slices++) {
    size_t n = size_min(len, slices->len);
    if (n > 0) ring_put(pipe, slices->data, n);
    len -= n;
  }
}

void sim_pipe_read(sim_pipe *pipe, uint8_t *buf, size_t len) {
  size_t at = (size_t)(pipe->read % pipe->ring_len);
  size_t first = size_min(len, pipe->ring_len - at);
  memcpy(buf, pipe->ring + at, first);
  memcpy(buf + first, pipe->ring, len - first);
  pipe->read += len;
  sim_ends_update(pipe->owner);
}

size_t sim_pipe_room(const sim_pipe *pipe) {
  return pipe->size - (size_t)(pipe->written - pipe->read);
}

size_t sim_pipe_unread(const sim_pipe *pipe) {
  return (size_t)(pipe->arrived - pipe->read);
}

bool sim_pipe_is_pending(const sim_pipe *pipe) {
  return pipe->acked < pipe->written || sim_pipe_room(pipe) == 0;
}

/* ---- writing, and fate ---- */

static void pipe_put(sim_pipe *pipe, const gmux__slice *slices, size_t len) {
  if (len == 0) return;
  if (!sim_pipe_is_pending(pipe)) pipe->moved_ns = pipe->owner->sim->now_ns;
  ring_put_slices(pipe, slices, len);
}

/* The byte behind `before` others is the one: it and what follows never arrives, or late, or it
 * alone is another. */
static void pipe_meet_fate(sim_pipe *pipe, const gmux__slice *slices, size_t before, size_t len) {
  sim_fate fate = pipe->fate;
  uint64_t at = pipe->written + before;
  bool goes_on = fate == SIM_FATE_STALL || fate == SIM_FATE_FLIP;
  pipe->fate = SIM_FATE_NONE;
  pipe->owner->sim->happened.fates[fate]++;
  pipe_put(pipe, slices, goes_on ? len : before);
  if (fate == SIM_FATE_FLIP) pipe->ring[at % pipe->ring_len] ^= FLIPPED;
  if (before > 0) pipe_send(pipe, MARK_BYTES, at);
  if (fate == SIM_FATE_STALL) pipe_send(pipe, MARK_STALL, 0);
  if (fate == SIM_FATE_RESET) sim_pipe_send_cut(pipe);
  if (fate == SIM_FATE_EOF) sim_pipe_send_eof(pipe);
  if (goes_on) pipe_send(pipe, MARK_BYTES, pipe->written);
  pipe->is_cut = !goes_on;
}

static void pipe_take(sim_pipe *pipe, const gmux__slice *slices, size_t len) {
  uint64_t first = pipe->taken;
  pipe->taken += len;
  pipe->writes++;
  if (pipe->is_cut) return;
  if (pipe->fate != SIM_FATE_NONE && pipe->fate_at < pipe->taken) {
    pipe_meet_fate(pipe, slices, pipe->fate_at > first ? (size_t)(pipe->fate_at - first) : 0, len);
    return;
  }
  pipe_put(pipe, slices, len);
  pipe_send(pipe, MARK_BYTES, pipe->written);
}

void sim_pipe_write(sim_pipe *pipe, const gmux__slice *slices, size_t len) {
  pipe_take(pipe, slices, len);
  sim_ends_update(pipe->owner);
}

/* ---- its life ---- */

void sim_pipe_init(sim_pipe *pipe, sim_link *link) {
  pipe->owner = link;
  pipe->size = link->sim->net.settings.buffer_bytes;
  pipe->arrival = (sim_event){.fn = pipe_arrive, .arg = pipe};
}

void sim_pipe_deinit(sim_pipe *pipe) {
  sim_pipe_drop(pipe);
  free(pipe->ring);
}
