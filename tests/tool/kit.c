/* kit.c: one registry for all. */
#include "tests/tool/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *read_set(size_t *len) {
  enum { MAX = 1 << 16 };
  const char *builddir = getenv("GMUX_BUILDDIR");
  char path[1024];
  snprintf(path, sizeof path, "%s/tests/tool/tool.protoset", builddir ? builddir : ".");
  FILE *file = fopen(path, "rb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  uint8_t *set = malloc(MAX);
  CU_ASSERT_PTR_NOT_NULL_FATAL(set);
  *len = fread(set, 1, MAX, file);
  fclose(file);
  CU_ASSERT_TRUE_FATAL(*len > 0 && *len < MAX);
  return set;
}

static registry *types;

static void forget_types(void) {
  registry_free(types);
}

const registry *tool_types(void) {
  if (types) return types;
  size_t len;
  problem p;
  uint8_t *set = read_set(&len);
  types = registry_new(set, len, &p);
  free(set);
  CU_ASSERT_PTR_NOT_NULL_FATAL(types);
  atexit(forget_types);
  return types;
}

const message_type *tool_message(const char *name) {
  const message_type *m = registry_message(tool_types(), name, strlen(name));
  if (!m) fprintf(stderr, "there is no message %s\n", name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(m);
  return m;
}

/* ---- one ---- */

static buffer result;

static void forget_result(void) {
  buffer_free(&result);
}

static void begin(void) {
  static bool is_registered;
  if (!is_registered) atexit(forget_result);
  is_registered = true;
  result.len = 0;
}

const char *encode_as(const char *message, const char *json, const codec_options *o, size_t *len,
                      problem *p) {
  begin();
  bool is_good =
      codec_read_json(tool_types(), tool_message(message), json, strlen(json), o, &result, p);
  *len = result.len;
  return is_good ? buffer_string(&result) : NULL;
}

const char *decode_as(const char *message, const char *bytes, size_t len, const codec_options *o,
                      problem *p) {
  begin();
  bool is_good = codec_write_json(tool_types(), tool_message(message), (const uint8_t *)bytes, len,
                                  o, &result, p);
  return is_good ? buffer_string(&result) : NULL;
}

/* ---- tables ---- */

static void show(const char *what, const char *data, size_t len) {
  fprintf(stderr, "#   %s:", what);
  for (size_t i = 0; i < len; i++)
    fprintf(stderr, " %02x", (unsigned char)data[i]);
  fprintf(stderr, "\n");
}

void check_encoded(const pair *pairs) {
  static const codec_options options;
  for (; pairs->message; pairs++) {
    size_t len;
    problem p = {""};
    const char *bytes = encode_as(pairs->message, pairs->json, &options, &len, &p);
    bool is_same = bytes && len == pairs->len && memcmp(bytes, pairs->bytes, len) == 0;
    CU_ASSERT_TRUE(is_same);
    if (is_same) continue;
    fprintf(stderr, "# %s %s: %s\n", pairs->message, pairs->json, p.words);
    show("expected", pairs->bytes, pairs->len);
    if (bytes) show("is", bytes, len);
  }
}

void check_decoded(const pair *pairs) {
  static const codec_options options = {.is_compact = true};
  for (; pairs->message; pairs++) {
    problem p = {""};
    const char *json = decode_as(pairs->message, pairs->bytes, pairs->len, &options, &p);
    bool is_same = json && strcmp(json, pairs->json) == 0;
    CU_ASSERT_TRUE(is_same);
    if (!is_same)
      fprintf(stderr, "# %s:\n#   expected %s\n#   is %s\n", pairs->message, pairs->json,
              json ? json : p.words);
  }
}

void check_both(const pair *pairs) {
  check_encoded(pairs);
  check_decoded(pairs);
}

void check_refused(const refusal *r) {
  static const codec_options options;
  for (; r->message; r++) {
    size_t len;
    problem p = {""};
    const char *made = r->len ? decode_as(r->message, r->input, r->len, &options, &p)
                              : encode_as(r->message, r->input, &options, &len, &p);
    bool is_said = !made && strcmp(p.words, r->words) == 0;
    CU_ASSERT_TRUE(is_said);
    CU_ASSERT_EQUAL(result.len, 0);
    if (!is_said)
      fprintf(stderr, "# %s %s:\n#   expected %s\n#   is %s\n", r->message,
              r->len ? "(bytes)" : r->input, r->words, made ? "made" : p.words);
  }
}
