/*
 * connection.h: one client's connection, from accept to its end.
 *
 * It is in its server's list as long as the connection lives; its memory stays while calls of it
 * do, which show its peer. Loop's thread.
 */
#ifndef GMUX__SERVER_CONNECTION_H
#define GMUX__SERVER_CONNECTION_H

#include "lib/h2/conn.h"
#include <gmux/server.h>

typedef struct gmux__server_conn {
  gmux_server *server;
  gmux__conn *conn;      /* NULL: gone */
  gmux__link link;       /* in the server's connections while conn is there */
  gmux__timer handshake; /* from accept to READY */
  size_t calls;          /* that have memory still */
  char peer[GMUX__ADDRESS_TEXT];
  char *peer_name; /* of the verified certificate; NULL: none. Both are known from READY on */
} gmux__server_conn;

/* Takes the transport, whatever becomes of it. `tls` NULL: cleartext. */
void gmux__server_accept(gmux_server *server, gmux_tls *tls, gmux__transport *transport);

/* A hold of a call; the second one may free the connection. */
void gmux__server_conn_hold(gmux__server_conn *c);
void gmux__server_conn_release(gmux__server_conn *c);

#endif
