/*
 * reflection.h: gRPC's server reflection: a client asks a server what it serves, and how its
 * messages look (grpcurl, Postman, grpc_cli, a debugger). Served as grpc.reflection.v1 and, since
 * many tools ask for nothing else, as v1alpha.
 *
 * Which services there are is known to the server. How they look is in the FileDescriptorSet that
 * protoc writes; protobuf-c keeps nothing of it in the program, so the application brings it along:
 *
 *   protoc --include_imports --descriptor_set_out=shop.protoset shop.proto
 *
 * What protoc-gen-gmux generates has it in the program: hello__greeter__file__descriptors(). The
 * standard services of this library bring theirs.
 */
#ifndef GMUX_REFLECTION_H
#define GMUX_REFLECTION_H

#include <gmux/server.h>

GMUX_BEGIN_DECLS

typedef struct gmux_reflection_options {
  size_t size;
  /* Serialized FileDescriptorSets, in any order; together they must hold what their files import. A
   * file may be in several of them, if it is the same. Owned bytes are taken when the function
   * succeeds (each is then empty), borrowed ones copied; for static ones without a copy see
   * gmux_bytes_wrap. NULL, 0 (default): services are listed, but only the standard ones described.
   * At most 64 MiB and 10000 files together. */
  gmux_bytes *descriptor_sets;
  size_t descriptor_set_count;
} gmux_reflection_options;

/* Fills in the defaults. `size` is sizeof *options of the caller. Any thread. */
GMUX_API void gmux_reflection_options_init(gmux_reflection_options *options, size_t size);

/*
 * Adds the service, before the server listens; methods may still be added after it. `options` may
 * be NULL. GMUX_ERR_PROTOCOL: a set is not what protoc writes; GMUX_ERR_NOT_FOUND: a file imports
 * one that is in none of them (--include_imports was left out); GMUX_ERR_EXISTS: two files of one
 * name that differ, or one name declared in two files, or the server has reflection already; each
 * with the file in words. GMUX_ERR_TOO_LARGE, GMUX_ERR_STATE, GMUX_ERR_INVALID, GMUX_ERR_NOMEM.
 *
 * A name that is not known is answered within the stream (NOT_FOUND), which goes on; a request that
 * asks for nothing, or is longer than 8 KiB, ends it (INVALID_ARGUMENT). A stream has one answer at
 * a time in memory: the next request is looked at when the last answer has left; and a request ends
 * its stream (RESOURCE_EXHAUSTED) while what waits fills connection_queue_bytes or
 * server_queue_bytes. An answer holds the file asked for and all that it imports, but for what the
 * stream was sent before. Any thread.
 */
GMUX_API int gmux_server_add_reflection(gmux_server *server,
                                        const gmux_reflection_options *options);

GMUX_END_DECLS

#endif
