/* subject.c: by name. */
#include "tools/gmux/describe.h"
#include "tools/gmux/nearest.h"

#include <string.h>

static bool found(subject *s, const symbol *found_symbol) {
  s->symbol = found_symbol;
  return found_symbol && found_symbol->descriptor;
}

static bool find_type(const registry *r, const char *name, subject *s) {
  size_t len = strlen(name);
  if (found(s, symbols_find(&r->messages, name, len))) return s->message = s->symbol->item, true;
  if (found(s, symbols_find(&r->enums, name, len))) return s->enumeration = s->symbol->item, true;
  if (found(s, symbols_find(&r->services, name, len))) return s->service = s->symbol->item, true;
  return false;
}

static void offer(nearest *n, const symbols *all) {
  for (size_t i = 0; i < all->count; i++)
    if (all->list[i].descriptor) nearest_offer(n, all->list[i].name);
}

static bool no_such(const registry *r, const char *name, problem *p) {
  nearest n = nearest_to(name, strlen(name));
  offer(&n, &r->services);
  offer(&n, &r->messages);
  offer(&n, &r->enums);
  return problem_set(p, "there is no %s%s%s%s", quote(name, strlen(name)).text,
                     n.best ? ": did you mean " : "", n.best ? n.best : "", n.best ? "?" : "");
}

bool subject_find(const registry *r, const char *name, subject *s, problem *p) {
  *s = (subject){.symbol = NULL};
  if (*name == '.' || *name == '/') name++;
  if (find_type(r, name, s)) return true;
  const char *service, *method;
  size_t len;
  if (!method_name_split(name, &service, &len, &method, p)) return no_such(r, name, p);
  s->symbol = symbols_find(&r->services, service, len);
  if (!s->symbol) return no_such(r, name, p);
  s->service = s->symbol->item;
  s->method = registry_method(r, name, p);
  return s->method != NULL;
}
