/*
 * fuzz_metadata.c: metadata, from the application and from the peer.
 *
 * The input is a list of steps, each: what to do (1 byte), lengths of name and value (1 byte each),
 * name, value. After each the metadata must have what it had, and what was added if that worked;
 * at the end it is sent to another one, which must then be equal.
 */
#include "lib/wire/base64.h"
#include "lib/wire/metadata.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 64 };

static bool is_binary(const char *key, size_t len) {
  return len >= 4 && memcmp(key + len - 4, "-bin", 4) == 0;
}

static bool is_key(const char *key, size_t len) {
  char *text = fuzz_string((fuzz_input){(const uint8_t *)key, len});
  bool good = len > 0 && strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz_-.") == len;
  free(text);
  return good;
}

static gmux_metadata_entry entry_at(const gmux_metadata *m, size_t index) {
  gmux_metadata_entry entry;
  FUZZ_REQUIRE(gmux_metadata_at(m, index, &entry) == 0);
  return entry;
}

static bool entry_is(const gmux_metadata_entry *entry, const void *key, size_t key_len,
                     const void *value, size_t value_len) {
  return entry->key_len == key_len && memcmp(entry->key, key, key_len) == 0 &&
         entry->value_len == value_len &&
         (value_len == 0 || memcmp(entry->value, value, value_len) == 0);
}

/* What holds for each entry, wherever it came from. */
static void check_entry(const gmux_metadata *m, size_t index) {
  gmux_metadata_entry e = entry_at(m, index);
  FUZZ_REQUIRE(is_key(e.key, e.key_len) && e.key[e.key_len] == 0 && e.value[e.value_len] == 0);
  FUZZ_REQUIRE(!gmux__metadata_is_reserved(e.key, e.key_len) || strcmp(e.key, "user-agent") == 0);
  size_t len = SIZE_MAX;
  FUZZ_REQUIRE(gmux_metadata_get(m, e.key, &len) && len != SIZE_MAX);
  if (is_binary(e.key, e.key_len) || e.value_len == 0) return;
  for (size_t i = 0; i < e.value_len; i++)
    FUZZ_REQUIRE(e.value[i] != 0 && e.value[i] != '\r' && e.value[i] != '\n');
  FUZZ_REQUIRE(!strchr(" \t", e.value[0]) && !strchr(" \t", e.value[e.value_len - 1]));
}

static void check_equal(const gmux_metadata *a, const gmux_metadata *b) {
  size_t count = gmux_metadata_count(a);
  FUZZ_REQUIRE(gmux_metadata_count(b) == count);
  for (size_t i = 0; i < count; i++) {
    gmux_metadata_entry e = entry_at(a, i), f = entry_at(b, i);
    FUZZ_REQUIRE(entry_is(&f, e.key, e.key_len, e.value, e.value_len));
  }
  FUZZ_REQUIRE(gmux__metadata_wire_size(a) == gmux__metadata_wire_size(b));
}

/* ---- steps ---- */

/* The application's rules, said a second time. */
static bool may_add(const char *key, const char *value, bool binary) {
  size_t len = strlen(key), value_len = strlen(value);
  if (!is_key(key, len) || gmux__metadata_is_reserved(key, len)) return false;
  if (is_binary(key, len) != binary) return false;
  if (binary || value_len == 0) return true;
  for (size_t i = 0; i < value_len; i++)
    if (value[i] < 0x20 || value[i] > 0x7e) return false;
  return value[0] != ' ' && value[value_len - 1] != ' ';
}

static void step_add(gmux_metadata *m, bool binary, fuzz_input name, fuzz_input value) {
  char *key = fuzz_string(name), *text = fuzz_string(value);
  size_t before = gmux_metadata_count(m);
  int error = binary ? gmux_metadata_add_bin(m, key, value.data, value.len)
                     : gmux_metadata_add(m, key, text);
  bool may = may_add(key, text, binary);
  if (error) {
    FUZZ_REQUIRE(fuzz_has_words() && gmux_metadata_count(m) == before);
    FUZZ_REQUIRE(may ? error == GMUX_ERR_NOMEM && test_alloc_has_failed()
                     : error == GMUX_ERR_INVALID);
  } else {
    FUZZ_REQUIRE(may && gmux_metadata_count(m) == before + 1);
    gmux_metadata_entry e = entry_at(m, before);
    size_t len = binary ? value.len : strlen(text);
    FUZZ_REQUIRE(entry_is(&e, key, strlen(key), binary ? (const void *)value.data : text, len));
  }
  free(key);
  free(text);
}

static size_t count_commas(fuzz_input value) {
  size_t count = 0;
  for (size_t i = 0; i < value.len; i++)
    count += value.data[i] == ',';
  return count;
}

static void step_receive(gmux_metadata *m, fuzz_input name, fuzz_input value) {
  uint8_t *key = fuzz_copy(name), *bytes = fuzz_copy(value);
  bool binary = is_binary((char *)key, name.len);
  size_t before = gmux_metadata_count(m);
  int error = gmux__metadata_receive(m, key, name.len, bytes, value.len);
  size_t added = gmux_metadata_count(m) - before;
  if (error) {
    FUZZ_REQUIRE(fuzz_has_words() && added == 0);
    FUZZ_REQUIRE(error == GMUX_ERR_NOMEM ? test_alloc_has_failed()
                                         : error == GMUX_ERR_PROTOCOL && binary);
  } else {
    FUZZ_REQUIRE(added == 0 || added == (binary ? count_commas(value) + 1 : 1));
    FUZZ_REQUIRE(added == 0 || is_key((char *)key, name.len));
  }
  free(key);
  free(bytes);
}

static void step_copy(const gmux_metadata *m) {
  gmux_metadata *untouched = (gmux_metadata *)&untouched, *copy = untouched;
  int error = gmux__metadata_copy(&copy, m);
  if (error) {
    FUZZ_REQUIRE(error == GMUX_ERR_NOMEM && copy == untouched && fuzz_has_words());
    return;
  }
  FUZZ_REQUIRE((copy == NULL) == (gmux_metadata_count(m) == 0));
  check_equal(m, copy);
  gmux_metadata_free(copy);
}

static void step(gmux_metadata *m, fuzz_input *in) {
  uint8_t what = fuzz_u8(in), name_len = fuzz_u8(in), value_len = fuzz_u8(in);
  fuzz_input name = fuzz_take(in, name_len), value = fuzz_take(in, value_len);
  size_t wire_size = gmux__metadata_wire_size(m), count = gmux_metadata_count(m);
  fuzz_forget_words();
  test_alloc_fail_at(what >> 4); /* 0: none */
  switch (what & 3) {
  case 0:
    step_add(m, false, name, value);
    break;
  case 1:
    step_add(m, true, name, value);
    break;
  case 2:
    step_receive(m, name, value);
    break;
  case 3:
    step_copy(m);
    break;
  }
  test_alloc_fail_at(0);
  FUZZ_REQUIRE((gmux_metadata_count(m) > count) == (gmux__metadata_wire_size(m) > wire_size));
  for (size_t i = count; i < gmux_metadata_count(m); i++)
    check_entry(m, i);
}

/* ---- at the end ---- */

/* Sent and received it is what it was, and cost what was said. */
static void check_wire(const gmux_metadata *m) {
  size_t count = gmux_metadata_count(m), size = 0;
  gmux__field *fields = calloc(count + 1, sizeof *fields);
  gmux_metadata *received = NULL;
  FUZZ_REQUIRE(fields && gmux_metadata_new(&received) == 0);
  FUZZ_REQUIRE(gmux__metadata_fields(m, fields, count) == count);
  for (size_t i = 0; i < count; i++) {
    gmux__field *f = &fields[i];
    size += f->name_len + f->value_len + 32;
    FUZZ_REQUIRE(gmux__metadata_receive(received, f->name, f->name_len, f->value, f->value_len) ==
                 0);
  }
  FUZZ_REQUIRE(size == gmux__metadata_wire_size(m));
  check_equal(m, received);
  gmux_metadata_free(received);
  free(fields);
}

static void check_beyond(const gmux_metadata *m) {
  gmux_metadata_entry entry = {.key = "untouched"};
  fuzz_forget_words();
  FUZZ_REQUIRE(gmux_metadata_at(m, gmux_metadata_count(m), &entry) == GMUX_ERR_NOT_FOUND);
  FUZZ_REQUIRE(fuzz_has_words() && strcmp(entry.key, "untouched") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  gmux_metadata *m = NULL;
  FUZZ_REQUIRE(gmux_metadata_new(&m) == 0);
  for (int i = 0; i < STEPS_MAX && in.len > 0; i++)
    step(m, &in);
  for (size_t i = 0; i < gmux_metadata_count(m); i++)
    check_entry(m, i);
  check_wire(m);
  check_beyond(m);
  gmux_metadata_free(m);
  return fuzz_end();
}
