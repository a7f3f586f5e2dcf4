/*
 * fuzz_server.c: a server whose clients say the bytes of the input, beside one that is well-behaved
 * and must be served.
 *
 * Byte 0 of the input, bit 0: the rest is a script (else it is a client's bytes, as they are); bits
 * 1-2 how much a read returns; bit 3 small windows and queues; bit 4 few streams; bit 5 short
 * timeouts; bit 6 connections begin in good order (preface, SETTINGS), else without; bit 7 a pause
 * between the pieces.
 */
#include "lib/server/server.h"
#include "tests/fuzz/caller.h"
#include "tests/fuzz/served.h"
#include "tests/fuzz/wire.h"
#include <gmux/error.h>
#include <string.h>

/*
 * PEAK: a server, a channel and half a dozen connections with 100 streams each, measured at no more
 * than a third of this. What clients said may be held once for the reader, and once while a message
 * is put together.
 */
enum {
  PEERS = 6,
  MAX_MESSAGE = 100000,
  PEAK_BYTES = 1280 << 10,
  STEPS = 400,
  SAID_MAX = 1 << 17,
  GRACE_MS = 2000
};
#define MS GMUX__NS_PER_MS

static struct {
  sim *sim;
  gmux_loop *loop;
  gmux_server *server;
  bool is_draining, is_closed;
  gmux_channel *channel; /* the well-behaved client's */
  gmux__address address;
  rawpeer *peers[PEERS];
  bool is_ended[PEERS];
  size_t peer_count, current;
  bool is_greeting;
  size_t said;
} t;

/* ---- the application: what each method is like ---- */

/* Writes until the queue is full; a dozen messages at most. */
static void stream_on(fuzz_served *s) {
  static const char text[700];
  while (s->written < 12) {
    gmux_bytes message = gmux_bytes_borrow(text, sizeof text);
    if (served_write(s, &message) != 0) return;
  }
  if (!s->is_finished) served_finish(s, GMUX_OK, NULL);
}

static void reply(fuzz_served *s) {
  gmux_bytes message = gmux_bytes_borrow("reply", 5);
  served_reply(s, &message);
}

/* Unary: at once. Client-streaming: held, and answered by the script or never. Server-streaming:
 * as fast as it goes. Bidirectional: reads one message only, unless the script grants more. */
static void on_event(fuzz_served *s, char event) {
  served_ask(s);
  switch (event) {
  case 'C':
    if (s->kind == GMUX_CLIENT_STREAMING) served_hold(s);
    if (s->kind == GMUX_BIDI_STREAMING) {
      served_hold(s);
      served_set_manual_credit(s);
      served_send_headers(s, NULL);
    }
    return;
  case 'U':
    reply(s);
    return;
  case 'H':
    if (s->kind == GMUX_UNARY) reply(s);
    if (s->kind == GMUX_SERVER_STREAMING) stream_on(s);
    return;
  case 'W':
    if (s->kind == GMUX_SERVER_STREAMING) stream_on(s);
    return;
  case 'E':
    if (s->number % 2) served_let_go(s);
    return;
  default:
    return;
  }
}

static void served_act(fuzz_input *in) {
  static const char text[900];
  if (serveds.count == 0) return;
  fuzz_served *s = &serveds.calls[input_below(in, serveds.count)];
  uint8_t what = fuzz_u8(in);
  if (!s->call) return;
  gmux_bytes message = gmux_bytes_borrow(text, 3 * (size_t)(what / 8));
  switch (what % 8) {
  case 0:
    served_reply(s, &message);
    return;
  case 1:
    served_write(s, &message);
    return;
  case 2:
    served_finish(s, (gmux_code)(fuzz_u8(in) % 18), NULL);
    return;
  case 3:
    served_request(s, fuzz_u8(in) % 4u);
    return;
  case 4:
    served_request(s, GMUX_CREDIT_UNLIMITED);
    return;
  case 5:
    served_let_go(s);
    return;
  case 6:
    served_hold(s);
    return;
  default:
    served_send_headers(s, NULL);
    return;
  }
}

/* ---- the world ---- */

static void on_closed(void *user_data) {
  (void)user_data;
  fuzz_law(fuzz_in_api == 0, "on_closed from inside a function of the library");
  fuzz_law(!t.is_closed, "on_closed twice");
  t.is_closed = true;
}

static void server_open(uint8_t how) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.max_recv_message_bytes = MAX_MESSAGE;
  o.stream_window_bytes = o.connection_window_bytes = how & 8 ? 65535 : 262144;
  o.write_queue_bytes = how & 8 ? 1024 : 8192;
  o.connection_queue_bytes = 65536;
  if (how & 8) {
    o.reset_burst = 2;
    o.reset_rate_per_s = 1;
    o.client_reset_burst = 2;
    o.chatter_burst = 100;
    o.max_held_calls = 1;
  }
  if (how & 16) o.max_concurrent_streams = 2;
  if (how & 32) {
    o.handshake_timeout_ms = 1000;
    o.keepalive_ms = 2000;
    o.keepalive_timeout_ms = 1000;
    o.write_stall_timeout_ms = 1000;
    o.max_connection_idle_ms = 3000;
    o.max_connection_age_ms = 8000;
    o.max_connection_age_grace_ms = 1000;
  }
  fuzz_law(gmux_server_new(&t.server, t.loop, &o) == 0, "no server: %s", gmux_last_error());
  fuzz_law(served_add_methods(t.server) == 0, "no methods: %s", gmux_last_error());
  fuzz_law(FUZZ_API(gmux_server_listen_cleartext(t.server, "127.0.0.1:50051", NULL)) == 0,
           "does not listen: %s", gmux_last_error());
}

static void open_world(uint8_t how) {
  static const size_t chunks[] = {0, 3, 21, 200};
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.read_buffer_bytes = 16384;
  t.sim = sim_new(1);
  t.address = sim_address("127.0.0.1", 50051);
  t.is_greeting = how & 64;
  sim_net(t.sim)->buffer_bytes = 32768;
  sim_net(t.sim)->read_chunk = chunks[how >> 1 & 3];
  t.loop = sim_loop_with(t.sim, &o);
  callers_open(t.sim);
  serveds_open(MAX_MESSAGE);
  serveds.on_event = on_event;
  server_open(how);
  gmux_channel_options co;
  gmux_channel_options_init(&co, sizeof co);
  co.cleartext = true;
  fuzz_law(gmux_channel_new(&t.channel, t.loop, "ipv4:127.0.0.1:50051", &co) == 0, "no channel");
}

static void peer_said(void *arg, const uint8_t *bytes, size_t len) {
  (void)arg, (void)bytes;
  t.said += len;
}

static rawpeer *peer_open(void) {
  if (t.peer_count == PEERS) return t.peers[t.current];
  rawpeer *p = rawpeer_connect(t.loop, &t.address);
  t.current = t.peer_count++;
  t.peers[t.current] = p;
  rawpeer_tap(p, peer_said, NULL);
  if (t.is_greeting) {
    rawpeer_preface(p);
    rawpeer_settings(p, 0, NULL, NULL);
  }
  sim_run(t.sim);
  return p;
}

/* The other client's call: it must end well as long as the server takes calls. It waits for ready,
 * so that a connection's age may end one that it was about to take. */
static void serve_neighbour(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = 1000;
  o.wait_for_ready = true;
  fuzz_call *c = caller_start(t.channel, GMUX_UNARY, true, callers.fast, &o, NULL);
  if (!c) return;
  sim_run_for(t.sim, 200 * MS);
  fuzz_law(t.is_draining || (c->ends == 1 && c->code == GMUX_OK),
           "the neighbour is not served: %u, %s", c->ends, gmux_code_str(c->code));
}

/* ---- the client, bytes as they are ---- */

static void play_bytes(fuzz_input *in, bool has_pauses) {
  rawpeer *p = peer_open();
  size_t piece = has_pauses ? 1 + in->len / 8 : in->len;
  while (in->len > 0) {
    size_t n = in->len < piece ? in->len : piece;
    rawpeer_send(p, in->data, n);
    in->data += n;
    in->len -= n;
    sim_run_for(t.sim, has_pauses ? 10 * MS : 0);
  }
}

/* ---- clients and their weather, by a script ---- */

static void drain(int64_t grace_ms) {
  fuzz_note("drain, %lld ms", (long long)grace_ms);
  FUZZ_VOID(gmux_server_drain(t.server, grace_ms, t.is_draining ? NULL : on_closed, NULL));
  t.is_draining = true;
}

/* The neighbour's link is left alone. */
static void weather(fuzz_input *in) {
  rawpeer *p = t.peers[t.current];
  sim_link *link = rawpeer_link(p);
  switch (input_below(in, 5)) {
  case 0:
    if (link) sim_link_stall(link, fuzz_u8(in) % 4u);
    return;
  case 1:
    sim_net(t.sim)->write_chunk = 8 * (size_t)fuzz_u8(in);
    return;
  case 2:
    rawpeer_reset(p);
    return;
  case 3:
    rawpeer_close(p);
    return;
  default:
    if (t.is_ended[t.current]) return;
    rawpeer_shutdown(p);
    t.is_ended[t.current] = true;
    return;
  }
}

static void pass_time(fuzz_input *in) {
  uint32_t ms = INPUT_ANY_OF(in, 1, 10, 100, 500, 1000, 3000, 10000, 30000);
  fuzz_note("%u ms pass", ms);
  sim_run_for(t.sim, ms * MS);
}

static void play_step(fuzz_input *in) {
  uint8_t op = fuzz_u8(in);
  unsigned what = (op & 0x7f) % (WIRE_THINGS + 7);
  rawpeer *p = t.peers[t.current];
  switch (what) {
  case WIRE_THINGS:
    pass_time(in);
    break;
  case WIRE_THINGS + 1:
    peer_open();
    break;
  case WIRE_THINGS + 2:
    t.current = input_below(in, t.peer_count);
    break;
  case WIRE_THINGS + 3:
    served_act(in);
    break;
  case WIRE_THINGS + 4:
    weather(in);
    break;
  case WIRE_THINGS + 5:
    serve_neighbour();
    break;
  case WIRE_THINGS + 6:
    if (fuzz_u8(in) < 32) drain((int64_t)fuzz_u8(in) * 20);
    break;
  default:
    fuzz_note("says %u", what);
    if (!t.is_ended[t.current] && rawpeer_state(p) == 0 && t.said < SAID_MAX)
      wire_say(p, &wire_client, what, in);
  }
  if (!(op & 0x80)) sim_run(t.sim);
  gmux__server_check(t.server);
}

static void play_script(fuzz_input *in) {
  peer_open();
  for (unsigned step = 0; step < STEPS && in->len > 0; step++)
    play_step(in);
}

/* ---- the end ---- */

static void law_of_stats(void) {
  gmux_server_stats s = {.size = sizeof s};
  fuzz_law(FUZZ_API(gmux_server_get_stats(t.server, &s)) == 0, "no stats");
  fuzz_law(s.calls_started == s.calls_succeeded + s.calls_failed + s.calls_running,
           "%llu calls are not %llu + %llu + %u", (unsigned long long)s.calls_started,
           (unsigned long long)s.calls_succeeded, (unsigned long long)s.calls_failed,
           s.calls_running);
  fuzz_law(!t.is_closed || (s.calls_running == 0 && s.connections == 0),
           "closed, with %u calls on %u connections", s.calls_running, s.connections);
}

static void close_world(void) {
  sim_net(t.sim)->write_chunk = 0;
  serve_neighbour();
  law_of_stats();
  drain(GRACE_MS);
  sim_run_for(t.sim, 62000 * MS);
  fuzz_law(t.is_closed, "the server does not close");
  law_of_stats();
  size_t peak = test_alloc_peak();
  fuzz_note("%zu bytes at most, for %zu said", peak, t.said);
  fuzz_law(peak <= PEAK_BYTES + 2 * t.said, "%zu bytes of memory, for %zu said", peak, t.said);
  FUZZ_VOID(gmux_server_free(t.server));
  FUZZ_VOID(gmux_channel_free(t.channel));
  sim_run(t.sim);
  serveds_close();
  callers_close();
  for (size_t i = 0; i < t.peer_count; i++)
    rawpeer_free(t.peers[i]);
  sim_free(t.sim);
  fuzz_memory_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  fuzz_input in = {data, len};
  uint8_t how = fuzz_u8(&in);
  memset(&t, 0, sizeof t);
  fuzz_memory_begin();
  open_world(how);
  if (how & 1)
    play_script(&in);
  else
    play_bytes(&in, how & 128);
  close_world();
  return 0;
}
