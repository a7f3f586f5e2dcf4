/*
 * stalls.c, server: clients that owe bytes of a request and send none (slow loris in the body).
 *
 * Bytes are owed inside a message that has begun and, where the stream's owner expects the end
 * (gmux__stream_expect_end, gmux__stream_discard), until END_STREAM. The time counts from when we
 * last took any. So it does not run while a message waits for credit: none has begun then, and
 * whoever grants it takes what is there. What has credit is taken at once and its window given
 * back, so only a socket that takes no WINDOW_UPDATE can hold a client back beside that; those have
 * write_stall_ns.
 *
 * A message that is large under max_memory_bytes (memory.c) is not silent while it waits for its
 * memory, because it was not told to go on. Where others wait it has no more than the same time in
 * all, from when it was granted: who sends a byte now and then would hold them up for ever.
 *
 * No call costs a timer. The connection's alarm has one more thing that may be due, a look at all
 * streams. What begins to be owed after a look is not overdue before a whole time has passed, so
 * that is when the next one comes, or earlier for what is owed now; but never before a quarter has
 * passed, so that many streams, each with a time of its own, are not looked at over and over.
 */
#include "lib/h2/inside.h"
#include <assert.h>

enum { LOOKS_MAX = 4 }; /* in the time that is allowed */

static bool is_owed(const gmux__stream *stream) {
  if (stream->recv.state != GMUX__RECV_BODY || stream->end.how != GMUX__ENDING_NONE ||
      stream->recv.is_bad)
    return false;
  return stream->recv.expects_end || gmux__deframer_is_partial(&stream->in->deframer);
}

/* Under a ceiling of memory: others wait for what its message was granted. */
static bool is_in_the_way(const gmux__conn *conn, const gmux__stream *stream) {
  return stream->in->large_bytes && conn->h2->large.first;
}

/* Since when it could have sent something, and did not; or all of it, where others wait for that.
 */
static uint64_t silent_since(const gmux__conn *conn, const gmux__stream *stream, uint64_t now_ns) {
  const gmux__intake *in = stream->in;
  if (conn->is_write_blocked || gmux__link_is_linked(&in->large_link)) return now_ns;
  uint64_t since_ns =
      is_in_the_way(conn, stream) || in->taken_ns < in->granted_ns ? in->granted_ns : in->taken_ns;
  return since_ns > conn->unblocked_ns ? since_ns : conn->unblocked_ns;
}

static void note_stall(gmux__stream *stream, uint64_t now_ns) {
  stream->in->taken_ns = stream->in->granted_ns = now_ns; /* it is told once in each such time */
  stream->recv.due |= GMUX__DUE_STALLED;
  gmux__stream_want_deliver(stream);
}

void gmux__stalls_look(gmux__conn *conn, uint64_t now_ns) {
  uint64_t allowed_ns = conn->h2->config.body_stall_ns;
  if (now_ns < conn->due.look_ns) return;
  conn->due.look_ns = GMUX__NEVER;
  if (!conn->pulse.has_streams) return; /* the next one begins it again */
  uint64_t earliest_ns = now_ns + allowed_ns / LOOKS_MAX;
  uint64_t next_ns = now_ns + allowed_ns;
  for (gmux__link *l = conn->streams.first; l; l = l->next) {
    gmux__stream *stream = gmux__container(l, gmux__stream, link);
    if (!is_owed(stream)) continue;
    uint64_t at_ns = silent_since(conn, stream, now_ns) + allowed_ns;
    if (at_ns <= now_ns)
      note_stall(stream, now_ns);
    else if (at_ns < next_ns)
      next_ns = at_ns;
  }
  conn->due.look_ns = next_ns > earliest_ns ? next_ns : earliest_ns;
}

void gmux__stalls_begin(gmux__conn *conn) {
  if (conn->due.look_ns != GMUX__NEVER || !conn->h2->config.body_stall_ns) return;
  conn->due.look_ns = gmux__conn_due(conn, conn->h2->config.body_stall_ns);
  gmux__conn_set_alarm(conn);
}

#ifdef GMUX_DEBUG
void gmux__stalls_check(const gmux__conn *conn) {
  bool is_watched = conn->due.look_ns != GMUX__NEVER;
  if (!conn->h2->config.body_stall_ns)
    assert(!is_watched);
  else
    assert(is_watched || !conn->pulse.has_streams);
}
#endif
