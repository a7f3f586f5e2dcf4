/* options.c: the defaults of a server, and what is wrong with given ones. */
#include "lib/server/options.h"
#include "lib/base/fail.h"
#include "lib/base/options.h"
#include "lib/wire/codec.h"

static const gmux_server_options defaults = {
    .size = sizeof(gmux_server_options),
    .max_recv_message_bytes = 4194304,
    .max_send_message_bytes = INT32_MAX,
    .max_recv_metadata_bytes = 8192,
    .write_queue_bytes = 65536,
    .max_concurrent_streams = 100,
    .max_connections = 10000,
    .handshake_timeout_ms = 120000,
    .max_handshaking = 1000,
    .min_ping_interval_ms = 300000,
    .max_ping_strikes = 2,
    .keepalive_ms = 7200000,
    .keepalive_timeout_ms = 20000,
    .tcp_keepalive_idle_s = 120,
    .tcp_keepalive_interval_s = 20,
    .tcp_keepalive_count = 3,
    .write_stall_timeout_ms = 60000,
    .reset_burst = 500,
    .reset_rate_per_s = 25,
    .connection_queue_bytes = 4194304,
    .server_queue_bytes = 268435456,
    .max_held_calls = 400,
    .max_server_held_calls = 10000,
    .client_reset_burst = 1000,
    .client_reset_rate_per_s = 200,
    .chatter_burst = 10000,
    .chatter_rate_per_s = 1000,
    .request_stall_timeout_ms = 300000,
    .max_window_bytes = 16777216,
};

static const gmux__options_kind kind = {
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = GMUX__SIZE_UPTO(gmux_server_options, handshake_timeout_ms), /* of version 0.1 */
    .init = "gmux_server_options_init",
};

#define RANGE(field, min, max)                                                                     \
  { #field, offsetof(gmux_server_options, field), min, max, false }
#define ZERO_OR(field, min, max)                                                                   \
  { #field, offsetof(gmux_server_options, field), min, max, true }

static const gmux__options_range ranges[] = {
    RANGE(max_recv_message_bytes, 0, INT32_MAX),
    RANGE(max_send_message_bytes, 0, INT32_MAX),
    RANGE(max_recv_metadata_bytes, 1024, 1048576),
    RANGE(write_queue_bytes, 1024, 1u << 30),
    ZERO_OR(stream_window_bytes, 65535, INT32_MAX),
    ZERO_OR(connection_window_bytes, 65535, INT32_MAX),
    RANGE(max_concurrent_streams, 1, 1000000),
    RANGE(max_connections, 1, 1000000),
    RANGE(handshake_timeout_ms, 100, 3600000),
    RANGE(max_handshaking, 1, 1000000),
    RANGE(min_ping_interval_ms, 0, INT32_MAX),
    ZERO_OR(max_ping_strikes, 1, 1000),
    ZERO_OR(keepalive_ms, 1000, INT32_MAX),
    RANGE(keepalive_timeout_ms, 100, 600000),
    ZERO_OR(tcp_keepalive_idle_s, 1, 32767),
    RANGE(tcp_keepalive_interval_s, 1, 32767),
    RANGE(tcp_keepalive_count, 1, 127),
    ZERO_OR(write_stall_timeout_ms, 1000, INT32_MAX),
    ZERO_OR(max_connection_idle_ms, 1000, INT32_MAX),
    ZERO_OR(max_connection_age_ms, 1000, INT32_MAX),
    ZERO_OR(max_connection_age_grace_ms, 1, INT32_MAX),
    RANGE(reset_burst, 1, 1000000),
    RANGE(reset_rate_per_s, 1, 1000000),
    RANGE(connection_queue_bytes, 65536, INT32_MAX),
    RANGE(server_queue_bytes, 65536, INT32_MAX),
    RANGE(max_held_calls, 0, 1000000),
    RANGE(max_server_held_calls, 1, 1000000),
    ZERO_OR(client_reset_burst, 1, 1000000),
    RANGE(client_reset_rate_per_s, 1, 1000000),
    ZERO_OR(chatter_burst, 100, 1000000),
    RANGE(chatter_rate_per_s, 1, 1000000),
    ZERO_OR(request_stall_timeout_ms, 1000, INT32_MAX),
    ZERO_OR(max_window_bytes, 65535, INT32_MAX),
    ZERO_OR(max_memory_bytes, 1048576, INT32_MAX),
};

/* What is right by itself, and wrong together. */
static int options_check_together(const gmux_server_options *o) {
  if (o->connection_queue_bytes > o->server_queue_bytes)
    return gmux__fail(GMUX_ERR_INVALID,
                      "connection_queue_bytes %u is more than server_queue_bytes %u, which holds "
                      "for all connections together: raise that, or lower this",
                      o->connection_queue_bytes, o->server_queue_bytes);
  if (o->max_connection_age_grace_ms > 0 && o->max_connection_age_ms == 0)
    return gmux__fail(GMUX_ERR_INVALID,
                      "max_connection_age_grace_ms %u has no meaning without "
                      "max_connection_age_ms, which is 0: set both, or none",
                      o->max_connection_age_grace_ms);
  return 0;
}

void gmux_server_options_init(gmux_server_options *options, size_t size) {
  gmux__options_init(&kind, options, size);
}

int gmux__server_options_read(gmux_server_options *out, const gmux_server_options *options) {
  gmux_server_options o;
  int error = gmux__options_read(&kind, &o, options);
  if (!error) error = gmux__options_check_ranges(&kind, &o, ranges, sizeof ranges / sizeof *ranges);
  if (!error) error = options_check_together(&o);
  if (!error) error = gmux__codecs_check(o.codecs, o.codec_count, o.compression);
  if (error) return error;
  *out = o;
  return 0;
}

int gmux_server_options_check(const gmux_server_options *options, char *why, size_t len) {
  gmux_server_options o;
  int error = options ? gmux__server_options_read(&o, options) : gmux__options_missing(&kind);
  return gmux__options_told(error, why, len);
}

/* ---- what they mean below ---- */

/* Time for SETTINGS to be acknowledged: for a peer that is alive in gRPC's sense, with room. */
#define SETTINGS_ACK_MS_MIN 60000u
/* No honest client needs so long from a header block's first frame to its last. */
#define HEADER_BLOCK_NS (20 * GMUX__NS_PER_S)

static uint64_t ns_of_ms(uint32_t ms) {
  return ms * GMUX__NS_PER_MS;
}

/* Whether calls run or not (A9), and without suspicion: a server has no other way to turn to. */
static gmux__pulse_config pulse_config(const gmux_server_options *o) {
  return (gmux__pulse_config){
      .keepalive_ns = o->keepalive_ms ? ns_of_ms(o->keepalive_ms) : GMUX__PULSE_OFF,
      .timeout_ns = ns_of_ms(o->keepalive_timeout_ms),
      .suspect_ns = GMUX__PULSE_OFF,
      .without_calls = true,
  };
}

gmux__h2_config gmux__server_h2_config(const gmux_server_options *o) {
  uint32_t settings_ack_ms = 2 * o->keepalive_timeout_ms;
  if (settings_ack_ms < SETTINGS_ACK_MS_MIN) settings_ack_ms = SETTINGS_ACK_MS_MIN;
  gmux__h2_config config = {
      .is_server = true,
      .max_streams = o->max_concurrent_streams,
      .max_header_bytes = o->max_recv_metadata_bytes,
      .pulse = pulse_config(o),
      .strikes = {.min_interval_ns = ns_of_ms(o->min_ping_interval_ms),
                  .permit_without_calls = o->permit_pings_without_calls,
                  .max_strikes = o->max_ping_strikes},
      .abuse = {.reset_burst = o->client_reset_burst,
                .reset_rate_per_s = o->client_reset_rate_per_s,
                .chatter_burst = o->chatter_burst,
                .chatter_rate_per_s = o->chatter_rate_per_s},
      .reset_burst = o->reset_burst,
      .reset_rate_per_s = o->reset_rate_per_s,
      .settings_ack_ns = ns_of_ms(settings_ack_ms),
      .header_block_ns = HEADER_BLOCK_NS,
      .write_stall_ns = ns_of_ms(o->write_stall_timeout_ms),
      .body_stall_ns = ns_of_ms(o->request_stall_timeout_ms),
      .connection_queue_bytes = o->connection_queue_bytes,
      .queue_bytes = o->server_queue_bytes,
      .max_memory_bytes = o->max_memory_bytes,
  };
  gmux__h2_config_windows(&config, o->stream_window_bytes, o->connection_window_bytes,
                          o->max_window_bytes);
  return config;
}

/* TCP_USER_TIMEOUT where keepalive is on, as A18 says: then both find a dead client, idle or busy.
 */
gmux__socket_options gmux__server_socket_options(const gmux_server_options *o) {
  return (gmux__socket_options){
      .user_timeout_ms = o->keepalive_ms ? o->keepalive_timeout_ms : 0,
      .keepalive_idle_s = o->tcp_keepalive_idle_s,
      .keepalive_interval_s = o->tcp_keepalive_interval_s,
      .keepalive_count = o->tcp_keepalive_count,
  };
}
