/* port.h: a port for servers that come and go, which nobody else is given meanwhile. */
#ifndef TESTS_NET_PORT_H
#define TESTS_NET_PORT_H

#include <netinet/in.h>

/* Of 127.0.0.1. The port is the holder's until the descriptor that is returned is closed: the
 * kernel gives it to no connection and no listener that asks for any, while a server that asks for
 * it can listen there, again and again. */
int port_hold(uint16_t *port);

struct sockaddr_in port_loopback(unsigned port);

#endif
