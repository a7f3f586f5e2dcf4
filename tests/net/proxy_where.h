/* proxy_where.h: addresses of stream sockets, in words and for the kernel. */
#ifndef TESTS_NET_PROXY_WHERE_H
#define TESTS_NET_PROXY_WHERE_H

#include "tests/net/proxy.h"
#include <sys/socket.h>

enum { PROXY_WHERE_BYTES = 128 };

typedef struct proxy_where {
  struct sockaddr_storage storage;
  socklen_t len;
} proxy_where;

/* The forms of proxy_options; no names, which somebody would have to look up. */
bool proxy_where_parse(proxy_where *where, const char *text, char why[PROXY_WHY_BYTES]);
/* In the form that it was parsed from, without "ipv4:" or "ipv6:". */
void proxy_where_write(const proxy_where *where, char text[PROXY_WHERE_BYTES]);
uint16_t proxy_where_port(const proxy_where *where); /* 0: a Unix socket */

/* A socket that does not block and goes to no program that is started; -1 with errno. */
int proxy_where_socket(const proxy_where *where);

#endif
