/* options.c: defaults of channels and calls, and what is wrong with given ones, in words. */
#include "lib/client/options.h"
#include "lib/base/fail.h"
#include "lib/io/tls.h"
#include <stdio.h>
#include <string.h>

/* Nobody's struct will be so large: a size beyond it was never set. */
enum { OPTIONS_SIZE_MAX = 4096 };

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

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

static void options_init(void *options, size_t size, const void *defaults, size_t known) {
  if (!options) return;
  memset(options, 0, size);
  memcpy(options, defaults, size_min(size, known));
  if (size >= sizeof size) memcpy(options, &size, sizeof size); /* `size` is the first field */
}

void gmux_channel_options_init(gmux_channel_options *options, size_t size) {
  options_init(options, size, &channel_defaults, sizeof channel_defaults);
}

void gmux_call_options_init(gmux_call_options *options, size_t size) {
  options_init(options, size, &call_defaults, sizeof call_defaults);
}

static int size_check(size_t size, const char *init) {
  if (size >= sizeof size && size <= OPTIONS_SIZE_MAX) return 0;
  return gmux__fail(GMUX_ERR_INVALID, "the options' size is %zu: fill them with %s(&o, sizeof o)",
                    size, init);
}

/* ---- a channel's ---- */

typedef struct range {
  const char *name;
  size_t offset; /* of a uint32_t in gmux_channel_options */
  uint32_t min, max;
  bool or_zero; /* 0 is allowed too, and means something of its own */
} range;

#define RANGE(field, min, max)                                                                     \
  { #field, offsetof(gmux_channel_options, field), min, max, false }

static const range channel_ranges[] = {
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

static int range_check(const range *r, const gmux_channel_options *o) {
  uint32_t value;
  memcpy(&value, (const char *)o + r->offset, sizeof value);
  if (value >= r->min && value <= r->max) return 0;
  if (value == 0 && r->or_zero) return 0;
  return gmux__fail(GMUX_ERR_INVALID, "%s %u is not %s%u..%u", r->name, value,
                    r->or_zero ? "0 or in " : "in ", r->min, r->max);
}

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
  for (size_t i = 0; i < sizeof channel_ranges / sizeof *channel_ranges; i++) {
    int error = range_check(&channel_ranges[i], o);
    if (error) return error;
  }
  if (o->initial_backoff_ms > o->max_backoff_ms)
    return gmux__fail(GMUX_ERR_INVALID, "initial_backoff_ms %u is more than max_backoff_ms %u",
                      o->initial_backoff_ms, o->max_backoff_ms);
  int error = channel_security_check(o);
  return error ? error : channel_texts_check(o);
}

int gmux__channel_options_read(gmux_channel_options *out, const gmux_channel_options *options) {
  gmux_channel_options o = channel_defaults;
  if (options) {
    int error = size_check(options->size, "gmux_channel_options_init");
    if (error) return error;
    memcpy(&o, options, size_min(options->size, sizeof o));
    error = channel_options_check(&o);
    if (error) return error;
  }
  *out = o;
  return 0;
}

/* ---- a call's ---- */

int gmux__call_options_read(gmux_call_options *out, const gmux_call_options *options) {
  gmux_call_options o = call_defaults;
  if (options) {
    int error = size_check(options->size, "gmux_call_options_init");
    if (error) return error;
    memcpy(&o, options, size_min(options->size, sizeof o));
    if (o.max_recv_message_bytes > INT32_MAX)
      return gmux__fail(GMUX_ERR_INVALID, "max_recv_message_bytes %u is not 0 or in 1..%d",
                        o.max_recv_message_bytes, INT32_MAX);
  }
  *out = o;
  return 0;
}

/* ---- checks for the application ---- */

/* The sentence goes where both the caller and gmux_last_error() find it. */
static int check_told(int error, char *why, size_t len) {
  if (error && why && len > 0) snprintf(why, len, "%s", gmux_last_error());
  return error;
}

int gmux_channel_options_check(const gmux_channel_options *options, char *why, size_t len) {
  gmux_channel_options ignored;
  int error = options ? gmux__channel_options_read(&ignored, options)
                      : gmux__fail(GMUX_ERR_INVALID, "the channel options are NULL");
  return check_told(error, why, len);
}

int gmux_call_options_check(const gmux_call_options *options, char *why, size_t len) {
  gmux_call_options ignored;
  int error = options ? gmux__call_options_read(&ignored, options)
                      : gmux__fail(GMUX_ERR_INVALID, "the call options are NULL");
  return check_told(error, why, len);
}
