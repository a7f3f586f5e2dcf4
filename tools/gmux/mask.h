/* mask.h: paths of a google.protobuf.FieldMask: foo_bar.baz in messages, fooBar.baz in JSON. */
#ifndef TOOL_MASK_H
#define TOOL_MASK_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

/* Each appends one path. False: it would not come back the same; `out` may have got a part. */
bool mask_path_to_json(buffer *out, const char *path, size_t len);
bool mask_path_from_json(buffer *out, const char *path, size_t len);

#endif
