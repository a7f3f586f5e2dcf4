/*
 * wire_request_test.c: each malformed request, with what the client is told, on a whole server. The
 * connection stays, and the next request on it is served.
 */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { LIMIT = 100, FIELDS = 32, NONE = -1 };

static uint32_t stream; /* of the row under test */

static void check(bool ok, const char *name, const char *what) {
  if (ok) return;
  printf("# %s: %s\n", name, what);
  CU_ASSERT_TRUE(ok);
}

static void check_text(const char *name, const char *what, const char *is, const char *expected) {
  char words[800];
  snprintf(words, sizeof words, "%s is \"%s\", not \"%s\"", what, is, expected);
  check(strcmp(is, expected) == 0, name, words);
}

static void act_echo(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_HALF_CLOSE) kit_reply_text(call, kit.message);
}

static void serve(void) {
  kit.options.max_recv_message_bytes = LIMIT;
  kit_serve();
  kit_connect();
  kit.act = act_echo;
  stream = 1;
}

/* The connection is as good as ever. */
static void goes_on(const char *name) {
  stream += 2;
  kit_unary(stream, "/t.S/Unary", "fine");
  check_text(name, "the next grpc-status", kit_trailer(stream, "grpc-status"), "0");
  stream += 2;
  check(rawpeer_state(kit.peer) == 0, name, "the connection stays");
}

/* ---- headers ---- */

/* A good request's fields, with `name` replaced, added, or (value "-") left out. */
static void say_request(const char *name, const char *value) {
  static const char *const good[] = {":method", "POST",       ":scheme",      "http",
                                     ":path",   "/t.S/Unary", ":authority",   "a.example",
                                     "te",      "trailers",   "content-type", "application/grpc"};
  const char *pairs[FIELDS];
  size_t n = 0;
  bool is_replaced = false;
  for (size_t i = 0; i < COUNT(good); i += 2) {
    bool is_it = strcmp(good[i], name) == 0;
    is_replaced = is_replaced || is_it;
    if (is_it && strcmp(value, "-") == 0) continue;
    pairs[n++] = good[i];
    pairs[n++] = is_it ? value : good[i + 1];
  }
  if (!is_replaced) {
    pairs[n++] = name;
    pairs[n++] = value;
  }
  pairs[n] = NULL;
  rawpeer_headers(kit.peer, stream, RAW_END_HEADERS, pairs);
}

typedef struct header_row {
  const char *name, *value;
  const char *http_status, *grpc_status, *text;
} header_row;

/* Plain HTTP, which is heard to its end first. */
static bool is_plain(const header_row *r) {
  return strcmp(r->http_status, "405") == 0 || strcmp(r->http_status, "415") == 0;
}

static void end_plain(const char *name) {
  check(rawpeer_count(kit.peer, RAW_ANY, stream) == 0, name, "no answer before the end");
  kit_half_close(stream);
  kit_run();
  check(kit_rst(stream) == NONE, name, "and no RST_STREAM");
}

/* One block with END_STREAM; then, if the request has no end yet, RST_STREAM(NO_ERROR): the client
 * need not go on. */
static void try_refused(const header_row *r) {
  char name[120];
  snprintf(name, sizeof name, "%s: %.80s", r->name, r->value);
  say_request(r->name, r->value);
  kit_run();
  if (is_plain(r)) end_plain(name);
  check(kit_is_trailers_only(stream), name, "one block, and the end");
  check_text(name, ":status", kit_header(stream, ":status"), r->http_status);
  check_text(name, "content-type", kit_header(stream, "content-type"), "application/grpc");
  check_text(name, "grpc-status", kit_header(stream, "grpc-status"), r->grpc_status);
  check_text(name, "grpc-message", kit_header(stream, "grpc-message"), r->text);
  check(is_plain(r) || kit_rst(stream) == GMUX__H2_NO_ERROR, name,
        "RST_STREAM(NO_ERROR) behind it");
  goes_on(name);
}

static void a_request_that_is_no_call_is_refused_with_its_reason(void) {
#define METHOD     "the HTTP method of a gRPC request is POST"
#define TYPE(text) "content-type \"" text "\" is not application/grpc"
#define TIMEOUT    "malformed grpc-timeout"
  static const header_row rows[] = {
      {":method", "GET", "405", "13", METHOD},
      {":method", "PUT", "405", "13", METHOD},
      {":method", "post", "405", "13", METHOD},
      {":path", "/t.S/Nope", "200", "12", "unknown method Nope of service t.S"},
      {":path", "/t.S/unary", "200", "12", "unknown method unary of service t.S"},
      {":path", "/t.X/Unary", "200", "12", "unknown service t.X"},
      {":path", "/T.s/Unary", "200", "12", "unknown service T.s"},
      {":path", "/t.S/Unary/", "200", "12", "malformed path \"/t.S/Unary/\""},
      {":path", "/t.S/Unary?x=1", "200", "12", "unknown method Unary?x=1 of service t.S"},
      {":path", "/t.S", "200", "12", "malformed path \"/t.S\""},
      {":path", "/", "200", "12", "malformed path \"/\""},
      {"content-type", "-", "415", "13", "no content-type; it must be application/grpc"},
      {"content-type", "text/html", "415", "13", TYPE("text/html")},
      {"content-type", "application/json", "415", "13", TYPE("application/json")},
      {"content-type", "application/grpcx", "415", "13", TYPE("application/grpcx")},
      {"content-type", "application/grpc-web", "415", "13", TYPE("application/grpc-web")},
      {"content-type", "", "415", "13", TYPE("")},
      {"grpc-timeout", "", "200", "13", TIMEOUT},
      {"grpc-timeout", "1", "200", "13", TIMEOUT},
      {"grpc-timeout", "S", "200", "13", TIMEOUT},
      {"grpc-timeout", "1s", "200", "13", TIMEOUT},
      {"grpc-timeout", "-1S", "200", "13", TIMEOUT},
      {"grpc-timeout", "+1S", "200", "13", TIMEOUT},
      {"grpc-timeout", "1.5S", "200", "13", TIMEOUT},
      {"grpc-timeout", "1 S", "200", "13", TIMEOUT},
      {"grpc-timeout", "123456789S", "200", "13", TIMEOUT},
      {"grpc-timeout", "0n", "200", "4", "the deadline had passed when the request arrived"},
      {"grpc-timeout", "00000000H", "200", "4", "the deadline had passed when the request arrived"},
      {"grpc-encoding", "snappy", "200", "12", "grpc-encoding \"snappy\" is not supported"},
      {"grpc-encoding", "GZIP", "200", "12", "grpc-encoding \"GZIP\" is not supported"},
      {"grpc-encoding", "", "200", "12", "grpc-encoding \"\" is not supported"},
      {"x-bin", "!", "400", "13", "the value of a -bin header is not base64"},
      {"x-bin", "AAE=,?", "400", "13", "the value of a -bin header is not base64"},
  };
  serve();
  for (size_t i = 0; i < COUNT(rows); i++)
    try_refused(&rows[i]);
}

static void a_refusal_says_what_would_have_been_taken(void) {
  serve();
  say_request(":method", "GET");
  kit_half_close(stream);
  kit_run();
  KIT_STREQ(kit_header(stream, "allow"), "POST");
  goes_on("GET");
  say_request("grpc-encoding", "snappy");
  kit_run();
  KIT_STREQ(kit_header(stream, "grpc-accept-encoding"), "identity,gzip,deflate");
  goes_on("snappy");
}

static void metadata_over_the_limit_is_431(void) {
  static char value[9000];
  memset(value, 'v', sizeof value - 1);
  serve();
  try_refused(&(header_row){"x-large", value, "431", "8",
                            "request metadata is larger than the server accepts (it announces "
                            "SETTINGS_MAX_HEADER_LIST_SIZE)"});
}

/* RFC 9113, 8.1.1: malformed. Nothing of such a request reaches a handler. */
static void a_request_that_http_forbids_is_reset_with_protocol_error(void) {
  static const char *const rows[][2] = {
      {":path", "-"},
      {":path", ""},
      {":method", "-"},
      {":scheme", "-"},
      {"te", "gzip"},
      {"te", "trailers, gzip"},
      {"connection", "close"},
      {"keep-alive", "1"},
      {"proxy-connection", "x"},
      {"upgrade", "h2c"},
      {"Upper-Case", "x"},
      {"transfer-encoding", "chunked"},
      {"x-split", "a\r\nb: c"},
      {"x-line", "a\nb"},
      {":path", "t.S/Unary"},
      {"x y", "1"},
      {":unknown", "1"},
      {":status", "200"},
  };
  serve();
  for (size_t i = 0; i < COUNT(rows); i++) {
    char name[80];
    snprintf(name, sizeof name, "%s: %s", rows[i][0], rows[i][1]);
    kit.order[0] = '\0';
    say_request(rows[i][0], rows[i][1]);
    kit_run();
    check(kit_rst(stream) == GMUX__H2_PROTOCOL_ERROR, name, "RST_STREAM(PROTOCOL_ERROR)");
    check(rawpeer_count(kit.peer, RAW_HEADERS, stream) == 0, name, "and no answer");
    check_text(name, "what handlers saw", kit.order, "");
    memset(kit.order, 0, sizeof kit.order);
    goes_on(name);
    memset(kit.order, 0, sizeof kit.order);
  }
}

static void what_is_odd_and_allowed_is_served(void) {
  static const char *const rows[][2] = {
      {"te", "-"}, /* the protocol says that a client sends it; Go serves those that do not */
      {"content-type", "application/grpc+proto"},
      {"content-type", "application/grpc;charset=utf-8"},
      {"grpc-timeout", "99999999H"},
      {"grpc-encoding", "identity"},
      {"grpc-encoding", "gzip"}, /* and not used */
      {"grpc-accept-encoding", "snappy, nonsense,,"},
      {"grpc-unknown", "1"},
      {"x-bin", "AAE="},
      {"x-bin", "AAE"},
      {"x-bin", ""},
      {"x-bin", "AAE=,AA,AA=="}, /* joined on the way */
      {"x-latin", "\xe4\xf6"},
      {"host", "a.example"},
      {"user-agent", ""},
      {"grpc-message-type", "t.Message"},
      {"grpc-previous-rpc-attempts", "2"},
  };
  serve();
  for (size_t i = 0; i < COUNT(rows); i++) {
    char name[80];
    snprintf(name, sizeof name, "%s: %s", rows[i][0], rows[i][1]);
    say_request(rows[i][0], rows[i][1]);
    kit_message(stream, "odd", true);
    kit_run();
    check_text(name, "grpc-status", kit_trailer(stream, "grpc-status"), "0");
    check_text(name, "the reply", kit_reply(stream, 0) ? kit_reply(stream, 0) : "", "odd");
    goes_on(name);
  }
}

static char authority[32]; /* that a handler was told of */

static void act_note_authority(int event, gmux_server_call *call, gmux_bytes *message) {
  if (event == SAW_CALL)
    snprintf(authority, sizeof authority, "%s", gmux_server_call_authority(call));
  act_echo(event, call, message);
}

/* A proxy that translates HTTP/1.1 may send "host" alone (RFC 9113, 8.3.1). */
static void a_host_stands_for_an_authority_that_is_not_there(void) {
  static const char *const pairs[] = {":method", "POST",       ":scheme",      "http",
                                      ":path",   "/t.S/Unary", "host",         "h.example",
                                      "te",      "trailers",   "content-type", "application/grpc",
                                      NULL};
  serve();
  kit.act = act_note_authority;
  rawpeer_headers(kit.peer, stream, RAW_END_HEADERS, pairs);
  kit_message(stream, "odd", true);
  kit_run();
  KIT_STREQ(kit_trailer(stream, "grpc-status"), "0");
  KIT_STREQ(authority, "h.example");
  goes_on("host");
  KIT_STREQ(authority, "a.example");
}

/* ---- bodies ---- */

typedef struct body_row {
  const char *name;
  const char *path, *more[3];
  const char *bytes;
  size_t len;
  bool is_end;
  const char *grpc_status, *text;
} body_row;

#define BYTES(text) text, sizeof(text) - 1

static void try_body(const body_row *r) {
  kit_request(stream, r->path, false, r->more);
  rawpeer_data(kit.peer, stream, r->is_end ? RAW_END_STREAM : 0, r->bytes, r->len, 0);
  kit_run();
  check(kit_is_ended(stream), r->name, "it ends");
  check_text(r->name, ":status", kit_header(stream, ":status"), "200");
  check_text(r->name, "grpc-status", kit_trailer(stream, "grpc-status"), r->grpc_status);
  check_text(r->name, "grpc-message", kit_trailer(stream, "grpc-message"), r->text);
  check(kit_rst(stream) == (r->is_end ? NONE : GMUX__H2_NO_ERROR), r->name,
        "a client that has not half-closed is asked to stop, and no other");
  goes_on(r->name);
}

static void a_body_that_is_none_is_answered_with_its_reason(void) {
#define NO_ENCODING "a message is marked compressed, but no grpc-encoding was given"
#define ONE         "the method takes one request message, the client sent "
#define FLAG        "a gRPC message starts with byte 0x02; it must be 0 or 1 (compressed)"
  static const body_row rows[] = {
      {"a flag of 2", "/t.S/Unary", {NULL}, BYTES("\2\0\0\0\1x"), true, "13", FLAG},
      {"a flag of 2, while it writes",
       "/t.S/Bidi",
       {NULL},
       BYTES("\2\0\0\0\1x"),
       false,
       "13",
       FLAG},
      {"compressed, no grpc-encoding",
       "/t.S/Unary",
       {NULL},
       BYTES("\1\0\0\0\1x"),
       true,
       "13",
       NO_ENCODING},
      {"compressed with identity",
       "/t.S/Unary",
       {"grpc-encoding", "identity"},
       BYTES("\1\0\0\0\1x"),
       true,
       "13",
       NO_ENCODING},
      {"gzip cut short",
       "/t.S/Unary",
       {"grpc-encoding", "gzip"},
       BYTES("\1\0\0\0\2\x1f\x8b"),
       true,
       "13",
       "a compressed message is cut short"},
      {"over the limit",
       "/t.S/Unary",
       {NULL},
       BYTES("\0\0\0\0\x65"),
       false,
       "8",
       "a message of 101 bytes is over the limit of 100"},
      {"4 GiB",
       "/t.S/Client",
       {NULL},
       BYTES("\0\377\377\377\377"),
       false,
       "8",
       "a message of 4294967295 bytes is over the limit of 100"},
      {"an end where one message belongs", "/t.S/Unary", {NULL}, BYTES(""), true, "13", ONE "none"},
      {"the same, many replies", "/t.S/Server", {NULL}, BYTES(""), true, "13", ONE "none"},
      {"the same, a function", "/t.S/Fn", {NULL}, BYTES(""), true, "13", ONE "none"},
      {"two messages where one belongs",
       "/t.S/Unary",
       {NULL},
       BYTES("\0\0\0\0\1a\0\0\0\0\1b"),
       true,
       "13",
       ONE "another"},
      {"the same, while it writes",
       "/t.S/Fn",
       {NULL},
       BYTES("\0\0\0\0\1a\0\0\0\0\1b"),
       false,
       "13",
       ONE "another"},
      {"an end in the middle of a message",
       "/t.S/Unary",
       {NULL},
       BYTES("\0\0\0\0\5he"),
       true,
       "13",
       "the stream ended in the middle of a message"},
      {"an end in the middle of a prefix",
       "/t.S/Bidi",
       {NULL},
       BYTES("\0\0\0"),
       true,
       "13",
       "the stream ended in the middle of a message"},
  };
  serve();
  for (size_t i = 0; i < COUNT(rows); i++)
    try_body(&rows[i]);
}

static void an_end_in_the_headers_is_a_request_without_a_message(void) {
  static const char *const one[] = {"/t.S/Unary", "/t.S/Server", "/t.S/Fn"};
  serve();
  for (size_t i = 0; i < COUNT(one); i++) {
    kit_request(stream, one[i], true, NULL);
    kit_run();
    check_text(one[i], "grpc-status", kit_trailer(stream, "grpc-status"), "13");
    check_text(one[i], "grpc-message", kit_trailer(stream, "grpc-message"), ONE "none");
    goes_on(one[i]);
  }
  memset(kit.order, 0, sizeof kit.order);
  kit_request(stream, "/t.S/Client", true, NULL); /* which may take none */
  kit_run();
  check_text("/t.S/Client", "grpc-status", kit_trailer(stream, "grpc-status"), "0");
}

static const test_case cases[] = {
    TEST(a_request_that_is_no_call_is_refused_with_its_reason),
    TEST(a_refusal_says_what_would_have_been_taken),
    TEST(metadata_over_the_limit_is_431),
    TEST(a_request_that_http_forbids_is_reset_with_protocol_error),
    TEST(what_is_odd_and_allowed_is_served),
    TEST(a_host_stands_for_an_authority_that_is_not_there),
    TEST(a_body_that_is_none_is_answered_with_its_reason),
    TEST(an_end_in_the_headers_is_a_request_without_a_message),
    TESTS_END,
};

const test_suite wire_request_suite = {"request", cases, kit_setup, kit_teardown};
