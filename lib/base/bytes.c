/* bytes.c: gmux_bytes, a run of bytes that knows who frees it. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <gmux/bytes.h>

static const gmux_bytes empty = {NULL, 0, NULL, NULL};

static void bytes_free(void *memory, const uint8_t *data, size_t len) {
  (void)data;
  (void)len;
  gmux__free(memory);
}

gmux_bytes gmux_bytes_borrow(const void *data, size_t len) {
  return (gmux_bytes){data, len, NULL, NULL};
}

gmux_bytes gmux_bytes_own(void *data, size_t len) {
  return (gmux_bytes){data, len, bytes_free, data};
}

gmux_bytes gmux_bytes_wrap(const void *data, size_t len, gmux_release_fn release,
                           void *release_arg) {
  return (gmux_bytes){data, len, release, release_arg};
}

int gmux_bytes_copy(gmux_bytes *out, const void *data, size_t len) {
  if (!out || (!data && len > 0))
    return gmux__fail(GMUX_ERR_INVALID, "gmux_bytes_copy: %s is NULL", out ? "data" : "out");
  if (len == 0) {
    *out = empty;
    return 0;
  }
  void *copy = gmux__memdup(data, len);
  if (!copy) return gmux__fail_code(GMUX_ERR_NOMEM);
  *out = gmux_bytes_own(copy, len);
  return 0;
}

int gmux_bytes_take(gmux_bytes *out, gmux_bytes *from) {
  if (!out || !from)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_bytes_take: %s is NULL", out ? "from" : "out");
  if (!from->release) return gmux_bytes_copy(out, from->data, from->len);
  gmux_bytes taken = *from;
  *from = empty; /* first, so that out and from may be one */
  *out = taken;
  return 0;
}

void gmux_bytes_release(gmux_bytes *bytes) {
  if (!bytes) return;
  gmux_bytes old = *bytes;
  if (!old.release) return;
  *bytes = empty; /* before calling out: the function may look at it */
  old.release(old.release_arg, old.data, old.len);
}
