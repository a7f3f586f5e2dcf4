/*
 * schema_read.c: what a FileDescriptorProto declares.
 *
 * Names nest as in C++ (descriptor.proto): what is declared in a message bears its name, and the
 * values of an enum stand beside the enum, not in it.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/services/schema.h"
#include "lib/wire/pb.h"
#include <string.h>

/* Field numbers of google/protobuf/descriptor.proto: every declaration has its name in field 1. */
enum { NAME = 1, FILE_PACKAGE = 2, FILE_IMPORT = 3, FIELD_EXTENDEE = 2, FIELD_NUMBER = 3 };

typedef enum declares { LEAF, ENUM, EXTENSION, MESSAGE, SERVICE } declares;

/* Which fields of a descriptor are declarations within it. */
typedef struct rule {
  uint32_t number;
  declares what;
} rule;
static const rule in_file[] = {{4, MESSAGE}, {5, ENUM}, {6, SERVICE}, {7, EXTENSION}, {0, LEAF}};
/* fields, messages, enums, extensions, oneofs */
static const rule in_message[] = {{2, LEAF},      {3, MESSAGE}, {4, ENUM},
                                  {6, EXTENSION}, {8, LEAF},    {0, LEAF}};
static const rule in_enum[] = {{2, LEAF}, {0, LEAF}};    /* values */
static const rule in_service[] = {{2, LEAF}, {0, LEAF}}; /* methods */

typedef struct reading {
  gmux__schema *schema;
  gmux__schema_file *file;
  gmux__buf scope; /* "package.Message." */
  unsigned depth;
} reading;

bool gmux__schema_string(gmux__schema_text *out, const uint8_t *data, size_t len, uint32_t number) {
  gmux__pb_reader reader = gmux__pb_read(data, len);
  gmux__pb_field field;
  *out = (gmux__schema_text){"", 0};
  while (gmux__pb_next(&reader, &field))
    if (gmux__pb_is(&field, number, GMUX__PB_BYTES))
      *out = (gmux__schema_text){(const char *)field.data, field.len};
  return !reader.is_broken;
}

/* ---- errors, with the file in words ---- */

static int malformed(const gmux__schema_file *file, const char *what) {
  return gmux__fail(GMUX_ERR_PROTOCOL, "file \"%.*s\": %s", (int)file->name.len, file->name.at,
                    what);
}

static int declared_twice(const reading *r, const gmux__schema_file *other) {
  const gmux__schema_text a = other->name, b = r->file->name;
  return gmux__fail(GMUX_ERR_EXISTS, "\"%.*s\" is declared in \"%.*s\" and in \"%.*s\"",
                    (int)gmux__buf_len(&r->scope), (const char *)gmux__buf_data(&r->scope),
                    (int)a.len, a.at, (int)b.len, b.at);
}

/* ---- names ---- */

static int scope_push(reading *r, const char *text, size_t len) {
  if (gmux__buf_len(&r->scope) + len > GMUX__SCHEMA_MAX_NAME)
    return malformed(r->file, "a name is longer than 1024 bytes in full");
  return gmux__buf_append(&r->scope, text, len);
}

/* What the scope spells now is declared in this file. */
static int scope_enter(reading *r) {
  const char *symbol = (const char *)gmux__buf_data(&r->scope);
  size_t len = gmux__buf_len(&r->scope);
  const gmux__schema_file *other =
      gmux__schema_by_symbol(r->schema, (gmux__schema_text){symbol, len});
  if (!other) return gmux__map_put(&r->schema->by_symbol, symbol, len, r->file);
  return r->file->is_spare ? 0 : declared_twice(r, other);
}

static int extension_add(reading *r, const gmux__pb_field *field) {
  gmux__schema *s = r->schema;
  gmux__schema_text extendee;
  if (!gmux__schema_string(&extendee, field->data, field->len, FIELD_EXTENDEE))
    return malformed(r->file, "a malformed extension");
  if (extendee.len > 0 && extendee.at[0] == '.')
    extendee = (gmux__schema_text){extendee.at + 1, extendee.len - 1};
  gmux__schema_extension *extensions =
      gmux__schema_grow(s->extensions, &s->extension_room, s->extension_count, sizeof *extensions);
  if (!extensions) return gmux__fail_code(GMUX_ERR_NOMEM);
  s->extensions = extensions;
  gmux__schema_extension *extension = &extensions[s->extension_count++];
  *extension = (gmux__schema_extension){.extendee = extendee, .file = r->file};
  gmux__pb_reader reader = gmux__pb_read(field->data, field->len);
  gmux__pb_field inner;
  while (gmux__pb_next(&reader, &inner))
    if (gmux__pb_is(&inner, FIELD_NUMBER, GMUX__PB_VARINT))
      extension->number = (int32_t)(uint32_t)inner.value;
  return 0;
}

/* ---- the walk ---- */

static int read_all(reading *r, const uint8_t *data, size_t len, const rule *rules);

/* What is in it, with its name as the scope. */
static int read_inside(reading *r, const gmux__pb_field *field, const rule *rules) {
  if (++r->depth > GMUX__SCHEMA_MAX_DEPTH)
    return malformed(r->file, "messages nest deeper than 64 levels");
  int error = gmux__buf_append(&r->scope, ".", 1);
  if (!error) error = read_all(r, field->data, field->len, rules);
  r->depth--;
  return error;
}

static int read_declaration(reading *r, const gmux__pb_field *field, declares what) {
  size_t outer = gmux__buf_len(&r->scope);
  gmux__schema_text name;
  if (!gmux__schema_string(&name, field->data, field->len, NAME) || name.len == 0)
    return malformed(r->file, "a declaration without a name, or malformed before it");
  int error = scope_push(r, name.at, name.len);
  if (!error) error = scope_enter(r);
  if (!error && what == EXTENSION) error = extension_add(r, field);
  if (!error && what == MESSAGE) error = read_inside(r, field, in_message);
  if (!error && what == SERVICE) error = read_inside(r, field, in_service);
  gmux__buf_truncate(&r->scope, outer);
  if (!error && what == ENUM) error = read_all(r, field->data, field->len, in_enum);
  return error;
}

static int read_all(reading *r, const uint8_t *data, size_t len, const rule *rules) {
  gmux__pb_reader reader = gmux__pb_read(data, len);
  gmux__pb_field field;
  while (gmux__pb_next(&reader, &field)) {
    const rule *within = rules;
    while (within->number && !gmux__pb_is(&field, within->number, GMUX__PB_BYTES))
      within++;
    int error = within->number ? read_declaration(r, &field, within->what) : 0;
    if (error) return error;
  }
  return reader.is_broken ? malformed(r->file, "a malformed descriptor") : 0;
}

int gmux__schema_read_file(gmux__schema *schema, gmux__schema_file *file) {
  reading r = {.schema = schema, .file = file};
  gmux__schema_text package;
  if (!gmux__schema_string(&package, file->data, file->len, FILE_PACKAGE))
    return malformed(file, "a malformed descriptor");
  int error = package.len > 0 ? scope_push(&r, package.at, package.len) : 0;
  if (!error && package.len > 0) error = gmux__buf_append(&r.scope, ".", 1);
  if (!error) error = read_all(&r, file->data, file->len, in_file);
  gmux__buf_deinit(&r.scope);
  return error;
}

/* ---- imports ---- */

static int import_add(gmux__schema *schema, gmux__schema_file *file, gmux__schema_text name,
                      size_t *room) {
  const gmux__schema_file *import = gmux__schema_by_name(schema, name);
  if (!import)
    return gmux__fail(GMUX_ERR_NOT_FOUND,
                      "\"%.*s\" imports \"%.*s\", which is in none of the descriptor sets (protoc "
                      "--include_imports)",
                      (int)file->name.len, file->name.at, (int)(name.len < 256 ? name.len : 256),
                      name.at);
  size_t *imports =
      gmux__schema_grow(file->imports, room, file->import_count, sizeof *file->imports);
  if (!imports) return gmux__fail_code(GMUX_ERR_NOMEM);
  file->imports = imports;
  imports[file->import_count++] = import->index;
  return 0;
}

int gmux__schema_read_imports(gmux__schema *schema, gmux__schema_file *file) {
  gmux__pb_reader reader = gmux__pb_read(file->data, file->len);
  gmux__pb_field field;
  size_t room = 0;
  while (gmux__pb_next(&reader, &field)) {
    if (!gmux__pb_is(&field, FILE_IMPORT, GMUX__PB_BYTES)) continue;
    const gmux__schema_text name = {(const char *)field.data, field.len};
    int error = import_add(schema, file, name, &room);
    if (error) return error;
  }
  return 0;
}
