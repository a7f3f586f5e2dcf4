/* shapes.h: the fields of Struct, ListValue and Value, whose descriptors need not be there. */
#ifndef TOOL_SHAPES_H
#define TOOL_SHAPES_H

#include "tools/gmux/types.h"

enum { ANY_URL = 1, ANY_VALUE = 2 };
enum { SECONDS = 1, NANOS = 2 }; /* of Timestamp and Duration */
enum { MASK_PATHS = 1, WRAPPED_VALUE = 1 };
enum { VALUE_NULL = 1, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

typedef struct shapes {
  field members;               /* of Struct: map<string, Value> */
  field items;                 /* of ListValue: repeated Value */
  field kinds[VALUE_LIST + 1]; /* of Value, by their numbers; the first is none */
  field entry_fields[2];
  message_type entry;
} shapes;

/* It points into itself, so it stays where it is. */
void shapes_init(shapes *s, const registry *r);
/* The field of a wrapper. */
field wrapper_field(const message_type *wrapper);

#endif
