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
  CU_ASSERT_EQUAL(o.stream_window_bytes, 262144);
  CU_ASSERT_EQUAL(o.connection_window_bytes, 4194304);
  CU_ASSERT_EQUAL(o.max_concurrent_streams, 100);
  CU_ASSERT_EQUAL(o.max_waiting, 100000);
  CU_ASSERT_EQUAL(o.initial_backoff_ms, 1000);
  CU_ASSERT_EQUAL(o.max_backoff_ms, 120000);
  CU_ASSERT_EQUAL(o.connect_timeout_ms, 20000);
  CU_ASSERT_EQUAL(o.idle_timeout_ms, 1800000);
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
    BOUND(max_recv_message_bytes, 0, INT32_MAX),   BOUND(max_send_message_bytes, 0, INT32_MAX),
    BOUND(max_recv_metadata_bytes, 1024, 1048576), BOUND(write_queue_bytes, 1024, 1073741824),
    BOUND(stream_window_bytes, 65535, INT32_MAX),  BOUND(connection_window_bytes, 65535, INT32_MAX),
    BOUND(max_concurrent_streams, 1, 1000000),     BOUND(max_waiting, 0, INT32_MAX),
    BOUND(initial_backoff_ms, 100, 120000), /* its maximum here: max_backoff_ms */
    BOUND(max_backoff_ms, 1000, 86400000),  /* its minimum here: initial_backoff_ms */
    BOUND(connect_timeout_ms, 100, 3600000),       BOUND(idle_timeout_ms, 1000, INT32_MAX),
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

static void an_idle_timeout_of_zero_means_never(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.idle_timeout_ms = 0;
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, NULL, 0), 0);
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
    TEST(an_idle_timeout_of_zero_means_never),
    TEST(contradictions_are_refused_in_words),
    TEST(texts_must_fit_a_header),
    TEST(a_calls_message_limit_is_bounded),
    TESTS_END,
};

const test_suite client_options_suite = {"options", cases, NULL, NULL};
