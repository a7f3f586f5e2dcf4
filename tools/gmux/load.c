/* load.c: the names in a set of files. */
#include "tools/gmux/registry.h"

#include <stdlib.h>
#include <string.h>

static const char *join(registry *r, const char *scope, const char *name) {
  return scope && *scope ? pool_format(&r->memory, "%s.%s", scope, name)
                         : pool_format(&r->memory, "%s", name);
}

static void symbol_add(registry *r, symbols *s, symbol added, size_t item_size) {
  added.item = pool_get(&r->memory, 1, item_size);
  s->list = registry_grow(r, s->list, sizeof *s->list, s->count, &s->room);
  s->list[s->count++] = added;
}

/* ---- what a file declares ---- */

typedef struct source {
  registry *registry;
  const char *file;
  bool is_proto3;
} source;

static symbol symbol_of(const source *s, const char *scope, const char *name, const void *d) {
  return (symbol){.name = join(s->registry, scope, name),
                  .file = s->file,
                  .descriptor = d,
                  .is_proto3 = s->is_proto3};
}

static void extensions_add(const source *s, const char *scope, Plugin__Field **list, size_t count) {
  registry *r = s->registry;
  for (size_t i = 0; i < count; i++) {
    r->extensions = registry_grow(r, r->extensions, sizeof *r->extensions, r->extension_count,
                                  &r->extension_room);
    r->extensions[r->extension_count++] = (extension){
        .scope = scope, .file = s->file, .descriptor = list[i], .is_proto3 = s->is_proto3};
  }
}

static void enums_add(const source *s, const char *scope, Plugin__Enum **list, size_t count) {
  for (size_t i = 0; i < count; i++)
    symbol_add(s->registry, &s->registry->enums, symbol_of(s, scope, list[i]->name, list[i]),
               sizeof(enum_type));
}

/* As deep as registry.c has allowed. */
static void messages_add(const source *s, const char *scope, Plugin__Type **list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const Plugin__Type *type = list[i];
    symbol added = symbol_of(s, scope, type->name, type);
    symbol_add(s->registry, &s->registry->messages, added, sizeof(message_type));
    enums_add(s, added.name, type->enum_type, type->n_enum_type);
    extensions_add(s, added.name, type->extension, type->n_extension);
    messages_add(s, added.name, type->nested_type, type->n_nested_type);
  }
}

static bool file_add(registry *r, const Plugin__File *file, problem *p) {
  const char *syntax = file->syntax ? file->syntax : "proto2";
  bool is_proto3 = strcmp(syntax, "proto3") == 0;
  if (!is_proto3 && strcmp(syntax, "proto2") != 0)
    return problem_set(p, "%s: its syntax is %s, and only proto2 and proto3 are understood",
                       quote(file->name, strlen(file->name)).text,
                       quote(syntax, strlen(syntax)).text);
  source s = {.registry = r, .file = file->name, .is_proto3 = is_proto3};
  messages_add(&s, file->package, file->message_type, file->n_message_type);
  enums_add(&s, file->package, file->enum_type, file->n_enum_type);
  extensions_add(&s, file->package, file->extension, file->n_extension);
  for (size_t i = 0; i < file->n_service; i++)
    symbol_add(r, &r->services,
               symbol_of(&s, file->package, file->service[i]->name, file->service[i]),
               sizeof(service_type));
  return true;
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b) {
  const symbol *first = a, *second = b;
  return strcmp(first->name, second->name);
}

static bool sort(symbols *s, problem *p) {
  if (s->count) qsort(s->list, s->count, sizeof *s->list, by_name);
  for (size_t i = 0; i < s->count; i++) {
    const symbol *here = &s->list[i];
    if (*here->name == 0 || here->name[strlen(here->name) - 1] == '.')
      return problem_set(p, "%s: something in it has no name",
                         quote(here->file, strlen(here->file)).text);
    if (i > 0 && by_name(here - 1, here) == 0)
      return problem_set(
          p, "%s and %s both declare %s", quote(here[-1].file, strlen(here[-1].file)).text,
          quote(here->file, strlen(here->file)).text, quote(here->name, strlen(here->name)).text);
  }
  return true;
}

static bool is_declared(const registry *r, const char *name) {
  for (size_t i = 0; i < r->messages.count; i++)
    if (strcmp(r->messages.list[i].name, name) == 0) return true;
  return false;
}

static void add_known(registry *r) {
  for (unsigned i = 0; known_name(i); i++)
    if (!is_declared(r, known_name(i)))
      symbol_add(r, &r->messages, (symbol){.name = known_name(i), .file = ""},
                 sizeof(message_type));
}

static int by_file_name(const void *a, const void *b) {
  const Plugin__File *const *first = a, *const *second = b;
  return strcmp((*first)->name, (*second)->name);
}

bool registry_load(registry *r, problem *p) {
  size_t count = r->set->n_file;
  Plugin__File **files = pool_get(&r->memory, count, sizeof *files);
  if (count) memcpy(files, r->set->file, count * sizeof *files);
  if (count) qsort(files, count, sizeof *files, by_file_name);
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && strcmp(files[i]->name, files[i - 1]->name) == 0) continue;
    if (!file_add(r, files[i], p)) return false;
  }
  add_known(r);
  return sort(&r->messages, p) && sort(&r->enums, p) && sort(&r->services, p);
}
