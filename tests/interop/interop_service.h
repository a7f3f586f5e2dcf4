/*
 * interop_service.h: grpc.testing.TestService on a server of gmux.
 */
#ifndef TESTS_INTEROP_INTEROP_SERVICE_H
#define TESTS_INTEROP_INTEROP_SERVICE_H

#include "tests/interop/interop.h"
#include <ev.h>

/* Outlives the server. */
typedef struct interop_service {
  struct ev_loop *ev; /* that the server's loop is attached to; for the pauses clients ask for */
  char server_id[64]; /* another one in each process */
  char hostname[256];
  unsigned lies; /* about server_id */
  Grpc__Testing__TestService_Server handlers;
} interop_service;

/* Fills in the service and adds its methods. 0 or a GMUX_ERR_*. */
int interop_service_add(interop_service *service, struct ev_loop *ev, gmux_server *server);

#endif
