/* registry.h: inside a registry: what load.c reads and link.c ties together. */
#ifndef TOOL_REGISTRY_H
#define TOOL_REGISTRY_H

#include "tools/gmux/types.h"
#include "tools/protoc-gen-gmux/plugin.pb-c.h"

/* Sorted by name once all are there. `item` is a message_type, an enum_type or a service_type. */
typedef struct symbol {
  const char *name;
  const char *file;
  void *item;
  const void *descriptor; /* Plugin__Type, Plugin__Enum or Plugin__Service; NULL: known without */
  bool is_proto3;
} symbol;

typedef struct symbols {
  symbol *list;
  size_t count, room;
} symbols;

typedef struct extension {
  const char *scope, *file;
  const Plugin__Field *descriptor;
  bool is_proto3;
} extension;

struct registry {
  pool memory;
  Plugin__Set *set;
  symbols messages, enums, services;
  extension *extensions;
  size_t extension_count, extension_room;
};

/* `items` of `size` bytes, made twice as long when there are `count` of `*room`. */
void *registry_grow(registry *r, void *items, size_t size, size_t count, size_t *room);
const symbol *symbols_find(const symbols *s, const char *name, size_t len);
/* All of a set's symbols, without what they refer to. */
bool registry_load(registry *r, problem *p);
/* Fields, values, methods. */
bool registry_link(registry *r, problem *p);
/* A message's fields, with room for `extra` more behind them. */
bool fields_make(registry *r, const symbol *s, size_t extra, problem *p);
/* One of them; `owner` is for words. */
bool field_make(registry *r, field *f, const Plugin__Field *d, const char *owner, bool is_proto3,
                problem *p);
void fields_name(registry *r, message_type *m);

#endif
