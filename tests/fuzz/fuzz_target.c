/*
 * fuzz_target.c: what an application names to connect to or to listen on.
 *
 * The input: which allocation fails (1 byte, 0: none), the text. It is parsed as both. The
 * authority and the name for DNS have to be fit for their use, and what an address is printed as
 * has to name it again.
 */
#include "lib/io/target.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

typedef int parse_fn(gmux__target *out, const char *text);

/* Whatever was written: it stands in a header field, and in DNS questions. */
static void check_word(const char *word, size_t most) {
  FUZZ_REQUIRE(word && word[0] && strlen(word) <= most);
  for (; *word; word++)
    FUZZ_REQUIRE(*word > 0x20 && *word < 0x7f && !strchr("/,\"\\@", *word));
}

static bool is_unix(const gmux__address *a) {
  return a->family == GMUX__FAMILY_UNIX || a->family == GMUX__FAMILY_UNIX_ABSTRACT;
}

/* Control characters are not printed as they are, so such a name cannot be read back; nor can a
 * file's name of two slashes, which means three. */
static bool is_printed_as_it_is(const gmux__address *a) {
  if (!is_unix(a)) return true;
  for (size_t i = 0; i < a->path_len; i++)
    if ((unsigned char)a->path[i] < 0x20 || a->path[i] == 0x7f) return false;
  return strncmp(a->path, "//", 2) != 0;
}

static void check_address(const gmux__address *a, parse_fn *parse) {
  FUZZ_REQUIRE(a->family != GMUX__FAMILY_NONE);
  FUZZ_REQUIRE(!is_unix(a) || (a->path_len > 0 && a->path_len <= GMUX__UNIX_PATH));
  char text[GMUX__ADDRESS_TEXT];
  FUZZ_REQUIRE(gmux__address_str(a, text) == text && strlen(text) < sizeof text);
  if (!is_printed_as_it_is(a)) return;
  gmux__target again;
  FUZZ_REQUIRE(parse(&again, text) == 0);
  FUZZ_REQUIRE(again.address_count == 1 && gmux__address_is_equal(&again.addresses[0], a));
  gmux__target_deinit(&again);
}

/* Families take turns, and no address is lost. */
static void check_interleaved(const gmux__target *target) {
  size_t count = target->address_count;
  gmux__address *turns = calloc(count, sizeof *turns);
  FUZZ_REQUIRE(turns);
  gmux__addresses_interleave(turns, target->addresses, count);
  FUZZ_REQUIRE(gmux__address_is_equal(&turns[0], &target->addresses[0]));
  for (size_t i = 0; i < count; i++) {
    size_t there = 0, here = 0;
    for (size_t k = 0; k < count; k++) {
      there += gmux__address_is_equal(&target->addresses[k], &turns[i]);
      here += gmux__address_is_equal(&turns[k], &turns[i]);
    }
    FUZZ_REQUIRE(there == here);
  }
  free(turns);
}

/* The port stands in the text, behind a colon; with leading zeros, perhaps. */
static bool has_port(const char *text, uint16_t port) {
  for (const char *at = strchr(text, ':'); at; at = strchr(at + 1, ':'))
    if (at[1] >= '0' && at[1] <= '9' && strtoul(at + 1, NULL, 10) == port) return true;
  return false;
}

/* host, host:port, [v6] or [v6]:port */
static void check_authority(const gmux__target *target, const char *text) {
  check_word(target->authority, 253 + sizeof ":65535");
  FUZZ_REQUIRE(!strchr(target->authority, '%'));
  if (target->address_count > 0 && is_unix(&target->addresses[0])) {
    FUZZ_REQUIRE(strcmp(target->authority, "localhost") == 0);
    return;
  }
  const char *bracket = strchr(target->authority, ']');
  const char *colon = strchr(bracket ? bracket : target->authority, ':');
  FUZZ_REQUIRE(target->port == (colon ? strtoul(colon + 1, NULL, 10) : 443));
  FUZZ_REQUIRE(!colon || has_port(text, target->port));
}

static void check_parsed(const gmux__target *target, const char *text, parse_fn *parse) {
  bool listens = parse == gmux__target_parse_listen;
  check_authority(target, text);
  check_word(target->host, 254); /* with the dot at its end */
  FUZZ_REQUIRE(target->needs_dns == (target->address_count == 0));
  FUZZ_REQUIRE(target->needs_dns == !target->addresses);
  FUZZ_REQUIRE(!(listens && target->needs_dns));
  for (size_t i = 0; i < target->address_count; i++) {
    check_address(&target->addresses[i], parse);
    FUZZ_REQUIRE(listens || is_unix(&target->addresses[i]) || target->addresses[i].port > 0);
  }
  if (target->address_count > 0) check_interleaved(target);
}

static void check(parse_fn *parse, const char *text, uint8_t fail_at) {
  static const gmux__target untouched = {.port = 12345};
  gmux__target target = untouched;
  fuzz_forget_words();
  test_alloc_fail_at(fail_at);
  int error = parse(&target, text);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  if (!error) {
    FUZZ_REQUIRE(!has_failed);
    check_parsed(&target, text, parse);
    gmux__target_deinit(&target);
    return;
  }
  FUZZ_REQUIRE(fuzz_has_words() && memcmp(&target, &untouched, sizeof target) == 0);
  FUZZ_REQUIRE(error == GMUX_ERR_INVALID || error == GMUX_ERR_UNSUPPORTED ||
               (error == GMUX_ERR_NOMEM && has_failed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  uint8_t fail_at = fuzz_u8(&in);
  char *text = fuzz_string(in);
  check(gmux__target_parse, text, fail_at);
  check(gmux__target_parse_listen, text, fail_at);
  free(text);
  return fuzz_end();
}
