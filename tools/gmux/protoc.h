/* protoc.h: .proto files through protoc, which is run as a program of its own. */
#ifndef TOOL_PROTOC_H
#define TOOL_PROTOC_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

/* Appends the FileDescriptorSet of `files`, with imports and comments. Imports are looked for in
 * `directories`; without any, in the current one and in those of the files. False: it has been
 * complained of, or protoc has. */
bool protoc_read(const char *const *files, size_t file_count, const char *const *directories,
                 size_t directory_count, size_t max_bytes, buffer *out);

#endif
