/* top_take.c: rows from answers. */
#include "tools/gmux/top_take.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef Grpc__Channelz__V1__Channel channel_message;
typedef Grpc__Channelz__V1__ChannelData channel_data;
typedef Grpc__Channelz__V1__ChannelRef channel_ref;
typedef Grpc__Channelz__V1__SubchannelRef subchannel_ref;
typedef Grpc__Channelz__V1__SocketRef socket_ref;
typedef Grpc__Channelz__V1__Socket socket_message;
typedef Grpc__Channelz__V1__SocketData socket_data;
typedef Grpc__Channelz__V1__Address address_message;
typedef Grpc__Channelz__V1__Server server_message;

/* ---- values ---- */

/* A sum of TOP_OTHERS such fits. */
static int64_t figure(int64_t value) {
  static const int64_t max = INT64_C(1) << 50;
  if (value < 0) return 0;
  return value < max ? value : max;
}

/* Until the year 9999, which is as far as it goes (timestamp.proto). */
static int64_t moment(const Google__Protobuf__Timestamp *t) {
  static const int64_t max_s = INT64_C(253402300799);
  if (!t || t->seconds <= 0 || t->seconds > max_s) return 0;
  int32_t ns = t->nanos >= 0 && t->nanos < 1000000000 ? t->nanos : 0;
  return t->seconds * 1000 + ns / 1000000;
}

static int64_t later(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* Cut between two characters. */
static void set_name(top_row *row, const char *name) {
  size_t len = strlen(name);
  if (len >= sizeof row->name) {
    len = sizeof row->name - 1;
    while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
      len--;
  }
  memcpy(row->name, name, len);
  row->name[len] = 0;
}

static void set_calls(top_row *row, int64_t started, int64_t succeeded, int64_t failed) {
  row->is_known = true;
  row->started = figure(started);
  row->succeeded = figure(succeeded);
  row->failed = figure(failed);
  row->running = later(row->started - row->succeeded - row->failed, 0);
}

/* ---- sockets ---- */

static void meet_socket(top_model *m, const socket_ref *ref, top_key of) {
  size_t before = m->count;
  top_row *row = top_add(m, (top_key){TOP_SOCKET, ref->socket_id}, of);
  if (!row || m->count == before) return;
  set_name(row, ref->name);
  top_ask(m, (top_question){.method = TOP_GET_SOCKET, .id = ref->socket_id});
}

static void meet_sockets(top_model *m, socket_ref *const *refs, size_t count, top_key of) {
  for (size_t i = 0; i < count; i++)
    meet_socket(m, refs[i], of);
}

static void name_tcp(top_row *row, const ProtobufCBinaryData *ip, int32_t port) {
  char name[TOP_NAME_ROOM], address[INET6_ADDRSTRLEN];
  bool is_v6 = ip->len == 16;
  if (!is_v6 && ip->len != 4) return;
  if (!inet_ntop(is_v6 ? AF_INET6 : AF_INET, ip->data, address, sizeof address)) return;
  snprintf(name, sizeof name, is_v6 ? "[%s]:%" PRId32 : "%s:%" PRId32, address, port);
  set_name(row, name);
}

/* What a ref was called stays where the address says nothing. */
static void name_address(top_row *row, const address_message *a) {
  if (!a) return;
  switch (a->address_case) {
  case GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_TCPIP_ADDRESS:
    name_tcp(row, &a->tcpip_address->ip_address, a->tcpip_address->port);
    break;
  case GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_UDS_ADDRESS:
    if (*a->uds_address->filename) set_name(row, a->uds_address->filename);
    break;
  case GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_OTHER_ADDRESS:
    if (*a->other_address->name) set_name(row, a->other_address->name);
    break;
  default:
    break;
  }
}

static int64_t window(const Google__Protobuf__Int64Value *value) {
  return value ? figure(value->value) : TOP_UNKNOWN;
}

static void take_socket_data(top_row *row, const socket_data *d) {
  set_calls(row, d->streams_started, d->streams_succeeded, d->streams_failed);
  row->sent = figure(d->messages_sent);
  row->received = figure(d->messages_received);
  row->pings = figure(d->keep_alives_sent);
  row->window = window(d->local_flow_control_window);
  row->peer_window = window(d->remote_flow_control_window);
  if (d->received_goaway_error) row->goaway = d->received_goaway_error->value;
  row->last_ms = later(
      later(moment(d->last_local_stream_created_timestamp),
            moment(d->last_remote_stream_created_timestamp)),
      later(moment(d->last_message_sent_timestamp), moment(d->last_message_received_timestamp)));
}

static void take_socket(top_model *m, const top_question *q, const socket_message *s) {
  top_row *row = top_add(m, (top_key){TOP_SOCKET, q->id}, (top_key){TOP_SOCKET, 0});
  if (!row || !s) return;
  name_address(row, s->remote);
  row->is_secure = s->security != NULL;
  if (s->data) take_socket_data(row, s->data);
}

/* ---- channels ---- */

static void meet_channel(top_model *m, const channel_ref *ref, top_key of) {
  size_t before = m->count;
  top_row *row = top_add(m, (top_key){TOP_CHANNEL, ref->channel_id}, of);
  if (!row || m->count == before) return;
  set_name(row, ref->name);
  top_ask(m, (top_question){.method = TOP_GET_CHANNEL, .id = ref->channel_id});
}

static void meet_subchannel(top_model *m, const subchannel_ref *ref, top_key of) {
  size_t before = m->count;
  top_row *row = top_add(m, (top_key){TOP_SUBCHANNEL, ref->subchannel_id}, of);
  if (!row || m->count == before) return;
  set_name(row, ref->name);
  top_ask(m, (top_question){.method = TOP_GET_SUBCHANNEL, .id = ref->subchannel_id});
}

static void take_channel_data(top_row *row, const channel_data *d) {
  if (!d) return;
  set_calls(row, d->calls_started, d->calls_succeeded, d->calls_failed);
  if (*d->target) set_name(row, d->target);
  row->state = d->state ? d->state->state : 0;
  row->last_ms = moment(d->last_call_started_timestamp);
  if (d->trace) row->since_ms = moment(d->trace->creation_timestamp);
}

/* A Channel or a Subchannel, which have the same fields but for their own names. */
static void take_children(top_model *m, top_key key, channel_ref *const *channels,
                          size_t channel_count, subchannel_ref *const *subchannels,
                          size_t subchannel_count) {
  for (size_t i = 0; i < channel_count; i++)
    meet_channel(m, channels[i], key);
  for (size_t i = 0; i < subchannel_count; i++)
    meet_subchannel(m, subchannels[i], key);
}

static void take_channel(top_model *m, const channel_message *c) {
  if (!c || !c->ref) return;
  top_key key = {TOP_CHANNEL, c->ref->channel_id};
  top_row *row = top_add(m, key, (top_key){TOP_CHANNEL, 0});
  if (!row) return;
  if (!*row->name) set_name(row, c->ref->name);
  take_channel_data(row, c->data);
  take_children(m, key, c->channel_ref, c->n_channel_ref, c->subchannel_ref, c->n_subchannel_ref);
  meet_sockets(m, c->socket_ref, c->n_socket_ref, key);
}

static void take_subchannel(top_model *m, const top_question *q,
                            const Grpc__Channelz__V1__Subchannel *s) {
  top_key key = {TOP_SUBCHANNEL, q->id};
  top_row *row = top_add(m, key, (top_key){TOP_SUBCHANNEL, 0});
  if (!row || !s) return;
  take_channel_data(row, s->data);
  take_children(m, key, s->channel_ref, s->n_channel_ref, s->subchannel_ref, s->n_subchannel_ref);
  meet_sockets(m, s->socket_ref, s->n_socket_ref, key);
}

/* ---- servers ---- */

static void take_server(top_model *m, const server_message *s) {
  if (!s->ref) return;
  size_t before = m->count;
  top_row *row = top_add(m, (top_key){TOP_SERVER, s->ref->server_id}, (top_key){TOP_SERVER, 0});
  if (!row || m->count == before) return;
  bool has_listener = s->n_listen_socket > 0 && *s->listen_socket[0]->name;
  set_name(row, has_listener ? s->listen_socket[0]->name : s->ref->name);
  const Grpc__Channelz__V1__ServerData *d = s->data;
  if (d) {
    set_calls(row, d->calls_started, d->calls_succeeded, d->calls_failed);
    row->last_ms = moment(d->last_call_started_timestamp);
    if (d->trace) row->since_ms = moment(d->trace->creation_timestamp);
  }
  top_ask(m, (top_question){.method = TOP_GET_SERVER_SOCKETS, .id = s->ref->server_id});
}

/* ---- pages ---- */

/* A page whose last number is not behind those before it has no next one that could be told from
 * it, and neither has an empty one. */
static void turn_page(top_model *m, const top_question *q, bool is_end, int64_t last,
                      top_kind kind) {
  if (is_end || last < q->from || last <= 0 || last == INT64_MAX || m->is_cut[kind]) return;
  top_question next = *q;
  next.from = last + 1;
  if (!top_ask(m, next)) m->is_cut[kind] = true;
}

static void take_servers(top_model *m, const top_question *q,
                         const Grpc__Channelz__V1__GetServersResponse *page) {
  int64_t last = 0;
  for (size_t i = 0; i < page->n_server; i++) {
    take_server(m, page->server[i]);
    if (page->server[i]->ref) last = later(last, page->server[i]->ref->server_id);
  }
  turn_page(m, q, page->end, last, TOP_SERVER);
}

static void take_channels(top_model *m, const top_question *q,
                          const Grpc__Channelz__V1__GetTopChannelsResponse *page) {
  int64_t last = 0;
  for (size_t i = 0; i < page->n_channel; i++) {
    take_channel(m, page->channel[i]);
    if (page->channel[i]->ref) last = later(last, page->channel[i]->ref->channel_id);
  }
  turn_page(m, q, page->end, last, TOP_CHANNEL);
}

static void take_sockets(top_model *m, const top_question *q,
                         const Grpc__Channelz__V1__GetServerSocketsResponse *page) {
  int64_t last = 0;
  meet_sockets(m, page->socket_ref, page->n_socket_ref, (top_key){TOP_SERVER, q->id});
  for (size_t i = 0; i < page->n_socket_ref; i++)
    last = later(last, page->socket_ref[i]->socket_id);
  turn_page(m, q, page->end, last, TOP_SOCKET);
}

void top_model_take(top_model *m, const top_question *q, const ProtobufCMessage *answer) {
  switch (q->method) {
  case TOP_GET_SERVERS:
    take_servers(m, q, (const void *)answer);
    break;
  case TOP_GET_SERVER_SOCKETS:
    take_sockets(m, q, (const void *)answer);
    break;
  case TOP_GET_TOP_CHANNELS:
    take_channels(m, q, (const void *)answer);
    break;
  case TOP_GET_CHANNEL:
    take_channel(m,
                 ((const Grpc__Channelz__V1__GetChannelResponse *)(const void *)answer)->channel);
    break;
  case TOP_GET_SUBCHANNEL:
    take_subchannel(
        m, q,
        ((const Grpc__Channelz__V1__GetSubchannelResponse *)(const void *)answer)->subchannel);
    break;
  case TOP_GET_SOCKET:
    take_socket(m, q,
                ((const Grpc__Channelz__V1__GetSocketResponse *)(const void *)answer)->socket);
    break;
  case TOP_METHODS:
    break;
  }
}
