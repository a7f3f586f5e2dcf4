/* health_test.c: grpc.health.v1.Health on a server. */
#include "grpc/health/v1/health.gmux.h"
#include "lib/server/server.h"
#include "lib/services/health.h"
#include "tests/unit/services/desk.h"
#include <gmux/health.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK "/grpc.health.v1.Health/Check"
#define LIST  "/grpc.health.v1.Health/List"
#define WATCH "/grpc.health.v1.Health/Watch"

enum {
  SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
  NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
  UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__UNKNOWN,
  SERVICE_UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
};

static gmux_health *health;

static void setup(void) {
  kit_setup();
  CU_ASSERT_EQUAL_FATAL(gmux_health_new(&health), 0);
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_health(kit.server, health), 0);
  desk_open();
}

static void teardown(void) {
  gmux_health_free(health);
  health = NULL;
  kit_teardown();
}

static void set(const char *service, gmux_health_status status) {
  CU_ASSERT_EQUAL(gmux_health_set(health, service, status), 0);
  kit_run();
}

static void ask(uint32_t stream, const char *path, char *service, bool is_end) {
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  request.service = service;
  desk_ask_message(stream, path, &request.base, is_end);
}

/* The nth status that came on a stream. */
static int told(uint32_t stream, size_t nth) {
  Grpc__Health__V1__HealthCheckResponse *response =
      (Grpc__Health__V1__HealthCheckResponse *)desk_message(
          stream, nth, &grpc__health__v1__health_check_response__descriptor);
  int status = (int)response->status;
  desk_free(response);
  return status;
}

/* The status that Check tells on a new stream. */
static int checked(uint32_t stream, char *service) {
  ask(stream, CHECK, service, true);
  CU_ASSERT_EQUAL(desk_status(stream), GMUX_OK);
  return told(stream, 0);
}

static char whole[] = "", shop[] = "demo.Shop";

/* ---- Check ---- */

static void check_tells_what_was_set_last(void) {
  CU_ASSERT_EQUAL(checked(1, whole), SERVING);
  set("demo.Shop", GMUX_HEALTH_SERVING);
  CU_ASSERT_EQUAL(checked(3, shop), SERVING);
  set("demo.Shop", GMUX_HEALTH_NOT_SERVING);
  CU_ASSERT_EQUAL(checked(5, shop), NOT_SERVING);
  set("demo.Shop", GMUX_HEALTH_UNKNOWN);
  CU_ASSERT_EQUAL(checked(7, shop), UNKNOWN);
  CU_ASSERT_EQUAL(checked(9, whole), SERVING); /* which nobody has changed */
}

static void check_of_an_unknown_service_is_not_found(void) {
  ask(1, CHECK, shop, true);
  CU_ASSERT_EQUAL(desk_status(1), GMUX_NOT_FOUND);
  static char longest[GMUX_HEALTH_NAME_MAX + 300];
  memset(longest, 'x', sizeof longest - 1);
  ask(3, CHECK, longest, true);
  CU_ASSERT_EQUAL(desk_status(3), GMUX_NOT_FOUND);
}

static void what_is_no_request_is_internal(void) {
  desk_ask(1, CHECK, "\x0a\x05", 2, true);
  CU_ASSERT_EQUAL(desk_status(1), GMUX_INTERNAL);
  desk_ask(3, WATCH, "\xff", 1, true);
  CU_ASSERT_EQUAL(desk_status(3), GMUX_INTERNAL);
  /* Fields that there may be one day, and ours twice: the last counts. */
  set("demo.Shop", GMUX_HEALTH_NOT_SERVING);
  static const char more[] = "\x10\x01\x0a\x01x\x0a\x09"
                             "demo.Shop\x1a\x00";
  desk_ask(5, CHECK, more, sizeof more - 1, true);
  CU_ASSERT_EQUAL(told(5, 0), NOT_SERVING);
}

/* ---- Watch ---- */

static void watch_tells_the_status_at_once_and_each_change(void) {
  set("demo.Shop", GMUX_HEALTH_SERVING);
  ask(1, WATCH, shop, true);
  CU_ASSERT_EQUAL(desk_count(1), 1);
  CU_ASSERT_EQUAL(told(1, 0), SERVING);
  set("demo.Shop", GMUX_HEALTH_NOT_SERVING);
  CU_ASSERT_EQUAL(desk_count(1), 2);
  CU_ASSERT_EQUAL(told(1, 1), NOT_SERVING);
  set("demo.Shop", GMUX_HEALTH_UNKNOWN);
  CU_ASSERT_EQUAL(told(1, 2), UNKNOWN);
  set("demo.Shop", GMUX_HEALTH_UNKNOWN); /* no change */
  set("demo.Other", GMUX_HEALTH_SERVING);
  set("", GMUX_HEALTH_NOT_SERVING);
  CU_ASSERT_EQUAL(desk_count(1), 3);
  CU_ASSERT_EQUAL(desk_status(1), -1);
}

static void watch_of_an_unknown_service_waits_until_it_is_known(void) {
  ask(1, WATCH, shop, true);
  CU_ASSERT_EQUAL(told(1, 0), SERVICE_UNKNOWN);
  set("demo.Other", GMUX_HEALTH_SERVING);
  CU_ASSERT_EQUAL(desk_count(1), 1);
  CU_ASSERT_EQUAL(desk_status(1), -1);
  set("demo.Shop", GMUX_HEALTH_SERVING);
  CU_ASSERT_EQUAL(told(1, 1), SERVING);
}

static void a_name_that_is_too_long_is_never_known(void) {
  static char longest[GMUX_HEALTH_NAME_MAX + 300];
  memset(longest, 'x', sizeof longest - 1);
  ask(1, WATCH, longest, true);
  CU_ASSERT_EQUAL(told(1, 0), SERVICE_UNKNOWN);
  longest[GMUX_HEALTH_NAME_MAX] = '\0';
  set(longest, GMUX_HEALTH_SERVING); /* the longest that there can be: not what was asked for */
  CU_ASSERT_EQUAL(desk_count(1), 1);
  ask(3, WATCH, longest, true);
  CU_ASSERT_EQUAL(told(3, 0), SERVING);
}

static void a_watcher_that_does_not_read_is_told_the_latest_only(void) {
  set("demo.Shop", GMUX_HEALTH_SERVING);
  const uint16_t id = 4 /* INITIAL_WINDOW_SIZE */;
  const uint32_t none = 0;
  rawpeer_settings(kit.peer, 1, &id, &none);
  ask(1, WATCH, shop, true);
  for (int i = 0; i < 1000; i++)
    set("demo.Shop", i % 2 ? GMUX_HEALTH_SERVING : GMUX_HEALTH_UNKNOWN);
  set("demo.Shop", GMUX_HEALTH_NOT_SERVING);
  CU_ASSERT_EQUAL(desk_count(1), 0);
  rawpeer_window_update(kit.peer, 1, 1000);
  kit_run();
  /* The one that waited, and what has become of it. */
  CU_ASSERT_EQUAL(desk_count(1), 2);
  CU_ASSERT_EQUAL(told(1, 0), SERVING);
  CU_ASSERT_EQUAL(told(1, 1), NOT_SERVING);
}

static void a_watcher_that_is_gone_is_told_nothing(void) {
  ask(1, WATCH, whole, true);
  ask(3, WATCH, whole, true);
  rawpeer_rst(kit.peer, 1, 8 /* CANCEL */);
  kit_run();
  set("", GMUX_HEALTH_NOT_SERVING);
  CU_ASSERT_EQUAL(desk_count(1), 1);
  CU_ASSERT_EQUAL(desk_count(3), 2);
  rawpeer_reset(kit.peer);
  kit_run();
  set("", GMUX_HEALTH_SERVING); /* nobody is left */
  CU_ASSERT_EQUAL(kit_stats().calls_running, 0);
}

static void watchers_of_all_connections_are_told(void) {
  enum { PEERS = 8, EACH = 50 };
  rawpeer *peers[PEERS] = {kit.peer};
  for (int i = 1; i < PEERS; i++)
    peers[i] = kit_connect();
  for (int i = 0; i < PEERS; i++) {
    kit.peer = peers[i];
    for (uint32_t stream = 1; stream < 2 * EACH; stream += 2)
      ask(stream, WATCH, whole, true);
  }
  set("", GMUX_HEALTH_NOT_SERVING);
  for (int i = 0; i < PEERS; i++) {
    kit.peer = peers[i];
    for (uint32_t stream = 1; stream < 2 * EACH; stream += 2) {
      CU_ASSERT_EQUAL(desk_count(stream), 2);
      CU_ASSERT_EQUAL(told(stream, 1), NOT_SERVING);
    }
  }
}

static void a_change_costs_one_turn_however_many_there_were(void) {
  ask(1, WATCH, whole, true);
  sim_set_outside(kit.loop, true);
  for (int i = 0; i < 999; i++)
    gmux_health_set(health, "", i % 2 ? GMUX_HEALTH_SERVING : GMUX_HEALTH_NOT_SERVING);
  uint64_t turns = sim_turns(kit.world);
  kit_run();
  CU_ASSERT_TRUE(sim_turns(kit.world) - turns < 10);
  sim_set_outside(kit.loop, false);
  CU_ASSERT_EQUAL(desk_count(1), 2);
  CU_ASSERT_EQUAL(told(1, 1), NOT_SERVING);
}

/* ---- List ---- */

static void list_tells_all_services(void) {
  set("demo.Shop", GMUX_HEALTH_NOT_SERVING);
  set("demo.New", GMUX_HEALTH_UNKNOWN);
  desk_ask(1, LIST, "", 0, true);
  CU_ASSERT_EQUAL(desk_status(1), GMUX_OK);
  Grpc__Health__V1__HealthListResponse *list = (Grpc__Health__V1__HealthListResponse *)desk_message(
      1, 0, &grpc__health__v1__health_list_response__descriptor);
  CU_ASSERT_EQUAL_FATAL(list->n_statuses, 3);
  static const struct {
    const char *name;
    int status;
  } expected[] = {{"demo.New", UNKNOWN}, {"demo.Shop", NOT_SERVING}, {"", SERVING}};
  for (size_t i = 0; i < list->n_statuses; i++) {
    KIT_STREQ(list->statuses[i]->key, expected[i].name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list->statuses[i]->value);
    CU_ASSERT_EQUAL((int)list->statuses[i]->value->status, expected[i].status);
  }
  desk_free(list);
}

static void list_of_more_than_a_hundred_services_is_refused(void) {
  for (int i = 1; i < 100; i++) {
    char name[16];
    snprintf(name, sizeof name, "demo.S%d", i);
    CU_ASSERT_EQUAL(gmux_health_set(health, name, GMUX_HEALTH_SERVING), 0);
  }
  desk_ask(1, LIST, "", 0, true);
  CU_ASSERT_EQUAL(desk_status(1), GMUX_OK);
  set("demo.S100", GMUX_HEALTH_SERVING);
  desk_ask(3, LIST, "", 0, true);
  CU_ASSERT_EQUAL(desk_status(3), GMUX_RESOURCE_EXHAUSTED);
  KIT_STREQ(kit_trailer(3, "grpc-message"),
            "there are more than 100 services: check or watch those you need");
}

/* ---- shutdown, drain ---- */

static void what_is_set_during_a_shutdown_shows_when_it_is_over(void) {
  set("demo.Shop", GMUX_HEALTH_SERVING);
  ask(1, WATCH, shop, true);
  gmux_health_shutdown(health);
  gmux_health_shutdown(health);
  kit_run();
  CU_ASSERT_EQUAL(told(1, 1), NOT_SERVING);
  CU_ASSERT_EQUAL(checked(3, whole), NOT_SERVING);
  set("demo.Shop", GMUX_HEALTH_UNKNOWN);
  set("demo.New", GMUX_HEALTH_SERVING);
  CU_ASSERT_EQUAL(desk_count(1), 2);
  static char name[] = "demo.New";
  CU_ASSERT_EQUAL(checked(5, name), NOT_SERVING);
  gmux_health_resume(health);
  kit_run();
  CU_ASSERT_EQUAL(told(1, 2), UNKNOWN);
  CU_ASSERT_EQUAL(checked(7, whole), SERVING);
  CU_ASSERT_EQUAL(checked(9, name), SERVING);
}

/* The place of a frame among all that came; -1: it did not come. */
static int place_of(const rawframe *frame) {
  for (int i = 0; frame; i++)
    if (rawpeer_find(kit.peer, RAW_ANY, RAW_ANY, (size_t)i) == frame) return i;
  return -1;
}

static void a_drain_tells_watchers_ahead_of_its_goaway_and_ends_their_calls(void) {
  ask(1, WATCH, whole, true);
  ask(3, WATCH, shop, true); /* unknown */
  gmux_server_drain(kit.server, 3600000, kit_on_closed, &kit);
  kit_run();
  CU_ASSERT_EQUAL(desk_count(1), 2);
  CU_ASSERT_EQUAL(told(1, 1), NOT_SERVING);
  CU_ASSERT_EQUAL(desk_status(1), GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(desk_count(3), 1); /* it is unknown still */
  CU_ASSERT_EQUAL(desk_status(3), GMUX_UNAVAILABLE);
  int goaway = place_of(rawpeer_find(kit.peer, RAW_GOAWAY, 0, 0));
  CU_ASSERT_TRUE(goaway > place_of(rawpeer_find(kit.peer, RAW_HEADERS, 1, 1)));
  CU_ASSERT_TRUE(goaway > place_of(rawpeer_find(kit.peer, RAW_DATA, 1, 1)));
}

static void a_drain_does_not_wait_for_watchers(void) {
  ask(1, WATCH, whole, true);
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  kit_run();
  rawpeer_ping(kit.peer, RAW_ACK, rawpeer_find(kit.peer, RAW_PING, 0, 0)->payload);
  kit_run();
  rawpeer_shutdown(kit.peer); /* a client has nothing to wait for either */
  kit_run();
  CU_ASSERT_EQUAL(kit.closed, 1);
}

static void a_server_that_drains_is_not_serving_whatever_is_set(void) {
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, kit_on_closed, &kit);
  kit_run();
  set("", GMUX_HEALTH_UNKNOWN);
  gmux_health_resume(health);
  CU_ASSERT_EQUAL(checked(1, whole), NOT_SERVING);
  ask(3, CHECK, shop, true);
  CU_ASSERT_EQUAL(desk_status(3), GMUX_NOT_FOUND);
  ask(5, WATCH, whole, true);
  CU_ASSERT_EQUAL(told(5, 0), NOT_SERVING);
  CU_ASSERT_EQUAL(desk_status(5), GMUX_UNAVAILABLE);
}

static void a_drain_leaves_other_servers_of_the_object_alone(void) {
  gmux_server *other;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&other, kit.loop, NULL), 0);
  CU_ASSERT_EQUAL(gmux_server_add_health(other, health), 0);
  gmux_server_drain(other, GMUX_NO_TIMEOUT, NULL, NULL);
  kit_run();
  CU_ASSERT_EQUAL(checked(1, whole), SERVING);
  gmux_server_free(other);
  kit_run();
  set("", GMUX_HEALTH_NOT_SERVING); /* the other's seat is gone */
  CU_ASSERT_EQUAL(checked(3, whole), NOT_SERVING);
}

/* ---- life ---- */

static void servers_go_on_when_the_object_is_freed(void) {
  set("demo.Shop", GMUX_HEALTH_SERVING);
  ask(1, WATCH, shop, true);
  gmux_health_free(health);
  health = NULL;
  kit_run();
  CU_ASSERT_EQUAL(desk_status(1), -1);
  CU_ASSERT_EQUAL(checked(3, shop), SERVING);
  gmux_server_drain(kit.server, GMUX_NO_TIMEOUT, NULL, NULL);
  kit_run();
  CU_ASSERT_EQUAL(told(1, 1), NOT_SERVING);
}

/* Freed right before the seat: what it sets is posted to a seat that is about to go. */
static void on_hook_free(gmux__server_hook *hook) {
  (void)hook;
  gmux_health_set(health, "", GMUX_HEALTH_NOT_SERVING);
}

static void a_change_may_be_on_its_way_when_the_server_goes(void) {
  static gmux__server_hook hook;
  hook = (gmux__server_hook){.on_free = on_hook_free};
  gmux_server *other;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&other, kit.loop, NULL), 0);
  CU_ASSERT_EQUAL(gmux__server_add_hook(other, &hook), 0);
  CU_ASSERT_EQUAL(gmux_server_add_health(other, health), 0);
  gmux_server_free(other);
  kit_run();
  CU_ASSERT_EQUAL(atomic_load(&health->holds), 2); /* ours, and the first server's */
}

static void it_is_added_once_and_before_the_server_listens(void) {
  CU_ASSERT_EQUAL(gmux_server_add_health(kit.server, health), GMUX_ERR_STATE);
  gmux_server *other;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&other, kit.loop, NULL), 0);
  CU_ASSERT_EQUAL(gmux_server_add_health(other, health), 0);
  CU_ASSERT_EQUAL(gmux_server_add_health(other, health), GMUX_ERR_EXISTS);
  gmux_server_free(other);
}

/* ---- bad input ---- */

static void bad_input_is_told_in_words(void) {
  CU_ASSERT_EQUAL(gmux_health_new(NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_health_set(NULL, "", GMUX_HEALTH_SERVING), GMUX_ERR_INVALID);
  KIT_STREQ(gmux_last_error(), "gmux_health_set: health is NULL");
  CU_ASSERT_EQUAL(gmux_health_set(health, NULL, GMUX_HEALTH_SERVING), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_health_set(health, "", (gmux_health_status)3), GMUX_ERR_INVALID);
  KIT_STREQ(gmux_last_error(), "3 is not a gmux_health_status");
  CU_ASSERT_EQUAL(gmux_health_set(health, "a\nb", GMUX_HEALTH_SERVING), GMUX_ERR_INVALID);
  KIT_STREQ(gmux_last_error(), "byte 1 of a service's name is 0x0a: names are of printable ASCII "
                               "(package.Service)");
  CU_ASSERT_EQUAL(gmux_health_set(health, "\xc3\xbc", GMUX_HEALTH_SERVING), GMUX_ERR_INVALID);
  char name[GMUX_HEALTH_NAME_MAX + 2] = "";
  memset(name, 'x', sizeof name - 1);
  CU_ASSERT_EQUAL(gmux_health_set(health, name, GMUX_HEALTH_SERVING), GMUX_ERR_INVALID);
  KIT_STREQ(gmux_last_error(), "a service's name of 256 bytes: at most 255");
  CU_ASSERT_EQUAL(gmux_server_add_health(NULL, health), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_health(kit.server, NULL), GMUX_ERR_INVALID);
  gmux_health_shutdown(NULL);
  gmux_health_resume(NULL);
  gmux_health_free(NULL);
}

static void names_are_bounded(void) {
  char name[16];
  for (int i = 1; i < GMUX_HEALTH_SERVICES_MAX; i++) {
    snprintf(name, sizeof name, "demo.S%d", i);
    if (gmux_health_set(health, name, GMUX_HEALTH_SERVING)) CU_FAIL("refused too early");
  }
  CU_ASSERT_EQUAL(gmux_health_set(health, "demo.More", GMUX_HEALTH_SERVING), GMUX_ERR_TOO_LARGE);
  set("demo.S1", GMUX_HEALTH_NOT_SERVING); /* what is there can be set */
}

/* ---- want of memory ---- */

static void make(void *arg) {
  (void)arg;
  gmux_health *h = NULL;
  int error = gmux_health_new(&h);
  if (!error) error = gmux_health_set(h, "demo.Shop", GMUX_HEALTH_SERVING);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  gmux_health_free(h);
}

static void want_of_memory_is_an_answer(void) {
  CU_ASSERT_TRUE(test_alloc_torture(make, NULL) > 5);
}

static void a_known_name_is_set_without_memory(void) {
  set("demo.Shop", GMUX_HEALTH_SERVING);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_health_set(health, "demo.Shop", GMUX_HEALTH_NOT_SERVING), 0);
  CU_ASSERT_FALSE(test_alloc_has_failed());
  test_alloc_fail_at(0);
}

/* With the nth allocation failing between a watcher's request and the change of its status: true
 * when it was left to the end with the status, or its call or connection has ended. */
static bool watcher_fares_well(uint32_t stream, size_t nth) {
  if (rawpeer_state(kit.peer)) kit.peer = kit_connect();
  set("", GMUX_HEALTH_SERVING);
  test_alloc_fail_at(nth);
  ask(stream, WATCH, whole, true);
  set("", GMUX_HEALTH_NOT_SERVING);
  test_alloc_fail_at(0);
  kit_run();
  if (rawpeer_state(kit.peer) || kit_is_ended(stream) || kit_rst(stream) >= 0) return true;
  size_t count = desk_count(stream);
  return count > 0 && told(stream, count - 1) == NOT_SERVING;
}

static void a_watcher_without_memory_is_not_left_with_an_old_status(void) {
  unsigned ended = 0;
  for (size_t n = 1; n <= 40; n++) {
    CU_ASSERT_TRUE(watcher_fares_well((uint32_t)(2 * n - 1), n));
    ended += desk_status((uint32_t)(2 * n - 1)) == GMUX_RESOURCE_EXHAUSTED;
  }
  CU_ASSERT_TRUE(ended > 0); /* some were told why */
}

static const test_case cases[] = {
    TEST(check_tells_what_was_set_last),
    TEST(check_of_an_unknown_service_is_not_found),
    TEST(what_is_no_request_is_internal),
    TEST(watch_tells_the_status_at_once_and_each_change),
    TEST(watch_of_an_unknown_service_waits_until_it_is_known),
    TEST(a_name_that_is_too_long_is_never_known),
    TEST(a_watcher_that_does_not_read_is_told_the_latest_only),
    TEST(a_watcher_that_is_gone_is_told_nothing),
    TEST(watchers_of_all_connections_are_told),
    TEST(a_change_costs_one_turn_however_many_there_were),
    TEST(list_tells_all_services),
    TEST(list_of_more_than_a_hundred_services_is_refused),
    TEST(what_is_set_during_a_shutdown_shows_when_it_is_over),
    TEST(a_drain_tells_watchers_ahead_of_its_goaway_and_ends_their_calls),
    TEST(a_drain_does_not_wait_for_watchers),
    TEST(a_server_that_drains_is_not_serving_whatever_is_set),
    TEST(a_drain_leaves_other_servers_of_the_object_alone),
    TEST(servers_go_on_when_the_object_is_freed),
    TEST(a_change_may_be_on_its_way_when_the_server_goes),
    TEST(it_is_added_once_and_before_the_server_listens),
    TEST(bad_input_is_told_in_words),
    TEST(names_are_bounded),
    TEST(want_of_memory_is_an_answer),
    TEST(a_known_name_is_set_without_memory),
    TEST(a_watcher_without_memory_is_not_left_with_an_old_status),
    TESTS_END};
const test_suite services_health_suite = {"health", cases, setup, teardown};
