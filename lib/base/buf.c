/* buf.c: bytes that grow at the end and are eaten from the front. */
#include "lib/base/buf.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum {
  BUF_FIRST_CAP = 64,
  BUF_KEEP_WHEN_EMPTY = 64 * 1024 /* a connection's usual read or write; more is given back */
};

static const gmux__buf empty = {NULL, 0, 0, 0};

static void buf_move_to_front(gmux__buf *buf) {
  if (buf->start == 0) return;
  memmove(buf->mem, buf->mem + buf->start, gmux__buf_len(buf));
  buf->end -= buf->start;
  buf->start = 0;
}

/* Twice what there is, or what is needed, whichever is more, but not above max. */
static size_t buf_next_cap(const gmux__buf *buf, size_t need, size_t max) {
  size_t cap = buf->cap > SIZE_MAX / 2 ? SIZE_MAX : buf->cap * 2;
  if (cap < BUF_FIRST_CAP) cap = BUF_FIRST_CAP;
  if (cap < need) cap = need;
  return cap < max ? cap : max;
}

uint8_t *gmux__buf_reserve_within(gmux__buf *buf, size_t len, size_t max) {
  size_t held = gmux__buf_len(buf);
  assert(held <= max && len <= max - held);
  if (buf->cap - buf->end >= len && buf->mem) return buf->mem + buf->end;
  /* Move only when at least as much was eaten as has to be moved, or when growing is forbidden: an
   * append is then O(1) amortised whatever the pattern. */
  bool fits = buf->mem && buf->cap - held >= len;
  if (fits && (buf->start >= held || buf->cap >= max)) {
    buf_move_to_front(buf);
    return buf->mem + buf->end;
  }
  size_t cap = buf_next_cap(buf, held + len, max);
  buf_move_to_front(buf);
  uint8_t *mem = gmux__realloc(buf->mem, cap);
  if (!mem) return NULL;
  buf->mem = mem;
  buf->cap = cap;
  return mem + buf->end;
}

uint8_t *gmux__buf_make_room(gmux__buf *buf, size_t len) {
  if (len > SIZE_MAX - gmux__buf_len(buf)) return NULL;
  return gmux__buf_reserve_within(buf, len, SIZE_MAX);
}

int gmux__buf_append(gmux__buf *buf, const void *data, size_t len) {
  if (len == 0) return 0;
  uint8_t *end = gmux__buf_reserve(buf, len);
  if (!end) return gmux__fail_code(GMUX_ERR_NOMEM);
  memcpy(end, data, len);
  gmux__buf_commit(buf, len);
  return 0;
}

void gmux__buf_consume(gmux__buf *buf, size_t len) {
  assert(len <= gmux__buf_len(buf));
  buf->start += len;
  if (buf->start < buf->end) return;
  buf->start = buf->end = 0;
  if (buf->cap > BUF_KEEP_WHEN_EMPTY) gmux__buf_deinit(buf);
}

void gmux__buf_truncate(gmux__buf *buf, size_t len) {
  assert(len <= gmux__buf_len(buf));
  buf->end = buf->start + len;
}

void gmux__buf_detach(gmux__buf *buf, gmux_bytes *out) {
  buf_move_to_front(buf);
  *out = gmux_bytes_own(buf->mem, gmux__buf_len(buf));
  *buf = empty;
}

void gmux__buf_deinit(gmux__buf *buf) {
  if (buf->mem) gmux__free(buf->mem);
  *buf = empty;
}
