/*
 * fuzz_client.c: a channel whose server says the bytes of the input.
 *
 * The first two bytes say how: byte 0, bit 0: the rest is a script (else it is the server's bytes,
 * as they are); bits 1-2 how much a read returns; bit 3 small windows, few resets; bit 4 eager
 * calls; bit 5 no credit; bit 6 a pool; bit 7 a pause between the pieces. Byte 1: which calls run
 * (bits 0-3 by kind, 4 a whole unary one, 5 wait for ready, 6 idempotent, 7 short deadlines).
 */
#include "lib/client/channel.h"
#include "tests/fuzz/caller.h"
#include "tests/fuzz/oracle.h"
#include "tests/fuzz/wire.h"
#include <gmux/error.h>
#include <string.h>

/*
 * PEAK: a channel with its calls and two dozen connections, each with nghttp2's tables, measured at
 * no more than a third of this; beside it what the server said may be held once for the reader, and
 * once while a message is put together.
 */
enum { PEERS = 8, MAX_MESSAGE = 100000, PEAK_BYTES = 768 << 10, STEPS = 400, SAID_MAX = 1 << 17 };
#define MS GMUX__NS_PER_MS

static struct {
  sim *sim;
  gmux_channel *channel;
  bool is_closed;
  rawlistener *listener;
  rawpeer *peers[PEERS];
  oracle *oracles[PEERS];
  bool is_ended[PEERS];
  size_t peer_count;
  size_t said; /* bytes, by all peers */
  gmux_call_options call;
} t;

/* ---- the world ---- */

static void on_closed(void *user_data) {
  (void)user_data;
  fuzz_law(fuzz_in_api == 0, "on_closed from inside a function of the library");
  fuzz_law(!t.is_closed, "on_closed twice");
  fuzz_law(callers_running() == 0, "on_closed before the calls' ends");
  t.is_closed = true;
}

static void peer_said(void *arg, const uint8_t *bytes, size_t len) {
  t.said += len;
  oracle_read(arg, bytes, len);
}

static void accept_all(void) {
  while (t.peer_count < PEERS) {
    rawpeer *p = rawpeer_accept(t.listener);
    if (!p) return;
    fuzz_note("connection %zu", t.peer_count);
    t.oracles[t.peer_count] = oracle_new();
    rawpeer_tap(p, peer_said, t.oracles[t.peer_count]);
    t.peers[t.peer_count++] = p;
  }
}

static void settle(void) {
  sim_run(t.sim);
  accept_all();
  sim_run(t.sim);
  gmux__channel_check(t.channel);
}

static void channel_open(gmux_loop *loop, uint8_t how) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  o.max_recv_message_bytes = MAX_MESSAGE;
  o.stream_window_bytes = o.connection_window_bytes = how & 8 ? 65535 : 262144;
  o.write_queue_bytes = 1024;
  o.initial_backoff_ms = 100;
  o.max_backoff_ms = 2000;
  if (how & 8) {
    o.reset_burst = 2;
    o.reset_rate_per_s = 1;
    o.chatter_burst = 100;
  }
  if (how & 16) o.eager_calls = 2;
  if (how & 64) {
    o.max_connections = 3;
    o.ideal_streams = 1;
    o.max_calls = 4;
    o.max_idle_ms = 1000;
    o.drain_timeout_ms = 1000;
  }
  fuzz_law(gmux_channel_new(&t.channel, loop, "ipv4:127.0.0.1:50051", &o) == 0, "no channel: %s",
           gmux_last_error());
}

static void open_world(uint8_t how) {
  static const size_t chunks[] = {0, 3, 21, 200};
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.read_buffer_bytes = 16384;
  t.sim = sim_new(1);
  sim_net(t.sim)->buffer_bytes = 32768;
  sim_net(t.sim)->read_chunk = chunks[how >> 1 & 3];
  gmux_loop *loop = sim_loop_with(t.sim, &o);
  gmux__address at = sim_address("127.0.0.1", 50051);
  t.listener = rawpeer_listen(loop, &at);
  callers_open(t.sim);
  channel_open(loop, how);
}

/* ---- calls ---- */

/* Every second call lets its messages wait, where there is no credit from the start. */
static void on_event(fuzz_call *c, gmux_call *call, char event) {
  if (event == 'H' && c->number % 2 == 0 && c->credit == 0) caller_request(c, call, 2);
  if (event == 'E' && c->number % 3 == 0) caller_free(c);
}

static void call_write(fuzz_call *c, size_t len) {
  static const char text[600];
  gmux_bytes message = gmux_bytes_borrow(text, len < sizeof text ? len : sizeof text);
  caller_write(c, c->handle, &message);
}

static void call_start(unsigned which) {
  fuzz_call *c =
      caller_start(t.channel, (gmux_method_kind)(which % 4), which == 4, NULL, &t.call, NULL);
  if (c && !c->is_unary_form) call_write(c, 5);
}

static void start_calls(uint8_t how, uint8_t which) {
  gmux_call_options_init(&t.call, sizeof t.call);
  t.call.max_recv_message_bytes = MAX_MESSAGE;
  t.call.timeout_ms = which & 128 ? 1500 : 20000;
  t.call.wait_for_ready = which & 32;
  t.call.idempotent = which & 64;
  if (how & 32) t.call.initial_credit = 0;
  callers.on_event = on_event;
  for (unsigned i = 0; i < 5; i++)
    if (which >> i & 1) call_start(i);
}

/* ---- the server, bytes as they are ---- */

static void play_bytes(fuzz_input *in, bool has_pauses) {
  settle();
  if (t.peer_count == 0) return;
  size_t piece = has_pauses ? 1 + in->len / 8 : in->len;
  while (in->len > 0) {
    size_t n = in->len < piece ? in->len : piece;
    rawpeer_send(t.peers[0], in->data, n);
    in->data += n;
    in->len -= n;
    sim_run_for(t.sim, has_pauses ? 10 * MS : 0);
  }
}

/* ---- the server and its weather, by a script ---- */

static void call_act(fuzz_input *in) {
  if (callers.count == 0) return;
  fuzz_call *c = &callers.calls[input_below(in, callers.count)];
  uint8_t what = fuzz_u8(in);
  if (!c->handle) return;
  switch (what % 7) {
  case 0:
    caller_cancel(c, c->handle);
    return;
  case 1:
    call_write(c, 2 * (size_t)fuzz_u8(in));
    return;
  case 2:
    caller_half_close(c, c->handle);
    return;
  case 3:
    caller_request(c, c->handle, fuzz_u8(in) % 4u);
    return;
  case 4:
    caller_explain(c, c->handle);
    return;
  case 5:
    caller_free(c);
    return;
  default:
    caller_request(c, c->handle, GMUX_CREDIT_UNLIMITED);
    return;
  }
}

static void channel_act(fuzz_input *in) {
  char text[512];
  switch (input_below(in, 6)) {
  case 0:
    FUZZ_VOID(gmux_channel_rotate(t.channel));
    return;
  case 1:
    FUZZ_VOID(gmux_channel_reset_backoff(t.channel));
    return;
  case 2:
    FUZZ_VOID(gmux_channel_describe(t.channel, text, sizeof text));
    return;
  case 3:
    FUZZ_VOID(gmux_channel_get_state(t.channel, true));
    return;
  case 4:
    FUZZ_VOID(gmux_channel_pause(t.channel));
    return;
  default:
    FUZZ_VOID(gmux_channel_resume(t.channel));
    return;
  }
}

static void weather(rawpeer *p, size_t which, fuzz_input *in) {
  sim_link *link = rawpeer_link(p);
  switch (input_below(in, 6)) {
  case 0:
    if (link) sim_link_stall(link, fuzz_u8(in) % 4u);
    return;
  case 1:
    if (link) sim_link_half_close(link, SIM_TO_CLIENT);
    return;
  case 2:
    sim_net(t.sim)->write_chunk = fuzz_u8(in);
    return;
  case 3:
    rawpeer_reset(p);
    return;
  case 4:
    rawpeer_close(p);
    return;
  default:
    rawpeer_shutdown(p);
    t.is_ended[which] = true;
    return;
  }
}

static void pass_time(fuzz_input *in) {
  uint32_t ms = INPUT_ANY_OF(in, 1, 10, 100, 500, 1000, 3000, 10000, 30000);
  fuzz_note("%u ms pass", ms);
  sim_run_for(t.sim, ms * MS);
}

/* One step; with the highest bit nothing runs behind it, so that several things come at once. */
static void play_step(fuzz_input *in) {
  uint8_t op = fuzz_u8(in);
  unsigned what = (op & 0x7f) % (WIRE_THINGS + 5);
  size_t which = t.peer_count - 1;
  rawpeer *p = t.peers[which];
  if (what < WIRE_THINGS) {
    fuzz_note("says %u", what);
    if (!t.is_ended[which] && rawpeer_state(p) == 0 && t.said < SAID_MAX)
      wire_say(p, &wire_server, what, in);
  } else if (what == WIRE_THINGS) {
    pass_time(in);
  } else if (what == WIRE_THINGS + 1) {
    call_start((unsigned)input_below(in, 5));
  } else if (what == WIRE_THINGS + 2) {
    call_act(in);
  } else if (what == WIRE_THINGS + 3) {
    channel_act(in);
  } else if (!t.is_ended[which]) {
    weather(p, which, in);
  }
  if (!(op & 0x80)) settle();
}

static void play_script(fuzz_input *in) {
  for (unsigned step = 0; step < STEPS && in->len > 0; step++) {
    if (t.peer_count == 0) settle();
    if (t.peer_count == 0) sim_run_for(t.sim, 100 * MS);
    if (t.peer_count > 0) play_step(in);
  }
}

/* ---- the end ---- */

static void heal(void) {
  for (sim_link *link = sim_link_first(t.sim); link; link = sim_link_next(link))
    sim_link_stall(link, 0);
}

/* No OK that no server said, and no message. */
static void law_of_answers(void) {
  size_t answers = 0, with_message = 0, messages = 0;
  for (size_t i = 0; i < t.peer_count; i++) {
    answers += oracle_answers(t.oracles[i]);
    with_message += oracle_answers_with_message(t.oracles[i]);
    messages += oracle_messages(t.oracles[i]);
  }
  fuzz_law(callers_ok(false) <= answers, "%zu calls ended OK, of %zu answers", callers_ok(false),
           answers);
  fuzz_law(callers_ok(true) <= with_message, "%zu calls ended OK, of %zu answers with a message",
           callers_ok(true), with_message);
  fuzz_law(callers_received() <= messages, "%zu messages came, of %zu", callers_received(),
           messages);
}

static void law_of_stats(void) {
  gmux_channel_stats s = {.size = sizeof s};
  fuzz_law(FUZZ_API(gmux_channel_get_stats(t.channel, &s)) == 0, "no stats");
  fuzz_law(s.calls_started == callers.count && s.calls_succeeded == callers_ok(false) &&
               s.calls_failed == callers.count - callers_ok(false),
           "%llu calls started, %llu succeeded, %llu failed, and it was %zu and %zu",
           (unsigned long long)s.calls_started, (unsigned long long)s.calls_succeeded,
           (unsigned long long)s.calls_failed, callers.count, callers_ok(false));
  fuzz_law(s.bytes_received <= t.said, "%llu bytes came, of %zu",
           (unsigned long long)s.bytes_received, t.said);
}

static void close_world(void) {
  sim_run_for(t.sim, 25000 * MS); /* beyond all deadlines */
  fuzz_law(callers_running() == 0, "%zu calls run on after their deadlines", callers_running());
  sim_run_for(t.sim, 400000 * MS); /* beyond keepalive */
  law_of_answers();
  law_of_stats();
  FUZZ_VOID(gmux_channel_close(t.channel, on_closed, NULL));
  sim_run_for(t.sim, 1000 * MS);
  heal();
  sim_run_for(t.sim, 200000 * MS);
  fuzz_law(t.is_closed, "the channel does not close");
  size_t peak = test_alloc_peak();
  fuzz_note("%zu bytes at most, for %zu said", peak, t.said);
  fuzz_law(peak <= PEAK_BYTES + 2 * t.said, "%zu bytes of memory, for %zu said", peak, t.said);
  FUZZ_VOID(gmux_channel_free(t.channel));
  callers_close();
  for (size_t i = 0; i < t.peer_count; i++) {
    rawpeer_free(t.peers[i]);
    oracle_free(t.oracles[i]);
  }
  rawpeer_listen_close(t.listener);
  sim_free(t.sim);
  fuzz_memory_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  fuzz_input in = {data, len};
  uint8_t how = fuzz_u8(&in), which = fuzz_u8(&in);
  memset(&t, 0, sizeof t);
  fuzz_memory_begin();
  open_world(how);
  start_calls(how, which);
  if (how & 1)
    play_script(&in);
  else
    play_bytes(&in, how & 128);
  close_world();
  return 0;
}
