/*
 * herd.c: what a fleet of processes does to the one server that all of them are connected to, when
 * it restarts.
 *
 * A process is a loop with a storm gate of its own and some channels, each of which keeps one
 * connection; client, server and HTTP/2 are the library's, time and network are the simulator's.
 * The server pays for each handshake with time in which it does nothing else, so that what arrives
 * at once waits, and what waits too long is given up and comes again. Prints one line of JSON.
 */
#include "tests/sim/net.h"
#include <errno.h>
#include <gmux/channel.h>
#include <gmux/server.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS GMUX__NS_PER_MS

enum {
  PORT = 50051,
  TICK_MS = 10,
  BUCKET_MS = 100,
  CHANNELS_OF_A_LOOP = 500,
  SETTLE_MS = 60000, /* no backoff is left from the start */
  BACK_MS = 600000,
  EXIT_USAGE = 2
};

typedef struct herd_options {
  uint32_t processes, channels; /* channels: of each */
  uint32_t jitter_ms;           /* redial_jitter_ms */
  uint32_t gate;                /* 0: holds nobody back */
  uint32_t down_ms;             /* from the server's end to its return */
  uint32_t handshake_us;        /* of the server's time, each */
} herd_options;

typedef struct herd {
  herd_options o;
  sim *sim;
  gmux_loop *server_loop;
  gmux_server *server;
  uint64_t handshakes; /* that this server has paid for */
  bool is_free;        /* handshakes cost nothing yet */
  gmux_channel **channels;
  uint64_t *back_ms; /* of each channel, since the return; UINT64_MAX: not yet */
  size_t count, back;
  size_t waiting_peak; /* links that were open and not READY */
  uint64_t returned_ns;
  size_t dials_before;
} herd;

static herd h;

static void die(const char *what, int error) {
  fprintf(stderr, "herd: %s: %s\n", what, gmux_strerror(error));
  exit(EXIT_FAILURE);
}

static void must(int error, const char *what) {
  if (error) die(what, error);
}

static gmux__address address(void) {
  return sim_address("127.0.0.1", PORT);
}

/* ---- the server ---- */

static gmux_server_stats server_stats(void) {
  gmux_server_stats s = {.size = sizeof s};
  must(gmux_server_get_stats(h.server, &s), "the server's statistics");
  return s;
}

/* Who came in this turn has been paid for before the next. */
static void pay(gmux_loop *loop, void *arg) {
  (void)arg;
  if (loop != h.server_loop || !h.server || h.is_free) return;
  uint64_t accepted = server_stats().connections_accepted;
  if (accepted == h.handshakes) return;
  sim_loop_freeze(loop, (accepted - h.handshakes) * h.o.handshake_us * 1000);
  h.handshakes = accepted;
}

static void server_open(void) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.max_connections = 1000000;
  char at[32];
  snprintf(at, sizeof at, "127.0.0.1:%d", PORT);
  must(gmux_server_new(&h.server, h.server_loop, &o), "a server");
  must(gmux_server_listen_cleartext(h.server, at, NULL), "listen");
  h.handshakes = 0;
}

static void server_kill(void) {
  for (sim_link *l = sim_link_first(h.sim); l; l = sim_link_next(l))
    sim_link_reset(l);
  gmux_server_free(h.server);
  h.server = NULL;
}

/* ---- the fleet ---- */

/* Its gate cannot hold back a process of one channel, so many of those share a loop without one:
 * the simulator looks at each loop at each step. */
static bool is_gated(void) {
  return h.o.gate && h.o.channels > 1;
}

static gmux_loop *loop_new(void) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.log_level = GMUX_LOG_NONE;
  o.read_buffer_bytes = 16384;
  if (!is_gated()) o.max_dialing = o.dial_rate_per_s = 100000;
  gmux_loop *loop = sim_loop_with(h.sim, &o);
  if (!loop) die("a loop", GMUX_ERR_NOMEM);
  return loop;
}

static void fleet_open(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.min_connections = 1;
  o.redial_jitter_ms = h.o.jitter_ms;
  char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%d", PORT);
  o.cleartext = true;
  h.channels = sim_alloc((size_t)h.o.processes * h.o.channels * sizeof *h.channels);
  h.back_ms = sim_alloc((size_t)h.o.processes * h.o.channels * sizeof *h.back_ms);
  uint32_t channels = h.o.processes * h.o.channels;
  uint32_t each = is_gated() ? h.o.channels : CHANNELS_OF_A_LOOP;
  gmux_loop *loop = NULL;
  while (h.count < channels) {
    if (h.count % each == 0) loop = loop_new();
    gmux_channel **ch = &h.channels[h.count++];
    must(gmux_channel_new(ch, loop, target, &o), "a channel");
    gmux_channel_get_state(*ch, true);
  }
}

static bool is_ready(size_t i) {
  return gmux_channel_get_state(h.channels[i], false) == GMUX_CHANNEL_READY;
}

static bool are_all_ready(void *arg) {
  (void)arg;
  for (size_t i = 0; i < h.count; i++)
    if (!is_ready(i)) return false;
  return true;
}

static bool are_all_gone(void *arg) {
  (void)arg;
  return sim_link_first(h.sim) == NULL;
}

static void fleet_close(void) {
  for (size_t i = 0; i < h.count; i++)
    gmux_channel_free(h.channels[i]);
}

/* ---- after the return ---- */

static size_t dials(void) {
  gmux__address at = address();
  return sim_net_dials(h.sim, &at);
}

static uint64_t since_return_ms(void) {
  return (sim_now(h.sim) - h.returned_ns) / MS;
}

static void look(void) {
  for (size_t i = 0; i < h.count; i++) {
    if (h.back_ms[i] != UINT64_MAX || !is_ready(i)) continue;
    h.back_ms[i] = since_return_ms();
    h.back++;
  }
  size_t links = 0;
  for (sim_link *l = sim_link_first(h.sim); l; l = sim_link_next(l))
    links++;
  size_t waiting = links > h.back ? links - h.back : 0;
  if (waiting > h.waiting_peak) h.waiting_peak = waiting;
}

static void come_back(void) {
  h.returned_ns = sim_now(h.sim);
  for (size_t i = 0; i < h.count; i++)
    h.back_ms[i] = UINT64_MAX;
  while (h.back < h.count && since_return_ms() < BACK_MS) {
    sim_run_for(h.sim, TICK_MS * MS);
    look();
  }
}

static void restart(void) {
  h.is_free = false;
  server_kill();
  h.dials_before = dials();
  sim_run_for(h.sim, h.o.down_ms * MS);
  server_open();
  come_back();
}

/* ---- the report ---- */

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Dials are in the order of their moments. Buckets are counted from the server's end. */
static void print_dials(void) {
  gmux__address at = address();
  uint64_t ended_ns = h.returned_ns - h.o.down_ms * MS;
  size_t bucket = 0, in_bucket = 0;
  printf("\"bucket_ms\": %d, \"dials_in_bucket\": [", BUCKET_MS);
  for (size_t i = h.dials_before; i < dials(); i++) {
    size_t of = (sim_net_dialed_at(h.sim, &at, i) - ended_ns) / (BUCKET_MS * MS);
    for (; bucket < of; bucket++, in_bucket = 0)
      printf("%zu, ", in_bucket);
    in_bucket++;
  }
  printf("%zu]", in_bucket);
}

static void report(void) {
  qsort(h.back_ms, h.count, sizeof *h.back_ms, by_value);
  printf("{\"bench\": \"herd\", \"peer\": \"gmux\", \"processes\": %u, \"channels\": %u, "
         "\"gate\": %u, \"jitter_ms\": %u, \"down_ms\": %u, \"handshake_us\": %u, ",
         h.o.processes, h.o.channels, h.o.gate, h.o.jitter_ms, h.o.down_ms, h.o.handshake_us);
  printf("\"dials\": %zu, \"waiting_peak\": %zu, \"back_p50_ms\": %llu, \"back_p99_ms\": %llu, "
         "\"back_all_ms\": %llu, ",
         dials() - h.dials_before, h.waiting_peak, (unsigned long long)h.back_ms[h.count / 2],
         (unsigned long long)h.back_ms[h.count * 99 / 100],
         (unsigned long long)h.back_ms[h.count - 1]);
  print_dials();
  printf("}\n");
}

/* ---- options ---- */

static void usage(const char *what, const char *which) {
  fprintf(stderr,
          "herd: %s%s\n"
          "usage: herd [--processes N] [--channels N] [--jitter-ms N] [--gate 0|1]\n"
          "            [--down-ms N] [--handshake-us N]\n",
          what, which);
  exit(EXIT_USAGE);
}

static uint32_t number(const char *name, const char *text, uint32_t least, uint32_t most) {
  char *end = NULL;
  errno = 0;
  unsigned long n = text ? strtoul(text, &end, 10) : 0;
  if (!text || *text < '0' || *text > '9' || *end || errno || n < least || n > most)
    usage("not a number that it can have: ", name);
  return (uint32_t)n;
}

static void parse(int argc, char **argv) {
  h.o = (herd_options){.processes = 1000,
                       .channels = 1,
                       .jitter_ms = 100,
                       .gate = 1,
                       .down_ms = 3000,
                       .handshake_us = 1000};
  const struct {
    const char *name;
    uint32_t *value, least, most;
  } known[] = {{"--processes", &h.o.processes, 1, 100000},
               {"--channels", &h.o.channels, 1, 1000},
               {"--jitter-ms", &h.o.jitter_ms, 0, 60000},
               {"--gate", &h.o.gate, 0, 1},
               {"--down-ms", &h.o.down_ms, 0, 600000},
               {"--handshake-us", &h.o.handshake_us, 0, 1000000}};
  for (int i = 1; i < argc; i += 2) {
    size_t k = 0;
    while (k < sizeof known / sizeof *known && strcmp(argv[i], known[k].name) != 0)
      k++;
    if (k == sizeof known / sizeof *known) usage("what is ", argv[i]);
    *known[k].value = number(argv[i], argv[i + 1], known[k].least, known[k].most);
  }
}

int main(int argc, char **argv) {
  parse(argc, argv);
  h.sim = sim_new(42);
  sim_net(h.sim)->latency_ns = MS;
  sim_after_turn(h.sim, pay, NULL);
  h.server_loop = sim_loop(h.sim);
  h.is_free = true;
  server_open();
  fleet_open();
  if (!sim_run_until(h.sim, are_all_ready, NULL, BACK_MS * MS))
    die("the fleet never came up", GMUX_ERR_TIMEOUT);
  sim_run_for(h.sim, SETTLE_MS * MS);
  restart();
  report();
  bool is_back = h.back == h.count;
  if (!is_back) fprintf(stderr, "herd: %zu of %zu were never back\n", h.count - h.back, h.count);
  fleet_close();
  gmux_server_free(h.server);
  sim_run_until(h.sim, are_all_gone, NULL, BACK_MS * MS);
  sim_free(h.sim);
  free(h.channels);
  free(h.back_ms);
  return is_back ? EXIT_SUCCESS : EXIT_FAILURE;
}
