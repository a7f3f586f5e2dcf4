/* ring_test.c: the last events of a connection. */
#include "lib/watch/ring.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

static gmux__ring ring;

static void setup(void) {
  memset(&ring, 0, sizeof ring);
}

/* Events whose time and first number say which they are. */
static void add_numbered(int count) {
  for (int i = 0; i < count; i++) {
    uint64_t n = ring.written;
    gmux__ring_add(&ring, n * 1000, GMUX__EVENT_RST_SENT, (int64_t)n, 0);
  }
}

static void an_empty_ring_has_nothing_to_tell(void) {
  CU_ASSERT_EQUAL(gmux__ring_count(&ring), 0);
  CU_ASSERT_PTR_NULL(gmux__ring_at(&ring, 0));
}

static void events_are_read_oldest_first(void) {
  add_numbered(3);
  CU_ASSERT_EQUAL(gmux__ring_count(&ring), 3);
  for (size_t i = 0; i < 3; i++) {
    const gmux__event *e = gmux__ring_at(&ring, i);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL(e->at_ns, i * 1000);
    CU_ASSERT_EQUAL((size_t)e->a, i);
    CU_ASSERT_EQUAL(e->kind, GMUX__EVENT_RST_SENT);
  }
  CU_ASSERT_PTR_NULL(gmux__ring_at(&ring, 3));
  CU_ASSERT_PTR_NULL(gmux__ring_at(&ring, SIZE_MAX));
}

static void a_full_ring_forgets_the_oldest(void) {
  for (int more = 0; more < 100; more++) {
    setup();
    add_numbered(GMUX__RING_EVENTS + more);
    CU_ASSERT_EQUAL(gmux__ring_count(&ring), GMUX__RING_EVENTS);
    for (size_t i = 0; i < GMUX__RING_EVENTS; i++)
      CU_ASSERT_EQUAL((size_t)gmux__ring_at(&ring, i)->a, i + (size_t)more);
    CU_ASSERT_PTR_NULL(gmux__ring_at(&ring, GMUX__RING_EVENTS));
  }
}

static void every_kind_has_a_name_of_its_own(void) {
  for (int a = GMUX__EVENT_NONE; a <= GMUX__EVENT_DIAL_FAILED; a++) {
    const char *name = gmux__event_kind_str((gmux__event_kind)a);
    CU_ASSERT_STRING_NOT_EQUAL(name, "unknown");
    for (int b = GMUX__EVENT_NONE; b < a; b++)
      CU_ASSERT_STRING_NOT_EQUAL(name, gmux__event_kind_str((gmux__event_kind)b));
  }
  CU_ASSERT_STRING_EQUAL(gmux__event_kind_str((gmux__event_kind)99), "unknown");
}

static void each_event_is_told_in_words(void) {
  static const struct {
    gmux__event_kind kind;
    int64_t a, b;
    const char *text;
  } rows[] = {
      {GMUX__EVENT_NONE, 1, 2, "nothing"},
      {GMUX__EVENT_STATE, 3, 0, "state 3"},
      {GMUX__EVENT_CHANNEL_STATE, 2, 0, "channel's state 2"},
      {GMUX__EVENT_CONNECTED, 7, 0, "connected: connection 7"},
      {GMUX__EVENT_LOST, 7, 4, "connection ended: connection 7, cause 4"},
      {GMUX__EVENT_DIAL_FAILED, 0, 1, "attempt to connect failed: cause 1"},
      {GMUX__EVENT_SETTINGS, 100, 65535, "SETTINGS received: 100 streams, window 65535"},
      {GMUX__EVENT_RST_SENT, 7, 8, "RST_STREAM sent: 7, code 8"},
      {GMUX__EVENT_RST_RECEIVED, 9, 7, "RST_STREAM received: 9, code 7"},
      {GMUX__EVENT_GOAWAY_SENT, 2147483647, 0, "GOAWAY sent: last stream 2147483647, code 0"},
      {GMUX__EVENT_GOAWAY_RECEIVED, 7, 11, "GOAWAY received: last stream 7, code 11"},
      {GMUX__EVENT_PING_SENT, 0, 0, "PING sent"},
      {GMUX__EVENT_PING_ACKED, 1234, 0, "PING acknowledged after 1234 us"},
      {GMUX__EVENT_PING_RECEIVED, 0, 0, "PING received"},
      {GMUX__EVENT_SUSPECT, 500000, 0, "suspect: 500000 us without a byte"},
      {GMUX__EVENT_TRUSTED, 600000, 0, "trusted again: 600000 us without a byte"},
      {GMUX__EVENT_EOF, 0, 0, "end of input"},
      {GMUX__EVENT_IO_ERROR, -GMUX_ERR_TLS, 0, "input/output error: TLS error"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[128];
    const gmux__event event = {.kind = rows[i].kind, .a = rows[i].a, .b = rows[i].b};
    gmux__event_str(&event, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, rows[i].text);
  }
}

static void the_text_is_cut_to_fit_and_always_ends(void) {
  const gmux__event longest = {.kind = GMUX__EVENT_GOAWAY_RECEIVED, .a = INT64_MIN, .b = INT64_MIN};
  static const char whole[] = "GOAWAY received: last stream -9223372036854775808, code "
                              "-9223372036854775808";
  char text[sizeof whole + 2];
  for (size_t len = 0; len <= sizeof whole + 1; len++) {
    memset(text, '#', sizeof text);
    gmux__event_str(&longest, text, len);
    CU_ASSERT_EQUAL(text[len], '#');
    if (len == 0) continue;
    size_t expected = len < sizeof whole ? len - 1 : sizeof whole - 1;
    CU_ASSERT_EQUAL(strlen(text), expected);
    CU_ASSERT_EQUAL(memcmp(text, whole, expected), 0);
  }
}

static const test_case cases[] = {TEST(an_empty_ring_has_nothing_to_tell),
                                  TEST(events_are_read_oldest_first),
                                  TEST(a_full_ring_forgets_the_oldest),
                                  TEST(every_kind_has_a_name_of_its_own),
                                  TEST(each_event_is_told_in_words),
                                  TEST(the_text_is_cut_to_fit_and_always_ends),
                                  TESTS_END};
const test_suite watch_ring_suite = {"ring", cases, setup, NULL};
