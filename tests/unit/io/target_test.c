/* target_test.c: every form of a target, and every kind of mistake with the words it gets. */
#include "lib/base/fail.h"
#include "lib/io/target.h"
#include "tests/unit/harness.h"
#include <stdio.h>
#include <string.h>

typedef struct good {
  const char *text, *authority, *host;
  uint16_t port;
  const char *addresses; /* as text, with spaces between; NULL: needs DNS */
} good;

static void addresses_join(const gmux__target *t, char *out, size_t len) {
  out[0] = '\0';
  for (size_t i = 0; i < t->address_count; i++) {
    char one[GMUX__ADDRESS_TEXT];
    size_t n = strlen(out);
    snprintf(out + n, len - n, "%s%s", i ? " " : "", gmux__address_str(&t->addresses[i], one));
  }
}

static void expect_good(const good *g, int rv, gmux__target *t) {
  char joined[4 * GMUX__ADDRESS_TEXT], what[300];
  snprintf(what, sizeof what, "%s is a target", g->text);
  CU_assertImplementation(rv == 0, __LINE__, what, __FILE__, "", CU_FALSE);
  if (rv) return;
  CU_ASSERT_STRING_EQUAL(t->authority, g->authority);
  CU_ASSERT_STRING_EQUAL(t->host, g->host);
  CU_ASSERT_EQUAL(t->port, g->port);
  CU_ASSERT_EQUAL(t->needs_dns, !g->addresses);
  addresses_join(t, joined, sizeof joined);
  CU_ASSERT_STRING_EQUAL(joined, g->addresses ? g->addresses : "");
  gmux__target_deinit(t);
  CU_ASSERT_PTR_NULL(t->host);
}

static void expect_all_good(const good *g, size_t count) {
  for (size_t i = 0; i < count; i++) {
    gmux__target t = {.host = NULL};
    int rv = gmux__target_parse(&t, g[i].text);
    expect_good(&g[i], rv, &t);
  }
}

static void names_are_for_dns(void) {
  static const good table[] = {
      {"greeter.example:50051", "greeter.example:50051", "greeter.example", 50051, NULL},
      {"greeter.example", "greeter.example", "greeter.example", 443, NULL},
      {"localhost:1", "localhost:1", "localhost", 1, NULL},
      {"dns:greeter.example:80", "greeter.example:80", "greeter.example", 80, NULL},
      {"dns:greeter.example", "greeter.example", "greeter.example", 443, NULL},
      {"dns:///greeter.example:65535", "greeter.example:65535", "greeter.example", 65535, NULL},
      {"DNS:///Greeter.Example:443", "Greeter.Example:443", "Greeter.Example", 443, NULL},
      {"greeter.example.:80", "greeter.example:80", "greeter.example.", 80, NULL},
      {"dns:///db.", "db", "db.", 443, NULL},
      {"my_service-1:80", "my_service-1:80", "my_service-1", 80, NULL},
      {"xds:80", "xds:80", "xds", 80, NULL}, /* a machine of that name */
      {"xds", "xds", "xds", 443, NULL},
      {"foo:1", "foo:1", "foo", 1, NULL},
      {"a:00080", "a:80", "a", 80, NULL},
      {"1.2.3.4.example", "1.2.3.4.example", "1.2.3.4.example", 443, NULL},
  };
  expect_all_good(table, sizeof table / sizeof *table);
}

static void literal_addresses_need_no_dns(void) {
  static const good table[] = {
      {"1.2.3.4:80", "1.2.3.4:80", "1.2.3.4", 80, "ipv4:1.2.3.4:80"},
      {"1.2.3.4", "1.2.3.4", "1.2.3.4", 443, "ipv4:1.2.3.4:443"},
      {"dns:///1.2.3.4:80", "1.2.3.4:80", "1.2.3.4", 80, "ipv4:1.2.3.4:80"},
      {"[::1]:80", "[::1]:80", "::1", 80, "ipv6:[::1]:80"},
      {"[::1]", "[::1]", "::1", 443, "ipv6:[::1]:443"},
      {"::1", "[::1]", "::1", 443, "ipv6:[::1]:443"},
      {"2001:db8::5:80", "[2001:db8::5:80]", "2001:db8::5:80", 443, "ipv6:[2001:db8::5:80]:443"},
      {"[fe80::1%1]:80", "[fe80::1]:80", "fe80::1%1", 80, "ipv6:[fe80::1%1]:80"},
      {"ipv4:1.2.3.4:80", "1.2.3.4:80", "1.2.3.4", 80, "ipv4:1.2.3.4:80"},
      {"ipv4:1.2.3.4:80,5.6.7.8:81,9.9.9.9", "1.2.3.4:80", "1.2.3.4", 80,
       "ipv4:1.2.3.4:80 ipv4:5.6.7.8:81 ipv4:9.9.9.9:443"},
      {"ipv6:[::1]:80,[::2]:81,::3", "[::1]:80", "::1", 80,
       "ipv6:[::1]:80 ipv6:[::2]:81 ipv6:[::3]:443"},
      {"ipv6:::1", "[::1]", "::1", 443, "ipv6:[::1]:443"},
  };
  expect_all_good(table, sizeof table / sizeof *table);
}

static void unix_sockets_are_localhost(void) {
  static const good table[] = {
      {"unix:/run/x.sock", "localhost", "localhost", 0, "unix:/run/x.sock"},
      {"unix:x.sock", "localhost", "localhost", 0, "unix:x.sock"},
      {"unix:a b:c", "localhost", "localhost", 0, "unix:a b:c"},
      {"unix:///run/x.sock", "localhost", "localhost", 0, "unix:/run/x.sock"},
      {"UNIX:x", "localhost", "localhost", 0, "unix:x"},
      {"unix-abstract:a/b:c", "localhost", "localhost", 0, "unix-abstract:a/b:c"},
  };
  expect_all_good(table, sizeof table / sizeof *table);
}

static void a_unix_name_may_have_107_bytes(void) {
  char text[200];
  gmux__target t;
  snprintf(text, sizeof text, "unix:%0107d", 0);
  CU_ASSERT_EQUAL(gmux__target_parse(&t, text), 0);
  gmux__target_deinit(&t);
  snprintf(text, sizeof text, "unix:%0108d", 0);
  CU_ASSERT_EQUAL(gmux__target_parse(&t, text), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(gmux_last_error(), "108 bytes long, a Unix socket's is at most 107"));
}

/* ---- mistakes ---- */

typedef struct bad {
  const char *text, *why;
} bad;

static void expect_all_bad(const bad *b, size_t count, int error,
                           int (*parse)(gmux__target *, const char *)) {
  for (size_t i = 0; i < count; i++) {
    gmux__target t = {.port = 7};
    int rv = parse(&t, b[i].text);
    char what[700];
    snprintf(what, sizeof what, "%s: expected %d \"%s\", got %d \"%s\"", b[i].text, error, b[i].why,
             rv, gmux_last_error());
    CU_assertImplementation(rv == error && strstr(gmux_last_error(), b[i].why), __LINE__, what,
                            __FILE__, "", CU_FALSE);
    CU_assertImplementation(!b[i].text || !*b[i].text || strstr(gmux_last_error(), b[i].text),
                            __LINE__, "the sentence quotes the text", __FILE__, "", CU_FALSE);
    CU_ASSERT_EQUAL(t.port, 7); /* untouched */
  }
}

static void mistakes_are_explained(void) {
  static const bad table[] = {
      {NULL, "target is NULL: write host:port"},
      {"", "target is empty: write host:port"},
      {":80", "no host before the port"},
      {"dns:", "no host given"},
      {"dns:///", "no host given"},
      {"dns:///:80", "no host before the port"},
      {"dns:/host:80", "dns:///host:port"},
      {"host:", "nothing after the colon"},
      {"host:0", "port 0 is not in 1..65535"},
      {"host:65536", "port 65536 is not in 1..65535"},
      {"host:99999999999999999999", "is not in 1..65535"},
      {"host:-1", "port \"-1\" is not a number"},
      {"host: 80", "port \" 80\" is not a number"},
      {"host:80 ", "is not a number"},
      {"host:http", "port \"http\" is not a number"},
      {"host:80/path", "is not a number"},
      {"foo:bar:1", "more than one colon"},
      {"::1::2:80", "more than one colon"},
      {"2001:db8::1:zzz", "more than one colon"},
      {"[::1", "the bracket is not closed"},
      {"[::1]80", "only :port can follow the closing bracket"},
      {"[::1]:", "nothing after the colon"},
      {"[::1]:0", "port 0"},
      {"[]:80", "in the brackets is not an IPv6 address"},
      {"[host]:80", "\"host\" in the brackets is not an IPv6 address"},
      {"[1.2.3.4]:80", "brackets are for IPv6 addresses only"},
      {"::1]:80", "more than one colon"},
      {"my host:80", "no spaces"},
      {" host:80", "no spaces"},
      {"host\n:80", "control characters"},
      {"h\xc3\xb6st:80", "xn--"},
      {"/run/x.sock", "unix:/path"},
      {"./x.sock", "unix:/path"},
      {"host/path", "no slash"},
      {"user@host:80", "'@' can't be part of a host"},
      {"1.2.3.4:80,5.6.7.8:80", "several addresses need a scheme"},
      {"1.2.3.4,5.6.7.8", "ipv4:1.2.3.4:80,5.6.7.8:80"},
      {"a..b:80", "empty part between its dots"},
      {".a:80", "empty part"},
      {".", "empty part"},
      {"1.2.3:80", "\"1.2.3\" is not an IPv4 address"},
      {"1.2.3.4.5:80", "is not an IPv4 address"},
      {"256.0.0.1:80", "is not an IPv4 address"},
      {"12345", "is not an IPv4 address"},
      {"1.2.3.4.", "is not an IPv4 address"},
      {"ipv4:", "no host given"},
      {"ipv4:host:80", "\"host\" is not an IPv4 address"},
      {"ipv4:[::1]:80", "\"::1\" is not an IPv4 address"},
      {"ipv4:[1.2.3.4]:80", "is not an IPv4 address"},
      {"ipv4:1.2.3.4:80,", "no host given"},
      {"ipv4:1.2.3.4:80,,5.6.7.8:80", "no host given"},
      {"ipv4:1.2.3.4:80, 5.6.7.8:80", "\" 5.6.7.8\" is not an IPv4 address"},
      {"ipv4:1.2.3.4:80,5.6.7.8:0", "port 0"},
      {"ipv4:///1.2.3.4:80", "is not an IPv4 address"},
      {"ipv6:1.2.3.4:80", "\"1.2.3.4\" is not an IPv6 address"},
      {"ipv6:[::1]:80,1.2.3.4:80", "\"1.2.3.4\" is not an IPv6 address"},
      {"unix:", "no name given"},
      {"unix://", "unix:///absolute/path with three slashes"},
      {"unix://run/x", "unix:///absolute/path with three slashes"},
      {"unix-abstract:", "no name given"},
      {"foo://bar:1", "scheme \"foo\" is not known"},
      {"ftp://x", "scheme \"ftp\" is not known"},
      {"://x", "scheme \"\" is not known"},
  };
  expect_all_bad(table, sizeof table / sizeof *table, GMUX_ERR_INVALID, gmux__target_parse);
}

static void what_grpc_knows_and_we_do_not_is_named(void) {
  static const bad table[] = {
      {"xds:///service", "xds: is not supported; use dns:///host:port"},
      {"XDS:service", "xds: is not supported"},
      {"vsock:2:80", "vsock: is not supported"},
      {"passthrough:///host:80", "passthrough: is not supported"},
      {"google-c2p:///x", "google-c2p: is not supported"},
      {"http://host:80",
       "http: is not part of a target; write host:port and set options.cleartext"},
      {"HTTPS://host", "https: is not part of a target; write host:port; TLS is the default"},
      {"dns://8.8.8.8/host:80", "naming a DNS server is not supported"},
  };
  expect_all_bad(table, sizeof table / sizeof *table, GMUX_ERR_UNSUPPORTED, gmux__target_parse);
}

static void what_is_to_be_listened_on_is_called_an_address(void) {
  static const bad invalid[] = {
      {NULL, "the address is NULL: write host:port, as in 127.0.0.1:50051"},
      {"", "the address is empty"},
      {"127.0.0.1", "address \"127.0.0.1\": to listen"},
      {"tcp://127.0.0.1:80", "\"tcp\" is not known; use 127.0.0.1:port, ipv4:"},
  };
  static const bad unsupported[] = {
      {"http://127.0.0.1:80", "http: is not supported; use 127.0.0.1:port, ipv4:"},
      {"vsock:2:80", "address \"vsock:2:80\": vsock: is not supported"},
  };
  expect_all_bad(invalid, sizeof invalid / sizeof *invalid, GMUX_ERR_INVALID,
                 gmux__target_parse_listen);
  expect_all_bad(unsupported, sizeof unsupported / sizeof *unsupported, GMUX_ERR_UNSUPPORTED,
                 gmux__target_parse_listen);
}

static void names_have_the_lengths_of_dns(void) {
  char text[400], label[70];
  gmux__target t;
  memset(label, 'a', sizeof label);
  snprintf(text, sizeof text, "%.63s.%.63s.%.63s.%.61s", label, label, label, label);
  CU_ASSERT_EQUAL(strlen(text), 253);
  CU_ASSERT_EQUAL(gmux__target_parse(&t, text), 0);
  gmux__target_deinit(&t);
  snprintf(text, sizeof text, "%.63s.%.63s.%.63s.%.62s", label, label, label, label);
  CU_ASSERT_EQUAL(gmux__target_parse(&t, text), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "254 bytes long, at most 253"));
  snprintf(text, sizeof text, "%.64s.example", label);
  CU_ASSERT_EQUAL(gmux__target_parse(&t, text), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "64 bytes long, at most 63"));
}

static void an_error_about_a_very_long_text_is_cut(void) {
  static char text[100000];
  gmux__target t;
  memset(text, 'a', sizeof text - 1);
  text[1] = '@';
  CU_ASSERT_EQUAL(gmux__target_parse(&t, text), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "'@' can't be part of a host"));
}

/* ---- to listen on ---- */

static void a_server_may_ask_for_port_0(void) {
  static const good table[] = {
      {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1", 0, "ipv4:127.0.0.1:0"},
      {"[::]:50051", "[::]:50051", "::", 50051, "ipv6:[::]:50051"},
      {"ipv4:0.0.0.0:0,127.0.0.1:80", "0.0.0.0:0", "0.0.0.0", 0,
       "ipv4:0.0.0.0:0 ipv4:127.0.0.1:80"},
      {"unix:/run/x", "localhost", "localhost", 0, "unix:/run/x"},
      {"unix-abstract:x", "localhost", "localhost", 0, "unix-abstract:x"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    gmux__target t = {.host = NULL};
    int rv = gmux__target_parse_listen(&t, table[i].text);
    expect_good(&table[i], rv, &t);
  }
}

static void a_server_needs_a_port_and_an_address(void) {
  static const bad table[] = {
      {"localhost:50051", "127.0.0.1:50051 for this machine only, [::]:50051 for all"},
      {"dns:///localhost:0", "give an address instead of a name"},
      {"127.0.0.1", "a port must be given"},
      {"localhost", "a port must be given"},
      {"ipv6:[::1]", "a port must be given"},
      {"127.0.0.1:65536", "port 65536"},
      {"*:80", "'*' can't be part of a host"},
      {":80", "no host before the port"},
  };
  expect_all_bad(table, sizeof table / sizeof *table, GMUX_ERR_INVALID, gmux__target_parse_listen);
}

/* ---- anything at all ---- */

static uint32_t mutate_state;

static uint32_t mutate_random(uint32_t below) {
  mutate_state = mutate_state * 1664525 + 1013904223;
  return (mutate_state >> 8) % below;
}

/* Changes, inserts or removes a few bytes. */
static void mutate(char *text, size_t cap) {
  static const char interesting[] = ":/[]%,.0159a -_@\x80\xff";
  for (uint32_t n = 1 + mutate_random(3); n > 0; n--) {
    size_t len = strlen(text);
    size_t at = mutate_random((uint32_t)len + 1);
    char c = interesting[mutate_random(sizeof interesting - 1)];
    if (mutate_random(3) == 0 && len + 2 < cap) {
      memmove(text + at + 1, text + at, len - at + 1);
      text[at] = c;
    } else if (mutate_random(2) == 0 && at < len) {
      memmove(text + at, text + at + 1, len - at);
    } else if (at < len) {
      text[at] = c;
    }
  }
}

static bool target_is_sound(const gmux__target *t) {
  if (!t->authority || !*t->authority || !t->host || !*t->host) return false;
  if (strchr(t->authority, '%') || strchr(t->host, '[')) return false;
  return t->needs_dns ? t->port > 0 && !t->address_count : t->address_count > 0;
}

static void any_text_is_a_sound_target_or_has_a_reason(void) {
  static const char *const seeds[] = {"dns:///host.example:80",
                                      "1.2.3.4:80",
                                      "[::1]:80",
                                      "ipv4:1.2.3.4:80,5.6.7.8:80",
                                      "ipv6:[fe80::1%1]:80,[::2]:81",
                                      "unix:///run/x",
                                      "unix-abstract:x",
                                      "xds:///x",
                                      "host"};
  size_t sound = 0, refused = 0, wrong = 0;
  mutate_state = 1;
  for (int i = 0; i < 50000; i++) {
    char text[128];
    snprintf(text, sizeof text, "%s", seeds[mutate_random(sizeof seeds / sizeof *seeds)]);
    mutate(text, sizeof text);
    gmux__target t = {.host = NULL};
    int rv = gmux__target_parse(&t, text);
    if (rv == 0 && target_is_sound(&t))
      sound++;
    else if ((rv == GMUX_ERR_INVALID || rv == GMUX_ERR_UNSUPPORTED) && *gmux_last_error())
      refused++;
    else
      wrong++;
    gmux__target_deinit(&t);
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT_TRUE(sound > 1000);
  CU_ASSERT_TRUE(refused > 1000);
}

static void parse_all_forms(void *arg) {
  (void)arg;
  static const char *const texts[] = {"host:80", "[::1]:80", "ipv4:1.2.3.4:80,5.6.7.8:80",
                                      "unix:x"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    gmux__target t = {.host = NULL};
    int rv = gmux__target_parse(&t, texts[i]);
    CU_ASSERT_TRUE(rv == 0 || (rv == GMUX_ERR_NOMEM && !t.host));
    gmux__target_deinit(&t);
  }
}

static void want_of_memory_leaves_nothing(void) {
  CU_ASSERT_TRUE(test_alloc_torture(parse_all_forms, NULL) > 8);
  gmux__target_deinit(NULL);
}

static const test_case cases[] = {
    TEST(names_are_for_dns),
    TEST(literal_addresses_need_no_dns),
    TEST(unix_sockets_are_localhost),
    TEST(a_unix_name_may_have_107_bytes),
    TEST(mistakes_are_explained),
    TEST(what_grpc_knows_and_we_do_not_is_named),
    TEST(what_is_to_be_listened_on_is_called_an_address),
    TEST(names_have_the_lengths_of_dns),
    TEST(an_error_about_a_very_long_text_is_cut),
    TEST(a_server_may_ask_for_port_0),
    TEST(a_server_needs_a_port_and_an_address),
    TEST(any_text_is_a_sound_target_or_has_a_reason),
    TEST(want_of_memory_leaves_nothing),
    TESTS_END,
};

const test_suite io_target_suite = {"target", cases, NULL, NULL};
