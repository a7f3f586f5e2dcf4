/*
 * tls_record.h: what goes into the next record of a TLS transport's write: a large slice as it
 * lies, small ones gathered.
 */
#ifndef GMUX__IO_TLS_RECORD_H
#define GMUX__IO_TLS_RECORD_H

#include "lib/io/transport.h"

enum { GMUX__TLS_RECORD_MAX = 16384 }; /* RFC 8446 section 5.1 */

/* A place in the slices of one write. */
typedef struct gmux__tls_cursor {
  const gmux__slice *slice, *end;
  size_t skip; /* bytes of *slice that are taken */
} gmux__tls_cursor;

void gmux__tls_cursor_advance(gmux__tls_cursor *c, size_t len);
/* What goes into the next record, in place or in `scratch` (GMUX__TLS_RECORD_MAX bytes). `offered`:
 * bytes that it has to have because OpenSSL has them already; 0: none. Length 0: nothing is left.
 */
gmux__slice gmux__tls_cursor_record(const gmux__tls_cursor *c, size_t offered, uint8_t *scratch);

/* Tells bytes from others; not against somebody who chooses them. */
uint64_t gmux__tls_bytes_hash(const uint8_t *data, size_t len);

#endif
