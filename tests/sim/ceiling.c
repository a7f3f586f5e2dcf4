/*
 * ceiling.c: max_memory_bytes (promise 15), here of a channel; of a server in ceiling_server.c. A
 * hundred streams carry messages both ways, their reader is slow, and large replies come beside
 * them; under a ceiling of 1 MiB all of them end with OK, and the channel has not much more than
 * that in memory at any time. Without a ceiling the same takes twenty times as much. Prints TAP.
 */
#include "tests/sim/ceiling.h"
#include "tests/sim/net.h"
#include "tests/sim/purse.h"
#include <gmux/call.h>
#include <gmux/channel.h>
#include <gmux/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET "ipv4:127.0.0.1:50051"
#define MS     GMUX__NS_PER_MS

enum {
  STREAMS = 100,
  SENT = 40, /* messages of each stream, */
  SENT_BYTES = 2048,
  HEARD = 20, /* and of its answer */
  HEARD_BYTES = 20000,
  LARGE = 30, /* unary calls */
  LARGE_BYTES = 300000,
  CEILING = 1 << 20,
  CONNECTIONS = 4, /* max_connections, by default */
  /* What the header says comes on top: the calls that wait, one message of each that writes, one
   * large message, while it grows from half of its size; and what each connection has gathered for
   * its socket. */
  SLACK = STREAMS * (SENT_BYTES + 128 + 1600) + LARGE * 1600 + LARGE_BYTES * 3 / 2 +
          CONNECTIONS * 65536,
  PATIENCE_MS = 60000
};

typedef struct flow {
  gmux_call *call;
  unsigned sent, heard;
  bool is_owed; /* the reader has taken a message and will want the next */
} flow;

static struct {
  sim *sim;
  gmux_loop *client_loop, *server_loop;
  gmux_server *server;
  gmux_channel *channel;
  flow flows[STREAMS];
  unsigned ended, failed;
  char words[384]; /* of a call that waited */
} w;

static uint8_t bytes[LARGE_BYTES];
static unsigned told;
static int status;

void ceiling_tell(bool holds, const char *what) {
  printf("%s %u - ceiling/%s\n", holds ? "ok" : "not ok", ++told, what);
  if (!holds) status = 1;
}

void ceiling_need(int error, const char *what) {
  if (!error) return;
  printf("Bail out! %s: %s\n", what, gmux_last_error());
  exit(1);
}

/* ---- the server: answers a request with more than was asked, as fast as it may ---- */

static void answer_on(gmux_server_call *call) {
  uintptr_t left = (uintptr_t)gmux_server_call_get_data(call);
  while (left > 0) {
    gmux_bytes message = gmux_bytes_borrow(bytes, HEARD_BYTES);
    int rc = gmux_server_call_write(call, &message);
    if (rc < 0) return; /* on_writable comes */
    gmux_server_call_set_data(call, (void *)--left);
  }
  gmux_server_call_finish(call, NULL, NULL);
}

static void serve_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_set_data(call, (void *)(uintptr_t)HEARD);
}

static void serve_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  answer_on(call);
}

static void serve_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)call, (void)message, (void)user_data;
}

static void serve_large(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request, (void)user_data;
  gmux_bytes reply = gmux_bytes_borrow(bytes, LARGE_BYTES);
  ceiling_need(gmux_server_call_reply(call, &reply), "a reply");
}

static const gmux_server_handlers serve_stream = {.on_call = serve_call,
                                                  .on_message = serve_message,
                                                  .on_half_close = serve_half_close,
                                                  .on_writable = serve_half_close};

/* ---- the client ---- */

static void note_end(const gmux_status *s) {
  w.ended++;
  if (s->code == GMUX_OK) return;
  if (w.failed++ == 0) printf("# %s: %s\n", gmux_code_str(s->code), s->message);
}

static void send_on(flow *s) {
  for (int rc = 0; rc == 0 && s->sent < SENT; s->sent += rc >= 0) {
    gmux_bytes message = gmux_bytes_borrow(bytes, SENT_BYTES);
    rc = gmux_call_write(s->call, &message);
  }
  if (s->sent == SENT) (void)gmux_call_half_close(s->call);
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call;
  flow *s = user_data;
  s->heard += message->len == HEARD_BYTES;
  s->is_owed = true;
}

static void on_writable(gmux_call *call, void *user_data) {
  (void)call;
  send_on(user_data);
}

static void on_end(gmux_call *call, const gmux_status *s, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  const flow *f = user_data;
  note_end(s);
  if (f->heard != HEARD) w.failed++;
}

static void on_large(gmux_call *call, const gmux_status *s, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers, (void)user_data;
  note_end(s);
  if (reply->len != LARGE_BYTES) w.failed++;
}

static void start_all(gmux_method *bidi, gmux_method *unary) {
  static const gmux_call_handlers handlers = {
      .on_message = on_message, .on_writable = on_writable, .on_end = on_end};
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.initial_credit = 1;
  for (int i = 0; i < STREAMS; i++) {
    flow *s = &w.flows[i];
    ceiling_need(gmux_call_start(&s->call, w.channel, bidi, &o, &handlers, s), "a stream");
    send_on(s);
  }
  for (int i = 0; i < LARGE; i++) {
    gmux_bytes request = gmux_bytes_borrow("", 0);
    ceiling_need(gmux_call_unary_start(NULL, w.channel, unary, NULL, &request, on_large, NULL),
                 "a call");
  }
}

/* One message of each stream a millisecond. */
static void read_on(void) {
  for (int i = 0; i < STREAMS; i++) {
    if (!w.flows[i].is_owed) continue;
    w.flows[i].is_owed = false;
    ceiling_need(gmux_call_grant(w.flows[i].call, 1), "credit");
  }
}

static void note_words(void) {
  gmux_call_explanation e = {.size = sizeof e};
  ceiling_need(gmux_call_explain(w.flows[STREAMS - 1].call, &e), "an explanation");
  memcpy(w.words, e.sentence, sizeof w.words);
}

static gmux_channel_stats figures(void) {
  gmux_channel_stats s = {.size = sizeof s};
  ceiling_need(gmux_channel_get_stats(w.channel, &s), "figures");
  return s;
}

/* ---- one run ---- */

static void world_open(uint32_t ceiling) {
  memset(&w, 0, sizeof w);
  w.sim = sim_new(11);
  sim_net(w.sim)->latency_ns = MS;
  w.client_loop = sim_loop(w.sim);
  w.server_loop = sim_loop(w.sim);
  gmux_server_options so;
  gmux_server_options_init(&so, sizeof so);
  so.max_concurrent_streams = 1000;
  ceiling_need(gmux_server_new(&w.server, w.server_loop, &so), "a server");
  ceiling_need(
      gmux_server_add_method(w.server, "/c.S/Stream", GMUX_BIDI_STREAMING, &serve_stream, NULL),
      "a method");
  ceiling_need(gmux_server_add_unary(w.server, "/c.S/Large", serve_large, NULL), "a method");
  ceiling_need(gmux_server_listen_cleartext(w.server, TARGET, NULL), "a listener");
  sim_set_outside(w.server_loop, true);
  purse_set_server(w.server_loop);
  gmux_channel_options co;
  gmux_channel_options_init(&co, sizeof co);
  co.cleartext = true;
  co.max_memory_bytes = ceiling;
  ceiling_need(gmux_channel_new(&w.channel, w.client_loop, TARGET, &co), "a channel");
}

static void world_close(void) {
  for (int i = 0; i < STREAMS; i++)
    gmux_call_free(w.flows[i].call);
  gmux_channel_free(w.channel);
  gmux_server_close(w.server, NULL, NULL);
  gmux_server_free(w.server);
  sim_run_for(w.sim, 1000 * MS);
  purse_set_server(NULL);
  sim_free(w.sim);
}

/* The most that the client had, beside the loop's own. */
static size_t run(uint32_t ceiling, gmux_channel_stats *stats) {
  gmux_method *bidi, *unary;
  ceiling_need(gmux_method_new(&bidi, "/c.S/Stream", GMUX_BIDI_STREAMING, 0), "a method");
  ceiling_need(gmux_method_new(&unary, "/c.S/Large", GMUX_UNARY, 0), "a method");
  world_open(ceiling);
  size_t before = purse_bytes(PURSE_CLIENT);
  (void)purse_peak(PURSE_CLIENT);
  start_all(bidi, unary);
  for (int ms = 0; ms < PATIENCE_MS && w.ended < STREAMS + LARGE; ms++) {
    sim_run_for(w.sim, MS);
    read_on();
    if (ms == 20) note_words();
  }
  size_t peak = purse_peak(PURSE_CLIENT) - before;
  *stats = figures();
  printf("# ceiling %u: %u of %d ended, %u failed, %zu bytes at most, %llu waits, %llu ms\n",
         ceiling, w.ended, STREAMS + LARGE, w.failed, peak, (unsigned long long)stats->memory_waits,
         (unsigned long long)((sim_now(w.sim) - SIM_EPOCH) / MS));
  world_close();
  gmux_method_free(bidi);
  gmux_method_free(unary);
  return peak;
}

int main(void) {
  if (!purse_open()) ceiling_need(GMUX_ERR_STATE, "an allocator");
  gmux_channel_stats stats;
  size_t peak = run(CEILING, &stats);
  ceiling_tell(w.ended == STREAMS + LARGE && w.failed == 0, "no call fails for want of memory");
  ceiling_tell(peak <= CEILING + SLACK, "memory stays below the ceiling and its slack");
  ceiling_tell(stats.memory_waits > 0, "who waits for memory is counted");
  ceiling_tell(stats.memory_bytes == 0, "all that was given comes back");
  ceiling_tell(strstr(w.words, "for memory: ") != NULL, "a call says that it waits for memory");
  printf("# %s\n", w.words);
  peak = run(0, &stats);
  ceiling_tell(w.ended == STREAMS + LARGE && w.failed == 0, "the same ends without a ceiling");
  ceiling_tell(peak > 4 * (CEILING + SLACK), "without a ceiling it takes far more");
  ceiling_tell(stats.memory_waits == 0 && stats.memory_bytes == 0,
               "without a ceiling nobody waits");
  ceiling_of_a_server();
  printf("1..%u\n", told);
  return status;
}
