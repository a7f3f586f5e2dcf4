/* values.h: JSON values one behind the other, in a text that comes bit by bit. */
#ifndef TOOL_VALUES_H
#define TOOL_VALUES_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

typedef struct values {
  buffer text;         /* what has come; the next value begins at `at` or later */
  size_t at;           /* what is before it was given */
  size_t line, column; /* of `at`, from 1 */
  size_t scanned;      /* up to here it has been looked at */
  unsigned depth;      /* brackets that are open there */
  bool is_string, is_escaped, has_begun, has_ended;
} values;

/* What stands there may be no JSON: where brackets close and strings end it is taken for a value.
 */
typedef struct json_value {
  const char *text; /* until something is added, or asked for */
  size_t len;
  size_t line, column;
} json_value;

void values_init(values *v);
void values_free(values *v);
void values_add(values *v, const void *data, size_t len);
/* Nothing more comes. */
void values_end(values *v);
/* False: there is no whole value yet; after values_end: no other, and one that is cut was given. */
bool values_next(values *v, json_value *out);
/* Of a value that is not yet whole. */
size_t values_waiting(const values *v);

#endif
