/* reflection_test.c: what a server answers, which may be anything. */
#include "tests/tool/kit.h"
#include "tools/gmux/reflection.h"
#include "tools/gmux/wire.h"

#include <stdio.h>
#include <string.h>

/* A FileDescriptorProto with its imports, NULL behind the last. */
static void add_file(buffer *out, const char *name, const char *const *imports) {
  wire_add_bytes(out, 1, name, strlen(name));
  for (; *imports; imports++)
    wire_add_bytes(out, 3, *imports, strlen(*imports));
}

static bool give(file_set *f, const char *name, const char *const *imports, problem *p) {
  buffer file = {.data = NULL};
  add_file(&file, name, imports);
  bool is_good = files_add(f, file.data, file.len, p);
  buffer_free(&file);
  return is_good;
}

#define IMPORTS(...)                                                                               \
  (const char *const[]) {                                                                          \
    __VA_ARGS__, NULL                                                                              \
  }
#define NO_IMPORTS ((const char *const[]){NULL})

/* ---- files ---- */

static void an_import_is_missing_once(void) {
  file_set f = {.asked = 0};
  problem p;
  CU_ASSERT_TRUE(give(&f, "a", IMPORTS("b", "c"), &p));
  CU_ASSERT_TRUE(give(&f, "c", IMPORTS("b", "a"), &p));
  CU_ASSERT_STRING_EQUAL(files_next_missing(&f), "b");
  CU_ASSERT_PTR_NULL(files_next_missing(&f));
  CU_ASSERT_TRUE(give(&f, "b", IMPORTS("d"), &p));
  CU_ASSERT_STRING_EQUAL(files_next_missing(&f), "d");
  CU_ASSERT_PTR_NULL(files_next_missing(&f)); /* though it never came */
  files_free(&f);
}

static void files_that_import_each_other_end(void) {
  file_set f = {.asked = 0};
  problem p;
  CU_ASSERT_TRUE(give(&f, "a", IMPORTS("a", "b"), &p));
  CU_ASSERT_STRING_EQUAL(files_next_missing(&f), "b");
  CU_ASSERT_TRUE(give(&f, "b", IMPORTS("a", "b"), &p));
  CU_ASSERT_PTR_NULL(files_next_missing(&f));
  files_free(&f);
}

static void a_file_that_comes_twice_counts_once(void) {
  file_set f = {.asked = 0};
  problem p;
  CU_ASSERT_TRUE(give(&f, "a", NO_IMPORTS, &p));
  size_t len = f.set.len;
  CU_ASSERT_TRUE(give(&f, "a", IMPORTS("b"), &p));
  CU_ASSERT_EQUAL(f.set.len, len);
  CU_ASSERT_PTR_NULL(files_next_missing(&f));
  files_free(&f);
}

static void check_file(const char *bytes, size_t len, const char *words) {
  file_set f = {.asked = 0};
  problem p = {""};
  CU_ASSERT_FALSE(files_add(&f, (const uint8_t *)bytes, len, &p));
  CU_ASSERT_STRING_EQUAL(p.words, words);
  CU_ASSERT_EQUAL(f.set.len, 0);
  files_free(&f);
}

static void what_is_no_file_is_refused(void) {
  check_file(BYTES(""), "a file of descriptors has a name that is none");
  check_file(BYTES("\x0a\x03"
                   "a\0b"),
             "a file of descriptors has a name that is none");
  check_file(BYTES("\x0a\x09"
                   "a"),
             "a file of descriptors is broken");
}

/* Each file imports another that was never heard of: a server that never ends. */
static void files_without_end_are_refused(void) {
  file_set f = {.asked = 0};
  problem p;
  char name[16], next[16];
  unsigned i = 0;
  for (bool is_good = true; is_good && i <= FILES_MAX; i++) {
    snprintf(name, sizeof name, "%u", i);
    snprintf(next, sizeof next, "%u", i + 1);
    is_good = give(&f, name, IMPORTS(next), &p);
    if (is_good) CU_ASSERT_STRING_EQUAL(files_next_missing(&f), next);
  }
  CU_ASSERT_EQUAL(i, FILES_MAX);
  CU_ASSERT_STRING_EQUAL(p.words, "there are more than 10000 files of descriptors");
  files_free(&f);
}

static void imports_without_end_are_refused(void) {
  file_set f = {.asked = 0};
  problem p = {""};
  buffer file = {.data = NULL};
  add_file(&file, "a", NO_IMPORTS);
  for (unsigned i = 0; i <= FILES_MAX_IMPORTS; i++)
    wire_add_bytes(&file, 3, "b", 1);
  CU_ASSERT_FALSE(files_add(&f, file.data, file.len, &p));
  CU_ASSERT_STRING_EQUAL(p.words, "files of descriptors import more than 100000 times");
  buffer_free(&file);
  files_free(&f);
}

/* ---- answers ---- */

typedef struct reader {
  file_set files;
  reflection_names names;
  reflection_answer answer;
  problem problem;
} reader;

static bool read_answer(reader *r, const char *bytes, size_t len) {
  *r = (reader){.names = {.count = 0}};
  r->answer.files = &r->files, r->answer.names = &r->names;
  return reflection_read(&r->answer, (const uint8_t *)bytes, len, &r->problem);
}

static void services_are_read(void) {
  reader r;
  CU_ASSERT_TRUE(read_answer(&r, BYTES("\x32\x0a\x0a\x03\x0a\x01"
                                       "a\x0a\x03\x0a\x01"
                                       "b")));
  CU_ASSERT_EQUAL_FATAL(r.names.count, 2);
  CU_ASSERT_STRING_EQUAL(r.names.list[0], "a");
  CU_ASSERT_STRING_EQUAL(r.names.list[1], "b");
  CU_ASSERT_EQUAL(r.answer.error_code, 0);
  files_free(&r.files);
}

static void files_are_read(void) {
  reader r;
  CU_ASSERT_TRUE(read_answer(&r, BYTES("\x22\x0a\x0a\x08\x0a\x01"
                                       "a\x1a\x03"
                                       "b/c")));
  CU_ASSERT_STRING_EQUAL(files_next_missing(&r.files), "b/c");
  files_free(&r.files);
}

static void a_no_is_an_answer(void) {
  reader r;
  CU_ASSERT_TRUE(read_answer(&r, BYTES("\x3a\x06\x08\x05\x12\x02no")));
  CU_ASSERT_EQUAL(r.answer.error_code, 5);
  CU_ASSERT_STRING_EQUAL(r.answer.words.words, "no");
  /* also without a code, or with that of none */
  CU_ASSERT_TRUE(read_answer(&r, BYTES("\x3a\x00")));
  CU_ASSERT_EQUAL(r.answer.error_code, 2);
  CU_ASSERT_TRUE(read_answer(&r, BYTES("\x3a\x02\x08\x00")));
  CU_ASSERT_EQUAL(r.answer.error_code, 2);
}

static void rubbish_is_no_answer(void) {
  static const struct {
    const char *bytes;
    size_t len;
  } rubbish[] = {{BYTES("\x22")},         {BYTES("\x22\x05\x0a\x08\x0a\x01")},
                 {BYTES("\x3a\x01\x08")}, {BYTES("\x32\x03\x0a\x01\x0a")},
                 {BYTES("\xff\xff")},     {BYTES("\x32\x05\x0a\x03\x0a\x01\x00")}};
  for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
    reader r;
    CU_ASSERT_FALSE(read_answer(&r, rubbish[i].bytes, rubbish[i].len));
    CU_ASSERT_NOT_EQUAL(r.problem.words[0], 0);
    files_free(&r.files);
  }
}

static const test_case cases[] = {TEST(an_import_is_missing_once),
                                  TEST(files_that_import_each_other_end),
                                  TEST(a_file_that_comes_twice_counts_once),
                                  TEST(what_is_no_file_is_refused),
                                  TEST(files_without_end_are_refused),
                                  TEST(imports_without_end_are_refused),
                                  TEST(services_are_read),
                                  TEST(files_are_read),
                                  TEST(a_no_is_an_answer),
                                  TEST(rubbish_is_no_answer),
                                  TESTS_END};
const test_suite tool_reflection_suite = {"reflection", cases, NULL, NULL};
