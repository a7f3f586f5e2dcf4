/* channelz_socket.c: connections and listeners as messages of grpc.channelz.v1. */
#include "lib/server/listener.h"
#include "lib/services/channelz.h"
#include <string.h>

/* ---- addresses ---- */

static void put_tcp_address(gmux__pb_writer *w, const gmux__address *address) {
  size_t mark = gmux__pb_begin(w, 1);
  gmux__pb_put_bytes(w, 1, address->ip, address->family == GMUX__FAMILY_IPV4 ? 4 : 16);
  gmux__pb_put_uint(w, 2, address->port);
  gmux__pb_end(w, mark);
}

static void put_named_address(gmux__pb_writer *w, uint32_t member, const char *name) {
  size_t mark = gmux__pb_begin(w, member);
  gmux__pb_put_string(w, 1, name);
  gmux__pb_end(w, mark);
}

static void put_address(gmux__pb_writer *w, uint32_t number, const gmux__address *address) {
  char text[GMUX__ADDRESS_TEXT];
  if (address->family == GMUX__FAMILY_NONE) return;
  size_t mark = gmux__pb_begin(w, number);
  if (address->family == GMUX__FAMILY_UNIX)
    put_named_address(w, 2, address->path);
  else if (address->family == GMUX__FAMILY_UNIX_ABSTRACT)
    put_named_address(w, 3, gmux__address_str(address, text));
  else
    put_tcp_address(w, address);
  gmux__pb_end(w, mark);
}

/* ---- TLS ---- */

static void put_certificate(gmux__pb_writer *w, uint32_t number, const gmux__conn *conn,
                            bool is_peers) {
  gmux_bytes der;
  int error = gmux__conn_certificate(conn, is_peers, &der);
  if (error == GMUX_ERR_NOMEM) w->is_out_of_memory = true;
  if (error) return;
  gmux__pb_put_bytes(w, number, der.data, der.len);
  gmux_bytes_release(&der);
}

/* Nothing while the handshake runs. */
static void put_security(gmux__pb_writer *w, const gmux__conn *conn) {
  const gmux__transport_info *info = gmux__conn_info(conn);
  if (!info || !info->tls_version) return;
  size_t mark = gmux__pb_begin(w, 5), tls = gmux__pb_begin(w, 1);
  if (info->tls_cipher_suite)
    gmux__pb_put_string(w, 1, info->tls_cipher_suite);
  else
    gmux__pb_put_string(w, 2, info->tls_cipher);
  put_certificate(w, 3, conn, false);
  put_certificate(w, 4, conn, true);
  gmux__pb_end(w, tls);
  gmux__pb_end(w, mark);
}

/* ---- what it has carried ---- */

/* google.protobuf.Int64Value and its like: there, also for 0. */
static void put_wrapped(gmux__pb_writer *w, uint32_t number, int64_t value) {
  size_t mark = gmux__pb_begin(w, number);
  gmux__pb_put_int(w, 1, value);
  gmux__pb_end(w, mark);
}

static void put_data(gmux__pb_writer *w, const gmux__conn *conn, gmux_loop *loop, bool is_server) {
  const gmux__conn_tally *tally = gmux__conn_get_tally(conn);
  uint32_t goaway;
  size_t mark = gmux__pb_begin(w, 2);
  gmux__pb_put_uint(w, 1, tally->streams_started);
  gmux__pb_put_uint(w, 2, tally->streams_succeeded);
  gmux__pb_put_uint(w, 3, tally->streams_failed);
  gmux__pb_put_uint(w, 4, tally->messages_sent);
  gmux__pb_put_uint(w, 5, tally->messages_received);
  gmux__pb_put_uint(w, 6, tally->keepalives_sent);
  gmux__channelz_put_time(w, is_server ? 8 : 7, loop, tally->stream_ns);
  gmux__channelz_put_time(w, 9, loop, tally->sent_ns);
  gmux__channelz_put_time(w, 10, loop, tally->received_ns);
  put_wrapped(w, 11, gmux__conn_send_window(conn));
  put_wrapped(w, 12, gmux__conn_recv_window(conn));
  if (gmux__conn_goaway(conn, &goaway)) put_wrapped(w, 14, goaway);
  if (!is_server) gmux__pb_put_uint(w, 15, gmux__conn_peer_limit(conn));
  gmux__pb_end(w, mark);
}

static void put_connection(gmux__pb_writer *w, uint32_t number, const gmux__conn *conn,
                           const gmux__channelz_entry *entry, uint64_t id) {
  const gmux__transport_info *info = gmux__conn_info(conn);
  size_t mark = gmux__pb_begin(w, number);
  gmux__channelz_put_socket_ref(w, 1, id, gmux__conn_peer(conn));
  put_data(w, conn, entry->loop, entry->server != NULL);
  if (info) {
    put_address(w, 3, &info->local);
    put_address(w, 4, &info->peer);
    put_security(w, conn);
    gmux__pb_put_string(w, 6, info->peer_name);
  }
  gmux__pb_end(w, mark);
}

static void put_listener(gmux__pb_writer *w, uint32_t number, const gmux__server_listener *listener,
                         uint64_t id) {
  const gmux__address *at = gmux__listener_address(listener->socket);
  char name[GMUX__ADDRESS_TEXT];
  size_t mark = gmux__pb_begin(w, number);
  gmux__channelz_put_socket_ref(w, 1, id, gmux__address_str(at, name));
  put_address(w, 3, at);
  gmux__pb_end(w, mark);
}

/* ---- finding one ---- */

static const gmux__conn *channel_connection(const gmux_channel *channel, uint64_t number) {
  const gmux__endpoint *e = &channel->loop_only.endpoint;
  const gmux__list *lists[] = {&e->greeting, &e->ready, &e->draining, &e->abandoned};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    for (gmux__link *l = lists[i]->first; l; l = l->next)
      if (gmux__conn_number(gmux__line_of(l)->conn) == number) return gmux__line_of(l)->conn;
  return NULL;
}

static const gmux__conn *conn_of(gmux__link *link) {
  return gmux__container(link, gmux__server_conn, link)->conn;
}

static const gmux__conn *server_connection(const gmux_server *server, uint64_t number) {
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    for (gmux__link *l = server->loop_only.connections[state].first; l; l = l->next)
      if (gmux__conn_number(conn_of(l)) == number) return conn_of(l);
  return NULL;
}

static const gmux__server_listener *server_listener(const gmux_server *server, uint64_t number) {
  for (gmux__link *l = server->loop_only.listeners.first; l; l = l->next) {
    const gmux__server_listener *listener = gmux__container(l, gmux__server_listener, link);
    if (listener->number == number) return listener;
  }
  return NULL;
}

/* What an id says beside its owner. */
static uint64_t child_bits(uint64_t id) {
  return id & ((UINT64_C(1) << GMUX__CHANNELZ_CHILD_BITS) - 1);
}

static uint64_t child_number(uint64_t id) {
  return id & ((UINT64_C(1) << GMUX__CHANNELZ_NUMBER_BITS) - 1);
}

static bool put_listener_of(gmux__pb_writer *w, uint32_t number, const gmux_server *server,
                            uint64_t id) {
  const gmux__server_listener *listener = server ? server_listener(server, child_number(id)) : NULL;
  if (!listener) return false;
  put_listener(w, number, listener, id);
  return true;
}

bool gmux__channelz_put_socket(gmux__pb_writer *w, uint32_t number,
                               const gmux__channelz_entry *entry, uint64_t id) {
  uint64_t kind = child_bits(id) >> GMUX__CHANNELZ_NUMBER_BITS;
  if (kind == GMUX__CHANNELZ_LISTENER) return put_listener_of(w, number, entry->server, id);
  if (kind != GMUX__CHANNELZ_CONNECTION) return false;
  const gmux__conn *conn = entry->channel ? channel_connection(entry->channel, child_number(id))
                                          : server_connection(entry->server, child_number(id));
  if (!conn) return false;
  put_connection(w, number, conn, entry, id);
  return true;
}

/* ---- a page of a server's ---- */

/* Of its connections, which are in lists by state, those with the lowest numbers, in their order.
 */
typedef struct page {
  const gmux__conn *conns[GMUX__CHANNELZ_PAGE];
  size_t count, max;
  bool has_more;
} page;

/* Most come in order, and go to the end. */
static void page_insert(page *p, const gmux__conn *conn) {
  uint64_t number = gmux__conn_number(conn);
  if (p->count == p->max) {
    p->has_more = true;
    if (number > gmux__conn_number(p->conns[p->count - 1])) return;
    p->count--;
  }
  size_t at = p->count;
  while (at > 0 && gmux__conn_number(p->conns[at - 1]) > number)
    at--;
  memmove(&p->conns[at + 1], &p->conns[at], (p->count - at) * sizeof *p->conns);
  p->conns[at] = conn;
  p->count++;
}

static void page_fill(page *p, const gmux_server *server, uint64_t from) {
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    for (gmux__link *l = server->loop_only.connections[state].first; l; l = l->next)
      if (gmux__conn_number(conn_of(l)) >= from) page_insert(p, conn_of(l));
}

bool gmux__channelz_put_sockets(gmux__pb_writer *w, uint32_t number,
                                const gmux__channelz_entry *entry, uint64_t from, size_t max) {
  page p = {.max = max};
  uint64_t first = gmux__channelz_child_id(entry->id, GMUX__CHANNELZ_CONNECTION, 0);
  page_fill(&p, entry->server, from > first ? from - first : 0);
  for (size_t i = 0; i < p.count; i++)
    gmux__channelz_put_socket_ref(w, number, first + gmux__conn_number(p.conns[i]),
                                  gmux__conn_peer(p.conns[i]));
  return !p.has_more;
}
