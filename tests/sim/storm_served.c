/* storm_served.c: what the handlers of our servers do, and what they write into the ledger. */
#include "tests/sim/storm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const storm_paths[4] = {"/storm.Service/Unary", "/storm.Service/ClientStream",
                                    "/storm.Service/ServerStream", "/storm.Service/Bidi"};

static bool kind_sends_one(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_CLIENT_STREAMING;
}

/* ---- what the application does to a call ---- */

static void served_unref(storm_served *s) {
  if (!s->is_held) return;
  s->is_held = false;
  gmux_server_call *call = s->call;
  s->call = NULL;
  st.in_api++;
  gmux_server_call_unref(call);
  st.in_api--;
}

/* Those that are answered from their handlers belong to the loop, the others to the test. */
static bool may_speak(const storm_served *s) {
  return storm_may_speak(s->loop, s->is_prompt);
}

/* Whether the call was known to be over, or finished for it, before. */
static bool served_is_past(const storm_served *s) {
  return s->execution.is_over || s->is_finished;
}

static gmux_metadata *echo(const char *key, uint32_t id) {
  gmux_metadata *md = NULL;
  char text[16];
  snprintf(text, sizeof text, "%u", id);
  if (gmux_metadata_new(&md)) return NULL;
  if (gmux_metadata_add(md, key, text) == 0) return md;
  gmux_metadata_free(md);
  return NULL;
}

static void served_law(const storm_served *s, int rv) {
  ledger_law_of_call(&s->asked->entry, LAW_ANSWERS, rv > 0 || storm_is_fine(rv, GMUX_ERR_STATE),
                     "server, call %u: an operation said %d", s->asked->id, rv);
}

static void served_send_headers(storm_served *s) {
  if (s->has_headers || !may_speak(s)) return;
  gmux_metadata *md = echo("x-echo", s->asked->id);
  if (!md) return;
  int rv = STORM_API(gmux_server_call_send_headers(s->call, md));
  if (rv == 0) s->has_headers = true;
  served_law(s, rv);
  gmux_metadata_free(md);
}

static void served_write(storm_served *s) {
  if (s->written >= s->to_write || s->is_full || s->is_finished || !may_speak(s)) return;
  gmux_bytes message = storm_message(s->asked->id, STORM_TO_CLIENT, s->written);
  int rv = STORM_API(gmux_server_call_write(s->call, &message));
  gmux_bytes_release(&message);
  /* What was on its way from another thread may have been too much for all calls together. */
  bool is_held = rv == GMUX_ERR_AGAIN && s->life->shares_little;
  if (is_held) s->is_full = true;
  if (!is_held) served_law(s, rv);
  if (rv < 0) return;
  s->written++;
  s->has_headers = true;
  s->is_full = rv == GMUX_WRITE_FULL;
}

static void served_finish(storm_served *s, gmux_code code) {
  if (s->is_finished || !may_speak(s)) return;
  if (kind_sends_one(s->kind) && s->written == 0 && code == GMUX_OK) code = GMUX_INTERNAL;
  gmux_metadata *md = storm_chance(30) ? echo("x-trailer", s->asked->id) : NULL;
  gmux_status status = {.code = code, .message = code ? "storm: it shall not be" : ""};
  int rv = STORM_API(gmux_server_call_finish(s->call, &status, md));
  gmux_metadata_free(md);
  served_law(s, rv);
  if (rv) return;
  storm_note("server, call %u: finish %s after %u replies", s->asked->id, gmux_code_str(code),
             s->written);
  s->is_finished = true;
  s->code = code;
}

static void served_reply(storm_served *s) {
  if (s->written > 0 || s->is_finished || !may_speak(s)) return;
  gmux_bytes message = storm_message(s->asked->id, STORM_TO_CLIENT, 0);
  int rv = STORM_API(gmux_server_call_reply(s->call, &message));
  gmux_bytes_release(&message);
  served_law(s, rv);
  if (rv) return;
  storm_note("server, call %u: reply", s->asked->id);
  s->written++;
  s->is_finished = true;
  s->code = GMUX_OK;
}

/* All that is planned, as far as the queue takes it. */
static void served_advance(storm_served *s) {
  if (!s->call || served_is_past(s)) return;
  if (kind_sends_one(s->kind) && s->code == GMUX_OK && s->written == 0 && storm_chance(50)) {
    served_reply(s);
    return;
  }
  while (s->written < s->to_write && !s->is_full) {
    unsigned before = s->written;
    served_write(s);
    if (s->written == before) return;
  }
  if (s->written == s->to_write) served_finish(s, s->code);
}

static void served_request(storm_served *s, uint32_t count) {
  int rv = STORM_API(gmux_server_call_grant(s->call, count));
  served_law(s, rv);
  if (rv) return;
  bool is_unlimited = count == GMUX_CREDIT_UNLIMITED || s->credit == UINT64_MAX;
  s->credit = is_unlimited ? UINT64_MAX : s->credit + count;
}

static void served_act(storm_served *s) {
  if (!s->call) return;
  switch (storm_random(8)) {
  case 0:
    served_finish(s, (gmux_code)storm_random(17));
    break;
  case 1:
    served_send_headers(s);
    break;
  case 2:
  case 3:
    served_request(s, 1 + (uint32_t)storm_random(2));
    break;
  case 4:
    if (served_is_past(s)) served_unref(s);
    break;
  case 5:
    served_advance(s);
    break;
  default:
    served_write(s);
    break;
  }
}

void storm_served_poke(storm_served *s) {
  if (s->is_held) served_act(s);
}

/* Nobody says when a unary function's call is over. */
void storm_served_look(const storm_served *s) {
  if (s->execution.is_over || (s->is_unary_fn && !s->is_held)) return;
  if (s->is_held && gmux_server_call_is_over(s->call)) return;
  ledger_execution_look(&s->execution);
}

void storm_served_complete(storm_served *s) {
  if (!s->is_held) return;
  if (gmux_server_call_is_over(s->call)) ledger_execution_found_over(&s->execution);
  if (!s->is_finished && !s->execution.is_over) {
    if (s->is_manual) served_request(s, GMUX_CREDIT_UNLIMITED);
    s->to_write = s->written > 0 || !kind_sends_one(s->kind) ? s->written : 1;
    served_advance(s);
  }
  if (served_is_past(s)) served_unref(s);
}

/* ---- the ledger ---- */

static unsigned served_live(const storm_served *s) {
  unsigned live = 0;
  for (size_t i = 0; i < st.served_count; i++) {
    const storm_served *o = &st.served[i];
    if (o->life == s->life && !o->execution.is_over && !o->is_unary_fn &&
        strcmp(o->peer, s->peer) == 0)
      live++;
  }
  return live;
}

static storm_served *served_new(gmux_server_call *call, storm_life *life, gmux_method_kind kind) {
  const char *text = gmux_metadata_get(gmux_server_call_metadata(call), "x-id", NULL);
  unsigned long id = text ? strtoul(text, NULL, 10) : 0;
  if (!ledger_law(LAW_L6, id > 0 && id <= STORM_CALLS && st.calls[id - 1].id == id,
                  "a call without an id arrived"))
    return NULL;
  if (!ledger_law(LAW_L3, st.served_count < STORM_CALLS * 2,
                  "more calls arrived than were started"))
    return NULL;
  storm_served *s = &st.served[st.served_count++];
  memset(s, 0, sizeof *s);
  s->call = call;
  s->asked = &st.calls[id - 1];
  s->life = life;
  s->random = storm_stream_start(st.plan.seed, STORM_STREAM_SERVED, id);
  storm_on_behalf(&s->random);
  s->loop = life->loop;
  s->kind = kind;
  snprintf(s->peer, sizeof s->peer, "%s", gmux_server_call_peer(call));
  storm_note("server %d: executes call %lu from %s", life->server, id, s->peer);
  ledger_executed(&s->execution, &s->asked->entry, &life->book, gmux_server_call_timeout_ms(call));
  ledger_law(LAW_L6, s->asked->kind == kind, "call %lu came to another method", id);
  return s;
}

bool storm_call_was_served(const storm_call *c, unsigned messages) {
  if (messages < 32 && c->said_ok >> messages & 1) return true;
  for (size_t i = 0; i < st.served_count; i++) {
    const storm_served *s = &st.served[i];
    if (s->asked == c && s->is_finished && s->code == GMUX_OK && s->written == messages)
      return true;
  }
  return false;
}

/* ---- handlers ---- */

static void handler_begin(storm_served *s, const char *what) {
  storm_on_behalf(&s->random);
  ledger_law_of_call(&s->asked->entry, LAW_CALLBACKS, st.in_api == 0,
                     "server, call %u: %s from inside a function of the library", s->asked->id,
                     what);
  ledger_law_of_call(&s->asked->entry, LAW_CALLBACKS, !s->execution.is_over,
                     "server, call %u: %s after on_end", s->asked->id, what);
}

static void handler_mischief(storm_served *s) {
  if (st.is_calm) return;
  if (storm_chance(10 * st.malice)) served_act(s);
  if (storm_chance(2)) storm_child_start(s->asked);
  storm_mischief();
}

/* The plan of a call. */
static void served_plan(storm_served *s) {
  bool sends_one = kind_sends_one(s->kind);
  s->to_write = sends_one ? 1 : (unsigned)storm_random(6);
  s->is_prompt = st.is_calm || storm_chance(60);
  s->is_early = !st.is_calm && storm_chance(8);
  s->code = st.is_calm || storm_chance(85) ? GMUX_OK : (gmux_code)(1 + storm_random(16));
  s->credit = UINT64_MAX;
  if (s->code != GMUX_OK && sends_one) s->to_write = 0;
  if (!s->is_prompt || st.plan.fails_memory || st.is_outside || storm_chance(30)) {
    gmux_server_call_ref(s->call);
    s->is_held = true;
  }
}

/* Every client of ours accepts all that there is. */
static void served_choose_compression(storm_served *s) {
  const char *name = storm_compression(s->asked->id, STORM_TO_CLIENT);
  int error = STORM_API(gmux_server_call_set_compression(s->call, name));
  ledger_law_of_call(&s->asked->entry, LAW_ANSWERS, error == 0,
                     "server, call %u: no compression: %d", s->asked->id, error);
}

static void on_call_of(gmux_server_call *call, storm_life *life, gmux_method_kind kind) {
  storm_served *s = served_new(call, life, kind);
  if (!s) return;
  st.in_api++;
  gmux_server_call_set_data(call, s);
  st.in_api--;
  ledger_law(LAW_CALLBACKS, st.in_api == 0, "on_call from inside a function of the library");
  served_plan(s);
  unsigned live = served_live(s);
  ledger_law(LAW_STREAMS, live <= life->limit,
             "server %d: %u calls at once from %s, the limit is %u", life->server, live, s->peer,
             life->limit);
  if (!st.is_calm && storm_chance(20) && gmux_server_call_set_manual_credit(call) == 0) {
    s->is_manual = true;
    s->credit = 1;
    if (!s->is_held) gmux_server_call_ref(call);
    s->is_held = true;
  }
  served_choose_compression(s);
  if (storm_chance(10)) served_send_headers(s);
  if (s->is_early) served_advance(s);
  handler_mischief(s);
  if (!s->is_held) s->call = NULL;
}

static void on_call(gmux_server_call *call, void *user_data) {
  const char *path = gmux_server_call_path(call);
  for (int kind = 0; kind < 4; kind++)
    if (strcmp(path, storm_paths[kind]) == 0) on_call_of(call, user_data, (gmux_method_kind)kind);
}

static void law_of_message(storm_served *s, const gmux_bytes *message) {
  ledger_law_of_call(&s->asked->entry, LAW_L6,
                     storm_message_is(message, s->asked->id, STORM_TO_SERVER, s->received),
                     "server, call %u: message %u of %zu bytes is not what was sent", s->asked->id,
                     s->received, message->len);
  s->received++;
}

static void on_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  storm_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  handler_begin(s, "on_message");
  law_of_message(s, message);
  bool has_one = s->kind == GMUX_UNARY || s->kind == GMUX_SERVER_STREAMING;
  ledger_law_of_call(&s->asked->entry, LAW_CALLBACKS, has_one || s->received <= s->credit,
                     "server, call %u: message %u without credit", s->asked->id, s->received);
  s->call = call;
  if (s->kind == GMUX_BIDI_STREAMING && s->is_prompt) served_write(s);
  handler_mischief(s);
  if (!s->is_held) s->call = NULL;
}

static void on_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  storm_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  handler_begin(s, "on_half_close");
  ledger_law_of_call(&s->asked->entry, LAW_CALLBACKS, !s->has_half_closed,
                     "server, call %u: half-closed twice", s->asked->id);
  s->has_half_closed = true;
  ledger_law_of_call(&s->asked->entry, LAW_L6, s->received == s->asked->written,
                     "server, call %u: half-closed after %u of %u", s->asked->id, s->received,
                     s->asked->written);
  s->call = call;
  if (s->is_prompt) served_advance(s);
  handler_mischief(s);
  if (!s->is_held) s->call = NULL;
}

static void on_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  storm_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  handler_begin(s, "on_writable");
  ledger_law_of_call(&s->asked->entry, LAW_CALLBACKS, s->is_full,
                     "server, call %u: on_writable, and it was not full", s->asked->id);
  s->is_full = false;
  s->call = call;
  if (s->is_prompt || storm_chance(50)) served_advance(s);
  handler_mischief(s);
  if (!s->is_held) s->call = NULL;
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)user_data;
  storm_served *s = gmux_server_call_get_data(call);
  if (!s) return;
  handler_begin(s, "on_end");
  ledger_execution_over(&s->execution);
  storm_note("server, call %u: on_end %s", s->asked->id, gmux_code_str(code));
  ledger_law_of_call(&s->asked->entry, LAW_CALLBACKS, gmux_server_call_is_over(call),
                     "server, call %u: on_end, and it is not over", s->asked->id);
  s->call = call;
  if (!st.is_calm && storm_chance(10)) served_act(s);
  if (!st.is_calm) storm_mischief();
  if (!s->is_held) s->call = NULL;
  if (storm_chance(50)) served_unref(s);
}

static const gmux_server_handlers handlers = {
    .on_call = on_call,
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_writable = on_writable,
    .on_end = on_end,
};

/* Nobody says when such a call is over: it is asked. */
static void on_unary(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  storm_served *s = served_new(call, user_data, GMUX_UNARY);
  if (!s) return;
  s->is_unary_fn = true;
  ledger_law(LAW_CALLBACKS, st.in_api == 0,
             "a unary function from inside a function of the library");
  served_plan(s);
  law_of_message(s, request);
  if (!s->is_held && s->is_prompt) gmux_server_call_ref(call);
  s->is_held = true;
  if (s->is_prompt) served_advance(s);
  handler_mischief(s);
}

/* Puts these handlers on a server. */
int storm_served_by(gmux_server *server, storm_life *life) {
  int error = 0;
  for (int kind = 0; kind < 4 && !error; kind++) {
    if (kind == GMUX_UNARY && storm_chance(50))
      error = gmux_server_add_unary(server, storm_paths[kind], on_unary, life);
    else
      error = gmux_server_add_method(server, storm_paths[kind], (gmux_method_kind)kind, &handlers,
                                     life);
  }
  return error;
}
