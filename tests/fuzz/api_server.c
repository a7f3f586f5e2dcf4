/* api_server.c: servers and what they are asked to do, used and misused. */
#include "tests/fuzz/api.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(gmux_server_options, name)
static const size_t fields[] = {FIELD(max_recv_message_bytes),
                                FIELD(max_send_message_bytes),
                                FIELD(max_recv_metadata_bytes),
                                FIELD(write_queue_bytes),
                                FIELD(stream_window_bytes),
                                FIELD(connection_window_bytes),
                                FIELD(max_window_bytes),
                                FIELD(max_concurrent_streams),
                                FIELD(max_connections),
                                FIELD(handshake_timeout_ms),
                                FIELD(max_handshaking),
                                FIELD(min_ping_interval_ms),
                                FIELD(max_ping_strikes),
                                FIELD(keepalive_ms),
                                FIELD(keepalive_timeout_ms),
                                FIELD(write_stall_timeout_ms),
                                FIELD(max_connection_idle_ms),
                                FIELD(max_connection_age_ms),
                                FIELD(max_connection_age_grace_ms),
                                FIELD(reset_burst),
                                FIELD(reset_rate_per_s),
                                FIELD(connection_queue_bytes),
                                FIELD(server_queue_bytes),
                                FIELD(max_held_calls),
                                FIELD(max_server_held_calls),
                                FIELD(request_stall_timeout_ms),
                                FIELD(client_reset_burst),
                                FIELD(client_reset_rate_per_s),
                                FIELD(chatter_burst),
                                FIELD(chatter_rate_per_s),
                                FIELD(max_memory_bytes)};

static gmux_server_options random_options(fuzz_input *in) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  uint8_t how = fuzz_u8(in);
  for (unsigned n = how % 8; n > 0; n--) {
    size_t field = fields[input_below(in, sizeof fields / sizeof *fields)];
    uint32_t value = api_number(in);
    memcpy((char *)&o + field, &value, sizeof value);
  }
  o.permit_pings_without_calls = how & 8;
  return o;
}

/* ---- life ---- */

static void server_new(api_server *sv, const gmux_server_options *o) {
  char why[64];
  int checked = gmux_server_options_check(o, why, sizeof why);
  int error = FUZZ_API(gmux_server_new(&sv->handle, sv->loop, o));
  fuzz_note("server %td: %d", sv - api.servers, error);
  fuzz_law(api_is_fine(error, checked), "no server: %d, and its options are %d", error, checked);
  fuzz_law(error != 0 || checked == 0, "options that are wrong (%s) are taken", why);
  if (error) sv->handle = NULL;
}

/* Twice is once too often. */
static void server_add_methods(api_server *sv) {
  int error = served_add_methods(sv->handle);
  fuzz_note("server %td: methods: %d", sv - api.servers, error);
  int expected = sv->is_listening ? GMUX_ERR_STATE : sv->has_methods ? GMUX_ERR_EXISTS : 0;
  fuzz_law(api_is_fine(error, expected) || (sv->is_ended && error == GMUX_ERR_CLOSED) ||
               error == GMUX_ERR_EXISTS,
           "methods are added: %d", error);
  fuzz_law(error != 0 || !sv->is_listening, "a method for a server that listens");
  if (error == 0) sv->has_methods = true;
}

/* From another thread it would wait for the loop, which nobody runs meanwhile. */
static void server_listen(api_server *sv, fuzz_input *in) {
  char address[32];
  uint16_t port = 0;
  unsigned which = fuzz_u8(in);
  snprintf(address, sizeof address, which & 4 ? "[::1]:%u" : "127.0.0.1:%u",
           API_PORT + which % 2 - (which == 255 ? 1u : 0));
  sim_set_outside(sv->loop, false);
  int error = FUZZ_API(gmux_server_listen_cleartext(sv->handle, address, &port));
  sim_set_outside(sv->loop, api.is_threaded);
  fuzz_note("server %td: listens at %s: %d", sv - api.servers, address, error);
  fuzz_law(api_is_fine(error, GMUX_ERR_EXISTS) || (sv->is_ended && error == GMUX_ERR_CLOSED),
           "server %td cannot listen: %d", sv - api.servers, error);
  fuzz_law(error != 0 || !sv->is_ended || api.is_threaded, "a server listens after its end");
  if (error == 0) sv->is_listening = true;
}

/* Mostly with all that it needs. */
void api_server_open(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  api_server *sv = &api.servers[what % API_SERVERS];
  gmux_loop *loop = api.loops[input_below(in, api.loop_count)];
  if (sv->handle) return;
  gmux_server_options all = random_options(in);
  gmux_server_options *o =
      api_cut(&all, sizeof all, offsetof(gmux_server_options, max_recv_message_bytes), in);
  *sv = (api_server){.loop = loop};
  server_new(sv, o);
  free(o);
  if (!sv->handle || what >= 0xe0) return;
  server_add_methods(sv);
  server_listen(sv, in);
}

static void on_closed(void *user_data) {
  api_keep(user_data);
}

static void on_closed_twice(void *user_data) {
  (void)user_data;
  fuzz_law(false, "a server's second on_closed came");
}

static void server_drain(api_server *sv, int64_t grace_ms) {
  bool is_second = sv->is_ended;
  api_promise *promise = is_second ? NULL : api_promise_new("on_closed of a server");
  sv->is_ended = true;
  fuzz_note("server %td: drain %lld", sv - api.servers, (long long)grace_ms);
  FUZZ_VOID(gmux_server_drain(sv->handle, grace_ms,
                              is_second ? on_closed_twice
                              : promise ? on_closed
                                        : NULL,
                              promise));
}

static void server_free(api_server *sv) {
  gmux_server *handle = sv->handle;
  sv->handle = NULL;
  fuzz_note("server %td: free", sv - api.servers);
  FUZZ_VOID(gmux_server_free(handle));
}

/* An earlier one of the slot may drain without limit: its clients' channels end it. */
void api_server_end(api_server *sv) {
  if (!sv->handle) return;
  server_drain(sv, 0);
  server_free(sv);
}

static void server_stats(api_server *sv) {
  gmux_server_stats s = {.size = sizeof s};
  int error = FUZZ_API(gmux_server_get_stats(sv->handle, &s));
  fuzz_law(error == 0, "stats: %d", error);
  fuzz_law(
      api.is_threaded || s.calls_started == s.calls_succeeded + s.calls_failed + s.calls_running,
      "%llu calls are not %llu + %llu + %u", (unsigned long long)s.calls_started,
      (unsigned long long)s.calls_succeeded, (unsigned long long)s.calls_failed, s.calls_running);
}

static void server_wait(api_server *sv) {
  if (api.is_threaded) return;
  int error = FUZZ_API(gmux_server_drain_wait(sv->handle, 10));
  fuzz_law(error == GMUX_ERR_DEADLOCK, "drain_wait: %d", error);
}

void api_server_act(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  api_server *sv = &api.servers[what / 8 % API_SERVERS];
  if (!sv->handle) return;
  switch (what % 8) {
  case 0:
    server_drain(sv, api_grace_ms(fuzz_u8(in)));
    return;
  case 1:
    server_free(sv);
    return;
  case 2:
    server_stats(sv);
    return;
  case 3:
    server_wait(sv);
    return;
  case 4:
  case 5:
    server_add_methods(sv);
    return;
  default:
    server_listen(sv, in);
    return;
  }
}

/* ---- its calls ---- */

static void served_say(fuzz_served *s, bool is_reply, fuzz_input *in) {
  gmux_bytes message = api_message(in);
  if (is_reply)
    served_reply(s, &message);
  else
    served_write(s, &message);
  gmux_bytes_release(&message);
}

void api_served_act(fuzz_served *s, fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  if (!s->call) return;
  switch (what % 12) {
  case 0:
    served_say(s, true, in);
    return;
  case 1:
    served_finish(s, (gmux_code)(fuzz_u8(in) % 20), what & 128 ? api.metadata : NULL);
    return;
  case 2:
    served_send_headers(s, what & 128 ? api.metadata : NULL);
    return;
  case 3:
    served_request(s, what / 12 % 3u);
    return;
  case 4:
    served_request(s, GMUX_CREDIT_UNLIMITED);
    return;
  case 5:
    served_set_manual_credit(s);
    return;
  case 6:
    served_ask(s);
    return;
  case 7:
    served_let_go(s);
    return;
  case 8:
  case 9:
    if (s->holds < 8) served_hold(s);
    return;
  default:
    served_say(s, false, in);
    return;
  }
}
