/*
 * hostile_test.c: whole attacks of servers, beside a good server that is called all the while.
 *
 * A hostile server says in each round all that it can, to calls of a channel that comes back to it
 * as soon as a connection was ended. In the same round the application calls a good server over a
 * channel of its own: that must succeed, and be no slower than without the attack. What both
 * channels hold must stay below a ceiling, and each call to the hostile server must end.
 */
#include "tests/unit/client/world.h"
#include <string.h>
#include <zlib.h>

enum {
  LATENCY_MS = 5,
  CALM_MS = 2 * LATENCY_MS, /* a call without an attack */
  ROUNDS = 60,
  CALLS = 10, /* at once, to the hostile server */
  DEADLINE_MS = 400,
  BURST = 500, /* frames a round */
  CEILING = 1 << 20,
  /* Answers that nobody takes: a window of each call. */
  CEILING_OF_WINDOWS = CALLS * 262144 + CEILING,
  /* Requests that cannot leave: write_queue_bytes of each call, and the message that filled it. */
  CEILING_OF_QUEUES = CALLS * (65536 + 20000) + CEILING,
  /* The largest message, while it grows. */
  CEILING_OF_MESSAGES = 2 * (4 << 20) + CEILING
};

static rawpeer *bad, *good;
static rawlistener *good_listener;
static gmux_channel *good_channel;
static tcall *calls[CALLS]; /* to the hostile server, running */

/* ---- attacks: a round each, on the requests that have come ---- */

static size_t requests(void) {
  return rawpeer_count(bad, RAW_HEADERS, RAW_ANY);
}

static uint32_t newest(void) {
  return rawpeer_find(bad, RAW_HEADERS, RAW_ANY, requests() - 1)->stream;
}

static const uint8_t opaque[RAW_PING_BYTES];

static void ping(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_ping(bad, 0, opaque);
}
static void change_settings(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_settings(bad, 0, NULL, NULL);
}
static void flap_the_limit(void) {
  for (int i = 0; i < BURST; i++)
    w_settings(bad, i % 2 ? 100 : 0);
}
static void widen_windows(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_window_update(bad, 0, 1);
}
static void reset_the_closed(void) {
  rawpeer_rst(bad, 1, GMUX__H2_CANCEL);
  for (int i = 0; i < BURST; i++)
    rawpeer_rst(bad, 1, GMUX__H2_CANCEL);
}
static void send_empty_data(void) {
  w_headers(bad, newest());
  for (int i = 0; i < BURST; i++)
    rawpeer_data(bad, newest(), 0, NULL, 0, 0);
}
static void send_the_unknown(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_frame(bad, 0xbe, 0, 0, NULL, 0);
}
static void announce_without_end(void) {
  static const char *const head[] = {":status", "103", NULL};
  for (int i = 0; i < BURST; i++)
    rawpeer_headers(bad, newest(), RAW_END_HEADERS, head);
}
static void continue_for_ever(void) {
  rawpeer_frame(bad, RAW_HEADERS, 0, newest(), NULL, 0);
  for (int i = 0; i < BURST; i++)
    rawpeer_frame(bad, RAW_CONTINUATION, 0, newest(), NULL, 0);
}
/* A field of 4000 bytes that the table keeps, and again 10,000 times in a byte each: 40 MB. */
static void send_bomb(void) {
  static const uint8_t indexed[] = {0x40, 1, 'x', 0x7f, 0xa1, 0x1e}; /* 127 + 33 + 30 * 128 */
  static uint8_t block[sizeof indexed + 4000 + 10000];
  memcpy(block, indexed, sizeof indexed);
  memset(block + sizeof indexed, 'v', 4000);
  memset(block + sizeof indexed + 4000, 0xbe, 10000);
  rawpeer_frame(bad, RAW_HEADERS, RAW_END_HEADERS, newest(), block, sizeof block);
}
static void promise(void) {
  static const uint8_t promised[4] = {0, 0, 0, 2};
  rawpeer_frame(bad, RAW_PUSH_PROMISE, RAW_END_HEADERS, newest(), promised, sizeof promised);
}
static void say_goodbye_without_end(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_goaway(bad, INT32_MAX, 0, "");
}
static void refuse_all(void) {
  for (size_t i = 0; i < requests(); i++)
    rawpeer_rst(bad, rawpeer_find(bad, RAW_HEADERS, RAW_ANY, i)->stream, GMUX__H2_REFUSED_STREAM);
}

/* ---- answers ---- */

static void pour(uint32_t stream, size_t bytes) {
  static const uint8_t message[16384 - 5] = {0};
  for (size_t sent = 0; sent < bytes; sent += 16384)
    rawpeer_grpc_message(bad, stream, 0, message, sizeof message);
}
/* Within the window, and nobody takes it. */
static void pour_what_is_allowed(void) {
  static rawpeer *last;
  static uint32_t stream;
  if (last == bad && stream == newest()) return;
  last = bad;
  stream = newest();
  w_headers(bad, stream);
  pour(stream, 262144 - 16384);
}
static void pour_beyond_the_window(void) {
  w_headers(bad, newest());
  pour(newest(), 1 << 20);
}

static size_t deflated(uint8_t *out, size_t room, size_t zeros) {
  static uint8_t zero[65536];
  z_stream z = {0};
  CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                        Z_OK);
  z.next_out = out;
  z.avail_out = (uInt)room;
  for (size_t done = 0; done < zeros; done += sizeof zero) {
    z.next_in = zero;
    z.avail_in = sizeof zero;
    deflate(&z, done + sizeof zero < zeros ? Z_NO_FLUSH : Z_FINISH);
  }
  size_t len = room - z.avail_out;
  deflateEnd(&z);
  return len;
}
/* 64 MiB of zeros in 64 KB. */
static void send_gzip_bomb(void) {
  static const char *const head[] = {
      ":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip", NULL};
  static uint8_t bomb[5 + 70000] = {1};
  static size_t len;
  if (!len) len = deflated(bomb + 5, sizeof bomb - 5, 64 << 20);
  raw_put_u32(bomb + 1, (uint32_t)len);
  rawpeer_headers(bad, newest(), RAW_END_HEADERS, head);
  for (size_t at = 0; at < 5 + len; at += 16384)
    rawpeer_data(bad, newest(), 0, bomb + at, 5 + len - at < 16384 ? 5 + len - at : 16384, 0);
}

/* ---- not reading ---- */

static void say_nothing(void) {}
static void open_the_window_by_crumbs(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_window_update(bad, newest(), 1);
}
static void read_nothing(void) {
  sim_link *link = rawpeer_link(bad);
  if (link) sim_link_stall(link, SIM_TO_SERVER);
  for (int i = 0; i < BURST; i++)
    rawpeer_ping(bad, 0, opaque);
}

/* ---- the application ---- */

/* Requests without end, whatever it is told; and the answer is not taken. */
static void call_badly(tcall *t) {
  static const char text[20000];
  gmux_call_options o = w_timeout(DEADLINE_MS);
  o.initial_credit = 1;
  if (w_start_with(t, GMUX_BIDI_STREAMING, &o)) return;
  for (int i = 0; i < 10; i++) {
    gmux_bytes bytes = gmux_bytes_borrow(text, sizeof text);
    (void)gmux_call_write(t->call, &bytes);
  }
}

static void calls_go_on(void) {
  for (int i = 0; i < CALLS; i++) {
    if (calls[i] && !calls[i]->ends) continue;
    if (calls[i]) w_free(calls[i]);
    calls[i] = w_record();
    call_badly(calls[i]);
  }
}

/* How long it took, in ms. */
static unsigned good_call(void) {
  static size_t seen;
  tcall *t = w_record();
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&t->call, good_channel, w_methods[GMUX_UNARY], NULL, &w_handlers, t), 0);
  CU_ASSERT_EQUAL(w_write(t, "x"), 0);
  if (rawpeer_count(good, RAW_HEADERS, RAW_ANY) == 0) seen = 0;
  unsigned ms = 0;
  for (; ms < 100 * CALM_MS && !t->ends; ms++) {
    w_run_ms(1);
    if (rawpeer_count(good, RAW_HEADERS, RAW_ANY) > seen)
      w_answer(good, rawpeer_find(good, RAW_HEADERS, RAW_ANY, seen++)->stream, "reply");
  }
  ASSERT_CODE(t, GMUX_OK);
  w_free(t);
  return ms;
}

/* ---- the test ---- */

typedef struct attack {
  const char *name;
  void (*say)(void);
  size_t count_of; /* in gmux_channel_stats, uint64_t: what must have become more; 0: nothing */
  size_t ceiling;
  bool has_no_window;
} attack;

#define COUNTED_AS(field) offsetof(gmux_channel_stats, field)

static const attack attacks[] = {
    {"PING", ping, .count_of = COUNTED_AS(ended_chatter), .ceiling = CEILING_OF_QUEUES},
    {"SETTINGS", change_settings, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"MAX_CONCURRENT_STREAMS to and fro", flap_the_limit, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"WINDOW_UPDATE", widen_windows, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"RST_STREAM", reset_the_closed, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"RST_STREAM of all requests", refuse_all, .ceiling = CEILING_OF_QUEUES},
    {"empty DATA", send_empty_data, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"unknown frames", send_the_unknown, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"1xx", announce_without_end, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"CONTINUATION", continue_for_ever, .count_of = COUNTED_AS(ended_metadata),
     .ceiling = CEILING_OF_QUEUES},
    {"header bomb", send_bomb, .count_of = COUNTED_AS(ended_metadata),
     .ceiling = CEILING_OF_QUEUES},
    {"PUSH_PROMISE", promise, .ceiling = CEILING_OF_QUEUES},
    {"GOAWAY", say_goodbye_without_end, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES},
    {"answers that are not taken", pour_what_is_allowed,
     .ceiling = CEILING_OF_WINDOWS + CEILING_OF_QUEUES},
    {"DATA beyond windows", pour_beyond_the_window,
     .ceiling = CEILING_OF_WINDOWS + CEILING_OF_QUEUES},
    {"gzip bomb", send_gzip_bomb, .ceiling = CEILING_OF_MESSAGES + CEILING_OF_QUEUES},
    {"no window", say_nothing, .ceiling = CEILING_OF_QUEUES, .has_no_window = true},
    {"windows of crumbs", open_the_window_by_crumbs, .count_of = COUNTED_AS(ended_chatter),
     .ceiling = CEILING_OF_QUEUES, .has_no_window = true},
    {"not reading", read_nothing, .ceiling = CEILING_OF_QUEUES},
};

static void bad_server_takes_who_comes(const attack *a) {
  static const uint16_t ids[] = {3, 4}; /* MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE */
  const uint32_t values[] = {100, a->has_no_window ? 0 : 65535};
  for (rawpeer *p; (p = rawpeer_accept(w_listener));) {
    rawpeer_free(bad);
    bad = p;
    rawpeer_settings(bad, 2, ids, values);
    rawpeer_settings_ack(bad);
  }
}

static void attack_begin(void) {
  const gmux__address at = sim_address("127.0.0.1", 50052);
  good_listener = rawpeer_listen(w_loop, &at);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&good_channel, w_loop, "ipv4:127.0.0.1:50052", &w_options),
                        0);
  w_options.max_connections = 1;
  w_options.chatter_burst = BURST - 100;
  w_options.chatter_rate_per_s = 100;
  w_open();
  gmux_channel_get_state(good_channel, true);
  w_run();
  good = rawpeer_accept(good_listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(good);
  w_settings(good, -1);
  rawpeer_settings_ack(good);
  rawpeer_window_update(good, 0, 1u << 30);
  w_run();
  sim_net(w_sim)->latency_ns = LATENCY_MS * MS;
  bad = NULL;
  memset(calls, 0, sizeof calls);
}

static bool is_counted(const attack *a) {
  gmux_channel_stats stats = w_stats();
  uint64_t count = 0;
  if (a->count_of) memcpy(&count, (const char *)&stats + a->count_of, sizeof count);
  return !a->count_of || count > 0;
}

static bool attack_run(const attack *a) {
  bool is_well = good_call() == CALM_MS;
  size_t before = test_alloc_bytes();
  (void)test_alloc_peak();
  for (unsigned round = 0; round < ROUNDS; round++) {
    calls_go_on();
    bad_server_takes_who_comes(a);
    if (bad && requests() > 0) a->say();
    is_well = good_call() <= CALM_MS + 1 && is_well;
  }
  return is_well && test_alloc_peak() <= before + a->ceiling && is_counted(a);
}

/* All that ran has ended once its deadline is over. */
static bool attack_end(void) {
  bool is_well = true;
  w_run_ms(DEADLINE_MS + 1);
  for (int i = 0; i < CALLS; i++) {
    is_well = calls[i]->ends == 1 && calls[i]->code != GMUX_OK && is_well;
    w_free(calls[i]);
  }
  gmux_channel_free(good_channel);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  rawpeer_free(good);
  rawpeer_free(bad);
  rawpeer_listen_close(good_listener);
  return is_well;
}

static void a_server_that_attacks_harms_its_own_calls_alone(void) {
  for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
    if (i > 0) w_setup(); /* a world for each */
    attack_begin();
    bool is_well = attack_run(&attacks[i]);
    if (!attack_end() || !is_well) CU_FAIL(attacks[i].name);
    if (i + 1 < sizeof attacks / sizeof *attacks) w_teardown();
  }
}

static const test_case cases[] = {
    TEST(a_server_that_attacks_harms_its_own_calls_alone),
    TESTS_END,
};

const test_suite client_hostile_suite = {"hostile", cases, w_setup, w_teardown};
