/*
 * check.c: files, types and methods that protobuf-c has no place for.
 *
 * protoc-gen-c dies of some of these (groups), and makes code that does not compile of others. Here
 * each is said in words, with its line.
 */
#include "tools/protoc-gen-gmux/check.h"

#include "tools/protoc-gen-gmux/comments.h"
#include "tools/protoc-gen-gmux/names.h"
#include <string.h>

enum { TYPE_GROUP = 10 };

/* "file:12" of a place, "file" where the line is not known. */
static const char *where(pool *p, const Plugin__File *file, place at) {
  int line = place_line(file, at);
  return line ? pool_format(p, "%s:%d", file->name, line) : file->name;
}

bool check_has_types(const Plugin__File *file) {
  return file->n_message_type > 0 || file->n_enum_type > 0;
}

/* ---- the file ---- */

static const char *check_syntax(pool *p, const Plugin__File *file) {
  const char *syntax = file->syntax ? file->syntax : "proto2";
  if (strcmp(syntax, "proto2") == 0 || strcmp(syntax, "proto3") == 0) return NULL;
  return pool_format(p, "%s: its syntax is \"%s\"; protobuf-c knows proto2 and proto3", file->name,
                     syntax);
}

/* ---- groups ---- */

static const char *check_fields(pool *p, const Plugin__File *file, Plugin__Field **fields,
                                size_t count, place at, int32_t number) {
  for (size_t i = 0; i < count; i++)
    if (fields[i]->type == TYPE_GROUP)
      return pool_format(
          p,
          "%s: field %s is a group, which protobuf-c cannot pack: make it a field of "
          "a message type",
          where(p, file, place_in(at, number, i)), fields[i]->name);
  return NULL;
}

static const char *check_type(pool *p, const Plugin__File *file, const Plugin__Type *type,
                              place at) {
  const char *why = check_fields(p, file, type->field, type->n_field, at, PLACE_TYPE_FIELDS);
  if (!why)
    why = check_fields(p, file, type->extension, type->n_extension, at, PLACE_TYPE_EXTENSIONS);
  for (size_t i = 0; i < type->n_nested_type && !why; i++)
    why = check_type(p, file, type->nested_type[i], place_in(at, PLACE_TYPE_TYPES, i));
  return why;
}

static const char *check_types(pool *p, const Plugin__File *file) {
  const place top = {{0}, 0};
  const char *why =
      check_fields(p, file, file->extension, file->n_extension, top, PLACE_EXTENSIONS);
  for (size_t i = 0; i < file->n_message_type && !why; i++)
    why = check_type(p, file, file->message_type[i], place_in(top, PLACE_MESSAGES, i));
  return why;
}

/* ---- methods ---- */

static const char *check_message(pool *p, const schema *s, const char *type) {
  const schema_type *found = type ? schema_find(s, type) : NULL;
  if (!found) return pool_format(p, "protoc sent no message type %s", type ? type : "for it");
  if (!schema_has_no_code(found->file)) return NULL;
  return pool_format(p,
                     "its %s is in %s, of which protobuf-c makes no code (pb_c_file.no_generate)",
                     found->name, found->file->name);
}

/* Names that protobuf-c itself puts beside those of methods, or where C has no room for them. */
static const char *check_name(pool *p, const Plugin__File *file, const char *name) {
  const char *lower = name_lower(p, name);
  if (!check_has_types(file)) return NULL; /* then its header is not needed */
  if (is_c_keyword(lower))
    return pool_format(p,
                       "protobuf-c names a struct member \"%s\" for it, a keyword of C: move the "
                       "messages to a file of their own, and give only that to --c_out",
                       lower);
  if (strcmp(lower, "init") == 0 || strcmp(lower, "descriptor") == 0)
    return pool_format(p,
                       "protobuf-c has another \"%s\" of this service: move the messages to a file "
                       "of their own, and give only that to --c_out",
                       lower);
  return NULL;
}

/* The earlier of two that are one in C. */
static const char *twin_find(pool *p, const Plugin__Service *service, size_t index) {
  const char *name = service->method[index]->name;
  for (size_t i = 0; i < index; i++) {
    const char *other = service->method[i]->name;
    if (strcmp(name_lower(p, name), name_lower(p, other)) == 0 ||
        strcmp(name_camel(p, name), name_camel(p, other)) == 0)
      return other;
  }
  return NULL;
}

static const char *check_method(pool *p, const schema *s, const Plugin__File *file,
                                const Plugin__Service *service, size_t index) {
  const Plugin__Method *m = service->method[index];
  const char *why = check_message(p, s, m->input_type);
  if (!why) why = check_message(p, s, m->output_type);
  if (!why) why = check_name(p, file, m->name);
  if (why) return why;
  const char *twin = twin_find(p, service, index);
  return twin ? pool_format(p, "in C it has the same name as %s", twin) : NULL;
}

static const char *check_service(pool *p, const schema *s, const Plugin__File *file, size_t index) {
  const Plugin__Service *service = file->service[index];
  const place at = place_in((place){{0}, 0}, PLACE_SERVICES, index);
  for (size_t i = 0; i < service->n_method; i++) {
    const char *why = check_method(p, s, file, service, i);
    if (why)
      return pool_format(p, "%s: method %s.%s: %s",
                         where(p, file, place_in(at, PLACE_SERVICE_METHODS, i)), service->name,
                         service->method[i]->name, why);
  }
  return NULL;
}

const char *check_file(pool *p, const schema *s, const Plugin__File *file) {
  const char *why = check_syntax(p, file);
  if (!why) why = check_types(p, file);
  for (size_t i = 0; i < file->n_service && !why; i++)
    why = check_service(p, s, file, i);
  return why;
}
