/*
 * fuzz_schema.c: descriptor sets, as reflection reads them.
 *
 * The input: which allocation fails (1 byte, 0: none), where it is cut in two sets (2 bytes), the
 * sets. What was read is looked for again.
 */
#include "lib/services/schema.h"
#include "lib/wire/pb.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

static bool is_inside(const gmux__schema *schema, const void *at, size_t len) {
  const uint8_t *first = at;
  for (size_t i = 0; i < schema->set_count; i++) {
    const gmux_bytes *set = &schema->sets[i];
    if (set->len && first >= set->data && first + len <= set->data + set->len) return true;
  }
  return false;
}

static void check_files(const gmux__schema *schema) {
  for (size_t i = 0; i < schema->file_count; i++) {
    const gmux__schema_file *file = schema->files[i];
    FUZZ_REQUIRE(file->index == i && file->name.len > 0);
    FUZZ_REQUIRE(is_inside(schema, file->data, file->len));
    FUZZ_REQUIRE(is_inside(schema, file->name.at, file->name.len));
    FUZZ_REQUIRE(gmux__schema_by_name(schema, file->name) == file);
    for (size_t k = 0; k < file->import_count; k++)
      FUZZ_REQUIRE(file->imports[k] < schema->file_count);
  }
}

static void check_extensions(const gmux__schema *schema) {
  for (size_t i = 0; i < schema->extension_count; i++) {
    const gmux__schema_extension *e = &schema->extensions[i];
    FUZZ_REQUIRE(gmux__schema_by_extension(schema, e->extendee, e->number));
    size_t count;
    const gmux__schema_extension *all = gmux__schema_extensions(schema, e->extendee, &count);
    FUZZ_REQUIRE(all && all <= e && e < all + count);
    for (size_t k = 1; k < count; k++)
      FUZZ_REQUIRE(all[k - 1].number <= all[k].number);
  }
}

static void check_symbol(const char *key, void *file, void *schema) {
  (void)schema;
  FUZZ_REQUIRE(file && strlen(key) <= GMUX__SCHEMA_MAX_NAME);
}

static int add_all(gmux__schema *schema, const gmux_bytes sets[2]) {
  int error = gmux__schema_add(schema, sets[0], false);
  if (!error) error = gmux__schema_add(schema, sets[1], true);
  return error ? error : gmux__schema_seal(schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  uint8_t fail_at = fuzz_u8(&in);
  size_t cut = fuzz_u16(&in);
  fuzz_input parts[] = {fuzz_take(&in, cut), {0}};
  parts[1] = in;
  uint8_t *copies[] = {fuzz_copy(parts[0]), fuzz_copy(parts[1])};
  const gmux_bytes sets[] = {gmux_bytes_borrow(copies[0], parts[0].len),
                             gmux_bytes_borrow(copies[1], parts[1].len)};
  gmux__schema schema = {.sets = NULL};
  fuzz_forget_words();
  test_alloc_fail_at(fail_at);
  int error = add_all(&schema, sets);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  FUZZ_REQUIRE(!error || fuzz_has_words());
  FUZZ_REQUIRE(!has_failed || error == GMUX_ERR_NOMEM);
  if (!error) {
    check_files(&schema);
    check_extensions(&schema);
    gmux__map_each(&schema.by_symbol, check_symbol, &schema);
  }
  gmux__schema_deinit(&schema);
  free(copies[0]);
  free(copies[1]);
  return fuzz_end();
}
