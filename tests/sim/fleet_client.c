/* fleet_client.c: channels of a fleet, and calls on them. */
#include "tests/sim/fleet.h"
#include "tests/unit/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4096 };

/* ---- channels ---- */

gmux_channel_options fleet_channel_options(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  return o;
}

fleet_channel *fleet_channel_new(int server, const gmux_channel_options *options) {
  gmux_channel_options o = options ? *options : fleet_channel_options();
  fleet_channel *ch = &fl.channels[fl.channel_count];
  char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", fleet_address(server).port);
  ch->loop =
      fl.loop_count == 1 ? fl.loops[0] : fl.loops[1 + fl.channel_count % (fl.loop_count - 1)];
  int error = gmux_channel_new(&ch->channel, ch->loop, target, &o);
  if (error) printf("# no channel: %s\n", gmux_last_error());
  CU_ASSERT_EQUAL_FATAL(error, 0);
  ledger_channel_open(&ch->book, (int)fl.channel_count, ch->channel, &o);
  ch->book.max_message_bytes = FLEET_REQUEST_BYTES;
  fl.channel_count++;
  return ch;
}

static void on_warm(int error, void *user_data) {
  fleet_promise(error == 0, "a channel cannot be warmed: %d", error);
  *(bool *)user_data = true;
}

static bool is_set(void *arg) {
  return *(const bool *)arg;
}

void fleet_warm(fleet_channel *ch) {
  bool is_warm = false;
  CU_ASSERT_EQUAL_FATAL(gmux_channel_warm(ch->channel, on_warm, &is_warm), 0);
  fleet_promise(fleet_run_until(is_set, &is_warm, 10000), "a channel does not get warm");
}

gmux_channel_stats fleet_figures(const fleet_channel *ch) {
  gmux_channel_stats s = {.size = sizeof s};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(ch->channel, &s), 0);
  return s;
}

uint64_t fleet_retries(const gmux_channel_stats *stats) {
  uint64_t sum = 0;
  for (int i = GMUX_EVIDENCE_NEVER_LEFT; i <= GMUX_EVIDENCE_ANSWERED; i++)
    sum += stats->retries[i];
  return sum;
}

/* ---- calls ---- */

fleet_call *fleet_call_at(size_t i) {
  return &fl.chunks[i / CHUNK][i % CHUNK];
}

static fleet_call *call_new(void) {
  if (fl.call_count % CHUNK == 0) {
    size_t count = fl.call_count / CHUNK;
    fleet_call **chunks = sim_alloc((count + 1) * sizeof *chunks);
    if (count > 0) memcpy(chunks, fl.chunks, count * sizeof *chunks);
    free(fl.chunks);
    fl.chunks = chunks;
    fl.chunks[count] = sim_alloc(CHUNK * sizeof **chunks);
  }
  return fleet_call_at(fl.call_count++);
}

static void law_of_reply(const fleet_call *c, const gmux_status *status, const gmux_bytes *reply) {
  uint8_t wanted[FLEET_REPLY_BYTES];
  fleet_ledger_reply(c, wanted);
  if (status->code != GMUX_OK) return;
  ledger_law_of_call(&c->entry, LAW_L6,
                     reply->len == sizeof wanted && memcmp(reply->data, wanted, sizeof wanted) == 0,
                     "call %u has the answer of another", c->entry.id);
}

static void load_go_on(fleet_load *load, gmux_code code) {
  if (!load || !load->is_on) return;
  if (code != GMUX_OK) {
    load->owed++;
    return;
  }
  fleet_call *c = fleet_start(load->channel, &load->ask);
  if (c) c->load = load;
}

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)trailers;
  fleet_call *c = user_data;
  ledger_call_hear_end(&c->entry, call, status);
  law_of_reply(c, status, reply);
  fl.running--;
  load_go_on(c->load, c->entry.code);
}

void fleet_ended_beside(fleet_channel *ch, gmux_call *call, const gmux_status *status) {
  gmux_call_explanation e = {.size = sizeof e};
  fleet_promise(gmux_call_explain(call, &e) == 0, "a call cannot be explained");
  ledger_channel_ended(&ch->book, status->code, gmux_call_get_evidence(call), e.attempts);
}

static void put_u32(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++)
    p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t work_of(const fleet_ask *ask) {
  return ask->spread_ms ? ask->work_ms + (uint32_t)fleet_random(ask->spread_ms) : ask->work_ms;
}

fleet_call *fleet_start(fleet_channel *ch, const fleet_ask *ask) {
  fleet_call *c = call_new();
  uint8_t data[FLEET_REQUEST_BYTES];
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = ask->is_patient;
  o.idempotent = ask->is_idempotent;
  if (ask->timeout_ms > 0) o.timeout_ms = ask->timeout_ms;
  ledger_call_begin(&c->entry, (uint32_t)fl.call_count, &ch->book, o.idempotent, o.timeout_ms);
  c->entry.handle = &c->handle;
  c->channel = ch;
  put_u32(data, c->entry.id);
  put_u32(data + 4, work_of(ask));
  gmux_bytes request = gmux_bytes_borrow(data, sizeof data);
  int error = gmux_call_unary_start(ask->keeps_handle ? &c->handle : NULL, ch->channel, fl.method,
                                    &o, &request, on_done, c);
  if (!fleet_promise(error == 0, "a call cannot be started: %d", error)) {
    fl.call_count--;
    return NULL;
  }
  ledger_call_started(&c->entry);
  fl.running++;
  return c;
}

void fleet_start_many(fleet_channel *ch, const fleet_ask *ask, unsigned count) {
  while (count-- > 0)
    fleet_start(ch, ask);
}

size_t fleet_ended_with(size_t first, gmux_code code) {
  size_t count = 0;
  for (size_t i = first; i < fl.call_count; i++)
    count += fleet_call_at(i)->entry.ends == 1 && fleet_call_at(i)->entry.code == code;
  return count;
}

fleet_load *fleet_load_start(fleet_channel *ch, const fleet_ask *ask, unsigned concurrent) {
  fleet_load *load = &fl.loads[fl.load_count++];
  *load = (fleet_load){.channel = ch, .ask = *ask, .is_on = true};
  for (; concurrent > 0; concurrent--) {
    fleet_call *c = fleet_start(ch, ask);
    if (c) c->load = load;
  }
  return load;
}

void fleet_loads_stop(void) {
  for (size_t i = 0; i < fl.load_count; i++)
    fl.loads[i].is_on = false;
}
