/* comments.h: where something stands in its .proto, and what is said about it there. */
#ifndef GEN_COMMENTS_H
#define GEN_COMMENTS_H

#include "tools/protoc-gen-gmux/plugin.pb-c.h"
#include "tools/protoc-gen-gmux/printer.h"

/* Where protoc keeps it: field numbers and indices, from the file downward. */
typedef struct place {
  int32_t path[16];
  size_t len;
} place;

/* Field numbers of descriptor.proto. */
enum {
  PLACE_MESSAGES = 4,
  PLACE_SERVICES = 6,
  PLACE_EXTENSIONS = 7,
  PLACE_TYPE_FIELDS = 2,
  PLACE_TYPE_TYPES = 3,
  PLACE_TYPE_EXTENSIONS = 6,
  PLACE_SERVICE_METHODS = 2
};

/* One step further down. Deeper than any .proto goes in earnest it stays where it is. */
place place_in(place outer, int32_t field, size_t index);

/* The line, from 1; 0 when it is not known. */
int place_line(const Plugin__File *file, place at);
/* The comment in front of it, else the one behind it; "" when there is none. */
const char *place_comment(const Plugin__File *file, place at);

/* Prints a block comment: `title`, which holds no end of one, and below it the text of a comment,
 * whatever that holds. */
void print_comment(printer *p, const char *title, const char *text);

#endif
