/* caller.c: calls, their handlers, and what is asked of both. */
#include "tests/fuzz/caller.h"
#include <gmux/error.h>
#include <string.h>

fuzz_callers callers;

static const char *const paths[4] = {"/fuzz.Service/Unary", "/fuzz.Service/ClientStream",
                                     "/fuzz.Service/ServerStream", "/fuzz.Service/Bidi"};

void callers_open(sim *s) {
  memset(&callers, 0, sizeof callers);
  callers.sim = s;
  for (int kind = 0; kind < 4; kind++)
    fuzz_law(gmux_method_new(&callers.methods[kind], paths[kind], (gmux_method_kind)kind, 0) == 0,
             "no method");
  fuzz_law(gmux_method_new(&callers.fast, "/fuzz.Service/Fast", GMUX_UNARY, 0) == 0, "no method");
}

void callers_close(void) {
  for (size_t i = 0; i < callers.count; i++) {
    const fuzz_call *c = &callers.calls[i];
    fuzz_law(c->ends == 1, "call %u ended %u times", c->number, c->ends);
    caller_free(&callers.calls[i]);
  }
  for (int kind = 0; kind < 4; kind++)
    gmux_method_free(callers.methods[kind]);
  gmux_method_free(callers.fast);
}

static bool kind_sends_one(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_SERVER_STREAMING;
}

static bool kind_receives_one(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_CLIENT_STREAMING;
}

static bool is_nomem(int error) {
  return error == GMUX_ERR_NOMEM && fuzz_memory_has_failed();
}

/* ---- handlers ---- */

static void law_of_handlers(const fuzz_call *c, char event) {
  fuzz_note("call %u: %c", c->number, event);
  fuzz_law(fuzz_in_api == 0, "call %u: %c from inside a function of the library", c->number, event);
  fuzz_law(c->ends == 0, "call %u: %c after the end", c->number, event);
}

static void tell(fuzz_call *c, gmux_call *call, char event) {
  if (callers.on_event) callers.on_event(c, call, event);
}

static void on_headers(gmux_call *call, const gmux_metadata *metadata, void *user_data) {
  fuzz_call *c = user_data;
  (void)gmux_metadata_count(metadata);
  law_of_handlers(c, 'H');
  fuzz_law(c->headers++ == 0, "call %u: on_headers twice", c->number);
  fuzz_law(c->received == 0, "call %u: on_headers after a message", c->number);
  fuzz_law(gmux_call_peer(call)[0] != 0, "call %u: headers of nobody", c->number);
  tell(c, call, 'H');
}

/* Reads each byte, so that a sanitizer sees them. */
static void message_touch(const gmux_bytes *message) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < message->len; i++)
    sum = (uint8_t)(sum + message->data[i]);
}

static void take_message(fuzz_call *c, gmux_bytes *message) {
  message_touch(message);
  c->received++;
  fuzz_law(message->len <= c->max_bytes, "call %u: a message of %zu bytes, the limit is %u",
           c->number, message->len, c->max_bytes);
  fuzz_law(c->received <= c->credit, "call %u: message %u without credit", c->number, c->received);
  fuzz_law(!kind_receives_one(c->kind) || c->received == 1, "call %u: %u replies", c->number,
           c->received);
  if (c->received % 2 == 0) return;
  gmux_bytes kept = {0};
  int error = gmux_bytes_take(&kept, message);
  fuzz_law(error == 0 || is_nomem(error), "bytes cannot be kept: %d", error);
  gmux_bytes_release(&kept);
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  law_of_handlers(user_data, 'M');
  take_message(user_data, message);
  tell(user_data, call, 'M');
}

static void on_writable(gmux_call *call, void *user_data) {
  law_of_handlers(user_data, 'W');
  tell(user_data, call, 'W');
}

static void on_draining(gmux_call *call, void *user_data) {
  law_of_handlers(user_data, 'D');
  tell(user_data, call, 'D');
}

static void call_ended(fuzz_call *c, gmux_call *call, const gmux_status *status,
                       const gmux_metadata *trailers) {
  uint64_t now_ns = sim_now(callers.sim);
  law_of_handlers(c, 'E');
  fuzz_note("call %u: %s \"%s\"", c->number, gmux_code_str(status->code), status->message);
  (void)gmux_metadata_count(trailers);
  c->ends++;
  c->code = status->code;
  fuzz_law((unsigned)c->code <= GMUX_UNAUTHENTICATED, "call %u: code %d", c->number, c->code);
  fuzz_law(now_ns <= c->deadline_ns, "call %u: ended %llu ns after its deadline", c->number,
           (unsigned long long)(now_ns - c->deadline_ns));
  fuzz_law(c->code != GMUX_OK || !kind_receives_one(c->kind) || c->received == 1,
           "call %u: OK with %u replies", c->number, c->received);
  fuzz_law(c->code != GMUX_OK || gmux_call_get_evidence(call) == GMUX_EVIDENCE_ANSWERED,
           "call %u: OK, and its evidence is %s", c->number,
           gmux_evidence_str(gmux_call_get_evidence(call)));
  caller_explain(c, call);
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  call_ended(user_data, call, status, trailers);
  tell(user_data, call, 'E');
}

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  fuzz_call *c = user_data;
  fuzz_law(status->code == GMUX_OK || reply->len == 0, "call %u: a reply without OK", c->number);
  if (status->code == GMUX_OK) take_message(c, reply);
  call_ended(c, call, status, trailers);
  tell(c, call, 'E');
}

static const gmux_call_handlers handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_draining = on_draining,
    .on_end = on_end,
};

/* ---- starting ---- */

static void call_init(fuzz_call *c, gmux_method_kind kind, bool is_unary_form,
                      const gmux_call_options *o) {
  *c = (fuzz_call){.number = (unsigned)callers.count,
                   .kind = kind,
                   .is_unary_form = is_unary_form,
                   .credit = UINT64_MAX,
                   .max_bytes = o->max_recv_message_bytes ? o->max_recv_message_bytes : UINT32_MAX,
                   .deadline_ns = GMUX__NEVER};
  if (!is_unary_form && o->initial_credit != GMUX_CREDIT_UNLIMITED) c->credit = o->initial_credit;
  if (o->timeout_ms == GMUX_NO_TIMEOUT) return;
  uint64_t timeout_ms = o->timeout_ms > 0 ? (uint64_t)o->timeout_ms : 0;
  if (timeout_ms < UINT64_MAX / GMUX__NS_PER_MS / 2)
    c->deadline_ns = sim_now(callers.sim) + timeout_ms * GMUX__NS_PER_MS;
}

static int call_begin(fuzz_call *c, gmux_channel *channel, gmux_method *method,
                      const gmux_call_options *options) {
  if (!method) method = callers.methods[c->kind];
  if (!c->is_unary_form)
    return FUZZ_API(gmux_call_start(&c->handle, channel, method, options, &handlers, c));
  gmux_bytes request = gmux_bytes_borrow("request", 7);
  c->written = 1;
  c->is_half_closed = true;
  return FUZZ_API(
      gmux_call_unary_start(&c->handle, channel, method, options, &request, on_done, c));
}

fuzz_call *caller_start(gmux_channel *channel, gmux_method_kind kind, bool is_unary_form,
                        gmux_method *method, const gmux_call_options *options, int *error) {
  if (error) *error = 0;
  if (callers.count == CALLER_CALLS) return NULL;
  fuzz_call *c = &callers.calls[callers.count];
  call_init(c, kind, is_unary_form && kind == GMUX_UNARY, options);
  callers.count++; /* before the library's turn: a handler of another may start one, too */
  int rv = call_begin(c, channel, method, options);
  fuzz_note("call %u: kind %d%s: %d", c->number, kind, is_unary_form ? ", whole" : "", rv);
  if (rv == 0) return c;
  callers.count--;
  if (error) *error = rv;
  return NULL;
}

/* ---- what the application does ---- */

int caller_write(fuzz_call *c, gmux_call *call, gmux_bytes *message) {
  bool must_refuse = !callers.is_threaded && (c->ends > 0 || c->is_half_closed);
  gmux_bytes before = *message;
  int rv = FUZZ_API(gmux_call_write(call, message));
  fuzz_note("call %u: write %zu: %d", c->number, before.len, rv);
  fuzz_law(rv == 0 || rv == GMUX_WRITE_FULL || rv == GMUX_ERR_AGAIN || rv == GMUX_ERR_TOO_LARGE ||
               rv == GMUX_ERR_STATE || is_nomem(rv),
           "call %u: write said %d", c->number, rv);
  bool is_refused = rv == GMUX_ERR_STATE || rv == GMUX_ERR_TOO_LARGE || is_nomem(rv);
  fuzz_law(!must_refuse || is_refused, "call %u: written after its end: %d", c->number, rv);
  bool is_kept = rv < 0 || !before.release;
  fuzz_law(is_kept ? message->data == before.data && message->len == before.len : !message->data,
           "call %u: write left foreign bytes", c->number);
  if (rv < 0) return rv;
  c->written++;
  if (kind_sends_one(c->kind)) c->is_half_closed = true;
  return rv;
}

void caller_half_close(fuzz_call *c, gmux_call *call) {
  bool must_refuse = !callers.is_threaded && c->is_close_said && !kind_sends_one(c->kind);
  int rv = FUZZ_API(gmux_call_half_close(call));
  fuzz_note("call %u: half-close: %d", c->number, rv);
  fuzz_law(rv == 0 || rv == GMUX_ERR_STATE || is_nomem(rv), "call %u: half-close said %d",
           c->number, rv);
  fuzz_law(!must_refuse || rv < 0, "call %u: half-closed twice", c->number);
  if (rv == 0) c->is_half_closed = c->is_close_said = true;
}

void caller_request(fuzz_call *c, gmux_call *call, uint32_t count) {
  int rv = FUZZ_API(gmux_call_grant(call, count));
  fuzz_note("call %u: request %u: %d", c->number, count, rv);
  fuzz_law(count > 0 ? rv == 0 || is_nomem(rv) : rv == GMUX_ERR_INVALID,
           "call %u: credit for %u: %d", c->number, count, rv);
  if (rv) return;
  bool is_unlimited = count == GMUX_CREDIT_UNLIMITED || c->credit == UINT64_MAX;
  c->credit = is_unlimited ? UINT64_MAX : c->credit + count;
}

void caller_cancel(fuzz_call *c, gmux_call *call) {
  fuzz_note("call %u: cancel", c->number);
  c->is_cancelled = true;
  FUZZ_VOID(gmux_call_cancel(call));
}

static uint64_t explained_ns(const gmux_call_explanation *e) {
  return e->paused_ns + e->backoff_ns + e->gate_ns + e->resolve_ns + e->dial_ns + e->tls_ns +
         e->settings_ns + e->validation_ns + e->limit_ns + e->retry_ns + e->send_ns + e->server_ns;
}

void caller_explain(fuzz_call *c, gmux_call *call) {
  gmux_call_explanation e = {.size = sizeof e};
  int rv = FUZZ_API(gmux_call_explain(call, &e));
  fuzz_law(rv == 0 || is_nomem(rv), "call %u: cannot be explained: %d", c->number, rv);
  if (rv) return;
  fuzz_law(explained_ns(&e) == e.total_ns, "call %u: %llu ns are explained, of %llu: %s", c->number,
           (unsigned long long)explained_ns(&e), (unsigned long long)e.total_ns, e.sentence);
  fuzz_law(memchr(e.sentence, 0, sizeof e.sentence) != NULL, "call %u: a sentence without end",
           c->number);
}

void caller_free(fuzz_call *c) {
  gmux_call *call = c->handle;
  c->handle = NULL;
  if (!call) return;
  fuzz_note("call %u: free", c->number);
  FUZZ_VOID(gmux_call_free(call));
}

/* ---- figures ---- */

size_t callers_running(void) {
  size_t count = 0;
  for (size_t i = 0; i < callers.count; i++)
    count += callers.calls[i].ends == 0;
  return count;
}

size_t callers_ok(bool with_message_only) {
  size_t count = 0;
  for (size_t i = 0; i < callers.count; i++) {
    const fuzz_call *c = &callers.calls[i];
    if (c->ends == 0 || c->code != GMUX_OK) continue;
    count += !with_message_only || kind_receives_one(c->kind);
  }
  return count;
}

size_t callers_received(void) {
  size_t count = 0;
  for (size_t i = 0; i < callers.count; i++)
    count += callers.calls[i].received;
  return count;
}
