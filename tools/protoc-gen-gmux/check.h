/* check.h: what cannot be served, before a line of it is generated. */
#ifndef GEN_CHECK_H
#define GEN_CHECK_H

#include "tools/protoc-gen-gmux/schema.h"

/* NULL: all of the file can be served. Else what cannot, in words: "file:line: what". */
const char *check_file(pool *p, const schema *s, const Plugin__File *file);

/* Messages or enums of its own. */
bool check_has_types(const Plugin__File *file);

#endif
