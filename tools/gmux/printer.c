/* printer.c: escapes are jansson's, and those for terminals. */
#include "tools/gmux/printer.h"
#include "tools/gmux/plain.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

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

/* What a terminal would obey or not show is legal in JSON as it is, and as an escape. */
static void add_escape(buffer *out, uint32_t c) {
  if (c < 0x10000)
    buffer_add_format(out, "\\u%04" PRIX32, c);
  else
    buffer_add_format(out, "\\u%04" PRIX32 "\\u%04" PRIX32, 0xd7c0 + (c >> 10),
                      0xdc00 + (c & 0x3ff));
}

/* In the string that begins at `mark`, which is UTF-8. */
static void escape_unfit(buffer *out, size_t mark) {
  const char *string = (const char *)out->data + mark;
  size_t len = out->len - mark, size, at = 0;
  while (at < len && plain_is_fit(string + at, len - at, &size))
    at += size;
  if (at == len) return;
  buffer behind = {.data = NULL};
  buffer_add(&behind, string + at, len - at);
  out->len = mark + at;
  for (at = 0; at < behind.len; at += size) {
    const char *text = (const char *)behind.data + at;
    if (plain_is_fit(text, behind.len - at, &size))
      buffer_add(out, text, size);
    else
      add_escape(out, plain_value(text, size, &size));
  }
  buffer_free(&behind);
}

bool print_string(printer *p, const char *data, size_t len) {
  json_t *string = json_stringn(len ? data : "", len);
  if (!string) return false;
  begin(p);
  size_t mark = p->out->len;
  if (json_dump_callback(string, append, p->out, JSON_ENCODE_ANY) != 0) out_of_memory();
  escape_unfit(p->out, mark);
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

/* ---- of our own ---- */

void print_key(printer *p, const char *name) {
  if (!print_name(p, name, strlen(name))) print_name(p, "?", 1);
}

void print_text(printer *p, const char *name, const char *value) {
  print_key(p, name);
  if (print_string(p, value, strlen(value))) return;
  buffer plain = {.data = NULL};
  plain_add_string(&plain, value);
  print_string(p, buffer_string(&plain), plain.len);
  buffer_free(&plain);
}

void print_bool(printer *p, const char *name, bool value) {
  print_key(p, name);
  print_raw(p, value ? "true" : "false");
}
