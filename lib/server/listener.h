/* listener.h: one address that a server listens on. Loop's thread. */
#ifndef GMUX__SERVER_LISTENER_H
#define GMUX__SERVER_LISTENER_H

#include "lib/io/loop.h"
#include <gmux/server.h>

typedef struct gmux__server_listener {
  gmux_server *server;
  gmux__listener *socket;
  uint64_t number; /* 1, 2, 3, ... among its server's */
  gmux_tls *tls;   /* a hold; NULL: cleartext */
  gmux__link link; /* in the server's listeners */
} gmux__server_listener;

/* What was accepted before stays. */
void gmux__server_listener_close(gmux__server_listener *listener);

#endif
