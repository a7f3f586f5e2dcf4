/* schema.h: the files that protoc sent, and the types in them by name. */
#ifndef GEN_SCHEMA_H
#define GEN_SCHEMA_H

#include "tools/protoc-gen-gmux/plugin.pb-c.h"
#include "tools/protoc-gen-gmux/pool.h"
#include <stdbool.h>

/* A message type. */
typedef struct schema_type {
  const char *name; /* "package.Outer.Inner" */
  const Plugin__File *file;
} schema_type;

typedef struct schema {
  Plugin__File **files;             /* as in the request */
  const ProtobufCBinaryData *bytes; /* of each, the request's own */
  size_t file_count;
  schema_type *types;
  size_t type_count;
} schema;

/* NULL, or what is wrong, in words; to be given back in any case. `request` must outlive it. */
const char *schema_init(schema *s, pool *p, const Plugin__Request *request);
void schema_deinit(schema *s);

/* NULL: there is none. */
const Plugin__File *schema_file(const schema *s, const char *name);
/* `name` as protoc writes it, with a dot in front. NULL: there is none. */
const schema_type *schema_find(const schema *s, const char *name);

/* The name of something in a file as protobuf-c reads it: pb_c_file.c_package stands for the
 * file's package, where it is given. */
const char *schema_c_name(pool *p, const Plugin__File *file, const char *full_name);
/* pb_c_file.no_generate: protobuf-c makes no code for it. */
bool schema_has_no_code(const Plugin__File *file);

/* "package.name", or the name alone. */
const char *schema_join(pool *p, const char *scope, const char *name);

/*
 * The FileDescriptorSet of a file and all that it imports, imports first, as protoc itself writes
 * one with --include_imports: without comments, and else byte for byte as protoc sent it.
 */
ProtobufCBinaryData schema_set(const schema *s, pool *p, const Plugin__File *file);

#endif
