/* served.c: a server's calls, their handlers, and what is asked of both. */
#include "tests/fuzz/served.h"
#include <gmux/error.h>
#include <string.h>

fuzz_serveds serveds;

void serveds_open(uint32_t max_bytes) {
  memset(&serveds, 0, sizeof serveds);
  serveds.max_bytes = max_bytes;
}

void serveds_close(void) {
  for (size_t i = 0; i < serveds.count; i++) {
    fuzz_served *s = &serveds.calls[i];
    fuzz_law(s->is_unary_fn || s->ends == 1, "server, call %u: ended %u times", s->number, s->ends);
    while (s->holds > 0)
      served_let_go(s);
  }
}

static bool kind_answers_one(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_CLIENT_STREAMING;
}

static bool is_nomem(int error) {
  return error == GMUX_ERR_NOMEM && fuzz_memory_has_failed();
}

/* ---- handlers ---- */

static void law_of_handlers(const fuzz_served *s, char event) {
  fuzz_note("server, call %u: %c", s->number, event);
  fuzz_law(fuzz_in_api == 0, "server, call %u: %c from inside a function of the library", s->number,
           event);
  fuzz_law(s->ends == 0, "server, call %u: %c after the end", s->number, event);
}

static void tell(fuzz_served *s, gmux_server_call *call, char event) {
  s->call = call;
  if (serveds.on_event) serveds.on_event(s, event);
  if (s->holds == 0) s->call = NULL;
}

/* NULL: there is no room for a record, so the call is answered at once. */
static fuzz_served *served_new(gmux_server_call *call, gmux_method_kind kind) {
  if (serveds.count == SERVED_CALLS) {
    (void)FUZZ_API(gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "too many"));
    return NULL;
  }
  fuzz_served *s = &serveds.calls[serveds.count];
  *s = (fuzz_served){
      .number = (unsigned)serveds.count++, .call = call, .kind = kind, .credit = UINT64_MAX};
  return s;
}

static void on_call_of(gmux_server_call *call, gmux_method_kind kind) {
  fuzz_served *s = served_new(call, kind);
  if (!s) return;
  FUZZ_VOID(gmux_server_call_set_data(call, s));
  law_of_handlers(s, 'C');
  s->is_in_on_call = true;
  tell(s, call, 'C');
  s->is_in_on_call = false;
}

static void on_unary_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  on_call_of(call, GMUX_UNARY);
}

static void on_client_stream_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  on_call_of(call, GMUX_CLIENT_STREAMING);
}

static void on_server_stream_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  on_call_of(call, GMUX_SERVER_STREAMING);
}

static void on_bidi_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  on_call_of(call, GMUX_BIDI_STREAMING);
}

static void take_message(fuzz_served *s, gmux_bytes *message) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < message->len; i++)
    sum = (uint8_t)(sum + message->data[i]);
  s->received++;
  fuzz_law(message->len <= serveds.max_bytes, "server, call %u: a message of %zu bytes", s->number,
           message->len);
  bool has_one = s->kind == GMUX_UNARY || s->kind == GMUX_SERVER_STREAMING;
  fuzz_law(has_one ? s->received == 1 : s->received <= s->credit,
           "server, call %u: message %u without credit", s->number, s->received);
  fuzz_law(!s->has_half_closed, "server, call %u: a message after the half-close", s->number);
}

static void on_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  fuzz_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  law_of_handlers(s, 'M');
  take_message(s, message);
  tell(s, call, 'M');
}

static void on_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  fuzz_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  law_of_handlers(s, 'H');
  fuzz_law(!s->has_half_closed, "server, call %u: half-closed twice", s->number);
  s->has_half_closed = true;
  tell(s, call, 'H');
}

static void on_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  fuzz_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  law_of_handlers(s, 'W');
  tell(s, call, 'W');
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)user_data;
  fuzz_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  law_of_handlers(s, 'E');
  fuzz_note("server, call %u: %s", s->number, gmux_code_str(code));
  fuzz_law((unsigned)code <= GMUX_UNAUTHENTICATED, "server, call %u: code %d", s->number, code);
  fuzz_law(gmux_server_call_is_over(call), "server, call %u: on_end, and it is not over",
           s->number);
  s->ends++;
  tell(s, call, 'E');
}

static void on_fast(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  fuzz_law(fuzz_in_api == 0, "a unary function from inside a function of the library");
  fuzz_served *s = served_new(call, GMUX_UNARY);
  if (!s) return;
  s->is_unary_fn = true;
  s->has_half_closed = false;
  take_message(s, request);
  s->has_half_closed = true;
  tell(s, call, 'U');
}

#define HANDLERS(call_fn)                                                                          \
  {                                                                                                \
    .on_call = call_fn, .on_message = on_message, .on_half_close = on_half_close,                  \
    .on_writable = on_writable, .on_end = on_end                                                   \
  }
static const gmux_server_handlers handlers[4] = {
    HANDLERS(on_unary_call), HANDLERS(on_client_stream_call), HANDLERS(on_server_stream_call),
    HANDLERS(on_bidi_call)};

int served_add_methods(gmux_server *server) {
  static const char *const paths[4] = {"/fuzz.Service/Unary", "/fuzz.Service/ClientStream",
                                       "/fuzz.Service/ServerStream", "/fuzz.Service/Bidi"};
  int error = FUZZ_API(gmux_server_add_unary(server, "/fuzz.Service/Fast", on_fast, NULL));
  for (int kind = 0; kind < 4 && !error; kind++)
    error = FUZZ_API(
        gmux_server_add_method(server, paths[kind], (gmux_method_kind)kind, &handlers[kind], NULL));
  return error;
}

/* ---- what the application does ---- */

/* Whether it was told that the call takes no answer any more. */
static bool is_past(const fuzz_served *s) {
  return !serveds.is_threaded && (s->ends > 0 || s->is_finished);
}

/* What is too large, or finds no memory, may be said so first. */
static void law_of_refusal(const fuzz_served *s, bool must_refuse, int rv, const char *what) {
  bool is_refused = rv == GMUX_ERR_STATE || rv == GMUX_ERR_TOO_LARGE || is_nomem(rv);
  fuzz_law(!must_refuse || is_refused, "server, call %u: %s when it is past that: %d", s->number,
           what, rv);
}

static void law_of_message(const fuzz_served *s, int rv, const gmux_bytes *before,
                           const gmux_bytes *after) {
  bool is_kept = rv < 0 || !before->release;
  fuzz_law(is_kept ? after->data == before->data && after->len == before->len : !after->data,
           "server, call %u: foreign bytes after a message", s->number);
}

int served_write(fuzz_served *s, gmux_bytes *message) {
  bool must_refuse =
      is_past(s) || (!serveds.is_threaded && s->written > 0 && kind_answers_one(s->kind));
  gmux_bytes before = *message;
  int rv = FUZZ_API(gmux_server_call_write(s->call, message));
  fuzz_note("server, call %u: write %zu: %d", s->number, before.len, rv);
  fuzz_law(rv == 0 || rv == GMUX_WRITE_FULL || rv == GMUX_ERR_AGAIN || rv == GMUX_ERR_TOO_LARGE ||
               rv == GMUX_ERR_STATE || is_nomem(rv),
           "server, call %u: write said %d", s->number, rv);
  law_of_refusal(s, must_refuse, rv, "write");
  law_of_message(s, rv, &before, message);
  if (rv < 0) return rv;
  s->written++;
  s->has_headers = true;
  return rv;
}

int served_reply(fuzz_served *s, gmux_bytes *message) {
  bool must_refuse = is_past(s);
  gmux_bytes before = *message;
  int rv = FUZZ_API(gmux_server_call_reply(s->call, message));
  fuzz_note("server, call %u: reply %zu: %d", s->number, before.len, rv);
  fuzz_law(rv == 0 || rv == GMUX_ERR_AGAIN || rv == GMUX_ERR_TOO_LARGE || rv == GMUX_ERR_STATE ||
               is_nomem(rv),
           "server, call %u: reply said %d", s->number, rv);
  law_of_refusal(s, must_refuse, rv, "reply");
  law_of_message(s, rv, &before, message);
  if (rv < 0) return rv;
  s->written++;
  s->has_headers = s->is_finished = true;
  return rv;
}

int served_finish(fuzz_served *s, gmux_code code, const gmux_metadata *trailers) {
  bool must_refuse = is_past(s);
  gmux_status status = {.code = code, .message = code ? "as the input has it" : ""};
  int rv = FUZZ_API(gmux_server_call_finish(s->call, &status, trailers));
  fuzz_note("server, call %u: finish %d: %d", s->number, code, rv);
  fuzz_law(rv == 0 || rv == GMUX_ERR_STATE || rv == GMUX_ERR_TOO_LARGE || is_nomem(rv),
           "server, call %u: finish said %d", s->number, rv);
  law_of_refusal(s, must_refuse, rv, "finish");
  if (rv == 0) s->is_finished = true;
  return rv;
}

void served_send_headers(fuzz_served *s, const gmux_metadata *metadata) {
  bool must_refuse = is_past(s) || (!serveds.is_threaded && s->has_headers);
  int rv = FUZZ_API(gmux_server_call_send_headers(s->call, metadata));
  fuzz_note("server, call %u: headers: %d", s->number, rv);
  fuzz_law(rv == 0 || rv == GMUX_ERR_STATE || rv == GMUX_ERR_TOO_LARGE || is_nomem(rv),
           "server, call %u: headers said %d", s->number, rv);
  law_of_refusal(s, must_refuse, rv, "headers");
  if (rv == 0) s->has_headers = true;
}

void served_request(fuzz_served *s, uint32_t count) {
  int rv = FUZZ_API(gmux_server_call_grant(s->call, count));
  fuzz_note("server, call %u: request %u: %d", s->number, count, rv);
  fuzz_law(rv == GMUX_ERR_STATE || (count > 0 ? rv == 0 || is_nomem(rv) : rv == GMUX_ERR_INVALID),
           "server, call %u: credit for %u: %d", s->number, count, rv);
  if (rv) return;
  bool is_unlimited = count == GMUX_CREDIT_UNLIMITED || s->credit == UINT64_MAX;
  s->credit = is_unlimited ? UINT64_MAX : s->credit + count;
}

void served_set_manual_credit(fuzz_served *s) {
  int rv = FUZZ_API(gmux_server_call_set_manual_credit(s->call));
  fuzz_law(rv == (s->is_in_on_call ? 0 : GMUX_ERR_STATE), "server, call %u: manual credit: %d",
           s->number, rv);
  if (rv || s->is_manual) return;
  s->is_manual = true;
  s->credit = 1;
}

void served_ask(fuzz_served *s) {
  gmux_metadata_entry entry;
  const gmux_metadata *metadata = gmux_server_call_metadata(s->call);
  size_t len = strlen(gmux_server_call_path(s->call)) + strlen(gmux_server_call_peer(s->call)) +
               strlen(gmux_server_call_authority(s->call));
  for (size_t i = 0; gmux_metadata_at(metadata, i, &entry) == 0; i++) {
    fuzz_law(entry.key[entry.key_len] == '\0' && entry.value[entry.value_len] == '\0',
             "server, call %u: metadata without a zero", s->number);
    len += entry.key_len + entry.value_len;
  }
  fuzz_note("server, call %u: %zu bytes of texts", s->number, len);
  fuzz_law(!gmux_server_call_peer_name(s->call), "server, call %u: a name without TLS", s->number);
  bool is_over = gmux_server_call_is_over(s->call);
  fuzz_law(is_over || s->ends == 0, "server, call %u: ended, and not over", s->number);
}

void served_hold(fuzz_served *s) {
  s->holds++;
  FUZZ_VOID(gmux_server_call_ref(s->call));
}

void served_let_go(fuzz_served *s) {
  if (s->holds == 0) return;
  gmux_server_call *call = s->call;
  if (--s->holds == 0) s->call = NULL;
  FUZZ_VOID(gmux_server_call_unref(call));
}
