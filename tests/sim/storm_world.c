/* storm_world.c: the world that a seed makes, who draws in it, and what its messages hold. */
#include "tests/sim/storm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 1024 * 1024, NOISE_SPREAD = 4096 };

storm st;

/* ---- chance ---- */

void storm_on_behalf(uint64_t *stream) {
  st.random = stream;
}

uint64_t storm_random(uint64_t below) {
  return storm_draw(st.random, below);
}

bool storm_chance(unsigned percent) {
  return storm_random(100) < percent;
}

bool storm_is_fine(int error, int also) {
  return error == 0 || error == also || (st.plan.fails_memory && error == GMUX_ERR_NOMEM);
}

bool storm_may_speak(gmux_loop *loop, bool is_of_loop) {
  if (!st.is_outside) return true;
  return gmux_loop_is_inside(loop) == (is_of_loop && !st.is_calm);
}

bool storm_shares_little(uint32_t connection_queue_bytes) {
  return connection_queue_bytes < STORM_PLANNED * st.max_bytes;
}

/* ---- messages ---- */

/* The same in every storm, so that it is made once. */
static const uint8_t *noise(void) {
  static uint8_t bytes[MESSAGE_MAX + NOISE_SPREAD];
  static bool is_made;
  uint64_t stream = 1;
  for (size_t i = 0; !is_made && i + 8 <= sizeof bytes; i += 8) {
    uint64_t drawn = storm_draw(&stream, UINT64_MAX);
    drawn &= UINT64_C(0xffff0000ffff0000); /* so that compressing it is worth while */
    memcpy(bytes + i, &drawn, 8);
  }
  is_made = true;
  return bytes;
}

static uint64_t message_hash(uint32_t id, int direction, unsigned number) {
  uint64_t stream = ((uint64_t)id << 32) + ((uint64_t)number << 1) + (uint64_t)direction;
  return storm_draw(&stream, UINT64_MAX);
}

/* Most are small, some are empty, few are large. */
static size_t message_len(uint64_t hash) {
  uint64_t kind = hash % 16, size = hash >> 8;
  if (kind == 0) return 0;
  if (kind < 10) return size % 64 + 1;
  if (kind < 14) return size % (st.max_bytes / 16 + 1);
  return size % (st.max_bytes + 1);
}

static void message_release(void *arg, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  size_t *owned = arg;
  ledger_law(LAW_LEAKS, *owned > 0, "a buffer was released twice");
  --*owned;
}

void storm_message_text(uint32_t id, int direction, unsigned number, const uint8_t **data,
                        size_t *len) {
  uint64_t hash = message_hash(id, direction, number);
  *data = noise() + hash % NOISE_SPREAD;
  *len = message_len(hash);
}

gmux_bytes storm_message(uint32_t id, int direction, unsigned number) {
  const uint8_t *data;
  size_t len;
  storm_message_text(id, direction, number, &data, &len);
  if (storm_chance(50)) return gmux_bytes_borrow(data, len);
  st.owned++;
  return gmux_bytes_wrap(data, len, message_release, &st.owned);
}

bool storm_message_is(const gmux_bytes *message, uint32_t id, int direction, unsigned number) {
  const uint8_t *data;
  size_t len;
  storm_message_text(id, direction, number, &data, &len);
  return message->len == len && (len == 0 || memcmp(message->data, data, len) == 0);
}

/* From the call's number alone: nothing is drawn for it, and a call that is made again compresses
 * the same. In one storm of ten, because setting up zlib for a message costs more than all the rest
 * of a call. An unruly server compares messages byte by byte as they come. */
const char *storm_compression(uint32_t id, int direction) {
  static const char *const names[] = {NULL, "gzip", "identity", "deflate", NULL};
  if (st.plan.unruly_percent > 0 || st.plan.seed % 10 != 0) return NULL;
  return names[(id + 2 * (uint32_t)direction) % (sizeof names / sizeof *names)];
}

/* ---- the world ---- */

static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)level, (void)user_data;
  storm_note("  %s: %s", room, text);
}

/* GMUX_STORM_LOG=4: the story tells what the library says, too. */
static gmux_loop *loop_new(void) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  const char *level = getenv("GMUX_STORM_LOG");
  if (level) o.log_level = (gmux_log_level)atoi(level);
  if (level) o.log = on_log;
  if (storm_chance(30)) o.max_dialing = 1;
  if (storm_chance(30)) o.dial_rate_per_s = 20;
  return sim_loop_with(st.sim, &o);
}

static void loops_make(void) {
  for (int i = 0; i < st.loop_count; i++) {
    st.loops[i] = loop_new();
    sim_set_outside(st.loops[i], st.is_outside);
  }
}

/* Large messages cost most of the time that a storm takes. */
static size_t draw_max_bytes(void) {
  if (storm_chance(2)) return MESSAGE_MAX;
  if (storm_chance(10)) return MESSAGE_MAX / 8;
  return storm_chance(40) ? 20000 : 1000;
}

/* Not where a loop believes that everybody is inside: it would take every call itself. */
static void spread_draw(void) {
  uint64_t random = storm_stream_start(st.plan.seed, STORM_STREAM_SPREAD, 0);
  st.is_spread = st.is_outside && storm_draw(&random, 2) == 0;
  if (st.is_spread) st.loop_count = 2 + (int)storm_draw(&random, STORM_LOOPS - 1);
}

static void scale_draw(void) {
  st.loop_count = storm_chance(40) ? 2 : 1;
  st.server_count = storm_chance(50) ? 1 : 1 + (int)storm_random(STORM_SERVERS);
  st.channel_count = storm_chance(50) ? 1 : 1 + (int)storm_random(STORM_CHANNELS);
  st.max_bytes = draw_max_bytes();
  st.is_outside = storm_chance(30);
  st.malice = storm_chance(70) ? 1 : 5;
  spread_draw();
  storm_note("%d loops%s, %d servers, %d channels, messages to %zu%s", st.loop_count,
             st.is_outside ? " seen from outside" : "", st.server_count, st.channel_count,
             st.max_bytes, st.plan.fails_memory ? ", failing memory" : "");
}

void storm_world_make(void) {
  st.of_world = storm_stream_start(st.plan.seed, STORM_STREAM_WORLD, 0);
  st.of_calm = storm_stream_start(st.plan.seed, STORM_STREAM_CALM, 0);
  storm_on_behalf(&st.of_world);
  if (st.plan.is_over_tls) storm_tls_make();
  st.sim = sim_new(st.plan.seed);
  sim_after_turn(st.sim, ledger_look_closely, NULL);
  scale_draw();
  loops_make();
  for (int i = 0; i < 4; i++)
    ledger_law(LAW_ANSWERS,
               gmux_method_new(&st.methods[i], storm_paths[i], (gmux_method_kind)i, 0) == 0,
               "no method");
  gmux__address first = storm_server_address(0);
  sim_dns_set(st.sim, "storm.example", &first, 1);
  sim_net(st.sim)->latency_ns = storm_random(5 * STORM_MS);
  for (int i = 0; i < st.server_count; i++)
    storm_server_open(i);
  for (int i = 0; i < st.channel_count; i++)
    storm_channel_open(i);
}

void storm_world_end(void) {
  storm_faults_count();
  for (int i = 0; i < 4; i++)
    gmux_method_free(st.methods[i]);
  gmux_tls_free(st.server_tls);
  gmux_tls_free(st.client_tls);
  sim_free(st.sim);
  st.sim = NULL;
}
