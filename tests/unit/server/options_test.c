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
  CU_ASSERT_EQUAL(o.stream_window_bytes, 262144);
  CU_ASSERT_EQUAL(o.connection_window_bytes, 4194304);
  CU_ASSERT_EQUAL(o.max_concurrent_streams, 100);
  CU_ASSERT_EQUAL(o.max_connections, 10000);
  CU_ASSERT_EQUAL(o.handshake_timeout_ms, 120000);
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, NULL, 0), 0);
}

static void each_option_is_held_to_both_its_bounds_and_named_when_over(void) {
  static const struct {
    const char *name;
    size_t offset;
    uint32_t min, max;
  } rows[] = {
      {"max_recv_message_bytes", offsetof(gmux_server_options, max_recv_message_bytes), 0,
       2147483647},
      {"max_send_message_bytes", offsetof(gmux_server_options, max_send_message_bytes), 0,
       2147483647},
      {"max_recv_metadata_bytes", offsetof(gmux_server_options, max_recv_metadata_bytes), 1024,
       1048576},
      {"write_queue_bytes", offsetof(gmux_server_options, write_queue_bytes), 1024, 1073741824},
      {"stream_window_bytes", offsetof(gmux_server_options, stream_window_bytes), 65535,
       2147483647},
      {"connection_window_bytes", offsetof(gmux_server_options, connection_window_bytes), 65535,
       2147483647},
      {"max_concurrent_streams", offsetof(gmux_server_options, max_concurrent_streams), 1, 1000000},
      {"max_connections", offsetof(gmux_server_options, max_connections), 1, 1000000},
      {"handshake_timeout_ms", offsetof(gmux_server_options, handshake_timeout_ms), 100, 3600000},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct {
      uint32_t value;
      bool is_good;
    } tries[] = {{rows[i].min, true},
                 {rows[i].max, true},
                 {rows[i].max + 1, false},
                 {rows[i].min - 1, false}}; /* 0 - 1 is over the maximum */
    for (size_t t = 0; t < sizeof tries / sizeof *tries; t++) {
      gmux_server_options o = fresh();
      memcpy((char *)&o + rows[i].offset, &tries[t].value, sizeof(uint32_t));
      char why[200] = "";
      int rv = gmux_server_options_check(&o, why, sizeof why);
      CU_ASSERT_EQUAL(rv, tries[t].is_good ? 0 : GMUX_ERR_INVALID);
      if (!tries[t].is_good) CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i].name));
    }
  }
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
    TEST(the_size_of_a_pointer_is_refused),
    TEST(what_a_newer_program_knows_is_cleared_by_init_and_passed_over),
    TEST(options_without_a_size_or_none_are_refused),
    TEST(a_sentence_that_does_not_fit_is_cut),
    TESTS_END,
};

const test_suite server_options_suite = {.name = "options", .cases = cases};
