/* gzip.h: message compression, one context a message. The only file of ours that includes zlib.h is
 * gzip.c; zlib's memory comes from gmux's allocator. */
#ifndef GMUX__WIRE_GZIP_H
#define GMUX__WIRE_GZIP_H

#include <gmux/bytes.h>
#include <stdbool.h>

typedef enum gmux__encoding {
  GMUX__ENCODING_IDENTITY = 0,
  GMUX__ENCODING_GZIP,    /* RFC 1952, one member */
  GMUX__ENCODING_DEFLATE, /* zlib format, RFC 1950, as HTTP names it */
  GMUX__ENCODING_UNKNOWN,
  GMUX__ENCODING_CUSTOM /* and on: the application's own, see codec.h */
} gmux__encoding;

const char *gmux__encoding_str(gmux__encoding encoding); /* the header's word; "unknown" */
/* Exactly one such word; anything else, also none, is GMUX__ENCODING_UNKNOWN. */
gmux__encoding gmux__encoding_parse(const uint8_t *text, size_t len);

/*
 * Owned bytes in *out. The limit is watched while inflating and the output grows with what came
 * out, so a bomb costs at most the limit and a byte, and zlib's window of 32 KiB.
 * GMUX_ERR_TOO_LARGE, GMUX_ERR_PROTOCOL (corrupt, truncated, bytes left over), GMUX_ERR_NOMEM,
 * GMUX_ERR_UNSUPPORTED (identity and unknown: nothing to inflate with).
 */
int gmux__decompress(gmux_bytes *out, gmux__encoding encoding, const uint8_t *data, size_t len,
                     size_t limit);

enum { GMUX__IN_VAIN = 1 };

/*
 * Owned bytes in *out, fewer than `len`; GMUX__IN_VAIN (> 0) when it would not get shorter: then as
 * little memory was spent. zlib's context lives until this returns; it takes the memory that the
 * message is worth: 6 KiB for 512 bytes, and for 32 KiB and more its usual 264 KiB. GMUX_ERR_NOMEM;
 * GMUX_ERR_UNSUPPORTED as gmux__decompress.
 */
int gmux__compress(gmux_bytes *out, gmux__encoding encoding, const uint8_t *data, size_t len);

#endif
