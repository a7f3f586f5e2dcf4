/* interop_service.c: everything runs on the thread of the loop. */
#include "tests/interop/interop_service.h"
#include "tests/interop/interop.h"
#include "tests/interop/interop_lies.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than any test asks for; what one request can make us spend. */
enum { MAX_BODY_BYTES = 64 * 1024 * 1024, MAX_ASKED = 100000 };

/* A response that a client asked for. */
typedef struct asked {
  int32_t size;
  int32_t interval_us;
  bool fill_peer;
  bool is_compressed;
} asked;

/* What a streaming call remembers. */
typedef struct dialogue {
  gmux_server_call *call;
  int (*write)(gmux_server_call *call, const OutputResponse *response); /* its method's */
  struct ev_loop *ev;
  ev_timer pause; /* before the next response */
  bool has_paused;
  bool is_half_closed;
  bool may_compress; /* a response was asked for that is to be compressed */
  asked *list;       /* responses still to be given: list[next..count) */
  size_t next, count, room;
  int64_t received_bytes; /* StreamingInputCall */
} dialogue;

/* ---- metadata goes back ---- */

/* A metadata with what the client sent under `key`; NULL when there is none. */
static gmux_metadata *echoed(const gmux_server_call *call, const char *key) {
  size_t len;
  const char *value = gmux_metadata_get(gmux_server_call_metadata(call), key, &len);
  gmux_metadata *back = NULL;
  if (!value || gmux_metadata_new(&back)) return NULL;
  bool is_binary = strcmp(key, INTEROP_ECHO_TRAILING) == 0;
  if (interop_lies(call, is_binary ? INTEROP_LIE_TRAILING : INTEROP_LIE_INITIAL))
    value = "lie", len = 3;
  int error = is_binary ? gmux_metadata_add_bin(back, key, value, len)
                        : gmux_metadata_add(back, key, value);
  if (error == 0) return back;
  gmux_metadata_free(back);
  return NULL;
}

static void echo_initial(gmux_server_call *call) {
  gmux_metadata *initial = echoed(call, INTEROP_ECHO_INITIAL);
  /* Without any they leave with the first message, or not at all: then the client gets a
   * Trailers-Only answer. */
  if (initial) gmux_server_call_send_headers(call, initial);
  gmux_metadata_free(initial);
}

/* A call that is over in the meantime refuses this, and nobody minds. */
static void finish(gmux_server_call *call, const gmux_status *status) {
  gmux_metadata *trailers = echoed(call, INTEROP_ECHO_TRAILING);
  gmux_server_call_finish(call, status, trailers);
  gmux_metadata_free(trailers);
}

/* Ends the call as the request demands; false when it demands nothing. */
static bool finish_with_echo(gmux_server_call *call, const EchoStatus *wanted) {
  if (!wanted || wanted->code == GMUX_OK) return false;
  gmux_code code = interop_lies(call, INTEROP_LIE_CODE) ? GMUX_ABORTED : (gmux_code)wanted->code;
  const char *text = interop_lies(call, INTEROP_LIE_TEXT) ? "a lie" : wanted->message;
  gmux_status status = gmux_status_make(code, text, NULL);
  finish(call, &status);
  gmux_status_clear(&status);
  return true;
}

/* ---- messages ---- */

static bool check_size(gmux_server_call *call, int32_t size) {
  if (size >= 0 && size <= MAX_BODY_BYTES) return true;
  gmux_server_call_fail(call, GMUX_INVALID_ARGUMENT, "a size that nobody can mean");
  return false;
}

/* Whether the request came as it says it would. False: the call has been ended. */
static bool check_compression(gmux_server_call *call, const BoolValue *expected) {
  if (!expected || expected->value == gmux_server_call_was_compressed(call) ||
      interop_lies(call, INTEROP_LIE_COMPRESSION))
    return true;
  gmux_server_call_fail(call, GMUX_INVALID_ARGUMENT,
                        expected->value ? "the request is not compressed"
                                        : "the request is compressed");
  return false;
}

/* The responses of the call may be compressed from now on. False: they cannot, and the call has
 * been ended. */
static bool allow_compression(gmux_server_call *call) {
  if (gmux_server_call_set_compression(call, "gzip") == 0) return true;
  gmux_server_call_fail(call, GMUX_FAILED_PRECONDITION, gmux_last_error());
  return false;
}

static bool is_true(const BoolValue *value) {
  return value && value->value;
}

/* Of the next response, on a call that may compress. */
static void compress_next(gmux_server_call *call, bool is_wanted) {
  bool is_lie = interop_lies(call, INTEROP_LIE_COMPRESSION);
  gmux_server_call_set_message_compression(call, is_wanted != is_lie);
}

/* A payload of zeros, to be freed by its body.data. */
static bool payload_init(Payload *payload, const gmux_server_call *call, int32_t size) {
  grpc__testing__payload__init(payload);
  payload->body.len = (size_t)size;
  if (size > 0 && interop_lies(call, INTEROP_LIE_SIZES)) payload->body.len--;
  payload->body.data = calloc(1, payload->body.len + 1);
  return payload->body.data != NULL;
}

/* ---- unary calls ---- */

static void empty_call(gmux_server_call *call, const Empty *request, void *user_data) {
  (void)request, (void)user_data;
  echo_initial(call);
  Empty response = GRPC__TESTING__EMPTY__INIT;
  gmux_bytes rubbish = gmux_bytes_borrow("\xff", 1);
  if (interop_lies(call, INTEROP_LIE_EXTRA))
    gmux_server_call_write(call, &rubbish);
  else
    grpc__testing__test_service__empty_call__server_write(call, &response);
  finish(call, NULL);
}

static void answer_unary(gmux_server_call *call, const SimpleRequest *request,
                         interop_service *service) {
  if (finish_with_echo(call, request->response_status)) return;
  if (!check_compression(call, request->expect_compressed) ||
      !check_size(call, request->response_size) ||
      (is_true(request->response_compressed) && !allow_compression(call)))
    return;
  Payload payload;
  if (!payload_init(&payload, call, request->response_size)) {
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory");
    return;
  }
  SimpleResponse response = GRPC__TESTING__SIMPLE_RESPONSE__INIT;
  response.payload = &payload;
  response.hostname = service->hostname;
  char id[sizeof service->server_id + 16];
  snprintf(id, sizeof id, "%s%.0u", service->server_id,
           interop_lies(call, INTEROP_LIE_IDS) ? ++service->lies : 0);
  if (request->fill_server_id) response.server_id = id;
  compress_next(call, is_true(request->response_compressed));
  grpc__testing__test_service__unary_call__server_write(call, &response);
  free(payload.body.data);
  finish(call, NULL);
}

static void unary_call(gmux_server_call *call, const SimpleRequest *request, void *user_data) {
  echo_initial(call);
  answer_unary(call, request, user_data);
}

/* ---- a streaming call's life ---- */

static void go_on(dialogue *d);

static void on_pause_over(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  go_on(timer->data);
}

/* NULL: out of memory, and the call has been ended. */
static dialogue *dialogue_new(gmux_server_call *call, const interop_service *service) {
  dialogue *d = calloc(1, sizeof *d);
  gmux_server_call_set_data(call, d);
  if (!d) {
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory");
    return NULL;
  }
  d->call = call;
  d->ev = service->ev;
  ev_timer_init(&d->pause, on_pause_over, 0, 0);
  d->pause.data = d;
  echo_initial(call);
  return d;
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  dialogue *d = gmux_server_call_get_data(call);
  if (!d) return;
  ev_timer_stop(d->ev, &d->pause);
  free(d->list);
  free(d);
}

/* ---- StreamingInputCall ---- */

static void input_call(gmux_server_call *call, void *user_data) {
  gmux_server_call_set_manual_credit(call); /* one request after the other */
  dialogue_new(call, user_data);
}

static void input_message(gmux_server_call *call, const InputRequest *request, void *user_data) {
  (void)user_data;
  dialogue *d = gmux_server_call_get_data(call);
  if (!check_compression(call, request->expect_compressed)) return;
  if (request->payload) d->received_bytes += (int64_t)request->payload->body.len;
  gmux_server_call_grant(call, 1);
}

static void input_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  dialogue *d = gmux_server_call_get_data(call);
  InputResponse response = GRPC__TESTING__STREAMING_INPUT_CALL_RESPONSE__INIT;
  response.aggregated_payload_size =
      (int32_t)d->received_bytes + interop_lies(call, INTEROP_LIE_SIZES);
  grpc__testing__test_service__streaming_input_call__server_write(call, &response);
  finish(call, NULL);
}

/* ---- responses of StreamingOutputCall, FullDuplexCall and HalfDuplexCall ---- */

/* Appends; false: the call has been ended. */
static bool remember(dialogue *d, const ResponseParameters *wanted) {
  if (!check_size(d->call, wanted->size)) return false;
  if (is_true(wanted->compressed) && !d->may_compress && !allow_compression(d->call)) return false;
  d->may_compress |= is_true(wanted->compressed);
  if (d->count == d->room) {
    size_t room = d->room == 0 ? 16 : 2 * d->room;
    asked *grown = room <= 2 * MAX_ASKED ? realloc(d->list, room * sizeof *grown) : NULL;
    if (!grown) {
      gmux_server_call_fail(d->call, GMUX_RESOURCE_EXHAUSTED, "too many responses asked for");
      return false;
    }
    d->list = grown;
    d->room = room;
  }
  d->list[d->count++] = (asked){.size = wanted->size,
                                .interval_us = wanted->interval_us,
                                .fill_peer = wanted->fill_peer_socket_address,
                                .is_compressed = is_true(wanted->compressed)};
  return true;
}

/* Takes the request in; false: the call has been ended. */
static bool take_request(gmux_server_call *call, const OutputRequest *request) {
  bool ok = !finish_with_echo(call, request->response_status);
  for (size_t i = 0; ok && i < request->n_response_parameters; i++)
    ok = remember(gmux_server_call_get_data(call), request->response_parameters[i]);
  return ok;
}

/* One response that nobody has asked for. */
static void lie_at_the_end(dialogue *d) {
  ResponseParameters extra = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
  if (interop_lies(d->call, INTEROP_LIE_EXTRA)) remember(d, &extra);
}

/* True while a pause must be waited for. Pauses add up, as each begins after the response before.
 */
static bool is_pausing(dialogue *d, const asked *next) {
  if (ev_is_active(&d->pause)) return true;
  if (next->interval_us <= 0 || d->has_paused) return false;
  d->has_paused = true;
  ev_timer_set(&d->pause, next->interval_us / 1e6, 0);
  ev_timer_start(d->ev, &d->pause);
  return true;
}

static int respond(dialogue *d, const asked *wanted) {
  Payload payload;
  if (!payload_init(&payload, d->call, wanted->size)) return GMUX_ERR_NOMEM;
  OutputResponse response = GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
  response.payload = &payload;
  char peer[128];
  bool is_lie = interop_lies(d->call, INTEROP_LIE_IDS);
  snprintf(peer, sizeof peer, "%s", is_lie ? "a lie" : gmux_server_call_peer(d->call));
  if (wanted->fill_peer) response.peer_socket_address = peer;
  compress_next(d->call, wanted->is_compressed);
  int result = d->write(d->call, &response);
  free(payload.body.data);
  return result;
}

static void go_on(dialogue *d) {
  for (; d->next < d->count; d->next++) {
    if (is_pausing(d, &d->list[d->next])) return;
    int result = respond(d, &d->list[d->next]);
    if (result == GMUX_ERR_NOMEM)
      gmux_server_call_fail(d->call, GMUX_RESOURCE_EXHAUSTED, "out of memory");
    if (result < 0) return; /* full: on_writable goes on; or over */
    d->has_paused = false;
  }
  d->next = d->count = 0;
  if (d->is_half_closed)
    finish(d->call, NULL);
  else
    gmux_server_call_grant(d->call, 1);
}

static void on_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  dialogue *d = gmux_server_call_get_data(call);
  if (d->next < d->count) go_on(d);
}

static void output_request(gmux_server_call *call, const OutputRequest *request, void *user_data) {
  dialogue *d = dialogue_new(call, user_data);
  if (!d) return;
  d->write = grpc__testing__test_service__streaming_output_call__server_write;
  d->is_half_closed = true; /* there is but one request */
  if (!take_request(call, request)) return;
  lie_at_the_end(d);
  go_on(d);
}

static void full_duplex_call(gmux_server_call *call, void *user_data) {
  gmux_server_call_set_manual_credit(call);
  dialogue *d = dialogue_new(call, user_data);
  if (d) d->write = grpc__testing__test_service__full_duplex_call__server_write;
}

static void full_duplex_message(gmux_server_call *call, const OutputRequest *request,
                                void *user_data) {
  (void)user_data;
  if (take_request(call, request)) go_on(gmux_server_call_get_data(call));
}

static void half_duplex_call(gmux_server_call *call, void *user_data) {
  gmux_server_call_set_manual_credit(call);
  dialogue *d = dialogue_new(call, user_data);
  if (d) d->write = grpc__testing__test_service__half_duplex_call__server_write;
}

static void half_duplex_message(gmux_server_call *call, const OutputRequest *request,
                                void *user_data) {
  (void)user_data;
  if (take_request(call, request)) gmux_server_call_grant(call, 1);
}

static void duplex_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  dialogue *d = gmux_server_call_get_data(call);
  d->is_half_closed = true;
  lie_at_the_end(d);
  go_on(d);
}

/* ---- the service; UnimplementedCall is missing, unless it is to lie ---- */

static const Grpc__Testing__TestService_Server handlers = {
    .empty_call = empty_call,
    .unary_call = unary_call,
    .cacheable_unary_call = unary_call,
    .streaming_input_call = {.on_call = input_call,
                             .on_message = input_message,
                             .on_half_close = input_end,
                             .on_end = on_end},
    .streaming_output_call = {.on_request = output_request,
                              .on_writable = on_writable,
                              .on_end = on_end},
    .full_duplex_call = {.on_call = full_duplex_call,
                         .on_message = full_duplex_message,
                         .on_half_close = duplex_end,
                         .on_writable = on_writable,
                         .on_end = on_end},
    .half_duplex_call = {.on_call = half_duplex_call,
                         .on_message = half_duplex_message,
                         .on_half_close = duplex_end,
                         .on_writable = on_writable,
                         .on_end = on_end},
};

int interop_service_add(interop_service *service, struct ev_loop *ev, gmux_server *server) {
  service->ev = ev;
  service->handlers = handlers;
  service->handlers.user_data = service;
  snprintf(service->server_id, sizeof service->server_id, "gmux-%ld", (long)getpid());
  if (gethostname(service->hostname, sizeof service->hostname - 1)) service->hostname[0] = '\0';
  return grpc__testing__test_service__server__add(server, &service->handlers);
}
