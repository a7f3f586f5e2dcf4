/*
 * schema.h: what is declared in which .proto file, found in serialized FileDescriptorSets.
 *
 * Files are served as protoc wrote them: what is kept of them is where their bytes are, the names
 * that they declare, and what they import. Sets are added, then sealed; after that it is only read.
 */
#ifndef GMUX__SERVICES_SCHEMA_H
#define GMUX__SERVICES_SCHEMA_H

#include "lib/base/buf.h"
#include "lib/base/map.h"
#include <gmux/bytes.h>
#include <stdbool.h>

enum {
  GMUX__SCHEMA_MAX_BYTES = 64 << 20, /* of all sets */
  GMUX__SCHEMA_MAX_FILES = 10000,
  GMUX__SCHEMA_MAX_NAME = 1024, /* of a declaration, in full */
  GMUX__SCHEMA_MAX_DEPTH = 64   /* messages declared in messages */
};

/* Borrowed from the bytes of a set; not zero-terminated. */
typedef struct gmux__schema_text {
  const char *at;
  size_t len;
} gmux__schema_text;

typedef struct gmux__schema_file {
  const uint8_t *data; /* a FileDescriptorProto */
  size_t len;
  gmux__schema_text name;
  size_t index;    /* in files */
  size_t *imports; /* indices */
  size_t import_count;
  bool is_spare; /* of the library's own: gives way where the application declares the same */
} gmux__schema_file;

typedef struct gmux__schema_extension {
  gmux__schema_text extendee; /* without the dot in front */
  int32_t number;
  const gmux__schema_file *file;
} gmux__schema_extension;

typedef struct gmux__schema {
  gmux_bytes *sets;
  size_t set_count;
  size_t bytes; /* in them */
  gmux__schema_file **files;
  size_t file_count, file_room;
  gmux__map by_name, by_symbol;       /* gmux__schema_file */
  gmux__schema_extension *extensions; /* sorted when sealed: by extendee, then by number */
  size_t extension_count, extension_room;
} gmux__schema; /* all zero is an empty one */

/*
 * Adds the files of a set. The bytes are the schema's in any case, to be released with it; borrowed
 * ones must live as long. Of spare sets, which come last, nothing is taken that is there already.
 * GMUX_ERR_PROTOCOL, GMUX_ERR_EXISTS, GMUX_ERR_TOO_LARGE, GMUX_ERR_NOMEM: the schema is of no use
 * any more.
 */
int gmux__schema_add(gmux__schema *schema, gmux_bytes set, bool is_spare);
/* GMUX_ERR_NOT_FOUND: an import is missing. GMUX_ERR_PROTOCOL, GMUX_ERR_NOMEM. */
int gmux__schema_seal(gmux__schema *schema);
void gmux__schema_deinit(gmux__schema *schema);

/* ---- when it is sealed; NULL: there is none ---- */

const gmux__schema_file *gmux__schema_by_name(const gmux__schema *schema, gmux__schema_text name);
const gmux__schema_file *gmux__schema_by_symbol(const gmux__schema *schema,
                                                gmux__schema_text symbol);
const gmux__schema_file *gmux__schema_by_extension(const gmux__schema *schema,
                                                   gmux__schema_text extendee, int32_t number);
/* The extensions of a message lie side by side: the first, and their number in *count (0: NULL). */
const gmux__schema_extension *gmux__schema_extensions(const gmux__schema *schema,
                                                      gmux__schema_text extendee, size_t *count);

/* ---- schema_read.c ---- */

/* Enters what the file declares. */
int gmux__schema_read_file(gmux__schema *schema, gmux__schema_file *file);
/* Fills the file's imports. */
int gmux__schema_read_imports(gmux__schema *schema, gmux__schema_file *file);
/* The last string of a field; empty when there is none. False: not a message at all. */
bool gmux__schema_string(gmux__schema_text *out, const uint8_t *data, size_t len, uint32_t number);
/* The array with room for one more of `size` bytes behind its `count`; it grows by doubling. NULL:
 * out of memory, the array is as it was. */
void *gmux__schema_grow(void *array, size_t *room, size_t count, size_t size);

#endif
