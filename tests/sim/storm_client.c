/* storm_client.c: calls, and what their handlers see. */
#include "tests/sim/storm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"unary", "client-streaming", "server-streaming", "bidi"};

static bool kind_sends_one(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_SERVER_STREAMING;
}

static bool kind_receives_one(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_CLIENT_STREAMING;
}

/* ---- what the application does to a call ---- */

static void call_cancel(storm_call *c, gmux_call *call) {
  storm_note("call %u: cancel", c->id);
  c->is_cancelled = true;
  st.in_api++;
  gmux_call_cancel(call);
  st.in_api--;
}

/* A message that memory was too short for cannot be left out of a stream: the call is given up. */
static void call_after(storm_call *c, gmux_call *call, int error, int also) {
  ledger_law_of_call(&c->entry, LAW_ANSWERS, storm_is_fine(error, also) || error == GMUX_ERR_STATE,
                     "call %u: an operation said %d", c->id, error);
  if (error != GMUX_ERR_NOMEM) return;
  c->is_memory_short = true;
  call_cancel(c, call);
}

static void call_write(storm_call *c, gmux_call *call) {
  if (c->written >= c->to_write || c->is_half_closed || c->is_full) return;
  if (!storm_may_speak(c->loop, c->is_of_loop)) return;
  gmux_bytes message = storm_message(c->id, STORM_TO_SERVER, c->written);
  gmux_call_set_message_compression(call, c->written % 3 < 2);
  int rv = STORM_API(gmux_call_write(call, &message));
  gmux_bytes_release(&message);
  if (rv >= 0) {
    c->written++;
    if (kind_sends_one(c->kind)) c->is_half_closed = true;
    c->is_full = rv == GMUX_WRITE_FULL;
    return;
  }
  /* What it wrote while it waited, or was on its way from another thread, may have been too much
   * for what all calls of its connection may queue. */
  ledger_law_of_call(&c->entry, LAW_QUEUES, rv != GMUX_ERR_AGAIN || c->shares_little,
                     "call %u: full, though the last write did not say so", c->id);
  c->is_full = rv == GMUX_ERR_AGAIN;
  call_after(c, call, rv, c->shares_little ? GMUX_ERR_AGAIN : 0);
}

/* All that is planned, as far as the queue takes it. */
static void call_write_all(storm_call *c, gmux_call *call) {
  unsigned before;
  do {
    before = c->written;
    if (!c->is_memory_short && c->entry.ends == 0) call_write(c, call);
  } while (c->written > before);
}

static void call_half_close(storm_call *c, gmux_call *call) {
  if (c->is_half_closed || !storm_may_speak(c->loop, c->is_of_loop)) return;
  int rv = STORM_API(gmux_call_half_close(call));
  if (rv == 0) c->is_half_closed = true;
  call_after(c, call, rv, 0);
}

static bool call_request(storm_call *c, gmux_call *call, uint32_t count) {
  int rv = STORM_API(gmux_call_grant(call, count));
  ledger_law_of_call(&c->entry, LAW_ANSWERS, storm_is_fine(rv, 0),
                     "call %u: credit was refused: %d", c->id, rv);
  if (rv) return false;
  bool is_unlimited = count == GMUX_CREDIT_UNLIMITED || c->credit == UINT64_MAX;
  c->credit = is_unlimited ? UINT64_MAX : c->credit + count;
  return true;
}

/* A handle that nobody has can grant nothing and close nothing later. */
void storm_call_let_go(storm_call *c) {
  if (!c->handle) return;
  if (c->entry.ends == 0 && c->credit != UINT64_MAX && !c->is_unary_form &&
      !call_request(c, c->handle, GMUX_CREDIT_UNLIMITED))
    return;
  if (c->entry.ends == 0) {
    call_half_close(c, c->handle);
    if (!c->is_half_closed) return;
  }
  storm_note("call %u: free", c->id);
  gmux_call *call = c->handle;
  c->handle = NULL;
  st.in_api++;
  gmux_call_free(call);
  st.in_api--;
}

static void call_act(storm_call *c, gmux_call *call) {
  switch (storm_random(12)) {
  case 0:
    call_cancel(c, call);
    break;
  case 1:
    call_half_close(c, call);
    break;
  case 2:
    storm_call_let_go(c);
    break;
  case 3:
  case 4:
  case 5:
    if (!c->is_unary_form) call_request(c, call, 1 + (uint32_t)storm_random(3));
    break;
  default:
    call_write(c, call);
    break;
  }
}

void storm_call_poke(storm_call *c) {
  if (c->handle) call_act(c, c->handle);
}

void storm_call_complete(storm_call *c) {
  if (!c->handle || c->entry.ends > 0) return;
  if (c->credit != UINT64_MAX && !c->is_unary_form)
    call_request(c, c->handle, GMUX_CREDIT_UNLIMITED);
  call_write_all(c, c->handle);
  if (!c->is_full) call_half_close(c, c->handle);
}

/* ---- handlers ---- */

static void handler_begin(storm_call *c, const char *what) {
  storm_on_behalf(&c->random);
  ledger_law_of_call(&c->entry, LAW_CALLBACKS, st.in_api == 0,
                     "call %u: %s from inside a function of the library", c->id, what);
  ledger_law_of_call(&c->entry, LAW_CALLBACKS, c->entry.ends == 0, "call %u: %s after on_end",
                     c->id, what);
}

static void handler_mischief(storm_call *c, gmux_call *call) {
  if (st.is_calm) return;
  bool was_cancelled = c->is_cancelled;
  if (storm_chance(8 * st.malice)) call_act(c, call);
  if (c->is_cancelled && !was_cancelled) storm_fault_happened(STORM_FAULT_CANCEL_INSIDE);
  if (storm_chance(2 * st.malice)) storm_call_let_go(c);
  if (storm_chance(3)) storm_child_start(c);
  storm_mischief();
}

static bool metadata_is(const gmux_metadata *metadata, const char *key, uint32_t id) {
  char text[16];
  snprintf(text, sizeof text, "%u", id);
  const char *value = gmux_metadata_get(metadata, key, NULL);
  return value && strcmp(value, text) == 0;
}

static void on_headers(gmux_call *call, const gmux_metadata *metadata, void *user_data) {
  storm_call *c = user_data;
  handler_begin(c, "on_headers");
  ledger_law_of_call(&c->entry, LAW_CALLBACKS, c->headers++ == 0, "call %u: on_headers twice",
                     c->id);
  ledger_law_of_call(&c->entry, LAW_CALLBACKS, c->received == 0,
                     "call %u: on_headers after a message", c->id);
  ledger_law_of_call(&c->entry, LAW_L6, !metadata || metadata_is(metadata, "x-echo", c->id),
                     "call %u: foreign metadata", c->id);
  handler_mischief(c, call);
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  storm_call *c = user_data;
  handler_begin(c, "on_message");
  ledger_law_of_call(
      &c->entry, LAW_L6, storm_message_is(message, c->id, STORM_TO_CLIENT, c->received),
      "call %u: message %u of %zu bytes is not what was sent", c->id, c->received, message->len);
  c->received++;
  ledger_law_of_call(&c->entry, LAW_CALLBACKS, c->received <= c->credit,
                     "call %u: message %u without credit", c->id, c->received);
  if (storm_chance(20)) {
    gmux_bytes kept = {0};
    ledger_law(LAW_ANSWERS, storm_is_fine(gmux_bytes_take(&kept, message), 0),
               "bytes cannot be kept");
    gmux_bytes_release(&kept);
  }
  handler_mischief(c, call);
}

static void on_writable(gmux_call *call, void *user_data) {
  storm_call *c = user_data;
  handler_begin(c, "on_writable");
  ledger_law_of_call(&c->entry, LAW_CALLBACKS, c->is_full,
                     "call %u: on_writable, and it was not full", c->id);
  c->is_full = false;
  call_write_all(c, call);
  handler_mischief(c, call);
}

static void on_draining(gmux_call *call, void *user_data) {
  storm_call *c = user_data;
  handler_begin(c, "on_draining");
  gmux_call_explanation e = ledger_call_explain(&c->entry, call);
  c->drainings++;
  ledger_law_of_call(&c->entry, LAW_CALLBACKS, c->drainings <= e.attempts,
                     "call %u: on_draining %u times in %u attempts", c->id, c->drainings,
                     e.attempts);
  handler_mischief(c, call);
}

static void law_of_success(const storm_call *c, const gmux_metadata *trailers) {
  const ledger_call *entry = &c->entry;
  ledger_law_of_call(entry, LAW_L4, storm_call_was_served(c, c->received),
                     "call %u: OK with %u messages, which no server ever said", c->id, c->received);
  ledger_law_of_call(entry, LAW_L4, !kind_receives_one(c->kind) || c->received == 1,
                     "call %u: OK with %u replies", c->id, c->received);
  ledger_law_of_call(entry, LAW_L6, !trailers || metadata_is(trailers, "x-trailer", c->id),
                     "call %u: foreign trailers", c->id);
}

static void call_ended(storm_call *c, gmux_call *call, const gmux_status *status,
                       const gmux_metadata *trailers) {
  ledger_call *entry = &c->entry;
  handler_begin(c, "on_end");
  ledger_call_hear_end(entry, call, status);
  storm_note("call %u: ends %s (%s) [%s] executed %u; %s", c->id, gmux_code_str(entry->code),
             gmux_evidence_str(entry->evidence), status->message, entry->executed, entry->story);
  if (entry->code == GMUX_OK) law_of_success(c, trailers);
  bool may_be_refused = st.plan.fails_memory || c->may_be_refused;
  ledger_law_of_call(entry, LAW_STREAMS, entry->evidence != GMUX_EVIDENCE_REFUSED || may_be_refused,
                     "call %u: refused by a server whose limit is known", c->id);
  /* Either side's words: of a message that is corrupt, or marked compressed without being so. */
  bool is_damaged = status->message && strstr(status->message, "compressed");
  ledger_law_of_call(entry, LAW_L6, !is_damaged || st.plan.unruly_percent > 0,
                     "call %u: a message was not understood: %s", c->id, status->message);
}

/* Nothing more comes, so a handle may go; and what is done to a call that is over must be harmless.
 */
static void after_end(storm_call *c, gmux_call *call) {
  if (st.is_calm) return;
  if (storm_chance(10)) {
    c->is_full = false;
    call_act(c, call);
  }
  if (storm_chance(50)) storm_call_let_go(c);
  if (storm_chance(15)) storm_child_start(c);
  storm_mischief();
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  call_ended(user_data, call, status, trailers);
  after_end(user_data, call);
}

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  storm_call *c = user_data;
  if (status->code == GMUX_OK) {
    ledger_law_of_call(&c->entry, LAW_L6, storm_message_is(reply, c->id, STORM_TO_CLIENT, 0),
                       "call %u: a foreign reply", c->id);
    c->received = 1;
  }
  call_ended(c, call, status, trailers);
  after_end(c, call);
}

static const gmux_call_handlers handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_draining = on_draining,
    .on_end = on_end,
};

/* ---- starting ---- */

/* Rarely more than a server accepts, which is 8 KiB. */
static gmux_metadata *call_metadata(uint32_t id) {
  static const uint8_t padding[6000];
  gmux_metadata *md = NULL;
  char text[16];
  snprintf(text, sizeof text, "%u", id);
  size_t len = storm_chance(90) ? storm_random(50) : storm_random(sizeof padding + 1);
  if (gmux_metadata_new(&md)) return NULL;
  if (gmux_metadata_add(md, "x-id", text) == 0 &&
      gmux_metadata_add_bin(md, "x-padding-bin", padding, len) == 0)
    return md;
  gmux_metadata_free(md);
  return NULL;
}

static int64_t random_timeout(void) {
  switch (storm_random(12)) {
  case 0:
    return (int64_t)storm_random(3);
  case 1:
    return 1 + (int64_t)storm_random(30);
  case 2:
    return 1 + (int64_t)storm_random(1000);
  case 3:
    return 1 + (int64_t)storm_random(20000);
  default:
    return GMUX_NO_TIMEOUT;
  }
}

static int call_begin(storm_call *c, gmux_channel *channel, const gmux_call_options *options) {
  gmux_method *method = st.methods[c->kind];
  if (!c->is_unary_form)
    return STORM_API(gmux_call_start(&c->handle, channel, method, options, &handlers, c));
  gmux_call **out = storm_chance(85) ? &c->handle : NULL;
  gmux_bytes request = storm_message(c->id, STORM_TO_SERVER, 0);
  int error = STORM_API(gmux_call_unary_start(out, channel, method, options, &request, on_done, c));
  gmux_bytes_release(&request);
  if (error) return error;
  c->written = 1;
  c->is_half_closed = true;
  return 0;
}

static void call_is_on(storm_call *c, gmux_loop *loop) {
  c->loop = loop;
  c->is_of_loop = gmux_loop_is_inside(loop);
}

static storm_call *call_start(storm_call *c, const gmux_call_options *options) {
  storm_channel *channel = &st.channels[c->channel];
  ledger_call_begin(&c->entry, c->id, channel->book, options->idempotent, options->timeout_ms);
  c->entry.handle = &c->handle;
  int error = call_begin(c, channel->channel, options);
  ledger_law_of_call(&c->entry, LAW_ANSWERS, storm_is_fine(error, 0),
                     "call %u cannot be started: %d", c->id, error);
  if (error) return NULL;
  if (c->handle) call_is_on(c, ledger_call_loop(c->handle));
  ledger_call_started(&c->entry);
  st.started[st.call_count++] = c;
  storm_note("call %u: %s%s on channel %d, timeout %lld%s%s", c->id,
             c->is_unary_form ? "whole " : "", kind_names[c->kind], c->channel,
             options->timeout_ms == GMUX_NO_TIMEOUT ? -1 : (long long)options->timeout_ms,
             options->wait_for_ready ? ", patient" : "", c->handle ? "" : ", no handle");
  return c;
}

static storm_call *call_new(uint32_t id, int channel, gmux_method_kind kind, bool is_unary_form) {
  storm_call *c = &st.calls[id - 1];
  uint64_t random = c->random;
  memset(c, 0, sizeof *c);
  c->id = id;
  c->random = random;
  c->channel = channel;
  c->may_be_refused = st.channels[channel].may_be_refused;
  c->shares_little = st.channels[channel].shares_little;
  call_is_on(c, st.channels[channel].loop);
  c->kind = kind;
  c->is_unary_form = is_unary_form;
  c->credit = UINT64_MAX;
  c->to_write = kind_sends_one(kind) ? 1 : (unsigned)storm_random(7);
  return c;
}

static storm_call *call_start_with(storm_call *c, gmux_call_options *options) {
  gmux_metadata *metadata = call_metadata(c->id);
  options->metadata = metadata;
  options->compression = storm_compression(c->id, STORM_TO_SERVER);
  storm_call *started = metadata ? call_start(c, options) : NULL;
  gmux_metadata_free(metadata);
  if (!started) c->id = 0;
  return started;
}

/* All that is drawn for a call comes from its own stream. */
storm_call *storm_call_start(uint32_t id) {
  uint64_t *random = &st.calls[id - 1].random;
  *random = storm_stream_start(st.plan.seed, STORM_STREAM_CALL, id);
  storm_on_behalf(random);
  int channel = (int)storm_random((uint64_t)st.channel_count);
  gmux_method_kind kind = (gmux_method_kind)storm_random(4);
  if (!st.channels[channel].channel) storm_channel_open(channel);
  if (!st.channels[channel].channel) return NULL;
  storm_call *c = call_new(id, channel, kind, kind == GMUX_UNARY && storm_chance(50));
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = random_timeout();
  options.wait_for_ready = storm_chance(50);
  options.idempotent = storm_chance(20);
  if (!c->is_unary_form && storm_chance(40)) {
    options.initial_credit = (uint32_t)storm_random(3);
    c->credit = options.initial_credit;
  }
  c = call_start_with(c, &options);
  if (!c || !c->handle) return c;
  for (unsigned n = (unsigned)storm_random(5); n > 0 && c->handle; n--)
    call_write(c, c->handle);
  if (c->handle && storm_chance(50)) call_half_close(c, c->handle);
  if (storm_chance(5) && c->handle) call_cancel(c, c->handle);
  if (storm_chance(5)) storm_call_let_go(c);
  return c;
}

/* A child's handlers start none. */
storm_call *storm_child_start(storm_call *parent) {
  if (parent->id > STORM_PLANNED || parent->children == STORM_CHILDREN) return NULL;
  uint64_t *random = st.random;
  uint32_t id = STORM_PLANNED + (parent->id - 1) * STORM_CHILDREN + ++parent->children;
  storm_call *c = storm_call_start(id);
  storm_on_behalf(random);
  if (c) storm_fault_happened(STORM_FAULT_START_INSIDE);
  return c;
}

storm_call *storm_probe_start(int channel, unsigned nth) {
  uint32_t id = STORM_FIRST_PROBE + (uint32_t)channel * STORM_PROBES + nth + 1;
  if (!st.channels[channel].channel) return NULL;
  storm_call *c = call_new(id, channel, GMUX_UNARY, true);
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.wait_for_ready = true;
  return call_start_with(c, &options);
}
