/* tls_record.c: slices, cut and gathered into records. */
#include "lib/io/tls_record.h"
#include <string.h>

/* A slice from here on is encrypted where it lies. Smaller ones are copied together: a record costs
 * a write and 22 bytes, copying this much less than either. */
enum { SLICE_LARGE = GMUX__TLS_RECORD_MAX / 2 };

/* FNV-1a */
uint64_t gmux__tls_bytes_hash(const uint8_t *data, size_t len) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ data[i]) * UINT64_C(1099511628211);
  return hash;
}

void gmux__tls_cursor_advance(gmux__tls_cursor *c, size_t len) {
  while (c->slice < c->end && len >= c->slice->len - c->skip) {
    len -= c->slice->len - c->skip;
    c->slice++;
    c->skip = 0;
  }
  c->skip += len;
}

/* Up to `max` bytes from here on, copied together; returns how many. Does not move the cursor. */
static size_t cursor_gather(const gmux__tls_cursor *from, uint8_t *buf, size_t max) {
  gmux__tls_cursor c = *from;
  size_t len = 0;
  while (c.slice < c.end && len < max) {
    size_t part = c.slice->len - c.skip;
    if (part > max - len) part = max - len;
    if (part) memcpy(buf + len, c.slice->data + c.skip, part);
    len += part;
    gmux__tls_cursor_advance(&c, part);
  }
  return len;
}

gmux__slice gmux__tls_cursor_record(const gmux__tls_cursor *c, size_t offered, uint8_t *scratch) {
  if (c->slice == c->end) return (gmux__slice){NULL, 0};
  size_t here = c->slice->len - c->skip;
  if (here >= (offered ? offered : SLICE_LARGE)) {
    size_t len = offered ? offered : here;
    return (gmux__slice){c->slice->data + c->skip,
                         len < GMUX__TLS_RECORD_MAX ? len : GMUX__TLS_RECORD_MAX};
  }
  return (gmux__slice){scratch,
                       cursor_gather(c, scratch, offered ? offered : GMUX__TLS_RECORD_MAX)};
}
