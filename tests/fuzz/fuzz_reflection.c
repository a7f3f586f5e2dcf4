/*
 * fuzz_reflection.c: what a server answers to gmux's questions of reflection.
 *
 * The input: one answer. What it brings is described as gmux describe does it.
 */
#include "tests/fuzz/fuzz.h"
#include "tools/gmux/describe.h"
#include "tools/gmux/reflection.h"
#include <stdlib.h>
#include <string.h>

static void describe(const registry *r, const char *name) {
  subject s;
  problem p = {""};
  buffer out = {.data = NULL};
  printer json = {.out = &out};
  if (!subject_find(r, name, &s, &p)) { /* a well-known one that is not in the files */
    FUZZ_REQUIRE(p.words[0]);
    return;
  }
  describe_text(r, &s, &out);
  FUZZ_REQUIRE(!memchr(out.data, 27, out.len));
  describe_json(r, &s, &json);
  if (s.message) describe_template(s.message, 0, &out);
  buffer_free(&out);
}

static void describe_all(const registry *r) {
  const message_type *m;
  const enum_type *e;
  const service_type *s;
  for (size_t i = 0; (m = registry_message_at(r, i)); i++)
    describe(r, m->name);
  for (size_t i = 0; (e = registry_enum_at(r, i)); i++)
    describe(r, e->name);
  for (size_t i = 0; (s = registry_service_at(r, i)); i++) {
    describe(r, s->name);
    for (size_t k = 0; k < s->method_count; k++)
      describe(r, s->methods[k].path);
  }
}

static void check_files(file_set *f) {
  problem p = {""};
  size_t missing = 0;
  while (files_next_missing(f))
    missing++;
  FUZZ_REQUIRE(missing <= FILES_MAX);
  registry *r = registry_new(f->set.data, f->set.len, &p);
  if (r)
    describe_all(r);
  else
    FUZZ_REQUIRE(p.words[0]);
  registry_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  file_set files = {.asked = 0};
  reflection_names names = {.count = 0};
  reflection_answer answer = {.files = &files, .names = &names};
  problem p = {""};
  uint8_t *copy = fuzz_copy(in);
  bool is_good = reflection_read(&answer, copy, size, &p);
  free(copy);
  FUZZ_REQUIRE(is_good || p.words[0]);
  for (size_t i = 0; i < names.count; i++)
    FUZZ_REQUIRE(*names.list[i]);
  check_files(&files);
  files_free(&files);
  return fuzz_end();
}
