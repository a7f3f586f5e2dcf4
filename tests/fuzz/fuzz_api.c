/*
 * fuzz_api.c: every function of the API, in any order, from handlers too, in any weather, with
 * memory that runs out.
 *
 * Byte 0 of the input, bit 0: two loops; bit 1: functions are called as if from another thread; bit
 * 2: everything is logged; bit 3: nothing is there yet, else a server listens and a channel leads
 * to it. Then a program for the machine of api.h; the last third of the input is for the steps in
 * handlers.
 */
#include "lib/client/channel.h"
#include "lib/server/server.h"
#include "tests/fuzz/api.h"
#include <gmux/error.h>
#include <string.h>

/* PEAK: 64 calls, each with metadata of some 100 KiB, and what 600 steps can write: bounds that the
 * options set are for gmux-sim. */
enum { STEPS = 600, PEAK_BYTES = 64 << 20 };

api_world api;

bool api_is_fine(int error, int also) {
  return error == 0 || error == also || (error == GMUX_ERR_NOMEM && fuzz_memory_has_failed());
}

/* ---- promises ---- */

api_promise *api_promise_new(const char *name) {
  if (api.promise_count == API_PROMISES) return NULL;
  api_promise *promise = &api.promises[api.promise_count++];
  *promise = (api_promise){.name = name};
  return promise;
}

void api_unpromise(void) {
  api.promise_count--;
}

void api_keep(api_promise *promise) {
  fuzz_note("%s came", promise->name);
  fuzz_law(fuzz_in_api == 0, "%s from inside a function of the library", promise->name);
  fuzz_law(promise->told++ == 0, "%s twice", promise->name);
  api_step_from_handler();
}

/* ---- the machine ---- */

static void call_act(fuzz_input *in) {
  size_t which = fuzz_u8(in);
  if (callers.count == 0) return;
  fuzz_call *c = &callers.calls[which % callers.count];
  if (c->handle) api_call_act(c, c->handle, in);
}

/* Of those that are held: others are there in their handlers alone. */
static void served_act(fuzz_input *in) {
  size_t which = fuzz_u8(in);
  if (serveds.count == 0) return;
  fuzz_served *s = &serveds.calls[which % serveds.count];
  if (s->holds > 0) api_served_act(s, in);
}

static void on_post(void *arg) {
  api_keep(arg);
}

static void loop_post(fuzz_input *in) {
  gmux_loop *loop = api.loops[input_below(in, api.loop_count)];
  api_promise *promise = api_promise_new("a post");
  if (!promise) return;
  int error = FUZZ_API(gmux_loop_post(loop, on_post, promise));
  fuzz_law(api_is_fine(error, 0), "post: %d", error);
  if (error) api_unpromise();
}

static void step(fuzz_input *in) {
  switch (fuzz_u8(in) % 21) {
  case 0:
    api_channel_open(in);
    return;
  case 1:
  case 2:
    api_channel_act(in);
    return;
  case 3:
  case 4:
  case 5:
    api_call_start(in);
    return;
  case 6:
  case 7:
  case 8:
    call_act(in);
    return;
  case 9:
    api_blocking_act(in);
    return;
  case 10:
    api_server_open(in);
    return;
  case 11:
  case 12:
    api_server_act(in);
    return;
  case 13:
  case 14:
    served_act(in);
    return;
  case 15:
    api_metadata_act(in);
    return;
  case 16:
    api_value_act(in);
    return;
  case 17:
    loop_post(in);
    return;
  case 18:
  case 19:
    api_weather(in);
    return;
  default:
    fuzz_memory_fail_at(fuzz_u8(in));
    return;
  }
}

void api_step_from_handler(void) {
  if (api.is_calm || fuzz_u8(&api.of_handlers) % 4 != 1) return;
  fuzz_note("in a handler:");
  step(&api.of_handlers);
}

static void on_call_event(fuzz_call *c, gmux_call *call, char event) {
  if (!api.is_calm && fuzz_u8(&api.of_handlers) % 4 == 1) api_call_act(c, call, &api.of_handlers);
  (void)event;
  api_step_from_handler();
}

/* Most calls are answered, so that something happens. */
static void on_served_event(fuzz_served *s, char event) {
  uint8_t how = api.is_calm ? 0 : fuzz_u8(&api.of_handlers) % 4;
  if (how == 1) api_served_act(s, &api.of_handlers);
  bool is_due = event == 'H' || event == 'U';
  if (is_due && how < 2 && s->call && !s->is_finished) {
    gmux_bytes reply = gmux_bytes_borrow("reply", 5);
    served_reply(s, &reply);
  }
  api_step_from_handler();
}

/* How far the world goes before the next step. */
static void go_on(fuzz_input *in) {
  uint8_t how = fuzz_u8(in);
  if (how < 0x40) return;
  if (how < 0x80) {
    for (unsigned n = how % 8u + 1; n > 0; n--)
      sim_step(api.sim);
    return;
  }
  if (how < 0xc0) {
    sim_run(api.sim);
    return;
  }
  uint32_t ms = INPUT_ANY_OF(in, 1, 10, 100, 1000, 3000, 30000, 400000);
  fuzz_note("%u ms pass", ms);
  sim_run_for(api.sim, ms * API_MS);
}

/* The library recounts itself; where threads are played its posts may be under way. */
static void check_all(void) {
  if (api.is_threaded) return;
  for (size_t i = 0; i < API_CHANNELS; i++)
    if (api.channels[i].handle) gmux__channel_check(api.channels[i].handle);
  for (size_t i = 0; i < API_SERVERS; i++)
    if (api.servers[i].handle) gmux__server_check(api.servers[i].handle);
}

/* ---- the world ---- */

static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)level, (void)user_data;
  fuzz_law(strlen(room) > 0 && !strchr(text, '\n'), "a line of the log: %s", text);
}

static void open_world(uint8_t how) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.read_buffer_bytes = 16384;
  o.log = how & 4 ? on_log : NULL;
  o.log_level = GMUX_LOG_DEBUG;
  api.sim = sim_new(1);
  sim_net(api.sim)->buffer_bytes = 16384;
  api.is_threaded = how & 2;
  api.loop_count = how & 1 ? 2 : 1;
  for (size_t i = 0; i < api.loop_count; i++) {
    api.loops[i] = sim_loop_with(api.sim, &o);
    sim_set_outside(api.loops[i], api.is_threaded);
  }
  gmux__address at = sim_address("127.0.0.1", API_PORT);
  sim_dns_set(api.sim, "fuzz.example", &at, 1);
  callers_open(api.sim);
  serveds_open(UINT32_MAX);
  callers.is_threaded = serveds.is_threaded = api.is_threaded;
  callers.on_event = on_call_event;
  serveds.on_event = on_served_event;
  if (how & 8) return;
  fuzz_input defaults = {NULL, 0};
  api_server_open(&defaults);
  api_channel_open(&defaults);
}

static void calm_down(void) {
  fuzz_note("calm");
  api.is_calm = true;
  fuzz_memory_fail_at(0);
  api_weather_heal();
  for (size_t i = 0; i < api.loop_count; i++)
    sim_set_outside(api.loops[i], false);
  sim_run_for(api.sim, 1000 * API_MS);
  for (size_t i = 0; i < API_SERVERS; i++)
    api_server_end(&api.servers[i]);
  for (size_t i = 0; i < API_CHANNELS; i++)
    api_channel_end(&api.channels[i]);
  FUZZ_VOID(gmux_call_free(api.blocking));
  gmux_metadata_free(api.metadata);
  sim_run_for(api.sim, 1200000 * API_MS);
}

static void close_world(void) {
  calm_down();
  for (size_t i = 0; i < api.promise_count; i++)
    fuzz_law(api.promises[i].told == 1, "%s did not come", api.promises[i].name);
  callers_close();
  serveds_close();
  sim_run(api.sim);
  fuzz_law(api.owned == 0, "%zu bytes values are not released", api.owned);
  size_t peak = test_alloc_peak();
  fuzz_note("%zu bytes at most", peak);
  fuzz_law(peak <= PEAK_BYTES, "%zu bytes of memory", peak);
  sim_free(api.sim);
  fuzz_memory_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  memset(&api, 0, sizeof api);
  api.in = (fuzz_input){data, len - len / 3};
  api.of_handlers = (fuzz_input){data + api.in.len, len / 3};
  fuzz_memory_begin();
  open_world(fuzz_u8(&api.in));
  for (unsigned n = 0; n < STEPS && api.in.len > 0; n++) {
    step(&api.in);
    go_on(&api.in);
    check_all();
  }
  close_world();
  return 0;
}
