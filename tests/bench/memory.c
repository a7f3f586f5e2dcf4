/*
 * memory.c: what things cost in bytes while nothing happens: a call that waits for its reply, a
 * call that waits for a place, a connection without a call.
 *
 * One of the kind is made first, so that what is there once is not counted. Then many are made, and
 * when all of them stand still the difference is divided by their number. Measured is resident
 * memory, in a process that has freed next to nothing before; or, with --hook, what gmux has
 * allocated. What the server holds more is printed beside it when its process is given: right only
 * for a server that has served nothing else, since one that has takes memory that it had. Calls are
 * of /bench.v1.Bench/Hold, which a server does not answer as long as this runs.
 */
#include "tests/bench/kit.h"
#include "tests/bench/live.h"
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
  kit_server server;
  const char *of;
  uint64_t count, calls;
  bool has_channels, uses_hook;
} settings;

typedef struct program {
  settings s;
  gmux_loop *loop;
  struct ev_loop *ev;
  gmux_channel_options how;
  gmux_channel **channels;
  uint32_t channel_count;
  gmux_method *hold, *echo;
  uint64_t running_echoes;
  bool is_ending;
} program;

/* ---- calls ---- */

/* Payload.delay_ms = 60000 (field 3), for servers that look into messages. */
static const uint8_t delay_a_minute[] = {0x18, 0xe0, 0xd4, 0x03};

static void on_held(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  const program *p = user_data;
  if (!p->is_ending)
    kit_die("a call ended that should have waited: %s: %s", gmux_code_str(status->code),
            status->message);
}

static void hold_calls(program *p, gmux_channel *channel, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    gmux_bytes request = gmux_bytes_borrow(delay_a_minute, sizeof delay_a_minute);
    kit_must(gmux_call_unary_start(NULL, channel, p->hold, NULL, &request, on_held, p));
  }
}

static void on_echo(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  program *p = user_data;
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  if (--p->running_echoes == 0) ev_break(p->ev, EVBREAK_ALL);
}

/* Calls that come and go, all at once: what they leave behind is part of the price. */
static void echo_calls(program *p, gmux_channel *channel, uint64_t count) {
  if (count == 0) return;
  p->running_echoes = count;
  for (uint64_t i = 0; i < count; i++) {
    gmux_bytes request = gmux_bytes_borrow(NULL, 0);
    kit_must(gmux_call_unary_start(NULL, channel, p->echo, NULL, &request, on_echo, p));
  }
  while (p->running_echoes)
    ev_run(p->ev, 0);
}

static gmux_channel_stats stats_of(gmux_channel *channel) {
  gmux_channel_stats stats = {.size = sizeof stats};
  kit_must(gmux_channel_get_stats(channel, &stats));
  return stats;
}

/* Until so many run and so many wait, and nothing more has to leave. */
static void settle(program *p, gmux_channel *channel, uint64_t running, uint64_t waiting) {
  uint64_t sent = 0;
  for (int tries = 0; tries < 1000; tries++) {
    kit_run_for(p->ev, 0.02);
    gmux_channel_stats stats = stats_of(channel);
    if (stats.calls_running == running && stats.calls_waiting == waiting &&
        stats.bytes_sent == sent)
      return;
    sent = stats.bytes_sent;
  }
  gmux_channel_stats stats = stats_of(channel);
  kit_die("%" PRIu32 " calls run and %" PRIu32 " wait, instead of %" PRIu64 " and %" PRIu64
          ": does the server allow so many?",
          stats.calls_running, stats.calls_waiting, running, waiting);
}

/* ---- channels ---- */

static gmux_channel *channel_add(program *p) {
  gmux_channel *channel;
  kit_must(gmux_channel_new(&channel, p->loop, p->s.server.target, &p->how));
  p->channels[p->channel_count++] = channel;
  return channel;
}

/* ---- the kinds ---- */

typedef struct held {
  uint64_t ours, servers;
} held;

/* Its resident memory. */
static uint64_t server_bytes(uint64_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%" PRIu64 "/statm", pid);
  unsigned long pages = 0;
  FILE *file = fopen(path, "r");
  int found = file ? fscanf(file, "%*u %lu", &pages) : 0;
  if (file) fclose(file);
  if (found != 1) kit_die("%s cannot be read: the server has gone", path);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static held held_now(const program *p) {
  return (held){p->s.uses_hook ? live_bytes() : meter_resident_bytes(),
                p->s.server.pid ? server_bytes(p->s.server.pid) : 0};
}

static held measure_calls(program *p) {
  uint32_t streams = (uint32_t)p->s.count + 1;
  p->how.max_connections = 1;
  p->how.max_concurrent_streams = streams;
  p->how.ideal_streams = streams;
  gmux_channel *channel = channel_add(p);
  echo_calls(p, channel, 1);
  hold_calls(p, channel, 1);
  settle(p, channel, 1, 0);
  held before = held_now(p);
  hold_calls(p, channel, p->s.count);
  settle(p, channel, p->s.count + 1, 0);
  return before;
}

/* The one place is taken, so the others wait. */
static held measure_waiting(program *p) {
  p->how.max_connections = 1;
  p->how.max_concurrent_streams = 1;
  gmux_channel *channel = channel_add(p);
  echo_calls(p, channel, 1);
  hold_calls(p, channel, 2);
  settle(p, channel, 1, 1);
  held before = held_now(p);
  hold_calls(p, channel, p->s.count);
  settle(p, channel, 1, p->s.count + 1);
  return before;
}

/* Sessions that the server sends behind the handshake have come, and what was freed is freed. */
static void rest(program *p) {
  kit_run_for(p->ev, 0.3);
}

/* A pool of so many connections, or a channel for each. With SPREAD each takes as many calls as
 * any other. */
static held measure_connections(program *p) {
  gmux_channel *first = channel_add(p);
  kit_channel_warm(first, p->ev);
  echo_calls(p, first, p->s.calls);
  rest(p);
  uint32_t each = p->s.has_channels ? 1 : (uint32_t)p->s.count;
  p->how.pick_order = GMUX_PICK_SPREAD;
  p->how.max_connections = p->how.min_connections = each;
  p->how.idle_timeout_ms = 0;
  held before = held_now(p);
  for (uint64_t made = 0; made < p->s.count; made += each) {
    gmux_channel *channel = channel_add(p);
    kit_channel_warm(channel, p->ev);
    echo_calls(p, channel, p->s.calls * each);
    if (stats_of(channel).connections_ready != each) kit_die("a connection was lost");
  }
  rest(p);
  return before;
}

typedef struct kind {
  const char *name, *bench;
  held (*measure)(program *p);
} kind;

static const kind kinds[] = {{"call", "memory_call", measure_calls},
                             {"waiting", "memory_waiting", measure_waiting},
                             {"connection", "memory_idle", measure_connections}};

static const kind *kind_find(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, name)) return &kinds[i];
  return NULL;
}

/* ---- all of it ---- */

static double each(uint64_t after, uint64_t before, uint64_t count) {
  return ((double)after - (double)before) / (double)count;
}

static void print_figures(const program *p, const kind *k, held before, held after) {
  kit_print_begin(k->bench, &p->s.server);
  figures_text("by", p->s.uses_hook ? "hook" : "resident");
  figures_number("count", (double)p->s.count);
  if (k->measure == measure_connections) {
    figures_text("each", p->s.has_channels ? "channel" : "connection");
    figures_number("calls_before", (double)p->s.calls);
  }
  figures_number("bytes_each", each(after.ours, before.ours, p->s.count));
  if (p->s.server.pid)
    figures_number("server_bytes_each", each(after.servers, before.servers, p->s.count));
  figures_end();
}

static void program_init(program *p) {
  kit_raise_descriptors();
  if (p->s.uses_hook) kit_must(live_count());
  p->channels = calloc(p->s.count + 1, sizeof(gmux_channel *));
  if (!p->channels) kit_die("out of memory");
  kit_must(gmux_method_new(&p->hold, "/bench.v1.Bench/Hold", GMUX_UNARY, 0));
  kit_must(gmux_method_new(&p->echo, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  p->loop = kit_loop_new(&p->ev);
  kit_channel_options(&p->how, &p->s.server);
}

static void program_deinit(program *p) {
  p->is_ending = true;
  for (uint32_t i = 0; i < p->channel_count; i++)
    gmux_channel_free(p->channels[i]);
  gmux_tls_free(p->how.tls);
  kit_loop_free(p->loop, p->ev);
  gmux_method_free(p->hold);
  gmux_method_free(p->echo);
  free(p->channels);
}

int main(int argc, char **argv) {
  program p = {.s = {.of = "call", .count = 10000}};
  const kit_option options[] = {
      {"of", "KIND", "call (outstanding), waiting (call without a place) or connection", KIT_TEXT,
       &p.s.of, 0, 0},
      {"each", "N", "how many; connections of one channel: 1000 at most", KIT_COUNT, &p.s.count, 1,
       100000},
      {"calls", "N", "connection: calls that each carries before it is idle", KIT_COUNT, &p.s.calls,
       0, 100},
      {"channels", NULL, "connection: each with a channel of its own", KIT_FLAG, &p.s.has_channels,
       0, 0},
      {"hook", NULL, "count what gmux allocates instead of resident memory", KIT_FLAG,
       &p.s.uses_hook, 0, 0},
      {0}};
  kit_parse("memory", "Measures the bytes that calls and connections cost.", options, &p.s.server,
            argc, argv);
  const kind *k = kind_find(p.s.of);
  if (!k) kit_refuse("of", "is none of call, waiting, connection");
  if (k->measure == measure_connections && !p.s.has_channels && p.s.count > 1000)
    kit_refuse("each", "is more than the 1000 connections that one channel may have");
  kit_set_watchdog(60);
  program_init(&p);
  held before = k->measure(&p);
  print_figures(&p, k, before, held_now(&p));
  program_deinit(&p);
  return 0;
}
