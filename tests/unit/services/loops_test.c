/* loops_test.c: the standard services of a server of several loops, and channelz of a channel of
 * several. */
#include "grpc/health/v1/health.gmux.h"
#include "grpc/reflection/v1/reflection.gmux.h"
#include "lib/server/front.h"
#include "tests/unit/services/booth.h"
#include "tests/unit/services/desk.h"
#include "tests/unit/services/protoset.h"
#include <gmux/health.h>
#include <gmux/reflection.h>
#include <stdlib.h>
#include <string.h>

/* ---- services of a server ---- */

static void setup_server(void) {
  kit_setup();
  kit.loop_count = KIT_LOOPS;
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
}

/* A connection on each loop. */
static void connect_all(rawpeer *peers[KIT_LOOPS]) {
  desk_open();
  peers[0] = kit.peer;
  for (size_t i = 1; i < KIT_LOOPS; i++)
    peers[i] = kit_connect();
}

static int watched(uint32_t stream, size_t nth) {
  Grpc__Health__V1__HealthCheckResponse *r = (Grpc__Health__V1__HealthCheckResponse *)desk_message(
      stream, nth, &grpc__health__v1__health_check_response__descriptor);
  int status = (int)r->status;
  desk_free(r);
  return status;
}

static void health_is_told_on_every_loop(void) {
  gmux_health *health;
  rawpeer *peers[KIT_LOOPS];
  CU_ASSERT_EQUAL_FATAL(gmux_health_new(&health), 0);
  CU_ASSERT_EQUAL(gmux_server_add_health(kit.server, health), 0);
  CU_ASSERT_EQUAL(gmux_server_add_health(kit.server, health), GMUX_ERR_EXISTS);
  connect_all(peers);
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    kit.peer = peers[i];
    desk_ask(1, "/grpc.health.v1.Health/Watch", NULL, 0, true);
  }
  gmux_health_set(health, "", GMUX_HEALTH_NOT_SERVING);
  kit_run();
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    kit.peer = peers[i];
    CU_ASSERT_EQUAL_FATAL(desk_count(1), 2);
    CU_ASSERT_EQUAL(watched(1, 0), GMUX_HEALTH_SERVING);
    CU_ASSERT_EQUAL(watched(1, 1), GMUX_HEALTH_NOT_SERVING);
  }
  gmux_health_free(health);
}

static void release(void *arg, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  (*(unsigned *)arg)++;
}

static void reflection_answers_on_every_loop(void) {
  static char shop_name[] = "shop.proto";
  gmux_bytes shop = protoset_shop();
  unsigned released = 0;
  gmux_bytes set = gmux_bytes_wrap(shop.data, shop.len, release, &released);
  gmux_reflection_options o;
  gmux_reflection_options_init(&o, sizeof o);
  o.descriptor_sets = &set;
  o.descriptor_set_count = 1;
  CU_ASSERT_EQUAL(gmux_server_add_reflection(kit.server, &o), 0);
  CU_ASSERT_EQUAL(set.len, 0); /* taken, once */
  rawpeer *peers[KIT_LOOPS];
  connect_all(peers);
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    Grpc__Reflection__V1__ServerReflectionRequest r =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    r.message_request_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME;
    r.file_by_filename = shop_name;
    kit.peer = peers[i];
    desk_ask_message(1, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &r.base, true);
    kit_run();
    CU_ASSERT_EQUAL(desk_count(1), 1);
    CU_ASSERT_EQUAL(desk_status(1), 0);
  }
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run_ms(3000);
  CU_ASSERT_EQUAL(released, 1);
}

static void once_it_listens_no_loop_takes_reflection(void) {
  gmux_reflection_options o;
  gmux_reflection_options_init(&o, sizeof o);
  gmux_bytes set = protoset_shop();
  o.descriptor_sets = &set;
  o.descriptor_set_count = 1;
  rawpeer *peers[KIT_LOOPS];
  connect_all(peers);
  CU_ASSERT_EQUAL(gmux_server_add_reflection(kit.server, &o), GMUX_ERR_STATE);
  for (size_t i = 0; i < KIT_LOOPS; i++) {
    gmux_server *lane = kit.server->front->lanes[i].server;
    CU_ASSERT_PTR_NULL(gmux__methods_find(
        &lane->methods, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));
    CU_ASSERT_PTR_NULL(lane->hooks.first);
  }
  gmux_bytes_release(&set); /* still ours */
}

/* ---- channelz of a channel ---- */

enum { LANES = 3, FRONT_ID = 3 };

static gmux_loop *loops[LANES];
static gmux_channel *front;

static void setup_channel(void) {
  booth_setup();
  CU_ASSERT_TRUE_FATAL(booth_open());
  loops[0] = booth.far;
  for (size_t i = 1; i < LANES; i++) {
    loops[i] = sim_loop(booth.world);
    sim_set_outside(loops[i], true);
  }
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new_on_loops(&front, loops, LANES, booth.target, &o), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channelz_add_channel(booth.z, front), 0);
}

static void close_front(void) {
  gmux_channel_free(front);
  front = NULL;
  sim_run_for(booth.world, 5 * GMUX__NS_PER_S);
}

static void teardown_channel(void) {
  close_front();
  booth_teardown();
}

static void nothing(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)status, (void)reply, (void)trailers, (void)user_data;
}

/* Several at once, so that each loop has some. */
static void call_at_once(unsigned count) {
  gmux_method *method;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&method, "/t.S/Say", GMUX_UNARY, 0), 0);
  for (unsigned i = 0; i < count; i++) {
    gmux_bytes request = gmux_bytes_borrow("ok", 2);
    CU_ASSERT_EQUAL(gmux_call_unary_start(NULL, front, method, NULL, &request, nothing, NULL), 0);
  }
  gmux_method_free(method);
  sim_run_for(booth.world, GMUX__NS_PER_S);
}

static void it_is_one_channel_with_a_subchannel_for_each_loop(void) {
  call_at_once(3 * LANES);
  answer a = booth_ask("GetTopChannels", 0, 0, 0);
  CU_ASSERT_EQUAL(answer_count(&a, 1), 2); /* the booth's, and this one */
  answer_clear(&a);
  a = booth_ask("GetChannel", FRONT_ID, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_number(&a, "1.2.1.1"), GMUX_CHANNEL_READY + 1);
  CU_ASSERT_EQUAL(answer_number(&a, "1.2.4"), 3 * LANES);
  CU_ASSERT_EQUAL(answer_number(&a, "1.2.5"), 3 * LANES);
  CU_ASSERT_TRUE(answer_has(&a, "1.2.7"));
  int64_t ids[LANES] = {answer_number(&a, "1.4[0].7"), answer_number(&a, "1.4[1].7"),
                        answer_number(&a, "1.4[2].7")};
  CU_ASSERT_FALSE(answer_has(&a, "1.4[3]"));
  answer_clear(&a);
  for (size_t i = 0; i < LANES; i++) {
    a = booth_ask("GetSubchannel", ids[i], 0, 0);
    CU_ASSERT_EQUAL(a.code, GMUX_OK);
    CU_ASSERT_EQUAL(answer_number(&a, "1.2.4"), 3);
    CU_ASSERT_TRUE(answer_has(&a, "1.5.3"));
    answer_clear(&a);
  }
}

static void the_other_loops_are_no_channels_of_their_own(void) {
  for (int64_t id = FRONT_ID + 1; id < FRONT_ID + LANES; id++) {
    answer a = booth_ask("GetChannel", id, 0, 0);
    CU_ASSERT_EQUAL(a.code, GMUX_NOT_FOUND);
    answer_clear(&a);
  }
}

/* So that who asks again after a failure does not show some of them twice. */
static void a_server_is_shown_on_all_its_loops_or_on_none(void) {
  gmux_server *server;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new_on_loops(&server, loops, LANES, NULL), 0);
  int error = GMUX_ERR_NOMEM;
  for (size_t n = 1; error == GMUX_ERR_NOMEM && n < 10; n++) {
    test_alloc_fail_at(n);
    error = gmux_channelz_add_server(booth.z, server);
    test_alloc_fail_at(0);
    answer a = booth_ask("GetServers", 0, 0, 0);
    CU_ASSERT_EQUAL(answer_count(&a, 1), error ? 1 : 1 + LANES); /* the booth's, too */
    answer_clear(&a);
  }
  CU_ASSERT_EQUAL(error, 0);
  gmux_server_free(server);
}

static void closed_it_leaves_by_itself(void) {
  call_at_once(LANES);
  close_front();
  for (int64_t id = FRONT_ID; id < FRONT_ID + LANES; id++) {
    answer a = booth_ask("GetSubchannel", id << 40 | INT64_C(2) << 38 | 1, 0, 0);
    CU_ASSERT_EQUAL(a.code, GMUX_NOT_FOUND);
    answer_clear(&a);
  }
}

static const test_case server_cases[] = {
    TEST(health_is_told_on_every_loop),
    TEST(reflection_answers_on_every_loop),
    TEST(once_it_listens_no_loop_takes_reflection),
    TESTS_END,
};
static const test_case channel_cases[] = {
    TEST(it_is_one_channel_with_a_subchannel_for_each_loop),
    TEST(the_other_loops_are_no_channels_of_their_own),
    TEST(a_server_is_shown_on_all_its_loops_or_on_none),
    TEST(closed_it_leaves_by_itself),
    TESTS_END,
};

extern const test_suite services_loops_server_suite, services_loops_channel_suite;
const test_suite services_loops_server_suite = {"loops_server", server_cases, setup_server,
                                                kit_teardown};
const test_suite services_loops_channel_suite = {"loops_channel", channel_cases, setup_channel,
                                                 teardown_channel};
