/*
 * wire_status_test.c: from what a server or a proxy says to the status that an application sees:
 * each row of gRPC's three maps (grpc-status, HTTP status, RST_STREAM code), over the wire.
 */
#include "tests/sim/wire_table.h"
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- grpc-status ---- */

static void expect_status(const char *status, const char *message, gmux_code code,
                          const char *text) {
  static const gmux_method_kind kinds[] = {GMUX_UNARY, GMUX_SERVER_STREAMING};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    uint32_t stream;
    tcall *t = table_call(kinds[i], &stream);
    w_headers(table_peer, stream);
    w_message(table_peer, stream, "reply");
    w_trailers(table_peer, stream, status, message);
    w_run();
    bool has_reply = kinds[i] != GMUX_UNARY || code == GMUX_OK; /* else it is dropped */
    table_expect(status, t, code, text, has_reply ? "H M5 E" : "H E");
  }
}

static void each_code_of_grpc_arrives_with_its_text(void) {
  table_open();
  for (int code = GMUX_OK; code <= GMUX_UNAUTHENTICATED; code++) {
    char status[8];
    snprintf(status, sizeof status, "%d", code);
    /* OK needs no words, and none are shown. */
    const char *text = code == GMUX_OK ? "" : "in its words";
    expect_status(status, "in its%20words", (gmux_code)code, text);
  }
  table_goes_on("codes");
}

static void a_status_that_is_none_is_unknown_with_the_servers_words(void) {
  static const char *const rows[] = {"17",  "99", "-1",  "+1",        "00",
                                     "0x0", "OK", "1.0", "4294967296"};
  table_open();
  for (size_t i = 0; i < COUNT(rows); i++)
    expect_status(rows[i], "words", GMUX_UNKNOWN, "words");
  table_goes_on("codes that are none");
}

static void a_message_that_is_coded_wrongly_is_shown_as_it_is(void) {
  table_open();
  expect_status("2", "100%", GMUX_UNKNOWN, "100%");
  expect_status("2", "%zz%4", GMUX_UNKNOWN, "%zz%4");
  expect_status("2", "%E2%98%BA %0D%0A%09", GMUX_UNKNOWN, "\xe2\x98\xba \r\n\t");
  expect_status("2", "%FF%fe", GMUX_UNKNOWN, "\xef\xbf\xbd\xef\xbf\xbd"); /* no UTF-8: U+FFFD */
  table_goes_on("messages");
}

/* ---- HTTP status ---- */

static const struct {
  const char *http_status;
  gmux_code code;
} http_rows[] = {
    {"200", GMUX_UNKNOWN},     {"204", GMUX_UNKNOWN},           {"301", GMUX_UNKNOWN},
    {"302", GMUX_UNKNOWN},     {"400", GMUX_INTERNAL},          {"401", GMUX_UNAUTHENTICATED},
    {"402", GMUX_UNKNOWN},     {"403", GMUX_PERMISSION_DENIED}, {"404", GMUX_UNIMPLEMENTED},
    {"405", GMUX_UNKNOWN},     {"408", GMUX_UNKNOWN},           {"413", GMUX_UNKNOWN},
    {"415", GMUX_UNKNOWN},     {"429", GMUX_UNAVAILABLE},       {"431", GMUX_UNKNOWN},
    {"500", GMUX_UNKNOWN},     {"501", GMUX_UNKNOWN},           {"502", GMUX_UNAVAILABLE},
    {"503", GMUX_UNAVAILABLE}, {"504", GMUX_UNAVAILABLE},       {"505", GMUX_UNKNOWN},
    {"599", GMUX_UNKNOWN},     {"999", GMUX_UNKNOWN},
};

static void a_proxys_error_page_has_its_http_statuss_code_and_is_named(void) {
  table_open();
  for (size_t i = 0; i < COUNT(http_rows); i++) {
    const char *name = http_rows[i].http_status;
    const char *const page[] = {":status", name, "content-type", "text/html", NULL};
    char text[128];
    snprintf(text, sizeof text, "not a gRPC answer: HTTP status %s, content-type text/html", name);
    uint32_t stream;
    tcall *t = table_call(GMUX_UNARY, &stream);
    rawpeer_headers(table_peer, stream, HEAD, page);
    rawpeer_data(table_peer, stream, RAW_END_STREAM, "<html>", 6, 0);
    w_run();
    table_expect(name, t, http_rows[i].code, text, "E");
    table_goes_on(name);
  }
}

static void an_http_error_of_one_block_says_the_same(void) {
  table_open();
  for (size_t i = 0; i < COUNT(http_rows); i++) {
    const char *name = http_rows[i].http_status;
    const char *const block[] = {":status", name, NULL};
    char text[128];
    snprintf(text, sizeof text, "not a gRPC answer: HTTP status %s, no content-type", name);
    uint32_t stream;
    tcall *t = table_call(GMUX_SERVER_STREAMING, &stream);
    rawpeer_headers(table_peer, stream, LAST, block);
    w_run();
    table_expect(name, t, http_rows[i].code, text, "E");
    table_check(table_rst(stream) == -1, name, "it has ended in good order");
  }
  table_goes_on("errors of one block");
}

static void a_grpc_status_counts_more_than_the_http_status(void) {
  table_open();
  for (size_t i = 0; i < COUNT(http_rows); i++) {
    const char *name = http_rows[i].http_status;
    const char *const block[] = {":status",          name,          "content-type",
                                 "application/grpc", "grpc-status", "5",
                                 "grpc-message",     "not here",    NULL};
    uint32_t stream;
    tcall *t = table_call(GMUX_UNARY, &stream);
    rawpeer_headers(table_peer, stream, LAST, block);
    w_run();
    table_expect(name, t, GMUX_NOT_FOUND, "not here", "E");
  }
  table_goes_on("both statuses");
}

/* ---- RST_STREAM ---- */

static const struct {
  uint32_t h2_code;
  const char *name;
  gmux_code code;
} rst_rows[] = {
    {0, "NO_ERROR", GMUX_INTERNAL},
    {1, "PROTOCOL_ERROR", GMUX_INTERNAL},
    {2, "INTERNAL_ERROR", GMUX_INTERNAL},
    {3, "FLOW_CONTROL_ERROR", GMUX_INTERNAL},
    {4, "SETTINGS_TIMEOUT", GMUX_INTERNAL},
    {5, "STREAM_CLOSED", GMUX_INTERNAL},
    {6, "FRAME_SIZE_ERROR", GMUX_INTERNAL},
    {7, "REFUSED_STREAM", GMUX_UNAVAILABLE},
    {8, "CANCEL", GMUX_CANCELLED},
    {9, "COMPRESSION_ERROR", GMUX_INTERNAL},
    {10, "CONNECT_ERROR", GMUX_INTERNAL},
    {11, "ENHANCE_YOUR_CALM", GMUX_RESOURCE_EXHAUSTED},
    {12, "INADEQUATE_SECURITY", GMUX_PERMISSION_DENIED},
    {13, "HTTP_1_1_REQUIRED", GMUX_INTERNAL},
    {14, "unknown code", GMUX_INTERNAL},
    {0xffffffff, "unknown code", GMUX_INTERNAL},
};

enum phase { BEFORE_HEADERS, AFTER_HEADERS, AFTER_MESSAGE, PHASES };

static void each_code_of_rst_stream_has_its_status_wherever_it_comes(void) {
  static const char *const logs[PHASES] = {"E", "H E", "H M5 E"};
  table_open();
  for (size_t i = 0; i < PHASES * COUNT(rst_rows); i++) {
    size_t row = i / PHASES, phase = i % PHASES;
    char text[128];
    snprintf(text, sizeof text, "the server reset the stream: %s (%u)", rst_rows[row].name,
             rst_rows[row].h2_code);
    uint32_t stream;
    tcall *t = table_call(GMUX_SERVER_STREAMING, &stream);
    if (phase >= AFTER_HEADERS) w_headers(table_peer, stream);
    if (phase >= AFTER_MESSAGE) w_message(table_peer, stream, "reply");
    rawpeer_rst(table_peer, stream, rst_rows[row].h2_code);
    w_run();
    table_expect(rst_rows[row].name, t, rst_rows[row].code, text, logs[phase]);
    table_check(table_rst(stream) == -1, rst_rows[row].name, "a reset is not answered with one");
  }
  table_goes_on("resets");
}

/* After the last word it says only that the server reads no more. */
static void no_reset_changes_a_status_that_has_come(void) {
  table_open();
  for (size_t i = 0; i < COUNT(rst_rows); i++) {
    uint32_t stream;
    tcall *t = table_call(GMUX_UNARY, &stream);
    w_answer(table_peer, stream, "reply");
    rawpeer_rst(table_peer, stream, rst_rows[i].h2_code);
    w_run();
    table_expect(rst_rows[i].name, t, GMUX_OK, "", "H M5 E");
  }
  table_goes_on("resets after the end");
}

static const test_case cases[] = {
    TEST(each_code_of_grpc_arrives_with_its_text),
    TEST(a_status_that_is_none_is_unknown_with_the_servers_words),
    TEST(a_message_that_is_coded_wrongly_is_shown_as_it_is),
    TEST(a_proxys_error_page_has_its_http_statuss_code_and_is_named),
    TEST(an_http_error_of_one_block_says_the_same),
    TEST(a_grpc_status_counts_more_than_the_http_status),
    TEST(each_code_of_rst_stream_has_its_status_wherever_it_comes),
    TEST(no_reset_changes_a_status_that_has_come),
    TESTS_END,
};

const test_suite wire_status_suite = {"status", cases, w_setup, w_teardown};
