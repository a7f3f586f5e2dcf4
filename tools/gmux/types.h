/*
 * types.h: what descriptors say: messages, enums, services, by their full names ("pkg.Greeter").
 *
 * A registry is made of a FileDescriptorSet (reflection's answers, protoc --descriptor_set_out) and
 * does not change any more. All that it gives lives as long as it does. The messages that have a
 * form of their own in JSON (known.h) are in it in any case.
 */
#ifndef TOOL_TYPES_H
#define TOOL_TYPES_H

#include "tools/gmux/known.h"
#include "tools/gmux/problem.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FieldDescriptorProto.Type's numbers. */
typedef enum field_type {
  FIELD_DOUBLE = 1,
  FIELD_FLOAT,
  FIELD_INT64,
  FIELD_UINT64,
  FIELD_INT32,
  FIELD_FIXED64,
  FIELD_FIXED32,
  FIELD_BOOL,
  FIELD_STRING,
  FIELD_GROUP,
  FIELD_MESSAGE,
  FIELD_BYTES,
  FIELD_UINT32,
  FIELD_ENUM,
  FIELD_SFIXED32,
  FIELD_SFIXED64,
  FIELD_SINT32,
  FIELD_SINT64
} field_type;

typedef struct message_type message_type;

typedef struct enum_value {
  const char *name;
  int32_t number;
} enum_value;

typedef struct enum_type {
  const char *name;
  const enum_value *values; /* at least one; a number may have several names */
  size_t value_count;
  bool is_closed; /* proto2: no other numbers */
  bool is_null;   /* google.protobuf.NullValue */
} enum_type;

enum { NO_ONEOF = -1 };

typedef struct field {
  const char *name; /* an extension's is "[full.name]", as in JSON */
  const char *json; /* "fooBar" */
  uint32_t number;
  field_type type;
  const message_type *message; /* of messages and groups */
  const enum_type *enumeration;
  int oneof; /* its number within the message, or NO_ONEOF; that of an `optional` does not count */
  bool is_repeated, is_packed, is_required;
  bool has_presence; /* its default can be set, too */
  bool is_extension;
} field;

typedef struct field_name {
  const char *name;
  const field *field;
} field_name;

struct message_type {
  const char *name;
  const char *file; /* NULL: of a known one without a descriptor */
  known known;
  bool is_map_entry;
  field *fields; /* as they are declared; extensions behind them */
  size_t field_count;
  const char *const *oneofs;
  size_t oneof_count;
  const field_name *names; /* in the order of strcmp: as they are written in .proto, and in JSON */
  size_t name_count;
};

typedef struct method_type {
  const char *name;
  const char *path; /* "/pkg.Greeter/SayHello" */
  const message_type *request, *reply;
  bool is_client_streaming, is_server_streaming;
  bool is_idempotent; /* its .proto says so: idempotency_level */
} method_type;

typedef struct service_type {
  const char *name;
  const char *file;
  const method_type *methods;
  size_t method_count;
} service_type;

typedef struct registry registry;

/* NULL: not to be read, with words. Files of the same name count once: reflection may send one
 * twice. */
registry *registry_new(const uint8_t *set, size_t len, problem *p);
void registry_free(registry *r); /* takes NULL */

/* NULL: there is none. */
const message_type *registry_message(const registry *r, const char *name, size_t len);
const enum_type *registry_enum(const registry *r, const char *name, size_t len);
const service_type *registry_service(const registry *r, const char *name, size_t len);
/* As before, in alphabetical order: the i-th, and NULL behind the last. */
const message_type *registry_message_at(const registry *r, size_t i);
const enum_type *registry_enum_at(const registry *r, size_t i);
const service_type *registry_service_at(const registry *r, size_t i);

/* Of "pkg.Service/Method" or "pkg.Service.Method", with or without a slash before it, the service
 * and the method. False: it is neither, with words. */
bool method_name_split(const char *name, const char **service, size_t *service_len,
                       const char **method, problem *p);
/* By such a name. NULL: with words, and the name that is nearest. */
const method_type *registry_method(const registry *r, const char *name, problem *p);

/* The nearest name, or NULL. */
const char *registry_nearest_message(const registry *r, const char *name, size_t len);
const char *registry_nearest_service(const registry *r, const char *name, size_t len);
const char *message_nearest_field(const message_type *m, const char *name, size_t len);
const char *enum_nearest(const enum_type *e, const char *name, size_t len);

/* By either of its names; NULL. */
const field *message_field(const message_type *m, const char *name, size_t len);
const enum_value *enum_by_name(const enum_type *e, const char *name, size_t len);
const enum_value *enum_by_number(const enum_type *e, int32_t number); /* its first name */

static inline bool field_is_map(const field *f) {
  return f->is_repeated && f->message && f->message->is_map_entry;
}
/* Of a map's entries: fields 1 and 2. */
const field *map_key(const field *f);
const field *map_value(const field *f);

/* How it is encoded: a wire_type. */
int field_wire_type(field_type type);
/* "int32", "message"... */
const char *field_type_name(field_type type);

#endif
