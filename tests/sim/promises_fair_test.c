/*
 * promises_fair_test.c: a small call beside large ones on the same connection.
 *
 * The link takes a frame of DATA in FRAME_MS, and its buffer holds one. So what a message waited
 * for is told in frames, however fast anything is.
 */
#include "tests/sim/fleet.h"
#include "tests/unit/harness.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

extern const test_suite promises_fair_suite;

enum {
  BULK_BYTES = 1 << 20,
  SMALL_BYTES = 100,
  SMALL_CALLS = 200,
  FRAME = 16384,
  FRAME_MS = 4,
  BYTES_PER_S = FRAME / FRAME_MS * 1000,
  FRAMES_AT_MOST = 3
};

static const uint8_t noise[BULK_BYTES];
static fleet_channel *ch;
static gmux_method *take_method, *give_method;

/* What one small message has waited for, in hundredths of a frame. */
static uint64_t waits[SMALL_CALLS];
static size_t wait_count, late_count;
static uint64_t written_ns;
static bool is_small_out, is_over;

static void note_wait(void) {
  uint64_t waited_ns = sim_now(fl.sim) - written_ns;
  uint64_t waited = 100 * waited_ns / (FRAME_MS * FLEET_MS);
  waits[wait_count++] = waited;
  if (waited > 100 * FRAMES_AT_MOST) late_count++;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static uint64_t wait_percentile(size_t percent) {
  qsort(waits, wait_count, sizeof waits[0], compare);
  return waits[(wait_count - 1) * percent / 100];
}

/* ---- the server: takes requests of any size, gives replies of the size asked for ---- */

static void take(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  if (request->len == SMALL_BYTES) note_wait();
  gmux_bytes reply = gmux_bytes_borrow("", 0);
  gmux_server_call_reply(call, &reply);
}

static void give(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  bool is_small = request->len == 0;
  if (is_small) written_ns = sim_now(fl.sim);
  gmux_bytes reply = gmux_bytes_borrow(noise, is_small ? SMALL_BYTES : BULK_BYTES);
  gmux_server_call_reply(call, &reply);
}

static void add_methods(gmux_server *server) {
  int error = gmux_server_add_unary(server, "/fleet.Service/Take", take, NULL);
  if (!error) error = gmux_server_add_unary(server, "/fleet.Service/Give", give, NULL);
  fleet_promise(error == 0, "no methods: %d", error);
}

/* ---- the client ---- */

typedef struct traffic {
  unsigned bulk_calls; /* at once */
  gmux_method *method;
  size_t bulk_request, small_request;
  bool is_given; /* the replies are what is large */
} traffic;

static traffic now;

static void ended(gmux_call *call, const gmux_status *status) {
  fleet_ended_beside(ch, call, status);
  fleet_promise(status->code == GMUX_OK || is_over, "%s", status->message);
}

static void on_bulk_end(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                        const gmux_metadata *trailers, void *user_data);
static void on_small_end(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                         const gmux_metadata *trailers, void *user_data);

static void start(size_t bytes, gmux_unary_fn on_end) {
  gmux_bytes request = gmux_bytes_borrow(noise, bytes);
  int error = gmux_call_unary_start(NULL, ch->channel, now.method, NULL, &request, on_end, NULL);
  if (fleet_promise(error == 0, "not started: %d", error)) ledger_channel_started(&ch->book);
}

static void start_small(void) {
  if (!now.is_given) written_ns = sim_now(fl.sim);
  is_small_out = true;
  start(now.small_request, on_small_end);
}

static void on_bulk_end(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                        const gmux_metadata *trailers, void *user_data) {
  (void)reply, (void)trailers, (void)user_data;
  ended(call, status);
  if (!is_over) start(now.bulk_request, on_bulk_end);
}

static void on_small_end(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                         const gmux_metadata *trailers, void *user_data) {
  (void)reply, (void)trailers, (void)user_data;
  if (now.is_given) note_wait();
  is_small_out = false;
  ended(call, status);
}

/* At moments that have nothing to do with those of frames. */
static void small_now_and_then(void) {
  if (!is_small_out && !is_over && wait_count < SMALL_CALLS && fleet_random(7) == 0) start_small();
}

/* Or nothing that may still come makes up for what was late. */
static bool has_measured(void *percent) {
  size_t late_at_most = SMALL_CALLS * (100 - *(const size_t *)percent) / 100;
  return late_count > late_at_most || (wait_count == SMALL_CALLS && !is_small_out);
}

static void open_narrow_links(uint32_t count) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = o.max_connections = count;
  o.pick_order = GMUX_PICK_SPREAD;
  sim_net(fl.sim)->latency_ns = 0;
  sim_net(fl.sim)->buffer_bytes = FRAME;
  fl.add_methods = add_methods;
  fleet_server_open(0, NULL);
  ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
}

static void start_traffic(const traffic *t) {
  gmux__address at = fleet_address(0);
  sim_net_drip(fl.sim, &at, t->is_given ? SIM_TO_CLIENT : SIM_TO_SERVER, BYTES_PER_S);
  now = *t;
  for (unsigned i = 0; i < t->bulk_calls; i++)
    start(t->bulk_request, on_bulk_end);
}

static void methods_free(void) {
  gmux_method_free(take_method);
  gmux_method_free(give_method);
  take_method = give_method = NULL;
}

static void heal(sim_link *link) {
  sim_link_drip(link, SIM_BOTH_WAYS, 0);
}

static void finish(void) {
  gmux__address at = fleet_address(0);
  sim_net_drip(fl.sim, &at, SIM_BOTH_WAYS, 0);
  fleet_each_link(0, heal);
  is_over = true;
  fl.on_tick = NULL;
  fleet_run_for(1000);
  methods_free();
  fleet_finish();
}

/* `percent` of all small messages wait for no more than is promised. */
static void measure(const traffic *t, size_t percent) {
  start_traffic(t);
  fleet_run_for(1500); /* till it shows what is slow */
  fl.on_tick = small_now_and_then;
  CU_ASSERT_TRUE_FATAL(fleet_run_until(has_measured, &percent, 120000));
  fleet_promise(wait_percentile(percent) <= 100 * FRAMES_AT_MOST,
                "hundredths of a frame: p50 %" PRIu64 ", p90 %" PRIu64 ", p99 %" PRIu64,
                wait_percentile(50), wait_percentile(90), wait_percentile(99));
  finish();
}

static void a_small_request_waits_for_three_frames_of_large_ones_at_most(void) {
  open_narrow_links(1);
  measure(&(traffic){99, take_method, BULK_BYTES, SMALL_BYTES, false}, 99);
}

static void a_small_reply_waits_for_three_frames_of_large_ones_at_most(void) {
  open_narrow_links(1);
  measure(&(traffic){99, give_method, 1, 0, true}, 99);
}

/* One connection in four is ten times slower, and all are full and have as many calls. One that
 * were placed without regard to what waits there would wait for 20 frames of the others'. A few do
 * all the same: now and then much has just been written to the others. */
static void a_small_request_is_not_placed_on_a_slow_connection(void) {
  open_narrow_links(4);
  sim_link_drip(sim_link_first(fl.sim), SIM_TO_SERVER, BYTES_PER_S / 10);
  measure(&(traffic){40, take_method, BULK_BYTES, SMALL_BYTES, false}, 90);
}

/* ---- */

static void setup(void) {
  fleet_setup();
  wait_count = late_count = 0;
  is_small_out = is_over = false;
  gmux_method_new(&take_method, "/fleet.Service/Take", GMUX_UNARY, 0);
  gmux_method_new(&give_method, "/fleet.Service/Give", GMUX_UNARY, 0);
}

static void teardown(void) {
  fleet_teardown();
  methods_free();
}

static const test_case cases[] = {
    TEST(a_small_request_waits_for_three_frames_of_large_ones_at_most),
    TEST(a_small_request_is_not_placed_on_a_slow_connection),
    TEST(a_small_reply_waits_for_three_frames_of_large_ones_at_most),
    TESTS_END,
};

const test_suite promises_fair_suite = {"fair", cases, setup, teardown};
