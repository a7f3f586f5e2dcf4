/*
 * status.h: the answer of a call.
 *
 * The codes are gRPC's (https://grpc.github.io/grpc/core/md_doc_statuscodes.html) with its numbers.
 */
#ifndef GMUX_STATUS_H
#define GMUX_STATUS_H

#include <gmux/bytes.h>

GMUX_BEGIN_DECLS

typedef enum gmux_code {
  GMUX_OK = 0,
  GMUX_CANCELLED = 1,
  GMUX_UNKNOWN = 2,
  GMUX_INVALID_ARGUMENT = 3,
  GMUX_DEADLINE_EXCEEDED = 4,
  GMUX_NOT_FOUND = 5,
  GMUX_ALREADY_EXISTS = 6,
  GMUX_PERMISSION_DENIED = 7,
  GMUX_RESOURCE_EXHAUSTED = 8,
  GMUX_FAILED_PRECONDITION = 9,
  GMUX_ABORTED = 10,
  GMUX_OUT_OF_RANGE = 11,
  GMUX_UNIMPLEMENTED = 12,
  GMUX_INTERNAL = 13,
  GMUX_UNAVAILABLE = 14,
  GMUX_DATA_LOSS = 15,
  GMUX_UNAUTHENTICATED = 16
} gmux_code;

/* "OK", "DEADLINE_EXCEEDED", ...; a number that is none of these is "UNKNOWN". Any thread. */
GMUX_API const char *gmux_code_str(gmux_code code);

/*
 * A code, its text, and optional details (the bytes of a google.rpc.Status, as carried by
 * grpc-status-details-bin). A status that a callback shows is borrowed for that callback. One that
 * a function returned by value or filled belongs to the caller: gmux_status_clear gives its memory
 * back. There is none to give back when the code is GMUX_OK.
 */
typedef struct gmux_status {
  gmux_code code;
  const char *message; /* UTF-8, "" when there is none; never NULL once filled */
  gmux_bytes details;  /* len 0 when there are none */
  void *storage;       /* gmux's own; leave it alone */
} gmux_status;

/* A status of one's own; `message` (NULL is "") and `details` (NULL is none) are copied. When
 * memory runs out the code stays and the texts are dropped. GMUX_OK carries no texts; a number that
 * is no code becomes GMUX_UNKNOWN. */
GMUX_API gmux_status gmux_status_make(gmux_code code, const char *message,
                                      const gmux_bytes *details);

/* A copy for keeps of one that was only shown. NULL gives OK. */
GMUX_API gmux_status gmux_status_copy(const gmux_status *status);

/* Gives the memory back and leaves OK. Takes NULL. */
GMUX_API void gmux_status_clear(gmux_status *status);

GMUX_END_DECLS

#endif
