/* proxy_where.c: see proxy_where.h. */
#include "tests/net/proxy_where.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* "4711", and nothing behind it. */
static bool parse_port(uint16_t *port, const char *text) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 5 || text[digits]) return false;
  unsigned long value = strtoul(text, NULL, 10);
  *port = (uint16_t)value;
  return value <= UINT16_MAX;
}

static bool parse_unix(proxy_where *where, const char *path) {
  struct sockaddr_un *un = (struct sockaddr_un *)&where->storage;
  size_t len = strlen(path);
  if (len == 0 || len >= sizeof un->sun_path) return false;
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, path, len + 1);
  where->len = sizeof *un;
  return true;
}

static bool parse_ipv6(proxy_where *where, const char *host, uint16_t port) {
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&where->storage;
  size_t len = strlen(host);
  char bare[INET6_ADDRSTRLEN];
  if (len < 3 || len - 2 >= sizeof bare || host[0] != '[' || host[len - 1] != ']') return false;
  snprintf(bare, sizeof bare, "%.*s", (int)len - 2, host + 1);
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(port);
  where->len = sizeof *in6;
  return inet_pton(AF_INET6, bare, &in6->sin6_addr) == 1;
}

static bool parse_ipv4(proxy_where *where, const char *host, uint16_t port) {
  struct sockaddr_in *in = (struct sockaddr_in *)&where->storage;
  in->sin_family = AF_INET;
  in->sin_port = htons(port);
  where->len = sizeof *in;
  return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

static bool parse_tcp(proxy_where *where, const char *text) {
  char host[64];
  const char *colon = strrchr(text, ':');
  uint16_t port;
  if (!colon || !parse_port(&port, colon + 1) || (size_t)(colon - text) >= sizeof host)
    return false;
  snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
  return host[0] == '[' ? parse_ipv6(where, host, port) : parse_ipv4(where, host, port);
}

bool proxy_where_parse(proxy_where *where, const char *text, char why[PROXY_WHY_BYTES]) {
  proxy_where found = {.len = 0};
  bool is_good;
  if (strncmp(text, "unix:", 5) == 0)
    is_good = parse_unix(&found, text + 5);
  else if (strncmp(text, "ipv4:", 5) == 0 || strncmp(text, "ipv6:", 5) == 0)
    is_good = parse_tcp(&found, text + 5);
  else
    is_good = parse_tcp(&found, text);
  if (is_good)
    *where = found;
  else if (why)
    snprintf(why, PROXY_WHY_BYTES,
             "'%.64s' is no address: it takes 127.0.0.1:4711, [::1]:4711 or unix:/path", text);
  return is_good;
}

void proxy_where_write(const proxy_where *where, char text[PROXY_WHERE_BYTES]) {
  char host[INET6_ADDRSTRLEN] = "";
  if (where->storage.ss_family == AF_UNIX) {
    snprintf(text, PROXY_WHERE_BYTES, "unix:%s",
             ((const struct sockaddr_un *)&where->storage)->sun_path);
    return;
  }
  bool is_ipv6 = where->storage.ss_family == AF_INET6;
  if (is_ipv6)
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&where->storage)->sin6_addr, host,
              sizeof host);
  else
    inet_ntop(AF_INET, &((const struct sockaddr_in *)&where->storage)->sin_addr, host, sizeof host);
  snprintf(text, PROXY_WHERE_BYTES, is_ipv6 ? "[%s]:%u" : "%s:%u", host, proxy_where_port(where));
}

uint16_t proxy_where_port(const proxy_where *where) {
  switch (where->storage.ss_family) {
  case AF_INET:
    return ntohs(((const struct sockaddr_in *)&where->storage)->sin_port);
  case AF_INET6:
    return ntohs(((const struct sockaddr_in6 *)&where->storage)->sin6_port);
  default:
    return 0;
  }
}

int proxy_where_socket(const proxy_where *where) {
  return socket(where->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
