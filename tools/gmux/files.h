/*
 * files.h: files of descriptors as reflection brings them: each once, and which imports are
 * missing.
 *
 * They may be a stranger's: how many there are and how long is bounded, whatever they import, each
 * other in a circle too.
 */
#ifndef TOOL_FILES_H
#define TOOL_FILES_H

#include "tools/gmux/problem.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <stdint.h>

enum {
  FILES_MAX = 10000, /* files and imports; what a server of this library may have */
  FILES_MAX_IMPORTS = 10 * FILES_MAX,
  FILES_MAX_BYTES = 64 << 20
};

typedef struct files_name {
  const char *name;
  bool is_here;
} files_name;

typedef struct file_set {
  buffer set;         /* a FileDescriptorSet */
  files_name **names; /* sorted */
  size_t name_count, name_room;
  files_name **wanted; /* imports, as they were met; those before `asked` were asked for */
  size_t wanted_count, wanted_room, asked;
  size_t import_count;
  pool memory;
} file_set; /* all zero is an empty one */

/* A FileDescriptorProto, copied; one whose name is here is left out. False: it is none, or beyond
 * the bounds. */
bool files_add(file_set *f, const uint8_t *data, size_t len, problem *p);
/* An import that is not here and was not given by this function before; NULL: there is none. */
const char *files_next_missing(file_set *f);
void files_free(file_set *f);

#endif
