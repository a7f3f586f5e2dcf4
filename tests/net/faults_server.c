/*
 * faults_server.c: the server of the fault tests, by gmux; faults_server.py is the same by grpcio.
 *
 * Appends to its log, in one write, the number of each call that it executes, and so leaves behind
 * what it did even when it is killed in the middle of it. Answers a while later, so that there is
 * a middle. Ends by SIGTERM, as a deployment does it: running calls may finish.
 */
#include "tests/net/faults_wire.h"
#include <ev.h>
#include <fcntl.h>
#include <gmux/gmux.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct ev_loop *ev;
static int log_fd;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "faults_server: %s\n", gmux_last_error());
  exit(1);
}

/* ---- calls ---- */

/* Which call it is that sent this; WIRE_FOREIGN: none. */
static uint32_t number_of(const gmux_bytes *message) {
  uint32_t number = wire_number(message->data, message->len);
  return wire_is_message(number, message->data, message->len) ? number : WIRE_FOREIGN;
}

static void write_down(uint32_t number) {
  if (write(log_fd, &number, sizeof number) != sizeof number) abort();
}

static gmux_bytes message_of(uint32_t number) {
  static uint8_t text[WIRE_MESSAGE_MAX];
  return gmux_bytes_borrow(text, wire_message(number, text));
}

typedef struct pending {
  ev_timer timer;
  gmux_server_call *call;
  uint32_t number;
} pending;

/* The call may be over by now: then the reply is refused, and that is right. */
static void on_answer(struct ev_loop *loop, ev_timer *timer, int events) {
  (void)loop, (void)events;
  pending *p = timer->data;
  gmux_bytes message = message_of(p->number);
  gmux_server_call_reply(p->call, &message);
  gmux_server_call_unref(p->call);
  free(p);
}

static void on_enter(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  pending *p = calloc(1, sizeof *p);
  if (!p) abort();
  p->number = number_of(request);
  p->call = gmux_server_call_ref(call);
  write_down(p->number);
  ev_timer_init(&p->timer, on_answer, wire_pause_ms(p->number) / 1000.0, 0);
  p->timer.data = p;
  ev_timer_start(ev, &p->timer);
}

/* Once is all that a case asks for. The call is over when its connection is. */
static void on_hold(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  static bool has_held;
  uint32_t number = number_of(request);
  write_down(number);
  gmux_bytes message = message_of(number);
  if (has_held) gmux_server_call_reply(call, &message);
  has_held = true;
}

/* The first message is the call; each is answered. */
static void on_talk(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  uint32_t number = number_of(message);
  if (!gmux_server_call_get_data(call)) write_down(number);
  gmux_server_call_set_data(call, call);
  gmux_bytes reply = message_of(number);
  gmux_server_call_write(call, &reply);
}

static void on_talk_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static const gmux_server_handlers talk = {.on_message = on_talk,
                                          .on_half_close = on_talk_half_close};

/* ---- life ---- */

/* What it was started in the place of may be listening still: until that has gone, there is nothing
 * to do but to try again. */
static uint16_t listen_on(gmux_server *server, const char *address, gmux_tls *tls) {
  uint16_t port;
  int error;
  while ((error = tls ? gmux_server_listen(server, address, tls, &port)
                      : gmux_server_listen_cleartext(server, address, &port)) == GMUX_ERR_EXISTS)
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  must(error);
  return port;
}

static void on_gone(void *user_data) {
  (void)user_data;
  ev_break(ev, EVBREAK_ALL);
}

static void on_sigterm(struct ev_loop *loop, ev_signal *signal, int events) {
  (void)loop, (void)events;
  gmux_server_drain(signal->data, WIRE_DRAIN_MS, on_gone, NULL);
}

static gmux_tls *credentials(char **cert_and_key) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_file = cert_and_key[0];
  o.key_file = cert_and_key[1];
  gmux_tls *tls;
  must(gmux_tls_server_new(&tls, &o));
  return tls;
}

static gmux_server *make_server(gmux_loop *loop) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.handshake_timeout_ms = WIRE_HANDSHAKE_MS;
  const char *age = getenv(WIRE_MAX_AGE);
  if (age) o.max_connection_age_ms = (uint32_t)strtoul(age, NULL, 10);
  gmux_server *server;
  must(gmux_server_new(&server, loop, &o));
  must(gmux_server_add_unary(server, WIRE_ENTER, on_enter, NULL));
  must(gmux_server_add_unary(server, WIRE_HOLD, on_hold, NULL));
  must(gmux_server_add_method(server, WIRE_TALK, GMUX_BIDI_STREAMING, &talk, NULL));
  return server;
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 5) {
    fputs("usage: faults_server ADDRESS LOG [CERTIFICATE KEY]\n", stderr);
    return 2;
  }
  log_fd = open(argv[2], O_WRONLY | O_APPEND | O_CLOEXEC);
  if (log_fd < 0) {
    perror(argv[2]);
    return 1;
  }
  ev = ev_default_loop(EVFLAG_AUTO);
  gmux_loop *loop;
  must(gmux_loop_attach(&loop, ev, NULL));
  gmux_server *server = make_server(loop);
  gmux_tls *tls = argc == 5 ? credentials(argv + 3) : NULL;
  ev_signal sigterm;
  ev_signal_init(&sigterm, on_sigterm, SIGTERM);
  sigterm.data = server;
  ev_signal_start(ev, &sigterm);
  printf("port: %u\n", listen_on(server, argv[1], tls));
  fflush(stdout);
  ev_run(ev, 0);
  gmux_tls_free(tls);
  gmux_server_free(server);
  must(gmux_loop_stop(loop));
  return 0;
}
