#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS_MAX = 64 };

sim *w_sim;
gmux_loop *w_loop;
gmux_channel *w_channel;
gmux_channel_options w_options;
unsigned w_closed;
rawlistener *w_listener;
gmux__address w_address;
gmux_method *w_methods[4];

static struct {
  rawpeer *peers[PEERS_MAX];
  size_t answered[PEERS_MAX]; /* HEADERS that w_answer_all has seen */
  size_t peer_count;
  tcall **calls;
  size_t call_count, call_room;
} made;

/* ---- life ---- */

void w_setup(void) {
  static const char *const paths[] = {"/test.Service/Unary", "/test.Service/ClientStream",
                                      "/test.Service/ServerStream", "/test.Service/Bidi"};
  memset(&made, 0, sizeof made);
  w_sim = sim_new(7);
  w_loop = sim_loop(w_sim);
  w_address = sim_address("127.0.0.1", 50051);
  w_listener = rawpeer_listen(w_loop, &w_address);
  w_channel = NULL;
  w_closed = 0;
  gmux_channel_options_init(&w_options, sizeof w_options);
  w_options.cleartext = true;
  w_options.redial_jitter_ms = 0;             /* what follows a loss follows at once */
  w_options.suspect_after_ms = GMUX_NEVER_MS; /* a raw server answers no PING by itself */
  for (int i = 0; i < 4; i++)
    gmux_method_new(&w_methods[i], paths[i], (gmux_method_kind)i, 0);
}

void w_teardown(void) {
  sim_set_outside(w_loop, false);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  for (size_t i = 0; i < made.call_count; i++) {
    w_free(made.calls[i]);
    free(made.calls[i]);
  }
  free(made.calls);
  for (size_t i = 0; i < made.peer_count; i++)
    rawpeer_free(made.peers[i]);
  rawpeer_listen_close(w_listener);
  for (int i = 0; i < 4; i++)
    gmux_method_free(w_methods[i]);
  w_run();
  sim_free(w_sim);
}

void w_run(void) {
  sim_run(w_sim);
#ifdef GMUX_DEBUG
  if (w_channel) gmux__channel_check(w_channel);
#endif
}

void w_run_ms(uint64_t ms) {
  sim_run_for(w_sim, ms * MS);
}

void w_open_to(const char *target) {
  int error = gmux_channel_new(&w_channel, w_loop, target, &w_options);
  if (error) fprintf(stderr, "# %s\n", gmux_last_error());
  CU_ASSERT_EQUAL_FATAL(error, 0);
}

void w_open(void) {
  w_open_to("ipv4:127.0.0.1:50051");
}

void w_on_closed(void *user_data) {
  CU_ASSERT_PTR_EQUAL(user_data, &w_closed);
  w_closed++;
}

gmux_channel_state w_state(void) {
  return gmux_channel_get_state(w_channel, false);
}

gmux_channel_stats w_stats(void) {
  gmux_channel_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(w_channel, &stats), 0);
  return stats;
}

/* ---- calls ---- */

static void copy_text(char *out, size_t size, const char *text) {
  snprintf(out, size, "%s", text ? text : "");
}

static void note(tcall *t, const char *text) {
  size_t used = strlen(t->log);
  snprintf(t->log + used, sizeof t->log - used, "%s%s", used ? " " : "", text);
}

static void tell(tcall *t, char event) {
  if (t->on_event) t->on_event(t, event);
}

static void on_headers(gmux_call *call, const gmux_metadata *metadata, void *user_data) {
  tcall *t = user_data;
  (void)call;
  note(t, "H");
  copy_text(t->header, sizeof t->header, gmux_metadata_get(metadata, "x-header", NULL));
  tell(t, 'H');
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  tcall *t = user_data;
  (void)call;
  char text[32];
  snprintf(text, sizeof text, "M%zu", message->len);
  note(t, text);
  size_t used = strlen(t->received);
  snprintf(t->received + used, sizeof t->received - used, "%.*s", (int)message->len,
           message->len ? (const char *)message->data : "");
  tell(t, 'M');
}

static void on_writable(gmux_call *call, void *user_data) {
  (void)call;
  note(user_data, "W");
  tell(user_data, 'W');
}

static void on_draining(gmux_call *call, void *user_data) {
  (void)call;
  note(user_data, "D");
  tell(user_data, 'D');
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  tcall *t = user_data;
  note(t, "E");
  t->ends++;
  t->code = status->code;
  copy_text(t->message, sizeof t->message, status->message);
  snprintf(t->details, sizeof t->details, "%.*s", (int)status->details.len,
           status->details.len ? (const char *)status->details.data : "");
  copy_text(t->trailer, sizeof t->trailer, gmux_metadata_get(trailers, "x-trailer", NULL));
  copy_text(t->peer, sizeof t->peer, gmux_call_peer(call));
  t->evidence = gmux_call_get_evidence(call);
  tell(t, 'E');
}

const gmux_call_handlers w_handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_draining = on_draining,
    .on_end = on_end,
};

void w_on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
               const gmux_metadata *trailers, void *user_data) {
  if (status->code == GMUX_OK) on_message(call, reply, user_data);
  on_end(call, status, trailers, user_data);
}

tcall *w_record(void) {
  if (made.call_count == made.call_room) {
    made.call_room = made.call_room ? 2 * made.call_room : 64;
    made.calls = realloc(made.calls, made.call_room * sizeof(tcall *));
  }
  tcall *t = sim_alloc(sizeof *t);
  t->code = W_NOT_ENDED;
  made.calls[made.call_count++] = t;
  return t;
}

int w_start_with(tcall *t, gmux_method_kind kind, const gmux_call_options *options) {
  return gmux_call_start(&t->call, w_channel, w_methods[kind], options, &w_handlers, t);
}

tcall *w_start(gmux_method_kind kind, const gmux_call_options *options) {
  tcall *t = w_record();
  CU_ASSERT_EQUAL_FATAL(w_start_with(t, kind, options), 0);
  return t;
}

gmux_call_options w_timeout(int64_t timeout_ms) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = timeout_ms;
  return o;
}

gmux_call_options w_patient(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = true;
  return o;
}

int w_write(tcall *t, const char *text) {
  gmux_bytes message = gmux_bytes_borrow(text, strlen(text));
  return gmux_call_write(t->call, &message);
}

tcall *w_unary(void) {
  tcall *t = w_start(GMUX_UNARY, NULL);
  int error = w_write(t, "hello"); /* it may be over at once: then on_end is due */
  CU_ASSERT_TRUE(error == 0 ||
                 (error == GMUX_ERR_STATE && t->call->loop_only.state == GMUX__CALL_ENDING));
  return t;
}

void w_free(tcall *t) {
  gmux_call_free(t->call);
  t->call = NULL;
}

/* ---- the raw server ---- */

rawpeer *w_accept(void) {
  w_run();
  rawpeer *p = rawpeer_accept(w_listener);
  if (!p) return NULL;
  CU_ASSERT_FATAL(made.peer_count < PEERS_MAX);
  made.peers[made.peer_count++] = p;
  return p;
}

void w_settings(rawpeer *p, int64_t max_streams) {
  static const uint16_t id = 3; /* MAX_CONCURRENT_STREAMS */
  uint32_t value = (uint32_t)max_streams;
  rawpeer_settings(p, max_streams >= 0 ? 1 : 0, &id, &value);
}

rawpeer *w_greet(int64_t max_streams) {
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_settings(p, max_streams);
  rawpeer_settings_ack(p);
  rawpeer_window_update(p, 0, 1u << 30); /* a test of many calls is not one of flow control */
  w_run();
  return p;
}

rawpeer *w_greet_within(uint64_t ms) {
  for (; sim_net_live(w_sim).transports == 0 && ms > 0; ms--)
    w_run_ms(1);
  return w_greet(-1);
}

rawpeer *w_connected(void) {
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  return p;
}

void w_headers(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {
      ":status", "200", "content-type", "application/grpc", "x-header", "hello", NULL};
  rawpeer_headers(p, stream, RAW_END_HEADERS, pairs);
}

void w_message(rawpeer *p, uint32_t stream, const char *message) {
  rawpeer_grpc_message(p, stream, 0, message, strlen(message));
}

void w_trailers(rawpeer *p, uint32_t stream, const char *status, const char *message) {
  const char *const pairs[] = {
      "grpc-status", status, "x-trailer", "bye", message ? "grpc-message" : NULL, message, NULL};
  rawpeer_headers(p, stream, RAW_END_HEADERS | RAW_END_STREAM, pairs);
}

void w_answer(rawpeer *p, uint32_t stream, const char *message) {
  w_headers(p, stream);
  w_message(p, stream, message);
  w_trailers(p, stream, "0", NULL);
}

size_t w_answer_all(rawpeer *p, const char *message) {
  size_t i = 0, count = 0;
  while (made.peers[i] != p)
    i++;
  const rawframe *f;
  for (; (f = rawpeer_find(p, RAW_HEADERS, RAW_ANY, made.answered[i])); made.answered[i]++) {
    w_answer(p, f->stream, message);
    count++;
  }
  return count;
}

size_t w_body(const rawpeer *p, uint32_t stream, char *body, size_t room) {
  const rawframe *f;
  size_t len = 0;
  for (size_t i = 0; (f = rawpeer_find(p, RAW_DATA, stream, i)); i++) {
    CU_ASSERT_FATAL(len + f->len < room);
    if (f->len) memcpy(body + len, f->payload, f->len);
    len += f->len;
  }
  body[len] = '\0';
  return len;
}

void assert_has(const char *text, const char *part, const char *file, unsigned line) {
  char what[1200];
  bool has = strstr(text, part) != NULL;
  snprintf(what, sizeof what, "\"%s\" has \"%s\"", text, part);
  CU_assertImplementation(has, line, what, file, "", CU_FALSE);
}
