/*
 * patience.c: how long an end believes in a silent peer: TCP_USER_TIMEOUT and TCP keepalive, as
 * Linux has them (net/ipv4/tcp_timer.c).
 *
 * The user timeout runs while bytes that were written have not been acknowledged, or while the
 * buffer is full because the peer does not read; each that is, or that finds room, starts it again.
 * Probes are sent where nothing is pending, after `idle` without a packet from the peer, one each
 * `interval`; the peer's kernel answers one if both ways are open. Unanswered ones are enough
 * when there were `count`, or, with a user timeout, when that has passed.
 *
 * Events are not moved with each byte: they look, when they come, whether the time has really
 * passed, and else wait for what is left of it.
 */
#include "tests/sim/pipe.h"

/* Of Linux, where an option is 0. */
enum { INTERVAL_S = 75, COUNT = 9 };

static uint64_t user_timeout_ns(const sim_end *end) {
  return end->patience.options.user_timeout_ms * GMUX__NS_PER_MS;
}

/* What it wrote and did not get rid of is lost with it. */
static void end_give_up(sim_end *end) {
  sim_pipe *out = sim_end_out(end);
  sim_pipe_drop(out);
  out->is_cut = true;
  end->patience.is_over = true;
  sim_patience_end(end);
  sim_ends_update(end->owner);
}

static bool end_is_dead(const sim_end *end) {
  return end->patience.is_over || sim_end_in(end)->has_reset;
}

/* ---- the user timeout ---- */

static void user_timeout_come(void *arg) {
  sim_end *end = arg;
  sim *s = end->owner->sim;
  const sim_pipe *out = sim_end_out(end);
  uint64_t over_ns = out->moved_ns + user_timeout_ns(end);
  if (end_is_dead(end) || !sim_pipe_is_pending(out)) return;
  if (s->now_ns < over_ns) {
    sim_event_set(s, &end->patience.user_timeout, over_ns);
    return;
  }
  s->happened.user_timeouts++;
  end_give_up(end);
}

void sim_patience_wrote(sim_end *end) {
  const sim_pipe *out = sim_end_out(end);
  sim_event *event = &end->patience.user_timeout;
  if (end->patience.options.user_timeout_ms == 0 || !sim_event_is_idle(event)) return;
  if (sim_pipe_is_pending(out))
    sim_event_set(end->owner->sim, event, out->moved_ns + user_timeout_ns(end));
}

/* ---- keepalive ---- */

static uint64_t later(uint64_t a_ns, uint64_t b_ns) {
  return a_ns > b_ns ? a_ns : b_ns;
}

/* When the last packet came from the peer. */
static uint64_t end_heard_ns(const sim_end *end) {
  uint64_t packet_ns = later(sim_end_in(end)->arrived_ns, sim_end_out(end)->acked_ns);
  return later(packet_ns, end->patience.answered_ns);
}

static bool end_would_be_answered(const sim_end *end) {
  return !sim_pipe_is_lost(sim_end_in(end)) && !sim_pipe_is_lost(sim_end_out(end));
}

static bool has_probed_enough(const sim_end *end, uint64_t silent_ns) {
  const gmux__socket_options *o = &end->patience.options;
  uint32_t count = o->keepalive_count ? o->keepalive_count : COUNT;
  if (o->user_timeout_ms > 0) return end->patience.probes > 0 && silent_ns >= user_timeout_ns(end);
  return end->patience.probes >= count;
}

static void keepalive_set(sim_end *end, uint64_t at_ns) {
  sim_event_set(end->owner->sim, &end->patience.keepalive, at_ns);
}

static bool end_has_peer(const sim_end *end) {
  const sim_end *peer = end->owner->ends[!end->side];
  return peer && !peer->patience.is_over;
}

/* A kernel that has forgotten the link answers by a reset. */
static void keepalive_probe(sim_end *end, uint64_t now_ns) {
  uint32_t interval_s = end->patience.options.keepalive_interval_s;
  if (end_would_be_answered(end)) {
    if (!end_has_peer(end)) sim_pipe_send_reset(sim_end_in(end));
    end->patience.answered_ns = now_ns;
    end->patience.probes = 0;
    keepalive_set(end, now_ns + end->patience.options.keepalive_idle_s * GMUX__NS_PER_S);
    return;
  }
  end->patience.probes++;
  keepalive_set(end, now_ns + (interval_s ? interval_s : INTERVAL_S) * GMUX__NS_PER_S);
}

static void keepalive_come(void *arg) {
  sim_end *end = arg;
  sim *s = end->owner->sim;
  uint64_t idle_ns = end->patience.options.keepalive_idle_s * GMUX__NS_PER_S;
  uint64_t heard_ns = end_heard_ns(end);
  if (end_is_dead(end)) return;
  if (sim_pipe_is_pending(sim_end_out(end))) {
    keepalive_set(end, s->now_ns + idle_ns); /* retransmissions are probes enough */
  } else if (s->now_ns < heard_ns + idle_ns) {
    end->patience.probes = 0;
    keepalive_set(end, heard_ns + idle_ns);
  } else if (has_probed_enough(end, s->now_ns - heard_ns)) {
    s->happened.keepalive_timeouts++;
    end_give_up(end);
  } else {
    keepalive_probe(end, s->now_ns);
  }
}

/* ---- its life ---- */

void sim_patience_begin(sim_end *end) {
  uint64_t now_ns = end->owner->sim->now_ns;
  end->patience.user_timeout = (sim_event){.fn = user_timeout_come, .arg = end};
  end->patience.keepalive = (sim_event){.fn = keepalive_come, .arg = end};
  end->patience.answered_ns = now_ns;
  uint32_t idle_s = end->patience.options.keepalive_idle_s;
  if (idle_s > 0) keepalive_set(end, now_ns + idle_s * GMUX__NS_PER_S);
}

void sim_patience_end(sim_end *end) {
  sim_event_clear(end->owner->sim, &end->patience.user_timeout);
  sim_event_clear(end->owner->sim, &end->patience.keepalive);
}
