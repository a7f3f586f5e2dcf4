/* top_kit.c: each answer is made, taken and forgotten. */
#include "tests/tool/top_kit.h"

#define CZ(name) GRPC__CHANNELZ__V1__##name##__INIT

enum {
  CHANNELS_FROM = 101,
  SUBCHANNELS_FROM = 201,
  SERVERS_SOCKETS = 1001,
  SUBCHANNELS_SOCKETS = 5001
};
enum { MOST = 2000 };

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* ---- pages ---- */

static void give_servers(fake *f, top_model *m, const top_question *q) {
  static Grpc__Channelz__V1__Server servers[MOST], *list[MOST];
  static Grpc__Channelz__V1__ServerRef refs[MOST];
  static Grpc__Channelz__V1__ServerData data[MOST];
  Grpc__Channelz__V1__GetServersResponse page = CZ(GET_SERVERS_RESPONSE);
  size_t first = q->from ? (size_t)q->from - 1 : 0, count = least(f->servers - first, f->page);
  for (size_t i = 0; i < count; i++) {
    refs[i] = (Grpc__Channelz__V1__ServerRef)CZ(SERVER_REF);
    refs[i].server_id = (int64_t)(first + i + 1);
    refs[i].name = f->name;
    data[i] = (Grpc__Channelz__V1__ServerData)CZ(SERVER_DATA);
    data[i].calls_started = f->calls;
    servers[i] = (Grpc__Channelz__V1__Server)CZ(SERVER);
    servers[i].ref = &refs[i];
    servers[i].data = &data[i];
    list[i] = &servers[i];
  }
  page.n_server = count;
  page.server = list;
  page.end = first + count == f->servers;
  top_model_take(m, q, &page.base);
}

static void give_server_sockets(fake *f, top_model *m, const top_question *q) {
  static Grpc__Channelz__V1__SocketRef refs[MOST], *list[MOST];
  Grpc__Channelz__V1__GetServerSocketsResponse page = CZ(GET_SERVER_SOCKETS_RESPONSE);
  size_t sockets = q->id == 1 ? f->sockets : 0;
  size_t first = q->from ? (size_t)q->from - SERVERS_SOCKETS : 0;
  size_t count = least(sockets - first, f->page);
  for (size_t i = 0; i < count; i++) {
    refs[i] = (Grpc__Channelz__V1__SocketRef)CZ(SOCKET_REF);
    refs[i].socket_id = (int64_t)(SERVERS_SOCKETS + first + i);
    refs[i].name = f->name;
    list[i] = &refs[i];
  }
  page.n_socket_ref = count;
  page.socket_ref = list;
  page.end = first + count == sockets;
  top_model_take(m, q, &page.base);
}

/* ---- channels ---- */

typedef struct fake_channel {
  Grpc__Channelz__V1__Channel channel;
  Grpc__Channelz__V1__ChannelRef ref;
  Grpc__Channelz__V1__ChannelData data;
  Grpc__Channelz__V1__ChannelConnectivityState state;
  Grpc__Channelz__V1__SubchannelRef child, *children[1];
} fake_channel;

static Grpc__Channelz__V1__Channel *make_channel(fake *f, fake_channel *c, int64_t id) {
  c->ref = (Grpc__Channelz__V1__ChannelRef)CZ(CHANNEL_REF);
  c->ref.channel_id = id;
  c->state = (Grpc__Channelz__V1__ChannelConnectivityState)CZ(CHANNEL_CONNECTIVITY_STATE);
  c->state.state = GRPC__CHANNELZ__V1__CHANNEL_CONNECTIVITY_STATE__STATE__READY;
  c->data = (Grpc__Channelz__V1__ChannelData)CZ(CHANNEL_DATA);
  c->data.state = &c->state;
  c->data.target = f->name;
  c->data.calls_started = f->calls;
  c->child = (Grpc__Channelz__V1__SubchannelRef)CZ(SUBCHANNEL_REF);
  c->child.subchannel_id = id - CHANNELS_FROM + SUBCHANNELS_FROM;
  c->children[0] = &c->child;
  c->channel = (Grpc__Channelz__V1__Channel)CZ(CHANNEL);
  c->channel.ref = &c->ref;
  c->channel.data = &c->data;
  c->channel.n_subchannel_ref = 1;
  c->channel.subchannel_ref = c->children;
  return &c->channel;
}

static void give_channels(fake *f, top_model *m, const top_question *q) {
  static fake_channel channels[MOST];
  static Grpc__Channelz__V1__Channel *list[MOST];
  Grpc__Channelz__V1__GetTopChannelsResponse page = CZ(GET_TOP_CHANNELS_RESPONSE);
  size_t first = q->from ? (size_t)q->from - CHANNELS_FROM : 0;
  size_t count = least(f->channels - first, f->page);
  for (size_t i = 0; i < count; i++)
    list[i] = make_channel(f, &channels[i], (int64_t)(CHANNELS_FROM + first + i));
  page.n_channel = count;
  page.channel = list;
  page.end = first + count == f->channels;
  top_model_take(m, q, &page.base);
}

static void give_subchannel(fake *f, top_model *m, const top_question *q) {
  Grpc__Channelz__V1__SocketRef ref = CZ(SOCKET_REF), *refs[] = {&ref};
  Grpc__Channelz__V1__ChannelData data = CZ(CHANNEL_DATA);
  Grpc__Channelz__V1__Subchannel subchannel = CZ(SUBCHANNEL);
  Grpc__Channelz__V1__GetSubchannelResponse answer = CZ(GET_SUBCHANNEL_RESPONSE);
  ref.socket_id = q->id - SUBCHANNELS_FROM + SUBCHANNELS_SOCKETS;
  data.calls_started = f->calls;
  subchannel.data = &data;
  subchannel.n_socket_ref = 1;
  subchannel.socket_ref = refs;
  answer.subchannel = &subchannel;
  top_model_take(m, q, &answer.base);
}

static void give_socket(const fake *f, top_model *m, const top_question *q) {
  Grpc__Channelz__V1__SocketData data = CZ(SOCKET_DATA);
  Grpc__Channelz__V1__Socket socket = CZ(SOCKET);
  Grpc__Channelz__V1__GetSocketResponse answer = CZ(GET_SOCKET_RESPONSE);
  data.streams_started = f->calls;
  data.messages_sent = f->calls;
  socket.data = &data;
  answer.socket = &socket;
  top_model_take(m, q, &answer.base);
}

void fake_poll(fake *f, top_model *m, uint64_t now_ns) {
  top_question q;
  top_model_begin(m, now_ns);
  for (f->asked = 0; top_model_next(m, &q); f->asked++) {
    if (q.method == TOP_GET_SERVERS) give_servers(f, m, &q);
    if (q.method == TOP_GET_SERVER_SOCKETS) give_server_sockets(f, m, &q);
    if (q.method == TOP_GET_TOP_CHANNELS) give_channels(f, m, &q);
    if (q.method == TOP_GET_SUBCHANNEL) give_subchannel(f, m, &q);
    if (q.method == TOP_GET_SOCKET) give_socket(f, m, &q);
  }
}
