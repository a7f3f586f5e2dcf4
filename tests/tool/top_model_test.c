/* top_model_test.c: a poll, of good servers and of others. */
#include "tests/tool/top_kit.h"

#include <string.h>

#define CZ(name) GRPC__CHANNELZ__V1__##name##__INIT

static top_model model;

static void setup(void) {
  top_model_init(&model, 1000);
}

static void teardown(void) {
  top_model_free(&model);
}

static const top_row *row(top_kind kind, int64_t id) {
  return top_model_find(&model, (top_key){kind, id});
}

static void all_pages_are_read(void) {
  fake f = {.servers = 250, .channels = 130, .sockets = 720, .page = 100, .name = "x"};
  fake_poll(&f, &model, 1);
  CU_ASSERT_EQUAL(model.counts[TOP_SERVER], 250);
  CU_ASSERT_EQUAL(model.counts[TOP_CHANNEL], 130);
  CU_ASSERT_EQUAL(model.counts[TOP_SUBCHANNEL], 130);
  CU_ASSERT_EQUAL(model.counts[TOP_SOCKET], 720 + 130);
  CU_ASSERT_FALSE(model.is_cut[TOP_SOCKET]);
  for (int64_t id = 1001; id < 1721; id++)
    CU_ASSERT_PTR_NOT_NULL(row(TOP_SOCKET, id));
  /* Each of its figures once, and each page. */
  CU_ASSERT_EQUAL(f.asked, 3 + 250 + 7 + 2 + 130 + 850);
}

static void a_row_says_who_had_it(void) {
  fake f = {.servers = 1, .channels = 1, .sockets = 1, .page = 100, .calls = 7, .name = "a:1"};
  fake_poll(&f, &model, 1);
  CU_ASSERT_EQUAL(row(TOP_SERVER, 1)->of.id, 0);
  CU_ASSERT_EQUAL(row(TOP_SOCKET, 1001)->of.kind, TOP_SERVER);
  CU_ASSERT_EQUAL(row(TOP_SUBCHANNEL, 201)->of.id, 101);
  CU_ASSERT_EQUAL(row(TOP_SOCKET, 5001)->of.kind, TOP_SUBCHANNEL);
  CU_ASSERT_EQUAL(row(TOP_SOCKET, 5001)->started, 7);
  CU_ASSERT_STRING_EQUAL(row(TOP_CHANNEL, 101)->name, "a:1");
}

static void more_sockets_than_may_be_are_not_looked_at(void) {
  fake f = {.servers = 1, .sockets = 1500, .page = 100, .name = "x"};
  fake_poll(&f, &model, 1);
  CU_ASSERT_EQUAL(model.counts[TOP_SOCKET], 1000);
  CU_ASSERT_TRUE(model.is_cut[TOP_SOCKET]);
  CU_ASSERT_FALSE(model.is_cut[TOP_SERVER]);
  /* The page that shows that there are more is the last. */
  CU_ASSERT_EQUAL(f.asked, 2 + 11 + 1000);
}

static void the_next_poll_begins_empty(void) {
  fake f = {.servers = 3, .page = 100, .name = "x"};
  fake_poll(&f, &model, 1);
  f.servers = 1;
  fake_poll(&f, &model, 2);
  CU_ASSERT_EQUAL(model.count, 1);
  CU_ASSERT_PTR_NULL(row(TOP_SERVER, 2));
  CU_ASSERT_EQUAL(model.at_ns, 2);
}

/* ---- wrong answers ---- */

/* A page of sockets again and again, whatever is asked for; *asked: how often, until it ends. */
static void same_page(int64_t id, size_t count, size_t *asked) {
  Grpc__Channelz__V1__SocketRef ref = CZ(SOCKET_REF), *refs[] = {&ref, &ref};
  Grpc__Channelz__V1__GetServerSocketsResponse page = CZ(GET_SERVER_SOCKETS_RESPONSE);
  ref.socket_id = id;
  page.n_socket_ref = count;
  page.socket_ref = refs;
  top_question q = {.method = TOP_GET_SERVER_SOCKETS, .id = 1};
  top_model_begin(&model, 1);
  top_model_take(&model, &q, &page.base);
  for (*asked = 1; *asked < 10000 && top_model_next(&model, &q);) {
    if (q.method != TOP_GET_SERVER_SOCKETS) continue;
    top_model_take(&model, &q, &page.base);
    ++*asked;
  }
}

static void a_page_that_comes_again_is_the_last(void) {
  size_t asked;
  same_page(5, 2, &asked);
  CU_ASSERT_TRUE(asked <= 3);
  CU_ASSERT_EQUAL(model.count, 1);
  same_page(INT64_MAX, 2, &asked);
  CU_ASSERT_TRUE(asked <= 2);
  same_page(5, 0, &asked); /* empty, and not the end */
  CU_ASSERT_EQUAL(asked, 1);
  same_page(-5, 2, &asked);
  CU_ASSERT_EQUAL(asked, 1);
  CU_ASSERT_EQUAL(model.count, 0);
}

/* Pages that go on and on with what is known by then. */
static void pages_without_an_end_are_cut(void) {
  Grpc__Channelz__V1__ServerRef ref = CZ(SERVER_REF);
  Grpc__Channelz__V1__Server server = CZ(SERVER), *servers[] = {&server};
  Grpc__Channelz__V1__GetServersResponse page = CZ(GET_SERVERS_RESPONSE);
  server.ref = &ref;
  page.n_server = 1;
  page.server = servers;
  size_t asked = 0;
  top_model_begin(&model, 1);
  for (top_question q; asked < 1000000 && top_model_next(&model, &q); asked++) {
    if (q.method != TOP_GET_SERVERS) continue;
    ref.server_id = q.from + 1;
    top_model_take(&model, &q, &page.base);
  }
  CU_ASSERT_TRUE(asked < 10 * TOP_OTHERS);
  CU_ASSERT_EQUAL(model.counts[TOP_SERVER], TOP_OTHERS);
  CU_ASSERT_TRUE(model.is_cut[TOP_SERVER]);
}

static void channels_in_a_ring_are_met_once(void) {
  Grpc__Channelz__V1__ChannelRef self = CZ(CHANNEL_REF), *refs[] = {&self};
  Grpc__Channelz__V1__Channel channel = CZ(CHANNEL);
  Grpc__Channelz__V1__GetChannelResponse answer = CZ(GET_CHANNEL_RESPONSE);
  self.channel_id = 9;
  channel.ref = &self;
  channel.n_channel_ref = 1;
  channel.channel_ref = refs;
  answer.channel = &channel;
  top_question q = {.method = TOP_GET_CHANNEL, .id = 9};
  size_t asked = 0;
  top_model_begin(&model, 1);
  top_model_take(&model, &q, &answer.base);
  for (; asked < 1000 && top_model_next(&model, &q); asked++)
    if (q.method == TOP_GET_CHANNEL) top_model_take(&model, &q, &answer.base);
  CU_ASSERT_EQUAL(model.count, 1);
  CU_ASSERT_TRUE(asked < 5);
}

static void an_answer_without_its_object_is_passed_over(void) {
  Grpc__Channelz__V1__GetSocketResponse socket = CZ(GET_SOCKET_RESPONSE);
  Grpc__Channelz__V1__GetSubchannelResponse subchannel = CZ(GET_SUBCHANNEL_RESPONSE);
  Grpc__Channelz__V1__GetChannelResponse channel = CZ(GET_CHANNEL_RESPONSE);
  Grpc__Channelz__V1__Server server = CZ(SERVER), *servers[] = {&server};
  Grpc__Channelz__V1__GetServersResponse page = CZ(GET_SERVERS_RESPONSE);
  page.n_server = 1;
  page.server = servers;
  top_model_begin(&model, 1);
  top_model_take(&model, &(top_question){.method = TOP_GET_SOCKET, .id = 1}, &socket.base);
  top_model_take(&model, &(top_question){.method = TOP_GET_SUBCHANNEL, .id = 1}, &subchannel.base);
  top_model_take(&model, &(top_question){.method = TOP_GET_CHANNEL, .id = 1}, &channel.base);
  top_model_take(&model, &(top_question){.method = TOP_GET_SERVERS}, &page.base);
  CU_ASSERT_PTR_NULL(row(TOP_SERVER, 0));
  CU_ASSERT_FALSE(row(TOP_SOCKET, 1)->is_known);
}

static const top_row *socket_of(Grpc__Channelz__V1__Socket *socket) {
  Grpc__Channelz__V1__GetSocketResponse answer = CZ(GET_SOCKET_RESPONSE);
  answer.socket = socket;
  top_model_begin(&model, 1);
  top_model_take(&model, &(top_question){.method = TOP_GET_SOCKET, .id = 1}, &answer.base);
  return row(TOP_SOCKET, 1);
}

static void figures_out_of_all_bounds_stay_within(void) {
  Google__Protobuf__Timestamp late = GOOGLE__PROTOBUF__TIMESTAMP__INIT, before_all = late;
  Google__Protobuf__Int64Value window = GOOGLE__PROTOBUF__INT64_VALUE__INIT;
  Grpc__Channelz__V1__SocketData data = CZ(SOCKET_DATA);
  Grpc__Channelz__V1__Socket socket = CZ(SOCKET);
  socket.data = &data;
  data.streams_started = INT64_MIN;
  data.streams_succeeded = data.streams_failed = data.messages_sent = INT64_MAX;
  late.seconds = INT64_MAX;
  late.nanos = INT32_MIN;
  before_all.seconds = INT64_MIN;
  window.value = INT64_MIN;
  data.last_message_sent_timestamp = &late;
  data.last_message_received_timestamp = &before_all;
  data.local_flow_control_window = &window;
  const top_row *r = socket_of(&socket);
  CU_ASSERT_EQUAL(r->started, 0);
  CU_ASSERT_EQUAL(r->running, 0);
  CU_ASSERT_EQUAL(r->succeeded, r->failed);
  CU_ASSERT_EQUAL(r->sent, INT64_C(1) << 50);
  CU_ASSERT_EQUAL(r->last_ms, 0);
  CU_ASSERT_EQUAL(r->window, 0);
  CU_ASSERT_EQUAL(r->peer_window, TOP_UNKNOWN);
}

static void addresses_are_named_as_they_are_typed(void) {
  static char path[] = "/run/shop";
  static uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
  Grpc__Channelz__V1__Address__TcpIpAddress tcp = CZ(ADDRESS__TCP_IP_ADDRESS);
  Grpc__Channelz__V1__Address__UdsAddress uds = CZ(ADDRESS__UDS_ADDRESS);
  Grpc__Channelz__V1__Address address = CZ(ADDRESS);
  Grpc__Channelz__V1__Socket socket = CZ(SOCKET);
  socket.remote = &address;
  address.address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_TCPIP_ADDRESS;
  address.tcpip_address = &tcp;
  tcp.port = 443;
  tcp.ip_address = (ProtobufCBinaryData){16, v6};
  CU_ASSERT_STRING_EQUAL(socket_of(&socket)->name, "[2001:db8::1]:443");
  tcp.ip_address.len = 4;
  CU_ASSERT_STRING_EQUAL(socket_of(&socket)->name, "32.1.13.184:443");
  tcp.ip_address.len = 5;
  CU_ASSERT_STRING_EQUAL(socket_of(&socket)->name, "");
  address.address_case = GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_UDS_ADDRESS;
  address.uds_address = &uds;
  uds.filename = path;
  CU_ASSERT_STRING_EQUAL(socket_of(&socket)->name, "/run/shop");
}

static void a_long_name_is_cut_between_characters(void) {
  fake f = {.servers = 1, .page = 100};
  for (size_t i = 0; i + 2 < sizeof f.name; i += 2)
    memcpy(f.name + i, "\u00e9", 3);
  fake_poll(&f, &model, 1);
  size_t len = strlen(row(TOP_SERVER, 1)->name);
  CU_ASSERT_EQUAL(len, TOP_NAME_ROOM - 2);
  CU_ASSERT_EQUAL(len % 2, 0);
}

static const test_case cases[] = {TEST(all_pages_are_read),
                                  TEST(a_row_says_who_had_it),
                                  TEST(more_sockets_than_may_be_are_not_looked_at),
                                  TEST(the_next_poll_begins_empty),
                                  TEST(a_page_that_comes_again_is_the_last),
                                  TEST(pages_without_an_end_are_cut),
                                  TEST(channels_in_a_ring_are_met_once),
                                  TEST(an_answer_without_its_object_is_passed_over),
                                  TEST(figures_out_of_all_bounds_stay_within),
                                  TEST(addresses_are_named_as_they_are_typed),
                                  TEST(a_long_name_is_cut_between_characters),
                                  TESTS_END};
const test_suite tool_top_model_suite = {"top_model", cases, setup, teardown};
