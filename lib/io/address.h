/* address.h: one place to connect to or listen on, without the system's structs, so that the rooms
 * above can hold, compare and print it. */
#ifndef GMUX__IO_ADDRESS_H
#define GMUX__IO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum gmux__family {
  GMUX__FAMILY_NONE = 0,
  GMUX__FAMILY_IPV4,
  GMUX__FAMILY_IPV6,
  GMUX__FAMILY_UNIX,
  GMUX__FAMILY_UNIX_ABSTRACT
} gmux__family;

enum {
  GMUX__UNIX_PATH = 107
}; /* sun_path less its zero (or less the abstract name's leading one) */
enum { GMUX__ADDRESS_TEXT = 160 };

typedef struct gmux__address {
  gmux__family family;
  uint16_t port;
  uint32_t scope; /* IPv6 zone */
  uint8_t ip[16]; /* 4 or 16 bytes in network order */
  uint8_t path_len;
  char path[GMUX__UNIX_PATH + 1]; /* without the leading zero of an abstract name */
} gmux__address;

bool gmux__address_is_equal(const gmux__address *a, const gmux__address *b);
/* "ipv4:127.0.0.1:80", "ipv6:[::1]:80", "unix:/run/x", "unix-abstract:name" */
const char *gmux__address_str(const gmux__address *a, char text[GMUX__ADDRESS_TEXT]);
/* Copies `count` addresses so that families take turns, the first one's first, each family's own in
 * their order (RFC 8305 section 4). */
void gmux__addresses_interleave(gmux__address *out, const gmux__address *in, size_t count);
/* A literal address without brackets; false when it is none. */
bool gmux__address_parse_ip(gmux__address *out, const char *text, size_t len, uint16_t port);

#endif
