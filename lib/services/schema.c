/* schema.c: files by name, by what they declare and by what they extend. */
#include "lib/services/schema.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/wire/pb.h"
#include <stdlib.h>
#include <string.h>

/* Field numbers of google/protobuf/descriptor.proto. */
enum { SET_FILE = 1, FILE_NAME = 1 };

void *gmux__schema_grow(void *array, size_t *room, size_t count, size_t size) {
  if (count < *room) return array;
  size_t more = *room ? *room * 2 : 16;
  void *grown = gmux__realloc(array, more * size);
  if (grown) *room = more;
  return grown;
}

static void file_free(gmux__schema_file *file) {
  if (!file) return;
  gmux__free(file->imports);
  gmux__free(file);
}

void gmux__schema_deinit(gmux__schema *schema) {
  for (size_t i = 0; i < schema->file_count; i++)
    file_free(schema->files[i]);
  for (size_t i = 0; i < schema->set_count; i++)
    gmux_bytes_release(&schema->sets[i]);
  gmux__free(schema->files);
  gmux__free(schema->sets);
  gmux__free(schema->extensions);
  gmux__map_deinit(&schema->by_name);
  gmux__map_deinit(&schema->by_symbol);
  *schema = (gmux__schema){.sets = NULL};
}

/* ---- adding ---- */

static int file_new(gmux__schema_file **out, const gmux__pb_field *bytes, bool is_spare) {
  gmux__schema_text name;
  if (!gmux__schema_string(&name, bytes->data, bytes->len, FILE_NAME) || name.len == 0)
    return gmux__fail(GMUX_ERR_PROTOCOL, "a file without a name, or malformed before it");
  if (name.len > GMUX__SCHEMA_MAX_NAME)
    return gmux__fail(GMUX_ERR_PROTOCOL, "a file's name of %zu bytes: at most %d", name.len,
                      GMUX__SCHEMA_MAX_NAME);
  gmux__schema_file *file = gmux__calloc(1, sizeof *file);
  if (!file) return gmux__fail_code(GMUX_ERR_NOMEM);
  file->data = bytes->data;
  file->len = bytes->len;
  file->name = name;
  file->is_spare = is_spare;
  *out = file;
  return 0;
}

/* What is there already need not be there again: the other file, or NULL; or an error. */
static int file_find_twin(const gmux__schema *schema, const gmux__schema_file *file,
                          const gmux__schema_file **twin) {
  *twin = gmux__schema_by_name(schema, file->name);
  if (!*twin || file->is_spare) return 0;
  if ((*twin)->len == file->len && memcmp((*twin)->data, file->data, file->len) == 0) return 0;
  return gmux__fail(GMUX_ERR_EXISTS, "there are two different files \"%.*s\"", (int)file->name.len,
                    file->name.at);
}

/* The file belongs to the schema from here on. */
static int schema_keep(gmux__schema *schema, gmux__schema_file *file) {
  if (schema->file_count >= GMUX__SCHEMA_MAX_FILES)
    return gmux__fail(GMUX_ERR_TOO_LARGE, "more than %d files", GMUX__SCHEMA_MAX_FILES);
  gmux__schema_file **files =
      gmux__schema_grow(schema->files, &schema->file_room, schema->file_count, sizeof *files);
  if (!files) return gmux__fail_code(GMUX_ERR_NOMEM);
  schema->files = files;
  int error = gmux__map_put(&schema->by_name, file->name.at, file->name.len, file);
  if (error) return error;
  file->index = schema->file_count;
  schema->files[schema->file_count++] = file;
  return 0;
}

static int schema_add_file(gmux__schema *schema, const gmux__pb_field *bytes, bool is_spare) {
  gmux__schema_file *file = NULL;
  const gmux__schema_file *twin = NULL;
  int error = file_new(&file, bytes, is_spare);
  if (!error) error = file_find_twin(schema, file, &twin);
  if (!error && !twin) error = schema_keep(schema, file);
  if (error || twin) {
    file_free(file);
    return error;
  }
  return gmux__schema_read_file(schema, file);
}

static int schema_keep_set(gmux__schema *schema, gmux_bytes *set) {
  if (set->len > GMUX__SCHEMA_MAX_BYTES - schema->bytes)
    return gmux__fail(GMUX_ERR_TOO_LARGE, "descriptor sets of more than %d MiB together",
                      GMUX__SCHEMA_MAX_BYTES >> 20);
  gmux_bytes *sets = gmux__realloc(schema->sets, (schema->set_count + 1) * sizeof *sets);
  if (!sets) return gmux__fail_code(GMUX_ERR_NOMEM);
  schema->sets = sets;
  sets[schema->set_count++] = *set;
  schema->bytes += set->len;
  return 0;
}

int gmux__schema_add(gmux__schema *schema, gmux_bytes set, bool is_spare) {
  int error = schema_keep_set(schema, &set);
  if (error) {
    gmux_bytes_release(&set);
    return error;
  }
  gmux__pb_reader reader = gmux__pb_read(set.data, set.len);
  gmux__pb_field field;
  while (!error && gmux__pb_next(&reader, &field))
    if (gmux__pb_is(&field, SET_FILE, GMUX__PB_BYTES))
      error = schema_add_file(schema, &field, is_spare);
  if (!error && reader.is_broken)
    error = gmux__fail(GMUX_ERR_PROTOCOL, "not a FileDescriptorSet (protoc --descriptor_set_out)");
  return error;
}

/* ---- sealing ---- */

static int text_compare(gmux__schema_text a, gmux__schema_text b) {
  size_t len = a.len < b.len ? a.len : b.len;
  int order = len ? memcmp(a.at, b.at, len) : 0;
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int extension_compare(const void *left, const void *right) {
  const gmux__schema_extension *a = left, *b = right;
  int order = text_compare(a->extendee, b->extendee);
  return order ? order : (a->number > b->number) - (a->number < b->number);
}

int gmux__schema_seal(gmux__schema *schema) {
  for (size_t i = 0; i < schema->file_count; i++) {
    int error = gmux__schema_read_imports(schema, schema->files[i]);
    if (error) return error;
  }
  if (schema->extension_count > 0)
    qsort(schema->extensions, schema->extension_count, sizeof *schema->extensions,
          extension_compare);
  return 0;
}

/* ---- finding ---- */

const gmux__schema_file *gmux__schema_by_name(const gmux__schema *schema, gmux__schema_text name) {
  return gmux__map_get(&schema->by_name, name.at, name.len);
}

const gmux__schema_file *gmux__schema_by_symbol(const gmux__schema *schema,
                                                gmux__schema_text symbol) {
  return gmux__map_get(&schema->by_symbol, symbol.at, symbol.len);
}

/* The first that is not below (extendee, number). */
static size_t extension_seek(const gmux__schema *schema, gmux__schema_text extendee,
                             int32_t number) {
  const gmux__schema_extension key = {.extendee = extendee, .number = number};
  size_t low = 0, high = schema->extension_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (extension_compare(&schema->extensions[middle], &key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const gmux__schema_file *gmux__schema_by_extension(const gmux__schema *schema,
                                                   gmux__schema_text extendee, int32_t number) {
  const gmux__schema_extension key = {.extendee = extendee, .number = number};
  size_t at = extension_seek(schema, extendee, number);
  if (at == schema->extension_count) return NULL;
  const gmux__schema_extension *found = &schema->extensions[at];
  return extension_compare(found, &key) == 0 ? found->file : NULL;
}

const gmux__schema_extension *gmux__schema_extensions(const gmux__schema *schema,
                                                      gmux__schema_text extendee, size_t *count) {
  size_t first = extension_seek(schema, extendee, INT32_MIN), end = first;
  while (end < schema->extension_count &&
         text_compare(schema->extensions[end].extendee, extendee) == 0)
    end++;
  *count = end - first;
  return *count > 0 ? &schema->extensions[first] : NULL;
}
