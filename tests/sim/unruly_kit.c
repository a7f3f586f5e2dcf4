/* unruly_kit.c: a world with an unruly server, a channel, and a ledger. */
#include "tests/sim/unruly_kit.h"
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 300, NOISE = 1024 };

const char *const kit_paths[4] = {"/u.U/Unary", "/u.U/Client", "/u.U/Server", "/u.U/Bidi"};

unruly_kit w;

/* ---- messages ---- */

static void message(uint32_t id, bool to_client, unsigned number, const uint8_t **data,
                    size_t *len) {
  static uint8_t noise[NOISE];
  if (noise[1] == 0)
    for (size_t i = 0; i < NOISE; i++)
      noise[i] = (uint8_t)(i * 7 + i / 256);
  unsigned hash = id * 31 + number * 17 + to_client;
  *data = noise + hash % (NOISE - MESSAGE_MAX);
  *len = hash % MESSAGE_MAX;
}

static bool message_is(const gmux_bytes *m, uint32_t id, bool to_client, unsigned number) {
  const uint8_t *data;
  size_t len;
  message(id, to_client, number, &data, &len);
  return m->len == len && (len == 0 || memcmp(m->data, data, len) == 0);
}

/* ---- the ledger ---- */

static void on_executed(uint32_t id, gmux_method_kind kind, void *user_data) {
  (void)user_data;
  CU_ASSERT_EQUAL(w.calls[id].kind, kind);
  w.calls[id].executed++;
}

static void on_served(uint32_t id, unsigned messages, gmux_code code, void *user_data) {
  (void)messages, (void)user_data;
  w.calls[id].served_ok += code == GMUX_OK;
}

static void on_refused(uint32_t id, void *user_data) {
  (void)user_data;
  if (id <= CALLS) w.calls[id].refused++;
}

static void on_eager(uint32_t id, void *user_data) {
  (void)id, (void)user_data;
  w.eager++;
}

static void on_fault(unruly_fault fault, void *user_data) {
  (void)user_data;
  w.faults[fault]++;
}

static void on_breach(unruly_breach_kind kind, const char *what, void *user_data) {
  (void)kind, (void)user_data;
  w.breaches++;
  snprintf(w.last_breach, sizeof w.last_breach, "%s", what);
  if (!w.is_breach_expected) printf("# breach: %s\n", what);
}

static void on_punishable(uint32_t id, void *user_data) {
  (void)id, (void)user_data;
  w.punishable++;
}

static const unruly_handlers handlers = {
    .message = message,
    .on_executed = on_executed,
    .on_served = on_served,
    .on_refused = on_refused,
    .on_eager = on_eager,
    .on_fault = on_fault,
    .on_breach = on_breach,
    .on_punishable = on_punishable,
};

/* ---- the world ---- */

void server_open(const unruly_options *options, uint64_t seed) {
  gmux__address at = sim_address("127.0.0.1", PORT);
  unruly_options o = *options;
  o.paths = kit_paths;
  o.max_bytes = MESSAGE_MAX;
  o.handlers = &handlers;
  w.server = unruly_open(w.loop, &at, &o, seed);
  CU_ASSERT_PTR_NOT_NULL_FATAL(w.server);
}

void channel_open_with(const gmux_channel_options *options) {
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&w.channel, w.loop, "ipv4:127.0.0.1:50051", options), 0);
}

gmux_channel_options channel_options(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  return o;
}

void channel_open(void) {
  gmux_channel_options o = channel_options();
  channel_open_with(&o);
}

void open_decent(void) {
  server_open(&(unruly_options){.roughness = 0}, 1);
  channel_open();
}

void open_always(unruly_fault fault) {
  server_open(&(unruly_options){.always = fault}, 1);
  channel_open();
}

void setup(void) {
  memset(&w, 0, sizeof w);
  w.sim = sim_new(1);
  w.loop = sim_loop(w.sim);
  sim_net(w.sim)->latency_ns = MS;
  for (int i = 0; i < 4; i++)
    CU_ASSERT_EQUAL_FATAL(gmux_method_new(&w.methods[i], kit_paths[i], (gmux_method_kind)i, 0), 0);
}

void run_ms(uint64_t ms) {
  sim_run_for(w.sim, ms * MS);
}

/* The ledger's laws, whatever was done. */
static void law_of_call(const line *c) {
  CU_ASSERT_EQUAL(c->ends, 1);
  CU_ASSERT_TRUE(c->executed <= 1);
  CU_ASSERT_TRUE(c->code != GMUX_OK || (c->executed == 1 && c->served_ok == 1));
  bool is_excluded = c->evidence < GMUX_EVIDENCE_POSSIBLE;
  CU_ASSERT_TRUE(!is_excluded || c->executed == 0);
}

void teardown(void) {
  gmux_channel_close(w.channel, NULL, NULL);
  run_ms(1000);
  for (uint32_t id = 1; id <= w.count; id++) {
    law_of_call(&w.calls[id]);
    gmux_call_free(w.calls[id].call);
  }
  gmux_channel_free(w.channel);
  unruly_close(w.server);
  run_ms(1000);
  for (int i = 0; i < 4; i++)
    gmux_method_free(w.methods[i]);
  sim_free(w.sim);
  CU_ASSERT_TRUE(w.is_breach_expected || w.breaches == 0);
}

/* ---- calls ---- */

static void on_headers(gmux_call *call, const gmux_metadata *metadata, void *user_data) {
  (void)call, (void)metadata;
  line *c = user_data;
  c->headers++;
}

static void on_message(gmux_call *call, gmux_bytes *m, void *user_data) {
  (void)call;
  line *c = user_data;
  CU_ASSERT_TRUE(message_is(m, (uint32_t)(c - w.calls), true, c->received));
  c->received++;
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)trailers;
  line *c = user_data;
  c->ends++;
  c->code = status->code;
  c->evidence = gmux_call_get_evidence(call);
}

static const gmux_call_handlers call_handlers = {
    .on_headers = on_headers, .on_message = on_message, .on_end = on_end};

static void write_message(uint32_t id, unsigned number) {
  const uint8_t *data;
  size_t len;
  message(id, false, number, &data, &len);
  gmux_bytes bytes = gmux_bytes_borrow(data, len);
  CU_ASSERT_TRUE(gmux_call_write(w.calls[id].call, &bytes) >= 0);
}

line *start_with(gmux_method_kind kind, unsigned messages, bool says_all) {
  uint32_t id = ++w.count;
  line *c = &w.calls[id];
  char text[16];
  gmux_metadata *md;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  snprintf(text, sizeof text, "%u", id);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_add(md, "x-id", text), 0);
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.metadata = md;
  o.wait_for_ready = true;
  c->kind = kind;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&c->call, w.channel, w.methods[kind], &o, &call_handlers, c), 0);
  gmux_metadata_free(md);
  for (unsigned i = 0; i < messages; i++)
    write_message(id, i);
  if (says_all) gmux_call_half_close(c->call);
  return c;
}

line *start(void) {
  return start_with(GMUX_UNARY, 1, true);
}

line *start_open(void) {
  return start_with(GMUX_BIDI_STREAMING, 1, false);
}

size_t ended_with(gmux_code code) {
  size_t count = 0;
  for (uint32_t id = 1; id <= w.count; id++)
    count += w.calls[id].ends == 1 && w.calls[id].code == code;
  return count;
}

gmux_channel_stats figures(void) {
  gmux_channel_stats s = {.size = sizeof s};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(w.channel, &s), 0);
  return s;
}

void start_many(unsigned n) {
  for (unsigned i = 0; i < n; i++)
    start();
}
