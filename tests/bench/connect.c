/*
 * connect.c: what a fresh channel with one call costs, one after another: resolving, TCP, TLS where
 * asked for, SETTINGS, the call, and the end of all of it. Over TLS the credentials are made once,
 * as a program would; with --resume each channel resumes a session that an earlier one has left
 * with them.
 */
#include "tests/bench/kit.h"
#include <ev.h>

typedef struct program {
  kit_server server;
  bool is_resuming, is_eager;
  struct ev_loop *ev;
  gmux_loop *loop;
  gmux_channel_options how;
  gmux_method *method;
  gmux_channel *channel;
  window window;
} program;

static void on_closed(void *user_data) {
  const program *p = user_data;
  ev_break(p->ev, EVBREAK_ALL);
}

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  program *p = user_data;
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  if (reply->len) kit_die("a reply is not the request");
  gmux_channel_close(p->channel, on_closed, p);
}

static void connect_once(program *p) {
  kit_must(gmux_channel_new(&p->channel, p->loop, p->server.target, &p->how));
  gmux_bytes request = gmux_bytes_borrow(NULL, 0);
  kit_must(gmux_call_unary_start(NULL, p->channel, p->method, NULL, &request, on_reply, p));
  ev_run(p->ev, 0);
  gmux_channel_free(p->channel);
}

static void credentials_make(program *p) {
  gmux_channel_options_init(&p->how, sizeof p->how);
  p->how.cleartext = !p->server.ca;
  p->how.eager_calls = p->is_eager ? 1 : 0;
  if (!p->server.ca) return;
  gmux_tls_options tls;
  gmux_tls_options_init(&tls, sizeof tls);
  tls.ca_file = p->server.ca;
  tls.no_resumption = !p->is_resuming;
  kit_must(gmux_tls_client_new(&p->how.tls, &tls));
}

int main(int argc, char **argv) {
  program p = {.window = {.seconds = 2, .warm_up = 0.3}};
  const kit_option options[] = {{"resume", NULL, "TLS: resume the session of an earlier channel",
                                 KIT_FLAG, &p.is_resuming, 0, 0},
                                {"eager", NULL,
                                 "the call does not wait for the server's SETTINGS (eager_calls)",
                                 KIT_FLAG, &p.is_eager, 0, 0},
                                KIT_WINDOW_OPTIONS(p.window),
                                {0}};
  kit_parse("connect", "Measures fresh channels with one call each.", options, &p.server, argc,
            argv);
  if (p.is_resuming && !p.server.ca) kit_refuse("resume", "is for TLS: --ca is missing");
  credentials_make(&p);
  kit_must(gmux_method_new(&p.method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  p.loop = kit_loop_new(&p.ev);
  kit_window_begin(&p.window);
  while (p.window.phase != WINDOW_ENDING) {
    uint64_t start_ns = meter_clock_ns();
    connect_once(&p);
    window_note(&p.window, start_ns, meter_clock_ns());
  }
  kit_loop_free(p.loop, p.ev);
  gmux_tls_free(p.how.tls);
  gmux_method_free(p.method);

  kit_print_begin("connect", &p.server);
  figures_text("session", p.is_resuming ? "resumed" : "fresh");
  figures_number("eager_calls", p.how.eager_calls);
  window_print(&p.window);
  figures_end();
  return 0;
}
