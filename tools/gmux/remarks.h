/* remarks.h: what the comments of a .proto say about a symbol and what is in it, where the
 * descriptors have them (protoc --include_source_info; few servers do). */
#ifndef TOOL_REMARKS_H
#define TOOL_REMARKS_H

#include "tools/gmux/registry.h"

/* Field numbers of descriptor.proto: where something stands is a path of them and of indices. */
enum {
  REMARK_MESSAGE = 4,
  REMARK_ENUM = 5,
  REMARK_SERVICE = 6,
  REMARK_IN_MESSAGE_FIELD = 2,
  REMARK_IN_MESSAGE_MESSAGE = 3,
  REMARK_IN_MESSAGE_ENUM = 4,
  REMARK_IN_MESSAGE_ONEOF = 8,
  REMARK_IN_ENUM_VALUE = 2,
  REMARK_IN_SERVICE_METHOD = 2
};

/* As deep as registry.c lets messages nest, and what is in one. */
enum { REMARK_PATH_MAX = 80 };

typedef struct remark_place {
  int32_t path[REMARK_PATH_MAX];
  size_t len;
} remark_place;

typedef struct remarks {
  const Plugin__SourceInfo__Location **list; /* in the order of their paths */
  size_t count;
  pool memory;
} remarks;

/* Of the file that declares `descriptor` (a Plugin__Type, Plugin__Enum or Plugin__Service), and in
 * *place where that is. */
void remarks_open(remarks *m, const registry *r, const char *file, const void *descriptor,
                  remark_place *place);
void remarks_close(remarks *m);

remark_place remark_in(const remark_place *outer, int32_t field, size_t index);
/* The comment in front of it, else the one behind it; "" when there is none. */
const char *remark_at(const remarks *m, const remark_place *place);

#endif
