/*
 * ceiling_server.c: max_memory_bytes of a server (promise 15). A hundred clients' uploads of large
 * messages and a hundred streams whose readers are slow, on eight connections; under a ceiling of
 * 4 MiB all of them end with OK, none was refused, and the server has not much more than that in
 * memory at any time. Without a ceiling the same takes several times as much.
 */
#include "tests/sim/ceiling.h"
#include "tests/sim/net.h"
#include "tests/sim/purse.h"
#include <gmux/call.h>
#include <gmux/channel.h>
#include <gmux/server.h>
#include <stdio.h>
#include <string.h>

#define TARGET "ipv4:127.0.0.1:50051"
#define MS     GMUX__NS_PER_MS

enum {
  CHANNELS = 2,
  CONNECTIONS = 4, /* of each: max_connections, by default */
  UPLOADS = 100,
  UPLOAD_BYTES = 300000,
  STREAMS = 100,
  HEARD = 40, /* messages of each */
  HEARD_BYTES = 20000,
  CEILING = 4 << 20,
  /* What the header says comes on top: one message of each call that writes, and one large message,
   * while it grows from half of its size. */
  SLACK = STREAMS * (HEARD_BYTES + 128) + UPLOAD_BYTES * 3 / 2,
  PATIENCE_MS = 60000
};

typedef struct reader {
  gmux_call *call;
  unsigned heard;
  bool is_owed; /* it has taken a message and will want the next */
} reader;

static struct {
  sim *sim;
  gmux_loop *client_loop, *server_loop;
  gmux_server *server;
  gmux_channel *channels[CHANNELS];
  reader readers[STREAMS];
  unsigned ended, failed;
} w;

static uint8_t bytes[UPLOAD_BYTES];

/* ---- the server ---- */

static void serve_upload(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  gmux_bytes reply = gmux_bytes_borrow("", 0);
  if (request->len != UPLOAD_BYTES) w.failed++;
  ceiling_need(gmux_server_call_reply(call, &reply), "a reply");
}

/* As fast as it may. */
static void serve_on(gmux_server_call *call, void *user_data) {
  (void)user_data;
  uintptr_t left = (uintptr_t)gmux_server_call_get_data(call);
  for (int rc = 0; left > 0 && rc == 0;) {
    gmux_bytes message = gmux_bytes_borrow(bytes, HEARD_BYTES);
    rc = gmux_server_call_write(call, &message);
    if (rc < 0) return; /* on_writable comes */
    gmux_server_call_set_data(call, (void *)--left);
  }
  if (left == 0) (void)gmux_server_call_finish(call, NULL, NULL);
}

static void serve_call(gmux_server_call *call, void *user_data) {
  gmux_server_call_set_data(call, (void *)(uintptr_t)HEARD);
  serve_on(call, user_data);
}

static const gmux_server_handlers serve_stream = {.on_call = serve_call, .on_writable = serve_on};

/* ---- the clients ---- */

static void note_end(const gmux_status *s) {
  w.ended++;
  if (s->code == GMUX_OK) return;
  if (w.failed++ == 0) printf("# %s: %s\n", gmux_code_str(s->code), s->message);
}

static void on_upload(gmux_call *call, const gmux_status *s, gmux_bytes *reply,
                      const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers, (void)user_data;
  note_end(s);
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call;
  reader *r = user_data;
  r->heard += message->len == HEARD_BYTES;
  r->is_owed = true;
}

static void on_end(gmux_call *call, const gmux_status *s, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  const reader *r = user_data;
  note_end(s);
  if (r->heard != HEARD) w.failed++;
}

static void start_stream(reader *r, gmux_channel *channel, gmux_method *method) {
  static const gmux_call_handlers handlers = {.on_message = on_message, .on_end = on_end};
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.initial_credit = 1;
  ceiling_need(gmux_call_start(&r->call, channel, method, &o, &handlers, r), "a stream");
  gmux_bytes request = gmux_bytes_borrow("", 0);
  ceiling_need(gmux_call_write(r->call, &request), "a request");
  (void)gmux_call_half_close(r->call);
}

static void start_all(gmux_method *upload, gmux_method *stream) {
  for (int i = 0; i < STREAMS; i++)
    start_stream(&w.readers[i], w.channels[i % CHANNELS], stream);
  for (int i = 0; i < UPLOADS; i++) {
    gmux_bytes request = gmux_bytes_borrow(bytes, UPLOAD_BYTES);
    ceiling_need(gmux_call_unary_start(NULL, w.channels[i % CHANNELS], upload, NULL, &request,
                                       on_upload, NULL),
                 "an upload");
  }
}

/* One message of each stream a millisecond. */
static void read_on(void) {
  for (int i = 0; i < STREAMS; i++) {
    if (!w.readers[i].is_owed) continue;
    w.readers[i].is_owed = false;
    ceiling_need(gmux_call_grant(w.readers[i].call, 1), "credit");
  }
}

/* ---- one run ---- */

static void server_open(uint32_t ceiling) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.max_memory_bytes = ceiling;
  ceiling_need(gmux_server_new(&w.server, w.server_loop, &o), "a server");
  ceiling_need(
      gmux_server_add_method(w.server, "/c.S/Stream", GMUX_SERVER_STREAMING, &serve_stream, NULL),
      "a method");
  ceiling_need(gmux_server_add_unary(w.server, "/c.S/Upload", serve_upload, NULL), "a method");
  ceiling_need(gmux_server_listen_cleartext(w.server, TARGET, NULL), "a listener");
}

static void world_open(uint32_t ceiling) {
  memset(&w, 0, sizeof w);
  w.sim = sim_new(12);
  sim_net(w.sim)->latency_ns = MS;
  w.client_loop = sim_loop(w.sim);
  w.server_loop = sim_loop(w.sim);
  server_open(ceiling);
  sim_set_outside(w.server_loop, true);
  purse_set_server(w.server_loop);
  gmux_channel_options co;
  gmux_channel_options_init(&co, sizeof co);
  co.cleartext = true;
  /* What a client has to read already does not wait at its server. */
  co.stream_window_bytes = co.connection_window_bytes = 65535;
  /* A connection whose calls all wait for the server's memory is silent; another would cost more.
   */
  co.suspect_after_ms = GMUX_NEVER_MS;
  for (int i = 0; i < CHANNELS; i++)
    ceiling_need(gmux_channel_new(&w.channels[i], w.client_loop, TARGET, &co), "a channel");
}

static void world_close(void) {
  for (int i = 0; i < STREAMS; i++)
    gmux_call_free(w.readers[i].call);
  for (int i = 0; i < CHANNELS; i++)
    gmux_channel_free(w.channels[i]);
  gmux_server_close(w.server, NULL, NULL);
  gmux_server_free(w.server);
  sim_run_for(w.sim, 1000 * MS);
  purse_set_server(NULL);
  sim_free(w.sim);
}

/* The most that the server had, beside itself. */
static size_t run(uint32_t ceiling, gmux_server_stats *stats) {
  gmux_method *upload, *stream;
  ceiling_need(gmux_method_new(&upload, "/c.S/Upload", GMUX_UNARY, 0), "a method");
  ceiling_need(gmux_method_new(&stream, "/c.S/Stream", GMUX_SERVER_STREAMING, 0), "a method");
  world_open(ceiling);
  size_t before = purse_bytes(PURSE_SERVER);
  (void)purse_peak(PURSE_SERVER);
  start_all(upload, stream);
  for (int ms = 0; ms < PATIENCE_MS && w.ended < STREAMS + UPLOADS; ms++) {
    sim_run_for(w.sim, MS);
    read_on();
  }
  size_t peak = purse_peak(PURSE_SERVER) - before;
  sim_run_for(w.sim, 100 * MS); /* what waits for acknowledgements comes back */
  *stats = (gmux_server_stats){.size = sizeof *stats};
  ceiling_need(gmux_server_get_stats(w.server, stats), "figures");
  printf("# server's ceiling %u: %u of %d ended, %u failed, %u refused, %zu bytes at most, %llu "
         "waits, %u connections, %u calls at most, %llu ms\n",
         ceiling, w.ended, STREAMS + UPLOADS, w.failed, (unsigned)stats->calls_refused, peak,
         (unsigned long long)stats->memory_waits, (unsigned)stats->connections_accepted,
         stats->calls_peak, (unsigned long long)((sim_now(w.sim) - SIM_EPOCH) / MS));
  world_close();
  gmux_method_free(upload);
  gmux_method_free(stream);
  return peak;
}

void ceiling_of_a_server(void) {
  gmux_server_stats stats;
  size_t peak = run(CEILING, &stats);
  ceiling_tell(w.ended == STREAMS + UPLOADS && w.failed == 0, "a server's calls all end with OK");
  ceiling_tell(stats.calls_refused == 0, "a server refuses none of clients that heed SETTINGS");
  ceiling_tell(stats.connections_refused == 0, "and none of the connections there is room for");
  ceiling_tell(peak <= CEILING + SLACK, "a server stays below the ceiling and its slack");
  ceiling_tell(stats.memory_waits > 0, "clients that wait for a server's memory are counted");
  peak = run(0, &stats);
  ceiling_tell(w.ended == STREAMS + UPLOADS && w.failed == 0, "the same ends without a ceiling");
  ceiling_tell(peak > 2 * (CEILING + SLACK), "without a ceiling a server has far more");
  ceiling_tell(stats.memory_waits == 0 && stats.memory_bytes == 0,
               "without a ceiling no client waits");
}
