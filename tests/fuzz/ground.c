/* ground.c: what the fuzz targets stand on. */
#include "lib/base/fail.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  bool is_set_up;
  size_t live; /* blocks before the running input */
} ground;

void fuzz_broken(const char *law, const char *file, int line) {
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, law);
  fprintf(stderr, "gmux_last_error(): %s\n", gmux_last_error());
  abort();
}

void fuzz_begin(void) {
  if (!ground.is_set_up) FUZZ_REQUIRE(test_alloc_install());
  ground.is_set_up = true;
  ground.live = test_alloc_live();
  test_alloc_fail_at(0);
  fuzz_forget_words();
}

int fuzz_end(void) {
  test_alloc_fail_at(0);
  FUZZ_REQUIRE(test_alloc_live() == ground.live);
  return 0;
}

void fuzz_forget_words(void) {
  gmux__fail_code(0); /* "no error", which no function leaves */
}

bool fuzz_has_words(void) {
  return gmux_last_error()[0] != 0 && strcmp(gmux_last_error(), gmux_strerror(0)) != 0;
}

static uint64_t take_number(fuzz_input *in, size_t bytes) {
  uint64_t value = 0;
  for (; bytes > 0; bytes--)
    value = value << 8 | fuzz_u8(in);
  return value;
}

uint8_t fuzz_u8(fuzz_input *in) {
  if (in->len == 0) return 0;
  in->len--;
  return *in->data++;
}

uint16_t fuzz_u16(fuzz_input *in) {
  return (uint16_t)take_number(in, 2);
}

uint32_t fuzz_u32(fuzz_input *in) {
  return (uint32_t)take_number(in, 4);
}

uint64_t fuzz_u64(fuzz_input *in) {
  return take_number(in, 8);
}

fuzz_input fuzz_take(fuzz_input *in, size_t len) {
  fuzz_input taken = {in->data, len < in->len ? len : in->len};
  in->data += taken.len;
  in->len -= taken.len;
  return taken;
}

uint8_t *fuzz_copy(fuzz_input bytes) {
  uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
  FUZZ_REQUIRE(copy);
  if (bytes.len) memcpy(copy, bytes.data, bytes.len);
  return copy;
}

char *fuzz_string(fuzz_input bytes) {
  char *copy = malloc(bytes.len + 1);
  FUZZ_REQUIRE(copy);
  if (bytes.len) memcpy(copy, bytes.data, bytes.len);
  copy[bytes.len] = 0;
  return copy;
}
