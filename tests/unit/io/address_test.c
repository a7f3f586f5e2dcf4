/* address_test.c: addresses as text, compared, and to and from the system's structs. */
#include "lib/io/address.h"
#include "lib/io/sockaddr.h"
#include "tests/unit/harness.h"
#include <string.h>

static gmux__address ip(const char *text, uint16_t port) {
  gmux__address a = {.family = GMUX__FAMILY_NONE};
  CU_ASSERT_TRUE(gmux__address_parse_ip(&a, text, strlen(text), port));
  return a;
}

static gmux__address path(gmux__family family, const char *bytes, size_t len) {
  gmux__address a = {.family = family, .path_len = (uint8_t)len};
  memcpy(a.path, bytes, len);
  return a;
}

static void expect_text(gmux__address a, const char *expected) {
  char text[GMUX__ADDRESS_TEXT];
  CU_ASSERT_STRING_EQUAL(gmux__address_str(&a, text), expected);
}

static void each_family_has_its_text(void) {
  expect_text(ip("127.0.0.1", 80), "ipv4:127.0.0.1:80");
  expect_text(ip("::1", 443), "ipv6:[::1]:443");
  expect_text(ip("fe80::1%7", 443), "ipv6:[fe80::1%7]:443");
  expect_text(path(GMUX__FAMILY_UNIX, "/run/x", 6), "unix:/run/x");
  expect_text(path(GMUX__FAMILY_UNIX_ABSTRACT, "name", 4), "unix-abstract:name");
  expect_text((gmux__address){.family = GMUX__FAMILY_NONE}, "none");
}

static void control_characters_are_not_shown(void) {
  expect_text(path(GMUX__FAMILY_UNIX_ABSTRACT, "a\0b\nc\x7f", 6), "unix-abstract:a?b?c?");
}

static void the_longest_name_is_shown_whole(void) {
  char name[GMUX__UNIX_PATH], text[GMUX__ADDRESS_TEXT];
  memset(name, 'x', sizeof name);
  gmux__address a = path(GMUX__FAMILY_UNIX_ABSTRACT, name, sizeof name);
  CU_ASSERT_EQUAL(strlen(gmux__address_str(&a, text)), strlen("unix-abstract:") + sizeof name);
}

static void only_literals_are_parsed(void) {
  static const char *const wrong[] = {
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3.4 ",
      " 1.2.3.4",
      "0x7f.1.1.1",
      "localhost",
      "[::1]",
      "::1::",
      "12345::",
      ":",
      "::g",
      "::1%",
      "::1%no-such-interface",
      "::1%99999999999",
      "1.2.3.4%1",
      "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222:3333:4444:5555:6666:7777:8888"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    gmux__address a = {.port = 7};
    CU_ASSERT_FALSE(gmux__address_parse_ip(&a, wrong[i], strlen(wrong[i]), 80));
    CU_ASSERT_EQUAL(a.port, 7); /* untouched */
  }
  gmux__address a;
  CU_ASSERT_FALSE(gmux__address_parse_ip(&a, "1.2.3.4\0", 8, 80));
  CU_ASSERT_TRUE(gmux__address_parse_ip(&a, "1.2.3.4xyz", 7, 80)); /* the length counts */
}

static void a_zone_may_be_a_name(void) {
  expect_text(ip("fe80::1%lo", 1), "ipv6:[fe80::1%1]:1");
}

static void equality_looks_at_what_matters(void) {
  gmux__address a = ip("10.0.0.1", 80), b = ip("10.0.0.1", 80);
  b.ip[9] = 1; /* behind the four bytes of IPv4 */
  CU_ASSERT_TRUE(gmux__address_is_equal(&a, &b));
  b = ip("10.0.0.1", 81);
  CU_ASSERT_FALSE(gmux__address_is_equal(&a, &b));
  b = ip("10.0.0.2", 80);
  CU_ASSERT_FALSE(gmux__address_is_equal(&a, &b));
  a = ip("fe80::1%1", 80);
  b = ip("fe80::1%2", 80);
  CU_ASSERT_FALSE(gmux__address_is_equal(&a, &b));
  a = path(GMUX__FAMILY_UNIX, "x", 1);
  b = path(GMUX__FAMILY_UNIX_ABSTRACT, "x", 1);
  CU_ASSERT_FALSE(gmux__address_is_equal(&a, &b));
  b = path(GMUX__FAMILY_UNIX, "xy", 2);
  CU_ASSERT_FALSE(gmux__address_is_equal(&a, &b));
  b = path(GMUX__FAMILY_UNIX, "x", 1);
  CU_ASSERT_TRUE(gmux__address_is_equal(&a, &b));
}

static void expect_there_and_back(gmux__address a) {
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, &a);
  gmux__address back;
  gmux__address_from_sockaddr(&back, &sa, len);
  CU_ASSERT_TRUE(gmux__address_is_equal(&a, &back));
}

static void the_systems_structs_lose_nothing(void) {
  char name[GMUX__UNIX_PATH];
  memset(name, 'x', sizeof name);
  expect_there_and_back(ip("1.2.3.4", 65535));
  expect_there_and_back(ip("2001:db8::1", 1));
  expect_there_and_back(ip("fe80::1%3", 1));
  expect_there_and_back(path(GMUX__FAMILY_UNIX, "/run/x", 6));
  expect_there_and_back(path(GMUX__FAMILY_UNIX, name, sizeof name));
  expect_there_and_back(path(GMUX__FAMILY_UNIX_ABSTRACT, "a\0b", 3));
  expect_there_and_back(path(GMUX__FAMILY_UNIX_ABSTRACT, name, sizeof name));
}

static void ipv4_inside_ipv6_is_shown_as_ipv4(void) {
  gmux__address mapped = ip("::ffff:1.2.3.4", 80), a;
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, &mapped);
  gmux__address_from_sockaddr(&a, &sa, len);
  expect_text(a, "ipv4:1.2.3.4:80");
}

static void an_unnamed_unix_peer_has_an_empty_path(void) {
  gmux__sockaddr sa = {.un.sun_family = AF_UNIX};
  gmux__address a;
  gmux__address_from_sockaddr(&a, &sa, sizeof(sa_family_t));
  expect_text(a, "unix:");
}

/* A digit for the family, and one for the port, which tells equals apart. */
static void expect_interleaved(const char *given, const char *expected) {
  gmux__address in[16] = {{.family = GMUX__FAMILY_NONE}}, out[16];
  size_t count = strlen(given) / 2;
  for (size_t i = 0; i < count; i++) {
    uint16_t port = (uint16_t)(given[2 * i + 1] - '0');
    in[i] = given[2 * i] == '4' ? ip("1.2.3.4", port) : ip("2001:db8::1", port);
  }
  gmux__addresses_interleave(out, in, count);
  for (size_t i = 0; i < count; i++) {
    CU_ASSERT_EQUAL(out[i].family == GMUX__FAMILY_IPV4, expected[2 * i] == '4');
    CU_ASSERT_EQUAL(out[i].port, expected[2 * i + 1] - '0');
  }
}

static void families_take_turns_and_keep_their_own_order(void) {
  expect_interleaved("", "");
  expect_interleaved("41", "41");
  expect_interleaved("414243", "414243");
  expect_interleaved("6162634142", "6141624263");
  expect_interleaved("6141", "6141");
  expect_interleaved("4161", "4161"); /* the resolver's first stays first */
  expect_interleaved("61414243", "61414243");
  expect_interleaved("61624142434465", "61416242654344");
}

static const test_case cases[] = {
    TEST(each_family_has_its_text),
    TEST(control_characters_are_not_shown),
    TEST(the_longest_name_is_shown_whole),
    TEST(only_literals_are_parsed),
    TEST(a_zone_may_be_a_name),
    TEST(equality_looks_at_what_matters),
    TEST(the_systems_structs_lose_nothing),
    TEST(ipv4_inside_ipv6_is_shown_as_ipv4),
    TEST(an_unnamed_unix_peer_has_an_empty_path),
    TEST(families_take_turns_and_keep_their_own_order),
    TESTS_END,
};

const test_suite io_address_suite = {"address", cases, NULL, NULL};
