/*
 * proxies_calls.c: calls of each kind through a proxy, one by one; large messages; what the server
 * hears of those that are given up.
 */
#include "tests/net/proxies.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD "/net.Test/Hold" /* bidi: each message is taken, and nothing is said until the end */
/* Server streaming: without end. (What has an end may be in the buffers of kernel and proxy as a
 * whole before the client gives it up.) */
#define SPOUT "/net.Test/Spout"

enum { LARGE_BYTES = 3 << 20, LARGE_MESSAGES = 3 };

/* ---- calls by hand ---- */

gmux_call *proxies_start(passage *p, const char *path, gmux_method_kind kind,
                         const gmux_call_options *options) {
  gmux_method *method = kit_method(path, kind);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, p->client.channel, method, options, NULL, NULL), 0);
  gmux_method_free(method);
  return call;
}

void proxies_write(gmux_call *call, gmux_bytes message) {
  CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), 0);
}

void proxies_read(gmux_call *call, const gmux_bytes *want) {
  gmux_bytes message = gmux_bytes_borrow(NULL, 0);
  CU_ASSERT_EQUAL_FATAL(gmux_call_read_wait(call, &message), 0);
  CU_ASSERT(message.len == want->len && memcmp(message.data, want->data, want->len) == 0);
  gmux_bytes_release(&message);
}

void proxies_eof(gmux_call *call) {
  gmux_bytes none;
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &none), GMUX_ERR_EOF);
}

void proxies_end(gmux_call *call, gmux_code code) {
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, code);
  if (status.code != code) printf("# %s: %s\n", gmux_code_str(status.code), status.message);
  gmux_status_clear(&status);
  gmux_call_free(call);
}

void proxies_until(bool (*is_so)(void)) {
  while (!is_so())
    poll(NULL, 0, 1);
}

static void write_number(gmux_call *call, unsigned n) {
  proxies_write(call, kit_message(n));
}

static void read_number(gmux_call *call, unsigned n) {
  gmux_bytes want = kit_message(n);
  proxies_read(call, &want);
}

/* ---- each kind ---- */

static void unary(passage *p) {
  for (int i = 0; i < 20; i++)
    CU_ASSERT(kit_echo(p->client.channel));
}

static void conversation(passage *p) {
  gmux_call *call = proxies_start(p, KIT_TALK, GMUX_BIDI_STREAMING, NULL);
  for (unsigned n = 0; n < 50; n++) {
    write_number(call, n);
    read_number(call, n); /* before the next is written: nobody keeps one back */
  }
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  proxies_eof(call);
  proxies_end(call, GMUX_OK);
}

static bool has_sunk(void) {
  return atomic_load(&kit.sink_taken) > 0;
}

static void client_stream(passage *p) {
  gmux_bytes count = gmux_bytes_borrow("200", 3);
  gmux_call *call = proxies_start(p, KIT_SINK, GMUX_CLIENT_STREAMING, NULL);
  write_number(call, 0);
  proxies_until(has_sunk);
  kit_sink_open();
  for (unsigned n = 1; n < KIT_MESSAGES; n++)
    write_number(call, n);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  proxies_read(call, &count);
  proxies_end(call, GMUX_OK);
  CU_ASSERT_EQUAL(atomic_load(&kit.sink_taken), KIT_MESSAGES);
}

static void server_stream(passage *p) {
  gmux_call *call = proxies_start(p, KIT_FLOOD, GMUX_SERVER_STREAMING, NULL);
  write_number(call, 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  for (unsigned n = 0; n < KIT_MESSAGES; n++)
    read_number(call, n);
  proxies_eof(call);
  proxies_end(call, GMUX_OK);
  kit_wait(&kit.flood_ended);
}

static void all_kinds(passage *p) {
  unary(p);
  conversation(p);
  client_stream(p);
  server_stream(p);
  unary(p);
  CU_ASSERT_EQUAL(kit_stats(p->client.channel).connections_made, 1);
}

/* ---- large messages: larger than any proxy's buffers and body limits that are meant for pages
 * ---- */

static uint8_t *large_bytes(void) {
  uint8_t *bytes = malloc(LARGE_BYTES);
  CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
  for (size_t i = 0; i < LARGE_BYTES; i++)
    bytes[i] = (uint8_t)(i * 2654435761u >> 13);
  return bytes;
}

static void converse_at_length(passage *p, const char *path, gmux_method_kind kind,
                               unsigned messages, const gmux_bytes *large) {
  gmux_call *call = proxies_start(p, path, kind, NULL);
  for (unsigned n = 0; n < messages; n++) {
    proxies_write(call, *large);
    if (kind == GMUX_BIDI_STREAMING) proxies_read(call, large);
  }
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  if (kind != GMUX_BIDI_STREAMING) proxies_read(call, large);
  proxies_eof(call);
  proxies_end(call, GMUX_OK);
}

static void large_messages(passage *p) {
  uint8_t *bytes = large_bytes();
  gmux_bytes large = gmux_bytes_borrow(bytes, LARGE_BYTES);
  converse_at_length(p, KIT_ECHO, GMUX_UNARY, 1, &large);
  converse_at_length(p, KIT_TALK, GMUX_BIDI_STREAMING, LARGE_MESSAGES, &large);
  CU_ASSERT_EQUAL(kit_stats(p->client.channel).connections_made, 1);
  free(bytes);
}

/* ---- given up: what the server hears ---- */

static struct {
  atomic_uint calls, half_closed, ended; /* so many */
  atomic_int code;                       /* of the last that ended */
  _Atomic int64_t timeout_ms;            /* that was left of the last one's deadline */
} held;

static void on_held_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  atomic_store(&held.timeout_ms, gmux_server_call_timeout_ms(call));
  atomic_fetch_add(&held.calls, 1);
}

static void on_held_half_close(gmux_server_call *call, void *user_data) {
  (void)call, (void)user_data;
  atomic_fetch_add(&held.half_closed, 1);
}

static void on_held_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)call, (void)user_data;
  atomic_store(&held.code, (int)code);
  atomic_fetch_add(&held.ended, 1);
}

static void on_spout(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_bytes message = kit_message(0);
  while (gmux_server_call_write(call, &message) == 0)
    message = kit_message(0);
}

static int add_held(gmux_server *server) {
  static const gmux_server_handlers hold = {
      .on_call = on_held_call, .on_half_close = on_held_half_close, .on_end = on_held_end};
  static const gmux_server_handlers spout = {
      .on_half_close = on_spout, .on_writable = on_spout, .on_end = on_held_end};
  memset(&held, 0, sizeof held);
  int rv = gmux_server_add_method(server, HOLD, GMUX_BIDI_STREAMING, &hold, NULL);
  if (!rv) rv = gmux_server_add_method(server, SPOUT, GMUX_SERVER_STREAMING, &spout, NULL);
  return rv;
}

static bool is_held(void) {
  return atomic_load(&held.calls) > 0;
}

static bool is_half_closed(void) {
  return atomic_load(&held.half_closed) > 0;
}

static bool has_ended(void) {
  return atomic_load(&held.ended) > 0;
}

/* A request that was not written to its end: the stream is open in both directions. */
static void cancel_open(passage *p) {
  gmux_call *call = proxies_start(p, HOLD, GMUX_BIDI_STREAMING, NULL);
  write_number(call, 0);
  proxies_until(is_held);
  gmux_call_cancel(call);
  proxies_end(call, GMUX_CANCELLED);
  proxies_until(has_ended);
  CU_ASSERT_EQUAL(atomic_load(&held.code), GMUX_CANCELLED);
}

/* As a unary call whose reply is awaited: proxies can take the half-close for a client that has
 * gone and wants its answer all the same. */
static void cancel_half_closed(passage *p) {
  gmux_call *call = proxies_start(p, HOLD, GMUX_BIDI_STREAMING, NULL);
  write_number(call, 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  proxies_until(is_half_closed);
  gmux_call_cancel(call);
  proxies_end(call, GMUX_CANCELLED);
  proxies_until(has_ended);
  CU_ASSERT_EQUAL(atomic_load(&held.code), GMUX_CANCELLED);
}

static void cancel_replies(passage *p) {
  gmux_call *call = proxies_start(p, SPOUT, GMUX_SERVER_STREAMING, NULL);
  write_number(call, 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  read_number(call, 0);
  gmux_call_cancel(call);
  proxies_end(call, GMUX_CANCELLED);
  proxies_until(has_ended);
  CU_ASSERT_EQUAL(atomic_load(&held.code), GMUX_CANCELLED);
}

/* The server is told of it, not only of its end. */
static void deadline(passage *p) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = kit_ms(500);
  gmux_call *call = proxies_start(p, HOLD, GMUX_BIDI_STREAMING, &o);
  write_number(call, 0);
  proxies_end(call, GMUX_DEADLINE_EXCEEDED);
  proxies_until(has_ended);
  CU_ASSERT(atomic_load(&held.timeout_ms) > 0 && atomic_load(&held.timeout_ms) <= kit_ms(500));
}

const proxies_scenario proxies_call_scenarios[] = {
    {.name = "calls of all kinds over TLS",
     .run = all_kinds,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true},
    {.name = "calls of all kinds in cleartext",
     .run = all_kinds,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .is_cleartext = true},
    {.name = "messages of 3 MiB both ways",
     .run = large_messages,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true},
    {.name = "cancelled, still writing",
     .run = cancel_open,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .add_methods = add_held},
    {.name = "cancelled, half-closed",
     .run = cancel_half_closed,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .add_methods = add_held},
    {.name = "cancelled, amid replies",
     .run = cancel_replies,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .add_methods = add_held},
    {.name = "past its deadline",
     .run = deadline,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .add_methods = add_held},
    {0},
};
