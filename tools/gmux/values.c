/* values.c: brackets and quotes are counted, everything else is the parser's. */
#include "tools/gmux/values.h"

#include <string.h>

void values_init(values *v) {
  *v = (values){.line = 1, .column = 1};
}

void values_free(values *v) {
  buffer_free(&v->text);
}

/* ---- text ---- */

/* What was given goes before more comes, so that a long stream takes no more than a value. */
static void drop_given(values *v) {
  if (v->at == 0) return;
  memmove(v->text.data, v->text.data + v->at, v->text.len - v->at);
  v->text.len -= v->at;
  v->scanned -= v->at;
  v->at = 0;
}

void values_add(values *v, const void *data, size_t len) {
  drop_given(v);
  buffer_add(&v->text, data, len);
}

void values_end(values *v) {
  v->has_ended = true;
}

size_t values_waiting(const values *v) {
  return v->text.len - v->at;
}

/* Lines and characters count from one, as document.c does it. */
static void pass(values *v, size_t to) {
  for (; v->at < to; v->at++) {
    if (v->text.data[v->at] == '\n') {
      v->line++;
      v->column = 1;
    } else if ((v->text.data[v->at] & 0xc0) != 0x80) {
      v->column++;
    }
  }
}

/* ---- where a value ends ---- */

static bool is_space(uint8_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool opens(uint8_t c) {
  return c == '{' || c == '[' || c == '"';
}

/* In a string; true at its closing quote. */
static bool scan_string(values *v, uint8_t c) {
  if (v->is_escaped)
    v->is_escaped = false;
  else if (c == '\\')
    v->is_escaped = true;
  else if (c == '"')
    v->is_string = false;
  return !v->is_string;
}

/* One character; true if the value ends behind it. */
static bool scan(values *v, uint8_t c) {
  if (v->is_string) return scan_string(v, c) && v->depth == 0;
  if (c == '"')
    v->is_string = true;
  else if (c == '{' || c == '[')
    v->depth++;
  else if ((c == '}' || c == ']') && v->depth > 0)
    return --v->depth == 0;
  return false;
}

/* A number or a word, or what is none: it goes as far as nothing else begins. */
static bool ends_before(const values *v, uint8_t c) {
  bool is_bare = v->depth == 0 && !v->is_string;
  return is_bare && (is_space(c) || opens(c));
}

static bool give(values *v, json_value *out) {
  size_t from = v->at;
  *out = (json_value){.text = (const char *)v->text.data + from,
                      .len = v->scanned - from,
                      .line = v->line,
                      .column = v->column};
  pass(v, v->scanned);
  v->has_begun = v->is_string = v->is_escaped = false;
  v->depth = 0;
  return true;
}

static void skip_space(values *v) {
  size_t to = v->at;
  while (to < v->text.len && is_space(v->text.data[to]))
    to++;
  pass(v, to);
  v->scanned = to;
}

bool values_next(values *v, json_value *out) {
  if (!v->has_begun) skip_space(v);
  while (v->scanned < v->text.len) {
    uint8_t c = v->text.data[v->scanned];
    if (v->has_begun && ends_before(v, c)) return give(v, out);
    v->has_begun = true;
    v->scanned++;
    if (scan(v, c)) return give(v, out);
  }
  return v->has_ended && v->has_begun && give(v, out);
}
