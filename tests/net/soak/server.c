/* server.c: a server of the soak. What it executes it writes into the ledger at the first message
 * of a call, so what it did is known even if it is killed in the middle of it. */
#include "tests/net/soak/roles.h"
#include "tests/net/soak/wire.h"
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static soak_shared *shared;
static struct ev_loop *ev;

/* A call under way: what was asked for. Held until its end, and by its timer if it waits. */
typedef struct work {
  ev_timer pause;
  gmux_server_call *call;
  soak_head asked;  /* of its first message */
  unsigned replies; /* written */
} work;

/* ---- replies ---- */

static gmux_bytes reply_of(const soak_head *asked, uint32_t index) {
  static uint8_t text[SOAK_MESSAGE_MAX];
  soak_head head = {.id = asked->id, .index = index, .bytes = asked->reply_bytes};
  if (head.bytes < sizeof head) head.bytes = sizeof head;
  return soak_message(&head, text);
}

/* A call that is over meanwhile refuses it, and that is right. */
static void reply_once(work *w) {
  gmux_bytes reply = reply_of(&w->asked, 0);
  gmux_server_call_reply(w->call, &reply);
}

static void write_replies(gmux_server_call *call, void *user_data) {
  (void)user_data;
  work *w = gmux_server_call_get_data(call);
  while (w && w->replies < w->asked.replies) {
    gmux_bytes reply = reply_of(&w->asked, w->replies);
    int rv = gmux_server_call_write(call, &reply);
    if (rv < 0) return;
    w->replies++;
    if (rv == GMUX_WRITE_FULL) return; /* on_writable goes on */
  }
  gmux_server_call_finish(call, NULL, NULL);
}

/* ---- requests ---- */

/* Each call's first message is its execution. NULL: the message is nobody's. */
static work *take_request(gmux_server_call *call, const gmux_bytes *request, soak_head *head) {
  work *w = gmux_server_call_get_data(call);
  if (!soak_read(head, request) || (w && head->id != w->asked.id)) {
    atomic_fetch_add(&shared->foreign_requests, 1);
    gmux_server_call_fail(call, GMUX_DATA_LOSS, "that is no message of the soak");
    return NULL;
  }
  if (w) return w;
  w = calloc(1, sizeof *w);
  if (!w) abort();
  w->call = gmux_server_call_ref(call);
  w->asked = *head;
  gmux_server_call_set_data(call, w);
  soak_execute(shared, head->id);
  return w;
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events) {
  (void)loop, (void)events;
  reply_once(timer->data);
}

static void on_unary(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  soak_head head;
  work *w = take_request(call, request, &head);
  if (!w) return;
  if (head.pause_ms == 0) {
    reply_once(w);
    return;
  }
  ev_timer_init(&w->pause, on_pause_over, head.pause_ms / 1000.0, 0);
  w->pause.data = w;
  ev_timer_start(ev, &w->pause);
}

static void on_message(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  soak_head head;
  take_request(call, request, &head);
}

static void on_client_said_all(gmux_server_call *call, void *user_data) {
  (void)user_data;
  work *w = gmux_server_call_get_data(call);
  if (w) reply_once(w);
}

/* The next message is taken when the reply to this one has found room. */
static void on_bidi_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  soak_must(gmux_server_call_set_manual_credit(call));
}

static void on_bidi_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_grant(call, 1);
}

static void on_bidi(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  soak_head head;
  work *w = take_request(call, request, &head);
  if (!w) return;
  gmux_bytes reply = reply_of(&w->asked, w->replies++);
  int rv = gmux_server_call_write(call, &reply);
  if (rv == 0) gmux_server_call_grant(call, 1);
  if (rv < 0) gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}

static void on_bidi_said_all(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  work *w = gmux_server_call_get_data(call);
  if (!w) return;
  ev_timer_stop(ev, &w->pause);
  gmux_server_call_set_data(call, NULL);
  gmux_server_call_unref(w->call);
  free(w);
}

/* ---- life ---- */

static gmux_server *make_server(gmux_loop *loop) {
  static const gmux_server_handlers unary = {.on_message = on_unary, .on_end = on_end},
                                    client = {.on_message = on_message,
                                              .on_half_close = on_client_said_all,
                                              .on_end = on_end},
                                    server = {.on_message = on_message,
                                              .on_half_close = write_replies,
                                              .on_writable = write_replies,
                                              .on_end = on_end},
                                    bidi = {.on_call = on_bidi_call,
                                            .on_message = on_bidi,
                                            .on_half_close = on_bidi_said_all,
                                            .on_writable = on_bidi_writable,
                                            .on_end = on_end};
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.handshake_timeout_ms = 5000;
  o.min_ping_interval_ms = 900;
  o.permit_pings_without_calls = true;
  o.keepalive_ms = 5000;
  o.keepalive_timeout_ms = 3000;
  o.max_connection_age_ms = 30000;
  o.max_connection_age_grace_ms = 10000;
  gmux_server *made;
  soak_must(gmux_server_new(&made, loop, &o));
  soak_must(gmux_server_add_method(made, SOAK_UNARY, GMUX_UNARY, &unary, NULL));
  soak_must(gmux_server_add_method(made, SOAK_CLIENT, GMUX_CLIENT_STREAMING, &client, NULL));
  soak_must(gmux_server_add_method(made, SOAK_SERVER, GMUX_SERVER_STREAMING, &server, NULL));
  soak_must(gmux_server_add_method(made, SOAK_BIDI, GMUX_BIDI_STREAMING, &bidi, NULL));
  return made;
}

/* Who was here before may be listening still; there is nothing to do but to try again. */
static void listen_on(gmux_server *server, uint16_t *port, gmux_tls *tls) {
  char address[32];
  int error;
  snprintf(address, sizeof address, "127.0.0.1:%u", *port);
  while ((error = tls ? gmux_server_listen(server, address, tls, port)
                      : gmux_server_listen_cleartext(server, address, port)) == GMUX_ERR_EXISTS)
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  soak_must(error);
}

static gmux_tls *credentials(void) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_file = shared->cert_file;
  o.key_file = shared->key_file;
  gmux_tls *tls;
  soak_must(gmux_tls_server_new(&tls, &o));
  return tls;
}

static void on_gone(void *user_data) {
  (void)user_data;
  ev_break(ev, EVBREAK_ALL);
}

static void on_sigterm(struct ev_loop *loop, ev_signal *signal, int events) {
  (void)loop, (void)events;
  gmux_server_drain(signal->data, SOAK_DRAIN_MS, on_gone, NULL);
}

static void on_trim(struct ev_loop *loop, ev_timer *timer, int events) {
  (void)loop, (void)timer, (void)events;
  soak_self_trim();
}

int soak_serve(soak_shared *s, unsigned berth) {
  shared = s;
  soak_self *self = &s->berths[berth].self;
  soak_self_begin(self);
  ev = ev_loop_new(EVFLAG_AUTO);
  gmux_loop *loop;
  soak_must(gmux_loop_attach(&loop, ev, NULL));
  gmux_server *server = make_server(loop);
  gmux_tls *tls = credentials();
  listen_on(server, &s->berths[berth].clear_port, NULL);
  listen_on(server, &s->berths[berth].tls_port, tls);
  ev_signal sigterm;
  ev_signal_init(&sigterm, on_sigterm, SIGTERM);
  sigterm.data = server;
  ev_signal_start(ev, &sigterm);
  ev_timer trim;
  ev_timer_init(&trim, on_trim, 1, 1);
  ev_timer_start(ev, &trim);
  if (write(SOAK_READY_FD, "", 1) != 1) return 1;
  ev_run(ev, 0);
  ev_signal_stop(ev, &sigterm);
  ev_timer_stop(ev, &trim);
  gmux_tls_free(tls);
  gmux_server_free(server);
  soak_must(gmux_loop_stop(loop));
  ev_loop_destroy(ev);
  soak_self_end(self);
  return 0;
}
