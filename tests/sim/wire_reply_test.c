/*
 * wire_reply_test.c: each malformed answer of a server, with what the application hears, and what
 * the server does. Every row is tried on a method that answers with one message and on one that
 * answers with many; the connection and its other calls never suffer.
 */
#include "tests/sim/wire_table.h"
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { LIMIT = 100, NONE = -1, PROTOCOL = 1, INTERNAL = 2, CANCEL = 8 };

typedef struct row {
  const char *name;
  void (*say)(rawpeer *p, uint32_t stream);
  gmux_code code;
  const char *text;
  const char *one, *many; /* what is heard by a method with one reply, and with many; NULL: n/a */
  int rst;                /* the code of our RST_STREAM */
} row;

static void try_on(const row *r, gmux_method_kind kind, const char *log) {
  uint32_t stream;
  char name[160];
  snprintf(name, sizeof name, "%s (%s)", r->name, kind == GMUX_UNARY ? "one reply" : "many");
  if (!log) return;
  tcall *t = table_call(kind, &stream);
  r->say(table_peer, stream);
  w_run();
  table_expect(name, t, r->code, r->text, log);
  table_check(table_rst(stream) == r->rst, name, "RST_STREAM has the right code, or is not sent");
  table_goes_on(name);
}

static void try_all(const row *rows, size_t count) {
  w_options.max_recv_message_bytes = LIMIT;
  table_open();
  for (size_t i = 0; i < count; i++) {
    try_on(&rows[i], GMUX_UNARY, rows[i].one);
    try_on(&rows[i], GMUX_SERVER_STREAMING, rows[i].many);
  }
}

/* ---- what is said ---- */

static void say_block(rawpeer *p, uint32_t stream, uint8_t flags, const char *name,
                      const char *value) {
  const char *const pairs[] = {":status", "200", "content-type", "application/grpc", name,
                               value,     NULL};
  rawpeer_headers(p, stream, flags, pairs);
}

static void say_trailer(rawpeer *p, uint32_t stream, uint8_t flags, const char *name,
                        const char *value) {
  const char *const pairs[] = {name, value, NULL};
  rawpeer_headers(p, stream, flags, pairs);
}

/* Behind good headers. */
static void say_bytes(rawpeer *p, uint32_t stream, const char *bytes, size_t len) {
  w_headers(p, stream);
  rawpeer_data(p, stream, 0, bytes, len, 0);
}

#define SAY_BYTES(p, stream, text) say_bytes(p, stream, text, sizeof(text) - 1)

/* ---- no status, or not where it belongs ---- */

static void end_on_data(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  rawpeer_grpc_message(p, stream, RAW_END_STREAM, "reply", 5);
}

static void end_on_empty_data(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  rawpeer_data(p, stream, RAW_END_STREAM, NULL, 0, 0);
}

static void trailers_without_status(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  say_trailer(p, stream, LAST, "x-trailer", "t");
}

static void one_block_without_status(rawpeer *p, uint32_t stream) {
  say_block(p, stream, LAST, "x-trailer", "t");
}

static void ok_in_the_first_of_two_blocks(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "grpc-status", "0");
  say_trailer(p, stream, LAST, "x-trailer", "t");
}

static void ok_without_a_message(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  w_trailers(p, stream, "0", NULL);
}

static void ok_alone(rawpeer *p, uint32_t stream) {
  say_block(p, stream, LAST, "grpc-status", "0");
}

static void answers_without_a_status_are_told_apart(void) {
  static const row rows[] = {
      {"END_STREAM on DATA", end_on_data, GMUX_INTERNAL,
       "server closed the stream without sending trailers", "H E", "H M5 E", NONE},
      {"END_STREAM on empty DATA", end_on_empty_data, GMUX_INTERNAL,
       "server closed the stream without sending trailers", "H E", "H E", NONE},
      {"trailers without grpc-status", trailers_without_status, GMUX_UNKNOWN,
       "the server's trailers have no grpc-status", "H E", "H E", NONE},
      {"Trailers-Only without grpc-status", one_block_without_status, GMUX_UNKNOWN,
       "the server's trailers have no grpc-status", "E", "E", NONE},
      {"grpc-status in the headers alone", ok_in_the_first_of_two_blocks, GMUX_UNKNOWN,
       "the server's trailers have no grpc-status", "H E", "H E", NONE},
      {"OK without its message", ok_without_a_message, GMUX_INTERNAL, "no message came with OK",
       "H E", NULL, NONE},
      {"OK alone", ok_alone, GMUX_INTERNAL, "no message came with OK", "E", NULL, NONE},
  };
  try_all(rows, COUNT(rows));
}

/* ---- blocks out of order ---- */

static void second_headers(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  say_trailer(p, stream, HEAD, "grpc-status", "0");
}

static void second_headers_after_a_message(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  w_message(p, stream, "reply");
  w_headers(p, stream);
}

static void informational_that_ends(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {":status", "103", NULL};
  rawpeer_headers(p, stream, LAST, pairs);
}

static void headers_without_http_status(rawpeer *p, uint32_t stream) {
  say_trailer(p, stream, HEAD, "content-type", "application/grpc");
}

static void pseudo_header_in_trailers(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  say_block(p, stream, LAST, "grpc-status", "0");
}

static void upper_case_name(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "X-Upper", "1");
}

static void connection_header(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "connection", "close");
}

static void value_with_an_end_of_line(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "x-split", "a\r\nb: c");
}

static void blocks_that_break_a_rule_of_http_end_the_call(void) {
#define FIELD "the peer sent a header field that HTTP/2 does not allow"
#define ORDER "the peer sent headers or data in an order that HTTP/2 does not allow"
  static const row rows[] = {
      {"HEADERS twice", second_headers, GMUX_INTERNAL, ORDER, "H E", "H E", PROTOCOL},
      {"HEADERS again after a message", second_headers_after_a_message, GMUX_INTERNAL, FIELD, "H E",
       "H E", PROTOCOL}, /* what came in one read with it is not told any more */
      {"1xx with END_STREAM", informational_that_ends, GMUX_INTERNAL, ORDER, "E", "E", PROTOCOL},
      {"no :status", headers_without_http_status, GMUX_INTERNAL, ORDER, "E", "E", PROTOCOL},
      {":status in trailers", pseudo_header_in_trailers, GMUX_INTERNAL, FIELD, "H E", "H E",
       PROTOCOL},
      {"an upper-case name", upper_case_name, GMUX_INTERNAL, FIELD, "E", "E", PROTOCOL},
      {"a connection header", connection_header, GMUX_INTERNAL, FIELD, "E", "E", PROTOCOL},
      {"an end of line in a value", value_with_an_end_of_line, GMUX_INTERNAL, FIELD, "E", "E",
       PROTOCOL},
  };
  try_all(rows, COUNT(rows));
}

/* ---- messages ---- */

static void flag_of_two(rawpeer *p, uint32_t stream) {
  SAY_BYTES(p, stream, "\2\0\0\0\1x");
}

static void flag_of_255(rawpeer *p, uint32_t stream) {
  SAY_BYTES(p, stream, "\377\0\0\0\1x");
}

static void compressed_without_encoding(rawpeer *p, uint32_t stream) {
  SAY_BYTES(p, stream, "\1\0\0\0\1x");
}

static void compressed_with_identity(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "grpc-encoding", "identity");
  rawpeer_data(p, stream, 0, "\1\0\0\0\1x", 6, 0);
}

static void compressed_with_snappy(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "grpc-encoding", "snappy");
  rawpeer_data(p, stream, 0, "\1\0\0\0\1x", 6, 0);
}

static void compressed_and_cut(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "grpc-encoding", "gzip");
  rawpeer_data(p, stream, 0, "\1\0\0\0\2\x1f\x8b", 7, 0);
}

static void length_longer_than_what_comes(rawpeer *p, uint32_t stream) {
  SAY_BYTES(p, stream, "\0\0\0\0\5he");
  w_trailers(p, stream, "0", NULL);
}

static void length_longer_and_no_trailers(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  rawpeer_data(p, stream, RAW_END_STREAM, "\0\0\0\0\5he", 7, 0);
}

static void prefix_cut_short(rawpeer *p, uint32_t stream) {
  SAY_BYTES(p, stream, "\0\0\0");
  w_trailers(p, stream, "0", NULL);
}

static void length_over_the_limit(rawpeer *p, uint32_t stream) {
  SAY_BYTES(p, stream, "\0\0\0\0\x65");
}

static void length_of_four_gigabytes(rawpeer *p, uint32_t stream) {
  SAY_BYTES(p, stream, "\0\377\377\377\377");
}

static void second_message(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  w_message(p, stream, "one");
  w_message(p, stream, "two");
}

static void messages_that_are_none_end_the_call_before_they_are_kept(void) {
  static const row rows[] = {
      {"a flag of 2", flag_of_two, GMUX_INTERNAL,
       "a gRPC message starts with byte 0x02; it must be 0 or 1 (compressed)", "H E", "H E",
       INTERNAL},
      {"a flag of 255", flag_of_255, GMUX_INTERNAL,
       "a gRPC message starts with byte 0xff; it must be 0 or 1 (compressed)", "H E", "H E",
       INTERNAL},
      {"compressed, no grpc-encoding", compressed_without_encoding, GMUX_INTERNAL,
       "a message is marked compressed, but no grpc-encoding was given", "H E", "H E", INTERNAL},
      {"compressed with identity", compressed_with_identity, GMUX_INTERNAL,
       "a message is marked compressed, but no grpc-encoding was given", "H E", "H E", INTERNAL},
      {"compressed with snappy", compressed_with_snappy, GMUX_INTERNAL,
       "a message is compressed with \"snappy\", which is not supported", "H E", "H E", CANCEL},
      {"gzip cut short", compressed_and_cut, GMUX_INTERNAL, "a compressed message is cut short",
       "H E", "H E", INTERNAL},
      {"a length that is too long", length_longer_than_what_comes, GMUX_INTERNAL,
       "the stream ended in the middle of a message", "H E", "H E", NONE},
      {"the same without trailers", length_longer_and_no_trailers, GMUX_INTERNAL,
       "the stream ended in the middle of a message", "H E", "H E", NONE},
      {"a prefix cut short", prefix_cut_short, GMUX_INTERNAL,
       "the stream ended in the middle of a message", "H E", "H E", NONE},
      {"a length over the limit", length_over_the_limit, GMUX_RESOURCE_EXHAUSTED,
       "a message of 101 bytes is over the limit of 100", "H E", "H E", CANCEL},
      {"a length of 4 GiB", length_of_four_gigabytes, GMUX_RESOURCE_EXHAUSTED,
       "a message of 4294967295 bytes is over the limit of 100", "H E", "H E", CANCEL},
      {"a second message", second_message, GMUX_INTERNAL,
       "the server sent a second message, where /test.Service/Unary answers with one", "H E", NULL,
       CANCEL},
  };
  try_all(rows, COUNT(rows));
}

/* ---- metadata, and answers that are not gRPC ---- */

static void binary_value_that_is_none(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "x-bin", "!!");
}

static void binary_trailer_that_is_none(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {"grpc-status", "0", "x-bin", "!!", NULL};
  w_headers(p, stream);
  w_message(p, stream, "reply");
  rawpeer_headers(p, stream, LAST, pairs);
}

static void large_headers(rawpeer *p, uint32_t stream) {
  static char value[9000];
  memset(value, 'v', sizeof value - 1);
  say_block(p, stream, HEAD, "x-large", value);
}

static void json(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {":status", "200", "content-type", "application/json", NULL};
  rawpeer_headers(p, stream, HEAD, pairs);
  rawpeer_data(p, stream, RAW_END_STREAM, "{}", 2, 0);
}

static void grpc_web(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {":status", "200", "content-type", "application/grpc-web",
                                      NULL};
  rawpeer_headers(p, stream, HEAD, pairs);
}

static void no_content_type(rawpeer *p, uint32_t stream) {
  say_trailer(p, stream, HEAD, ":status", "200");
}

static void ok_in_an_error_page(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {":status", "503", "content-type", "text/html", "grpc-status",
                                      "0",       NULL};
  rawpeer_headers(p, stream, LAST, pairs);
}

static void answers_of_something_else_are_named(void) {
#define NOT_GRPC "not a gRPC answer: HTTP status 200, "
  static const row rows[] = {
      {"a -bin value that is not base64", binary_value_that_is_none, GMUX_INTERNAL,
       "the server sent a -bin value that is not base64", "E", "E", CANCEL},
      {"the same in trailers", binary_trailer_that_is_none, GMUX_INTERNAL,
       "the server sent a -bin value that is not base64", "H E", "H M5 E", NONE},
      {"metadata over the limit", large_headers, GMUX_RESOURCE_EXHAUSTED,
       "the server's metadata are over max_recv_metadata_bytes (8192)", "E", "E", CANCEL},
      {"JSON", json, GMUX_UNKNOWN, NOT_GRPC "content-type application/json", "E", "E", NONE},
      {"gRPC-Web", grpc_web, GMUX_UNKNOWN, NOT_GRPC "content-type application/grpc-web", "E", "E",
       CANCEL},
      {"no content-type", no_content_type, GMUX_UNKNOWN, NOT_GRPC "no content-type", "E", "E",
       CANCEL},
      {"OK in an error page", ok_in_an_error_page, GMUX_INTERNAL,
       "OK in what is not a gRPC answer: HTTP status 503, content-type text/html", "E", "E", NONE},
  };
  try_all(rows, COUNT(rows));
}

/* ---- what is odd, and allowed ---- */

static void informational_and_more(rawpeer *p, uint32_t stream) {
  static const char *const hints[] = {":status", "103", "link", "x", NULL};
  static const char *const go_on[] = {":status", "100", NULL};
  rawpeer_headers(p, stream, HEAD, go_on);
  rawpeer_headers(p, stream, HEAD, hints);
  w_answer(p, stream, "reply");
}

static void empty_and_padded_data(rawpeer *p, uint32_t stream) {
  w_headers(p, stream);
  rawpeer_data(p, stream, 0, NULL, 0, 0);
  rawpeer_data(p, stream, 0, "\0\0\0\0\5re", 7, 200);
  rawpeer_data(p, stream, 0, NULL, 0, 255);
  rawpeer_data(p, stream, 0, "ply", 3, 1);
  w_trailers(p, stream, "0", NULL);
}

static void content_type_with_parameters(rawpeer *p, uint32_t stream) {
  static const char *const pairs[] = {":status", "200", "content-type",
                                      "application/grpc+proto;charset=utf-8", NULL};
  rawpeer_headers(p, stream, HEAD, pairs);
  w_message(p, stream, "reply");
  w_trailers(p, stream, "0", NULL);
}

static void unknown_encoding_that_is_not_used(rawpeer *p, uint32_t stream) {
  say_block(p, stream, HEAD, "grpc-encoding", "snappy");
  w_message(p, stream, "reply");
  w_trailers(p, stream, "0", NULL);
}

/* Bytes beyond ASCII, padded base64, base64 that a proxy has joined, a header of gRPC's that nobody
 * knows, and a word of another protocol in the trailers. */
static void liberal_metadata(rawpeer *p, uint32_t stream) {
  static const char *const head[] = {":status",          "200",         "content-type",
                                     "application/grpc", "x-latin",     "\xe4\xf6",
                                     "x-pad-bin",        "AAE=",        "x-joined-bin",
                                     "AAE,AA==,",        "x-empty-bin", "",
                                     "grpc-unknown",     "1",           NULL};
  static const char *const tail[] = {"grpc-status", "0", "grpc-unknown", "1", "x-pad-bin",
                                     "AA==",        NULL};
  rawpeer_headers(p, stream, HEAD, head);
  w_message(p, stream, "reply");
  rawpeer_headers(p, stream, LAST, tail);
}

/* 0xfe03 is grpc-core's "true binary" (gRFC G1), the other one nobody's. */
static void settings_that_nobody_knows(rawpeer *p, uint32_t stream) {
  static const uint16_t ids[] = {0xfe03, 0x4711};
  static const uint32_t values[] = {1, 0xffffffff};
  rawpeer_settings(p, 2, ids, values);
  w_answer(p, stream, "reply");
}

static void frames_that_nobody_knows(rawpeer *p, uint32_t stream) {
  rawpeer_frame(p, 0xbe, 0xff, stream, "whatever", 8);
  rawpeer_frame(p, 0xbe, 0, 0, NULL, 0);
  w_answer(p, stream, "reply");
}

static void details_beside_the_message(rawpeer *p, uint32_t stream) {
  static const char *const tail[] = {"grpc-status", "0", "grpc-status-details-bin", "CAA", NULL};
  w_headers(p, stream);
  w_message(p, stream, "reply");
  rawpeer_headers(p, stream, LAST, tail);
}

static void what_is_odd_and_allowed_is_taken(void) {
  static const row rows[] = {
      {"1xx first", informational_and_more, GMUX_OK, "", "H M5 E", "H M5 E", NONE},
      {"empty and padded DATA", empty_and_padded_data, GMUX_OK, "", "H M5 E", "H M5 E", NONE},
      {"a long content-type", content_type_with_parameters, GMUX_OK, "", "H M5 E", "H M5 E", NONE},
      {"liberal metadata", liberal_metadata, GMUX_OK, "", "H M5 E", "H M5 E", NONE},
      {"unknown settings", settings_that_nobody_knows, GMUX_OK, "", "H M5 E", "H M5 E", NONE},
      {"unknown frames", frames_that_nobody_knows, GMUX_OK, "", "H M5 E", "H M5 E", NONE},
      {"details", details_beside_the_message, GMUX_OK, "", "H M5 E", "H M5 E", NONE},
      {"an encoding that is not used", unknown_encoding_that_is_not_used, GMUX_OK, "", "H M5 E",
       "H M5 E", NONE},
  };
  try_all(rows, COUNT(rows));
}

static const test_case cases[] = {
    TEST(answers_without_a_status_are_told_apart),
    TEST(blocks_that_break_a_rule_of_http_end_the_call),
    TEST(messages_that_are_none_end_the_call_before_they_are_kept),
    TEST(answers_of_something_else_are_named),
    TEST(what_is_odd_and_allowed_is_taken),
    TESTS_END,
};

const test_suite wire_reply_suite = {"reply", cases, w_setup, w_teardown};
