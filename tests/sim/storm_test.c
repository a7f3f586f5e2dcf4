/*
 * storm_test.c: random calls in random weather, and the laws that hold whatever happens.
 *
 * Of each seed: a world is made, for some dozen steps calls are started and disturbed and the
 * network is broken; then everything is healed and the application behaves, and within a bound
 *   - every call that was started has ended, once, and not after its deadline;
 *   - no server has worked on one for longer than its deadline, and a second for the last words;
 *   - one that ended OK was executed once, and has the whole and right answer;
 *   - none was executed twice, and none of which its evidence says that it was not;
 *   - no client had more streams at a server than it allows, and no channel more connections than
 *     its options do, beside those that drain or are suspect;
 *   - no server with default settings found the PINGs of a channel with default settings too many;
 *   - what a channel and a server count adds up, and each retry has its evidence;
 *   - a new call on every channel succeeds;
 *   - everything closes, and nothing is left: no transport, no memory, no buffer that was given
 * away.
 *
 * GMUX_STORM_SEEDS=A-B runs other seeds than the few of `make check`; GMUX_STORM_STORY=1 tells the
 * story while it happens, which helps where a crash ends it; GMUX_STORM_LOG=4 makes the library's
 * log a part of it.
 */
#include "tests/sim/storm.h"
#include "tests/unit/certs.h"
#include "tests/unit/harness.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORY_LINES = 120, STORY_WIDTH = 200, NOISE_SPREAD = 4096, SEEDS_IN_CHECK = 300 };
enum { MESSAGE_MAX = 200 * 1024 };

storm st;

static struct {
  char lines[STORY_LINES][STORY_WIDTH];
  size_t count;
  bool is_told_live;
} story;

static uint8_t noise[MESSAGE_MAX + NOISE_SPREAD];

/* ---- chance ---- */

/* splitmix64 (Vigna, public domain). */
static uint64_t random_next(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint64_t storm_random(uint64_t below) {
  return random_next(&st.random) % below;
}

bool storm_chance(unsigned percent) {
  return storm_random(100) < percent;
}

/* ---- the story, and the laws ---- */

void storm_note(const char *format, ...) {
  char *line = story.lines[story.count++ % STORY_LINES];
  uint64_t at_us = st.sim ? (sim_now(st.sim) - SIM_EPOCH) / 1000 : 0;
  int n = snprintf(line, STORY_WIDTH, "%8llu.%03llu ms  ", (unsigned long long)(at_us / 1000),
                   (unsigned long long)(at_us % 1000));
  va_list args;
  va_start(args, format);
  vsnprintf(line + n, STORY_WIDTH - (size_t)n, format, args);
  va_end(args);
  if (story.is_told_live) printf("# %s\n", line);
}

static void story_tell(void) {
  size_t first = story.count > STORY_LINES ? story.count - STORY_LINES : 0;
  for (size_t i = first; i < story.count; i++)
    printf("#   %s\n", story.lines[i % STORY_LINES]);
}

bool storm_law(bool holds, const char *format, ...) {
  if (holds) return true;
  char what[256];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  if (!st.is_broken) {
    printf("# seed %llu breaks a law (GMUX_STORM_SEEDS=%llu-%llu%s):\n",
           (unsigned long long)st.seed, (unsigned long long)st.seed, (unsigned long long)st.seed,
           st.fails_memory ? ", with failing memory" : "");
    if (!story.is_told_live) story_tell();
  }
  printf("# LAW: %s\n", what);
  st.is_broken = true;
  return false;
}

bool storm_is_fine(int error, int also) {
  return error == 0 || error == also || (st.fails_memory && error == GMUX_ERR_NOMEM);
}

bool storm_may_speak(gmux_loop *loop, bool is_of_loop) {
  if (!st.is_outside) return true;
  return gmux_loop_is_inside(loop) == (is_of_loop && !st.is_calm);
}

/* ---- messages ---- */

static void noise_fill(void) {
  uint64_t state = 1;
  for (size_t i = 0; i < sizeof noise; i++)
    noise[i] = (uint8_t)random_next(&state);
}

static uint64_t message_hash(uint32_t id, int direction, unsigned number) {
  uint64_t state = ((uint64_t)id << 32) + ((uint64_t)number << 1) + (uint64_t)direction;
  return random_next(&state);
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
  storm_law(*owned > 0, "a buffer was released twice");
  --*owned;
}

gmux_bytes storm_message(uint32_t id, int direction, unsigned number) {
  uint64_t hash = message_hash(id, direction, number);
  const uint8_t *data = noise + hash % NOISE_SPREAD;
  if (storm_chance(50)) return gmux_bytes_borrow(data, message_len(hash));
  st.owned++;
  return gmux_bytes_wrap(data, message_len(hash), message_release, &st.owned);
}

bool storm_message_is(const gmux_bytes *message, uint32_t id, int direction, unsigned number) {
  uint64_t hash = message_hash(id, direction, number);
  return message->len == message_len(hash) &&
         (message->len == 0 ||
          memcmp(message->data, noise + hash % NOISE_SPREAD, message->len) == 0);
}

/* ---- weather ---- */

static sim_link *random_link(void) {
  size_t count = 0;
  for (sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l))
    count++;
  if (count == 0) return NULL;
  size_t nth = storm_random(count);
  sim_link *l = sim_link_first(st.sim);
  while (nth-- > 0)
    l = sim_link_next(l);
  return l;
}

static void break_link(void) {
  sim_link *link = random_link();
  if (!link) return;
  unsigned directions = (unsigned)storm_random(4);
  switch (storm_random(5)) {
  case 0:
    storm_note("net: reset of a link");
    sim_link_reset(link);
    break;
  case 1:
    storm_note("net: half close of a link");
    sim_link_half_close(link, storm_chance(50) ? SIM_TO_SERVER : SIM_TO_CLIENT);
    break;
  default:
    storm_note("net: stall of a link: %u", directions);
    sim_link_stall(link, directions);
    break;
  }
}

static void heal_links(void) {
  for (sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l))
    sim_link_stall(l, 0);
}

static void break_address(void) {
  int i = (int)storm_random((uint64_t)st.server_count);
  gmux__address at = storm_server_address(i);
  unsigned directions = (unsigned)storm_random(4);
  bool is_refused = storm_chance(40);
  if (storm_chance(50)) {
    storm_note("net: server %d in a black hole: %u", i, directions);
    sim_net_blackhole(st.sim, &at, directions);
  } else {
    storm_note("net: server %d refused: %d", i, is_refused);
    sim_net_refuse(st.sim, &at, is_refused);
  }
}

static void break_names(void) {
  gmux__address at = storm_server_address(0);
  switch (storm_random(4)) {
  case 0:
    storm_note("net: names fail");
    sim_dns_fail(st.sim, "storm.example", "no such host");
    break;
  case 1:
    storm_note("net: names hang");
    sim_dns_hang(st.sim, "storm.example");
    break;
  default:
    storm_note("net: names work");
    sim_dns_set(st.sim, "storm.example", &at, 1);
    break;
  }
}

static void change_settings(void) {
  sim_net_settings *net = sim_net(st.sim);
  size_t least = st.max_bytes / 200 + 1;
  net->latency_ns = storm_chance(30) ? 0 : storm_random(30 * STORM_MS);
  net->dns_latency_ns = storm_random(30 * STORM_MS);
  net->read_chunk = storm_chance(50) ? 0 : least + storm_random(20 * least);
  net->write_chunk = storm_chance(50) ? 0 : least + storm_random(20 * least);
  net->buffer_bytes = 512 + (size_t)storm_random(65536);
  storm_note("net: latency %llu us, reads of %zu, writes of %zu, buffers of %zu",
             (unsigned long long)(net->latency_ns / 1000), net->read_chunk, net->write_chunk,
             net->buffer_bytes);
}

/* What one address suffers blocks everybody, so it is made good again more often than not. */
static void heal_addresses(void) {
  storm_note("net: all addresses are well");
  for (int i = 0; i < st.server_count; i++) {
    gmux__address at = storm_server_address(i);
    sim_net_blackhole(st.sim, &at, 0);
    sim_net_refuse(st.sim, &at, false);
  }
}

static void change_weather(void) {
  if (!storm_chance(st.roughness)) return;
  switch (storm_random(11)) {
  case 0:
    change_settings();
    break;
  case 1:
    break_names();
    break;
  case 2:
    break_address();
    break;
  case 3:
  case 4:
    heal_addresses();
    break;
  case 5:
    heal_links();
    break;
  default:
    break_link();
    break;
  }
}

static void change_server(int i) {
  if (!st.servers[i].server)
    storm_server_open(i);
  else if (storm_chance(70))
    storm_server_drain(i);
  else
    storm_server_free(i);
}

static void touch_channel(int i) {
  if (!st.channels[i].channel)
    storm_channel_open(i);
  else if (!storm_chance(10))
    storm_channel_poke(i);
  else if (storm_chance(st.roughness / 4))
    storm_channel_close(i);
  else if (storm_chance(st.roughness / 4))
    storm_channel_drain(i);
}

static void poke_somebody(void) {
  if (st.call_count > 0) {
    size_t recent = st.call_count < 40 ? st.call_count : 40;
    storm_call_poke(&st.calls[st.call_count - 1 - storm_random(recent)]);
  }
  if (st.served_count > 0) {
    size_t recent = st.served_count < 40 ? st.served_count : 40;
    storm_served_poke(&st.served[st.served_count - 1 - storm_random(recent)]);
  }
}

void storm_mischief(void) {
  if (st.is_calm) return;
  if (storm_chance(3 * st.malice)) poke_somebody();
  if (storm_chance(st.malice)) touch_channel((int)storm_random((uint64_t)st.channel_count));
  if (storm_chance(st.malice)) change_weather();
  if (storm_random(400) == 0) storm_channel_close((int)storm_random((uint64_t)st.channel_count));
  if (storm_random(200) == 0 && storm_chance(st.roughness))
    storm_server_drain((int)storm_random((uint64_t)st.server_count));
}

/* ---- the laws of counting ---- */

static void law_of_server(int i) {
  storm_server *sv = &st.servers[i];
  gmux_server_stats s = {.size = sizeof s};
  if (!sv->server || gmux_server_get_stats(sv->server, &s)) return;
  storm_law(s.calls_started == s.calls_succeeded + s.calls_failed + s.calls_running,
            "server %d: %llu calls are not %llu + %llu + %u", i,
            (unsigned long long)s.calls_started, (unsigned long long)s.calls_succeeded,
            (unsigned long long)s.calls_failed, s.calls_running);
}

static void laws_of_counting(void) {
  for (int i = 0; i < st.channel_count; i++)
    storm_law_of_channel(i);
  for (int i = 0; i < st.server_count; i++)
    law_of_server(i);
}

/* ---- the storm ---- */

static void start_calls(void) {
  for (uint64_t n = storm_random(8); n > 0; n--)
    storm_call_start((int)storm_random((uint64_t)st.channel_count));
}

static uint64_t random_pause(void) {
  switch (storm_random(10)) {
  case 0:
    return 0;
  case 1:
    return storm_random(3000 * STORM_MS);
  default:
    return storm_random(40 * STORM_MS);
  }
}

static void storm_step(void) {
  if (st.fails_memory && storm_chance(30)) test_alloc_fail_at(1 + storm_random(60));
  switch (storm_random(10)) {
  case 0:
  case 1:
  case 2:
    start_calls();
    break;
  case 3:
    if (storm_chance(st.roughness / 2))
      storm_server_goaway((int)storm_random((uint64_t)st.server_count));
    else
      change_weather();
    break;
  case 4:
    if (!st.servers[0].server || storm_chance(st.roughness / 3))
      change_server((int)storm_random((uint64_t)st.server_count));
    break;
  case 5:
    touch_channel((int)storm_random((uint64_t)st.channel_count));
    break;
  default:
    for (uint64_t n = storm_random(20); n > 0; n--)
      poke_somebody();
    break;
  }
  sim_run_for(st.sim, random_pause());
  laws_of_counting();
}

/* ---- after it ---- */

static void heal(void) {
  st.is_calm = true;
  test_alloc_fail_at(0);
  storm_note("calm");
  *sim_net(st.sim) = (sim_net_settings){.latency_ns = STORM_MS, .buffer_bytes = 65536};
  heal_links();
  heal_addresses();
  for (int i = 0; i < st.server_count; i++) {
    if (st.servers[i].is_draining || st.servers[i].is_narrow) storm_server_free(i);
  }
  for (int i = 0; i < st.channel_count; i++)
    if (st.channels[i].channel) gmux_channel_resume(st.channels[i].channel);
  gmux__address first = storm_server_address(0);
  sim_dns_set(st.sim, "storm.example", &first, 1);
}

/* Everybody does what is left to do. */
static void complete_all(void) {
  for (int i = 0; i < st.server_count; i++)
    if (!st.servers[i].server) storm_server_open(i);
  for (size_t i = 0; i < st.call_count; i++)
    storm_call_complete(&st.calls[i]);
  for (size_t i = 0; i < st.served_count; i++)
    storm_served_complete(&st.served[i]);
}

static bool all_is_settled(void) {
  for (int i = 0; i < st.server_count; i++)
    if (!st.servers[i].server) return false;
  for (size_t i = 0; i < st.call_count; i++)
    if (st.calls[i].ends == 0) return false;
  return true;
}

/* What was under way when the weather changed arrives in the first few seconds. */
enum { QUIET_S = 5, SETTLE_S = 60, PROBE_S = 20 };

static void law_of_ends(void) {
  for (size_t i = 0; i < st.call_count; i++) {
    const storm_call *c = &st.calls[i];
    storm_law(c->ends == 1, "call %u ended %u times within %d s of calm (channel %d)", c->id,
              c->ends, (int)SETTLE_S, c->channel);
  }
}

static void settle(void) {
  for (int i = 0; i < SETTLE_S * 2 && (i < QUIET_S * 2 || !all_is_settled()); i++) {
    complete_all();
    sim_run_for(st.sim, GMUX__NS_PER_S / 2);
  }
  law_of_ends();
}

static void law_of_probe(int i) {
  if (!st.channels[i].channel) storm_channel_open(i);
  storm_call *c = storm_probe_start(i);
  if (!c) return;
  for (int k = 0; k < PROBE_S * 2 && c->ends == 0; k++) {
    complete_all();
    sim_run_for(st.sim, GMUX__NS_PER_S / 2);
  }
  if (!storm_law(c->ends == 1, "channel %d: a new call does not end within %d s of calm", i,
                 (int)PROBE_S))
    return;
  /* Only a channel that lets nobody wait, or not for long, may say so. */
  bool is_impatient = st.channels[i].is_impatient && c->code == GMUX_UNAVAILABLE;
  storm_law(c->code == GMUX_OK || c->code == GMUX_RESOURCE_EXHAUSTED || is_impatient,
            "channel %d: a new call in calm ends %s", i, gmux_code_str(c->code));
}

static void close_all(void) {
  for (int i = 0; i < st.channel_count; i++)
    storm_channel_close(i);
  storm_channels_let_go();
  for (size_t i = 0; i < st.call_count; i++)
    storm_call_let_go(&st.calls[i]);
  for (int i = 0; i < st.server_count; i++) {
    if (st.servers[i].server) storm_server_drain(i);
    storm_server_free(i);
  }
  sim_run_for(st.sim, 30 * GMUX__NS_PER_S);
  for (int i = 0; i < 3; i++) {
    for (size_t k = 0; k < st.served_count; k++)
      storm_served_complete(&st.served[k]);
    sim_run_for(st.sim, GMUX__NS_PER_S);
  }
}

static void law_of_closing(void) {
  for (size_t i = 0; i < st.closing_count; i++)
    storm_law(st.closings[i].is_told, "channel %d: no on_closed", st.closings[i].channel);
  for (int i = 0; i < st.server_count; i++)
    storm_law(st.servers[i].closes_due == 0, "server %d: no on_closed", i);
  sim_live live = sim_net_live(st.sim);
  storm_law(live.transports + live.dials + live.resolves + live.listeners == 0,
            "left behind: %zu transports, %zu dials, %zu look-ups, %zu listeners", live.transports,
            live.dials, live.resolves, live.listeners);
  storm_law(st.owned == 0, "%zu buffers were not given back", st.owned);
  for (size_t i = 0; i < st.served_count; i++) {
    const storm_served *s = &st.served[i];
    storm_law(s->is_unary_fn || s->is_over, "server, call %u: no on_end", s->asked->id);
  }
}

/* ---- one seed ---- */

typedef enum storm_way { IN_CLEAR = 0, WITH_FAILING_MEMORY, OVER_TLS } storm_way;

static void tls_make(void) {
  test_ca *ca = test_ca_new("storm");
  test_cert *cert = test_cert_new(ca, &(test_cert_options){.san = "DNS:storm.example"});
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = cert->cert_pem;
  o.key_pem = cert->key_pem;
  storm_law(gmux_tls_server_new(&st.server_tls, &o) == 0, "no TLS: %s", gmux_last_error());
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = test_ca_pem(ca);
  storm_law(gmux_tls_client_new(&st.client_tls, &o) == 0, "no TLS: %s", gmux_last_error());
  test_cert_free(cert);
  test_ca_free(ca);
}

/* GMUX_STORM_LOG=4: the story tells what the library says, too. */
static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)level, (void)user_data;
  storm_note("  %s: %s", room, text);
}

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

static void world_make(uint64_t seed, storm_way way) {
  memset(&st, 0, sizeof st);
  story.count = 0;
  st.seed = seed;
  st.random = seed * 4 + way;
  st.fails_memory = way == WITH_FAILING_MEMORY;
  if (way == OVER_TLS) tls_make();
  st.sim = sim_new(seed);
  st.loop_count = storm_chance(40) ? 2 : 1;
  st.server_count = storm_chance(40) ? 2 : 1;
  st.channel_count = storm_chance(40) ? 2 : 1;
  st.max_bytes = storm_chance(20) ? MESSAGE_MAX : storm_chance(50) ? 20000 : 1000;
  st.is_outside = storm_chance(30);
  st.roughness = storm_chance(30) ? 100 : (unsigned)storm_random(60);
  st.malice = storm_chance(70) ? 1 : 5;
  for (int i = 0; i < st.loop_count; i++) {
    st.loops[i] = loop_new();
    sim_set_outside(st.loops[i], st.is_outside);
  }
  for (int i = 0; i < 4; i++)
    storm_law(gmux_method_new(&st.methods[i], storm_paths[i], (gmux_method_kind)i, 0) == 0,
              "no method");
  gmux__address first = storm_server_address(0);
  sim_dns_set(st.sim, "storm.example", &first, 1);
  storm_note("%d loops%s, %d servers, %d channels, messages to %zu", st.loop_count,
             st.is_outside ? " seen from outside" : "", st.server_count, st.channel_count,
             st.max_bytes);
  if (storm_chance(60)) change_settings();
  for (int i = 0; i < st.server_count; i++)
    storm_server_open(i);
  for (int i = 0; i < st.channel_count; i++)
    storm_channel_open(i);
}

static void world_end(void) {
  for (int i = 0; i < 4; i++)
    gmux_method_free(st.methods[i]);
  gmux_tls_free(st.server_tls);
  gmux_tls_free(st.client_tls);
  sim_free(st.sim);
  st.sim = NULL;
}

static bool storm_run(uint64_t seed, storm_way way) {
  size_t live = test_alloc_live();
  world_make(seed, way);
  for (uint64_t n = 20 + storm_random(100); n > 0 && !st.is_broken; n--)
    storm_step();
  heal();
  settle();
  for (int i = 0; i < st.channel_count; i++)
    law_of_probe(i);
  laws_of_counting();
  close_all();
  law_of_closing();
  world_end();
  storm_law(test_alloc_live() == live, "%zu blocks of memory are left", test_alloc_live() - live);
  return !st.is_broken;
}

static void storm_run_all(storm_way way) {
  /* Handshakes take most of the time of a storm over TLS. */
  unsigned long long from = 1, to = way == OVER_TLS ? SEEDS_IN_CHECK / 10 : SEEDS_IN_CHECK;
  const char *wanted = getenv("GMUX_STORM_SEEDS");
  if (wanted && sscanf(wanted, "%llu-%llu", &from, &to) == 1) to = from;
  story.is_told_live = getenv("GMUX_STORM_STORY") != NULL;
  noise_fill();
  for (unsigned long long seed = from; seed <= to; seed++) {
    if (wanted) printf("# seed %llu\n", seed);
    CU_ASSERT_TRUE(storm_run(seed, way));
  }
}

static void every_law_holds_in_a_storm(void) {
  storm_run_all(IN_CLEAR);
}

static void every_law_holds_in_a_storm_with_failing_memory(void) {
  storm_run_all(WITH_FAILING_MEMORY);
}

/* What TLS makes of the same bytes differs a little from run to run, so here alone a seed may need
 * several. */
static void every_law_holds_in_a_storm_over_tls(void) {
  storm_run_all(OVER_TLS);
}

static const test_case cases[] = {
    TEST(every_law_holds_in_a_storm),
    TEST(every_law_holds_in_a_storm_with_failing_memory),
    TEST(every_law_holds_in_a_storm_over_tls),
    TESTS_END,
};

int main(int argc, char **argv) {
  static const test_suite storm_suite = {"storm", cases, NULL, NULL};
  static const test_suite *const suites[] = {&storm_suite, NULL};
  return test_main("storm", suites, getenv("GMUX_STORM_SEEDS") ? 3600 : 60, argc, argv);
}
