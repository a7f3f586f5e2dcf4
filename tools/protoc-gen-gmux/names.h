/*
 * names.h: names in C, by the very rules of protobuf-c's generator (its c_helpers.cc), whose types
 * and functions ours stand beside. They are pure functions of text; all results are the pool's.
 */
#ifndef GEN_NAMES_H
#define GEN_NAMES_H

#include "tools/protoc-gen-gmux/pool.h"
#include <stdbool.h>

/* "SayHello" to "say_hello", "GetURLFast" to "get_urlfast": an underscore only where an upper-case
 * letter follows one that is none. */
char *name_lower(pool *p, const char *name);
/* "say_hello" to "SayHello": underscores go, what follows them is upper-case. */
char *name_camel(pool *p, const char *name);

/* "hello.Greeter" to "hello__greeter" and to "Hello__Greeter": each piece by itself. */
char *full_name_lower(pool *p, const char *full_name);
char *full_name_camel(pool *p, const char *full_name);

/* "dir/foo.proto" to "dir/foo"; ".protodevel" goes, too. */
char *file_stem(pool *p, const char *file);
/* "dir/foo.proto" to "dir_2ffoo_2eproto". */
char *file_identifier(pool *p, const char *file);

/* A word that C keeps for itself; or one that C or C++ does. */
bool is_c_keyword(const char *word);
bool is_keyword(const char *word);

#endif
