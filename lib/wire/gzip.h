/* gzip.h: message compression, one context a message. The only file of ours that includes zlib.h is
 * gzip.c. */
#ifndef GMUX__WIRE_GZIP_H
#define GMUX__WIRE_GZIP_H

#include <gmux/bytes.h>
#include <stdbool.h>

typedef enum gmux__encoding {
  GMUX__ENCODING_IDENTITY = 0,
  GMUX__ENCODING_GZIP,
  GMUX__ENCODING_DEFLATE, /* zlib format, RFC 1950, as HTTP names it */
  GMUX__ENCODING_UNKNOWN
} gmux__encoding;

const char *gmux__encoding_str(gmux__encoding encoding); /* the header's word */
gmux__encoding gmux__encoding_parse(const uint8_t *text, size_t len);

/* Owned bytes in *out. The limit is watched while inflating, so a bomb costs at most limit plus one
 * step. GMUX_ERR_TOO_LARGE, GMUX_ERR_PROTOCOL (corrupt, truncated, bytes left over),
 * GMUX_ERR_NOMEM. */
int gmux__decompress(gmux_bytes *out, gmux__encoding encoding, const uint8_t *data, size_t len,
                     size_t limit);

#endif
