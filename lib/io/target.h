/*
 * target.h: what an application names to connect to or to listen on.
 *
 *   host:port  host  [v6]:port     a name for DNS, or a literal address; the default port is 443
 *   dns:host:port  dns:///host:port   the same, by name ("dns://server/..." is refused: no own
 * resolver) ipv4:1.2.3.4:80,5.6.7.8:80     one or more literal addresses ipv6:[::1]:80,[::2]:80
 *   unix:relative/or/absolute  unix:///absolute
 *   unix-abstract:name             Linux's abstract socket names
 *
 * (gRPC Name Resolution.) The authority, which is what :authority and the certificate's name start
 * from, is host:port for names and literals (with the port left off when it was not given) and
 * "localhost" for Unix sockets.
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

/* GMUX_ERR_INVALID with words (the text, what is wrong, what would be right), GMUX_ERR_NOMEM.
 * NULL and "" are invalid. */
int gmux__target_parse(gmux__target *out, const char *text);
void gmux__target_deinit(gmux__target *target);

#endif
