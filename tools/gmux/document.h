/*
 * document.h: a JSON text as nodes that know where they stand in it.
 *
 * jansson judges whether it is JSON, and decodes strings. Its own tree is not used any further: it
 * knows no lines and columns, has no place for a number beyond int64, and rounds others.
 */
#ifndef TOOL_DOCUMENT_H
#define TOOL_DOCUMENT_H

#include "tools/gmux/problem.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum node_type {
  NODE_OBJECT,
  NODE_ARRAY,
  NODE_STRING,
  NODE_NUMBER,
  NODE_TRUE,
  NODE_FALSE,
  NODE_NULL
} node_type;

/* In the order of the text. Inside an object names and values alternate; no name comes twice. */
typedef struct node {
  node_type type;
  size_t at, len; /* where it is; a string with its quotes */
  size_t span;    /* nodes in it, itself among them */
} node;

typedef struct document {
  const char *text;
  size_t len;
  const node *root;
  size_t first_line, first_column; /* of the text within a longer one, from 1; 0: it is all */
} document;

/* Of the pool's memory; `text` is borrowed; where it begins is set before. False: no JSON, or
 * longer than max_len, with line and column. */
bool document_read(document *d, pool *memory, const char *text, size_t len, size_t max_len,
                   problem *p);

/* What is in an array or object: for (n = node_first(a); n < node_end(a); n = node_end(n)). */
static inline const node *node_first(const node *n) {
  return n + 1;
}
static inline const node *node_end(const node *n) {
  return n + n->span;
}
/* "an object", "a string"... */
const char *node_kind(const node *n);

/* A string's characters, decoded; there may be zeros among them. Of the pool's memory or the
 * text's: no zero stands behind them. */
const char *node_string(const document *d, pool *memory, const node *n, size_t *len);

/* Says it with the node's line and column (in characters) before it; false. */
bool node_problem(const document *d, const node *n, problem *p, const char *format, ...)
    TOOL_PRINTF(4, 5);

#endif
