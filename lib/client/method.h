/* method.h (inside): a method, shared by its maker and all calls that use it. */
#ifndef GMUX__CLIENT_METHOD_H
#define GMUX__CLIENT_METHOD_H

#include "lib/wire/metadata.h"
#include <gmux/call.h>
#include <stdatomic.h>

struct gmux_method {
  atomic_uint holds; /* the application's, and one of each call; calls are on many loops */
  gmux_method_kind kind;
  unsigned flags;
  gmux__field field; /* ":path" */
  char path[];       /* with a zero at the end */
};

gmux_method *gmux__method_ref(gmux_method *method); /* let go with gmux_method_free */

/* The request is one message: writing it ends writing. */
static inline bool gmux__method_sends_one(const gmux_method *method) {
  return method->kind == GMUX_UNARY || method->kind == GMUX_SERVER_STREAMING;
}
/* The answer is one message. */
static inline bool gmux__method_receives_one(const gmux_method *method) {
  return method->kind == GMUX_UNARY || method->kind == GMUX_CLIENT_STREAMING;
}

#endif
