#include "lib/client/options.h"
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

static void defaults_are_those_of_the_header(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  CU_ASSERT_EQUAL(o.size, sizeof o);
  CU_ASSERT_PTR_NULL(o.tls);
  CU_ASSERT_FALSE(o.cleartext);
  CU_ASSERT_EQUAL(o.max_recv_message_bytes, 4194304);
  CU_ASSERT_EQUAL(o.max_send_message_bytes, INT32_MAX);
  CU_ASSERT_EQUAL(o.max_recv_metadata_bytes, 8192);
  CU_ASSERT_EQUAL(o.write_queue_bytes, 65536);
  CU_ASSERT_EQUAL(o.stream_window_bytes, 0);
  CU_ASSERT_EQUAL(o.connection_window_bytes, 0);
  CU_ASSERT_EQUAL(o.max_concurrent_streams, 1000);
  CU_ASSERT_EQUAL(o.max_waiting, 100000);
  CU_ASSERT_EQUAL(o.initial_backoff_ms, 1000);
  CU_ASSERT_EQUAL(o.max_backoff_ms, 120000);
  CU_ASSERT_EQUAL(o.connect_timeout_ms, 20000);
  CU_ASSERT_EQUAL(o.idle_timeout_ms, 1800000);
  CU_ASSERT_EQUAL(o.ideal_streams, 0);
  CU_ASSERT_EQUAL(o.max_connections, 4);
  CU_ASSERT_EQUAL(o.min_connections, 0);
  CU_ASSERT_EQUAL(o.burst_connections, 0);
  CU_ASSERT_EQUAL(o.burst_after_ms, 100);
  CU_ASSERT_EQUAL(o.pick_order, GMUX_PICK_PACK);
  CU_ASSERT_EQUAL(o.acquire_timeout_ms, 0);
  CU_ASSERT_EQUAL(o.max_idle_ms, 300000);
  CU_ASSERT_EQUAL(o.max_age_ms, 0);
  CU_ASSERT_EQUAL(o.max_calls, 0);
  CU_ASSERT_EQUAL(o.validate_after_ms, 30000);
  CU_ASSERT_EQUAL(o.drain_timeout_ms, 0);
  CU_ASSERT_EQUAL(o.happy_eyeballs_ms, 250);
  CU_ASSERT_EQUAL(o.redial_jitter_ms, 100);
  CU_ASSERT_EQUAL(o.dns_cache_ms, 30000);
  CU_ASSERT_EQUAL(o.eager_calls, 0);
  CU_ASSERT_EQUAL(o.keepalive_ms, 330000);
  CU_ASSERT_EQUAL(o.keepalive_timeout_ms, 20000);
  CU_ASSERT_FALSE(o.keepalive_without_calls);
  CU_ASSERT_EQUAL(o.suspect_after_ms, 0);
  CU_ASSERT_EQUAL(o.tcp_keepalive_idle_s, 120);
  CU_ASSERT_EQUAL(o.tcp_keepalive_interval_s, 20);
  CU_ASSERT_EQUAL(o.tcp_keepalive_count, 3);
  CU_ASSERT_EQUAL(o.write_stall_timeout_ms, 60000);
  CU_ASSERT_EQUAL(o.max_refused_retries, 3);
  CU_ASSERT_EQUAL(o.max_idempotent_retries, 3);
  CU_ASSERT_EQUAL(o.retry_buffer_bytes, 262144);
  CU_ASSERT_FALSE(o.distrust_refused);
  CU_ASSERT_EQUAL(o.reset_burst, 500);
  CU_ASSERT_EQUAL(o.reset_rate_per_s, 25);
  CU_ASSERT_EQUAL(o.connection_queue_bytes, 4194304);
  CU_ASSERT_EQUAL(o.channel_queue_bytes, 67108864);
  CU_ASSERT_EQUAL(o.chatter_burst, 10000);
  CU_ASSERT_EQUAL(o.chatter_rate_per_s, 1000);
  CU_ASSERT_EQUAL(o.max_memory_bytes, 0);
  CU_ASSERT_EQUAL(o.max_window_bytes, 16777216);
  gmux_call_options c;
  gmux_call_options_init(&c, sizeof c);
  CU_ASSERT_EQUAL(c.timeout_ms, GMUX_NO_TIMEOUT);
  CU_ASSERT_EQUAL(c.initial_credit, GMUX_CREDIT_UNLIMITED);
  CU_ASSERT_FALSE(c.wait_for_ready);
}

/* What a shorter struct would do is for the tests of lib/base to show: there is none yet. */
static void the_size_of_a_pointer_is_refused(void) {
  gmux_channel_options o, *p = &o;
  memset(&o, 0xee, sizeof o);
  gmux_channel_options_init(p, sizeof p);
  CU_ASSERT_EQUAL(o.max_waiting, 0xeeeeeeee); /* only so much is written */
  o.cleartext = true;                         /* would be ignored: TLS where none is wanted */
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, NULL, 0), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "gmux_channel_options_init(&o, sizeof o)");
  gmux_call_options c, *q = &c;
  gmux_call_options_init(q, sizeof q);
  CU_ASSERT_EQUAL(gmux_call_options_check(&c, NULL, 0), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "gmux_call_options_init(&o, sizeof o)");
}

static void options_of_which_only_the_size_was_set_are_told_of_init(void) {
  gmux_channel_options o = {.size = sizeof o, .max_recv_message_bytes = 1};
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, NULL, 0), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "max_recv_metadata_bytes 0 is not in 1024..1048576: fill the ");
  ASSERT_HAS(gmux_last_error(), "gmux_channel_options_init(&o, sizeof o)");
}

/* A caller compiled against a newer, longer struct. */
static void a_longer_struct_is_taken_as_far_as_it_is_known(void) {
  struct {
    gmux_call_options known;
    uint64_t newer[4];
  } o;
  gmux_call_options_init(&o.known, sizeof o);
  CU_ASSERT_EQUAL(o.known.size, sizeof o);
  CU_ASSERT_EQUAL(o.newer[3], 0);
  o.known.timeout_ms = 5;
  gmux_call_options read;
  CU_ASSERT_EQUAL_FATAL(gmux__call_options_read(&read, &o.known), 0);
  CU_ASSERT_EQUAL(read.timeout_ms, 5);
}

static void a_size_that_was_never_set_is_refused(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  char why[200] = "";
  o.size = 0;
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  ASSERT_HAS(why, "gmux_channel_options_init");
  o.size = SIZE_MAX / 2;
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  gmux_call_options c;
  gmux_call_options_init(&c, sizeof c);
  c.size = 1;
  CU_ASSERT_EQUAL(gmux_call_options_check(&c, why, sizeof why), GMUX_ERR_INVALID);
  ASSERT_HAS(why, "gmux_call_options_init");
  CU_ASSERT_EQUAL(gmux_call_options_check(NULL, NULL, 0), GMUX_ERR_INVALID);
}

typedef struct bound {
  const char *name;
  size_t offset;
  uint32_t min, max;
} bound;

#define BOUND(field, min, max)                                                                     \
  { #field, offsetof(gmux_channel_options, field), min, max }

/* As the header says. */
static const bound bounds[] = {
    BOUND(max_recv_message_bytes, 0, INT32_MAX),
    BOUND(max_send_message_bytes, 0, INT32_MAX),
    BOUND(max_recv_metadata_bytes, 1024, 1048576),
    BOUND(write_queue_bytes, 1024, 1073741824),
    BOUND(stream_window_bytes, 65535, INT32_MAX),
    BOUND(connection_window_bytes, 65535, INT32_MAX),
    BOUND(max_concurrent_streams, 1, 1000000),
    BOUND(max_waiting, 0, INT32_MAX),
    BOUND(initial_backoff_ms, 100, 120000), /* its maximum here: max_backoff_ms */
    BOUND(max_backoff_ms, 1000, 86400000),  /* its minimum here: initial_backoff_ms */
    BOUND(connect_timeout_ms, 100, 3600000),
    BOUND(idle_timeout_ms, 1000, INT32_MAX),
    BOUND(ideal_streams, 0, 1000), /* its maximum here: max_concurrent_streams */
    BOUND(max_connections, 1, 1000),
    BOUND(min_connections, 0, 4), /* its maximum here: max_connections */
    BOUND(burst_connections, 0, 1000),
    BOUND(burst_after_ms, 1, 3600000),
    BOUND(acquire_timeout_ms, 0, INT32_MAX),
    BOUND(max_idle_ms, 1000, INT32_MAX),
    BOUND(max_age_ms, 1000, INT32_MAX),
    BOUND(validate_after_ms, 100, INT32_MAX),
    BOUND(drain_timeout_ms, 0, INT32_MAX),
    BOUND(happy_eyeballs_ms, 100, 2000),
    BOUND(redial_jitter_ms, 0, 60000),
    BOUND(dns_cache_ms, 0, 86400000),
    BOUND(eager_calls, 0, 100),
    BOUND(keepalive_ms, 1000, INT32_MAX),
    BOUND(keepalive_timeout_ms, 100, 600000),
    BOUND(suspect_after_ms, 10, 600000),
    BOUND(tcp_keepalive_idle_s, 0, 32767),
    BOUND(tcp_keepalive_interval_s, 1, 32767),
    BOUND(tcp_keepalive_count, 1, 127),
    BOUND(write_stall_timeout_ms, 1000, INT32_MAX),
    BOUND(max_refused_retries, 0, 100),
    BOUND(max_idempotent_retries, 0, 100),
    BOUND(retry_buffer_bytes, 0, 1073741824),
    BOUND(reset_burst, 1, 1000000),
    BOUND(reset_rate_per_s, 1, 1000000),
    BOUND(connection_queue_bytes, 65536, 67108864), /* its maximum here: channel_queue_bytes */
    BOUND(channel_queue_bytes, 4194304, INT32_MAX), /* its minimum here: connection_queue_bytes */
    BOUND(chatter_rate_per_s, 1, 1000000),
    BOUND(max_memory_bytes, 1048576, INT32_MAX),
    BOUND(max_window_bytes, 65535, INT32_MAX),
};

static int check_with(const bound *b, uint32_t value, char *why, size_t len) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  memcpy((char *)&o + b->offset, &value, sizeof value);
  return gmux_channel_options_check(&o, why, len);
}

static void every_number_is_bounded_and_named_when_wrong(void) {
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    const bound *b = &bounds[i];
    char why[200] = "";
    CU_ASSERT_EQUAL(check_with(b, b->min, why, sizeof why), 0);
    CU_ASSERT_EQUAL(check_with(b, b->max, why, sizeof why), 0);
    CU_ASSERT_EQUAL(check_with(b, b->max + 1, why, sizeof why), GMUX_ERR_INVALID);
    ASSERT_HAS(why, b->name);
    if (b->min == 0) continue;
    CU_ASSERT_EQUAL(check_with(b, b->min - 1, why, sizeof why), GMUX_ERR_INVALID);
    ASSERT_HAS(why, b->name);
  }
}

static void a_time_of_zero_means_never_where_it_makes_sense(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.idle_timeout_ms = 0;
  o.max_idle_ms = 0;
  o.max_age_ms = 0;
  o.validate_after_ms = 0;
  o.keepalive_ms = 0;
  o.suspect_after_ms = GMUX_NEVER_MS;
  o.write_stall_timeout_ms = 0;
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, NULL, 0), 0);
  gmux__h2_config config;
  gmux__settings_h2(&config, &o);
  CU_ASSERT_EQUAL(config.pulse.keepalive_ns, GMUX__PULSE_OFF);
  CU_ASSERT_EQUAL(config.pulse.suspect_ns, GMUX__PULSE_OFF);
  CU_ASSERT_EQUAL(config.write_stall_ns, 0);
}

static void an_ideal_of_zero_is_100_or_the_hard_limit(void) {
  gmux_channel_options o, read;
  gmux_channel_options_init(&o, sizeof o);
  CU_ASSERT_EQUAL_FATAL(gmux__channel_options_read(&read, &o), 0);
  CU_ASSERT_EQUAL(read.ideal_streams, 100);
  o.max_concurrent_streams = 7;
  CU_ASSERT_EQUAL_FATAL(gmux__channel_options_read(&read, &o), 0);
  CU_ASSERT_EQUAL(read.ideal_streams, 7);
  o.ideal_streams = 5;
  CU_ASSERT_EQUAL_FATAL(gmux__channel_options_read(&read, &o), 0);
  CU_ASSERT_EQUAL(read.ideal_streams, 5);
}

static void the_rooms_below_get_what_was_asked(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  gmux__h2_config config;
  gmux__settings_h2(&config, &o);
  CU_ASSERT_EQUAL(config.max_streams, 1000);
  CU_ASSERT_EQUAL(config.pulse.keepalive_ns, 330 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(config.pulse.timeout_ns, 20 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(config.pulse.suspect_ns, 0);
  CU_ASSERT_EQUAL(config.settings_ack_ns, 60 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(config.header_block_ns, 20 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(config.drain_ns, 0);
  CU_ASSERT_EQUAL(config.stream_window_bytes, 262144);
  CU_ASSERT_EQUAL(config.connection_window_bytes, 4194304);
  CU_ASSERT_FALSE(config.is_stream_window_fixed || config.is_connection_window_fixed);
  o.keepalive_timeout_ms = 600000;
  o.drain_timeout_ms = INT32_MAX;
  gmux__settings_h2(&config, &o);
  CU_ASSERT_EQUAL(config.settings_ack_ns, 1200 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(config.drain_ns, INT32_MAX * MS);
  gmux__socket_options socket;
  gmux__settings_socket(&socket, &o);
  CU_ASSERT_EQUAL(socket.user_timeout_ms, 600000);
  CU_ASSERT_EQUAL(socket.keepalive_idle_s, 120);
  gmux__pool_config pool;
  gmux__settings_pool(&pool, &o);
  CU_ASSERT_EQUAL(pool.max_connections, 4);
  CU_ASSERT_EQUAL(pool.burst_after_ns, 100 * MS);
}

/* Each option has a value of its own, so none can be taken for another or left out. */
static void each_number_arrives_where_it_belongs(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.max_concurrent_streams = 1001;
  o.stream_window_bytes = 100002;
  o.connection_window_bytes = 100003;
  o.max_window_bytes = 100004;
  o.max_recv_metadata_bytes = 4004;
  o.keepalive_ms = 5005;
  o.keepalive_timeout_ms = 40006;
  o.keepalive_without_calls = true;
  o.suspect_after_ms = 7007;
  o.reset_burst = 8;
  o.reset_rate_per_s = 9;
  o.chatter_burst = 108;
  o.chatter_rate_per_s = 109;
  o.eager_calls = 10;
  o.drain_timeout_ms = 11011;
  o.write_stall_timeout_ms = 12012;
  o.connection_queue_bytes = 100013;
  o.channel_queue_bytes = 100014;
  o.tcp_keepalive_idle_s = 15;
  o.tcp_keepalive_interval_s = 16;
  o.tcp_keepalive_count = 17;
  o.initial_backoff_ms = 1018;
  o.max_backoff_ms = 1019;
  o.connect_timeout_ms = 1020;
  o.min_connections = 2;
  o.max_connections = 21;
  o.burst_connections = 22;
  o.burst_after_ms = 23;
  gmux__h2_config h2;
  gmux__settings_h2(&h2, &o);
  CU_ASSERT_FALSE(h2.is_server);
  CU_ASSERT_EQUAL(h2.max_streams, 1001);
  CU_ASSERT_EQUAL(h2.stream_window_bytes, 100002);
  CU_ASSERT_EQUAL(h2.connection_window_bytes, 100003);
  CU_ASSERT_EQUAL(h2.max_window_bytes, 100004);
  CU_ASSERT_TRUE(h2.is_stream_window_fixed && h2.is_connection_window_fixed);
  CU_ASSERT_EQUAL(h2.max_header_bytes, 4004);
  CU_ASSERT_EQUAL(h2.pulse.keepalive_ns, 5005 * MS);
  CU_ASSERT_EQUAL(h2.pulse.timeout_ns, 40006 * MS);
  CU_ASSERT_TRUE(h2.pulse.without_calls);
  CU_ASSERT_EQUAL(h2.pulse.suspect_ns, 7007 * MS);
  CU_ASSERT_EQUAL(h2.reset_burst, 8);
  CU_ASSERT_EQUAL(h2.reset_rate_per_s, 9);
  CU_ASSERT_EQUAL(h2.abuse.reset_burst, 0); /* a server resets no more than was asked of it */
  CU_ASSERT_EQUAL(h2.abuse.chatter_burst, 108);
  CU_ASSERT_EQUAL(h2.abuse.chatter_rate_per_s, 109);
  CU_ASSERT_EQUAL(h2.eager_streams, 10);
  CU_ASSERT_EQUAL(h2.drain_ns, 11011 * MS);
  CU_ASSERT_EQUAL(h2.write_stall_ns, 12012 * MS);
  CU_ASSERT_EQUAL(h2.connection_queue_bytes, 100013);
  CU_ASSERT_EQUAL(h2.queue_bytes, 100014);
  CU_ASSERT_EQUAL(h2.settings_ack_ns, 80012 * MS); /* twice the keepalive's timeout */
  gmux__socket_options socket;
  gmux__settings_socket(&socket, &o);
  CU_ASSERT_EQUAL(socket.user_timeout_ms, 40006);
  CU_ASSERT_EQUAL(socket.keepalive_idle_s, 15);
  CU_ASSERT_EQUAL(socket.keepalive_interval_s, 16);
  CU_ASSERT_EQUAL(socket.keepalive_count, 17);
  gmux__backoff_config backoff;
  gmux__settings_backoff(&backoff, &o);
  CU_ASSERT_EQUAL(backoff.initial_ns, 1018 * MS);
  CU_ASSERT_EQUAL(backoff.max_ns, 1019 * MS);
  CU_ASSERT_EQUAL(backoff.min_connect_ns, 1020 * MS);
  gmux__pool_config pool;
  gmux__settings_pool(&pool, &o);
  CU_ASSERT_EQUAL(pool.min_connections, 2);
  CU_ASSERT_EQUAL(pool.max_connections, 21);
  CU_ASSERT_EQUAL(pool.burst_connections, 22);
  CU_ASSERT_EQUAL(pool.burst_after_ns, 23 * MS);
  o.keepalive_ms = 0;
  o.suspect_after_ms = GMUX_NEVER_MS;
  gmux__settings_h2(&h2, &o);
  CU_ASSERT_EQUAL(h2.pulse.keepalive_ns, GMUX__PULSE_OFF);
  CU_ASSERT_EQUAL(h2.pulse.suspect_ns, GMUX__PULSE_OFF);
}

static const char *why_of(const gmux_channel_options *o) {
  static char why[200];
  CU_ASSERT_EQUAL(gmux_channel_options_check(o, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(why, gmux_last_error());
  return why;
}

static void contradictions_are_refused_in_words(void) {
  gmux_channel_options o;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, NULL), 0);
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  o.tls = tls;
  ASSERT_HAS(why_of(&o), "tls and cleartext are both set");
  o.tls = NULL;
  o.tls_host = "x";
  ASSERT_HAS(why_of(&o), "tls_host");
  gmux_channel_options_init(&o, sizeof o);
  o.initial_backoff_ms = 500000;
  ASSERT_HAS(why_of(&o), "initial_backoff_ms 500000 is");
  gmux_channel_options_init(&o, sizeof o);
  o.min_connections = 5;
  ASSERT_HAS(why_of(&o), "min_connections 5 is more than max_connections 4");
  gmux_channel_options_init(&o, sizeof o);
  o.ideal_streams = 1001;
  ASSERT_HAS(why_of(&o), "ideal_streams 1001 is more than max_concurrent_streams 1000");
  gmux_channel_options_init(&o, sizeof o);
  o.pick_order = (gmux_pick_order)2;
  ASSERT_HAS(why_of(&o), "pick_order 2 is neither");
  gmux_channel_options_init(&o, sizeof o);
  o.keepalive_timeout_ms = 0; /* it makes no sense: every PING would find the peer dead */
  ASSERT_HAS(why_of(&o), "keepalive_timeout_ms 0 is not in 100..600000");
  gmux_channel_options_init(&o, sizeof o);
  o.keepalive_ms = 0;
  o.keepalive_without_calls = true;
  ASSERT_HAS(why_of(&o), "keepalive_without_calls is set, but keepalive_ms 0");
  gmux_channel_options_init(&o, sizeof o);
  o.channel_queue_bytes = 65536;
  ASSERT_HAS(why_of(&o), "connection_queue_bytes 4194304 is more than channel_queue_bytes 65536");
  gmux_channel_options_init(&o, sizeof o);
  o.acquire_timeout_ms = 100; /* burst_after_ms is 100 */
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, NULL, 0), 0);
  o.burst_connections = 1;
  ASSERT_HAS(why_of(&o), "burst_after_ms 100 is not less than acquire_timeout_ms 100");
  o.acquire_timeout_ms = 101;
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, NULL, 0), 0);
  gmux_tls_free(tls);
}

static void texts_must_fit_a_header(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.user_agent = "my app/1.0";
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, NULL, 0), 0);
  o.user_agent = "line\nbreak";
  ASSERT_HAS(why_of(&o), "user_agent: byte 0x0a at position 4");
  o.user_agent = " x";
  ASSERT_HAS(why_of(&o), "begins with a space");
  o.user_agent = "";
  ASSERT_HAS(why_of(&o), "user_agent is empty");
  o.user_agent = NULL;
  o.authority = "a b";
  ASSERT_HAS(why_of(&o), "authority: byte 0x20 at position 1");
  o.authority = NULL;
  o.tls_host = "\xc3\xa4.example";
  ASSERT_HAS(why_of(&o), "tls_host: byte 0xc3 at position 0");
}

static void a_calls_message_limit_is_bounded(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  char why[200];
  o.max_recv_message_bytes = INT32_MAX;
  CU_ASSERT_EQUAL(gmux_call_options_check(&o, why, sizeof why), 0);
  o.max_recv_message_bytes = (uint32_t)INT32_MAX + 1;
  CU_ASSERT_EQUAL(gmux_call_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  ASSERT_HAS(why, "max_recv_message_bytes");
}

static const test_case cases[] = {
    TEST(defaults_are_those_of_the_header),
    TEST(the_size_of_a_pointer_is_refused),
    TEST(options_of_which_only_the_size_was_set_are_told_of_init),
    TEST(a_longer_struct_is_taken_as_far_as_it_is_known),
    TEST(a_size_that_was_never_set_is_refused),
    TEST(every_number_is_bounded_and_named_when_wrong),
    TEST(a_time_of_zero_means_never_where_it_makes_sense),
    TEST(an_ideal_of_zero_is_100_or_the_hard_limit),
    TEST(the_rooms_below_get_what_was_asked),
    TEST(each_number_arrives_where_it_belongs),
    TEST(contradictions_are_refused_in_words),
    TEST(texts_must_fit_a_header),
    TEST(a_calls_message_limit_is_bounded),
    TESTS_END,
};

const test_suite client_options_suite = {"options", cases, NULL, NULL};
