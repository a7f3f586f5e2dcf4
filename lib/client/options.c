/* options.c: defaults of channels and calls, and what is wrong with given ones, in words. */
#include "lib/client/options.h"
#include "lib/base/fail.h"
#include "lib/base/options.h"
#include "lib/io/tls.h"

static const gmux_channel_options channel_defaults = {
    .size = sizeof(gmux_channel_options),
    .max_recv_message_bytes = 4194304,
    .max_send_message_bytes = INT32_MAX,
    .max_recv_metadata_bytes = 8192,
    .write_queue_bytes = 65536,
    .stream_window_bytes = 262144,
    .connection_window_bytes = 4194304,
    .max_concurrent_streams = 100,
    .max_waiting = 100000,
    .initial_backoff_ms = 1000,
    .max_backoff_ms = 120000,
    .connect_timeout_ms = 20000,
    .idle_timeout_ms = 1800000,
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

static const gmux__options_range channel_ranges[] = {
    RANGE(max_recv_message_bytes, 0, INT32_MAX),
    RANGE(max_send_message_bytes, 0, INT32_MAX),
    RANGE(max_recv_metadata_bytes, 1024, 1048576),
    RANGE(write_queue_bytes, 1024, 1 << 30),
    RANGE(stream_window_bytes, 65535, INT32_MAX),
    RANGE(connection_window_bytes, 65535, INT32_MAX),
    RANGE(max_concurrent_streams, 1, 1000000),
    RANGE(max_waiting, 0, INT32_MAX),
    RANGE(initial_backoff_ms, 100, 86400000),
    RANGE(max_backoff_ms, 100, 86400000),
    RANGE(connect_timeout_ms, 100, 3600000),
    {"idle_timeout_ms", offsetof(gmux_channel_options, idle_timeout_ms), 1000, INT32_MAX, true},
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

static int channel_options_check(const gmux_channel_options *o) {
  int error = gmux__options_check_ranges(&channel_kind, o, channel_ranges,
                                         sizeof channel_ranges / sizeof *channel_ranges);
  if (error) return error;
  if (o->initial_backoff_ms > o->max_backoff_ms)
    return gmux__fail(GMUX_ERR_INVALID, "initial_backoff_ms %u is more than max_backoff_ms %u",
                      o->initial_backoff_ms, o->max_backoff_ms);
  error = channel_security_check(o);
  return error ? error : channel_texts_check(o);
}

int gmux__channel_options_read(gmux_channel_options *out, const gmux_channel_options *options) {
  gmux_channel_options o;
  int error = gmux__options_read(&channel_kind, &o, options);
  if (!error) error = channel_options_check(&o);
  if (error) return error;
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
