/* options.c: the defaults of a server, and what is wrong with given ones. */
#include "lib/server/options.h"
#include "lib/base/options.h"

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

static const gmux__options_kind kind = {
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = GMUX__SIZE_UPTO(gmux_server_options, handshake_timeout_ms), /* of version 0.1 */
    .init = "gmux_server_options_init",
};

/* All of them are numbers within bounds. */
#define RANGE(field, min, max)                                                                     \
  { #field, offsetof(gmux_server_options, field), min, max, false }

static const gmux__options_range ranges[] = {
    RANGE(max_recv_message_bytes, 0, INT32_MAX),   RANGE(max_send_message_bytes, 0, INT32_MAX),
    RANGE(max_recv_metadata_bytes, 1024, 1048576), RANGE(write_queue_bytes, 1024, 1u << 30),
    RANGE(stream_window_bytes, 65535, INT32_MAX),  RANGE(connection_window_bytes, 65535, INT32_MAX),
    RANGE(max_concurrent_streams, 1, 1000000),     RANGE(max_connections, 1, 1000000),
    RANGE(handshake_timeout_ms, 100, 3600000),
};

void gmux_server_options_init(gmux_server_options *options, size_t size) {
  gmux__options_init(&kind, options, size);
}

int gmux__server_options_read(gmux_server_options *out, const gmux_server_options *options) {
  gmux_server_options o;
  int error = gmux__options_read(&kind, &o, options);
  if (!error) error = gmux__options_check_ranges(&kind, &o, ranges, sizeof ranges / sizeof *ranges);
  if (error) return error;
  *out = o;
  return 0;
}

int gmux_server_options_check(const gmux_server_options *options, char *why, size_t len) {
  gmux_server_options o;
  int error = options ? gmux__server_options_read(&o, options) : gmux__options_missing(&kind);
  return gmux__options_told(error, why, len);
}
