/* model.c: from descriptors to names in C. */
#include "tools/protoc-gen-gmux/model.h"

#include "tools/protoc-gen-gmux/check.h"
#include "tools/protoc-gen-gmux/comments.h"
#include "tools/protoc-gen-gmux/names.h"
#include <string.h>

/* ---- methods ---- */

static kind kind_of(const Plugin__Method *m) {
  return (m->client_streaming ? CLIENT_STREAMING : UNARY) |
         (m->server_streaming ? SERVER_STREAMING : UNARY);
}

/* "HelloRequest" of a package's own, "other.Thing" of another's. */
static const char *local_name(const Plugin__File *file, const char *full_name) {
  size_t len = file->package ? strlen(file->package) : 0;
  bool is_own = len > 0 && strncmp(full_name, file->package, len) == 0 && full_name[len] == '.';
  return is_own ? full_name + len + 1 : full_name;
}

static message message_make(pool *p, const schema *s, const Plugin__File *file, const char *type) {
  const schema_type *found = schema_find(s, type); /* check.c has seen that it is there */
  const char *name = schema_c_name(p, found->file, found->name);
  return (message){.name = local_name(file, found->name),
                   .type = full_name_camel(p, name),
                   .descriptor = pool_format(p, "%s__descriptor", full_name_lower(p, name)),
                   .file = found->file};
}

/* Two words more than C and C++ have are taken: the struct's own. */
static const char *member_make(pool *p, const char *lower) {
  bool is_taken = is_keyword(lower) || strcmp(lower, "user_data") == 0;
  return is_taken ? pool_format(p, "%s_", lower) : lower;
}

bool has_one_request(const method *m) {
  return m->kind == UNARY || m->kind == SERVER_STREAMING;
}

bool has_one_reply(const method *m) {
  return m->kind == UNARY || m->kind == CLIENT_STREAMING;
}

static const char *title_make(pool *p, const method *m) {
  return pool_format(p, "rpc %s (%s%s) returns (%s%s)", m->name,
                     has_one_request(m) ? "" : "stream ", m->request.name,
                     has_one_reply(m) ? "" : "stream ", m->reply.name);
}

static method method_make(pool *p, const schema *s, const Plugin__File *file, const service *of,
                          const Plugin__Method *m, place at) {
  const char *lower = name_lower(p, m->name);
  method made = {
      .name = m->name,
      .path = pool_format(p, "/%s/%s", of->name, m->name),
      .full = pool_format(p, "%s.%s", of->name, m->name),
      .kind = kind_of(m),
      .flags = m->options && m->options->idempotency_level > 0 ? "GMUX_METHOD_IDEMPOTENT" : "0",
      .lower = pool_format(p, "%s__%s", of->lower, lower),
      .camel = pool_format(p, "%s__%s", of->camel, name_camel(p, m->name)),
      .member = member_make(p, lower),
      .server = of->server,
      .request = message_make(p, s, file, m->input_type),
      .reply = message_make(p, s, file, m->output_type),
      .comment = place_comment(file, at),
  };
  made.title = title_make(p, &made);
  return made;
}

/* ---- services ---- */

static service service_make(pool *p, const schema *s, const Plugin__File *file, size_t index) {
  const Plugin__Service *from = file->service[index];
  const place at = place_in((place){{0}, 0}, PLACE_SERVICES, index);
  const char *name = schema_join(p, file->package, from->name);
  const char *c_name = schema_c_name(p, file, name);
  service made = {.name = name,
                  .lower = full_name_lower(p, c_name),
                  .camel = full_name_camel(p, c_name),
                  .title = pool_format(p, "service %s", name),
                  .comment = place_comment(file, at),
                  .methods = pool_get(p, from->n_method, sizeof *made.methods),
                  .method_count = from->n_method};
  made.server = pool_format(p, "%s_Server", made.camel);
  for (size_t i = 0; i < from->n_method; i++)
    made.methods[i] =
        method_make(p, s, file, &made, from->method[i], place_in(at, PLACE_SERVICE_METHODS, i));
  return made;
}

/* ---- what is included ---- */

static void include_add(model *m, pool *p, const Plugin__File *file) {
  const char *header = pool_format(p, "%s.pb-c.h", file_stem(p, file->name));
  for (size_t i = 0; i < m->include_count; i++)
    if (strcmp(m->includes[i], header) == 0) return;
  m->includes[m->include_count++] = header;
}

/*
 * The headers of the messages. A file without types of its own gives none for itself: protobuf-c's
 * header of it would hold its services alone, which nothing here needs, and which is no C where a
 * method is called like one of C's keywords.
 */
static void includes_make(model *m, pool *p, const Plugin__File *file) {
  size_t count = 1;
  for (size_t i = 0; i < m->service_count; i++)
    count += 2 * m->services[i].method_count;
  m->includes = pool_get(p, count, sizeof *m->includes);
  if (check_has_types(file)) include_add(m, p, file);
  for (size_t i = 0; i < m->service_count; i++)
    for (size_t k = 0; k < m->services[i].method_count; k++) {
      include_add(m, p, m->services[i].methods[k].request.file);
      include_add(m, p, m->services[i].methods[k].reply.file);
    }
}

const char *model_make(model *out, pool *p, const schema *s, const Plugin__File *file,
                       const options *o) {
  const char *why = check_file(p, s, file);
  if (why) return why;
  model m = {.file = file->name,
             .stem = file_stem(p, file->name),
             .identifier = file_identifier(p, file->name),
             .services = pool_get(p, file->n_service, sizeof *m.services),
             .service_count = file->n_service,
             .options = o};
  for (size_t i = 0; i < file->n_service; i++)
    m.services[i] = service_make(p, s, file, i);
  includes_make(&m, p, file);
  if (o->has_server && o->has_descriptors && m.service_count > 0)
    m.descriptors = schema_set(s, p, file);
  *out = m;
  return NULL;
}
