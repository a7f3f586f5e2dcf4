/* options.h: what stands behind --gmux_opt=, which protoc hands on as one text. */
#ifndef GEN_OPTIONS_H
#define GEN_OPTIONS_H

#include "tools/protoc-gen-gmux/pool.h"
#include <stdbool.h>

typedef struct options {
  bool has_client;      /* not with only=server */
  bool has_server;      /* not with only=client */
  bool has_descriptors; /* not with descriptors=no */
} options;

/* NULL: *out is filled. Else what is wrong, in words. `parameter` may be NULL. */
const char *options_parse(options *out, pool *p, const char *parameter);

#endif
