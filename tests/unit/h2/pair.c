#include "tests/unit/h2/pair.h"
#include "lib/base/alloc.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sim *pair_sim;
gmux_loop *pair_loop;
side client, server;
static gmux__h2_config client_config, server_config;
static gmux__listener *listener;
static rawlistener *raw_listener;
static rawpeer *raw;
static gmux__dial *dial;

/* ---- parties ---- */

/* Then nothing of what follows is written down, nor put into words. */
static bool is_filled(const char *log, size_t room) {
  return strlen(log) + 1 == room;
}

static void note(char *log, size_t room, const char *event) {
  if (is_filled(log, room)) return;
  size_t used = strlen(log);
  snprintf(log + used, room - used, "%s%s", used ? " " : "", event);
}

static void party_note(party *p, const char *event) {
  note(p->log, sizeof p->log, event);
  if (p->on_event) p->on_event(p, event[0]);
}

static party *party_of(gmux__stream *stream) {
  return gmux__container(stream, party, stream);
}

static void on_headers(gmux__stream *stream) {
  party_note(party_of(stream), "H");
}

static void on_message(gmux__stream *stream, gmux_bytes *message) {
  party *p = party_of(stream);
  p->received_bytes += message->len;
  bool is_kept = message->len && !p->side->is_forgetful;
  if (is_kept && gmux__buf_append(&p->received, message->data, message->len)) abort();
  char event[32] = "M";
  if (!is_filled(p->log, sizeof p->log)) snprintf(event, sizeof event, "M%zu", message->len);
  party_note(p, event);
}

static void on_half_close(gmux__stream *stream) {
  party_note(party_of(stream), "C");
}
static void on_stream_draining(gmux__stream *stream) {
  party_note(party_of(stream), "D");
}
static void on_sent(gmux__stream *stream, size_t bytes) {
  party_of(stream)->sent += bytes;
}

static void on_queue(gmux__stream *stream, bool is_full) {
  party *p = party_of(stream);
  CU_ASSERT_NOT_EQUAL(p->is_full, is_full);
  p->is_full = is_full;
  if (p->on_event) p->on_event(p, is_full ? 'F' : 'f');
}

static void on_stream_closed(gmux__stream *stream) {
  party *p = party_of(stream);
  p->is_closed = true;
  p->how = (gmux__ending)stream->end.how;
  p->error = stream->end.error;
  p->h2_code = stream->end.h2_code;
  p->evidence = (gmux_evidence)stream->end.evidence;
  p->status = stream->in->tail.has_status ? (int)stream->in->tail.status : -1;
  snprintf(p->why, sizeof p->why, "%s", stream->end.why);
  snprintf(p->message, sizeof p->message, "%.*s", (int)gmux__buf_len(&stream->in->tail.message),
           (const char *)gmux__buf_data(&stream->in->tail.message));
  party_note(p, "X");
}

static size_t trailers(gmux__stream *stream, gmux__field *fields, size_t room) {
  party *p = party_of(stream);
  size_t n = p->trailer_count < room ? p->trailer_count : room;
  memcpy(fields, p->trailers, n * sizeof *fields);
  return n;
}

static const gmux__stream_handlers stream_handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_sent = on_sent,
    .on_queue = on_queue,
    .on_draining = on_stream_draining,
    .on_closed = on_stream_closed,
    .trailers = trailers,
};

party *party_new(side *s) {
  party *p = calloc(1, sizeof *p);
  if (!p || s->party_count == SIDE_PARTIES) abort();
  p->side = s;
  p->status = -1;
  gmux__stream_init(&p->stream, s->h2, &stream_handlers, s->max_recv_bytes, s->credit);
  s->parties[s->party_count++] = p;
  return p;
}

#define FIELD(n, v)                                                                                \
  {                                                                                                \
    .name = (const uint8_t *)(n), .value = (const uint8_t *)(v), .name_len = sizeof(n) - 1,        \
    .value_len = sizeof(v) - 1, .is_name_lasting = true, .is_value_lasting = true                  \
  }

int party_open(party *p) {
  static const gmux__field fields[] = {
      FIELD(":method", "POST"),    FIELD(":scheme", "http"),
      FIELD(":path", "/test.T/M"), FIELD(":authority", "localhost"),
      FIELD("te", "trailers"),     FIELD("content-type", "application/grpc"),
  };
  return gmux__stream_open(&p->stream, p->side->conn, fields, sizeof fields / sizeof *fields);
}

party *party_start(void) {
  party *p = party_new(&client);
  CU_ASSERT_EQUAL_FATAL(party_open(p), 0);
  return p;
}

int party_write(party *p, const void *data, size_t len) {
  gmux_bytes bytes = gmux_bytes_borrow(data, len);
  return gmux__stream_write(&p->stream, &bytes);
}

void party_respond(party *p) {
  static const gmux__field fields[] = {FIELD(":status", "200"),
                                       FIELD("content-type", "application/grpc")};
  CU_ASSERT_EQUAL(gmux__stream_respond(&p->stream, fields, 2, 0), 0);
}

void party_finish(party *p, const char *status) {
  size_t n = 0;
  if (!p->stream.send.has_headers) {
    p->trailers[n++] = (gmux__field)FIELD(":status", "200");
    p->trailers[n++] = (gmux__field)FIELD("content-type", "application/grpc");
  }
  p->trailers[n++] = (gmux__field){.name = (const uint8_t *)"grpc-status",
                                   .value = (const uint8_t *)status,
                                   .name_len = 11,
                                   .value_len = strlen(status)};
  p->trailer_count = n;
  gmux__stream_finish(&p->stream, n);
}

party *last_party(const side *s) {
  CU_ASSERT_FATAL(s->party_count > 0);
  return s->parties[s->party_count - 1];
}

/* ---- sides ---- */

static void on_ready(gmux__conn *conn, void *owner) {
  (void)conn;
  note(((side *)owner)->log, sizeof client.log, "R");
}

static void on_slots(gmux__conn *conn, void *owner) {
  (void)conn;
  side *s = owner;
  size_t n = strlen(s->log);
  if (!n || s->log[n - 1] != 'S') note(s->log, sizeof s->log, "S");
}

static void on_draining(gmux__conn *conn, void *owner) {
  (void)conn;
  note(((side *)owner)->log, sizeof client.log, "D");
}

static void close_on(gmux__conn *conn, char event, const side *s) {
  if (s->closes_on == event) gmux__conn_close(conn, GMUX_ERR_CLOSED, 0, "the test says so");
}

static void on_trust(gmux__conn *conn, void *owner) {
  note(((side *)owner)->log, sizeof client.log, "T");
  close_on(conn, 'T', owner);
}

static void on_worn(gmux__conn *conn, void *owner) {
  note(((side *)owner)->log, sizeof client.log, "W");
  close_on(conn, 'W', owner);
}

static void on_closed(gmux__conn *conn, void *owner) {
  side *s = owner;
  note(s->log, sizeof s->log, "X");
  s->error = gmux__conn_error(conn);
  s->loss = gmux__conn_loss(conn);
  s->is_over_pinged = gmux__conn_is_over_pinged(conn);
  s->ring = *gmux__conn_ring(conn);
  snprintf(s->why, sizeof s->why, "%s", gmux__conn_why(conn));
  s->conn = NULL;
  gmux__conn_free(conn);
}

static gmux__stream *on_stream(gmux__conn *conn, void *owner) {
  (void)conn;
  side *s = owner;
  if (s->is_refusing) return NULL;
  party *p = party_new(s);
  if (s->on_party) s->on_party(p);
  return &p->stream;
}

static const gmux__conn_handlers conn_handlers = {
    .on_ready = on_ready,
    .on_slots = on_slots,
    .on_draining = on_draining,
    .on_trust = on_trust,
    .on_worn = on_worn,
    .on_closed = on_closed,
    .on_stream = on_stream,
};

gmux__h2_config *pair_config(const side *s) {
  return s == &client ? &client_config : &server_config;
}

static void side_start(side *s, gmux__transport *transport) {
  CU_ASSERT_EQUAL_FATAL(gmux__h2_new(&s->h2, pair_loop, pair_config(s)), 0);
  if (s->first_id) gmux__h2_set_first_stream_id(s->h2, s->first_id);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_new(&s->conn, s->h2, &conn_handlers, s), 0);
  gmux__conn_start(s->conn, transport);
}

static void side_reset(side *s) {
  memset(s, 0, sizeof *s);
  s->credit = GMUX_CREDIT_UNLIMITED;
  s->max_recv_bytes = 4 << 20;
}

static void party_free(party *p) {
  gmux__stream_reset(&p->stream, 8);
  gmux__stream_deinit(&p->stream);
  gmux__buf_deinit(&p->received);
  free(p);
}

static void side_end(side *s) {
  for (size_t i = 0; i < s->party_count; i++)
    party_free(s->parties[i]);
  if (s->conn) gmux__conn_close(s->conn, GMUX_ERR_CLOSED, 0, "the test is over");
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(s->conn);
  gmux__h2_free(s->h2);
}

/* ---- the world ---- */

void pair_setup(void) {
  pair_sim = sim_new(1);
  pair_loop = sim_loop(pair_sim);
  client_config = (gmux__h2_config){.max_streams = 100,
                                    .stream_window_bytes = 65535,
                                    .connection_window_bytes = 1 << 20,
                                    .max_header_bytes = 8192};
  server_config = client_config;
  server_config.is_server = true;
  side_reset(&client);
  side_reset(&server);
}

void pair_teardown(void) {
  side_end(&client);
  side_end(&server);
  gmux__dial_cancel(dial);
  dial = NULL;
  rawpeer_free(raw);
  raw = NULL;
  gmux__listener_close(listener);
  listener = NULL;
  rawpeer_listen_close(raw_listener);
  raw_listener = NULL;
  sim_run(pair_sim);
  sim_free(pair_sim);
}

static void on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)why;
  dial = NULL;
  CU_ASSERT_EQUAL_FATAL(error, 0);
  side_start(&client, transport);
}

static void on_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  side_start(&server, transport);
}

static void client_dial(const gmux__address *to) {
  static const gmux__socket_options options;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_dial(pair_loop, &dial, to, &options, on_dialed, NULL), 0);
}

static const gmux__address *server_listen(void) {
  static const gmux__socket_options options;
  gmux__address at = sim_address("127.0.0.1", 0);
  CU_ASSERT_EQUAL_FATAL(gmux__loop_listen(pair_loop, &listener, &at, &options, on_accepted, NULL),
                        0);
  return gmux__listener_address(listener);
}

void pair_connect(void) {
  client_dial(server_listen());
  sim_run(pair_sim);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_get_state(server.conn), GMUX__CONN_READY);
}

void pair_connect_slowly(void) {
  client_dial(server_listen());
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
}

rawpeer *pair_client_to_raw(void) {
  gmux__address at = sim_address("127.0.0.1", 0);
  raw_listener = rawpeer_listen(pair_loop, &at);
  client_dial(rawpeer_listen_address(raw_listener));
  sim_run(pair_sim);
  raw = rawpeer_accept(raw_listener);
  sim_run(pair_sim);
  return raw;
}

rawpeer *pair_server_to_raw(void) {
  raw = rawpeer_connect(pair_loop, server_listen());
  sim_run(pair_sim);
  return raw;
}

rawpeer *pair_ready_client(void) {
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 0, NULL, NULL);
  rawpeer_settings_ack(p);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  return p;
}

rawpeer *pair_ready_server(void) {
  rawpeer *p = pair_server_to_raw();
  rawpeer_preface(p);
  rawpeer_settings(p, 0, NULL, NULL);
  rawpeer_settings_ack(p);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_get_state(server.conn), GMUX__CONN_READY);
  return p;
}

void raw_response(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {":status", "200", "content-type", "application/grpc", NULL};
  rawpeer_headers(p, stream, RAW_END_HEADERS, pairs);
}

void raw_trailers(rawpeer *p, uint32_t stream, const char *status) {
  const char *const pairs[] = {"grpc-status", status, NULL};
  rawpeer_headers(p, stream, RAW_END_HEADERS | RAW_END_STREAM, pairs);
}

void raw_answer(rawpeer *p, uint32_t stream) {
  raw_response(p, stream);
  raw_trailers(p, stream, "0");
}

void raw_request(rawpeer *p, uint32_t stream, uint8_t flags) {
  static const char *const pairs[] = {":method", "POST",      ":scheme",      "http",
                                      ":path",   "/test.T/M", ":authority",   "localhost",
                                      "te",      "trailers",  "content-type", "application/grpc",
                                      NULL};
  rawpeer_headers(p, stream, (uint8_t)(flags | RAW_END_HEADERS), pairs);
}
