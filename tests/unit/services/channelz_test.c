/* channelz_test.c: what is shown, to whom, and what becomes of questions on their way. */
#include "lib/services/channelz.h"
#include "tests/sim/rawpeer.h"
#include "tests/unit/services/booth.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Paths: in an answer with one object, and of the objects' own fields. */
#define DATA "1.2."
enum { NO_MORE = 2 /* `end` of a page */ };

static void open_world(void) {
  booth_setup();
  CU_ASSERT_TRUE_FATAL(booth_open());
}

/* 7 calls that succeed and 2 that fail. */
static void make_calls(void) {
  for (int i = 0; i < 9; i++)
    booth_say(booth.channel, i % 4 == 3 ? "no" : "ok");
}

static void expect_calls(const answer *a, int64_t started, int64_t succeeded, int64_t failed) {
  CU_ASSERT_EQUAL(answer_number(a, DATA "4"), started);
  CU_ASSERT_EQUAL(answer_number(a, DATA "5"), succeeded);
  CU_ASSERT_EQUAL(answer_number(a, DATA "6"), failed);
}

/* ---- what is shown ---- */

static void shows_a_channel_with_its_calls(void) {
  make_calls();
  answer a = booth_ask("GetChannel", CHANNEL_ID, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_number(&a, "1.1.1"), CHANNEL_ID);
  CU_ASSERT_PTR_NOT_NULL(strstr(booth.target, answer_text(&a, "1.1.2")));
  CU_ASSERT_EQUAL(answer_number(&a, DATA "1.1"), 3); /* READY */
  expect_calls(&a, 9, 7, 2);
  CU_ASSERT_EQUAL(answer_number(&a, "1.4.7"), SUBCHANNEL_ID);
  answer_clear(&a);
}

static void shows_a_subchannel_with_its_connections(void) {
  make_calls();
  answer a = booth_ask("GetSubchannel", SUBCHANNEL_ID, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_number(&a, "1.1.7"), SUBCHANNEL_ID);
  expect_calls(&a, 9, 7, 2);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "8"), 4); /* max_connections */
  CU_ASSERT_TRUE(answer_has(&a, "1.5.3"));
  CU_ASSERT_FALSE(answer_has(&a, "1.5[1].3")); /* one connection */
  answer_clear(&a);
}

/* The connection's id, as the subchannel tells it. */
static int64_t connection_id(void) {
  answer a = booth_ask("GetSubchannel", SUBCHANNEL_ID, 0, 0);
  int64_t id = answer_number(&a, "1.5.3");
  answer_clear(&a);
  return id;
}

static void shows_what_a_connection_has_carried(void) {
  make_calls();
  int64_t id = connection_id();
  answer a = booth_ask("GetSocket", id, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_number(&a, "1.1.3"), id);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "1"), 9); /* streams: each was answered in good order */
  CU_ASSERT_EQUAL(answer_number(&a, DATA "2"), 9);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "3"), 0);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "4"), 9); /* messages */
  CU_ASSERT_EQUAL(answer_number(&a, DATA "5"), 7);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "6"), 0); /* keepalives */
  CU_ASSERT_EQUAL(answer_number(&a, DATA "7.1"),
                  1700000001); /* local stream, by the wall's clock */
  CU_ASSERT_FALSE(answer_has(&a, DATA "8"));
  CU_ASSERT_TRUE(answer_has(&a, DATA "9"));
  CU_ASSERT_TRUE(answer_has(&a, DATA "10"));
  CU_ASSERT_EQUAL(answer_number(&a, DATA "15"), 100); /* the server's limit of streams */
  CU_ASSERT_FALSE(answer_has(&a, DATA "14"));         /* no GOAWAY */
  CU_ASSERT_EQUAL(answer_len(&a, "1.4.1.1"), 4);      /* remote: IPv4 */
  CU_ASSERT_FALSE(answer_has(&a, "1.5"));             /* no TLS */
  answer_clear(&a);
}

/* What so small messages have taken of a window is not worth a WINDOW_UPDATE yet. */
static void shows_the_windows_of_a_connection(void) {
  booth_say(booth.channel, "ok");
  answer a = booth_ask("GetSocket", connection_id(), 0, 0);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "12.1"), 4194304 - 9); /* "done" and its prefix */
  CU_ASSERT_EQUAL(answer_number(&a, DATA "11.1"), 4194304 - 7); /* "ok" and its prefix */
  answer_clear(&a);
}

static void shows_a_server_and_where_it_listens(void) {
  make_calls();
  answer a = booth_ask("GetServer", SERVER_ID, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_number(&a, "1.1.5"), SERVER_ID);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "2"), 10); /* with this question, */
  CU_ASSERT_EQUAL(answer_number(&a, DATA "3"), 7);  /* which has not ended */
  CU_ASSERT_EQUAL(answer_number(&a, DATA "4"), 2);
  int64_t listener = answer_number(&a, "1.3.3");
  CU_ASSERT_STRING_EQUAL(answer_text(&a, "1.3.4"), booth.target);
  answer_clear(&a);
  a = booth_ask("GetSocket", listener, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_len(&a, "1.3.1.1"), 4);
  CU_ASSERT_FALSE(answer_has(&a, "1.4"));
  answer_clear(&a);
}

static void shows_the_servers_side_of_connections(void) {
  make_calls();
  answer a = booth_ask("GetServerSockets", SERVER_ID, 0, 0);
  CU_ASSERT_EQUAL(answer_count(&a, 1), 2); /* the channel's and who asks */
  CU_ASSERT_EQUAL(answer_number(&a, "2"), true);
  int64_t id = answer_number(&a, "1.3");
  CU_ASSERT_TRUE(id < answer_number(&a, "1[1].3"));
  answer_clear(&a);
  a = booth_ask("GetSocket", id, 0, 0);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "1"), 9);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "2"), 9);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "4"), 7);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "5"), 9);
  CU_ASSERT_FALSE(answer_has(&a, DATA "7"));
  CU_ASSERT_EQUAL(answer_number(&a, DATA "8.1"), 1700000001);
  answer_clear(&a);
}

static void traces_what_happened_to_a_channel(void) {
  static const char *const story[] = {"CONNECTING", "connected: connection 1", "READY"};
  booth_say(booth.channel, "ok");
  answer a = booth_ask("GetChannel", CHANNEL_ID, 0, 0);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "3.1"), 3);
  CU_ASSERT_TRUE(answer_has(&a, DATA "3.2")); /* when it was made */
  for (int i = 0; i < 3; i++) {
    char path[32];
    snprintf(path, sizeof path, DATA "3.3[%d].1", i);
    CU_ASSERT_STRING_EQUAL(answer_text(&a, path), story[i]);
  }
  answer_clear(&a);
}

static void traces_the_loss_of_a_connection_with_its_cause(void) {
  booth_say(booth.channel, "ok");
  gmux_server_close(booth.server, NULL, NULL);
  sim_run(booth.world);
  gmux_server *other = booth_new_server(booth.home);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_channelz(other, booth.z), 0);
  sim_set_outside(booth.home, false); /* or it would be waited for */
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(other, booth.target, NULL), 0);
  sim_run_for(booth.world, 5 * GMUX__NS_PER_S);
  answer a = booth_ask("GetChannel", CHANNEL_ID, 0, 0);
  CU_ASSERT_STRING_EQUAL(answer_text(&a, DATA "3.3[4].1"), "connection 1 ended: GOAWAY");
  CU_ASSERT_EQUAL(answer_number(&a, DATA "3.3[4].2"), 2); /* CT_WARNING */
  answer_clear(&a);
  gmux_server_free(other);
}

/* ---- who is shown ---- */

static void expect_code(const char *method, int64_t id, gmux_code code) {
  answer a = booth_ask(method, id, 0, 0);
  CU_ASSERT_EQUAL(a.code, code);
  answer_clear(&a);
}

static void does_not_find_what_is_not_there(void) {
  static const char *const methods[] = {"GetServer", "GetServerSockets", "GetChannel",
                                        "GetSubchannel", "GetSocket"};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    expect_code(methods[i], 0, GMUX_NOT_FOUND);
    expect_code(methods[i], 99, GMUX_NOT_FOUND);
    expect_code(methods[i], INT64_MAX, GMUX_NOT_FOUND);
    expect_code(methods[i], INT64_C(99) << 40 | 1, GMUX_NOT_FOUND);
    expect_code(methods[i], -1, GMUX_INVALID_ARGUMENT);
  }
  expect_code("GetServer", CHANNEL_ID, GMUX_NOT_FOUND);
  expect_code("GetChannel", SERVER_ID, GMUX_NOT_FOUND);
  expect_code("GetSocket", SUBCHANNEL_ID, GMUX_NOT_FOUND);
  expect_code("GetSubchannel", SUBCHANNEL_ID + 1, GMUX_NOT_FOUND);
  expect_code("GetSubchannel", (int64_t)SERVER_ID << 40 | INT64_C(2) << 38 | 1, GMUX_NOT_FOUND);
  expect_code("GetServerSockets", CHANNEL_ID, GMUX_NOT_FOUND);
}

static void what_is_closed_leaves_by_itself(void) {
  booth_say(booth.channel, "ok");
  gmux_channel_close(booth.channel, NULL, NULL);
  sim_run(booth.world);
  expect_code("GetChannel", CHANNEL_ID, GMUX_NOT_FOUND);
  gmux_server *second = booth_new_server(booth.far);
  gmux_channelz_add_server(booth.z, second);
  expect_code("GetServer", 3, GMUX_OK);
  gmux_server_free(second);
  sim_run(booth.world);
  expect_code("GetServer", 3, GMUX_NOT_FOUND);
}

static void what_is_closed_already_is_not_shown(void) {
  gmux_channel *closed = booth_new_channel(booth.far);
  gmux_channel_close(closed, NULL, NULL);
  sim_run(booth.world);
  CU_ASSERT_EQUAL(gmux_channelz_add_channel(booth.z, closed), 0);
  sim_run(booth.world);
  expect_code("GetChannel", 3, GMUX_NOT_FOUND);
  gmux_channel_free(closed);
}

static void an_id_is_never_used_again(void) {
  gmux_channel_close(booth.channel, NULL, NULL);
  sim_run(booth.world);
  gmux_channel *next = booth_new_channel(booth.far);
  gmux_channelz_add_channel(booth.z, next);
  expect_code("GetChannel", CHANNEL_ID, GMUX_NOT_FOUND);
  expect_code("GetChannel", CHANNEL_ID + 1, GMUX_OK);
  gmux_channel_free(next);
}

static void the_list_may_be_let_go_of_first(void) {
  gmux_channelz_free(booth.z);
  booth.z = NULL;
  expect_code("GetChannel", CHANNEL_ID, GMUX_OK);
}

static void says_what_is_wrong_with_its_arguments(void) {
  CU_ASSERT_EQUAL(gmux_channelz_new(NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channelz_add_channel(booth.z, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channelz_add_channel(NULL, booth.channel), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channelz_add_server(booth.z, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_channelz(booth.server, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_channelz(booth.server, booth.z), GMUX_ERR_STATE);
  gmux_channelz_free(NULL);
}

/* ---- pages ---- */

enum { MANY = 250, MANY_PAGES = 3 };

static void goes_through_many_channels_page_by_page(void) {
  gmux_channel *many[MANY];
  for (int i = 0; i < MANY; i++) {
    many[i] = booth_new_channel(i % 2 ? booth.far : booth.home);
    gmux_channelz_add_channel(booth.z, many[i]);
  }
  int64_t next = 0;
  size_t count = 0, pages = 0;
  for (bool is_end = false; !is_end && pages < MANY; pages++) {
    answer a = booth_ask("GetTopChannels", next, pages == 0 ? INT64_MAX : 0, 0);
    CU_ASSERT_TRUE(answer_count(&a, 1) <= GMUX__CHANNELZ_PAGE);
    count += answer_count(&a, 1);
    char last[32];
    snprintf(last, sizeof last, "1[%zu].1.1", answer_count(&a, 1) - 1);
    CU_ASSERT_TRUE(answer_number(&a, last) >= next);
    next = answer_number(&a, last) + 1;
    is_end = answer_number(&a, "2");
    answer_clear(&a);
  }
  CU_ASSERT_EQUAL(count, MANY + 1);
  CU_ASSERT_EQUAL(pages, MANY_PAGES);
  for (int i = 0; i < MANY; i++)
    gmux_channel_free(many[i]);
}

static void a_page_that_is_just_full_knows_whether_it_is_the_last(void) {
  answer a = booth_ask("GetServers", 0, 1, 0);
  CU_ASSERT_EQUAL(answer_count(&a, 1), 1);
  CU_ASSERT_EQUAL(answer_number(&a, "2"), true);
  answer_clear(&a);
  gmux_server *second = booth_new_server(booth.home);
  gmux_channelz_add_server(booth.z, second);
  a = booth_ask("GetServers", 0, 1, 0);
  CU_ASSERT_EQUAL(answer_count(&a, 1), 1);
  CU_ASSERT_EQUAL(answer_number(&a, "2"), false);
  answer_clear(&a);
  gmux_server_free(second);
}

static void a_page_beyond_the_last_is_empty_and_the_end(void) {
  answer a = booth_ask("GetTopChannels", 1000, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_count(&a, 1), 0);
  CU_ASSERT_EQUAL(answer_number(&a, "2"), true);
  answer_clear(&a);
  a = booth_ask("GetServerSockets", SERVER_ID, INT64_MAX, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_OK);
  CU_ASSERT_EQUAL(answer_count(&a, 1), 0);
  answer_clear(&a);
}

static rawpeer *connect_raw(void) {
  gmux__address at = {.family = GMUX__FAMILY_IPV4, .ip = {127, 0, 0, 1}};
  at.port = (uint16_t)strtoul(strrchr(booth.target, ':') + 1, NULL, 10);
  return rawpeer_connect(booth.far, &at);
}

/* Silent peers: a connection each, in HANDSHAKING. */
static void connect_many(rawpeer *many[MANY]) {
  for (int i = 0; i < MANY; i++)
    many[i] = connect_raw();
  sim_run_for(booth.world, GMUX__NS_PER_MS);
}

/* What is closed meanwhile is missed, nothing else, and nothing is seen twice. */
static void goes_through_many_sockets_while_some_of_them_close(void) {
  rawpeer *many[MANY];
  expect_code("GetServer", SERVER_ID, GMUX_OK); /* who asks is the first, and not in their list */
  connect_many(many);
  int64_t next = 0;
  size_t count = 0, pages = 0;
  for (bool is_end = false; !is_end && pages < MANY; pages++) {
    answer a = booth_ask("GetServerSockets", SERVER_ID, next, 60);
    for (size_t i = 0; i < answer_count(&a, 1); i++) {
      char path[32];
      snprintf(path, sizeof path, "1[%zu].3", i);
      CU_ASSERT_TRUE(answer_number(&a, path) >= next);
      next = answer_number(&a, path) + 1;
      count++;
    }
    is_end = answer_number(&a, "2");
    answer_clear(&a);
    if (pages > 0) continue;
    for (int i = 0; i < 10; i++) { /* 10 of the first page, and 10 of those to come */
      rawpeer_free(many[i]);
      rawpeer_free(many[MANY - 1 - i]);
      many[i] = many[MANY - 1 - i] = NULL;
    }
    sim_run_for(booth.world, GMUX__NS_PER_MS);
  }
  CU_ASSERT_EQUAL(count, MANY + 1 - 10);
  CU_ASSERT_EQUAL(pages, 5);
  for (int i = 0; i < MANY; i++)
    rawpeer_free(many[i]);
}

/* A client that opens two streams, takes the first back, and leaves the second where it is. */
static rawpeer *connect_fickle(void) {
  static const char *const fields[] = {
      ":method",   "POST",         ":scheme",          "http", ":path", "/t.S/Say", ":authority",
      "a.example", "content-type", "application/grpc", NULL};
  rawpeer *p = connect_raw();
  sim_run_for(booth.world, GMUX__NS_PER_MS);
  rawpeer_preface(p);
  rawpeer_settings(p, 0, NULL, NULL);
  rawpeer_settings_ack(p);
  rawpeer_headers(p, 1, RAW_END_HEADERS, fields);
  rawpeer_headers(p, 3, RAW_END_HEADERS, fields);
  rawpeer_rst(p, 1, GMUX__H2_CANCEL);
  return p;
}

static void shows_streams_that_failed_and_a_goaway_with_its_code(void) {
  rawpeer *fickle = connect_fickle();
  rawpeer_goaway(fickle, 0, GMUX__H2_ENHANCE_YOUR_CALM, "");
  sim_run_for(booth.world, GMUX__NS_PER_MS);
  answer a = booth_ask("GetServerSockets", SERVER_ID, 0, 1);
  int64_t id = answer_number(&a, "1.3");
  answer_clear(&a);
  a = booth_ask("GetSocket", id, 0, 0);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "1"), 2);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "2"), 0);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "3"), 1);
  CU_ASSERT_EQUAL(answer_number(&a, DATA "14.1"), GMUX__H2_ENHANCE_YOUR_CALM);
  answer_clear(&a);
  rawpeer_free(fickle);
}

/* ---- questions on their way ---- */

static void a_loop_that_does_not_run_makes_the_question_fail_in_time(void) {
  sim_loop_freeze(booth.far, 60 * GMUX__NS_PER_S);
  answer a = booth_ask("GetChannel", CHANNEL_ID, 0, 0);
  CU_ASSERT_EQUAL(a.code, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(sim_now(booth.world), SIM_EPOCH + 5 * GMUX__NS_PER_S);
  answer_clear(&a);
  expect_code("GetServer", SERVER_ID, GMUX_OK); /* what does not need that loop is told */
  sim_loop_freeze(booth.far, 0);
  expect_code("GetChannel", CHANNEL_ID, GMUX_OK);
}

static void a_client_that_gives_up_leaves_nothing(void) {
  answer a = {.count = 0};
  gmux_call *call;
  sim_loop_freeze(booth.far, 2 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL_FATAL(booth_ask_start(&call, &a, "GetTopChannels", 0), 0);
  sim_run_for(booth.world, GMUX__NS_PER_S);
  gmux_call_cancel(call);
  gmux_call_free(call);
  sim_run_for(booth.world, 2 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(a.code, GMUX_CANCELLED);
  answer_clear(&a);
}

/* The server, and its loop, may go while a question of theirs is away. */
static void a_server_is_freed_while_its_question_is_away(void) {
  answer a = {.count = 0};
  sim_loop_freeze(booth.far, 2 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL_FATAL(booth_ask_start(NULL, &a, "GetTopChannels", 0), 0);
  sim_run_for(booth.world, GMUX__NS_PER_S);
  gmux_server_free(booth.server);
  gmux_channel_free(booth.asker);
  booth.server = NULL;
  booth.asker = NULL;
  sim_run_for(booth.world, GMUX__NS_PER_MS);
  sim_set_outside(booth.home, false);
  CU_ASSERT_EQUAL(gmux_loop_stop(booth.home), 0);
  CU_ASSERT_EQUAL(a.count, 1);
  sim_run_for(booth.world, 2 * GMUX__NS_PER_S); /* the question comes to its end where it is */
  answer_clear(&a);
}

static void a_channel_is_freed_while_a_question_is_on_its_way_to_it(void) {
  answer a = {.count = 0};
  sim_loop_freeze(booth.far, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL_FATAL(booth_ask_start(NULL, &a, "GetChannel", CHANNEL_ID), 0);
  sim_run_for(booth.world, GMUX__NS_PER_MS);
  gmux_channel_free(booth.channel);
  booth.channel = NULL;
  sim_run_for(booth.world, 2 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(a.count, 1);
  CU_ASSERT_EQUAL(a.code, GMUX_OK); /* it was asked before it was freed */
  answer_clear(&a);
  expect_code("GetChannel", CHANNEL_ID, GMUX_NOT_FOUND);
}

/* Who asks in a loop is not given more and more memory while a loop stands still. */
static void too_many_questions_on_their_way_are_refused(void) {
  enum { ASKED = 3 * GMUX__CHANNELZ_AWAY_MAX };
  static answer answers[ASKED];
  size_t refused = 0, failed = 0;
  sim_loop_freeze(booth.far, 60 * GMUX__NS_PER_S);
  /* In portions, for the server takes 100 streams of a connection. */
  for (size_t i = 0; i < ASKED; i++)
    CU_ASSERT_EQUAL_FATAL(booth_ask_start(NULL, &answers[i], "GetChannel", CHANNEL_ID), 0);
  sim_run_for(booth.world, 30 * GMUX__NS_PER_S);
  for (size_t i = 0; i < ASKED; i++) {
    CU_ASSERT_EQUAL(answers[i].count, 1);
    refused += answers[i].code == GMUX_RESOURCE_EXHAUSTED;
    failed += answers[i].code == GMUX_UNAVAILABLE;
    answer_clear(&answers[i]);
  }
  CU_ASSERT_EQUAL(failed, GMUX__CHANNELZ_AWAY_MAX);
  CU_ASSERT_EQUAL(refused, ASKED - GMUX__CHANNELZ_AWAY_MAX);
  sim_loop_freeze(booth.far, 0);
  sim_run(booth.world);
  expect_code("GetChannel", CHANNEL_ID, GMUX_OK); /* they have all come to their end */
}

/* Asks, and opens no window for the answers. */
static void ask_deafly(rawpeer *p, uint32_t stream) {
  static const char *const fields[] = {
      ":method",    "POST",         ":scheme",
      "http",       ":path",        "/grpc.channelz.v1.Channelz/GetTopChannels",
      ":authority", "a.example",    "te",
      "trailers",   "content-type", "application/grpc",
      NULL};
  rawpeer_headers(p, stream, RAW_END_HEADERS, fields);
  rawpeer_grpc_message(p, stream, RAW_END_STREAM, "", 0);
}

static bool is_refused(rawpeer *p, uint32_t stream) {
  const rawframe *headers = rawpeer_find(p, RAW_HEADERS, stream, 0);
  return headers && (headers->flags & RAW_END_STREAM);
}

static void who_does_not_read_keeps_answers_until_its_queue_is_full(void) {
  enum { MAY_HAVE = 100 }; /* one more would be a breach of HTTP/2 */
  const uint16_t initial_window = 4;
  const uint32_t none = 0;
  for (int i = 0; i < 9; i++) /* so that an answer is some KiB */
    CU_ASSERT_EQUAL_FATAL(gmux_channelz_add_channel(booth.z, booth.channel), 0);
  rawpeer *deaf = connect_raw();
  sim_run_for(booth.world, GMUX__NS_PER_MS);
  rawpeer_preface(deaf);
  rawpeer_settings(deaf, 1, &initial_window, &none);
  rawpeer_settings_ack(deaf);
  sim_run_for(booth.world, GMUX__NS_PER_MS);
  size_t before = test_alloc_bytes();
  for (uint32_t i = 0; i < MAY_HAVE; i++)
    ask_deafly(deaf, 2 * i + 1);
  sim_run_for(booth.world, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(rawpeer_count(deaf, RAW_HEADERS, RAW_ANY), MAY_HAVE);
  CU_ASSERT_EQUAL(rawpeer_count(deaf, RAW_DATA, RAW_ANY), 0);
  CU_ASSERT_FALSE(is_refused(deaf, 1));
  CU_ASSERT_TRUE(is_refused(deaf, 2 * MAY_HAVE - 1)); /* connection_queue_bytes */
  CU_ASSERT_TRUE(test_alloc_bytes() < before + MAY_HAVE * 8192);
  expect_code("GetChannel", CHANNEL_ID, GMUX_OK); /* others are served */
  rawpeer_free(deaf);
}

/* ---- memory ---- */

static void ask_for_all(void) {
  answer a = booth_ask("GetTopChannels", 0, 0, 0);
  answer_clear(&a);
  a = booth_ask("GetServers", 0, 0, 0);
  answer_clear(&a);
  a = booth_ask("GetSubchannel", SUBCHANNEL_ID, 0, 0);
  answer_clear(&a);
  a = booth_ask("GetServerSockets", SERVER_ID, 0, 0);
  answer_clear(&a);
  a = booth_ask("GetSocket", (int64_t)CHANNEL_ID << 40 | 1, 0, 0);
  answer_clear(&a);
}

static void open_ask_and_close(void *arg) {
  (void)arg;
  booth_setup();
  if (booth_open()) {
    booth_say(booth.channel, "ok");
    ask_for_all();
  }
  booth_teardown();
}

static void leaves_nothing_wherever_memory_ends(void) {
  booth_teardown();
  CU_ASSERT_TRUE(test_alloc_torture(open_ask_and_close, NULL) > 50);
  open_world();
}

static const test_case cases[] = {
    TEST(shows_a_channel_with_its_calls),
    TEST(shows_a_subchannel_with_its_connections),
    TEST(shows_what_a_connection_has_carried),
    TEST(shows_the_windows_of_a_connection),
    TEST(shows_a_server_and_where_it_listens),
    TEST(shows_the_servers_side_of_connections),
    TEST(traces_what_happened_to_a_channel),
    TEST(traces_the_loss_of_a_connection_with_its_cause),
    TEST(does_not_find_what_is_not_there),
    TEST(what_is_closed_leaves_by_itself),
    TEST(what_is_closed_already_is_not_shown),
    TEST(an_id_is_never_used_again),
    TEST(the_list_may_be_let_go_of_first),
    TEST(says_what_is_wrong_with_its_arguments),
    TEST(goes_through_many_channels_page_by_page),
    TEST(a_page_that_is_just_full_knows_whether_it_is_the_last),
    TEST(a_page_beyond_the_last_is_empty_and_the_end),
    TEST(goes_through_many_sockets_while_some_of_them_close),
    TEST(shows_streams_that_failed_and_a_goaway_with_its_code),
    TEST(a_loop_that_does_not_run_makes_the_question_fail_in_time),
    TEST(a_client_that_gives_up_leaves_nothing),
    TEST(a_server_is_freed_while_its_question_is_away),
    TEST(a_channel_is_freed_while_a_question_is_on_its_way_to_it),
    TEST(too_many_questions_on_their_way_are_refused),
    TEST(who_does_not_read_keeps_answers_until_its_queue_is_full),
    TEST(leaves_nothing_wherever_memory_ends),
    TESTS_END,
};

const test_suite services_channelz_suite = {"channelz", cases, open_world, booth_teardown};
