/* options_test.c: a server's options. */
#include "lib/server/options.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stddef.h>
#include <string.h>

static gmux_server_options fresh(void) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  return o;
}

static void the_defaults_are_those_of_the_header_and_are_valid(void) {
  gmux_server_options o = fresh();
  CU_ASSERT_EQUAL(o.size, sizeof o);
  CU_ASSERT_EQUAL(o.max_recv_message_bytes, 4194304);
  CU_ASSERT_EQUAL(o.max_send_message_bytes, 2147483647);
  CU_ASSERT_EQUAL(o.max_recv_metadata_bytes, 8192);
  CU_ASSERT_EQUAL(o.write_queue_bytes, 65536);
  CU_ASSERT_EQUAL(o.stream_window_bytes, 0);
  CU_ASSERT_EQUAL(o.connection_window_bytes, 0);
  CU_ASSERT_EQUAL(o.max_concurrent_streams, 100);
  CU_ASSERT_EQUAL(o.max_connections, 10000);
  CU_ASSERT_EQUAL(o.handshake_timeout_ms, 120000);
  CU_ASSERT_EQUAL(o.max_handshaking, 1000);
  CU_ASSERT_EQUAL(o.min_ping_interval_ms, 300000);
  CU_ASSERT_FALSE(o.permit_pings_without_calls);
  CU_ASSERT_EQUAL(o.max_ping_strikes, 2);
  CU_ASSERT_EQUAL(o.keepalive_ms, 7200000);
  CU_ASSERT_EQUAL(o.keepalive_timeout_ms, 20000);
  CU_ASSERT_EQUAL(o.tcp_keepalive_idle_s, 120);
  CU_ASSERT_EQUAL(o.tcp_keepalive_interval_s, 20);
  CU_ASSERT_EQUAL(o.tcp_keepalive_count, 3);
  CU_ASSERT_EQUAL(o.write_stall_timeout_ms, 60000);
  CU_ASSERT_EQUAL(o.max_connection_idle_ms, 0);
  CU_ASSERT_EQUAL(o.max_connection_age_ms, 0);
  CU_ASSERT_EQUAL(o.max_connection_age_grace_ms, 0);
  CU_ASSERT_EQUAL(o.reset_burst, 500);
  CU_ASSERT_EQUAL(o.reset_rate_per_s, 25);
  CU_ASSERT_EQUAL(o.connection_queue_bytes, 4194304);
  CU_ASSERT_EQUAL(o.server_queue_bytes, 268435456);
  CU_ASSERT_EQUAL(o.max_held_calls, 400);
  CU_ASSERT_EQUAL(o.max_server_held_calls, 10000);
  CU_ASSERT_EQUAL(o.request_stall_timeout_ms, 300000);
  CU_ASSERT_EQUAL(o.max_window_bytes, 16777216);
  CU_ASSERT_EQUAL(o.max_memory_bytes, 0);
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, NULL, 0), 0);
}

#define ROW(field, min, max)                                                                       \
  { #field, offsetof(gmux_server_options, field), min, max, false }
#define ROW_OR_ZERO(field, min, max)                                                               \
  { #field, offsetof(gmux_server_options, field), min, max, true }

static const struct row {
  const char *name;
  size_t offset;
  uint32_t min, max;
  bool or_zero;
} rows[] = {
    ROW(max_recv_message_bytes, 0, 2147483647),
    ROW(max_send_message_bytes, 0, 2147483647),
    ROW(max_recv_metadata_bytes, 1024, 1048576),
    ROW(write_queue_bytes, 1024, 1073741824),
    ROW_OR_ZERO(stream_window_bytes, 65535, 2147483647),
    ROW_OR_ZERO(connection_window_bytes, 65535, 2147483647),
    ROW(max_concurrent_streams, 1, 1000000),
    ROW(max_connections, 1, 1000000),
    ROW(handshake_timeout_ms, 100, 3600000),
    ROW(max_handshaking, 1, 1000000),
    ROW(min_ping_interval_ms, 0, 2147483647),
    ROW_OR_ZERO(max_ping_strikes, 1, 1000),
    ROW_OR_ZERO(keepalive_ms, 1000, 2147483647),
    ROW(keepalive_timeout_ms, 100, 600000),
    ROW_OR_ZERO(tcp_keepalive_idle_s, 1, 32767),
    ROW(tcp_keepalive_interval_s, 1, 32767),
    ROW(tcp_keepalive_count, 1, 127),
    ROW_OR_ZERO(write_stall_timeout_ms, 1000, 2147483647),
    ROW_OR_ZERO(max_connection_idle_ms, 1000, 2147483647),
    ROW_OR_ZERO(max_connection_age_ms, 1000, 2147483647),
    ROW_OR_ZERO(max_connection_age_grace_ms, 1, 2147483647),
    ROW(reset_burst, 1, 1000000),
    ROW(reset_rate_per_s, 1, 1000000),
    ROW(connection_queue_bytes, 65536, 2147483647),
    ROW(server_queue_bytes, 65536, 2147483647),
    ROW(max_held_calls, 0, 1000000),
    ROW(max_server_held_calls, 1, 1000000),
    ROW_OR_ZERO(client_reset_burst, 1, 1000000),
    ROW(client_reset_rate_per_s, 1, 1000000),
    ROW_OR_ZERO(chatter_burst, 100, 1000000),
    ROW(chatter_rate_per_s, 1, 1000000),
    ROW_OR_ZERO(request_stall_timeout_ms, 1000, 2147483647),
    ROW_OR_ZERO(max_window_bytes, 65535, 2147483647),
    ROW_OR_ZERO(max_memory_bytes, 1048576, 2147483647),
};

/* The rest of it such that no value contradicts another. */
static void check_value(const struct row *row, uint32_t value, bool is_good) {
  gmux_server_options o = fresh();
  o.connection_queue_bytes = 65536;
  o.server_queue_bytes = 2147483647;
  o.max_connection_age_ms = 1000;
  memcpy((char *)&o + row->offset, &value, sizeof value);
  char why[200] = "";
  int rv = gmux_server_options_check(&o, why, sizeof why);
  CU_ASSERT_EQUAL(rv, is_good ? 0 : GMUX_ERR_INVALID);
  if (!is_good) CU_ASSERT_PTR_NOT_NULL(strstr(why, row->name));
}

static void each_option_is_held_to_both_its_bounds_and_named_when_over(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    check_value(&rows[i], rows[i].min, true);
    check_value(&rows[i], rows[i].max, true);
    check_value(&rows[i], rows[i].max + 1, false);
    /* 0 - 1 is over the maximum */
    check_value(&rows[i], rows[i].min - 1, rows[i].or_zero && rows[i].min == 1);
    if (rows[i].min > 0) check_value(&rows[i], 0, rows[i].or_zero);
  }
}

static void what_contradicts_is_refused_with_both_names(void) {
  char why[300];
  gmux_server_options o = fresh();
  o.max_connection_age_grace_ms = 1000;
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "max_connection_age_grace_ms 1000"));
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "max_connection_age_ms, which is 0"));
  o.max_connection_age_ms = 1000;
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, NULL, 0), 0);
  o = fresh();
  o.connection_queue_bytes = 100001;
  o.server_queue_bytes = 100000;
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "connection_queue_bytes 100001"));
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "server_queue_bytes 100000"));
  o.server_queue_bytes = 100001;
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, NULL, 0), 0);
}

static void a_program_of_version_0_1_has_the_defaults_for_what_it_does_not_know(void) {
  gmux_server_options given, o;
  memset(&given, 0xff, sizeof given);
  gmux_server_options_init(&given,
                           offsetof(gmux_server_options, handshake_timeout_ms) + sizeof(uint32_t));
  given.max_connections = 7;
  CU_ASSERT_EQUAL(gmux__server_options_read(&o, &given), 0);
  CU_ASSERT_EQUAL(o.max_connections, 7);
  CU_ASSERT_EQUAL(o.max_handshaking, 1000);
  CU_ASSERT_EQUAL(o.server_queue_bytes, 268435456);
}

/* ---- what they mean below ---- */

static void h2_is_told_all_that_it_enforces(void) {
  gmux_server_options o = fresh();
  o.permit_pings_without_calls = true;
  gmux__h2_config c = gmux__server_h2_config(&o);
  CU_ASSERT_TRUE(c.is_server);
  CU_ASSERT_EQUAL(c.max_streams, 100);
  CU_ASSERT_EQUAL(c.max_header_bytes, 8192);
  CU_ASSERT_EQUAL(c.pulse.keepalive_ns, 7200 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(c.pulse.timeout_ns, 20 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(c.pulse.suspect_ns, GMUX__PULSE_OFF);
  CU_ASSERT_TRUE(c.pulse.without_calls);
  CU_ASSERT_EQUAL(c.strikes.min_interval_ns, 300 * GMUX__NS_PER_S);
  CU_ASSERT_TRUE(c.strikes.permit_without_calls);
  CU_ASSERT_EQUAL(c.strikes.max_strikes, 2);
  CU_ASSERT_EQUAL(c.abuse.reset_burst, 1000);
  CU_ASSERT_EQUAL(c.abuse.reset_rate_per_s, 200);
  CU_ASSERT_EQUAL(c.abuse.chatter_burst, 10000);
  CU_ASSERT_EQUAL(c.abuse.chatter_rate_per_s, 1000);
  CU_ASSERT_EQUAL(c.reset_burst, 500);
  CU_ASSERT_EQUAL(c.reset_rate_per_s, 25);
  CU_ASSERT_EQUAL(c.settings_ack_ns, 60 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(c.header_block_ns, 20 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(c.write_stall_ns, 60 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(c.body_stall_ns, 300 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(c.connection_queue_bytes, 4194304);
  CU_ASSERT_EQUAL(c.queue_bytes, 268435456);
  CU_ASSERT_EQUAL(c.max_memory_bytes, 0);
  o.max_memory_bytes = 1048576;
  o.keepalive_ms = 0;
  o.keepalive_timeout_ms = 600000;
  o.write_stall_timeout_ms = 0;
  o.request_stall_timeout_ms = 0;
  o.min_ping_interval_ms = 2147483647;
  c = gmux__server_h2_config(&o);
  CU_ASSERT_EQUAL(c.pulse.keepalive_ns, GMUX__PULSE_OFF);
  CU_ASSERT_EQUAL(c.settings_ack_ns, 1200 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(c.write_stall_ns, 0);
  CU_ASSERT_EQUAL(c.body_stall_ns, 0);
  CU_ASSERT_EQUAL(c.max_memory_bytes, 1048576);
  CU_ASSERT_EQUAL(c.strikes.min_interval_ns, 2147483647 * GMUX__NS_PER_MS);
}

static void the_user_timeout_is_that_of_the_keepalive_where_there_is_one(void) {
  gmux_server_options o = fresh();
  gmux__socket_options s = gmux__server_socket_options(&o);
  CU_ASSERT_EQUAL(s.user_timeout_ms, 20000);
  CU_ASSERT_EQUAL(s.keepalive_idle_s, 120);
  CU_ASSERT_EQUAL(s.keepalive_interval_s, 20);
  CU_ASSERT_EQUAL(s.keepalive_count, 3);
  o.keepalive_ms = 0;
  o.tcp_keepalive_idle_s = 0;
  s = gmux__server_socket_options(&o);
  CU_ASSERT_EQUAL(s.user_timeout_ms, 0);
  CU_ASSERT_EQUAL(s.keepalive_idle_s, 0);
}

static void the_size_of_a_pointer_is_refused(void) {
  gmux_server_options o, *p = &o;
  gmux_server_options_init(p, sizeof p);
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, NULL, 0), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "gmux_server_options_init(&o, sizeof o)"));
  o = (gmux_server_options){.size = sizeof o};
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, NULL, 0), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "max_recv_metadata_bytes 0"));
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "gmux_server_options_init(&o, sizeof o)"));
}

static void what_a_newer_program_knows_is_cleared_by_init_and_passed_over(void) {
  struct {
    gmux_server_options o;
    uint64_t later;
  } newer;
  memset(&newer, 0xff, sizeof newer);
  gmux_server_options_init(&newer.o, sizeof newer);
  CU_ASSERT_EQUAL(newer.o.size, sizeof newer);
  CU_ASSERT_EQUAL(newer.later, 0);
  CU_ASSERT_EQUAL(gmux_server_options_check(&newer.o, NULL, 0), 0);
}

static void options_without_a_size_or_none_are_refused(void) {
  char why[200] = "";
  CU_ASSERT_EQUAL(gmux_server_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "NULL"));
  gmux_server_options zero = {0};
  CU_ASSERT_EQUAL(gmux_server_options_check(&zero, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "gmux_server_options_init"));
  gmux_server_options_init(NULL, 100); /* nothing to do */
}

static void a_sentence_that_does_not_fit_is_cut(void) {
  gmux_server_options o = fresh();
  o.max_connections = 0;
  char why[8];
  memset(why, 'x', sizeof why);
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(strlen(why), sizeof why - 1);
}

static const test_case cases[] = {
    TEST(the_defaults_are_those_of_the_header_and_are_valid),
    TEST(each_option_is_held_to_both_its_bounds_and_named_when_over),
    TEST(what_contradicts_is_refused_with_both_names),
    TEST(a_program_of_version_0_1_has_the_defaults_for_what_it_does_not_know),
    TEST(h2_is_told_all_that_it_enforces),
    TEST(the_user_timeout_is_that_of_the_keepalive_where_there_is_one),
    TEST(the_size_of_a_pointer_is_refused),
    TEST(what_a_newer_program_knows_is_cleared_by_init_and_passed_over),
    TEST(options_without_a_size_or_none_are_refused),
    TEST(a_sentence_that_does_not_fit_is_cut),
    TESTS_END,
};

const test_suite server_options_suite = {.name = "options", .cases = cases};
