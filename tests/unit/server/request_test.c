/* request_test.c: which requests are calls, row by row. */
#include "lib/server/request.h"
#include "tests/unit/harness.h"
#include <stdio.h>
#include <string.h>

static gmux__methods methods;
static const gmux__method *served;

static void setup(void) {
  methods = (gmux__methods){0};
  gmux__method method = {.kind = GMUX_UNARY};
  CU_ASSERT_EQUAL_FATAL(gmux__methods_add(&methods, "/p.S/M", &method), 0);
  served = gmux__methods_find(&methods, "/p.S/M");
}

static void teardown(void) {
  gmux__methods_deinit(&methods);
}

typedef struct row {
  const char *fields[16]; /* name, value, ... instead of those of a good request */
  bool is_call;
  const char *http_status; /* NULL: 200 */
  gmux_code code;
  const char *text; /* is part of it */
  bool offers_encodings;
} row;

enum { LIMIT = 1024 };

static void head_fill(gmux__head *head, const char *const *fields) {
  static const char *const good[] = {":method", "POST",         ":path",
                                     "/p.S/M",  "content-type", "application/grpc"};
  gmux__head_init(head);
  for (size_t i = 0; i < sizeof good / sizeof *good; i += 2) {
    const char *value = good[i + 1];
    for (const char *const *f = fields; *f; f += 2)
      if (strcmp(*f, good[i]) == 0) value = NULL; /* the row has its own, or "-" for none */
    if (value)
      gmux__head_field(head, LIMIT, (const uint8_t *)good[i], strlen(good[i]),
                       (const uint8_t *)value, strlen(value));
  }
  for (const char *const *f = fields; *f; f += 2)
    if (f[1][0] != '-' || f[1][1])
      gmux__head_field(head, LIMIT, (const uint8_t *)f[0], strlen(f[0]), (const uint8_t *)f[1],
                       strlen(f[1]));
}

static void check(const row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    gmux__head head;
    head_fill(&head, rows[i].fields);
    gmux__verdict v;
    gmux__request_judge(&v, &head, &methods);
    CU_ASSERT_PTR_EQUAL(v.method, rows[i].is_call ? served : NULL);
    if (!rows[i].is_call) {
      CU_ASSERT_EQUAL(v.code, rows[i].code);
      CU_ASSERT_STRING_EQUAL(v.http_status ? v.http_status : "200",
                             rows[i].http_status ? rows[i].http_status : "200");
      CU_ASSERT_PTR_NOT_NULL(strstr(v.text, rows[i].text));
      CU_ASSERT_EQUAL(v.offers_encodings, rows[i].offers_encodings);
    }
    gmux__head_deinit(&head);
  }
}

#define CHECK(rows) check(rows, sizeof rows / sizeof *rows)

/* In the rows below "-" leaves a field out. */

static void what_a_grpc_client_sends_is_a_call(void) {
  static const row rows[] = {
      {{NULL}, .is_call = true},
      {{"te", "trailers"}, .is_call = true},
      {{"content-type", "application/grpc+proto"}, .is_call = true},
      {{"content-type", "application/grpc;charset=utf-8"}, .is_call = true},
      {{"grpc-timeout", "1S"}, .is_call = true},
      {{"grpc-timeout", "99999999H"}, .is_call = true},
      {{"grpc-encoding", "identity"}, .is_call = true},
      {{"grpc-encoding", "gzip"}, .is_call = true},
      {{"grpc-encoding", "deflate"}, .is_call = true},
      {{"x-bin", "AAE"}, .is_call = true},
  };
  CHECK(rows);
}

static void what_is_no_grpc_request_is_refused_in_http_too(void) {
  static const row rows[] = {
      {{":method", "GET"}, .http_status = "405", .code = GMUX_INTERNAL, .text = "POST"},
      {{":method", "PUT"}, .http_status = "405", .code = GMUX_INTERNAL, .text = "POST"},
      {{"content-type", "-"}, .http_status = "415", .code = GMUX_INTERNAL, .text = "content-type"},
      {{"content-type", "text/html"},
       .http_status = "415",
       .code = GMUX_INTERNAL,
       .text = "\"text/html\""},
      {{"content-type", "application/grpcx"},
       .http_status = "415",
       .code = GMUX_INTERNAL,
       .text = "application/grpcx"},
      {{"x-bin", "!"}, .http_status = "400", .code = GMUX_INTERNAL, .text = "base64"},
  };
  CHECK(rows);
}

static void an_unknown_path_is_unimplemented_and_names_the_half_that_is_wrong(void) {
  static const row rows[] = {
      {{":path", "/p.S/X"}, .code = GMUX_UNIMPLEMENTED, .text = "unknown method X of service p.S"},
      {{":path", "/p.T/M"}, .code = GMUX_UNIMPLEMENTED, .text = "unknown service p.T"},
      {{":path", "/p.S"}, .code = GMUX_UNIMPLEMENTED, .text = "malformed path \"/p.S\""},
      {{":path", "*"}, .code = GMUX_UNIMPLEMENTED, .text = "malformed path \"*\""},
      {{":path", "-"}, .code = GMUX_UNIMPLEMENTED, .text = "malformed path \"\""},
  };
  CHECK(rows);
}

static void a_call_that_cannot_be_carried_out_is_refused_with_its_reason(void) {
  static const row rows[] = {
      {{"grpc-timeout", "1"}, .code = GMUX_INTERNAL, .text = "malformed grpc-timeout"},
      {{"grpc-timeout", "123456789S"}, .code = GMUX_INTERNAL, .text = "malformed grpc-timeout"},
      {{"grpc-timeout", "0n"}, .code = GMUX_DEADLINE_EXCEEDED, .text = "deadline"},
      {{"grpc-encoding", "snappy"},
       .code = GMUX_UNIMPLEMENTED,
       .text = "\"snappy\"",
       .offers_encodings = true},
  };
  CHECK(rows);
}

static void metadata_over_the_limit_is_431_and_memory_that_ran_out_is_said(void) {
  char large[LIMIT + 1];
  memset(large, 'x', LIMIT);
  large[LIMIT] = '\0';
  row too_large = {{"x", large},
                   .http_status = "431",
                   .code = GMUX_RESOURCE_EXHAUSTED,
                   .text = "SETTINGS_MAX_HEADER_LIST_SIZE"};
  check(&too_large, 1);

  gmux__head head = {.is_out_of_memory = true, .is_too_large = true};
  gmux__verdict v;
  gmux__request_judge(&v, &head, &methods);
  CU_ASSERT_PTR_NULL(v.method);
  CU_ASSERT_EQUAL(v.code, GMUX_RESOURCE_EXHAUSTED);
  CU_ASSERT_PTR_NULL(v.http_status);
}

static void a_long_path_is_cut_in_the_words(void) {
  char path[600];
  memset(path, 'x', sizeof path);
  path[0] = path[300] = '/';
  path[sizeof path - 1] = '\0';
  row rows[] = {{{":path", path}, .code = GMUX_UNIMPLEMENTED, .text = "unknown service xxx"}};
  CHECK(rows);
}

static const test_case cases[] = {
    TEST(what_a_grpc_client_sends_is_a_call),
    TEST(what_is_no_grpc_request_is_refused_in_http_too),
    TEST(an_unknown_path_is_unimplemented_and_names_the_half_that_is_wrong),
    TEST(a_call_that_cannot_be_carried_out_is_refused_with_its_reason),
    TEST(metadata_over_the_limit_is_431_and_memory_that_ran_out_is_said),
    TEST(a_long_path_is_cut_in_the_words),
    TESTS_END,
};

const test_suite server_request_suite = {
    .name = "request", .cases = cases, .setup = setup, .teardown = teardown};
