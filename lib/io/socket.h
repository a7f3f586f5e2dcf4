/* socket.h: a connected or connecting socket as a transport. */
#ifndef GMUX__IO_SOCKET_H
#define GMUX__IO_SOCKET_H

#include "lib/io/ev.h"

/* A non-blocking, close-on-exec stream socket with the options of `options` (NULL: defaults) for an
 * address of this family; TCP never delays small writes, nor takes much ahead of what it can send.
 * A descriptor, or GMUX_ERR_IO. */
int gmux__socket_open(gmux__family family, const gmux__socket_options *options);

/* A transport on `fd`, which it owns from now on (on failure it is still the caller's). The owner
 * is to be set, and its own address to be learned. GMUX_ERR_NOMEM. */
int gmux__socket_transport_new(gmux__transport **out, gmux__ev_loop *el, int fd,
                               const gmux__address *peer);
void gmux__socket_transport_learn_local(gmux__transport *t);
/* What became of its connect(), once it is writable: 0 or an errno. */
int gmux__socket_transport_error(gmux__transport *t);
/* It is connected: learns its own address. 0, or an errno when that is its peer's. */
int gmux__socket_transport_connected(gmux__transport *t);
/* TCP_USER_TIMEOUT; 0 leaves the system's. */
void gmux__socket_transport_set_user_timeout(gmux__transport *t, uint32_t ms);
int gmux__socket_transport_fd(const gmux__transport *t);

#endif
