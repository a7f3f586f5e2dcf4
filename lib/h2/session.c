/*
 * session.c: nghttp2's session: how it is made, and its callbacks for what comes. Those for what
 * leaves are in session_send.c.
 *
 * They note what happened and call nobody: streams with news go to the connection's list of events
 * and are told when nghttp2 has returned, so nghttp2's rule (no send or receive from its callbacks)
 * is kept by construction.
 */
#include "lib/h2/inside.h"
#include <assert.h>
#include <string.h>

/* What nghttp2 tells of one stream comes in a row, mostly. */
gmux__seat *gmux__session_seat(gmux__conn *conn, int32_t id) {
  if (conn->recent && conn->recent->id == id) return conn->recent;
  if (!id) return NULL;
  gmux__seat *seat = nghttp2_session_get_stream_user_data(conn->session, id);
  if (seat) conn->recent = seat;
  return seat;
}

gmux__stream *gmux__session_stream(gmux__conn *conn, int32_t id) {
  gmux__seat *seat = gmux__session_seat(conn, id);
  return seat ? seat->stream : NULL;
}

/* ---- headers ---- */

static gmux__stream *stream_of_block(const gmux__conn *conn) {
  return conn->block.seat ? conn->block.seat->stream : NULL;
}

static void end_block(gmux__conn *conn) {
  conn->block.id = 0;
  conn->block.seat = NULL;
  conn->block.head = NULL;
  conn->due.block_ns = GMUX__NEVER;
}

/* Client: its answer begins, or goes on. */
static void begin_answer(gmux__conn *conn, gmux__stream *stream) {
  if (!gmux__stream_has_received(stream)) {
    if (stream->end.how != GMUX__ENDING_NONE) return; /* no memory for what came before */
    gmux__intake *in = gmux__intake_new(stream->h2);
    if (!in) {
      gmux__stream_break(stream, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR,
                         "out of memory for the answer");
      return;
    }
    gmux__stream_set_intake(stream, in);
  }
  /* The first block is the head, a later one the trailers. */
  bool is_first = stream->recv.state == GMUX__RECV_HEAD;
  conn->block.head = is_first ? &stream->in->head : &stream->in->tail;
}

static bool is_request(const gmux__conn *conn, const nghttp2_frame *frame) {
  return conn->h2->config.is_server && frame->hd.type == NGHTTP2_HEADERS &&
         frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

/* nghttp2 holds the peer to our limit only once that is acknowledged; we do from the start. A
 * stream counts until nghttp2 has closed it, also one that was refused or reset and whose
 * RST_STREAM has not left. And nghttp2 turns away what comes after the last GOAWAY only once that
 * has left; it may wait for a peer that does not read, whose requests still arrive. */
static bool may_take_request(gmux__conn *conn) {
  if (conn->is_last_id_fixed) return false;
  return conn->open_streams < conn->lease.streams || gmux__lease_takes_last(conn);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *user_data) {
  (void)session;
  return gmux__conn_on_frame_begun(user_data, head);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
  gmux__conn *conn = user_data;
  conn->block.id = frame->hd.stream_id;
  conn->block.seat = NULL;
  conn->block.head = NULL;
  conn->block.bytes = 0;
  conn->due.block_ns = GMUX__NEVER; /* it has a time of its own, if it does not end in this read */
  if (!is_request(conn, frame)) {
    conn->block.seat = gmux__session_seat(conn, frame->hd.stream_id);
    gmux__stream *stream = stream_of_block(conn);
    if (stream) begin_answer(conn, stream);
    return 0;
  }
  conn->open_streams++;
  conn->tally.streams_started++;
  conn->tally.stream_ns = gmux__loop_now(conn->h2->loop);
  gmux__conn_count_streams(conn);
  gmux__seat *seat = may_take_request(conn) ? gmux__seat_new(conn->h2) : NULL;
  gmux__intake *in = seat ? gmux__intake_new(conn->h2) : NULL;
  gmux__stream *stream = in ? conn->handlers->on_stream(conn, conn->owner) : NULL;
  if (!stream) {
    gmux__intake_drop(conn->h2, in);
    gmux__seat_drop(conn->h2, seat);
    gmux__session_reset_stream(conn, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
    return gmux__conn_on_refused(conn);
  }
  gmux__stream_set_intake(stream, in);
  gmux__stream_attach(stream, conn, frame->hd.stream_id);
  stream->times.opened_ns = conn->tally.stream_ns;
  gmux__seat_take(seat, stream, conn, frame->hd.stream_id);
  nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, seat);
  conn->block.seat = seat;
  conn->block.head = &in->head;
  return 0;
}

/* nghttp2's own words do not say who did it. */
static const char bad_field[] = "the peer sent a header field that HTTP/2 does not allow";
static const char bad_order[] =
    "the peer sent headers or data in an order that HTTP/2 does not allow";

/* Client: as nghttp2 has it for a server, the stream is reset at once, and what comes of it behind
 * that is ignored. */
static void refuse_answer(gmux__conn *conn, gmux__stream *stream, const char *words) {
  conn->portion.frames += GMUX__PORTION_OFFENCE;
  if (stream->seat == conn->block.seat) end_block(conn); /* nghttp2 will not tell its end */
  gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, GMUX_ERR_PROTOCOL, words);
  gmux__session_reset_stream(conn, stream->id, NGHTTP2_PROTOCOL_ERROR);
}

/* False: the field is not to be taken. */
static bool may_take_field(gmux__conn *conn, const uint8_t *name, size_t name_len,
                           const uint8_t *value, size_t value_len) {
  if (conn->h2->config.is_server) return true;
  gmux__stream *stream = stream_of_block(conn);
  gmux__rule rule = gmux__rules_field(&stream->in->rules, name, name_len, value, value_len);
  if (rule == GMUX__RULE_BROKEN) refuse_answer(conn, stream, bad_field);
  return rule == GMUX__RULE_FINE;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data) {
  (void)session, (void)flags;
  (void)frame;
  gmux__conn *conn = user_data;
  if (conn->block.head && may_take_field(conn, name, name_len, value, value_len))
    gmux__head_field(conn->block.head, conn->h2->config.max_header_bytes, name, name_len, value,
                     value_len);
  return gmux__conn_on_field(conn, name_len, value_len);
}

static bool is_informational(const gmux__head *head) {
  return head->http_status >= 100 && head->http_status < 200;
}

static int on_head(gmux__conn *conn, gmux__stream *stream, bool is_end) {
  if (stream->times.left_ns)
    gmux__pulse_on_reply(&conn->pulse, gmux__loop_now(conn->h2->loop) - stream->times.left_ns);
  if (is_informational(&stream->in->head)) {
    gmux__head_deinit(&stream->in->head);
    return gmux__conn_on_chatter(conn); /* HTTP does not bound their number */
  }
  gmux__stream_set_recv(stream, GMUX__RECV_BODY);
  stream->in->taken_ns = gmux__loop_now(conn->h2->loop);
  if (!conn->h2->config.is_server) gmux__stream_commit(stream);
  if (is_end && !conn->h2->config.is_server) {
    gmux__head_move(&stream->in->tail, &stream->in->head); /* Trailers-Only */
    return 0;
  }
  stream->recv.due |= GMUX__DUE_HEADERS;
  gmux__stream_want_deliver(stream);
  return 0;
}

static void on_peer_end(gmux__conn *conn, gmux__stream *stream) {
  gmux__stream_set_recv(stream, GMUX__RECV_CLOSED);
  if (!conn->h2->config.is_server) {
    stream->seat->is_answered = true;
    gmux__stream_set_end(stream, GMUX__ENDING_FINISHED, 0, "");
    return;
  }
  stream->recv.due |= GMUX__DUE_HALF_CLOSE;
  gmux__stream_want_deliver(stream);
}

static bool is_block_allowed(gmux__stream *stream, bool is_end) {
  gmux__rules *rules = &stream->in->rules;
  bool is_trailer = stream->recv.state != GMUX__RECV_HEAD;
  return gmux__rules_block(rules, is_trailer, is_end) && (!is_end || gmux__rules_end(rules));
}

static int on_headers_frame(gmux__conn *conn, const nghttp2_frame *frame) {
  gmux__pulse_on_answer(&conn->pulse);
  gmux__stream *stream = stream_of_block(conn);
  if (!stream || !conn->block.head) return 0;
  bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
  if (!conn->h2->config.is_server && !is_block_allowed(stream, is_end)) {
    refuse_answer(conn, stream, bad_order);
    return 0;
  }
  int rc = stream->recv.state == GMUX__RECV_HEAD ? on_head(conn, stream, is_end) : 0;
  if (is_end) on_peer_end(conn, stream);
  return rc;
}

/* ---- data ---- */

/* Also of a stream that we have broken: while our reset waits, the peer may go on. */
static bool is_data_allowed(gmux__stream *stream, size_t len) {
  if (!gmux__stream_has_received(stream)) return true; /* no memory for its head */
  return stream->recv.state == GMUX__RECV_BODY && gmux__rules_data(&stream->in->rules, len);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user_data) {
  (void)session, (void)flags;
  gmux__conn *conn = user_data;
  conn->unconsumed += len;
  gmux__stream *stream = gmux__session_stream(conn, id);
  if (!stream) return 0;
  conn->portion.data_bytes += len;
  if (!conn->h2->config.is_server && !is_data_allowed(stream, len)) {
    refuse_answer(conn, stream, bad_order);
    return 0;
  }
  gmux__stream_on_data(stream, data, len);
  return 0;
}

/* The connection's window is given back whatever the streams do with theirs, so one slow reader
 * holds back nobody else. Once a read: what a call costs is counted in frames of DATA. */
void gmux__session_consume(gmux__conn *conn) {
  size_t len = conn->unconsumed;
  if (!len) return;
  conn->unconsumed = 0;
  if (nghttp2_session_consume_connection(conn->session, len))
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

static bool is_end_allowed(const gmux__stream *stream) {
  return stream->recv.state == GMUX__RECV_BODY && gmux__rules_end(&stream->in->rules);
}

static int on_data_frame(gmux__conn *conn, const nghttp2_frame *frame) {
  gmux__pulse_on_answer(&conn->pulse);
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
    return frame->hd.length > frame->data.padlen ? 0 : gmux__conn_on_chatter(conn);
  gmux__stream *stream = gmux__session_stream(conn, frame->hd.stream_id);
  /* Without: its head found no memory, and the reset that says so waits for its turn. */
  if (!stream || !gmux__stream_has_received(stream)) return 0;
  if (conn->h2->config.is_server || is_end_allowed(stream))
    on_peer_end(conn, stream);
  else
    refuse_answer(conn, stream, bad_order);
  return 0;
}

/* ---- the connection's own frames ---- */

/* Each of several in one frame counts: the smallest has emptied the peer's table so far. */
static void heed_table_size(gmux__conn *conn, const nghttp2_settings *settings) {
  for (size_t i = 0; i < settings->niv; i++)
    if (settings->iv[i].settings_id == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE)
      gmux__hpack_set_limit(&conn->hpack, settings->iv[i].value);
}

static int on_settings(gmux__conn *conn, const nghttp2_frame *frame) {
  if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
    gmux__conn_on_settings_ack(conn);
    return 0;
  }
  heed_table_size(conn, &frame->settings);
  uint32_t limit =
      nghttp2_session_get_remote_settings(conn->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  uint32_t window =
      nghttp2_session_get_remote_settings(conn->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
  gmux__conn_note(conn, GMUX__EVENT_SETTINGS, limit, window);
  gmux__slots_set_peer(&conn->slots, limit);
  if (!conn->h2->config.is_server) gmux__conn_heed_lower_limit(conn);
  conn->has_settings = true;
  conn->has_slots_event = true;
  gmux__conn_want_deliver(conn);
  if (conn->state == GMUX__CONN_GREETING) {
    conn->has_ready_event = true;
    gmux__conn_set_state(conn, GMUX__CONN_READY);
  }
  return gmux__windows_after_settings(conn, window);
}

static int on_rst_stream(gmux__conn *conn, const nghttp2_frame *frame) {
  uint32_t code = frame->rst_stream.error_code;
  gmux__counter_add(&conn->h2->figures.resets_received, 1);
  gmux__conn_note(conn, GMUX__EVENT_RST_RECEIVED, frame->hd.stream_id, code);
  gmux__stream *stream = gmux__session_stream(conn, frame->hd.stream_id);
  /* After our trailers a client's reset says nothing new: it has, or could have had, the whole
   * answer. */
  if (!stream || (conn->h2->config.is_server && stream->send.state == GMUX__SEND_CLOSED)) return 0;
  if (stream->end.how == GMUX__ENDING_NONE) stream->end.h2_code = code;
  gmux__stream_set_end(stream, GMUX__ENDING_RESET, 0, "");
  return gmux__conn_on_peer_reset(conn, stream);
}

static void on_ping(gmux__conn *conn, const nghttp2_frame *frame) {
  const uint8_t *payload = frame->ping.opaque_data;
  if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
    gmux__conn_on_peer_ping(conn);
  else
    gmux__conn_on_ping_acked(conn, payload);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
  (void)session;
  gmux__conn *conn = user_data;
  int rc = 0;
  switch (frame->hd.type) {
  case NGHTTP2_HEADERS:
    rc = on_headers_frame(conn, frame);
    break;
  case NGHTTP2_DATA:
    rc = on_data_frame(conn, frame);
    break;
  case NGHTTP2_SETTINGS:
    rc = on_settings(conn, frame);
    break;
  case NGHTTP2_RST_STREAM:
    rc = on_rst_stream(conn, frame);
    break;
  case NGHTTP2_GOAWAY:
    gmux__conn_on_goaway(conn, &frame->goaway);
    break;
  case NGHTTP2_PING:
    on_ping(conn, frame);
    break;
  default:
    break;
  }
  end_block(conn); /* a block is followed by nothing but its own end */
  return rc;
}

/* A frame of a kind that we do not know is ignored (RFC 9113 section 5.5). nghttp2 would do so
 * without a word; asked like this it tells of their heads first, and they count. */
static int on_unknown_frame(nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd,
                            void *user_data) {
  (void)session, (void)payload, (void)hd, (void)user_data;
  return NGHTTP2_ERR_CANCEL;
}

static const char *invalid_frame_words(int error) {
  switch (error) {
  case NGHTTP2_ERR_HTTP_HEADER:
    return bad_field;
  case NGHTTP2_ERR_HTTP_MESSAGING:
    return bad_order;
  default:
    return nghttp2_strerror(error);
  }
}

/* nghttp2 will reset the stream, or end the connection, by itself. */
static int on_invalid_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, int error,
                                 void *user_data) {
  (void)session;
  gmux__conn *conn = user_data;
  conn->portion.frames += GMUX__PORTION_OFFENCE;
  end_block(conn);
  if (error == NGHTTP2_ERR_REFUSED_STREAM) {
    gmux__ids_on_reset(conn, frame->hd.stream_id);
    return gmux__conn_on_refused(conn);
  }
  gmux__stream *stream = gmux__session_stream(conn, frame->hd.stream_id);
  if (stream)
    gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, GMUX_ERR_PROTOCOL,
                         invalid_frame_words(error));
  return 0;
}

/* ---- a stream's end ---- */

static void end_closed_stream(gmux__conn *conn, gmux__stream *stream, uint32_t code) {
  bool is_server = conn->h2->config.is_server;
  if (is_server && stream->send.state == GMUX__SEND_CLOSED)
    gmux__stream_set_end(stream, GMUX__ENDING_FINISHED, 0, "");
  else if (stream->id > conn->goaway_last_id)
    gmux__stream_set_end(stream, GMUX__ENDING_LOST, GMUX_ERR_CLOSED, conn->why);
  else if (code == NGHTTP2_REFUSED_STREAM) /* nobody has: nghttp2 could not make its own half */
    gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, GMUX_ERR_NOMEM, "out of memory");
  else if (code != NGHTTP2_NO_ERROR)
    gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, GMUX_ERR_PROTOCOL, gmux__h2_code_str(code));
  else
    gmux__stream_set_end(stream, GMUX__ENDING_LOST, GMUX_ERR_CLOSED, "the stream was closed");
}

static void count_closed_stream(gmux__conn *conn, const gmux__seat *seat) {
  bool has_begun = conn->h2->config.is_server || (seat && seat->is_started);
  if (!has_begun) return;
  if (seat && seat->is_answered) /* a server's that was refused never had a seat */
    conn->tally.streams_succeeded++;
  else
    conn->tally.streams_failed++;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data) {
  (void)session;
  gmux__conn *conn = user_data;
  if (id == conn->block.id) end_block(conn); /* nghttp2 will not tell its end */
  gmux__seat *seat = gmux__session_seat(conn, id);
  gmux__stream *stream = seat ? seat->stream : NULL;
  count_closed_stream(conn, seat);
  gmux__seat_free(conn, seat);
  if (conn->h2->config.is_server) {
    conn->open_streams--;
  } else {
    conn->has_slots_event = true;
  }
  gmux__conn_count_streams(conn);
  if (stream) end_closed_stream(conn, stream, code);
  gmux__conn_want_deliver(conn);
  return 0;
}

/* Under a ceiling, so that without one it costs nothing. */
static int on_leased_stream_close(nghttp2_session *session, int32_t id, uint32_t code,
                                  void *user_data) {
  int rc = on_stream_close(session, id, code, user_data);
  gmux__lease_on_closed(user_data);
  return rc;
}

void gmux__session_reset_stream(gmux__conn *conn, int32_t id, uint32_t h2_code) {
  if (!conn->session || conn->state == GMUX__CONN_CLOSED) return;
  if (nghttp2_submit_rst_stream(conn->session, NGHTTP2_FLAG_NONE, id, h2_code))
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
  gmux__conn_want_write(conn);
}

/* ---- making one ---- */

int gmux__session_callbacks_new(nghttp2_session_callbacks **out, bool has_leases) {
  nghttp2_session_callbacks *c;
  if (nghttp2_session_callbacks_new(&c)) return gmux__fail_code(GMUX_ERR_NOMEM);
  nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(c, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame_recv);
  nghttp2_session_callbacks_set_unpack_extension_callback(c, on_unknown_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, has_leases ? on_leased_stream_close
                                                                       : on_stream_close);
  gmux__session_set_send_callbacks(c);
  *out = c;
  return 0;
}

/* nghttp2 ends a connection when more frames than this continue a header block (8, if it is not
 * told). It counts each read of a frame's head, of which a slow network makes one a byte; and a
 * block as large as we have announced must fit. */
static size_t continuations_max(const gmux__h2_config *config) {
  enum { USUAL = 8, HEAD_BYTES = 9, FRAME_BYTES = 16384 };
  return HEAD_BYTES * (USUAL + config->max_header_bytes / FRAME_BYTES);
}

int gmux__session_option_new(nghttp2_option **out, const gmux__h2_config *config) {
  nghttp2_option *o;
  if (nghttp2_option_new(&o)) return gmux__fail_code(GMUX_ERR_NOMEM);
  nghttp2_option_set_no_auto_window_update(o, 1);
  nghttp2_option_set_no_http_messaging(o, !config->is_server); /* see rules.h */
  nghttp2_option_set_no_closed_streams(o, 1);
  /* Its bucket counts every RST_STREAM of a client, by the clock of the machine: gRPC's cancels
   * would empty it. Ours is in lib/policy/abuse.h. */
  nghttp2_option_set_stream_reset_rate_limit(o, UINT64_MAX, UINT64_MAX);
  nghttp2_option_set_max_continuations(o, continuations_max(config));
  for (int type = NGHTTP2_CONTINUATION + 1; type <= UINT8_MAX; type++)
    nghttp2_option_set_user_recv_extension_type(o, (uint8_t)type);
  /* Our own slots are the limit; nghttp2 must not queue behind a lower one of its own before
   * SETTINGS. */
  if (!config->is_server) nghttp2_option_set_peer_max_concurrent_streams(o, config->max_streams);
  *out = o;
  return 0;
}

/* SETTINGS_NO_RFC7540_PRIORITIES is not among them: it puts nghttp2 1.52 on a path that frees an
 * item twice when memory ends (session_ob_data_push fails after the item was attached). The old
 * tree of priorities is bounded. */
enum { SETTINGS_MAX = GMUX__FOREWORD_SETTINGS, SETTING_BYTES = 6, FRAME_HEAD = 9 };

/* Under a ceiling a client begins with the one stream that each has for sure. */
static size_t settings_of(const gmux__h2_config *config, nghttp2_settings_entry *iv) {
  size_t n = 0;
  if (config->is_server)
    iv[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                       config->max_memory_bytes ? 1 : config->max_streams};
  else
    iv[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  iv[n++] =
      (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, config->stream_window_bytes};
  iv[n++] =
      (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, config->max_header_bytes};
  return n;
}

/* What nghttp2 makes of them: a frame of its own, so that there need be no session yet. */
void gmux__session_write_foreword(gmux__h2 *h2) {
  nghttp2_settings_entry iv[SETTINGS_MAX];
  size_t n = settings_of(&h2->config, iv);
  uint8_t *payload = h2->foreword + FRAME_HEAD;
  ssize_t len = nghttp2_pack_settings_payload(payload, SETTINGS_MAX * SETTING_BYTES, iv, n);
  assert(len > 0 && "the values are in their ranges, and there is room");
  const uint8_t head[FRAME_HEAD] = {0, 0, (uint8_t)len, NGHTTP2_SETTINGS};
  memcpy(h2->foreword, head, FRAME_HEAD);
  h2->foreword_len = FRAME_HEAD + (size_t)len;
}

int gmux__session_skip_foreword(gmux__conn *conn) {
  const uint8_t *frame;
  ssize_t len = nghttp2_session_mem_send(conn->session, &frame);
  if (len < 0) return gmux__fail_code(GMUX_ERR_NOMEM);
  assert((size_t)len == conn->h2->foreword_len && !memcmp(frame, conn->h2->foreword, (size_t)len));
  gmux__counter_add(&conn->h2->figures.bytes_sent, (uint64_t)len);
  return 0;
}

static int submit_settings(gmux__conn *conn) {
  const gmux__h2_config *config = &conn->h2->config;
  nghttp2_settings_entry iv[SETTINGS_MAX];
  size_t n = settings_of(config, iv);
  int rc = nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, iv, n);
  if (rc) return rc;
  return nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, 0,
                                               (int32_t)config->connection_window_bytes);
}

int gmux__session_new(gmux__conn *conn) {
  gmux__h2 *h2 = conn->h2;
  int rc =
      h2->config.is_server
          ? nghttp2_session_server_new3(&conn->session, h2->callbacks, conn, h2->option, &h2->mem)
          : nghttp2_session_client_new3(&conn->session, h2->callbacks, conn, h2->option, &h2->mem);
  if (!rc && h2->first_stream_id)
    rc = nghttp2_session_set_next_stream_id(conn->session, h2->first_stream_id);
  if (!rc) rc = submit_settings(conn);
  return rc ? gmux__fail_code(GMUX_ERR_NOMEM) : 0;
}
