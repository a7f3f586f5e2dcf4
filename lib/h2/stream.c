#include "lib/h2/inside.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>

/* ---- the halves ---- */

static const char *const send_states[] = {"OPEN", "CLOSING", "CLOSED"};
static const uint16_t send_edges[] = {
    [GMUX__SEND_OPEN] = GMUX__TO(GMUX__SEND_CLOSING) | GMUX__TO(GMUX__SEND_CLOSED),
    [GMUX__SEND_CLOSING] = GMUX__TO(GMUX__SEND_CLOSED),
    [GMUX__SEND_CLOSED] = GMUX__TO(GMUX__SEND_CLOSING), /* rewound */
};
const gmux__machine gmux__send_machine = {"sending half", GMUX__SEND_CLOSED + 1, send_states,
                                          send_edges};

/* What has begun to arrive is never sent again, so a rewind finds HEAD. */
static const char *const recv_states[] = {"HEAD", "BODY", "CLOSED"};
static const uint16_t recv_edges[] = {
    [GMUX__RECV_HEAD] = GMUX__TO(GMUX__RECV_BODY),
    [GMUX__RECV_BODY] = GMUX__TO(GMUX__RECV_CLOSED),
    [GMUX__RECV_CLOSED] = 0,
};
const gmux__machine gmux__recv_machine = {"receiving half", GMUX__RECV_CLOSED + 1, recv_states,
                                          recv_edges};

/* ---- what is received ---- */

const gmux__intake gmux__nothing_received = {.head.timeout_ns = UINT64_MAX,
                                             .tail.timeout_ns = UINT64_MAX};

/* Nobody writes to it: who writes has asked gmux__stream_has_received before. */
static gmux__intake *nothing_received(void) {
  union {
    const gmux__intake *in;
    gmux__intake *out;
  } empty = {.in = &gmux__nothing_received};
  return empty.out;
}

gmux__intake *gmux__intake_new(gmux__h2 *h2) {
  return gmux__slab_get_raw(&h2->intakes);
}

void gmux__intake_drop(gmux__h2 *h2, gmux__intake *in) {
  gmux__slab_put(&h2->intakes, in);
}

void gmux__stream_set_intake(gmux__stream *stream, gmux__intake *in) {
  gmux__head_init(&in->head);
  gmux__head_init(&in->tail);
  in->head.codecs = stream->h2->config.codecs;
  gmux__deframer_init(&in->deframer, stream->recv.limit, &stream->h2->hoard);
  in->rules = (gmux__rules){0};
  in->pending = (gmux__buf){0};
  in->piece_count = 0;
  in->taken_ns = 0;
  in->discarded = 0;
  in->large_bytes = 0;
  in->is_large_kept = false;
  in->granted_ns = 0;
  in->withheld = 0;
  in->large_link = (gmux__link){0};
  in->window.bytes = 0;
  in->widened = 0;
  in->taken = 0;
  in->stream = stream;
  stream->in = in;
}

void gmux__stream_forget_received(gmux__stream *stream) {
  if (!stream->in || !gmux__stream_has_received(stream)) return; /* NULL: all zero */
  gmux__head_release(&stream->in->head);
  gmux__head_release(&stream->in->tail);
  gmux__deframer_deinit(&stream->in->deframer);
  gmux__buf_deinit(&stream->in->pending);
  gmux__intake_drop(stream->h2, stream->in);
  stream->in = nothing_received();
}

/* ---- life ---- */

void gmux__stream_init(gmux__stream *stream, gmux__h2 *h2, const gmux__stream_handlers *handlers,
                       uint32_t max_recv_bytes, uint32_t credit) {
  memset(stream, 0, sizeof *stream);
  stream->handlers = handlers;
  stream->h2 = h2;
  stream->in = nothing_received();
  stream->recv.limit = max_recv_bytes;
  stream->recv.credit = credit;
  stream->send.is_committed = h2->config.is_server;
  stream->end.why = "";
}

void gmux__stream_forget_end(gmux__stream *stream) {
  if (stream->recv.has_own_why) gmux__free(stream->end.own_why);
  stream->recv.has_own_why = false;
  stream->end = (struct gmux__stream_end){.why = ""};
}

void gmux__stream_deinit(gmux__stream *stream) {
  assert(!stream->conn && "reset it first");
  gmux__stream_drop(stream);
  gmux__stream_forget_received(stream);
  gmux__stream_forget_end(stream);
}

/* ---- on and off a connection ---- */

void gmux__stream_attach(gmux__stream *stream, gmux__conn *conn, int32_t id) {
  stream->conn = conn;
  stream->id = id;
  gmux__list_append(&conn->streams, &stream->link);
  gmux__backlog_enter(stream);
}

void gmux__stream_detach(gmux__stream *stream) {
  gmux__conn *conn = stream->conn;
  if (!conn) return;
  gmux__list_remove(&stream->link);
  gmux__hook_remove(&stream->event_hook);
  gmux__lane_leave(stream);
  if (conn->h2->budget.ceiling) gmux__stream_keep_message_no_more(stream);
  if (stream->in->widened) gmux__windows_leave(stream);
  gmux__seat_leave(stream);
  gmux__backlog_leave(stream);
  stream->conn = NULL;
  gmux__conn_want_deliver(conn); /* it may have been the last that a drain or the end waits for */
}

/* ---- the end ---- */

gmux_evidence gmux__stream_evidence(const gmux__stream *stream) {
  if (stream->end.how != GMUX__ENDING_NONE) return (gmux_evidence)stream->end.evidence;
  if (stream->in->head.http_status || stream->recv.state != GMUX__RECV_HEAD)
    return GMUX_EVIDENCE_ANSWERED;
  return stream->send.has_left ? GMUX_EVIDENCE_POSSIBLE : GMUX_EVIDENCE_NEVER_LEFT;
}

static bool was_refused(const gmux__stream *stream, gmux__ending how) {
  return how == GMUX__ENDING_RESET && stream->end.h2_code == NGHTTP2_REFUSED_STREAM;
}

static gmux_evidence ending_evidence(const gmux__stream *stream, gmux__ending how) {
  gmux_evidence now = gmux__stream_evidence(stream);
  if (how == GMUX__ENDING_FINISHED) return GMUX_EVIDENCE_ANSWERED;
  if (now != GMUX_EVIDENCE_POSSIBLE) return now;
  if (was_refused(stream, how) && !stream->h2->config.distrusts_refused)
    return GMUX_EVIDENCE_REFUSED;
  if (stream->conn && stream->id > stream->conn->goaway_last_id) return GMUX_EVIDENCE_ABOVE_LAST;
  return now;
}

void gmux__stream_set_end(gmux__stream *stream, gmux__ending how, int error, const char *why) {
  if (stream->end.how != GMUX__ENDING_NONE) return;
  stream->end.evidence = (uint8_t)ending_evidence(stream, how);
  stream->end.how = (uint8_t)how;
  stream->end.error = (int16_t)error;
  stream->end.why = why;
  gmux__stream_want_deliver(stream);
}

bool gmux__stream_is_finished(const gmux__stream *stream) {
  return stream->end.how == GMUX__ENDING_RESET || stream->end.how == GMUX__ENDING_BROKEN ||
         stream->end.how == GMUX__ENDING_LOST ||
         (stream->recv.state == GMUX__RECV_CLOSED && stream->send.state == GMUX__SEND_CLOSED);
}

/* What ended it stays, but for an answer whose messages cannot all be delivered: its OK would be a
 * lie. Another status says more than that, and is kept. */
static bool may_break(const gmux__stream *stream) {
  if (stream->end.how == GMUX__ENDING_NONE) return true;
  if (stream->h2->config.is_server || stream->end.how != GMUX__ENDING_FINISHED) return false;
  return !stream->in->tail.has_status || stream->in->tail.status == GMUX_OK;
}

void gmux__stream_break(gmux__stream *stream, int error, uint32_t h2_code, const char *why) {
  if (!may_break(stream)) return;
  stream->end.how = GMUX__ENDING_NONE;
  bool needs_rst = !gmux__stream_is_finished(stream);
  char *own = gmux__strdup(why);
  gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, error, own ? own : gmux_strerror(error));
  stream->recv.has_own_why = own != NULL;
  if (needs_rst) gmux__stream_send_reset(stream, h2_code);
}

void gmux__stream_reset(gmux__stream *stream, uint32_t h2_code) {
  gmux__stream_drop(stream);
  if (!stream->conn) return;
  stream->end.evidence = (uint8_t)gmux__stream_evidence(stream);
  if (!gmux__stream_is_finished(stream)) gmux__stream_send_reset(stream, h2_code);
  gmux__stream_detach(stream);
}
