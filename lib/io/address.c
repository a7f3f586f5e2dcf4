/* address.c: addresses as text and as the system's structs. */
#include "lib/io/address.h"
#include "lib/base/text.h"
#include "lib/io/sockaddr.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t family_ip_len(gmux__family family) {
  return family == GMUX__FAMILY_IPV4 ? 4 : 16;
}

static bool family_is_unix(gmux__family family) {
  return family == GMUX__FAMILY_UNIX || family == GMUX__FAMILY_UNIX_ABSTRACT;
}

bool gmux__address_is_equal(const gmux__address *a, const gmux__address *b) {
  if (a->family != b->family) return false;
  if (a->family == GMUX__FAMILY_NONE) return true;
  if (family_is_unix(a->family))
    return a->path_len == b->path_len && memcmp(a->path, b->path, a->path_len) == 0;
  return a->port == b->port && a->scope == b->scope &&
         memcmp(a->ip, b->ip, family_ip_len(a->family)) == 0;
}

/* Abstract names may hold any bytes, and files' names nearly any. */
static void path_print(char *text, size_t len, const char *scheme, const gmux__address *a) {
  size_t n = (size_t)snprintf(text, len, "%s:", scheme);
  for (size_t i = 0; i < a->path_len && n < len - 1; i++) {
    unsigned char c = (unsigned char)a->path[i];
    text[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
  }
  text[n] = '\0';
}

static void ipv4_print(char *text, size_t len, const gmux__address *a) {
  gmux__text t;
  gmux__text_begin(&t, text, len);
  gmux__text_add(&t, "ipv4");
  for (int i = 0; i < 4; i++) {
    gmux__text_add(&t, i == 0 ? ":" : ".");
    gmux__text_add_number(&t, a->ip[i]);
  }
  gmux__text_add(&t, ":");
  gmux__text_add_number(&t, a->port);
}

const char *gmux__address_str(const gmux__address *a, char text[GMUX__ADDRESS_TEXT]) {
  char ip[INET6_ADDRSTRLEN];
  switch (a->family) {
  case GMUX__FAMILY_IPV4:
    ipv4_print(text, GMUX__ADDRESS_TEXT, a);
    return text;
  case GMUX__FAMILY_IPV6:
    inet_ntop(AF_INET6, a->ip, ip, sizeof ip);
    if (a->scope)
      snprintf(text, GMUX__ADDRESS_TEXT, "ipv6:[%s%%%u]:%u", ip, a->scope, a->port);
    else
      snprintf(text, GMUX__ADDRESS_TEXT, "ipv6:[%s]:%u", ip, a->port);
    return text;
  case GMUX__FAMILY_UNIX:
    path_print(text, GMUX__ADDRESS_TEXT, "unix", a);
    return text;
  case GMUX__FAMILY_UNIX_ABSTRACT:
    path_print(text, GMUX__ADDRESS_TEXT, "unix-abstract", a);
    return text;
  case GMUX__FAMILY_NONE:
    break;
  }
  snprintf(text, GMUX__ADDRESS_TEXT, "none");
  return text;
}

/* ---- literal addresses ---- */

/* "2" or "eth0"; 0: there is no such interface. */
static uint32_t scope_parse(const char *zone) {
  char *end;
  unsigned long index = strtoul(zone, &end, 10);
  if (zone[0] >= '0' && zone[0] <= '9' && !*end) return index <= UINT32_MAX ? (uint32_t)index : 0;
  /* Behind a colon Linux ignores whatever there is; and a host goes into logs. */
  for (const char *c = zone; *c; c++)
    if (*c <= 0x20 || *c >= 0x7f || strchr(":/,\"\\@", *c)) return 0;
  return if_nametoindex(zone);
}

static bool parse_ipv6(gmux__address *a, char *text) {
  char *zone = strchr(text, '%');
  if (zone) {
    *zone++ = '\0';
    a->scope = scope_parse(zone);
    if (!a->scope) return false;
  }
  a->family = GMUX__FAMILY_IPV6;
  return inet_pton(AF_INET6, text, a->ip) == 1;
}

bool gmux__address_parse_ip(gmux__address *out, const char *text, size_t len, uint16_t port) {
  char copy[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
  if (len == 0 || len >= sizeof copy || memchr(text, '\0', len)) return false;
  memcpy(copy, text, len);
  copy[len] = '\0';
  gmux__address a = {.family = GMUX__FAMILY_IPV4, .port = port};
  if (inet_pton(AF_INET, copy, a.ip) != 1 && !parse_ipv6(&a, copy)) return false;
  *out = a;
  return true;
}

/* ---- the system's structs ---- */

static socklen_t sockaddr_from_ipv4(struct sockaddr_in *sin, const gmux__address *a) {
  sin->sin_family = AF_INET;
  sin->sin_port = htons(a->port);
  memcpy(&sin->sin_addr, a->ip, 4);
  return sizeof *sin;
}

static socklen_t sockaddr_from_ipv6(struct sockaddr_in6 *sin6, const gmux__address *a) {
  sin6->sin6_family = AF_INET6;
  sin6->sin6_port = htons(a->port);
  sin6->sin6_scope_id = a->scope;
  memcpy(&sin6->sin6_addr, a->ip, 16);
  return sizeof *sin6;
}

/* The length tells an abstract name's end; a file's name is followed by a zero. */
static socklen_t sockaddr_from_unix(struct sockaddr_un *sun, const gmux__address *a) {
  bool is_abstract = a->family == GMUX__FAMILY_UNIX_ABSTRACT;
  sun->sun_family = AF_UNIX;
  memcpy(sun->sun_path + is_abstract, a->path, a->path_len);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + a->path_len + 1);
}

socklen_t gmux__sockaddr_from(gmux__sockaddr *out, const gmux__address *a) {
  memset(out, 0, sizeof *out);
  if (a->family == GMUX__FAMILY_IPV4) return sockaddr_from_ipv4(&out->in, a);
  if (a->family == GMUX__FAMILY_IPV6) return sockaddr_from_ipv6(&out->in6, a);
  return sockaddr_from_unix(&out->un, a);
}

static void address_from_unix(gmux__address *out, const struct sockaddr_un *sun, socklen_t len) {
  out->family = GMUX__FAMILY_UNIX;
  if (len <= offsetof(struct sockaddr_un, sun_path)) return; /* unnamed: a client's end */
  size_t n = len - offsetof(struct sockaddr_un, sun_path);
  const char *name = sun->sun_path;
  if (!*name) {
    out->family = GMUX__FAMILY_UNIX_ABSTRACT;
    name++;
    n--;
  } else {
    n = strnlen(name, n);
  }
  if (n > GMUX__UNIX_PATH) n = GMUX__UNIX_PATH;
  memcpy(out->path, name, n);
  out->path_len = (uint8_t)n;
}

/* A client that came by IPv4 to a socket on [::] is shown as what it is. */
static void address_from_ipv6(gmux__address *out, const struct sockaddr_in6 *sin6) {
  const uint8_t *ip = sin6->sin6_addr.s6_addr;
  bool is_mapped = IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr);
  out->family = is_mapped ? GMUX__FAMILY_IPV4 : GMUX__FAMILY_IPV6;
  out->port = ntohs(sin6->sin6_port);
  out->scope = is_mapped ? 0 : sin6->sin6_scope_id;
  memcpy(out->ip, is_mapped ? ip + 12 : ip, is_mapped ? 4 : 16);
}

void gmux__address_from_sockaddr(gmux__address *out, const gmux__sockaddr *from, socklen_t len) {
  *out = (gmux__address){.family = GMUX__FAMILY_NONE};
  switch (from->sa.sa_family) {
  case AF_INET:
    out->family = GMUX__FAMILY_IPV4;
    out->port = ntohs(from->in.sin_port);
    memcpy(out->ip, &from->in.sin_addr, 4);
    return;
  case AF_INET6:
    address_from_ipv6(out, &from->in6);
    return;
  case AF_UNIX:
    address_from_unix(out, &from->un, len);
    return;
  default:
    return;
  }
}

/* The first from `i` on that is, or is not, of this family; `count` when there is none. */
static size_t addresses_find(const gmux__address *in, size_t count, size_t i, gmux__family family,
                             bool is_of_it) {
  while (i < count && (in[i].family == family) != is_of_it)
    i++;
  return i;
}

void gmux__addresses_interleave(gmux__address *out, const gmux__address *in, size_t count) {
  if (count == 0) return;
  gmux__family family = in[0].family;
  size_t next[2] = {addresses_find(in, count, 0, family, false), 0}; /* the others', its own */
  for (size_t i = 0; i < count; i++) {
    bool is_of_it = i % 2 == 0;
    if (next[is_of_it] == count) is_of_it = !is_of_it;
    size_t taken = next[is_of_it];
    out[i] = in[taken];
    next[is_of_it] = addresses_find(in, count, taken + 1, family, is_of_it);
  }
}
