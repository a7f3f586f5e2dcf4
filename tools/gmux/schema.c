/* schema.c: options, and files of descriptors one behind the other: that is a set of all. */
#include "tools/gmux/schema.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/files.h"
#include "tools/gmux/protoc.h"
#include "tools/gmux/reflect.h"

#include <stdio.h>

static schema_taken add(schema_paths *paths, const char *path) {
  if (paths->count == SCHEMA_MAX)
    return complain("no more than %d files, or directories, can be named", SCHEMA_MAX),
           SCHEMA_WRONG;
  paths->list[paths->count++] = path;
  return SCHEMA_TAKEN;
}

schema_taken schema_take(schema *s, int option, const char *value) {
  switch (option) {
  case SCHEMA_PROTOSET:
    return add(&s->protosets, value);
  case SCHEMA_PROTO:
    return add(&s->protos, value);
  case SCHEMA_DIRECTORY:
    return add(&s->directories, value);
  default:
    return SCHEMA_NOT_MINE;
  }
}

bool schema_take_shared(schema *s, session *server, int option, const char *value,
                        const char *usage) {
  schema_taken of_schema = schema_take(s, option, value);
  if (of_schema != SCHEMA_NOT_MINE) return of_schema == SCHEMA_TAKEN;
  session_taken of_session = session_take(server, option, value);
  if (of_session == SESSION_NOT_MINE) show_synopsis(usage);
  return of_session == SESSION_TAKEN;
}

bool schema_is_local(const schema *s) {
  return s->protosets.count > 0 || s->protos.count > 0;
}

static bool read_all(const schema *s, buffer *set) {
  for (size_t i = 0; i < s->protosets.count; i++)
    if (!read_file(s->protosets.list[i], FILES_MAX_BYTES, set)) return false;
  return s->protos.count == 0 || protoc_read(s->protos.list, s->protos.count, s->directories.list,
                                             s->directories.count, FILES_MAX_BYTES, set);
}

/* Of several it is not known which is wrong. */
static const char *name_of(const schema *s) {
  if (s->protosets.count + s->protos.count > 1) return "the descriptors";
  return s->protosets.count ? s->protosets.list[0] : s->protos.list[0];
}

registry *schema_read(const schema *s) {
  buffer set = {.data = NULL};
  registry *types = NULL;
  problem p;
  if (read_all(s, &set)) {
    types = registry_new(set.data, set.len, &p);
    if (!types) complain("%s: %s", name_of(s), p.words);
  }
  buffer_free(&set);
  return types;
}

int schema_get(const schema *s, session *server, const char *symbol, registry **out) {
  if (!schema_is_local(s)) return reflect_types(server, symbol, out);
  *out = schema_read(s);
  return *out ? EXIT_DONE : EXIT_USAGE;
}

int schema_get_method(const schema *s, session *server, const char *name, registry **types,
                      const method_type **method) {
  problem why;
  const char *service, *rest;
  size_t len;
  if (!method_name_split(name, &service, &len, &rest, &why)) return complain("%s", why.words);
  buffer symbol = {.data = NULL};
  buffer_add(&symbol, service, len);
  int code = schema_get(s, server, buffer_string(&symbol), types);
  buffer_free(&symbol);
  if (code != EXIT_DONE) return code;
  *method = registry_method(*types, name, &why);
  return *method ? EXIT_DONE : complain("%s", why.words);
}

gmux_method_kind schema_method_kind(const method_type *m) {
  if (m->is_client_streaming)
    return m->is_server_streaming ? GMUX_BIDI_STREAMING : GMUX_CLIENT_STREAMING;
  return m->is_server_streaming ? GMUX_SERVER_STREAMING : GMUX_UNARY;
}
