/*
 * fuzz_timeout.c: grpc-timeout.
 *
 * The input: a duration (8 bytes), the text. The text is read a second time by other means; the
 * duration is written and read again.
 */
#include "lib/wire/timeout.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

/* What one of a unit is worth, in ns; 0: no unit. */
static uint64_t unit_ns(char unit) {
  switch (unit) {
  case 'n':
    return 1;
  case 'u':
    return 1000;
  case 'm':
    return 1000 * 1000;
  case 'S':
    return 1000 * 1000 * 1000;
  case 'M':
    return UINT64_C(60) * 1000 * 1000 * 1000;
  case 'H':
    return UINT64_C(3600) * 1000 * 1000 * 1000;
  default:
    return 0;
  }
}

/* 1 to 8 digits and a unit (gRPC over HTTP/2, Timeout). */
static bool is_timeout(const char *text, size_t len) {
  if (len < 2 || len > 9 || strspn(text, "0123456789") != len - 1) return false;
  return unit_ns(text[len - 1]) > 0;
}

static void check_parse(fuzz_input in) {
  char *text = fuzz_string(in);
  uint64_t ns = 12345;
  bool parsed = gmux__timeout_parse(in.data, in.len, &ns);
  FUZZ_REQUIRE(parsed == is_timeout(text, in.len));
  if (parsed) {
    uint64_t unit = unit_ns(text[in.len - 1]), value = strtoul(text, NULL, 10);
    FUZZ_REQUIRE(ns == (value > UINT64_MAX / unit ? UINT64_MAX : value * unit));
  } else {
    FUZZ_REQUIRE(ns == 12345);
  }
  free(text);
}

/* Never later than what it was made of, and earlier by less than one unit, which is less than a
 * hundred thousandth of it. */
static void check_format(uint64_t ns) {
  char text[GMUX__TIMEOUT_TEXT];
  size_t len = gmux__timeout_format(text, ns);
  FUZZ_REQUIRE(len < sizeof text && strlen(text) == len && is_timeout(text, len));
  uint64_t back = 0, unit = unit_ns(text[len - 1]);
  FUZZ_REQUIRE(gmux__timeout_parse((const uint8_t *)text, len, &back));
  FUZZ_REQUIRE(back <= ns && ns - back < unit);
  FUZZ_REQUIRE(unit == 1 || ns / unit >= 100000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  check_format(fuzz_u64(&in));
  check_parse(in);
  return fuzz_end();
}
