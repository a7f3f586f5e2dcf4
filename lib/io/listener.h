/* listener.h: from an address to accepted sockets; what ev.c hands out as gmux__loop_listen. */
#ifndef GMUX__IO_LISTENER_H
#define GMUX__IO_LISTENER_H

#include "lib/io/loop.h"

/*
 * GMUX_ERR_EXISTS: something is there already. An address [::] also takes IPv4 connections. A
 * Unix socket's file is made by bind and so follows the umask; one that is there and that nobody
 * answers at (its server has died) is replaced.
 */
int gmux__socket_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                        const gmux__socket_options *options, gmux__accepted_fn fn, void *arg);
/* Removes a Unix socket's file if it is still the one that was made. */
void gmux__socket_listener_close(gmux__listener *listener);
const gmux__address *gmux__socket_listener_address(const gmux__listener *listener);

#endif
