/*
 * link.c: two transports and the pipe each way between them.
 *
 * A pipe is a ring of bytes with three counters that only grow: read <= arrived <= written. What
 * lies between arrived and written is under way: a row of MARKS says when which byte, or the end,
 * is there. They arrive in the order in which they were sent: one whose time comes before that of
 * those in front of it (the latency has fallen) waits for them. A link lives until both ends are
 * closed; each end is a block of memory of its own, so that a sanitizer sees who touches a closed
 * one.
 */
#include "lib/base/fail.h"
#include "tests/sim/world.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT = 0, SERVER = 1 }; /* sides; a pipe has the number of who writes into it */

typedef enum mark_kind { MARK_BYTES, MARK_EOF, MARK_RESET } mark_kind;

typedef struct sim_mark {
  gmux__link link;
  mark_kind kind;
  uint64_t at_ns;
  uint64_t upto; /* MARK_BYTES: those before this one arrive */
} sim_mark;

typedef struct sim_pipe {
  sim_link *owner;
  uint8_t *ring;
  size_t size;
  uint64_t read, arrived, written;
  uint64_t taken, writes; /* what the writer got rid of, in how many calls */
  gmux__list marks;
  sim_event arrival;       /* of the first mark, while it may arrive */
  bool is_cut;             /* what is written from now on is thrown away */
  bool has_eof, has_reset; /* arrived; a reset ends the reader's own writing, too */
} sim_pipe;

typedef struct sim_end {
  gmux__transport base;
  sim_link *owner;
  int side;
  gmux__link link;  /* world_loop.ends */
  gmux__link ready; /* while on_ready is on its way to it */
  unsigned wanted;
  bool is_shut;
  gmux__transport_info info;
} sim_end;

struct sim_link {
  sim *sim;
  gmux__link link;
  gmux__address at;
  unsigned stalled;
  sim_end *ends[2]; /* NULL: closed */
  sim_pipe pipes[2];
};

static sim_end *end_of(gmux__transport *t) {
  return gmux__container(t, sim_end, base);
}

/* ---- what is under way ---- */

static sim_mark *mark_of(gmux__link *link) {
  return link ? gmux__container(link, sim_mark, link) : NULL;
}

static int pipe_writer(const sim_pipe *pipe) {
  return pipe == &pipe->owner->pipes[CLIENT] ? CLIENT : SERVER;
}

static bool pipe_is_lost(const sim_pipe *pipe) {
  const sim_link *link = pipe->owner;
  unsigned direction = pipe_writer(pipe) == CLIENT ? SIM_TO_SERVER : SIM_TO_CLIENT;
  return ((link->stalled | sim_net_lost(link->sim, &link->at)) & direction) != 0;
}

static void pipe_resume(sim_pipe *pipe) {
  sim_mark *first = mark_of(pipe->marks.first);
  if (first && !pipe_is_lost(pipe))
    sim_event_set(pipe->owner->sim, &pipe->arrival, first->at_ns);
  else
    sim_event_clear(&pipe->arrival);
}

static void pipe_send(sim_pipe *pipe, mark_kind kind) {
  sim *s = pipe->owner->sim;
  uint64_t at_ns = s->now_ns + sim_net_latency(s, &pipe->owner->at);
  sim_mark *mark = sim_alloc(sizeof *mark);
  *mark = (sim_mark){.kind = kind, .at_ns = at_ns, .upto = pipe->written};
  gmux__list_append(&pipe->marks, &mark->link);
  if (pipe->marks.count == 1) pipe_resume(pipe);
}

static void mark_arrive(sim_pipe *pipe, const sim_mark *mark) {
  int reader = !pipe_writer(pipe);
  switch (mark->kind) {
  case MARK_BYTES:
    pipe->arrived = mark->upto;
    if (!pipe->owner->ends[reader]) pipe_send(&pipe->owner->pipes[reader], MARK_RESET);
    return;
  case MARK_EOF:
    if (!pipe->has_reset) pipe->has_eof = true;
    return;
  case MARK_RESET:
    pipe->has_reset = true;
    return;
  }
}

static void pipe_arrive(void *arg) {
  sim_pipe *pipe = arg;
  uint64_t now_ns = pipe->owner->sim->now_ns;
  for (sim_mark *m = mark_of(pipe->marks.first); m && m->at_ns <= now_ns;
       m = mark_of(pipe->marks.first)) {
    gmux__list_remove(&m->link);
    mark_arrive(pipe, m);
    free(m);
  }
  pipe_resume(pipe);
}

static void pipe_drop_marks(sim_pipe *pipe) {
  for (gmux__link *l = gmux__list_shift(&pipe->marks); l; l = gmux__list_shift(&pipe->marks))
    free(mark_of(l));
  sim_event_clear(&pipe->arrival);
}

/* ---- bytes into the ring and out of it ---- */

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t pipe_room(const sim_pipe *pipe) {
  return pipe->size - (size_t)(pipe->written - pipe->read);
}

static void pipe_put(sim_pipe *pipe, const uint8_t *data, size_t len) {
  size_t at = (size_t)(pipe->written % pipe->size);
  size_t first = size_min(len, pipe->size - at);
  memcpy(pipe->ring + at, data, first);
  memcpy(pipe->ring, data + first, len - first);
  pipe->written += len;
}

static void pipe_get(sim_pipe *pipe, uint8_t *buf, size_t len) {
  size_t at = (size_t)(pipe->read % pipe->size);
  size_t first = size_min(len, pipe->size - at);
  memcpy(buf, pipe->ring + at, first);
  memcpy(buf + first, pipe->ring, len - first);
  pipe->read += len;
}

/* ---- the transport ---- */

static sim_pipe *end_in(const sim_end *end) {
  return &end->owner->pipes[!end->side];
}

static sim_pipe *end_out(const sim_end *end) {
  return &end->owner->pipes[end->side];
}

static int end_handshake(gmux__transport *t) {
  (void)t;
  return 0;
}

static ptrdiff_t end_read(gmux__transport *t, uint8_t *buf, size_t len) {
  sim_end *end = end_of(t);
  sim_pipe *in = end_in(end);
  size_t chunk = end->owner->sim->net.settings.read_chunk;
  assert(len > 0);
  size_t n = size_min(len, (size_t)(in->arrived - in->read));
  if (chunk > 0) n = size_min(n, chunk);
  if (n > 0) {
    pipe_get(in, buf, n);
    return (ptrdiff_t)n;
  }
  if (in->has_eof) return GMUX_ERR_EOF;
  if (in->has_reset) return gmux__fail(GMUX_ERR_IO, "read: connection reset by peer");
  return GMUX_ERR_AGAIN;
}

static size_t slices_len(const gmux__slice *slices, size_t count) {
  size_t len = 0;
  for (size_t i = 0; i < count; i++)
    len += slices[i].len;
  return len;
}

static void pipe_put_slices(sim_pipe *pipe, const gmux__slice *slices, size_t len) {
  for (; len > 0; slices++) {
    size_t n = size_min(len, slices->len);
    if (n > 0) pipe_put(pipe, slices->data, n);
    len -= n;
  }
}

static ptrdiff_t end_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  sim_end *end = end_of(t);
  sim_pipe *out = end_out(end);
  size_t chunk = end->owner->sim->net.settings.write_chunk;
  size_t n = slices_len(slices, count);
  assert(count > 0 && count <= GMUX__SLICES_MAX && n > 0);
  if (end_in(end)->has_reset || end->is_shut) return gmux__fail(GMUX_ERR_IO, "write: broken pipe");
  n = size_min(n, pipe_room(out));
  if (chunk > 0) n = size_min(n, chunk);
  if (n == 0) return GMUX_ERR_AGAIN;
  out->taken += n;
  out->writes++;
  if (out->is_cut) return (ptrdiff_t)n;
  pipe_put_slices(out, slices, n);
  pipe_send(out, MARK_BYTES);
  return (ptrdiff_t)n;
}

static void end_shutdown(gmux__transport *t) {
  sim_end *end = end_of(t);
  end->is_shut = true;
  pipe_send(end_out(end), MARK_EOF);
}

static void link_free(sim_link *link) {
  for (int side = CLIENT; side <= SERVER; side++) {
    pipe_drop_marks(&link->pipes[side]);
    free(link->pipes[side].ring);
  }
  gmux__list_remove(&link->link);
  free(link);
}

static void end_close(gmux__transport *t) {
  sim_end *end = end_of(t);
  sim_link *link = end->owner;
  sim_pipe *in = end_in(end);
  bool has_unread = in->arrived > in->read;
  pipe_send(end_out(end), has_unread ? MARK_RESET : MARK_EOF);
  link->ends[end->side] = NULL;
  link->sim->net.live.transports--;
  gmux__list_remove(&end->link);
  gmux__list_remove(&end->ready);
  free(end);
  if (!link->ends[CLIENT] && !link->ends[SERVER]) link_free(link);
}

static void end_want(gmux__transport *t, unsigned events) {
  end_of(t)->wanted = events;
}

static const gmux__transport_info *end_info(gmux__transport *t) {
  return &end_of(t)->info;
}

static const gmux__transport_ops end_ops = {
    .handshake = end_handshake,
    .read = end_read,
    .write = end_write,
    .shutdown = end_shutdown,
    .close = end_close,
    .want = end_want,
    .info = end_info,
};

/* ---- readiness ---- */

/* As poll: what would be answered with something else than GMUX_ERR_AGAIN. */
static unsigned end_events(const sim_end *end) {
  const sim_pipe *in = end_in(end);
  unsigned events = 0;
  if (in->arrived > in->read || in->has_eof || in->has_reset) events |= GMUX__READABLE;
  if (pipe_room(end_out(end)) > 0 || in->has_reset || end->is_shut) events |= GMUX__WRITABLE;
  return events & end->wanted;
}

bool sim_links_are_ready(const world_loop *sl) {
  for (gmux__link *l = sl->ends.first; l; l = l->next)
    if (end_events(gmux__container(l, sim_end, link))) return true;
  return false;
}

/* Who is ready when the turn comes to the network gets one call; what becomes ready meanwhile waits
 * for the next turn. Asked again before each call, because an earlier one may have changed it. */
void sim_links_run(world_loop *sl) {
  gmux__list ready = {NULL, NULL, 0};
  for (gmux__link *l = sl->ends.first; l; l = l->next) {
    sim_end *end = gmux__container(l, sim_end, link);
    if (end_events(end)) gmux__list_append(&ready, &end->ready);
  }
  for (gmux__link *l = gmux__list_shift(&ready); l; l = gmux__list_shift(&ready)) {
    sim_end *end = gmux__container(l, sim_end, ready);
    unsigned events = end_events(end);
    if (events) end->base.on_ready(end->base.owner, events); /* may close it, and others */
  }
}

/* ---- links ---- */

static sim_end *end_new(sim_link *link, int side, gmux_loop *loop) {
  sim_end *end = sim_alloc(sizeof *end);
  end->base = (gmux__transport){.ops = &end_ops, .loop = loop};
  end->owner = link;
  end->side = side;
  gmux__list_append(&world_loop_of(loop)->ends, &end->link);
  link->sim->net.live.transports++;
  return end;
}

static void pipe_init(sim_pipe *pipe, sim_link *link) {
  pipe->owner = link;
  pipe->size = link->sim->net.settings.buffer_bytes;
  pipe->ring = sim_alloc(pipe->size);
  pipe->arrival = (sim_event){.fn = pipe_arrive, .arg = pipe};
}

void sim_link_new(sim *s, gmux_loop *const loops[2], const gmux__address *from,
                  const gmux__address *at, gmux__transport *out[2]) {
  sim_link *link = sim_alloc(sizeof *link);
  link->sim = s;
  link->at = *at;
  for (int side = CLIENT; side <= SERVER; side++) {
    pipe_init(&link->pipes[side], link);
    link->ends[side] = end_new(link, side, loops[side]);
    out[side] = &link->ends[side]->base;
  }
  link->ends[CLIENT]->info = (gmux__transport_info){.local = *from, .peer = *at};
  link->ends[SERVER]->info = (gmux__transport_info){.local = *at, .peer = *from};
  gmux__list_append(&s->net.links, &link->link);
}

void sim_link_resume(sim_link *link) {
  pipe_resume(&link->pipes[CLIENT]);
  pipe_resume(&link->pipes[SERVER]);
}

sim_link *sim_link_first(sim *s) {
  return s->net.links.first ? gmux__container(s->net.links.first, sim_link, link) : NULL;
}

sim_link *sim_link_next(const sim_link *link) {
  return link->link.next ? gmux__container(link->link.next, sim_link, link) : NULL;
}

sim_link *sim_link_of(gmux__transport *transport) {
  if (transport->ops != &end_ops) sim_die("sim_link_of: not a transport of the network");
  return end_of(transport)->owner;
}

const gmux__address *sim_link_address(const sim_link *link) {
  return &link->at;
}

static int direction_writer(sim_direction direction) {
  assert(direction == SIM_TO_SERVER || direction == SIM_TO_CLIENT);
  return direction == SIM_TO_SERVER ? CLIENT : SERVER;
}

uint64_t sim_link_bytes(const sim_link *link, sim_direction direction) {
  return link->pipes[direction_writer(direction)].taken;
}

uint64_t sim_link_writes(const sim_link *link, sim_direction direction) {
  return link->pipes[direction_writer(direction)].writes;
}

void sim_link_reset(sim_link *link) {
  for (int side = CLIENT; side <= SERVER; side++) {
    sim_pipe *pipe = &link->pipes[side];
    pipe_drop_marks(pipe);
    pipe->has_reset = true;
  }
}

void sim_link_stall(sim_link *link, unsigned directions) {
  link->stalled = directions;
  sim_link_resume(link);
}

void sim_link_half_close(sim_link *link, sim_direction direction) {
  sim_pipe *pipe = &link->pipes[direction_writer(direction)];
  pipe_send(pipe, MARK_EOF);
  pipe->is_cut = true;
}
