/*
 * hostile_test.c: whole attacks, beside a client that goes on being served.
 *
 * An attacker says in each round all that it can, and comes back as soon as it has been ended. In
 * the same round a good client makes a call over a connection of its own, which must succeed, and
 * be no slower than without the attack; and what the server holds must stay below a ceiling. Time
 * is the simulator's: this shows that nobody waits for the attacker, not how much CPU it takes.
 */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"
#include <limits.h>

enum {
  LATENCY_MS = 5,
  ROUNDS = 60,
  WORK_ROUNDS = 5,          /* how long handlers go on with what nobody wants any more */
  CALM_MS = 2 * LATENCY_MS, /* a call without an attack */
  HANDSHAKES = 50,
  BURST = 500, /* frames a round */
  /* Of memory. Most of it is calls that are held, 2.5 KiB each; */
  CEILING = 2 << 20,
  /* and here what is queued for who does not read: connection_queue_bytes, and a message of each
   * call, on the attacker's connection and on the one before it. */
  CEILING_OF_QUEUES = 2 * ((4 << 20) + (1 << 20)) + CEILING
};

static rawpeer *bad, *good;
static uint32_t bad_id, good_id; /* of the next request */
static unsigned rounds, returns; /* returns: how often the attacker came back */

static void say_request(const char *path, const char *const *more) {
  kit_request(bad_id, path, false, more);
  bad_id += 2;
}

/* ---- the server's application ---- */

enum { WORKERS = 4096 };
static struct {
  gmux_server_call *call;
  unsigned until; /* round */
} workers[WORKERS];
static size_t first_worker, worker_count;

/* A thread that works on the call, and does not look whether anybody waits for it still. */
static void work_on(gmux_server_call *call) {
  CU_ASSERT_FATAL(worker_count - first_worker < WORKERS);
  workers[worker_count % WORKERS].call = gmux_server_call_ref(call);
  workers[worker_count++ % WORKERS].until = rounds + WORK_ROUNDS;
}

static void workers_finish(unsigned until) {
  for (; first_worker < worker_count; first_worker++) {
    if (workers[first_worker % WORKERS].until > until) return;
    gmux_server_call_unref(workers[first_worker % WORKERS].call);
  }
}

static void pour(gmux_server_call *call) {
  static char text[10000];
  for (int rv = 0; rv == 0;) {
    gmux_bytes bytes = gmux_bytes_borrow(text, sizeof text);
    rv = gmux_server_call_write(call, &bytes);
  }
}

static void act(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
  if (event != SAW_CALL && event != SAW_WRITABLE) return;
  if (!strcmp(gmux_server_call_path(call), "/t.S/Server"))
    pour(call);
  else if (event == SAW_CALL)
    work_on(call);
}

/* ---- attacks: a round each ---- */

/* CVE-2023-44487: what was started in the last round is taken back, and more is started. */
static void reset_what_was_started(void) {
  enum { CALLS = 90 };
  for (uint32_t id = bad_id > 2 * CALLS ? bad_id - 2 * CALLS : bad_id; id < bad_id; id += 2)
    rawpeer_rst(kit.peer, id, GMUX__H2_CANCEL);
  for (int i = 0; i < CALLS; i++)
    say_request("/t.S/Bidi", NULL);
}

static void reset_at_once(void) {
  for (int i = 0; i < BURST; i++) {
    say_request("/t.S/Bidi", NULL);
    rawpeer_rst(kit.peer, bad_id - 2, GMUX__H2_CANCEL);
  }
}

/* CVE-2025-8671 */
static void break_fields(void) {
  static const char *const bad_field[] = {"Upper-Case", "x", NULL};
  for (int i = 0; i < 80; i++)
    say_request("/t.S/Bidi", bad_field);
}

static void break_windows(void) {
  for (int i = 0; i < 80; i++) {
    say_request("/t.S/Bidi", NULL);
    rawpeer_window_update(kit.peer, bad_id - 2, INT32_MAX);
  }
}

/* CVE-2019-9512 */
static const uint8_t opaque[RAW_PING_BYTES];
static void ping(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_ping(kit.peer, 0, opaque);
}
static void ping_without_end_while_it_is_answered(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_ping(kit.peer, 0, opaque);
  if (bad_id < 100) say_request("/not.a/Method", NULL); /* each answer clears the strikes */
}
static void acknowledge_pings(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_ping(kit.peer, RAW_ACK, opaque);
}
/* CVE-2019-9515 */
static void change_settings(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_settings(kit.peer, 0, NULL, NULL);
}
static void widen_windows(void) {
  for (int i = 0; i < BURST; i++)
    rawpeer_window_update(kit.peer, 0, 1);
}
/* CVE-2019-9513 */
static void prioritise(void) {
  for (int i = 0; i < BURST; i++) {
    uint8_t priority[5] = {0, 0, 0, 0, 15};
    rawpeer_frame(kit.peer, RAW_PRIORITY, 0, 1 + 2 * (uint32_t)i, priority, sizeof priority);
  }
}
/* CVE-2019-9518 */
static void send_empty_data(void) {
  if (bad_id == 1) say_request("/t.S/Bidi", NULL);
  for (int i = 0; i < BURST; i++)
    rawpeer_data(kit.peer, 1, 0, NULL, 0, 0);
}

/* ---- metadata ---- */

/* A field of 4000 bytes that the table keeps, and again 10,000 times in a byte each: 40 MB. */
static void send_bomb(void) {
  static const uint8_t indexed[] = {0x40, 1, 'x', 0x7f, 0xa1, 0x1e}; /* 127 + 33 + 30 * 128 */
  static uint8_t block[sizeof indexed + 4000 + 10000];
  memcpy(block, indexed, sizeof indexed);
  memset(block + sizeof indexed, 'v', 4000);
  memset(block + sizeof indexed + 4000, 0xbe, 10000);
  rawpeer_frame(kit.peer, RAW_HEADERS, RAW_END_HEADERS, bad_id, block, sizeof block);
  bad_id += 2;
}

/* CVE-2024-28182 */
static void continue_for_ever(void) {
  rawpeer_frame(kit.peer, RAW_HEADERS, 0, bad_id, NULL, 0);
  for (int i = 0; i < BURST; i++)
    rawpeer_frame(kit.peer, RAW_CONTINUATION, 0, bad_id, NULL, 0);
  bad_id += 2;
}

/* ---- more than is allowed ---- */

static void ask_for_too_many(void) {
  for (int i = 0; i < BURST; i++)
    say_request("/t.S/Bidi", NULL);
}

static void go_back_in_ids(void) {
  bad_id += 2;
  say_request("/t.S/Bidi", NULL);
  kit_request(bad_id - 4, "/t.S/Bidi", false, NULL);
}

static void connect_and_say_nothing(void) {
  for (int i = 0; i < 20; i++)
    (void)kit_connect_silent();
}

/* Slow loris in the body: a byte of a message each, and no more. */
static void stop_in_bodies(void) {
  for (int i = 0; rounds % 40 == 0 && i < 100; i++) {
    say_request("/t.S/Bidi", NULL);
    rawpeer_data(kit.peer, bad_id - 2, 0, "", 1, 0);
  }
  kit_run_ms(20); /* so that the stall's time passes within the rounds */
}

/* ---- not reading ---- */

static void set_window(uint32_t bytes) {
  static const uint16_t ids[] = {4}; /* SETTINGS_INITIAL_WINDOW_SIZE */
  rawpeer_settings(kit.peer, 1, ids, &bytes);
}

/* CVE-2019-9517: replies are asked for, and there is no window to send them. */
static void ask_without_a_window(void) {
  if (bad_id > 1) return;
  set_window(0);
  for (int i = 0; i < 100; i++)
    say_request("/t.S/Server", NULL);
}

/* CVE-2019-9511: a byte at a time. */
static void open_the_window_by_crumbs(void) {
  ask_without_a_window();
  for (uint32_t i = 0; i < BURST; i++)
    rawpeer_window_update(kit.peer, 1 + 2 * (i % 100), 1);
}

static void read_nothing(void) {
  sim_link *link = rawpeer_link(kit.peer);
  if (link) sim_link_stall(link, SIM_TO_CLIENT);
  for (int i = 0; i < BURST; i++)
    say_request("/not.a/Method", NULL);
}

/* ---- the test ---- */

typedef struct attack {
  const char *name;
  void (*say)(void);
  size_t count_of; /* in gmux_server_stats, uint64_t: what must have become more; 0: nothing */
  size_t ceiling;
} attack;

#define COUNTED_AS(field) offsetof(gmux_server_stats, field)

static const attack attacks[] = {
    {"rapid reset", reset_what_was_started, COUNTED_AS(ended_resets), CEILING},
    {"rapid reset in one read", reset_at_once, COUNTED_AS(ended_chatter), CEILING},
    {"made you reset, by a field", break_fields, COUNTED_AS(ended_resets), CEILING},
    {"made you reset, by a window", break_windows, COUNTED_AS(ended_resets), CEILING},
    {"PING", ping, COUNTED_AS(too_many_pings), CEILING},
    {"PING between answers", ping_without_end_while_it_is_answered, COUNTED_AS(too_many_pings),
     CEILING},
    {"PING with ACK", acknowledge_pings, COUNTED_AS(ended_chatter), CEILING},
    {"SETTINGS", change_settings, COUNTED_AS(ended_chatter), CEILING},
    {"WINDOW_UPDATE", widen_windows, COUNTED_AS(ended_chatter), CEILING},
    {"PRIORITY", prioritise, COUNTED_AS(ended_chatter), CEILING},
    {"empty DATA", send_empty_data, COUNTED_AS(ended_chatter), CEILING},
    {"header bomb", send_bomb, COUNTED_AS(ended_metadata), CEILING},
    {"CONTINUATION", continue_for_ever, COUNTED_AS(ended_metadata), CEILING},
    {"too many streams", ask_for_too_many, COUNTED_AS(calls_refused), CEILING},
    {"ids that go back", go_back_in_ids, 0, CEILING},
    {"silent connections", connect_and_say_nothing, COUNTED_AS(connections_refused), CEILING},
    {"stopped bodies", stop_in_bodies, COUNTED_AS(calls_stalled), CEILING},
    {"no window", ask_without_a_window, 0, CEILING_OF_QUEUES},
    {"windows of crumbs", open_the_window_by_crumbs, COUNTED_AS(ended_chatter), CEILING_OF_QUEUES},
    {"not reading", read_nothing, COUNTED_AS(ended_unread), CEILING},
};

static void attacker_comes(void) {
  kit.peer = bad = kit_connect_silent();
  rawpeer_preface(bad);
  rawpeer_settings(bad, 0, NULL, NULL);
  bad_id = 1;
  returns++;
}

/* How long it took, in ms. */
static unsigned good_call(void) {
  kit.peer = good;
  uint32_t id = good_id;
  good_id += 2;
  kit_request(id, "/t.S/Fn", false, NULL);
  kit_message(id, "x", true);
  unsigned ms = 0;
  for (; ms < 100 * CALM_MS && !kit_is_ended(id); ms++)
    kit_run_ms(1);
  KIT_STREQ(kit_trailer(id, "grpc-status"), "0");
  return ms;
}

static void attack_begin(void) {
  kit.options.keepalive_ms = 0;
  kit.options.request_stall_timeout_ms = 1000;
  kit.options.max_handshaking = HANDSHAKES;
  kit.act = act;
  rounds = returns = 0;
  first_worker = worker_count = 0;
  kit_serve();
  good = kit_connect();
  good_id = 1;
  sim_net(kit.world)->latency_ns = LATENCY_MS * GMUX__NS_PER_MS;
  attacker_comes();
}

static bool is_counted(const attack *a) {
  gmux_server_stats stats = kit_stats();
  uint64_t count = 0;
  if (a->count_of) memcpy(&count, (const char *)&stats + a->count_of, sizeof count);
  return !a->count_of || count > 0;
}

static bool attack_run(const attack *a) {
  bool is_well = true;
  CU_ASSERT_EQUAL(good_call(), CALM_MS);
  size_t before = test_alloc_bytes();
  (void)test_alloc_peak();
  for (rounds = 0; rounds < ROUNDS; rounds++) {
    kit.peer = bad;
    if (kit_is_gone(bad)) attacker_comes();
    a->say();
    is_well = good_call() <= CALM_MS + 1 && is_well;
    workers_finish(rounds);
  }
  is_well = is_well && test_alloc_peak() <= before + a->ceiling && is_counted(a);
  return is_well && !kit_is_gone(good);
}

static void a_server_that_is_attacked_goes_on_serving_its_good_clients(void) {
  for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
    if (i > 0) kit_setup(); /* a world for each */
    attack_begin();
    if (!attack_run(&attacks[i])) CU_FAIL(attacks[i].name);
    workers_finish(UINT_MAX);
    if (i + 1 < sizeof attacks / sizeof *attacks) kit_teardown();
  }
}

static const test_case cases[] = {
    TEST(a_server_that_is_attacked_goes_on_serving_its_good_clients),
    TESTS_END,
};

const test_suite server_hostile_suite = {
    .name = "hostile", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
