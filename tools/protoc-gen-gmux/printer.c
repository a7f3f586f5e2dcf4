/* printer.c: a buffer that doubles, and templates. */
#include "tools/protoc-gen-gmux/printer.h"

#include "tools/protoc-gen-gmux/pool.h"
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096 };

static void put(printer *p, char c) {
  if (p->room - p->len < 2) {
    size_t room = p->room ? 2 * p->room : FIRST_ROOM;
    char *text = realloc(p->text, room);
    if (!text) out_of_memory();
    p->text = text;
    p->room = room;
  }
  p->text[p->len++] = c;
  p->text[p->len] = '\0';
}

static void put_indented(printer *p, char c) {
  if (c != '\n' && (p->len == 0 || p->text[p->len - 1] == '\n'))
    for (unsigned i = 0; i < 2 * p->indent; i++)
      put(p, ' ');
  put(p, c);
}

void print_text(printer *p, const char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    put_indented(p, text[i]);
}

static const char *var_find(const var *vars, const char *name, size_t len) {
  for (; vars->name; vars++)
    if (strlen(vars->name) == len && memcmp(vars->name, name, len) == 0) return vars->value;
  assert(false && "a template names a variable that it is not given");
  abort();
}

void print(printer *p, const var *vars, const char *template) {
  for (const char *at = template; *at;) {
    if (*at != '$') {
      put_indented(p, *at++);
      continue;
    }
    const char *name = at + 1, *end = strchr(name, '$');
    assert(end && "a template has a $ without its other");
    const char *value = end == name ? "$" : var_find(vars, name, (size_t)(end - name));
    print_text(p, value, strlen(value));
    at = end + 1;
  }
}

void printer_deinit(printer *p) {
  free(p->text);
}
