/*
 * dialing.c: an endpoint's attempts to connect: when one may start, and what becomes of its tries.
 *
 * The next attempt waits (not_before_ns) for the backoff of one that failed, counted from its
 * start; for a random while after a connection was lost, so that a fleet does not come back in
 * step; and as after a failure when that connection had carried no call at all.
 */
#include "lib/base/fail.h"
#include "lib/client/endpoint.h"
#include "lib/policy/jitter.h"
#include <inttypes.h>
#include <stdio.h>

/* ---- when ---- */

static void endpoint_hold_until(gmux__endpoint *e, uint64_t at_ns) {
  if (at_ns > e->not_before_ns) e->not_before_ns = at_ns;
}

void gmux__endpoint_spread_redial(gmux__endpoint *e, const gmux__line *line) {
  uint64_t most_ns = e->config.options->redial_jitter_ms * GMUX__NS_PER_MS;
  uint64_t jitter_ns = gmux__jitter_up_to(most_ns, gmux__loop_random(e->loop));
  endpoint_hold_until(e, gmux__loop_now(e->loop) + jitter_ns);
  if (line->calls == 0) endpoint_hold_until(e, line->redial_ns);
}

void gmux__endpoint_reset_backoff(gmux__endpoint *e) {
  gmux__backoff_reset(&e->backoff);
  e->not_before_ns = 0;
}

/* What holds back the next attempt stays: it is a connection that was lost while this one was on
 * its way. Else a peer that greets and hangs up would be dialed again and again without a pause,
 * where each connection brings the next (max_connections, min_connections). */
uint64_t gmux__endpoint_succeed(gmux__endpoint *e) {
  uint64_t redial_ns = e->backoff.next_at_ns;
  gmux__backoff_reset(&e->backoff);
  e->has_failed = false;
  e->has_overflowed = false;
  e->is_successor_wanted = false;
  e->why[0] = '\0';
  return redial_ns;
}

void gmux__endpoint_dial(gmux__endpoint *e) {
  uint64_t now_ns = gmux__loop_now(e->loop);
  uint64_t random = gmux__loop_random(e->loop);
  uint64_t end_ns = gmux__backoff_attempt(&e->backoff, now_ns, random);
  gmux__counter_add(&e->config.figures->dials_started, 1);
  gmux__connector_start(&e->connector, end_ns - now_ns);
  gmux__endpoint_publish(e);
}

/* It did not become READY, so it counts as failed, though it was our own wish. */
void gmux__endpoint_stop_dialing(gmux__endpoint *e) {
  gmux__channel_figures *f = e->config.figures;
  if (!gmux__connector_is_on(&e->connector)) return;
  gmux__connector_stop(&e->connector);
  gmux__counter_add(&f->dials_failed, 1);
  gmux__counter_add(&f->lost[GMUX_LOSS_LOCAL], 1);
  gmux__endpoint_publish(e);
}

/* ---- what the connector tells ---- */

/* The transport is ours to close when it cannot be wrapped. */
static int endpoint_secure(gmux__endpoint *e, gmux__transport **transport) {
  if (!e->config.tls) return 0;
  gmux__transport *inner = *transport;
  return gmux__tls_wrap(transport, e->config.tls, inner, e->config.tls_host);
}

static void endpoint_on_transport(void *owner, gmux__try *t, gmux__transport *transport) {
  gmux__endpoint *e = owner;
  gmux__line *line = NULL;
  int error = endpoint_secure(e, &transport);
  if (!error) error = gmux__line_new(&line, e, t);
  if (error) {
    gmux__transport_close(transport);
    gmux__connector_lose(&e->connector, t, GMUX__REACH_TLS,
                         error == GMUX_ERR_TLS ? GMUX_LOSS_TLS : GMUX_LOSS_LOCAL,
                         gmux_last_error());
    return;
  }
  t->owner_data = line;
  gmux__line_set_state(line, GMUX__LINE_GREETING);
  gmux__conn_start(line->conn, transport);
  e->handlers->on_wait(e->owner);
}

/* One that has lost the race with eager calls on it may finish those; the end of the race is no
 * reason to make them "possibly executed". */
static void endpoint_on_dropped(void *owner, gmux__try *t, int error, const char *why) {
  (void)owner;
  gmux__line *line = t->owner_data;
  line->race = NULL;
  if (error == GMUX_ERR_CANCELLED && !gmux__line_is_empty(line))
    gmux__line_set_state(line, GMUX__LINE_DRAINING);
  else
    gmux__line_abandon(line, error, why);
}

static void endpoint_on_failed(void *owner) {
  gmux__endpoint *e = owner;
  gmux__channel_figures *f = e->config.figures;
  bool is_alone = gmux__endpoint_trusted(e) == 0;
  e->has_failed = is_alone;
  e->is_successor_wanted = false;
  e->not_before_ns = gmux__backoff_failed(&e->backoff, gmux__loop_now(e->loop));
  snprintf(e->why, sizeof e->why, "%s", gmux__connector_why(&e->connector));
  gmux__counter_add(&f->dials_failed, 1);
  gmux__counter_add(&f->lost[gmux__connector_loss(&e->connector)], 1);
  gmux__endpoint_note(e, GMUX__EVENT_DIAL_FAILED, 0, gmux__connector_loss(&e->connector));
  gmux__endpoint_publish(e);
  gmux__log(gmux__loop_logger(e->loop), GMUX_LOG_WARN, "client", "%s; backoff: %" PRIu64 " ms",
            e->why, (e->not_before_ns - gmux__loop_now(e->loop)) / GMUX__NS_PER_MS);
  if (is_alone) e->handlers->on_failed(e->owner);
  gmux__endpoint_changed(e);
}

static void endpoint_on_stage(void *owner) {
  gmux__endpoint *e = owner;
  e->handlers->on_wait(e->owner);
}

static gmux__connector_reach endpoint_reach(void *owner, const gmux__try *t) {
  (void)owner;
  const gmux__line *line = t->owner_data;
  return gmux__conn_has_greeted(line->conn) ? GMUX__REACH_GREETING : GMUX__REACH_TLS;
}

const gmux__connector_handlers gmux__endpoint_connector_handlers = {
    .on_transport = endpoint_on_transport,
    .on_dropped = endpoint_on_dropped,
    .on_failed = endpoint_on_failed,
    .on_stage = endpoint_on_stage,
    .reach = endpoint_reach,
};
