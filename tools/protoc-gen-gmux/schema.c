/* schema.c: files and types by name. There are few: they are looked for one by one. */
#include "tools/protoc-gen-gmux/schema.h"

#include "lib/protobuf/message.h"
#include <string.h>

const char *schema_join(pool *p, const char *scope, const char *name) {
  return scope && *scope ? pool_format(p, "%s.%s", scope, name) : name;
}

/* ---- types ---- */

static size_t types_count(Plugin__Type **types, size_t count) {
  size_t sum = count;
  for (size_t i = 0; i < count; i++)
    sum += types_count(types[i]->nested_type, types[i]->n_nested_type);
  return sum;
}

static void types_add(schema *s, pool *p, const Plugin__File *file, const char *scope,
                      Plugin__Type **types, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *name = schema_join(p, scope, types[i]->name);
    s->types[s->type_count++] = (schema_type){name, file};
    types_add(s, p, file, name, types[i]->nested_type, types[i]->n_nested_type);
  }
}

const schema_type *schema_find(const schema *s, const char *name) {
  for (size_t i = 0; i < s->type_count; i++)
    if (*name == '.' && strcmp(s->types[i].name, name + 1) == 0) return &s->types[i];
  return NULL;
}

/* ---- files ---- */

const char *schema_init(schema *s, pool *p, const Plugin__Request *request) {
  *s = (schema){.files = pool_get(p, request->n_proto_file, sizeof *s->files),
                .bytes = request->proto_file};
  size_t types = 0;
  for (size_t i = 0; i < request->n_proto_file; i++) {
    const ProtobufCBinaryData *bytes = &request->proto_file[i];
    /* protobuf-c's stack is as deep as what it unpacks. */
    bool is_sane = gmux__protobuf_depth_is_sane(&plugin__file__descriptor, bytes->data, bytes->len);
    Plugin__File *file = is_sane ? plugin__file__unpack(NULL, bytes->len, bytes->data) : NULL;
    if (!file) return "protoc sent a file that is no FileDescriptorProto";
    s->files[s->file_count++] = file;
    types += types_count(file->message_type, file->n_message_type);
  }
  s->types = pool_get(p, types, sizeof *s->types);
  for (size_t i = 0; i < s->file_count; i++)
    types_add(s, p, s->files[i], s->files[i]->package, s->files[i]->message_type,
              s->files[i]->n_message_type);
  return NULL;
}

void schema_deinit(schema *s) {
  for (size_t i = 0; i < s->file_count; i++)
    plugin__file__free_unpacked(s->files[i], NULL);
}

const Plugin__File *schema_file(const schema *s, const char *name) {
  for (size_t i = 0; i < s->file_count; i++)
    if (strcmp(s->files[i]->name, name) == 0) return s->files[i];
  return NULL;
}

/* ---- what protobuf-c's own options say ---- */

static const Plugin__ProtobufCOptions *c_options(const Plugin__File *file) {
  return file->options ? file->options->pb_c_file : NULL;
}

bool schema_has_no_code(const Plugin__File *file) {
  const Plugin__ProtobufCOptions *o = c_options(file);
  return o && o->no_generate;
}

const char *schema_c_name(pool *p, const Plugin__File *file, const char *full_name) {
  const Plugin__ProtobufCOptions *o = c_options(file);
  if (!o || !o->c_package) return full_name;
  size_t package = file->package ? strlen(file->package) : 0;
  return pool_format(p, "%s.%s", o->c_package, full_name + package);
}
