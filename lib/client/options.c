/* options.c: defaults of channels and calls, and what is wrong with given ones, in words. */
#include "lib/client/options.h"
#include "lib/base/fail.h"
#include "lib/base/options.h"
#include "lib/io/tls.h"
#include "lib/wire/codec.h"

/* What servers usually allow at least (RFC 9113 section 6.5.2 recommends no less). */
enum { IDEAL_STREAMS = 100 };

static const gmux_channel_options channel_defaults = {
    .size = sizeof(gmux_channel_options),
    .max_recv_message_bytes = 4194304,
    .max_send_message_bytes = INT32_MAX,
    .max_recv_metadata_bytes = 8192,
    .write_queue_bytes = 65536,
    .max_concurrent_streams = 1000,
    .max_waiting = 100000,
    .initial_backoff_ms = 1000,
    .max_backoff_ms = 120000,
    .connect_timeout_ms = 20000,
    .idle_timeout_ms = 1800000,

    .max_connections = 4,
    .burst_after_ms = 100,
    .max_idle_ms = 300000,
    .validate_after_ms = 30000,

    .happy_eyeballs_ms = 250,
    .redial_jitter_ms = 100,
    .dns_cache_ms = 30000,

    .keepalive_ms = 330000,
    .keepalive_timeout_ms = 20000,
    .tcp_keepalive_idle_s = 120,
    .tcp_keepalive_interval_s = 20,
    .tcp_keepalive_count = 3,
    .write_stall_timeout_ms = 60000,

    .max_refused_retries = 3,
    .max_idempotent_retries = 3,
    .retry_buffer_bytes = 262144,

    .reset_burst = 500,
    .reset_rate_per_s = 25,
    .connection_queue_bytes = 4194304,
    .channel_queue_bytes = 67108864,
    .chatter_burst = 10000,
    .chatter_rate_per_s = 1000,
    .max_window_bytes = 16777216,
};

static const gmux_call_options call_defaults = {
    .size = sizeof(gmux_call_options),
    .timeout_ms = GMUX_NO_TIMEOUT,
    .initial_credit = GMUX_CREDIT_UNLIMITED,
};

/* `first`: their last fields in version 0.1. */
static const gmux__options_kind channel_kind = {
    .defaults = &channel_defaults,
    .size = sizeof channel_defaults,
    .first = GMUX__SIZE_UPTO(gmux_channel_options, idle_timeout_ms),
    .init = "gmux_channel_options_init",
};

static const gmux__options_kind call_kind = {
    .defaults = &call_defaults,
    .size = sizeof call_defaults,
    .first = GMUX__SIZE_UPTO(gmux_call_options, initial_credit),
    .init = "gmux_call_options_init",
};

void gmux_channel_options_init(gmux_channel_options *options, size_t size) {
  gmux__options_init(&channel_kind, options, size);
}

void gmux_call_options_init(gmux_call_options *options, size_t size) {
  gmux__options_init(&call_kind, options, size);
}

/* ---- a channel's ---- */

#define RANGE(field, min, max)                                                                     \
  { #field, offsetof(gmux_channel_options, field), min, max, false }
#define RANGE_OR_0(field, min, max)                                                                \
  { #field, offsetof(gmux_channel_options, field), min, max, true }

static const gmux__options_range channel_ranges[] = {
    RANGE(max_recv_message_bytes, 0, INT32_MAX),
    RANGE(max_send_message_bytes, 0, INT32_MAX),
    RANGE(max_recv_metadata_bytes, 1024, 1048576),
    RANGE(write_queue_bytes, 1024, 1 << 30),
    RANGE_OR_0(stream_window_bytes, 65535, INT32_MAX),
    RANGE_OR_0(connection_window_bytes, 65535, INT32_MAX),
    RANGE(max_concurrent_streams, 1, 1000000),
    RANGE(max_waiting, 0, INT32_MAX),
    RANGE(initial_backoff_ms, 100, 86400000),
    RANGE(max_backoff_ms, 100, 86400000),
    RANGE(connect_timeout_ms, 100, 3600000),
    RANGE_OR_0(idle_timeout_ms, 1000, INT32_MAX),

    RANGE_OR_0(ideal_streams, 1, 1000000),
    RANGE(max_connections, 1, 1000),
    RANGE(min_connections, 0, 1000),
    RANGE(burst_connections, 0, 1000),
    RANGE(burst_after_ms, 1, 3600000),
    RANGE(acquire_timeout_ms, 0, INT32_MAX),
    RANGE_OR_0(max_idle_ms, 1000, INT32_MAX),
    RANGE_OR_0(max_age_ms, 1000, INT32_MAX),
    RANGE_OR_0(validate_after_ms, 100, INT32_MAX),
    RANGE(drain_timeout_ms, 0, INT32_MAX),

    RANGE(happy_eyeballs_ms, 100, 2000),
    RANGE(redial_jitter_ms, 0, 60000),
    RANGE(dns_cache_ms, 0, 86400000),
    RANGE(eager_calls, 0, 100),

    RANGE_OR_0(keepalive_ms, 1000, INT32_MAX),
    RANGE(keepalive_timeout_ms, 100, 600000),
    RANGE_OR_0(tcp_keepalive_idle_s, 1, 32767),
    RANGE(tcp_keepalive_interval_s, 1, 32767),
    RANGE(tcp_keepalive_count, 1, 127),
    RANGE_OR_0(write_stall_timeout_ms, 1000, INT32_MAX),

    RANGE(max_refused_retries, 0, 100),
    RANGE(max_idempotent_retries, 0, 100),
    RANGE(retry_buffer_bytes, 0, 1 << 30),

    RANGE(reset_burst, 1, 1000000),
    RANGE(reset_rate_per_s, 1, 1000000),
    RANGE(connection_queue_bytes, 65536, INT32_MAX),
    RANGE(channel_queue_bytes, 65536, INT32_MAX),
    RANGE_OR_0(chatter_burst, 100, 1000000),
    RANGE(chatter_rate_per_s, 1, 1000000),
    RANGE_OR_0(max_window_bytes, 65535, INT32_MAX),
    RANGE_OR_0(max_memory_bytes, 1048576, INT32_MAX),
};

/* Printable ASCII, with or without spaces: what may stand in a header's value. */
static int text_check(const char *name, const char *text, bool may_have_spaces) {
  if (!text) return 0;
  if (!*text) return gmux__fail(GMUX_ERR_INVALID, "%s is empty: give a text or NULL", name);
  for (const char *c = text; *c; c++) {
    if (*c > 0x20 && *c <= 0x7e) continue;
    if (*c == ' ' && may_have_spaces) continue;
    return gmux__fail(GMUX_ERR_INVALID, "%s: byte 0x%02x at position %zu cannot stand there", name,
                      (unsigned char)*c, (size_t)(c - text));
  }
  if (*text == ' ') return gmux__fail(GMUX_ERR_INVALID, "%s begins with a space", name);
  return 0;
}

static int channel_texts_check(const gmux_channel_options *o) {
  int error = text_check("tls_host", o->tls_host, false);
  if (!error) error = text_check("authority", o->authority, false);
  if (!error) error = text_check("user_agent", o->user_agent, true);
  return error;
}

static int channel_security_check(const gmux_channel_options *o) {
  if (o->tls && o->cleartext)
    return gmux__fail(GMUX_ERR_INVALID, "tls and cleartext are both set: choose one");
  if (o->tls_host && o->cleartext)
    return gmux__fail(GMUX_ERR_INVALID, "tls_host is set, but cleartext checks no certificate");
  if (o->tls && gmux__tls_is_server(o->tls))
    return gmux__fail(GMUX_ERR_INVALID,
                      "tls is a server's credentials: make them with gmux_tls_client_new");
  return 0;
}

static int channel_pool_check(const gmux_channel_options *o) {
  if (o->ideal_streams > o->max_concurrent_streams)
    return gmux__fail(
        GMUX_ERR_INVALID,
        "ideal_streams %u is more than max_concurrent_streams %u: no connection could "
        "be so full; lower the one or raise the other",
        o->ideal_streams, o->max_concurrent_streams);
  if (o->min_connections > o->max_connections)
    return gmux__fail(GMUX_ERR_INVALID,
                      "min_connections %u is more than max_connections %u: lower the one or raise "
                      "the other",
                      o->min_connections, o->max_connections);
  if (o->burst_connections > 0 && o->acquire_timeout_ms > 0 &&
      o->burst_after_ms >= o->acquire_timeout_ms)
    return gmux__fail(GMUX_ERR_INVALID,
                      "burst_after_ms %u is not less than acquire_timeout_ms %u: no call would "
                      "wait long enough to open one of burst_connections",
                      o->burst_after_ms, o->acquire_timeout_ms);
  if (o->pick_order != GMUX_PICK_PACK && o->pick_order != GMUX_PICK_SPREAD)
    return gmux__fail(GMUX_ERR_INVALID,
                      "pick_order %d is neither GMUX_PICK_PACK nor GMUX_PICK_SPREAD",
                      (int)o->pick_order);
  return 0;
}

static int channel_times_check(const gmux_channel_options *o) {
  if (o->initial_backoff_ms > o->max_backoff_ms)
    return gmux__fail(GMUX_ERR_INVALID, "initial_backoff_ms %u is more than max_backoff_ms %u",
                      o->initial_backoff_ms, o->max_backoff_ms);
  bool has_suspicion = o->suspect_after_ms != 0 && o->suspect_after_ms != GMUX_NEVER_MS;
  if (has_suspicion && (o->suspect_after_ms < 10 || o->suspect_after_ms > 600000))
    return gmux__fail(GMUX_ERR_INVALID,
                      "suspect_after_ms %u is not in 10..600000, nor 0 (from the round trip), nor "
                      "GMUX_NEVER_MS (off)",
                      o->suspect_after_ms);
  if (o->keepalive_without_calls && o->keepalive_ms == 0)
    return gmux__fail(GMUX_ERR_INVALID, "keepalive_without_calls is set, but keepalive_ms 0 sends "
                                        "no PING: set an interval, or leave it out");
  return 0;
}

static int channel_bounds_check(const gmux_channel_options *o) {
  if (o->connection_queue_bytes > o->channel_queue_bytes)
    return gmux__fail(GMUX_ERR_INVALID,
                      "connection_queue_bytes %u is more than channel_queue_bytes %u, which is for "
                      "all connections together: lower the one or raise the other",
                      o->connection_queue_bytes, o->channel_queue_bytes);
  return 0;
}

static int channel_options_check(const gmux_channel_options *o) {
  int error = gmux__options_check_ranges(&channel_kind, o, channel_ranges,
                                         sizeof channel_ranges / sizeof *channel_ranges);
  if (!error) error = channel_pool_check(o);
  if (!error) error = channel_times_check(o);
  if (!error) error = channel_bounds_check(o);
  if (!error) error = channel_security_check(o);
  if (!error) error = gmux__codecs_check(o->codecs, o->codec_count, o->compression);
  return error ? error : channel_texts_check(o);
}

int gmux__channel_options_read(gmux_channel_options *out, const gmux_channel_options *options) {
  gmux_channel_options o;
  int error = gmux__options_read(&channel_kind, &o, options);
  if (!error) error = channel_options_check(&o);
  if (error) return error;
  if (o.ideal_streams == 0)
    o.ideal_streams =
        o.max_concurrent_streams < IDEAL_STREAMS ? o.max_concurrent_streams : IDEAL_STREAMS;
  *out = o;
  return 0;
}

/* ---- a call's ---- */

int gmux__call_options_read(gmux_call_options *out, const gmux_call_options *options) {
  gmux_call_options o;
  int error = gmux__options_read(&call_kind, &o, options);
  if (error) return error;
  if (o.max_recv_message_bytes > INT32_MAX)
    return gmux__fail(GMUX_ERR_INVALID, "max_recv_message_bytes %u is not 0 or in 1..%d",
                      o.max_recv_message_bytes, INT32_MAX);
  *out = o;
  return 0;
}

/* ---- checks for the application ---- */

int gmux_channel_options_check(const gmux_channel_options *options, char *why, size_t len) {
  gmux_channel_options ignored;
  int error = options ? gmux__channel_options_read(&ignored, options)
                      : gmux__options_missing(&channel_kind);
  return gmux__options_told(error, why, len);
}

int gmux_call_options_check(const gmux_call_options *options, char *why, size_t len) {
  gmux_call_options ignored;
  int error =
      options ? gmux__call_options_read(&ignored, options) : gmux__options_missing(&call_kind);
  return gmux__options_told(error, why, len);
}
