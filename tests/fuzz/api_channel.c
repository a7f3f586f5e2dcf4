/* api_channel.c: channels and calls, used and misused. */
#include "tests/fuzz/api.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

#define FIELD(name) offsetof(gmux_channel_options, name)
static const size_t fields[] = {FIELD(max_recv_message_bytes),
                                FIELD(max_send_message_bytes),
                                FIELD(max_recv_metadata_bytes),
                                FIELD(write_queue_bytes),
                                FIELD(stream_window_bytes),
                                FIELD(connection_window_bytes),
                                FIELD(max_window_bytes),
                                FIELD(max_concurrent_streams),
                                FIELD(max_waiting),
                                FIELD(initial_backoff_ms),
                                FIELD(max_backoff_ms),
                                FIELD(connect_timeout_ms),
                                FIELD(idle_timeout_ms),
                                FIELD(ideal_streams),
                                FIELD(max_connections),
                                FIELD(min_connections),
                                FIELD(burst_connections),
                                FIELD(burst_after_ms),
                                FIELD(acquire_timeout_ms),
                                FIELD(max_idle_ms),
                                FIELD(max_age_ms),
                                FIELD(max_calls),
                                FIELD(validate_after_ms),
                                FIELD(drain_timeout_ms),
                                FIELD(happy_eyeballs_ms),
                                FIELD(redial_jitter_ms),
                                FIELD(dns_cache_ms),
                                FIELD(eager_calls),
                                FIELD(keepalive_ms),
                                FIELD(keepalive_timeout_ms),
                                FIELD(suspect_after_ms),
                                FIELD(tcp_keepalive_idle_s),
                                FIELD(write_stall_timeout_ms),
                                FIELD(max_refused_retries),
                                FIELD(max_idempotent_retries),
                                FIELD(retry_buffer_bytes),
                                FIELD(reset_burst),
                                FIELD(reset_rate_per_s),
                                FIELD(connection_queue_bytes),
                                FIELD(channel_queue_bytes),
                                FIELD(chatter_burst),
                                FIELD(chatter_rate_per_s)};

static gmux_channel_options random_options(fuzz_input *in) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  uint8_t how = fuzz_u8(in);
  for (unsigned n = how % 8; n > 0; n--) {
    size_t field = fields[input_below(in, sizeof fields / sizeof *fields)];
    uint32_t value = api_number(in);
    memcpy((char *)&o + field, &value, sizeof value);
  }
  if (how & 8) o.pick_order = GMUX_PICK_SPREAD;
  if (how & 16) o.keepalive_without_calls = true;
  if (how & 32) o.user_agent = "fuzz/1";
  if (how & 64) o.authority = "fuzz.example:1";
  if (how & 128) o.distrust_refused = true;
  return o;
}

/* ---- life ---- */

static char *random_target(fuzz_input *in) {
  static const char *const targets[] = {"ipv4:127.0.0.1:50051", "dns:///fuzz.example:50051",
                                        "127.0.0.1:50052",      "fuzz.example:50052",
                                        "ipv6:[::1]:50051",     "unix:/run/fuzz.sock"};
  uint8_t which = fuzz_u8(in);
  if (which >= 0xf0) return fuzz_string(input_run(in));
  const char *target = targets[which % (sizeof targets / sizeof *targets)];
  return fuzz_string((fuzz_input){(const uint8_t *)target, strlen(target)});
}

/* What is said of options before is what is said of them with a channel. */
static void channel_new(api_channel *ch, gmux_loop *loop, const char *target,
                        const gmux_channel_options *o) {
  char why[64];
  int checked = gmux_channel_options_check(o, why, sizeof why);
  int error = FUZZ_API(gmux_channel_new(&ch->handle, loop, target, o));
  fuzz_note("channel %td to %s: %d", ch - api.channels, target, error);
  fuzz_law(checked == 0 || checked == GMUX_ERR_INVALID, "options are checked: %d", checked);
  fuzz_law(checked == 0 || error != 0, "options that are wrong (%s) are taken: %d", why, error);
  fuzz_law(api_is_fine(error, GMUX_ERR_INVALID) || error == GMUX_ERR_UNSUPPORTED, "no channel: %d",
           error);
  if (error) ch->handle = NULL;
}

void api_channel_open(fuzz_input *in) {
  api_channel *ch = &api.channels[input_below(in, API_CHANNELS)];
  gmux_loop *loop = api.loops[input_below(in, api.loop_count)];
  if (ch->handle) return;
  char *target = random_target(in);
  gmux_channel_options all = random_options(in);
  gmux_channel_options *o =
      api_cut(&all, sizeof all, offsetof(gmux_channel_options, max_recv_message_bytes), in);
  ch->is_ended = false;
  channel_new(ch, loop, target, o);
  free(o);
  free(target);
}

static void on_closed(void *user_data) {
  api_keep(user_data);
}

/* Only who ends it first is told. */
static api_promise *end_promise(api_channel *ch) {
  if (ch->is_ended) return NULL;
  ch->is_ended = true;
  return api_promise_new("on_closed of a channel");
}

static void on_closed_twice(void *user_data) {
  (void)user_data;
  fuzz_law(false, "a channel's second on_closed came");
}

typedef void closed_fn(void *user_data);

static closed_fn *end_handler(bool is_second, const api_promise *promise) {
  if (is_second) return on_closed_twice;
  return promise ? on_closed : NULL;
}

static void channel_close(api_channel *ch) {
  bool is_second = ch->is_ended;
  api_promise *promise = end_promise(ch);
  fuzz_note("channel %td: close", ch - api.channels);
  FUZZ_VOID(gmux_channel_close(ch->handle, end_handler(is_second, promise), promise));
}

static void channel_drain(api_channel *ch, int64_t grace_ms) {
  bool is_second = ch->is_ended;
  api_promise *promise = end_promise(ch);
  fuzz_note("channel %td: drain %lld", ch - api.channels, (long long)grace_ms);
  FUZZ_VOID(gmux_channel_drain(ch->handle, grace_ms, end_handler(is_second, promise), promise));
}

static void channel_free(api_channel *ch) {
  gmux_channel *handle = ch->handle;
  ch->handle = NULL;
  fuzz_note("channel %td: free", ch - api.channels);
  FUZZ_VOID(gmux_channel_free(handle));
}

void api_channel_end(api_channel *ch) {
  if (!ch->handle) return;
  channel_close(ch);
  channel_free(ch);
}

/* ---- what is done to it ---- */

static void on_state(gmux_channel_state state, void *user_data) {
  (void)gmux_channel_state_str(state);
  api_keep(user_data);
}

static void on_warm(int error, void *user_data) {
  fuzz_law(api_is_fine(error, GMUX_ERR_CLOSED), "warm: %d", error);
  api_keep(user_data);
}

static void law_of_asking(const api_channel *ch, int error, const char *what) {
  fuzz_law(api_is_fine(error, ch->is_ended ? GMUX_ERR_CLOSED : 0), "%s: %d", what, error);
}

static void channel_watch(api_channel *ch, fuzz_input *in) {
  api_promise *promise = api_promise_new("a watch of a channel's state");
  gmux_channel_state last = (gmux_channel_state)input_below(in, 6);
  if (!promise) return;
  int error = FUZZ_API(gmux_channel_watch_state(ch->handle, last, on_state, promise));
  law_of_asking(ch, error, "watch");
  if (error) api_unpromise();
}

static void channel_warm(api_channel *ch) {
  api_promise *promise = api_promise_new("the answer of warm");
  if (!promise) return;
  int error = FUZZ_API(gmux_channel_warm(ch->handle, on_warm, promise));
  law_of_asking(ch, error, "warm");
  if (error) api_unpromise();
}

/* All that would block says so on the loop's thread. */
static void channel_wait(api_channel *ch) {
  if (api.is_threaded) return;
  int error = FUZZ_API(gmux_channel_connect_wait(ch->handle, 10));
  fuzz_law(error == GMUX_ERR_DEADLOCK, "connect_wait: %d", error);
  error = FUZZ_API(gmux_channel_warm_wait(ch->handle, 10));
  fuzz_law(error == GMUX_ERR_DEADLOCK, "warm_wait: %d", error);
  error = FUZZ_API(gmux_channel_drain_wait(ch->handle, 10));
  fuzz_law(error == GMUX_ERR_DEADLOCK, "drain_wait: %d", error);
  gmux_bytes request = gmux_bytes_borrow("x", 1), reply = {0};
  gmux_status status = gmux_call_unary_wait(ch->handle, callers.fast, NULL, &request, &reply);
  fuzz_law(status.code == GMUX_FAILED_PRECONDITION, "unary_wait: %d", status.code);
  fuzz_law(reply.len == 0, "unary_wait: a reply");
  gmux_status_clear(&status);
}

static void channel_describe(api_channel *ch, fuzz_input *in) {
  size_t len = 4 * (size_t)fuzz_u8(in);
  if (api.is_threaded) return;
  char *text = malloc(len + 1);
  fuzz_law(text != NULL, "no memory");
  fuzz_api_enter();
  size_t needed = gmux_channel_describe(ch->handle, text, len);
  fuzz_api_leave(0);
  if (needed > 0 && len > 0)
    fuzz_law(memchr(text, 0, len) && strlen(text) == (needed < len ? needed : len - 1),
             "a description of %zu bytes in %zu", needed, len);
  free(text);
}

static void channel_stats(api_channel *ch) {
  gmux_channel_stats s = {.size = sizeof s};
  int error = FUZZ_API(gmux_channel_get_stats(ch->handle, &s));
  fuzz_law(error == 0, "stats: %d", error);
  fuzz_law(api.is_threaded || s.calls_started == s.calls_succeeded + s.calls_failed +
                                                     s.calls_running + s.calls_waiting,
           "%llu calls are not %llu + %llu + %u + %u", (unsigned long long)s.calls_started,
           (unsigned long long)s.calls_succeeded, (unsigned long long)s.calls_failed,
           s.calls_running, s.calls_waiting);
}

void api_channel_act(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  api_channel *ch = &api.channels[what / 16 % API_CHANNELS];
  if (!ch->handle) return;
  switch (what % 16) {
  case 0:
    channel_close(ch);
    return;
  case 1:
    channel_drain(ch, api_grace_ms(fuzz_u8(in)));
    return;
  case 2:
    channel_free(ch);
    return;
  case 3:
    channel_watch(ch, in);
    return;
  case 4:
    channel_warm(ch);
    return;
  case 5:
    FUZZ_VOID(gmux_channel_rotate(ch->handle));
    return;
  case 6:
    FUZZ_VOID(gmux_channel_pause(ch->handle));
    return;
  case 7:
  case 8:
    FUZZ_VOID(gmux_channel_resume(ch->handle));
    return;
  case 9:
    FUZZ_VOID(gmux_channel_reset_backoff(ch->handle));
    return;
  case 10:
    FUZZ_VOID(gmux_channel_get_state(ch->handle, true));
    return;
  case 11:
    channel_describe(ch, in);
    return;
  case 12:
    channel_stats(ch);
    return;
  case 13:
    channel_wait(ch);
    return;
  default:
    FUZZ_VOID(gmux_channel_get_state(ch->handle, false));
    return;
  }
}

/* ---- calls ---- */

static gmux_call_options random_call_options(fuzz_input *in) {
  static const int64_t timeouts[] = {GMUX_NO_TIMEOUT, 1000, 50, 1, 0, -5, 30000, 31536000000};
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  uint8_t how = fuzz_u8(in);
  o.timeout_ms = timeouts[how % 8];
  o.wait_for_ready = how & 8;
  o.idempotent = how & 16;
  if (how & 32) o.initial_credit = fuzz_u8(in) % 4;
  if (how & 64) o.max_recv_message_bytes = api_number(in);
  if (how & 128) o.metadata = api.metadata;
  return o;
}

static void blocking_start(api_channel *ch, const gmux_call_options *o) {
  if (api.blocking || api.is_threaded) return;
  int error =
      FUZZ_API(gmux_call_start(&api.blocking, ch->handle, callers.methods[3], o, NULL, NULL));
  fuzz_law(api_is_fine(error, GMUX_ERR_INVALID) || error == GMUX_ERR_CLOSED, "blocking start: %d",
           error);
  if (error) api.blocking = NULL;
}

static void call_write(fuzz_call *c, gmux_call *call, fuzz_input *in) {
  gmux_bytes message = api_message(in);
  caller_write(c, call, &message);
  gmux_bytes_release(&message);
}

void api_call_start(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  api_channel *ch = &api.channels[what / 16 % API_CHANNELS];
  gmux_call_options o = random_call_options(in);
  if (!ch->handle) return;
  if (what % 8 == 7) {
    blocking_start(ch, &o);
    return;
  }
  int error = 0, checked = gmux_call_options_check(&o, NULL, 0);
  gmux_method_kind kind = (gmux_method_kind)(what % 4);
  fuzz_call *c = caller_start(ch->handle, kind, what & 4,
                              what & 8 && kind == GMUX_UNARY ? callers.fast : NULL, &o, &error);
  bool is_closed = error == GMUX_ERR_CLOSED && ch->is_ended;
  bool is_too_large = error == GMUX_ERR_TOO_LARGE && kind == GMUX_UNARY && what & 4;
  fuzz_law(is_closed || is_too_large || api_is_fine(error, checked), "a call is started: %d",
           error);
  fuzz_law(error != 0 || checked == 0, "a call is started with wrong options");
  if (!c || !c->handle || what < 128) return;
  call_write(c, c->handle, in);
  if (c->handle) caller_half_close(c, c->handle);
}

void api_call_act(fuzz_call *c, gmux_call *call, fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  switch (what % 8) {
  case 0:
    caller_cancel(c, call);
    return;
  case 1:
    caller_half_close(c, call);
    return;
  case 2:
    caller_request(c, call, what / 8 % 3u);
    return;
  case 3:
    caller_request(c, call, GMUX_CREDIT_UNLIMITED);
    return;
  case 4:
    caller_free(c);
    return;
  case 5:
    if (!api.is_threaded) caller_explain(c, call);
    return;
  default:
    call_write(c, call, in);
    return;
  }
}

void api_blocking_act(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  gmux_bytes message = {0};
  const gmux_metadata *metadata;
  if (!api.blocking) return;
  int error = 0;
  switch (what % 8) {
  case 0:
    error = FUZZ_API(gmux_call_read_wait(api.blocking, &message));
    fuzz_law(error == GMUX_ERR_DEADLOCK, "read_wait: %d", error);
    return;
  case 1:
    error = FUZZ_API(gmux_call_headers_wait(api.blocking, &metadata));
    fuzz_law(error == GMUX_ERR_DEADLOCK, "headers_wait: %d", error);
    return;
  case 2:
    message = api_message(in);
    error = FUZZ_API(gmux_call_write_wait(api.blocking, &message));
    gmux_bytes_release(&message);
    fuzz_law(error == GMUX_ERR_DEADLOCK, "write_wait: %d", error);
    return;
  case 3:
    FUZZ_VOID(gmux_call_cancel(api.blocking));
    return;
  case 4:
    (void)FUZZ_API(gmux_call_half_close(api.blocking));
    return;
  case 5:
    FUZZ_VOID(gmux_call_free(api.blocking));
    api.blocking = NULL;
    return;
  default:
    message = api_message(in);
    (void)FUZZ_API(gmux_call_write(api.blocking, &message));
    gmux_bytes_release(&message);
    return;
  }
}
