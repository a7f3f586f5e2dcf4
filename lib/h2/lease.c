/*
 * lease.c, server: how many streams each client may have under max_memory_bytes
 * (lib/policy/budget.h).
 *
 * A request that has come cannot wait: it has its memory already. So it waits at its client, where
 * it costs nothing here. A connection has the memory of as many calls as its client may open
 * streams (SETTINGS_MAX_CONCURRENT_STREAMS), from the moment at which it is told so, and whoever
 * heeds that is never refused for want of memory.
 *
 *     It begins with one, which is paid for in the budget. A client that uses all it may have
 *     (gmux__lease_takes_last) is given more at once, up to an equal share of what there is, or
 *     waits in h2->wanting. Then those that have more than their share, because fewer shared it,
 *     are told so; what they have beyond comes back when they have acknowledged it and the streams
 *     have ended.
 *
 * One SETTINGS at a time: the next waits for its acknowledgement, so a client that does not answer
 * (and ends by settings_ack_ns) piles up none. What crosses a limit that is lowered may be refused.
 */
#include "lib/h2/inside.h"
#include <assert.h>

static gmux__conn *conn_of(gmux__link *link) {
  return gmux__container(link, gmux__conn, lease.link);
}

static uint32_t lease_share(const gmux__conn *conn) {
  uint32_t share = gmux__budget_share(&conn->h2->budget, conn->h2->leases.count);
  uint32_t most = conn->h2->config.max_streams;
  return share < most ? share : most;
}

static bool lease_may_change(const gmux__conn *conn) {
  return !conn->lease.is_pending && conn->state == GMUX__CONN_READY;
}

static bool has_used_all(const gmux__conn *conn) {
  return conn->open_streams >= conn->lease.announced;
}

static void lease_announce(gmux__conn *conn, uint32_t streams) {
  nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};
  if (nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, &entry, 1)) {
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
    return;
  }
  conn->lease.announced = streams;
  conn->lease.is_pending = true;
  conn->settings_sent_ns = gmux__loop_now(conn->h2->loop);
  conn->due.settings_ns = gmux__conn_due(conn, conn->h2->config.settings_ack_ns);
  gmux__conn_set_alarm(conn);
  gmux__conn_want_write(conn);
}

/* ---- more ---- */

/* Up to its share, as far as there is memory. False: it has as much as it can. */
static bool lease_raise(gmux__conn *conn) {
  gmux__budget *budget = &conn->h2->budget;
  uint32_t share = lease_share(conn);
  if (!lease_may_change(conn)) return false;
  for (; conn->lease.streams < share && gmux__budget_may_begin(budget); conn->lease.streams++)
    gmux__budget_begin(budget);
  gmux__memory_publish(conn->h2);
  uint32_t streams = conn->lease.streams < share ? conn->lease.streams : share;
  if (streams <= conn->lease.announced) return false;
  lease_announce(conn, streams);
  return true;
}

void gmux__leases_go_on(gmux__h2 *h2) {
  gmux__link *next;
  for (gmux__link *l = h2->wanting.first; l && gmux__budget_may_begin(&h2->budget); l = next) {
    gmux__conn *conn = gmux__container(l, gmux__conn, lease.want);
    next = l->next;
    if (!has_used_all(conn) || lease_raise(conn)) gmux__list_remove(l);
  }
}

/* ---- less ---- */

static void lease_lower(gmux__conn *conn) {
  uint32_t share = lease_share(conn);
  if (conn->lease.announced > share && lease_may_change(conn)) lease_announce(conn, share);
}

static void leases_lower(gmux__h2 *h2) {
  for (gmux__link *l = h2->leases.first; l; l = l->next)
    lease_lower(conn_of(l));
}

/* Back to what was announced, but for what is open still. */
static void lease_settle(gmux__conn *conn) {
  uint32_t keep = conn->lease.announced;
  if (conn->open_streams > keep) keep = conn->open_streams;
  if (conn->lease.is_pending || conn->lease.streams <= keep) return;
  for (; conn->lease.streams > keep; conn->lease.streams--)
    gmux__budget_end(&conn->h2->budget);
  gmux__memory_go_on(conn->h2);
}

/* ---- what happens ---- */

static void lease_want(gmux__conn *conn) {
  gmux__h2 *h2 = conn->h2;
  gmux__list_append(&h2->wanting, &conn->lease.want);
  if (gmux__budget_may_begin(&h2->budget)) return; /* it is only that SETTINGS are on their way */
  gmux__counter_add(&h2->figures.memory_waits, 1);
  leases_lower(h2);
}

bool gmux__lease_takes_last(gmux__conn *conn) {
  if (conn->open_streams > conn->lease.streams) return false;
  if (!gmux__link_is_linked(&conn->lease.link) || gmux__link_is_linked(&conn->lease.want) ||
      conn->lease.streams >= conn->h2->config.max_streams)
    return true;
  if (!lease_raise(conn)) lease_want(conn);
  return true;
}

void gmux__lease_on_ack(gmux__conn *conn) {
  gmux__h2 *h2 = conn->h2;
  conn->lease.is_pending = false;
  lease_settle(conn);
  gmux__leases_go_on(h2);
  if (h2->wanting.first && !gmux__budget_may_begin(&h2->budget)) lease_lower(conn);
}

void gmux__lease_on_closed(gmux__conn *conn) {
  if (gmux__link_is_linked(&conn->lease.link)) lease_settle(conn);
}

void gmux__lease_begin(gmux__conn *conn) {
  gmux__h2 *h2 = conn->h2;
  conn->lease.streams = conn->lease.announced = h2->config.max_streams;
  if (!h2->budget.ceiling || !h2->config.is_server) return;
  conn->lease.streams = conn->lease.announced = 1;
  conn->lease.is_pending = true; /* they are its first */
  gmux__list_append(&h2->leases, &conn->lease.link);
}

void gmux__lease_end(gmux__conn *conn) {
  if (!gmux__link_is_linked(&conn->lease.link)) return;
  gmux__list_remove(&conn->lease.link);
  gmux__list_remove(&conn->lease.want);
  for (; conn->lease.streams > 1; conn->lease.streams--)
    gmux__budget_end(&conn->h2->budget);
  gmux__memory_go_on(conn->h2);
}
