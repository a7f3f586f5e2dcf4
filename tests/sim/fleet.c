/* fleet.c: the world, its servers and its laws. Channels and calls are in fleet_client.c. */
#include "tests/sim/fleet.h"
#include "lib/server/server.h"
#include "tests/unit/harness.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_PORT = 50051, TOLD_PROMISES = 10, SETTLE_MS = 120000, CLOSE_MS = 60000 };

fleet fl;

static uint64_t now_ns(void) {
  return fl.sim ? sim_now(fl.sim) : SIM_EPOCH;
}

static void on_broken(ledger_law_id law, const char *format) {
  (void)law, (void)format;
  CU_FAIL("a law of the ledger");
}

/* GMUX_FLEET_SEED: another world than that of `make check`; the promises hold in each. */
static uint64_t seed_of_world(void) {
  const char *seed = getenv("GMUX_FLEET_SEED");
  return seed ? strtoull(seed, NULL, 10) : 42;
}

static void tell_replay(void) {
  printf("# again: GMUX_FLEET_SEED=%llu tests/sim/test-promises %s\n",
         (unsigned long long)seed_of_world(), CU_get_current_test()->pName);
}

/* Its loops are never seen from outside, and none stops. */
static const ledger_reader reader = {
    .now_ns = now_ns, .on_broken = on_broken, .tell_replay = tell_replay};

bool fleet_promise(bool holds, const char *format, ...) {
  if (holds) return true;
  if (fl.broken++ >= TOLD_PROMISES) return false;
  CU_FAIL("a promise of the test");
  va_list args;
  va_start(args, format);
  printf("# at %llu ms: ", (unsigned long long)fleet_now_ms());
  vprintf(format, args);
  printf("\n");
  va_end(args);
  return false;
}

/* splitmix64 (Vigna, public domain). */
uint64_t fleet_random(uint64_t below) {
  uint64_t z = fl.random += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (z ^ (z >> 31)) % below;
}

unsigned fleet_many(unsigned n) {
  const char *slow = getenv("GMUX_TEST_SLOW");
  return slow && strtoul(slow, NULL, 10) > 1 ? (n + 9) / 10 : n;
}

/* ---- the world ---- */

/* GMUX_FLEET_LOG=4: what the library has to say, down to each transition. */
static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)user_data;
  printf("# %8llu.%03llu ms %s %s: %s\n", (unsigned long long)fleet_now_ms(),
         (unsigned long long)(sim_now(fl.sim) / 1000 % 1000), gmux_log_level_str(level), room,
         text);
}

static gmux_loop *loop_new(const gmux_loop_options *options) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  if (options) o = *options;
  const char *level = getenv("GMUX_FLEET_LOG");
  o.log_level = level ? (gmux_log_level)atoi(level) : GMUX_LOG_NONE;
  o.log = level ? on_log : NULL;
  gmux_loop *loop = sim_loop_with(fl.sim, &o);
  CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
  return loop;
}

void fleet_setup(void) {
  memset(&fl, 0, sizeof fl);
  fl.live_blocks = test_alloc_live();
  fl.random = seed_of_world();
  fl.tick_ms = 1;
  ledger_open(&reader);
  fl.sim = sim_new(seed_of_world());
  sim_after_turn(fl.sim, ledger_look, NULL);
  sim_net(fl.sim)->latency_ns = FLEET_MS;
  fl.loops[0] = loop_new(NULL);
  fl.loop_count = 1;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&fl.method, "/fleet.Service/Work", GMUX_UNARY, 0), 0);
}

void fleet_add_loops(size_t count, const gmux_loop_options *options) {
  while (count-- > 0)
    fl.loops[fl.loop_count++] = loop_new(options);
}

/* ---- time ---- */

uint64_t fleet_now_ms(void) {
  return fl.sim ? (sim_now(fl.sim) - SIM_EPOCH) / FLEET_MS : 0;
}

static void look_at_channel(fleet_channel *ch) {
  gmux_channel_stats s = fleet_figures(ch);
  uint32_t trusted = s.connections_ready - s.connections_suspect;
  uint32_t dialing = trusted + s.connections_dialing;
  if (trusted > ch->connections_peak) ch->connections_peak = trusted;
  if (dialing > ch->dialing_peak) ch->dialing_peak = dialing;
  if (s.connections_draining > ch->draining_peak) ch->draining_peak = s.connections_draining;
  ledger_channel_read_stats(&ch->book, &s);
}

static void loads_go_on(void) {
  for (size_t i = 0; i < fl.load_count; i++) {
    fleet_load *load = &fl.loads[i];
    for (; load->is_on && load->owed > 0; load->owed--) {
      fleet_call *c = fleet_start(load->channel, &load->ask);
      if (c) c->load = load;
    }
  }
}

static void tick(void) {
  for (size_t i = 0; i < fl.channel_count; i++)
    if (fl.channels[i].channel) look_at_channel(&fl.channels[i]);
  loads_go_on();
  if (fl.on_tick) fl.on_tick();
}

bool fleet_run_until(bool (*is_true)(void *arg), void *arg, uint64_t max_ms) {
  for (uint64_t left = max_ms; !is_true(arg); left -= fl.tick_ms) {
    if (left < fl.tick_ms) return false;
    sim_run_for(fl.sim, fl.tick_ms * FLEET_MS);
    tick();
  }
  return true;
}

static bool never(void *arg) {
  (void)arg;
  return false;
}

void fleet_run_for(uint64_t ms) {
  fleet_run_until(never, NULL, ms);
}

static bool all_have_ended(void *arg) {
  (void)arg;
  return fl.running == 0;
}

bool fleet_run_until_ended(uint64_t max_ms) {
  return fleet_run_until(all_have_ended, NULL, max_ms);
}

/* ---- the server's side of a call ---- */

typedef struct fleet_work {
  gmux_server_call *call; /* valid until on_end */
  fleet_life *life;
  gmux_loop *loop;
  fleet_call *asked; /* NULL: the request has not come */
  ledger_execution execution;
  uint32_t work_ms;
  gmux__timer timer;
} fleet_work;

static uint32_t get_u32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

fleet_call *fleet_ledger_find(const uint8_t *request, size_t len) {
  uint32_t id = len == FLEET_REQUEST_BYTES ? get_u32(request) : 0;
  if (!ledger_law(LAW_L6, id > 0 && id <= fl.call_count, "a request that nobody made")) return NULL;
  return fleet_call_at(id - 1);
}

void fleet_ledger_reply(const fleet_call *call, uint8_t reply[FLEET_REPLY_BYTES]) {
  for (int i = 0; i < 4; i++)
    reply[i] = (uint8_t)(call->entry.id >> (24 - 8 * i));
}

static void work_reply(void *arg) {
  fleet_work *work = arg;
  uint8_t data[FLEET_REPLY_BYTES];
  fleet_ledger_reply(work->asked, data);
  gmux_bytes reply = gmux_bytes_borrow(data, sizeof data);
  int rv = gmux_server_call_reply(work->call, &reply);
  fleet_promise(rv == 0 || rv == GMUX_ERR_STATE, "a reply cannot be made: %d", rv);
}

static void on_call(gmux_server_call *call, void *user_data) {
  fleet_work *work = sim_alloc(sizeof *work);
  work->call = call;
  work->life = user_data;
  work->loop = fl.loops[0];
  gmux__timer_init(&work->timer, work_reply, work);
  gmux_server_call_set_data(call, work);
}

static void on_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  fleet_work *work = gmux_server_call_get_data(call);
  work->asked = fleet_ledger_find(message->data, message->len);
  if (!work->asked) return;
  ledger_executed(&work->execution, &work->asked->entry, &work->life->book,
                  gmux_server_call_timeout_ms(call));
  work->life->place->executed++;
  work->work_ms = get_u32(message->data + 4);
  const char *port = strrchr(gmux_server_call_peer(call), ':');
  if (port) work->asked->port = (uint16_t)strtoul(port + 1, NULL, 10);
}

static void on_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  fleet_work *work = gmux_server_call_get_data(call);
  if (!work->asked || work->work_ms == FLEET_FOREVER) return;
  if (work->work_ms == 0)
    work_reply(work);
  else
    gmux__timer_set(work->loop, &work->timer, sim_now(fl.sim) + work->work_ms * FLEET_MS);
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  fleet_work *work = gmux_server_call_get_data(call);
  gmux__timer_clear(work->loop, &work->timer);
  if (work->asked) ledger_execution_over(&work->execution);
  free(work);
}

static const gmux_server_handlers handlers = {
    .on_call = on_call,
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_end = on_end,
};

/* ---- servers ---- */

gmux__address fleet_address(int server) {
  return sim_address("127.0.0.1", (uint16_t)(FIRST_PORT + server));
}

static fleet_life *life_new(fleet_server *place) {
  fleet_life *life = sim_alloc(sizeof *life);
  *life = (fleet_life){.next = fl.lives, .place = place};
  fl.lives = life;
  return life;
}

void fleet_server_open(int i, const gmux_server_options *options) {
  fleet_server *sv = &fl.servers[i];
  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%d", FIRST_PORT + i);
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  if (options) o = *options;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&sv->server, fl.loops[0], &o), 0);
  sv->life = life_new(sv);
  ledger_server_open(&sv->life->book, i, sv->server, &o);
  sv->life->book.max_message_bytes = FLEET_REPLY_BYTES;
  CU_ASSERT_EQUAL_FATAL(
      gmux_server_add_method(sv->server, "/fleet.Service/Work", GMUX_UNARY, &handlers, sv->life),
      0);
  if (fl.add_methods) fl.add_methods(sv->server);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(sv->server, address, NULL), 0);
}

void fleet_each_link(int i, void (*fn)(sim_link *link)) {
  gmux__address at = fleet_address(i);
  for (sim_link *l = sim_link_first(fl.sim); l; l = sim_link_next(l))
    if (gmux__address_is_equal(sim_link_address(l), &at)) fn(l);
}

size_t fleet_links(int i) {
  size_t count = 0;
  gmux__address at = fleet_address(i);
  for (sim_link *l = sim_link_first(fl.sim); l; l = sim_link_next(l))
    count += gmux__address_is_equal(sim_link_address(l), &at);
  return count;
}

/* Nothing can be asked of it any more. */
static void server_leave(fleet_server *sv) {
  ledger_server_read(&sv->life->book);
  ledger_server_leave(&sv->life->book);
  gmux_server_free(sv->server);
  sv->server = NULL;
}

void fleet_server_kill(int i) {
  fleet_server *sv = &fl.servers[i];
  fleet_each_link(i, sim_link_reset);
  server_leave(sv);
}

void fleet_server_replace(int i, const gmux_server_options *options) {
  fleet_server *sv = &fl.servers[i];
  gmux_server_drain(sv->server, GMUX_NO_TIMEOUT, NULL, NULL);
  server_leave(sv);
  sim_run(fl.sim); /* it lets go of its port */
  fleet_server_open(i, options);
}

/* The list changes while it is gone through: each that drains leaves it. */
void fleet_server_drain_connections(int i) {
  gmux__list *serving = &fl.servers[i].server->loop_only.connections[GMUX__SERVER_CONN_SERVING];
  for (gmux__link *l = serving->first, *next; l; l = next) {
    next = l->next;
    gmux__server_conn_drain(gmux__container(l, gmux__server_conn, link), "deployment");
  }
}

gmux_server_stats fleet_server_figures(int i) {
  gmux_server_stats s = {.size = sizeof s};
  CU_ASSERT_EQUAL(gmux_server_get_stats(fl.servers[i].server, &s), 0);
  return s;
}

/* ---- the end ---- */

static void read_the_laws(void) {
  for (size_t i = 0; i < fl.call_count; i++)
    ledger_call_settle(&fleet_call_at(i)->entry);
  for (size_t i = 0; i < fl.channel_count; i++) {
    ledger_channel_read(&fl.channels[i].book);
    ledger_channel_read_queues(&fl.channels[i].book);
  }
  for (int i = 0; i < FLEET_SERVERS; i++) {
    if (!fl.servers[i].server) continue;
    ledger_server_read(&fl.servers[i].life->book);
    ledger_server_read_queues(&fl.servers[i].life->book);
  }
}

static void world_close(void) {
  fl.on_tick = NULL;
  for (size_t i = 0; i < fl.channel_count; i++) {
    ledger_channel_leave(&fl.channels[i].book);
    gmux_channel_free(fl.channels[i].channel);
    fl.channels[i].channel = NULL;
  }
  for (size_t i = 0; i < fl.call_count; i++)
    gmux_call_free(fleet_call_at(i)->handle);
  for (int i = 0; i < FLEET_SERVERS; i++)
    if (fl.servers[i].server) server_leave(&fl.servers[i]);
  if (fl.on_close) fl.on_close();
  gmux_method_free(fl.method);
  for (sim_link *l = sim_link_first(fl.sim); l; l = sim_link_next(l))
    sim_link_stall(l, 0);
  sim_run_for(fl.sim, CLOSE_MS * FLEET_MS);
}

static void world_free(void) {
  sim_free(fl.sim);
  fl.sim = NULL;
  for (size_t i = 0; i < fl.call_count; i += 4096)
    free(fl.chunks[i / 4096]);
  free(fl.chunks);
  for (fleet_life *life = fl.lives, *next; life; life = next) {
    next = life->next;
    free(life);
  }
  fl.lives = NULL;
}

void fleet_finish(void) {
  fleet_loads_stop();
  ledger_law(LAW_L1, fleet_run_until_ended(SETTLE_MS), "%zu calls do not end", fl.running);
  read_the_laws();
  world_close();
  sim_live live = sim_net_live(fl.sim);
  ledger_law(LAW_LEAKS, live.transports + live.dials + live.resolves + live.listeners == 0,
             "left behind: %zu transports, %zu dials, %zu look-ups, %zu listeners", live.transports,
             live.dials, live.resolves, live.listeners);
  size_t live_blocks = fl.live_blocks;
  world_free();
  ledger_law(LAW_LEAKS, test_alloc_live() == live_blocks, "%zu blocks of memory are left",
             test_alloc_live() - live_blocks);
}

void fleet_teardown(void) {
  if (!fl.sim) return;
  world_close();
  world_free();
}
