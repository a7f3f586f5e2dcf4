/* channelz_threads_test.c: one list, shown by servers on two real loops, asked by several threads
 * while channels on both come and go. What is asserted is that each question has an answer; the
 * rest is the thread sanitizer's to say. */
#include "tests/unit/harness.h"
#include <gmux/gmux.h>
#include <pthread.h>
#include <stdio.h>

enum { PLACES = 2, ASKERS = 2, QUESTIONS = 200, COMING_AND_GOING = 100 };

/* A loop, a server that shows the list, and who asks it. */
typedef struct place {
  gmux_loop *loop;
  gmux_server *server;
  gmux_channel *channel;
  char target[32];
} place;

static gmux_channel *channel_to(gmux_loop *loop, const char *target) {
  gmux_channel *channel;
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&channel, loop, target, &options), 0);
  return channel;
}

static void place_open(place *p, gmux_channelz *z) {
  uint16_t port;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&p->loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&p->server, p->loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_channelz(p->server, z), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(p->server, "127.0.0.1:0", &port), 0);
  snprintf(p->target, sizeof p->target, "ipv4:127.0.0.1:%u", port);
  p->channel = channel_to(p->loop, p->target);
  CU_ASSERT_EQUAL(gmux_channelz_add_server(z, p->server), 0);
  CU_ASSERT_EQUAL(gmux_channelz_add_channel(z, p->channel), 0);
}

typedef struct asker {
  pthread_t thread;
  gmux_channel *channel;
  const char *method;
  unsigned answers;
} asker;

static void *ask_often(void *arg) {
  asker *a = arg;
  gmux_method *method;
  if (gmux_method_new(&method, a->method, GMUX_UNARY, 0)) return NULL;
  for (int i = 0; i < QUESTIONS; i++) {
    gmux_bytes request = gmux_bytes_borrow("", 0), reply;
    gmux_status status = gmux_call_unary_wait(a->channel, method, NULL, &request, &reply);
    a->answers += status.code == GMUX_OK && reply.len > 0;
    gmux_bytes_release(&reply);
    gmux_status_clear(&status);
  }
  gmux_method_free(method);
  return NULL;
}

static void come_and_go(place places[PLACES], gmux_channelz *z) {
  for (int i = 0; i < COMING_AND_GOING; i++) {
    gmux_channel *channel = channel_to(places[i % PLACES].loop, places[0].target);
    CU_ASSERT_EQUAL(gmux_channelz_add_channel(z, channel), 0);
    gmux_channel_get_state(channel, true);
    gmux_channel_free(channel);
  }
}

static void every_question_is_answered_while_objects_come_and_go(void) {
  static const char *const methods[ASKERS] = {"/grpc.channelz.v1.Channelz/GetTopChannels",
                                              "/grpc.channelz.v1.Channelz/GetServers"};
  gmux_channelz *z;
  place places[PLACES];
  asker askers[PLACES][ASKERS];
  CU_ASSERT_EQUAL_FATAL(gmux_channelz_new(&z), 0);
  for (int i = 0; i < PLACES; i++)
    place_open(&places[i], z);
  for (int i = 0; i < PLACES; i++)
    for (int k = 0; k < ASKERS; k++) {
      askers[i][k] = (asker){.channel = places[i].channel, .method = methods[k]};
      CU_ASSERT_EQUAL_FATAL(pthread_create(&askers[i][k].thread, NULL, ask_often, &askers[i][k]),
                            0);
    }
  come_and_go(places, z);
  for (int i = 0; i < PLACES; i++)
    for (int k = 0; k < ASKERS; k++) {
      pthread_join(askers[i][k].thread, NULL);
      CU_ASSERT_EQUAL(askers[i][k].answers, QUESTIONS);
    }
  gmux_channelz_free(z);
  for (int i = 0; i < PLACES; i++) {
    gmux_channel_free(places[i].channel);
    gmux_server_free(places[i].server);
  }
  for (int i = 0; i < PLACES; i++)
    CU_ASSERT_EQUAL(gmux_loop_stop(places[i].loop), 0);
}

/* A server and its loop may end, as soon as they are freed, with questions of others on their way
 * to them. */
static void a_loop_is_stopped_under_questions_that_go_there(void) {
  gmux_channelz *z;
  place stays, goes;
  asker a;
  CU_ASSERT_EQUAL_FATAL(gmux_channelz_new(&z), 0);
  place_open(&stays, z);
  place_open(&goes, z);
  a = (asker){.channel = stays.channel, .method = "/grpc.channelz.v1.Channelz/GetTopChannels"};
  CU_ASSERT_EQUAL_FATAL(pthread_create(&a.thread, NULL, ask_often, &a), 0);
  gmux_channel_free(goes.channel);
  gmux_server_free(goes.server);
  CU_ASSERT_EQUAL(gmux_loop_stop(goes.loop), 0);
  pthread_join(a.thread, NULL);
  CU_ASSERT_EQUAL(a.answers, QUESTIONS);
  gmux_channel_free(stays.channel);
  gmux_server_free(stays.server);
  gmux_channelz_free(z);
  CU_ASSERT_EQUAL(gmux_loop_stop(stays.loop), 0);
}

static const test_case cases[] = {
    TEST(every_question_is_answered_while_objects_come_and_go),
    TEST(a_loop_is_stopped_under_questions_that_go_there),
    TESTS_END,
};

const test_suite services_channelz_threads_suite = {"channelz_threads", cases, NULL, NULL};
