/* torture_test.c: the n-th allocation fails, for all n: nothing leaks, and each call that was
 * started ends exactly once. */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 4 };

/* A call's record without any memory of the library. */
typedef struct record {
  unsigned ends;
  gmux_code code;
  bool is_started;
} record;

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  record *r = user_data;
  r->ends++;
  r->code = status->code;
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call, (void)user_data;
  gmux_bytes kept;
  if (gmux_bytes_take(&kept, message) == 0) gmux_bytes_release(&kept);
}

static const gmux_call_handlers handlers = {.on_message = on_message, .on_end = on_end};

static bool is_out_of_memory_or(int error, int other) {
  return error == 0 || error == GMUX_ERR_NOMEM || error == other;
}

typedef struct scenario {
  gmux_method_kind kind;
  bool is_outside, is_blocking, is_lost, is_cancelled, is_slow;
  bool is_refused;     /* each call twice: so it rests in between */
  bool is_passed_over; /* by a GOAWAY on the first connection */
  bool is_unary_form;  /* gmux_call_unary_start */
  bool is_pool;        /* warm, eager, rotated, and each connection takes two calls */
  bool is_good;        /* no allocation fails: then all must end with OK */
  const char *target;
} scenario;

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  if (status->code == GMUX_OK) on_message(call, reply, user_data);
  on_end(call, status, trailers, user_data);
}

static void start_unary(const gmux_call_options *o, record *r) {
  static char block[300];
  gmux_bytes request = gmux_bytes_borrow(block, sizeof block);
  int error =
      gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], o, &request, on_done, r);
  CU_ASSERT_TRUE(is_out_of_memory_or(error, 0));
  CU_ASSERT_EQUAL(request.len, sizeof block);
  r->is_started = !error;
}

/* The odd ones are cancelled, where the scenario has it. */
static void start_one(const scenario *sc, int i, gmux_metadata *md, record *r) {
  gmux_call_options o = w_timeout(10000);
  o.metadata = md;
  o.wait_for_ready = true;
  if (sc->is_unary_form) {
    start_unary(&o, r);
    return;
  }
  gmux_call *call;
  const gmux_call_handlers *h = sc->is_blocking ? NULL : &handlers;
  int error = gmux_call_start(&call, w_channel, w_methods[sc->kind], &o, h, r);
  CU_ASSERT_TRUE(is_out_of_memory_or(error, 0));
  if (error) return;
  r->is_started = true;
  static char block[300];
  gmux_bytes message = gmux_bytes_borrow(block, sizeof block);
  error = gmux_call_write(call, &message);
  CU_ASSERT_TRUE(is_out_of_memory_or(error, GMUX_ERR_STATE));
  if (error == GMUX_ERR_NOMEM) gmux_call_cancel(call); /* it could go no further */
  error = gmux_call_half_close(call);
  CU_ASSERT_TRUE(is_out_of_memory_or(error, GMUX_ERR_STATE));
  if (sc->is_cancelled && i % 2) gmux_call_cancel(call);
  gmux_call_free(call);
}

static void serve_refusing(rawpeer *p) {
  const rawframe *f;
  for (size_t round = 0, next = 0; round < 4; round++) {
    for (; (f = rawpeer_find(p, RAW_HEADERS, RAW_ANY, next)); next++) {
      if (round < 2)
        rawpeer_rst(p, f->stream, 7);
      else
        w_answer(p, f->stream, "reply");
    }
    w_run_ms(150);
  }
}

/* Whatever connects is greeted and answered. */
static void serve(rawpeer *p, const scenario *sc, bool is_first) {
  static const char big[5000] = "x";
  static char reply[400]; /* more than fits a call */
  memset(reply, 'r', sizeof reply - 1);
  w_settings(p, sc->is_slow ? 1 : -1);
  w_run();
  if (sc->is_refused) {
    serve_refusing(p);
    return;
  }
  if (sc->is_passed_over && is_first) {
    rawpeer_goaway(p, 0, 0, NULL);
    w_run();
    return;
  }
  for (int round = 0; round < CALLS + 1; round++) {
    if (sc->is_lost && round == 0 && rawpeer_find(p, RAW_HEADERS, 1, 0)) {
      w_headers(p, 1);
      rawpeer_grpc_message(p, 1, 0, big, sizeof big);
      w_run();
      rawpeer_shutdown(p);
      w_run();
      return;
    }
    if (rawpeer_state(p) == 0) w_answer_all(p, reply);
    w_run();
  }
}

static void on_warm(int error, void *user_data) {
  (void)error;
  ++*(unsigned *)user_data;
}

static void pool_options(void) {
  w_options.min_connections = 2;
  w_options.max_calls = 2;
  w_options.eager_calls = 1;
}

static void run_world(const scenario *sc) {
  gmux_metadata *md = NULL;
  record records[CALLS] = {{0}};
  w_channel = NULL;
  w_options.connect_timeout_ms = 1000;
  if (sc->is_pool) pool_options();
  int error = gmux_channel_new(&w_channel, w_loop, sc->target, &w_options);
  CU_ASSERT_TRUE(is_out_of_memory_or(error, 0));
  if (error) return;
  unsigned told = 0;
  int warm = sc->is_pool ? gmux_channel_warm(w_channel, on_warm, &told) : GMUX_ERR_NOMEM;
  CU_ASSERT_TRUE(is_out_of_memory_or(warm, 0));
  if (gmux_metadata_new(&md) == 0) gmux_metadata_add(md, "x-key", "value");
  sim_set_outside(w_loop, sc->is_outside);
  for (int i = 0; i < CALLS; i++)
    start_one(sc, i, md, &records[i]);
  gmux_metadata_free(md);
  bool is_first = true;
  for (int i = 0; i < 20; i++) {
    rawpeer *p = w_accept();
    if (p) serve(p, sc, is_first);
    if (p) is_first = false;
    if (sc->is_pool && i == 10) gmux_channel_rotate(w_channel);
    w_run_ms(200);
  }
  sim_set_outside(w_loop, false);
  gmux_channel_close(w_channel, NULL, NULL);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  CU_ASSERT_EQUAL(told, warm ? 0 : 1); /* if and only if it could be asked */
  for (int i = 0; i < CALLS && !sc->is_blocking; i++) {
    CU_ASSERT_EQUAL(records[i].ends, records[i].is_started ? 1 : 0);
    if (sc->is_good) CU_ASSERT_TRUE(records[i].is_started && records[i].code == GMUX_OK);
  }
}

/* A world of its own for each run. As in test_alloc_torture, but only what happens in the scenario
 * itself may fail. Returns whether the n-th allocation was asked for. */
static bool run(const scenario *sc, size_t n) {
  size_t live = test_alloc_live(); /* a loop keeps a gate for its dials until it is freed */
  w_setup();
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  test_alloc_fail_at(n);
  run_world(sc);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  w_teardown();
  CU_ASSERT_EQUAL(test_alloc_live(), live);
  return has_failed;
}

static void torture(const scenario *sc) {
  size_t n = 1;
  while (n < 5000 && run(sc, n))
    n++;
  CU_ASSERT_TRUE(n > 60 && n < 5000);
}

static void unary_calls_survive_every_failed_allocation(void) {
  torture(&(scenario){.kind = GMUX_UNARY, .target = "ipv4:127.0.0.1:50051"});
}

static void a_name_to_look_up_survives_every_failed_allocation(void) {
  torture(&(scenario){.kind = GMUX_UNARY, .target = "dns:///greeter.example:50051"});
}

static void streams_survive_every_failed_allocation(void) {
  torture(&(scenario){.kind = GMUX_BIDI_STREAMING, .target = "ipv4:127.0.0.1:50051"});
}

static void calls_that_wait_survive_every_failed_allocation(void) {
  torture(&(scenario){
      .kind = GMUX_CLIENT_STREAMING, .is_slow = true, .target = "ipv4:127.0.0.1:50051"});
}

static void posted_calls_survive_every_failed_allocation(void) {
  torture(&(scenario){.kind = GMUX_UNARY, .is_outside = true, .target = "ipv4:127.0.0.1:50051"});
}

static void blocking_calls_survive_every_failed_allocation(void) {
  torture(&(scenario){.kind = GMUX_SERVER_STREAMING,
                      .is_outside = true,
                      .is_blocking = true,
                      .target = "ipv4:127.0.0.1:50051"});
}

static void a_blocking_reply_survives_every_failed_allocation(void) {
  torture(&(scenario){.kind = GMUX_UNARY,
                      .is_outside = true,
                      .is_blocking = true,
                      .target = "ipv4:127.0.0.1:50051"});
}

static void the_unary_form_survives_every_failed_allocation(void) {
  for (int outside = 0; outside < 2; outside++)
    torture(&(scenario){.kind = GMUX_UNARY,
                        .is_unary_form = true,
                        .is_outside = outside,
                        .target = "ipv4:127.0.0.1:50051"});
}

static void a_lost_connection_survives_every_failed_allocation(void) {
  torture(&(scenario){
      .kind = GMUX_SERVER_STREAMING, .is_lost = true, .target = "ipv4:127.0.0.1:50051"});
}

static void cancelled_calls_survive_every_failed_allocation(void) {
  torture(&(scenario){.kind = GMUX_UNARY, .is_cancelled = true, .target = "ipv4:127.0.0.1:50051"});
}

static void a_pool_survives_every_failed_allocation(void) {
  torture(
      &(scenario){.kind = GMUX_UNARY, .is_pool = true, .target = "dns:///greeter.example:50051"});
}

static void refused_calls_survive_every_failed_allocation(void) {
  for (int outside = 0; outside < 2; outside++)
    torture(&(scenario){.kind = GMUX_CLIENT_STREAMING,
                        .is_refused = true,
                        .is_outside = outside,
                        .target = "ipv4:127.0.0.1:50051"});
}

static void calls_passed_over_survive_every_failed_allocation(void) {
  torture(&(scenario){
      .kind = GMUX_BIDI_STREAMING, .is_passed_over = true, .target = "ipv4:127.0.0.1:50051"});
}

static void with_memory_all_calls_end_well(void) {
  for (int kind = 0; kind < 4; kind++) {
    const scenario sc = {.kind = (gmux_method_kind)kind,
                         .is_good = true,
                         .is_refused = kind == 1,
                         .is_passed_over = kind == 0,
                         .is_slow = kind == 2,
                         .is_outside = kind == 3,
                         .target = "dns:///greeter.example:50051"};
    CU_ASSERT_FALSE(run(&sc, 0));
  }
}

static const test_case cases[] = {
    TEST(with_memory_all_calls_end_well),
    TEST(unary_calls_survive_every_failed_allocation),
    TEST(a_name_to_look_up_survives_every_failed_allocation),
    TEST(streams_survive_every_failed_allocation),
    TEST(calls_that_wait_survive_every_failed_allocation),
    TEST(posted_calls_survive_every_failed_allocation),
    TEST(blocking_calls_survive_every_failed_allocation),
    TEST(a_blocking_reply_survives_every_failed_allocation),
    TEST(the_unary_form_survives_every_failed_allocation),
    TEST(a_lost_connection_survives_every_failed_allocation),
    TEST(cancelled_calls_survive_every_failed_allocation),
    TEST(a_pool_survives_every_failed_allocation),
    TEST(refused_calls_survive_every_failed_allocation),
    TEST(calls_passed_over_survive_every_failed_allocation),
    TESTS_END,
};

const test_suite client_torture_suite = {"torture", cases, NULL, NULL};
