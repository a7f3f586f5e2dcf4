/*
 * streams.c: what a message of a stream costs its client.
 *
 * Two ways. Without --bidi one call of /bench.v1.Bench/ServerStream, whose messages are taken as
 * they come. With --bidi one call of BidiEcho with a number of messages under way all the time:
 * each that comes back sends the next.
 */
#include "tests/bench/kit.h"
#include <ev.h>
#include <stdlib.h>
#include <string.h>

typedef struct program {
  kit_server server;
  uint64_t outstanding, size;
  bool is_bidi;
  gmux_channel *channel;
  gmux_call *call;
  uint8_t *payload;
  size_t reply_len;
  window window;
  bool is_full, is_ending;
  /* Messages; the time of each that is under way is in a ring. */
  uint64_t sent, received;
  uint64_t *sent_ns;
  uint64_t last_ns;
} program;

/* ---- protobuf, as far as needed ---- */

static size_t varint_put(uint8_t *at, uint64_t value) {
  size_t n = 0;
  for (; value > 127; value >>= 7)
    at[n++] = (uint8_t)(value | 0x80);
  at[n++] = (uint8_t)value;
  return n;
}

/* StreamRequest{count, size}; count 0: until we cancel. */
static size_t stream_request(uint8_t *at, uint64_t count, uint64_t size) {
  size_t n = 0;
  at[n++] = 0x08;
  n += varint_put(at + n, count);
  at[n++] = 0x10;
  return n + varint_put(at + n, size);
}

/* Payload{body} of so many bytes: nothing at all when there are none. */
static size_t payload_len(uint64_t size) {
  uint8_t scratch[10];
  return size ? 1 + varint_put(scratch, size) + (size_t)size : 0;
}

/* ---- the end ---- */

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  program *p = user_data;
  bool was_cancelled = status->code == GMUX_CANCELLED && !p->is_bidi;
  if (!p->is_ending || (status->code != GMUX_OK && !was_cancelled))
    kit_die("the stream: %s: %s", gmux_code_str(status->code), status->message);
  gmux_channel_close(p->channel, NULL, NULL);
}

/* All that was sent has to come back. A stream of the server's ends by itself after so many. */
static void finish(program *p) {
  p->is_ending = true;
  if (p->is_bidi)
    kit_must(gmux_call_half_close(p->call));
  else if (!p->window.count)
    gmux_call_cancel(p->call);
}

/* ---- messages ---- */

/* The payload outlives every message, so the library may use it where it lies. */
static void keep(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
}

static void send_more(program *p) {
  while (!p->is_full && !p->is_ending && p->sent - p->received < p->outstanding) {
    gmux_bytes message = gmux_bytes_wrap(p->payload, p->size, keep, NULL);
    int result = gmux_call_write(p->call, &message);
    p->is_full = result != 0;
    if (result == GMUX_ERR_AGAIN) return;
    if (result < 0) kit_must(result);
    p->sent_ns[p->sent++ % p->outstanding] = meter_clock_ns();
  }
}

static void on_writable(gmux_call *call, void *user_data) {
  (void)call;
  program *p = user_data;
  p->is_full = false;
  if (p->is_bidi) send_more(p);
}

/* Comparing all bytes would be measured too; that is for the warm-up. */
static void check(const program *p, const gmux_bytes *message) {
  if (message->len != p->reply_len) kit_die("a message has not the length that it should have");
  if (!p->is_bidi || p->window.phase != WINDOW_WARM_UP || !message->len) return;
  if (memcmp(message->data, p->payload, message->len)) kit_die("an echo is not what was sent");
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call;
  program *p = user_data;
  check(p, message);
  uint64_t now_ns = meter_clock_ns();
  uint64_t since_ns = p->is_bidi ? p->sent_ns[p->received % p->outstanding] : p->last_ns;
  p->received++;
  p->last_ns = now_ns;
  if (p->is_ending) return;
  window_note(&p->window, since_ns, now_ns);
  if (p->window.phase == WINDOW_ENDING)
    finish(p);
  else if (p->is_bidi)
    send_more(p);
}

static const gmux_call_handlers handlers = {
    .on_message = on_message, .on_writable = on_writable, .on_end = on_end};

/* ---- all of it ---- */

static void start(program *p, gmux_method *method) {
  kit_must(gmux_call_start(&p->call, p->channel, method, NULL, &handlers, p));
  kit_window_begin(&p->window);
  p->last_ns = meter_clock_ns();
  if (p->is_bidi) {
    send_more(p);
    return;
  }
  uint8_t bytes[32];
  gmux_bytes request = gmux_bytes_borrow(bytes, stream_request(bytes, p->window.count, p->size));
  int result = gmux_call_write(p->call, &request);
  if (result < 0) kit_must(result);
}

static void run(program *p) {
  struct ev_loop *ev;
  gmux_loop *loop = kit_loop_new(&ev);
  gmux_channel_options how;
  kit_channel_options(&how, &p->server);
  p->channel = kit_channel_new(loop, &p->server, &how);
  kit_channel_warm(p->channel, ev);
  gmux_method *method;
  kit_must(p->is_bidi ? gmux_method_new(&method, "/bench.v1.Bench/BidiEcho", GMUX_BIDI_STREAMING, 0)
                      : gmux_method_new(&method, "/bench.v1.Bench/ServerStream",
                                        GMUX_SERVER_STREAMING, 0));
  start(p, method);
  ev_run(ev, 0); /* returns when the channel has gone */
  gmux_method_free(method);
  gmux_call_free(p->call);
  gmux_channel_free(p->channel);
  kit_loop_free(loop, ev);
}

int main(int argc, char **argv) {
  program p = {.outstanding = 100, .window = {.seconds = 2, .warm_up = 0.3}};
  const kit_option options[] = {
      {"bidi", NULL, "echoes on one stream, instead of a stream of the server's", KIT_FLAG,
       &p.is_bidi, 0, 0},
      {"outstanding", "N", "--bidi: messages under way all the time", KIT_COUNT, &p.outstanding, 1,
       1000000},
      {"size", "BYTES", "of each message", KIT_COUNT, &p.size, 0, 4194000},
      KIT_WINDOW_OPTIONS(p.window),
      {0}};
  kit_parse("streams", "Measures messages of one stream.", options, &p.server, argc, argv);
  p.payload = malloc(p.size + 1);
  p.sent_ns = calloc(p.outstanding, sizeof *p.sent_ns);
  if (!p.payload || !p.sent_ns) kit_die("out of memory");
  for (size_t i = 0; i < p.size; i++)
    p.payload[i] = (uint8_t)(i * 31u);
  p.reply_len = p.is_bidi ? p.size : payload_len(p.size);
  run(&p);
  if (p.is_bidi && p.sent != p.received) kit_die("not all echoes came back");

  kit_print_begin(p.is_bidi ? "bidi" : "server_stream", &p.server);
  figures_number("bytes", (double)p.size);
  if (p.is_bidi) figures_number("outstanding", (double)p.outstanding);
  figures_messages(p.window.first, p.window.last, p.window.measured);
  figures_latencies(&p.window.latencies_ns);
  figures_end();
  free(p.payload);
  free(p.sent_ns);
  return 0;
}
