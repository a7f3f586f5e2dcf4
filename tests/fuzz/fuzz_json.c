/*
 * fuzz_json.c: the command's codec: JSON to bytes and back.
 *
 * The input: which message (1 byte), whether JSON or bytes come, and options (1 byte), JSON or
 * bytes. What the one made is read by the other, and makes the same once more.
 */
#include "tests/fuzz/fuzz.h"
#include "tools/gmux/codec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const messages[] = {
    "all.Scalars", "all.Lists",           "all.Maps",
    "all.Choice",  "all.Known",           "all.Tree",
    "old.Part",    "google.protobuf.Any", "google.protobuf.Value"};

static registry *types;

static void forget_types(void) {
  registry_free(types);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  const char *builddir = getenv("GMUX_BUILDDIR");
  char path[1024];
  snprintf(path, sizeof path, "%s/tests/tool/tool.protoset", builddir ? builddir : ".");
  static uint8_t set[1 << 16];
  FILE *file = fopen(path, "rb");
  FUZZ_REQUIRE(file != NULL);
  size_t len = fread(set, 1, sizeof set, file);
  fclose(file);
  problem p;
  types = registry_new(set, len, &p);
  FUZZ_REQUIRE(types != NULL);
  atexit(forget_types);
  return 0;
}

/* Bytes may be a message that JSON is not read of: required fields are missing, or a key has a zero
 * in it, which jansson does not read. */
static bool is_one_way(const problem *p) {
  return strstr(p->words, "lacks its required field") || strstr(p->words, "NUL byte in object key");
}

/* JSON that we made is read, and makes the same again. */
static void check_back(const message_type *m, buffer *json, const codec_options *o) {
  buffer bytes = {.data = NULL}, again = {.data = NULL};
  problem p = {""};
  if (codec_read_json(types, m, (const char *)json->data, json->len, o, &bytes, &p)) {
    FUZZ_REQUIRE(codec_write_json(types, m, bytes.data, bytes.len, o, &again, &p));
    FUZZ_REQUIRE(strcmp(buffer_string(json), buffer_string(&again)) == 0);
  } else {
    FUZZ_REQUIRE(is_one_way(&p));
  }
  buffer_free(&bytes);
  buffer_free(&again);
}

static void try_bytes(const message_type *m, fuzz_input in, const codec_options *o) {
  buffer json = {.data = NULL};
  problem p = {""};
  uint8_t *copy = fuzz_copy(in);
  if (codec_write_json(types, m, copy, in.len, o, &json, &p))
    check_back(m, &json, o);
  else
    FUZZ_REQUIRE(p.words[0] && json.len == 0);
  free(copy);
  buffer_free(&json);
}

static void try_json(const message_type *m, fuzz_input in, const codec_options *o) {
  buffer bytes = {.data = NULL}, json = {.data = NULL};
  problem p = {""};
  uint8_t *copy = fuzz_copy(in);
  if (codec_read_json(types, m, (const char *)copy, in.len, o, &bytes, &p)) {
    FUZZ_REQUIRE(codec_write_json(types, m, bytes.data, bytes.len, o, &json, &p));
    check_back(m, &json, o);
  } else {
    FUZZ_REQUIRE(p.words[0] && bytes.len == 0);
  }
  free(copy);
  buffer_free(&bytes);
  buffer_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  const char *name = messages[fuzz_u8(&in) % (sizeof messages / sizeof *messages)];
  uint8_t bits = fuzz_u8(&in);
  codec_options options = {.ignores_unknown = bits & 2,
                           .with_defaults = bits & 4,
                           .with_original_names = bits & 8,
                           .is_compact = bits & 16};
  const message_type *m = registry_message(types, name, strlen(name));
  if (bits & 1)
    try_json(m, in, &options);
  else
    try_bytes(m, in, &options);
  return fuzz_end();
}
