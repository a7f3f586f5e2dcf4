/*
 * methods.h: what a server serves, by path.
 *
 * Filled by the application before the server listens, and only read from then on. Services are
 * remembered beside the methods, so that a client that asks for what is not there can be told which
 * half of its path is wrong.
 */
#ifndef GMUX__SERVER_METHODS_H
#define GMUX__SERVER_METHODS_H

#include "lib/base/map.h"
#include <gmux/server.h>

typedef struct gmux__method {
  gmux_method_kind kind;
  const gmux_server_handlers *handlers;
  void *user_data;
  gmux_server_unary_fn unary; /* in their stead, of gmux_server_add_unary; else NULL */
} gmux__method;

typedef struct gmux__methods {
  gmux__map by_path;  /* gmux__method, owned */
  gmux__map services; /* a set of "package.Service" */
} gmux__methods;      /* all zero is an empty one */

/* Adds a copy of `method`. GMUX_ERR_INVALID (path), GMUX_ERR_EXISTS, GMUX_ERR_NOMEM. */
int gmux__methods_add(gmux__methods *methods, const char *path, const gmux__method *method);
/* NULL: there is none. */
const gmux__method *gmux__methods_find(const gmux__methods *methods, const char *path);
void gmux__methods_deinit(gmux__methods *methods);

/* One message from the client, and no more. */
static inline bool gmux__kind_has_one_request(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_SERVER_STREAMING;
}
/* One message to the client, if the status is OK. */
static inline bool gmux__kind_has_one_response(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_CLIENT_STREAMING;
}

#endif
