/*
 * relay.h: a TCP relay on loopback that can make a connection fall silent: a black hole, as a
 * pulled cable or a forgetful NAT makes it. It is no part of the library and needs no privileges.
 */
#ifndef DEMO_RELAY_H
#define DEMO_RELAY_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct relay relay;

/* Listens on a free port of 127.0.0.1 (*port) and connects what comes to `to_port`. NULL: it
 * cannot.
 */
relay *relay_new(struct ev_loop *ev, uint16_t *port, uint16_t to_port);
void relay_free(relay *r); /* takes NULL */
/* From now on the oldest connection carries nothing in either direction, and nobody is told. False:
 * there is none. */
bool relay_blackhole_oldest(relay *r);

#endif
