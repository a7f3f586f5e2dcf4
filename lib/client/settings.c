/* settings.c: what a channel's options mean to the rooms below, in their own units. */
#include "lib/client/options.h"

static uint64_t suspect_ns(uint32_t ms) {
  return ms == GMUX_NEVER_MS ? GMUX__PULSE_OFF : ms * GMUX__NS_PER_MS; /* 0: from the round trip */
}

/* As grpc-core: a peer that answers PINGs so late may do the same with our SETTINGS. */
static uint64_t settings_ack_ns(uint32_t keepalive_timeout_ms) {
  uint64_t twice_ns = 2 * keepalive_timeout_ms * GMUX__NS_PER_MS;
  return twice_ns > 60 * GMUX__NS_PER_S ? twice_ns : 60 * GMUX__NS_PER_S;
}

void gmux__settings_h2(gmux__h2_config *out, const gmux_channel_options *o) {
  *out = (gmux__h2_config){
      .is_server = false,
      .max_streams = o->max_concurrent_streams,
      .max_header_bytes = o->max_recv_metadata_bytes,
      .pulse =
          {
              .keepalive_ns = o->keepalive_ms ? o->keepalive_ms * GMUX__NS_PER_MS : GMUX__PULSE_OFF,
              .timeout_ns = o->keepalive_timeout_ms * GMUX__NS_PER_MS,
              .suspect_ns = suspect_ns(o->suspect_after_ms),
              .without_calls = o->keepalive_without_calls,
          },
      .abuse = {.chatter_burst = o->chatter_burst, .chatter_rate_per_s = o->chatter_rate_per_s},
      .reset_burst = o->reset_burst,
      .reset_rate_per_s = o->reset_rate_per_s,
      .eager_streams = o->eager_calls,
      .distrusts_refused = o->distrust_refused,
      .drain_ns = o->drain_timeout_ms * GMUX__NS_PER_MS,
      .settings_ack_ns = settings_ack_ns(o->keepalive_timeout_ms),
      .header_block_ns = 20 * GMUX__NS_PER_S,
      .write_stall_ns = o->write_stall_timeout_ms * GMUX__NS_PER_MS,
      .connection_queue_bytes = o->connection_queue_bytes,
      .queue_bytes = o->channel_queue_bytes,
      .max_memory_bytes = o->max_memory_bytes,
  };
  gmux__h2_config_windows(out, o->stream_window_bytes, o->connection_window_bytes,
                          o->max_window_bytes);
}

void gmux__settings_socket(gmux__socket_options *out, const gmux_channel_options *o) {
  *out = (gmux__socket_options){
      .user_timeout_ms = o->keepalive_timeout_ms,
      .keepalive_idle_s = o->tcp_keepalive_idle_s,
      .keepalive_interval_s = o->tcp_keepalive_interval_s,
      .keepalive_count = o->tcp_keepalive_count,
  };
}

void gmux__settings_backoff(gmux__backoff_config *out, const gmux_channel_options *o) {
  gmux__backoff_config_default(out);
  out->initial_ns = o->initial_backoff_ms * GMUX__NS_PER_MS;
  out->max_ns = o->max_backoff_ms * GMUX__NS_PER_MS;
  out->min_connect_ns = o->connect_timeout_ms * GMUX__NS_PER_MS;
}

void gmux__settings_pool(gmux__pool_config *out, const gmux_channel_options *o) {
  *out = (gmux__pool_config){
      .min_connections = o->min_connections,
      .max_connections = o->max_connections,
      .burst_connections = o->burst_connections,
      .burst_after_ns = o->burst_after_ms * GMUX__NS_PER_MS,
  };
}
