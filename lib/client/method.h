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

/*
 * Holds for the calls of one channel that begin on its loop's thread. Most are of the same method,
 * of which one hold serves all: the method's own count is shared by all loops, and each change of
 * it takes it out of the other cores' caches. The hold stays until another method is usual, or the
 * channel goes.
 */
typedef struct gmux__usual_method {
  gmux_method *method; /* a hold; NULL: none yet */
  size_t calls;        /* that it serves */
} gmux__usual_method;

/* A hold, to be given back to the same. */
gmux_method *gmux__usual_method_take(gmux__usual_method *usual, gmux_method *method);
void gmux__usual_method_give(gmux__usual_method *usual, gmux_method *method);

/* The request is one message: writing it ends writing. */
static inline bool gmux__method_sends_one(const gmux_method *method) {
  return method->kind == GMUX_UNARY || method->kind == GMUX_SERVER_STREAMING;
}
/* The answer is one message. */
static inline bool gmux__method_receives_one(const gmux_method *method) {
  return method->kind == GMUX_UNARY || method->kind == GMUX_CLIENT_STREAMING;
}

#endif
