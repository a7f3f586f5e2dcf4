/* threads_test.c: one gmux_health, set by several threads, watched on several real loops. */
#include "tests/unit/harness.h"
#include <gmux/gmux.h>
#include <pthread.h>
#include <stdio.h>

enum { SERVERS = 2, WATCHERS = 8, SETTERS = 2, CHANGES = 500 };

typedef struct place {
  gmux_loop *loop;
  gmux_server *server;
  gmux_channel *channel;
  gmux_call *calls[WATCHERS];
} place;

static void place_open(place *p, gmux_health *health) {
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&p->loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&p->server, p->loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_health(p->server, health), 0);
  uint16_t port;
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(p->server, "127.0.0.1:0", &port), 0);
  char target[32];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&p->channel, p->loop, target, &options), 0);
}

static void place_watch(place *p, gmux_method *watch) {
  for (int i = 0; i < WATCHERS; i++) {
    CU_ASSERT_EQUAL_FATAL(gmux_call_start(&p->calls[i], p->channel, watch, NULL, NULL, NULL), 0);
    gmux_bytes request = gmux_bytes_borrow("", 0);
    CU_ASSERT_EQUAL(gmux_call_write_wait(p->calls[i], &request), 0);
  }
}

/* Reads until NOT_SERVING has come. */
static bool call_hears_it(gmux_call *call) {
  gmux_bytes message;
  while (gmux_call_read_wait(call, &message) == 0) {
    bool is_it = message.len == 2 && message.data[1] == GMUX_HEALTH_NOT_SERVING;
    gmux_bytes_release(&message);
    if (is_it) return true;
  }
  return false;
}

static void place_close(place *p) {
  for (int i = 0; i < WATCHERS; i++) {
    gmux_call_cancel(p->calls[i]);
    gmux_call_free(p->calls[i]);
  }
  gmux_channel_free(p->channel);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(p->server, 0), 0);
  gmux_server_free(p->server);
}

/* Everything but NOT_SERVING, and names that come while others are looked for. */
static void *set_often(void *arg) {
  gmux_health *health = arg;
  for (int i = 0; i < CHANGES; i++) {
    char name[16];
    snprintf(name, sizeof name, "demo.S%d", i);
    gmux_health_set(health, "", i % 2 ? GMUX_HEALTH_SERVING : GMUX_HEALTH_UNKNOWN);
    gmux_health_set(health, name, GMUX_HEALTH_SERVING);
  }
  return NULL;
}

static void watchers_of_all_loops_hear_what_threads_set(void) {
  gmux_health *health;
  CU_ASSERT_EQUAL_FATAL(gmux_health_new(&health), 0);
  gmux_method *watch;
  CU_ASSERT_EQUAL_FATAL(
      gmux_method_new(&watch, "/grpc.health.v1.Health/Watch", GMUX_SERVER_STREAMING, 0), 0);
  place places[SERVERS];
  pthread_t setters[SETTERS];
  for (int i = 0; i < SERVERS; i++)
    place_open(&places[i], health);
  for (int i = 0; i < SETTERS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&setters[i], NULL, set_often, health), 0);
  for (int i = 0; i < SERVERS; i++)
    place_watch(&places[i], watch);
  for (int i = 0; i < SETTERS; i++)
    pthread_join(setters[i], NULL);

  CU_ASSERT_EQUAL(gmux_health_set(health, "", GMUX_HEALTH_NOT_SERVING), 0);
  for (int i = 0; i < SERVERS; i++)
    for (int k = 0; k < WATCHERS; k++)
      CU_ASSERT_TRUE(call_hears_it(places[i].calls[k]));

  /* Servers go one after the other, while it is still set. */
  CU_ASSERT_EQUAL_FATAL(pthread_create(&setters[0], NULL, set_often, health), 0);
  for (int i = 0; i < SERVERS; i++)
    place_close(&places[i]);
  pthread_join(setters[0], NULL);
  gmux_health_free(health);
  gmux_method_free(watch);
  for (int i = 0; i < SERVERS; i++)
    CU_ASSERT_EQUAL(gmux_loop_stop(places[i].loop), 0);
}

static const test_case cases[] = {TEST(watchers_of_all_loops_hear_what_threads_set), TESTS_END};
const test_suite services_threads_suite = {"threads", cases, NULL, NULL};
