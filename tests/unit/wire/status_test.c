/* status_test.c: the maps row by row, and status objects. */
#include "lib/wire/status.h"
#include "tests/unit/harness.h"
#include <string.h>

static void codes_have_grpcs_names_and_numbers(void) {
  static const char *const names[] = {"OK",
                                      "CANCELLED",
                                      "UNKNOWN",
                                      "INVALID_ARGUMENT",
                                      "DEADLINE_EXCEEDED",
                                      "NOT_FOUND",
                                      "ALREADY_EXISTS",
                                      "PERMISSION_DENIED",
                                      "RESOURCE_EXHAUSTED",
                                      "FAILED_PRECONDITION",
                                      "ABORTED",
                                      "OUT_OF_RANGE",
                                      "UNIMPLEMENTED",
                                      "INTERNAL",
                                      "UNAVAILABLE",
                                      "DATA_LOSS",
                                      "UNAUTHENTICATED"};
  CU_ASSERT_EQUAL(sizeof names / sizeof *names, GMUX_UNAUTHENTICATED + 1);
  for (int code = 0; code <= GMUX_UNAUTHENTICATED; code++)
    CU_ASSERT_STRING_EQUAL(gmux_code_str((gmux_code)code), names[code]);
  CU_ASSERT_STRING_EQUAL(gmux_code_str((gmux_code)17), "UNKNOWN");
}

static void h2_codes_have_the_rfcs_names(void) {
  static const char *const names[] = {"NO_ERROR",
                                      "PROTOCOL_ERROR",
                                      "INTERNAL_ERROR",
                                      "FLOW_CONTROL_ERROR",
                                      "SETTINGS_TIMEOUT",
                                      "STREAM_CLOSED",
                                      "FRAME_SIZE_ERROR",
                                      "REFUSED_STREAM",
                                      "CANCEL",
                                      "COMPRESSION_ERROR",
                                      "CONNECT_ERROR",
                                      "ENHANCE_YOUR_CALM",
                                      "INADEQUATE_SECURITY",
                                      "HTTP_1_1_REQUIRED"};
  for (uint32_t code = 0; code < 14; code++)
    CU_ASSERT_STRING_EQUAL(gmux__h2_code_str(code), names[code]);
  CU_ASSERT_STRING_EQUAL(gmux__h2_code_str(14), "unknown code");
  CU_ASSERT_STRING_EQUAL(gmux__h2_code_str(UINT32_MAX), "unknown code");
}

static void grpc_status_is_a_plain_decimal(void) {
  static const struct {
    const char *text;
    bool parses;
    gmux_code code;
  } rows[] = {{"0", true, GMUX_OK},
              {"1", true, GMUX_CANCELLED},
              {"9", true, GMUX_FAILED_PRECONDITION},
              {"10", true, GMUX_ABORTED},
              {"16", true, GMUX_UNAUTHENTICATED},
              {"17", true, GMUX_UNKNOWN},
              {"99", true, GMUX_UNKNOWN},
              {"160", true, GMUX_UNKNOWN},
              {"4294967296", true, GMUX_UNKNOWN}, /* 2^32 is not 0 */
              {"18446744073709551616", true, GMUX_UNKNOWN},
              {"10000000000000000000000000000000000000000", true, GMUX_UNKNOWN},
              {"", false, GMUX_UNKNOWN},
              {"00", false, GMUX_UNKNOWN},
              {"01", false, GMUX_UNKNOWN},
              {"-1", false, GMUX_UNKNOWN},
              {"+1", false, GMUX_UNKNOWN},
              {" 1", false, GMUX_UNKNOWN},
              {"1 ", false, GMUX_UNKNOWN},
              {"1.0", false, GMUX_UNKNOWN},
              {"0x1", false, GMUX_UNKNOWN},
              {"OK", false, GMUX_UNKNOWN},
              {"1:", false, GMUX_UNKNOWN},
              {"1/", false, GMUX_UNKNOWN},
              {"999999x", false, GMUX_UNKNOWN}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gmux_code code = GMUX_DATA_LOSS;
    CU_ASSERT_EQUAL(gmux__status_parse((const uint8_t *)rows[i].text, strlen(rows[i].text), &code),
                    rows[i].parses);
    CU_ASSERT_EQUAL(code, rows[i].code);
  }
}

static void every_code_parses_to_itself(void) {
  for (int number = 0; number <= GMUX_UNAUTHENTICATED; number++) {
    uint8_t text[2] = {(uint8_t)('0' + number / 10), (uint8_t)('0' + number % 10)};
    gmux_code code;
    size_t skip = number < 10;
    CU_ASSERT_TRUE(gmux__status_parse(text + skip, 2 - skip, &code));
    CU_ASSERT_EQUAL((int)code, number);
  }
}

static void every_http_status_has_its_grpc_status(void) {
  static const struct {
    int http;
    gmux_code code;
  } rows[] = {{400, GMUX_INTERNAL},      {401, GMUX_UNAUTHENTICATED}, {403, GMUX_PERMISSION_DENIED},
              {404, GMUX_UNIMPLEMENTED}, {429, GMUX_UNAVAILABLE},     {502, GMUX_UNAVAILABLE},
              {503, GMUX_UNAVAILABLE},   {504, GMUX_UNAVAILABLE}};
  for (int http = -1; http < 1000; http++) {
    gmux_code expected = GMUX_UNKNOWN; /* 200 and all others */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
      if (rows[i].http == http) expected = rows[i].code;
    CU_ASSERT_EQUAL(gmux__status_from_http(http), expected);
  }
}

static void every_reset_code_has_its_grpc_status(void) {
  static const gmux_code rows[] = {
      GMUX_INTERNAL,           /* NO_ERROR */
      GMUX_INTERNAL,           /* PROTOCOL_ERROR */
      GMUX_INTERNAL,           /* INTERNAL_ERROR */
      GMUX_INTERNAL,           /* FLOW_CONTROL_ERROR */
      GMUX_INTERNAL,           /* SETTINGS_TIMEOUT */
      GMUX_INTERNAL,           /* STREAM_CLOSED */
      GMUX_INTERNAL,           /* FRAME_SIZE_ERROR */
      GMUX_UNAVAILABLE,        /* REFUSED_STREAM */
      GMUX_CANCELLED,          /* CANCEL */
      GMUX_INTERNAL,           /* COMPRESSION_ERROR */
      GMUX_INTERNAL,           /* CONNECT_ERROR */
      GMUX_RESOURCE_EXHAUSTED, /* ENHANCE_YOUR_CALM */
      GMUX_PERMISSION_DENIED,  /* INADEQUATE_SECURITY */
      GMUX_INTERNAL,           /* HTTP_1_1_REQUIRED */
      GMUX_INTERNAL            /* unknown */
  };
  for (uint32_t code = 0; code < sizeof rows / sizeof *rows; code++)
    CU_ASSERT_EQUAL(gmux__status_from_h2(code), rows[code]);
  CU_ASSERT_EQUAL(gmux__status_from_h2(UINT32_MAX), GMUX_INTERNAL);
}

static void a_status_keeps_copies_of_its_texts(void) {
  char message[] = "no such user", bytes[] = "\x08\x05\0x";
  gmux_bytes details = gmux_bytes_borrow(bytes, 4);
  gmux_status status = gmux_status_make(GMUX_NOT_FOUND, message, &details);
  memset(message, 'x', sizeof message - 1);
  memset(bytes, 'x', sizeof bytes - 1);
  CU_ASSERT_EQUAL(status.code, GMUX_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(status.message, "no such user");
  CU_ASSERT_EQUAL_FATAL(status.details.len, 4);
  CU_ASSERT_EQUAL(memcmp(status.details.data, "\x08\x05\0x", 4), 0);
  gmux_status copy = gmux_status_copy(&status);
  gmux_status_clear(&status);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(status.message, "");
  CU_ASSERT_EQUAL(status.details.len, 0);
  CU_ASSERT_STRING_EQUAL(copy.message, "no such user");
  CU_ASSERT_EQUAL(memcmp(copy.details.data, "\x08\x05\0x", 4), 0);
  gmux_status_clear(&copy);
  gmux_status_clear(&copy);
  gmux_status_clear(NULL);
}

static void a_status_may_have_one_of_its_texts_or_both(void) {
  gmux_bytes details = gmux_bytes_borrow("d", 1);
  gmux_status status = gmux_status_make(GMUX_INTERNAL, "m", &details);
  CU_ASSERT_STRING_EQUAL(status.message, "m");
  CU_ASSERT_EQUAL(status.details.len, 1);
  gmux_status_clear(&status);
  status = gmux_status_make(GMUX_INTERNAL, NULL, &details);
  CU_ASSERT_STRING_EQUAL(status.message, "");
  CU_ASSERT_EQUAL(status.details.len, 1);
  gmux_status_clear(&status);
  status = gmux_status_make(GMUX_INTERNAL, "m", NULL);
  CU_ASSERT_STRING_EQUAL(status.message, "m");
  CU_ASSERT_EQUAL(status.details.len, 0);
  gmux_status_clear(&status);
}

static void ok_and_bare_codes_cost_nothing(void) {
  size_t calls = test_alloc_calls();
  gmux_bytes details = gmux_bytes_borrow("d", 1);
  gmux_status ok = gmux_status_make(GMUX_OK, "well done", &details);
  CU_ASSERT_STRING_EQUAL(ok.message, "");
  CU_ASSERT_EQUAL(ok.details.len, 0);
  gmux_status bare = gmux_status_make(GMUX_ABORTED, "", NULL);
  CU_ASSERT_EQUAL(bare.code, GMUX_ABORTED);
  CU_ASSERT_STRING_EQUAL(bare.message, "");
  CU_ASSERT_EQUAL(gmux_status_copy(NULL).code, GMUX_OK);
  gmux_status zero = {0}; /* never filled */
  CU_ASSERT_STRING_EQUAL(gmux_status_copy(&zero).message, "");
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
}

static void a_number_that_is_no_code_becomes_unknown(void) {
  CU_ASSERT_EQUAL(gmux_status_make((gmux_code)16, NULL, NULL).code, GMUX_UNAUTHENTICATED);
  CU_ASSERT_EQUAL(gmux_status_make((gmux_code)17, NULL, NULL).code, GMUX_UNKNOWN);
  CU_ASSERT_EQUAL(gmux_status_make((gmux_code)-1, NULL, NULL).code, GMUX_UNKNOWN);
}

static void without_memory_the_code_stays(void) {
  gmux_bytes details = gmux_bytes_borrow("d", 1);
  test_alloc_fail_at(1);
  gmux_status status = gmux_status_make(GMUX_DATA_LOSS, "gone", &details);
  CU_ASSERT_TRUE(test_alloc_has_failed());
  CU_ASSERT_EQUAL(status.code, GMUX_DATA_LOSS);
  CU_ASSERT_STRING_EQUAL(status.message, "");
  CU_ASSERT_EQUAL(status.details.len, 0);
  gmux_status_clear(&status);
}

static const test_case cases[] = {
    TEST(codes_have_grpcs_names_and_numbers),    TEST(h2_codes_have_the_rfcs_names),
    TEST(grpc_status_is_a_plain_decimal),        TEST(every_code_parses_to_itself),
    TEST(every_http_status_has_its_grpc_status), TEST(every_reset_code_has_its_grpc_status),
    TEST(a_status_keeps_copies_of_its_texts),    TEST(a_status_may_have_one_of_its_texts_or_both),
    TEST(ok_and_bare_codes_cost_nothing),        TEST(a_number_that_is_no_code_becomes_unknown),
    TEST(without_memory_the_code_stays),         TESTS_END};
const test_suite wire_status_suite = {"status", cases, NULL, NULL};
