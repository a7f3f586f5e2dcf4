/* options.c: the defaults of a server, and what is wrong with given ones. */
#include "lib/server/options.h"
#include "lib/base/fail.h"
#include <stdio.h>
#include <string.h>

static const gmux_server_options defaults = {
    .size = sizeof(gmux_server_options),
    .max_recv_message_bytes = 4194304,
    .max_send_message_bytes = INT32_MAX,
    .max_recv_metadata_bytes = 8192,
    .write_queue_bytes = 65536,
    .stream_window_bytes = 262144,
    .connection_window_bytes = 4194304,
    .max_concurrent_streams = 100,
    .max_connections = 10000,
    .handshake_timeout_ms = 120000,
};

/* All of them are numbers within bounds. */
typedef struct option_range {
  const char *name;
  size_t offset;
  uint32_t min, max;
} option_range;

#define RANGE(field, min, max)                                                                     \
  { #field, offsetof(gmux_server_options, field), min, max }

static const option_range ranges[] = {
    RANGE(max_recv_message_bytes, 0, INT32_MAX),   RANGE(max_send_message_bytes, 0, INT32_MAX),
    RANGE(max_recv_metadata_bytes, 1024, 1048576), RANGE(write_queue_bytes, 1024, 1u << 30),
    RANGE(stream_window_bytes, 65535, INT32_MAX),  RANGE(connection_window_bytes, 65535, INT32_MAX),
    RANGE(max_concurrent_streams, 1, 1000000),     RANGE(max_connections, 1, 1000000),
    RANGE(handshake_timeout_ms, 100, 3600000),
};

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

void gmux_server_options_init(gmux_server_options *options, size_t size) {
  if (!options || size < sizeof options->size) return;
  memset(options, 0, size);
  memcpy(options, &defaults, size_min(size, sizeof defaults));
  options->size = size;
}

static uint32_t option_value(const gmux_server_options *options, const option_range *range) {
  uint32_t value;
  memcpy(&value, (const char *)options + range->offset, sizeof value);
  return value;
}

static int options_check_ranges(const gmux_server_options *options) {
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    const option_range *range = &ranges[i];
    uint32_t value = option_value(options, range);
    if (value < range->min || value > range->max)
      return gmux__fail(GMUX_ERR_INVALID, "server option %s is %u, which is not in %u..%u",
                        range->name, value, range->min, range->max);
  }
  return 0;
}

int gmux__server_options_read(gmux_server_options *out, const gmux_server_options *options) {
  gmux_server_options o = defaults;
  if (options) {
    if (options->size < sizeof options->size)
      return gmux__fail(GMUX_ERR_INVALID,
                        "server options have no size: start from gmux_server_options_init");
    memcpy(&o, options, size_min(options->size, sizeof o));
  }
  int error = options_check_ranges(&o);
  if (error) return error;
  *out = o;
  return 0;
}

int gmux_server_options_check(const gmux_server_options *options, char *why, size_t len) {
  gmux_server_options o;
  int error = options ? gmux__server_options_read(&o, options)
                      : gmux__fail(GMUX_ERR_INVALID, "gmux_server_options_check: options is NULL");
  if (error && why && len > 0) snprintf(why, len, "%s", gmux_last_error());
  return error;
}
