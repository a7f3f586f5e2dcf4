/* link.c: symbols become types that know each other. */
#include "tools/gmux/registry.h"

#include <string.h>

/* ---- enums ---- */

static bool enum_link(registry *r, const symbol *s, problem *p) {
  const Plugin__Enum *d = s->descriptor;
  enum_type *e = s->item;
  enum_value *values = pool_get(&r->memory, d->n_value, sizeof *values);
  for (size_t i = 0; i < d->n_value; i++)
    values[i] = (enum_value){d->value[i]->name, d->value[i]->number};
  if (d->n_value == 0)
    return problem_set(p, "enum %s has no values", quote(s->name, strlen(s->name)).text);
  *e = (enum_type){.name = s->name,
                   .values = values,
                   .value_count = d->n_value,
                   .is_closed = !s->is_proto3,
                   .is_null = strcmp(s->name, "google.protobuf.NullValue") == 0};
  return true;
}

/* ---- extensions ---- */

static const symbol *extended(const registry *r, const extension *x) {
  const char *name = x->descriptor->extendee;
  return name && *name == '.' ? symbols_find(&r->messages, name + 1, strlen(name + 1)) : NULL;
}

static void extensions_count(const registry *r, size_t *counts) {
  for (size_t i = 0; i < r->extension_count; i++) {
    const symbol *s = extended(r, &r->extensions[i]);
    if (s && s->descriptor) counts[s - r->messages.list]++;
  }
}

/* What extends a message that is not here cannot be met in one. */
static bool extension_link(registry *r, const extension *x, problem *p) {
  const symbol *s = extended(r, x);
  if (!s || !s->descriptor) return true;
  message_type *m = s->item;
  field *f = &m->fields[m->field_count];
  if (!field_make(r, f, x->descriptor, m->name, x->is_proto3, p)) return false;
  bool has_scope = x->scope && *x->scope;
  f->name = f->json = pool_format(&r->memory, "[%s%s%s]", has_scope ? x->scope : "",
                                  has_scope ? "." : "", x->descriptor->name);
  f->has_presence = !f->is_repeated;
  f->oneof = NO_ONEOF;
  f->is_extension = true;
  m->field_count++;
  return true;
}

/* ---- services ---- */

static const message_type *method_message(const registry *r, const char *type, const char *service,
                                          problem *p) {
  const char *name = *type == '.' ? type + 1 : "";
  const message_type *m = registry_message(r, name, strlen(name));
  if (!m)
    problem_set(p, "a method of %s uses message %s, which the descriptors do not have",
                quote(service, strlen(service)).text, quote(name, strlen(name)).text);
  return m;
}

static bool method_link(registry *r, method_type *m, const Plugin__Method *d, const char *service,
                        problem *p) {
  if (!*d->name)
    return problem_set(p, "a method of %s has no name", quote(service, strlen(service)).text);
  *m = (method_type){.name = d->name,
                     .path = pool_format(&r->memory, "/%s/%s", service, d->name),
                     .is_client_streaming = d->client_streaming,
                     .is_server_streaming = d->server_streaming,
                     .is_idempotent = d->options && d->options->idempotency_level > 0,
                     .request = method_message(r, d->input_type, service, p),
                     .reply = method_message(r, d->output_type, service, p)};
  return m->request && m->reply;
}

static bool service_link(registry *r, const symbol *s, problem *p) {
  const Plugin__Service *d = s->descriptor;
  method_type *methods = pool_get(&r->memory, d->n_method, sizeof *methods);
  for (size_t i = 0; i < d->n_method; i++)
    if (!method_link(r, &methods[i], d->method[i], s->name, p)) return false;
  *(service_type *)s->item = (service_type){
      .name = s->name, .file = s->file, .methods = methods, .method_count = d->n_method};
  return true;
}

/* ---- all of them ---- */

static void message_name(const symbol *s) {
  message_type *m = s->item;
  m->name = s->name;
  m->file = s->descriptor ? s->file : NULL;
  m->known = known_by_name(s->name);
}

static bool messages_link(registry *r, problem *p) {
  size_t *extra = pool_get(&r->memory, r->messages.count, sizeof *extra);
  extensions_count(r, extra);
  for (size_t i = 0; i < r->messages.count; i++)
    message_name(&r->messages.list[i]);
  for (size_t i = 0; i < r->messages.count; i++)
    if (r->messages.list[i].descriptor && !fields_make(r, &r->messages.list[i], extra[i], p))
      return false;
  for (size_t i = 0; i < r->extension_count; i++)
    if (!extension_link(r, &r->extensions[i], p)) return false;
  for (size_t i = 0; i < r->messages.count; i++)
    fields_name(r, r->messages.list[i].item);
  return true;
}

bool registry_link(registry *r, problem *p) {
  for (size_t i = 0; i < r->enums.count; i++)
    if (!enum_link(r, &r->enums.list[i], p)) return false;
  if (!messages_link(r, p)) return false;
  for (size_t i = 0; i < r->services.count; i++)
    if (!service_link(r, &r->services.list[i], p)) return false;
  return true;
}
