/* files.c: names in order, and a queue of imports. */
#include "tools/gmux/files.h"
#include "tools/gmux/wire.h"

#include <string.h>

enum { SET_FILE = 1, FILE_NAME = 1, FILE_IMPORT = 3 };
enum { NAME_MAX_BYTES = 1024 };

/* ---- names ---- */

/* Where it is, or belongs. */
static size_t place_of(const file_set *f, const char *name) {
  size_t from = 0, to = f->name_count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (strcmp(f->names[middle]->name, name) < 0)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

static void *grow(file_set *f, void *items, size_t count, size_t *room) {
  if (count < *room) return items;
  *room = *room ? *room * 2 : 16;
  files_name **grown = pool_get(&f->memory, *room, sizeof *grown);
  if (count) memcpy(grown, items, count * sizeof *grown);
  return grown;
}

/* NULL: there are too many. */
static files_name *name_get(file_set *f, const char *name, problem *p) {
  size_t at = place_of(f, name);
  if (at < f->name_count && strcmp(f->names[at]->name, name) == 0) return f->names[at];
  if (f->name_count == FILES_MAX) {
    problem_set(p, "there are more than %d files of descriptors", FILES_MAX);
    return NULL;
  }
  files_name *added = pool_get(&f->memory, 1, sizeof *added);
  added->name = pool_format(&f->memory, "%s", name);
  f->names = grow(f, f->names, f->name_count, &f->name_room);
  memmove(f->names + at + 1, f->names + at, (f->name_count - at) * sizeof(files_name *));
  f->names[at] = added;
  f->name_count++;
  return added;
}

/* A name as a string. */
static bool name_read(char out[NAME_MAX_BYTES + 1], const wire_field *field, problem *p) {
  if (field->len == 0 || field->len > NAME_MAX_BYTES || memchr(field->data, 0, field->len))
    return problem_set(p, "a file of descriptors has a name that is none");
  memcpy(out, field->data, field->len);
  out[field->len] = 0;
  return true;
}

/* ---- a file ---- */

static bool file_name(const uint8_t *data, size_t len, char out[NAME_MAX_BYTES + 1], problem *p) {
  wire_reader reader = {.data = data, .len = len};
  wire_field field, name = {.number = 0};
  while (reader.at < reader.len) {
    if (!wire_read(&reader, &field)) return problem_set(p, "a file of descriptors is broken");
    if (field.number == FILE_NAME && field.type == WIRE_BYTES) name = field;
  }
  return name_read(out, &name, p);
}

static bool import_add(file_set *f, const wire_field *field, problem *p) {
  char name[NAME_MAX_BYTES + 1];
  if (!name_read(name, field, p)) return false;
  if (f->import_count++ == FILES_MAX_IMPORTS)
    return problem_set(p, "files of descriptors import more than %d times", FILES_MAX_IMPORTS);
  size_t before = f->name_count;
  files_name *import = name_get(f, name, p);
  if (!import) return false;
  if (f->name_count == before) return true; /* it is here, or wanted */
  f->wanted = grow(f, f->wanted, f->wanted_count, &f->wanted_room);
  f->wanted[f->wanted_count++] = import;
  return true;
}

static bool imports_add(file_set *f, const uint8_t *data, size_t len, problem *p) {
  wire_reader reader = {.data = data, .len = len};
  wire_field field;
  while (reader.at < reader.len && wire_read(&reader, &field))
    if (field.number == FILE_IMPORT && field.type == WIRE_BYTES && !import_add(f, &field, p))
      return false;
  return true;
}

bool files_add(file_set *f, const uint8_t *data, size_t len, problem *p) {
  char name[NAME_MAX_BYTES + 1];
  if (!file_name(data, len, name, p)) return false;
  files_name *file = name_get(f, name, p);
  if (!file) return false;
  if (file->is_here) return true;
  if (len > FILES_MAX_BYTES - f->set.len)
    return problem_set(p, "the descriptors are longer than %d MiB", FILES_MAX_BYTES >> 20);
  file->is_here = true;
  wire_add_bytes(&f->set, SET_FILE, data, len);
  return imports_add(f, data, len, p);
}

/* ---- what is missing ---- */

const char *files_next_missing(file_set *f) {
  while (f->asked < f->wanted_count) {
    const files_name *next = f->wanted[f->asked++];
    if (!next->is_here) return next->name;
  }
  return NULL;
}

void files_free(file_set *f) {
  buffer_free(&f->set);
  pool_free(&f->memory);
  *f = (file_set){.asked = 0};
}
