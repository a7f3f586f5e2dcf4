/* buf.h: bytes that grow at the end and are eaten from the front. Grows by doubling, so appending
 * is O(1) amortised; memory is given back by _deinit, and by _consume when the last byte goes and
 * more than 64 KiB are held. */
#ifndef GMUX__BASE_BUF_H
#define GMUX__BASE_BUF_H

#include <assert.h>
#include <gmux/bytes.h>

typedef struct gmux__buf {
  uint8_t *mem;
  size_t start, end, cap; /* the bytes are mem[start..end) */
} gmux__buf;              /* all zero is an empty one */

static inline const uint8_t *gmux__buf_data(const gmux__buf *buf) {
  return buf->mem ? buf->mem + buf->start : NULL;
}
static inline size_t gmux__buf_len(const gmux__buf *buf) {
  return buf->end - buf->start;
}

/* Room for `len` more bytes at the end, as a pointer to write to; it may move what is there. NULL:
 * out of memory, the content is as it was. */
static inline uint8_t *gmux__buf_reserve(gmux__buf *buf, size_t len);
/* The same for a content that will never be longer than `max` (>= _len + len): memory grows by
 * doubling as before, but not beyond that. */
uint8_t *gmux__buf_reserve_within(gmux__buf *buf, size_t len, size_t max);
/* `len` bytes were written behind _reserve. */
static inline void gmux__buf_commit(gmux__buf *buf, size_t len) {
  assert(len <= buf->cap - buf->end);
  buf->end += len;
}
/* GMUX_ERR_NOMEM: the content is as it was. `data` must not lie in the buffer. */
int gmux__buf_append(gmux__buf *buf, const void *data, size_t len);
void gmux__buf_consume(gmux__buf *buf, size_t len); /* len <= gmux__buf_len */
/* Forgets what is beyond the first `len` bytes: takes back an append that was not finished. */
void gmux__buf_truncate(gmux__buf *buf, size_t len);
/* Hands the whole content out as owned bytes and leaves the buffer empty. Never fails: the memory
 * itself changes hands when the content starts at its front, else it is moved there first. */
void gmux__buf_detach(gmux__buf *buf, gmux_bytes *out);
void gmux__buf_deinit(gmux__buf *buf);

/* _reserve when there is not room enough as it lies. */
uint8_t *gmux__buf_make_room(gmux__buf *buf, size_t len);

static inline uint8_t *gmux__buf_reserve(gmux__buf *buf, size_t len) {
  if (buf->cap - buf->end >= len && buf->mem) return buf->mem + buf->end;
  return gmux__buf_make_room(buf, len);
}

#endif
