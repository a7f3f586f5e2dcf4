/* printer.c: escapes are jansson's. */
#include "tools/gmux/printer.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <jansson.h>

static void begin_line(printer *p) {
  if (!p->is_compact) buffer_add_format(p->out, "\n%*s", (int)(p->depth * 2), "");
}

/* Before an element, or a name. */
static void begin(printer *p) {
  if (p->is_named) {
    p->is_named = false;
    return;
  }
  if (p->depth > 0) {
    if (!p->is_first) buffer_add(p->out, ",", 1);
    begin_line(p);
  }
  p->is_first = false;
}

void print_open(printer *p, char bracket) {
  begin(p);
  buffer_add(p->out, &bracket, 1);
  p->depth++;
  p->is_first = true;
}

void print_close(printer *p, char bracket) {
  p->depth--;
  if (!p->is_first) begin_line(p);
  buffer_add(p->out, &bracket, 1);
  p->is_first = false;
}

static int append(const char *data, size_t len, void *out) {
  buffer_add(out, data, len);
  return 0;
}

bool print_string(printer *p, const char *data, size_t len) {
  json_t *string = json_stringn(len ? data : "", len);
  if (!string) return false;
  begin(p);
  if (json_dump_callback(string, append, p->out, JSON_ENCODE_ANY) != 0) out_of_memory();
  json_decref(string);
  return true;
}

bool print_name(printer *p, const char *name, size_t len) {
  if (!print_string(p, name, len)) return false;
  buffer_add_string(p->out, p->is_compact ? ":" : ": ");
  p->is_named = true;
  return true;
}

void print_raw(printer *p, const char *value) {
  begin(p);
  buffer_add_string(p->out, value);
}

void print_quoted(printer *p, const char *value) {
  begin(p);
  buffer_add_format(p->out, "\"%s\"", value);
}
