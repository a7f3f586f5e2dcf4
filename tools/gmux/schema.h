/* schema.h: where types come from: the server itself, by reflection, or files that are named. */
#ifndef TOOL_SCHEMA_H
#define TOOL_SCHEMA_H

#include "tools/gmux/session.h"
#include "tools/gmux/types.h"

enum { SCHEMA_MAX = 64 };

typedef struct schema_paths {
  const char *list[SCHEMA_MAX];
  size_t count;
} schema_paths;

typedef struct schema {
  schema_paths protosets, protos, directories;
} schema; /* all zero: reflection */

/* What getopt_long gives for one of them. */
enum { SCHEMA_PROTOSET = 1100, SCHEMA_PROTO, SCHEMA_DIRECTORY = 'I' };

/* Of getopt_long's short options, and members of an array of struct option. */
#define SCHEMA_SHORT "I:"
#define SCHEMA_OPTIONS                                                                             \
  {"protoset", 1, NULL, SCHEMA_PROTOSET}, {                                                        \
    "proto", 1, NULL, SCHEMA_PROTO                                                                 \
  }

/* Lines of a usage. */
#define SCHEMA_USAGE                                                                               \
  "Types come from the server's reflection, or else from:\n"                                       \
  "  --proto FILE          a .proto file, which protoc reads\n"                                    \
  "  -I DIRECTORY          where its imports are (default: here, and where FILE is)\n"             \
  "  --protoset FILE       protoc --include_imports --descriptor_set_out=FILE\n"

typedef enum schema_taken { SCHEMA_NOT_MINE, SCHEMA_TAKEN, SCHEMA_WRONG } schema_taken;
/* SCHEMA_WRONG: it has been complained of. */
schema_taken schema_take(schema *s, int option, const char *value);

/* An option of SCHEMA_OPTIONS or SESSION_OPTIONS; of another the usage is shown. False: it has been
 * complained of. */
bool schema_take_shared(schema *s, session *server, int option, const char *value,
                        const char *usage);

/* Files are named: no server is needed. */
bool schema_is_local(const schema *s);
/* Of the files. NULL: it has been complained of. */
registry *schema_read(const schema *s);
/* Of the files; or, with what `symbol` needs, of the server. An exit code; unless it is EXIT_DONE
 * it has been complained of. */
int schema_get(const schema *s, session *server, const char *symbol, registry **out);
/* The same with a method by its name, of the types that then are in *types. */
int schema_get_method(const schema *s, session *server, const char *name, registry **types,
                      const method_type **method);
gmux_method_kind schema_method_kind(const method_type *m);

#endif
