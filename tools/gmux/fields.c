/* fields.c: a message's fields, from their descriptors. */
#include "tools/gmux/registry.h"

#include <stdlib.h>
#include <string.h>

enum { LABEL_REQUIRED = 2, LABEL_REPEATED = 3 };
enum { NUMBER_MAX = (1 << 29) - 1 };

/* Where reflection leaves json_name away: protoc's own rule. */
static const char *json_name(registry *r, const char *name) {
  char *out = pool_get(&r->memory, strlen(name) + 1, 1);
  size_t len = 0;
  bool is_upper = false;
  for (; *name; name++) {
    if (*name != '_')
      out[len++] = is_upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
    is_upper = *name == '_';
  }
  return out;
}

static bool refers_to_nothing(const char *owner, const Plugin__Field *d, problem *p) {
  const char *type = d->type_name ? d->type_name : "";
  return problem_set(p, "field %s of %s is of type %s, which the descriptors do not have",
                     quote(d->name, strlen(d->name)).text, quote(owner, strlen(owner)).text,
                     quote(type, strlen(type)).text);
}

/* Names in descriptors are absolute: a dot stands before them. */
static bool find_type(const registry *r, field *f, const Plugin__Field *d, const char *owner,
                      problem *p) {
  const char *type = d->type_name && *d->type_name == '.' ? d->type_name + 1 : "";
  if (f->type == FIELD_ENUM) {
    f->enumeration = registry_enum(r, type, strlen(type));
    return f->enumeration || refers_to_nothing(owner, d, p);
  }
  if (f->type != FIELD_MESSAGE && f->type != FIELD_GROUP) return true;
  f->message = registry_message(r, type, strlen(type));
  return f->message || refers_to_nothing(owner, d, p);
}

static bool can_be_packed(field_type type) {
  return type != FIELD_STRING && type != FIELD_BYTES && type != FIELD_MESSAGE &&
         type != FIELD_GROUP;
}

static bool is_packed(const field *f, const Plugin__Field *d, bool is_proto3) {
  if (!f->is_repeated || !can_be_packed(f->type)) return false;
  return d->options && d->options->has_packed ? d->options->packed : is_proto3;
}

/* A oneof of one member is how proto3's `optional` is written. */
static bool has_presence(const field *f, const Plugin__Field *d, bool is_proto3) {
  if (f->is_repeated) return false;
  return !is_proto3 || d->has_oneof_index || f->type == FIELD_MESSAGE;
}

bool field_make(registry *r, field *f, const Plugin__Field *d, const char *owner, bool is_proto3,
                problem *p) {
  if (!*d->name || d->number < 1 || d->number > NUMBER_MAX || d->type < FIELD_DOUBLE ||
      d->type > FIELD_SINT64)
    return problem_set(p, "a field of %s has no name, number or type",
                       quote(owner, strlen(owner)).text);
  *f = (field){.name = d->name,
               .json = d->json_name ? d->json_name : json_name(r, d->name),
               .number = (uint32_t)d->number,
               .type = (field_type)d->type,
               .oneof = d->has_oneof_index && !d->proto3_optional ? d->oneof_index : NO_ONEOF,
               .is_repeated = d->label == LABEL_REPEATED,
               .is_required = d->label == LABEL_REQUIRED};
  f->is_packed = is_packed(f, d, is_proto3);
  f->has_presence = has_presence(f, d, is_proto3);
  return find_type(r, f, d, owner, p);
}

/* ---- names ---- */

static int by_name(const void *a, const void *b) {
  const field_name *first = a, *second = b;
  return strcmp(first->name, second->name);
}

/* The name in .proto and the one in JSON are often the same; the first of two is as good then. */
void fields_name(registry *r, message_type *m) {
  field_name *names = pool_get(&r->memory, m->field_count * 2, sizeof *names);
  for (size_t i = 0; i < m->field_count; i++) {
    names[m->name_count++] = (field_name){m->fields[i].name, &m->fields[i]};
    names[m->name_count++] = (field_name){m->fields[i].json, &m->fields[i]};
  }
  if (m->name_count) qsort(names, m->name_count, sizeof *names, by_name);
  m->names = names;
}

/* ---- a message ---- */

static bool is_map_entry(const Plugin__Type *d) {
  return d->options && d->options->map_entry;
}

static bool can_be_key(field_type type) {
  return type == FIELD_STRING ||
         (can_be_packed(type) && type != FIELD_ENUM && type != FIELD_DOUBLE && type != FIELD_FLOAT);
}

/* Code relies on its fields being a key and a value. */
static bool check_map_entry(const message_type *m, problem *p) {
  const field *key = &m->fields[0], *value = &m->fields[1];
  if (m->field_count == 2 && key->number == 1 && value->number == 2 && !key->is_repeated &&
      !value->is_repeated && can_be_key(key->type) && value->type != FIELD_GROUP)
    return true;
  return problem_set(p, "%s is said to be a map's entry, and is not",
                     quote(m->name, strlen(m->name)).text);
}

static const char *const *oneof_names(registry *r, const Plugin__Type *d) {
  const char **names = pool_get(&r->memory, d->n_oneof_decl, sizeof *names);
  for (size_t i = 0; i < d->n_oneof_decl; i++)
    names[i] = d->oneof_decl[i]->name;
  return names;
}

bool fields_make(registry *r, const symbol *s, size_t extra, problem *p) {
  const Plugin__Type *d = s->descriptor;
  message_type *m = s->item;
  m->fields = pool_get(&r->memory, d->n_field + extra, sizeof *m->fields);
  m->oneofs = oneof_names(r, d);
  m->oneof_count = d->n_oneof_decl;
  for (size_t i = 0; i < d->n_field; i++) {
    field *f = &m->fields[m->field_count++];
    if (!field_make(r, f, d->field[i], m->name, s->is_proto3, p)) return false;
    if (f->oneof != NO_ONEOF && (f->oneof < 0 || (size_t)f->oneof >= m->oneof_count))
      return problem_set(p, "field %s of %s is in a oneof that is not there",
                         quote(f->name, strlen(f->name)).text,
                         quote(m->name, strlen(m->name)).text);
  }
  m->is_map_entry = is_map_entry(d);
  return !m->is_map_entry || check_map_entry(m, p);
}
