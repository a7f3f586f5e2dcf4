/* round_test.c: there and back, with messages that dice have made. */
#include "tests/tool/kit.h"
#include "tests/tool/random.h"

#include <stdio.h>
#include <string.h>

enum { ROUNDS = 400 };

static const char *const messages[] = {
    "all.Scalars",
    "all.Lists",
    "all.Maps",
    "all.Choice",
    "all.Known",
    "all.Tree",
    "google.protobuf.Value",
    "google.protobuf.Any",
};
enum { MESSAGES = sizeof messages / sizeof *messages };

static bool complain(const char *what, const char *message, uint64_t seed, const char *words) {
  fprintf(stderr, "# %s, %s, seed %llu: %s\n", message, what, (unsigned long long)seed, words);
  return false;
}

/* Bytes to JSON to bytes to JSON: both times the same JSON. */
static bool comes_back(const char *message, uint64_t seed, const codec_options *o) {
  dice d = {seed};
  buffer bytes = {.data = NULL}, json = {.data = NULL}, again = {.data = NULL},
         back = {.data = NULL};
  problem p = {""};
  const registry *types = tool_types();
  const message_type *m = tool_message(message);
  random_message(&bytes, &d, types, m);
  bool is_good = codec_write_json(types, m, bytes.data, bytes.len, o, &json, &p);
  if (!is_good) complain("to JSON", message, seed, p.words);
  if (is_good && !codec_read_json(types, m, (const char *)json.data, json.len, o, &back, &p))
    is_good = complain(buffer_string(&json), message, seed, p.words);
  if (is_good && !codec_write_json(types, m, back.data, back.len, o, &again, &p))
    is_good = complain("to JSON again", message, seed, p.words);
  if (is_good && strcmp(buffer_string(&json), buffer_string(&again)) != 0)
    is_good = complain(buffer_string(&json), message, seed, buffer_string(&again));
  buffer_free(&bytes);
  buffer_free(&json);
  buffer_free(&back);
  buffer_free(&again);
  return is_good;
}

static void check_all(const codec_options *o) {
  for (size_t i = 0; i < MESSAGES; i++)
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
      CU_ASSERT_TRUE(comes_back(messages[i], seed, o));
}

static void a_message_comes_back_the_same(void) {
  check_all(&(codec_options){.is_compact = true});
}

static void a_message_comes_back_the_same_with_other_options(void) {
  check_all(&(codec_options){.with_original_names = true});
}

/* Wherever it is cut, bytes are a message or are refused; the sanitizers see the rest. */
static void a_message_cut_anywhere_does_no_harm(void) {
  static const codec_options options = {.with_defaults = true};
  for (size_t i = 0; i < MESSAGES; i++) {
    dice d = {i + 1};
    buffer bytes = {.data = NULL}, json = {.data = NULL};
    problem p = {""};
    random_message(&bytes, &d, tool_types(), tool_message(messages[i]));
    for (size_t len = 0; len < bytes.len; len++) {
      bool is_good = codec_write_json(tool_types(), tool_message(messages[i]), bytes.data, len,
                                      &options, &json, &p);
      CU_ASSERT_TRUE(is_good || (p.words[0] && json.len == 0));
      json.len = 0;
    }
    buffer_free(&bytes);
    buffer_free(&json);
  }
}

static void json_cut_anywhere_is_refused(void) {
  static const codec_options options;
  for (size_t i = 0; i < MESSAGES; i++) {
    dice d = {i + 7};
    buffer bytes = {.data = NULL}, json = {.data = NULL}, back = {.data = NULL};
    problem p = {""};
    const message_type *m = tool_message(messages[i]);
    random_message(&bytes, &d, tool_types(), m);
    CU_ASSERT_TRUE(codec_write_json(tool_types(), m, bytes.data, bytes.len, &options, &json, &p));
    for (size_t len = 0; len < json.len && json.data[0] == '{'; len++) {
      CU_ASSERT_FALSE(
          codec_read_json(tool_types(), m, (const char *)json.data, len, &options, &back, &p));
      CU_ASSERT_TRUE(strncmp(p.words, "line ", 5) == 0 && back.len == 0);
    }
    buffer_free(&bytes);
    buffer_free(&json);
    buffer_free(&back);
  }
}

static const test_case cases[] = {
    TEST(a_message_comes_back_the_same), TEST(a_message_comes_back_the_same_with_other_options),
    TEST(a_message_cut_anywhere_does_no_harm), TEST(json_cut_anywhere_is_refused), TESTS_END};
const test_suite tool_round_suite = {"round", cases, NULL, NULL};
