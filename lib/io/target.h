/*
 * target.h: what an application names to connect to or to listen on.
 *
 *   host:port  host  [v6]:port           a name for DNS, or a literal address; default port 443
 *   dns:host:port  dns:///host:port      the same ("dns://server/..." is refused: no own resolver)
 *   ipv4:1.2.3.4:80,5.6.7.8:80           one or more literal addresses
 *   ipv6:[::1]:80,[::2]:80
 *   unix:relative/or/absolute  unix:///absolute
 *   unix-abstract:name                   Linux's abstract socket names
 *
 * (gRPC Name Resolution.) As there, only the names above are schemes, whatever their case:
 * "xds:..." and the like are refused by name, and any other word before a colon is a host. An IPv6
 * address may stand without brackets where no port follows.
 *
 * The authority, which is what :authority and the certificate's name start from, is host:port for
 * names and literals (with the port left off when it was not given, and the first of several) and
 * "localhost" for Unix sockets. A dot at the end of a name, which says that the name is whole and
 * not to be looked for in the system's search domains, is kept in the host and not in the
 * authority.
 */
#ifndef GMUX__IO_TARGET_H
#define GMUX__IO_TARGET_H

#include "lib/io/address.h"

typedef struct gmux__target {
  char *authority; /* for :authority */
  char *host; /* for DNS, SNI and certificate check; a literal address without brackets; "localhost"
                 for Unix */
  uint16_t port;
  bool needs_dns;
  gmux__address *addresses; /* when it does not */
  size_t address_count;
} gmux__target;

/* GMUX_ERR_INVALID with words (the text, what is wrong, what would be right), GMUX_ERR_UNSUPPORTED
 * for a scheme that gRPC knows and we don't, GMUX_ERR_NOMEM. NULL and "" are invalid. */
int gmux__target_parse(gmux__target *out, const char *text);
/* The same for a server: port 0 (the system chooses) is allowed and a port must be given; a name is
 * refused, since it has no one address to listen on. */
int gmux__target_parse_listen(gmux__target *out, const char *text);
void gmux__target_deinit(gmux__target *target); /* takes NULL, and one that is all zero */

#endif
