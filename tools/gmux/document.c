/* document.c: nodes of a text that jansson has read before. */
#include "tools/gmux/document.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { JSON_FLAGS = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES };

/* ---- places ---- */

/* Of the text's beginning. */
static void place_first(const document *d, size_t *line, size_t *column) {
  *line = d->first_line ? d->first_line : 1;
  *column = d->first_column ? d->first_column : 1;
}

/* Lines and characters count from one. */
static void place_of(const document *d, size_t at, size_t *line, size_t *column) {
  place_first(d, line, column);
  for (size_t i = 0; i < at; i++) {
    if (d->text[i] == '\n') {
      ++*line;
      *column = 1;
    } else if (((unsigned char)d->text[i] & 0xc0) != 0x80) {
      ++*column;
    }
  }
}

bool node_problem(const document *d, const node *n, problem *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(p->words, sizeof p->words, format, args);
  va_end(args);
  size_t line, column;
  place_of(d, n->at, &line, &column);
  return problem_prefix(p, "line %zu, column %zu: ", line, column);
}

const char *node_kind(const node *n) {
  static const char *const kinds[] = {"an object", "an array", "a string", "a number",
                                      "true",      "false",    "null"};
  return kinds[n->type];
}

/* ---- nodes: the text is JSON, so a character says what comes ---- */

typedef struct scanner {
  const char *text;
  size_t len, at;
  node *nodes; /* NULL: they are counted */
  size_t count;
  size_t open; /* the node that the next ones are in, as its number and 1; 0: none */
} scanner;

static node_type type_of(char first) {
  switch (first) {
  case '{':
    return NODE_OBJECT;
  case '[':
    return NODE_ARRAY;
  case '"':
    return NODE_STRING;
  case 't':
    return NODE_TRUE;
  case 'f':
    return NODE_FALSE;
  case 'n':
    return NODE_NULL;
  default:
    return NODE_NUMBER;
  }
}

static size_t string_len(const char *text) {
  size_t len = 1;
  while (text[len] != '"')
    len += text[len] == '\\' ? 2 : 1;
  return len + 1;
}

static size_t node_len(const scanner *s, node_type type) {
  if (type == NODE_OBJECT || type == NODE_ARRAY) return 1;
  if (type == NODE_STRING) return string_len(s->text + s->at);
  size_t end = s->at;
  while (end < s->len && !strchr(" \t\r\n,]}", s->text[end]))
    end++;
  return end - s->at;
}

static void scan_open(scanner *s) {
  node_type type = type_of(s->text[s->at]);
  size_t len = node_len(s, type);
  if (s->nodes) {
    node *n = &s->nodes[s->count];
    /* While it is open its span says in what it stands. */
    *n = (node){.type = type, .at = s->at, .len = len, .span = 1};
    if (type == NODE_OBJECT || type == NODE_ARRAY) {
      n->span = s->open;
      s->open = s->count + 1;
    }
  }
  s->count++;
  s->at += len;
}

static void scan_close(scanner *s) {
  s->at++;
  if (!s->nodes) return;
  node *n = &s->nodes[s->open - 1];
  size_t around = n->span;
  n->len = s->at - n->at;
  n->span = s->count - (s->open - 1);
  s->open = around;
}

static void scan(scanner *s) {
  while (s->at < s->len) {
    char c = s->text[s->at];
    if (c == ']' || c == '}')
      scan_close(s);
    else if (strchr(" \t\r\n,:", c))
      s->at++;
    else
      scan_open(s);
  }
}

static const node *nodes_of(const char *text, size_t len, pool *memory) {
  scanner counter = {.text = text, .len = len};
  scan(&counter);
  scanner maker = {
      .text = text, .len = len, .nodes = pool_get(memory, counter.count, sizeof *maker.nodes)};
  scan(&maker);
  return maker.nodes;
}

/* ---- reading ---- */

static bool syntax_problem(const document *d, const json_error_t *error, problem *p) {
  size_t line, column;
  place_first(d, &line, &column);
  /* jansson's columns count from one; it has none where nothing is there. */
  size_t error_line = error->line > 0 ? (size_t)error->line - 1 : 0;
  size_t error_column = error->column > 0 ? (size_t)error->column - 1 : 0;
  bool is_behind = json_error_code(error) == json_error_end_of_input_expected;
  return problem_set(p, "line %zu, column %zu: %s", line + error_line,
                     error_line ? error_column + 1 : column + error_column,
                     is_behind ? "something stands behind the message, where one is taken"
                               : error->text);
}

bool document_read(document *d, pool *memory, const char *text, size_t len, size_t max_len,
                   problem *p) {
  if (len > max_len)
    return problem_set(p, "the JSON is %zu bytes long, and no more than %zu are read", len,
                       max_len);
  json_error_t error;
  /* Integers as reals, because an integer beyond int64 were an error otherwise. */
  json_t *tree = json_loadb(text, len, JSON_FLAGS | JSON_DECODE_INT_AS_REAL, &error);
  if (!tree) return syntax_problem(d, &error, p);
  json_decref(tree);
  d->text = text;
  d->len = len;
  d->root = nodes_of(text, len, memory);
  return true;
}

/* It has been read before, so only memory can be missing. */
static const char *string_decode(pool *memory, const char *text, size_t text_len, size_t *len) {
  json_t *value = json_loadb(text, text_len, JSON_FLAGS, NULL);
  if (!value) out_of_memory();
  *len = json_string_length(value);
  char *copy = pool_get(memory, *len + 1, 1);
  memcpy(copy, json_string_value(value), *len);
  json_decref(value);
  return copy;
}

const char *node_string(const document *d, pool *memory, const node *n, size_t *len) {
  const char *text = d->text + n->at;
  if (memchr(text, '\\', n->len)) return string_decode(memory, text, n->len, len);
  *len = n->len - 2;
  return text + 1;
}
