#include "lib/client/request.h"
#include "tests/unit/client/world.h"
#include <gmux/version.h>
#include <stdio.h>
#include <string.h>

/* "name: value\n" of each field. */
static const char *shown(const gmux__field *fields, size_t count) {
  static char text[2048];
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < count; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%.*s: %.*s\n",
                             (int)fields[i].name_len, (const char *)fields[i].name,
                             (int)fields[i].value_len, (const char *)fields[i].value);
  return text;
}

static void the_order_is_that_of_the_protocol(void) {
  gmux__request r;
  gmux_method *m;
  gmux_metadata *md;
  CU_ASSERT_EQUAL_FATAL(gmux__request_init(&r, true, "greeter.example", "my-app/2", "identity,lz"),
                        0);
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&m, "/pkg.Greeter/Hi", GMUX_UNARY, 0), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  gmux_metadata_add(md, "x-b", "2");
  gmux_metadata_add(md, "x-a", "1");
  gmux_metadata_add_bin(md, "x-bin", "\x00\xff\x10", 3);
  gmux_metadata_add(md, "x-b", "3");
  gmux__field fields[GMUX__REQUEST_FIELDS + 4];
  size_t count = gmux__request_fields(&r, m, "1500m", "lz", md, fields);
  CU_ASSERT_EQUAL(count, GMUX__REQUEST_FIELDS + 4);
  CU_ASSERT_STRING_EQUAL(shown(fields, count), ":method: POST\n"
                                               ":scheme: https\n"
                                               ":path: /pkg.Greeter/Hi\n"
                                               ":authority: greeter.example\n"
                                               "grpc-timeout: 1500m\n"
                                               "te: trailers\n"
                                               "content-type: application/grpc\n"
                                               "user-agent: my-app/2 grpc-c-gmux/" GMUX_VERSION "\n"
                                               "grpc-encoding: lz\n"
                                               "grpc-accept-encoding: identity,lz\n"
                                               "x-b: 2\n"
                                               "x-a: 1\n"
                                               "x-bin: AP8Q\n"
                                               "x-b: 3\n");
  gmux_metadata_free(md);
  gmux_method_free(m);
  gmux__request_deinit(&r);
}

static void what_was_not_asked_for_is_not_sent(void) {
  gmux__request r;
  gmux_method *m;
  CU_ASSERT_EQUAL_FATAL(gmux__request_init(&r, false, "localhost", NULL, "identity"), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&m, "/s/m", GMUX_UNARY, 0), 0);
  gmux__field fields[GMUX__REQUEST_FIELDS];
  size_t count = gmux__request_fields(&r, m, NULL, NULL, NULL, fields);
  CU_ASSERT_STRING_EQUAL(shown(fields, count), ":method: POST\n"
                                               ":scheme: http\n"
                                               ":path: /s/m\n"
                                               ":authority: localhost\n"
                                               "te: trailers\n"
                                               "content-type: application/grpc\n"
                                               "user-agent: grpc-c-gmux/" GMUX_VERSION "\n"
                                               "grpc-accept-encoding: identity\n");
  gmux_method_free(m);
  gmux__request_deinit(&r);
}

static const test_case cases[] = {
    TEST(the_order_is_that_of_the_protocol),
    TEST(what_was_not_asked_for_is_not_sent),
    TESTS_END,
};

const test_suite client_request_suite = {"request", cases, NULL, NULL};
