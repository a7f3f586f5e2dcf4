/*
 * interop_cases.h: the cases of gRPC's interop tests, by their names.
 */
#ifndef TESTS_INTEROP_INTEROP_CASES_H
#define TESTS_INTEROP_INTEROP_CASES_H

#include "tests/interop/interop_calls.h"

typedef struct interop_case {
  const char *name;
  bool (*run)(interop_client *client); /* NULL: a case that is known and cannot be run */
  const char *why_not;
} interop_case;

/* The last one has no name. */
extern const interop_case interop_cases[];

/* interop_compressed.c */
bool interop_client_compressed_unary(interop_client *client);
bool interop_server_compressed_unary(interop_client *client);
bool interop_client_compressed_streaming(interop_client *client);
bool interop_server_compressed_streaming(interop_client *client);

/* interop_soak.c */
bool interop_rpc_soak(interop_client *client);
bool interop_channel_soak(interop_client *client);
bool interop_concurrent_large_unary(interop_client *client);

#endif
