/* sockaddr.h: from our addresses to the system's and back; for the files that call it. */
#ifndef GMUX__IO_SOCKADDR_H
#define GMUX__IO_SOCKADDR_H

#include "lib/io/address.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef union gmux__sockaddr {
  struct sockaddr sa;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_un un;
  struct sockaddr_storage storage;
} gmux__sockaddr;

/* Returns the length; `address` is of any family but NONE. */
socklen_t gmux__sockaddr_from(gmux__sockaddr *out, const gmux__address *address);
/* Of a family that is not ours: NONE. */
void gmux__address_from_sockaddr(gmux__address *out, const gmux__sockaddr *from, socklen_t len);

#endif
