/* registry.c: a life of it, and looking things up. */
#include "tools/gmux/registry.h"
#include "tools/gmux/nearest.h"
#include "tools/gmux/wire.h"

#include <stdlib.h>
#include <string.h>

void *registry_grow(registry *r, void *items, size_t size, size_t count, size_t *room) {
  if (count < *room) return items;
  *room = *room ? *room * 2 : 16;
  void *grown = pool_get(&r->memory, *room, size);
  if (count) memcpy(grown, items, count * size);
  return grown;
}

/* ---- from bytes ---- */

/* Descriptors nest only where a message is declared in another. protobuf-c unpacks without a limit,
 * and the bytes may be a stranger's. */
enum { SET_FILE = 1, FILE_MESSAGE = 4, MESSAGE_NESTED = 3, NESTED_MAX = 32 };

static bool is_flat_enough(const uint8_t *data, size_t len, unsigned depth) {
  if (depth > NESTED_MAX) return false;
  unsigned inner = depth == 0 ? SET_FILE : depth == 1 ? FILE_MESSAGE : MESSAGE_NESTED;
  wire_reader reader = {.data = data, .len = len};
  while (reader.at < reader.len) {
    wire_field f;
    if (!wire_read(&reader, &f)) return true; /* which protobuf-c will say */
    if (f.number == inner && f.type == WIRE_BYTES && !is_flat_enough(f.data, f.len, depth + 1))
      return false;
  }
  return true;
}

static bool registry_fill(registry *r, const uint8_t *set, size_t len, problem *p) {
  if (!is_flat_enough(set, len, 0))
    return problem_set(p, "the descriptors have messages in messages more than %d deep",
                       NESTED_MAX - 1);
  r->set = plugin__set__unpack(NULL, len, set);
  if (!r->set) return problem_set(p, "the descriptors are no FileDescriptorSet");
  return registry_load(r, p) && registry_link(r, p);
}

registry *registry_new(const uint8_t *set, size_t len, problem *p) {
  registry *r = calloc(1, sizeof *r);
  if (!r) out_of_memory();
  if (registry_fill(r, set, len, p)) return r;
  registry_free(r);
  return NULL;
}

void registry_free(registry *r) {
  if (!r) return;
  if (r->set) plugin__set__free_unpacked(r->set, NULL);
  pool_free(&r->memory);
  free(r);
}

/* ---- by name ---- */

const symbol *symbols_find(const symbols *s, const char *name, size_t len) {
  if (memchr(name, 0, len)) return NULL;
  size_t from = 0, to = s->count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    const char *other = s->list[middle].name;
    int order = strncmp(name, other, len);
    if (order == 0 && other[len] == 0) return &s->list[middle];
    if (order <= 0)
      to = middle;
    else
      from = middle + 1;
  }
  return NULL;
}

static const void *item_find(const symbols *s, const char *name, size_t len) {
  const symbol *found = symbols_find(s, name, len);
  return found ? found->item : NULL;
}

static const void *item_at(const symbols *s, size_t i) {
  return i < s->count ? s->list[i].item : NULL;
}

const message_type *registry_message(const registry *r, const char *name, size_t len) {
  return item_find(&r->messages, name, len);
}

const enum_type *registry_enum(const registry *r, const char *name, size_t len) {
  return item_find(&r->enums, name, len);
}

const service_type *registry_service(const registry *r, const char *name, size_t len) {
  return item_find(&r->services, name, len);
}

const message_type *registry_message_at(const registry *r, size_t i) {
  return item_at(&r->messages, i);
}

const enum_type *registry_enum_at(const registry *r, size_t i) {
  return item_at(&r->enums, i);
}

const service_type *registry_service_at(const registry *r, size_t i) {
  return item_at(&r->services, i);
}

static const char *symbols_nearest(const symbols *s, const char *name, size_t len) {
  nearest n = nearest_to(name, len);
  for (size_t i = 0; i < s->count; i++)
    nearest_offer(&n, s->list[i].name);
  return n.best;
}

const char *registry_nearest_message(const registry *r, const char *name, size_t len) {
  return symbols_nearest(&r->messages, name, len);
}

const char *registry_nearest_service(const registry *r, const char *name, size_t len) {
  return symbols_nearest(&r->services, name, len);
}

/* ---- methods ---- */

static const method_type *no_service(const registry *r, const char *name, size_t len, problem *p) {
  const char *near = registry_nearest_service(r, name, len);
  problem_set(p, "there is no service %s%s%s%s", quote(name, len).text,
              near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
  return NULL;
}

static const method_type *no_method(const service_type *s, const char *name, problem *p) {
  nearest n = nearest_to(name, strlen(name));
  for (size_t i = 0; i < s->method_count; i++)
    nearest_offer(&n, s->methods[i].name);
  problem_set(p, "service %s has no method %s%s%s%s", quote(s->name, strlen(s->name)).text,
              quote(name, strlen(name)).text, n.best ? ": did you mean " : "", n.best ? n.best : "",
              n.best ? "?" : "");
  return NULL;
}

bool method_name_split(const char *name, const char **service, size_t *service_len,
                       const char **method, problem *p) {
  if (*name == '/') name++;
  const char *cut = strchr(name, '/');
  if (!cut) cut = strrchr(name, '.');
  if (!cut || cut == name || !cut[1])
    return problem_set(p, "%s is no method's name: package.Service/Method is",
                       quote(name, strlen(name)).text);
  *service = name;
  *service_len = (size_t)(cut - name);
  *method = cut + 1;
  return true;
}

const method_type *registry_method(const registry *r, const char *name, problem *p) {
  const char *service, *method;
  size_t len;
  if (!method_name_split(name, &service, &len, &method, p)) return NULL;
  const service_type *s = registry_service(r, service, len);
  if (!s) return no_service(r, service, len, p);
  for (size_t i = 0; i < s->method_count; i++)
    if (strcmp(s->methods[i].name, method) == 0) return &s->methods[i];
  return no_method(s, method, p);
}
