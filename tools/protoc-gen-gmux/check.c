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

/* A name goes into comments, and between the quotes of an #include, which know no escapes. */
static const char *check_path(pool *p, const Plugin__File *file) {
  static const char *const marks[] = {"\"", "\n", "\r", "*/", "/*", "?\?"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (strstr(file->name, marks[i]))
      return pool_format(p, "%s: C has no #include or comment for a file of this name", file->name);
  return NULL;
}

/* ---- names ---- */

typedef struct c_name {
  const char *name, *lower, *camel;
} c_name;

typedef struct c_names {
  c_name *names; /* room for all */
  size_t count;
} c_names;

static c_names c_names_make(pool *p, size_t room) {
  return (c_names){.names = pool_get(p, room, sizeof(c_name))};
}

/* Adds one. The earlier one that is the same in C, if any. */
static const char *c_names_add(c_names *all, pool *p, const char *name) {
  const c_name added = {name, name_lower(p, name), name_camel(p, name)};
  const char *twin = NULL;
  for (size_t i = 0; i < all->count && !twin; i++) {
    const c_name *other = &all->names[i];
    if (strcmp(other->lower, added.lower) == 0 || strcmp(other->camel, added.camel) == 0)
      twin = other->name;
  }
  all->names[all->count++] = added;
  return twin ? pool_format(p, "in C it has the same name as %s", twin) : NULL;
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
  const schema_type *found = schema_find(s, type);
  if (!found) return pool_format(p, "protoc sent no message type %s", type);
  if (!schema_has_no_code(found->file)) return check_path(p, found->file);
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

static const char *check_method(pool *p, const schema *s, const Plugin__File *file,
                                const Plugin__Method *m, c_names *before) {
  const char *why = check_message(p, s, m->input_type);
  if (!why) why = check_message(p, s, m->output_type);
  if (!why) why = check_name(p, file, m->name);
  return why ? why : c_names_add(before, p, m->name);
}

static const char *check_service(pool *p, const schema *s, const Plugin__File *file, size_t index) {
  const Plugin__Service *service = file->service[index];
  const place at = place_in((place){{0}, 0}, PLACE_SERVICES, index);
  c_names names = c_names_make(p, service->n_method);
  for (size_t i = 0; i < service->n_method; i++) {
    const char *why = check_method(p, s, file, service->method[i], &names);
    if (why)
      return pool_format(p, "%s: method %s.%s: %s",
                         where(p, file, place_in(at, PLACE_SERVICE_METHODS, i)), service->name,
                         service->method[i]->name, why);
  }
  return NULL;
}

static const char *check_services(pool *p, const schema *s, const Plugin__File *file) {
  c_names names = c_names_make(p, file->n_service);
  for (size_t i = 0; i < file->n_service; i++) {
    const place at = place_in((place){{0}, 0}, PLACE_SERVICES, i);
    const char *why = c_names_add(&names, p, file->service[i]->name);
    if (why)
      return pool_format(p, "%s: service %s: %s", where(p, file, at), file->service[i]->name, why);
    why = check_service(p, s, file, i);
    if (why) return why;
  }
  return NULL;
}

const char *check_file(pool *p, const schema *s, const Plugin__File *file) {
  const char *why = check_path(p, file);
  if (!why) why = check_syntax(p, file);
  if (!why) why = check_types(p, file);
  return why ? why : check_services(p, s, file);
}
