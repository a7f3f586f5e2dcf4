/*
 * link.c: two transports and the pipe each way between them.
 *
 * A link lives until both ends are closed; each end is a block of memory of its own, so that a
 * sanitizer sees who touches a closed one.
 */
#include "lib/base/fail.h"
#include "tests/sim/pipe.h"
#include <assert.h>
#include <stdlib.h>

static sim_end *end_of(gmux__transport *t) {
  return gmux__container(t, sim_end, base);
}

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

/* ---- the transport ---- */

static int end_handshake(gmux__transport *t) {
  (void)t;
  return 0;
}

static bool end_is_reset(const sim_end *end) {
  return sim_end_in(end)->has_reset;
}

/* In the words of lib/io/socket.c. */
static ptrdiff_t end_fail_timeout(const char *what) {
  return gmux__fail(GMUX_ERR_TIMEOUT, "%s: connection timed out", what);
}

static ptrdiff_t end_read(gmux__transport *t, uint8_t *buf, size_t len) {
  sim_end *end = end_of(t);
  sim_pipe *in = sim_end_in(end);
  size_t chunk = end->owner->sim->net.settings.read_chunk;
  assert(len > 0);
  size_t n = size_min(len, sim_pipe_unread(in));
  if (chunk > 0) n = size_min(n, chunk);
  if (n > 0) {
    sim_pipe_read(in, buf, n);
    return (ptrdiff_t)n;
  }
  if (in->has_eof) return GMUX_ERR_EOF;
  if (in->has_reset) return gmux__fail(GMUX_ERR_IO, "read: connection reset by peer");
  if (end->patience.is_over) return end_fail_timeout("read");
  return GMUX_ERR_AGAIN;
}

static size_t slices_len(const gmux__slice *slices, size_t count) {
  size_t len = 0;
  for (size_t i = 0; i < count; i++)
    len += slices[i].len;
  return len;
}

static ptrdiff_t end_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  sim_end *end = end_of(t);
  sim_pipe *out = sim_end_out(end);
  size_t chunk = end->owner->sim->net.settings.write_chunk;
  size_t n = slices_len(slices, count);
  assert(count > 0 && count <= GMUX__SLICES_MAX && n > 0);
  if (end_is_reset(end) || end->is_shut) return gmux__fail(GMUX_ERR_IO, "write: broken pipe");
  if (end->patience.is_over) return end_fail_timeout("write");
  n = size_min(n, sim_pipe_room(out));
  if (chunk > 0) n = size_min(n, chunk);
  if (n == 0) return GMUX_ERR_AGAIN;
  sim_pipe_write(out, slices, n);
  sim_patience_wrote(end);
  return (ptrdiff_t)n;
}

/* A socket that has given up sends nothing more. */
static void end_shutdown(gmux__transport *t) {
  sim_end *end = end_of(t);
  end->is_shut = true;
  if (!end->patience.is_over) sim_pipe_send_eof(sim_end_out(end));
  sim_ends_update(end->owner);
}

static void link_free(sim_link *link) {
  sim_pipe_deinit(&link->pipes[SIM_CLIENT]);
  sim_pipe_deinit(&link->pipes[SIM_SERVER]);
  gmux__list_remove(&link->link);
  free(link);
}

/* Unread bytes are thrown away, and the peer is told so. A socket that has given up has nobody to
 * tell. */
static void end_say_goodbye(sim_end *end) {
  if (end->patience.is_over) return;
  if (sim_pipe_unread(sim_end_in(end)) > 0)
    sim_pipe_send_reset(sim_end_out(end));
  else
    sim_pipe_send_eof(sim_end_out(end));
}

static void end_close(gmux__transport *t) {
  sim_end *end = end_of(t);
  sim_link *link = end->owner;
  end_say_goodbye(end);
  sim_patience_end(end);
  link->ends[end->side] = NULL;
  link->sim->net.live.transports--;
  gmux__list_remove(&end->link);
  gmux__list_remove(&end->ready);
  gmux__list_remove(&end->turn);
  free(end);
  if (!link->ends[SIM_CLIENT] && !link->ends[SIM_SERVER]) link_free(link);
}

static void end_want(gmux__transport *t, unsigned events) {
  sim_end *end = end_of(t);
  end->wanted = events;
  sim_ends_update(end->owner);
}

static const gmux__transport_info *end_info(gmux__transport *t) {
  return &end_of(t)->info;
}

static void end_move(gmux__transport *t, gmux_loop *loop) {
  sim_end *end = end_of(t);
  gmux__list_remove(&end->link);
  gmux__list_remove(&end->ready);
  if (loop) gmux__list_append(&world_loop_of(loop)->ends, &end->link);
  t->loop = loop;
  sim_ends_update(end->owner);
}

static const gmux__transport_ops end_ops = {
    .move = end_move,
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
  const sim_pipe *in = sim_end_in(end);
  bool is_dead = in->has_reset || end->patience.is_over;
  unsigned events = 0;
  if (sim_pipe_unread(in) > 0 || in->has_eof || is_dead) events |= GMUX__READABLE;
  if (sim_pipe_room(sim_end_out(end)) > 0 || is_dead || end->is_shut) events |= GMUX__WRITABLE;
  return events & end->wanted;
}

static void end_update(sim_end *end) {
  if (!end || !end->base.loop) return; /* gone, or on its way to another loop */
  gmux__list *ready = &world_loop_of(end->base.loop)->ready;
  if (!end_events(end))
    gmux__list_remove(&end->ready);
  else if (!end->ready.list)
    gmux__list_append(ready, &end->ready);
}

void sim_ends_update(sim_link *link) {
  end_update(link->ends[SIM_CLIENT]);
  end_update(link->ends[SIM_SERVER]);
}

bool sim_links_are_ready(const world_loop *sl) {
  return !gmux__list_is_empty(&sl->ready);
}

static void turns_insert(gmux__list *turns, sim_end *end) {
  gmux__link *before = NULL;
  for (gmux__link *l = turns->last; l; l = l->prev) {
    if (gmux__container(l, sim_end, turn)->number < end->number) break;
    before = l;
  }
  if (before)
    gmux__list_insert_before(turns, before, &end->turn);
  else
    gmux__list_append(turns, &end->turn);
}

/* Out of the list: the first, or whom chance chooses. */
static sim_end *turns_next(sim *s, gmux__list *turns) {
  gmux__link *l = turns->first;
  for (size_t skip = sim_choose(s, turns->count); skip > 0; skip--)
    l = l->next;
  gmux__list_remove(l);
  return gmux__container(l, sim_end, turn);
}

/* Who is ready when the turn comes to the network gets one call, the oldest first; what becomes
 * ready meanwhile waits for the next turn. Asked again before each call, because an earlier one may
 * have changed it. */
void sim_links_run(world_loop *sl) {
  gmux__list turns = {NULL, NULL, 0};
  for (gmux__link *l = sl->ready.first; l; l = l->next)
    turns_insert(&turns, gmux__container(l, sim_end, ready));
  while (!gmux__list_is_empty(&turns)) {
    sim_end *end = turns_next(sl->sim, &turns);
    unsigned events = end_events(end);
    if (events) end->base.on_ready(end->base.owner, events); /* may close it, and others */
  }
}

/* ---- links ---- */

static sim_end *end_new(sim_link *link, int side, const sim_party *own, const sim_party *peer) {
  sim_end *end = sim_alloc(sizeof *end);
  end->base = (gmux__transport){.ops = &end_ops, .loop = own->loop};
  end->owner = link;
  end->side = side;
  end->number = link->sim->net.ends_made++;
  end->info = (gmux__transport_info){.local = own->at, .peer = peer->at};
  end->patience.options = own->options;
  sim_patience_begin(end);
  gmux__list_append(&world_loop_of(own->loop)->ends, &end->link);
  link->sim->net.live.transports++;
  return end;
}

static void link_take_fate(sim_link *link, int side) {
  sim_rule *rule = link->rule;
  if (rule->fates[side].links == 0) return;
  rule->fates[side].links--;
  link->pipes[side].fate = rule->fates[side].fate;
  link->pipes[side].fate_at = rule->fates[side].at_byte;
}

void sim_link_new(sim *s, sim_rule *rule, const sim_party parties[2], gmux__transport *out[2]) {
  sim_link *link = sim_alloc(sizeof *link);
  link->sim = s;
  link->rule = rule;
  for (int side = SIM_CLIENT; side <= SIM_SERVER; side++) {
    sim_pipe_init(&link->pipes[side], link);
    link_take_fate(link, side);
    link->ends[side] = end_new(link, side, &parties[side], &parties[!side]);
    out[side] = &link->ends[side]->base;
  }
  gmux__list_append(&s->net.links, &link->link);
}

static void link_resume(sim_link *link) {
  sim_pipe_resume(&link->pipes[SIM_CLIENT]);
  sim_pipe_resume(&link->pipes[SIM_SERVER]);
}

void sim_links_resume(sim *s, const sim_rule *rule) {
  for (sim_link *link = sim_link_first(s); link; link = sim_link_next(link))
    if (link->rule == rule) link_resume(link);
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
  return &link->rule->at;
}

int sim_direction_writer(sim_direction direction) {
  assert(direction == SIM_TO_SERVER || direction == SIM_TO_CLIENT);
  return direction == SIM_TO_SERVER ? SIM_CLIENT : SIM_SERVER;
}

uint64_t sim_link_bytes(const sim_link *link, sim_direction direction) {
  return link->pipes[sim_direction_writer(direction)].taken;
}

uint64_t sim_link_writes(const sim_link *link, sim_direction direction) {
  return link->pipes[sim_direction_writer(direction)].writes;
}

uint64_t sim_link_arrived_ns(const sim_link *link, sim_direction direction) {
  const sim_pipe *pipe = &link->pipes[sim_direction_writer(direction)];
  return pipe->arrived > 0 ? pipe->arrived_ns : SIM_EPOCH;
}

/* ---- broken links ---- */

void sim_link_cut(sim_link *link) {
  for (int side = SIM_CLIENT; side <= SIM_SERVER; side++) {
    sim_pipe *pipe = &link->pipes[side];
    sim_pipe_drop(pipe);
    pipe->has_reset = true;
  }
  sim_ends_update(link);
}

void sim_link_reset(sim_link *link) {
  sim_link_cut(link);
  link->sim->happened.resets++;
}

void sim_link_stall(sim_link *link, unsigned directions) {
  link->stalled = directions;
  link_resume(link);
}

void sim_link_half_close(sim_link *link, sim_direction direction) {
  sim_pipe *pipe = &link->pipes[sim_direction_writer(direction)];
  sim_pipe_send_eof(pipe);
  pipe->is_cut = true;
  link->sim->happened.half_closes++;
}

void sim_link_drip(sim_link *link, unsigned directions, uint64_t bytes_per_s) {
  if (directions & SIM_TO_SERVER) link->pipes[SIM_CLIENT].bytes_per_s = bytes_per_s;
  if (directions & SIM_TO_CLIENT) link->pipes[SIM_SERVER].bytes_per_s = bytes_per_s;
  link_resume(link);
}

void sim_link_fate(sim_link *link, sim_direction direction, sim_fate fate, uint64_t at_byte) {
  sim_pipe *pipe = &link->pipes[sim_direction_writer(direction)];
  pipe->fate = fate;
  pipe->fate_at = at_byte;
}
