/* framing.c: length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message"). */
#include "lib/wire/framing.h"
#include "lib/base/fail.h"
#include <string.h>

void gmux__prefix_write(uint8_t prefix[GMUX__PREFIX_LEN], bool compressed, uint32_t len) {
  prefix[0] = compressed;
  prefix[1] = (uint8_t)(len >> 24);
  prefix[2] = (uint8_t)(len >> 16);
  prefix[3] = (uint8_t)(len >> 8);
  prefix[4] = (uint8_t)len;
}

static uint32_t prefix_length(const uint8_t prefix[GMUX__PREFIX_LEN]) {
  return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
         prefix[4];
}

void gmux__deframer_init(gmux__deframer *d, uint32_t limit_bytes, gmux__hoard *hoard) {
  memset(d, 0, sizeof *d);
  d->limit = limit_bytes;
  d->hoard = hoard;
}

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t deframer_take_prefix(gmux__deframer *d, const uint8_t *data, size_t len) {
  size_t taken = size_min(GMUX__PREFIX_LEN - d->prefix_len, len);
  if (taken) memcpy(d->prefix + d->prefix_len, data, taken);
  d->prefix_len += taken;
  return taken;
}

static int deframer_check_prefix(gmux__deframer *d) {
  if (d->prefix[0] > 1)
    return gmux__fail(GMUX_ERR_PROTOCOL,
                      "a gRPC message starts with byte 0x%02x; it must be 0 or 1 (compressed)",
                      d->prefix[0]);
  d->need = prefix_length(d->prefix);
  if (d->need > d->limit)
    return gmux__fail(GMUX_ERR_TOO_LARGE, "a message of %lu bytes is over the limit of %lu",
                      (unsigned long)d->need, (unsigned long)d->limit);
  return 0;
}

/* Room for `taken` bytes more. What is kept for the next message costs nothing; else twice what has
 * come: a message in four pieces is moved once or twice, not at each. */
static int deframer_make_room(gmux__deframer *d, size_t taken) {
  gmux__chunk *partial = &d->partial;
  if (!partial->data) gmux__hoard_lend(d->hoard, partial, d->need);
  if (taken <= partial->cap - partial->len) return 0;
  return gmux__chunk_grow(partial, size_min(d->need, 2 * (partial->len + taken)), d->need);
}

/* Appends to the message being put together as much of data[*used..len) as it lacks. */
static int deframer_take_partial(gmux__deframer *d, const uint8_t *data, size_t len, size_t *used) {
  size_t taken = size_min(d->need - d->partial.len, len - *used);
  if (taken == 0) return 0;
  int error = deframer_make_room(d, taken);
  if (error) return error;
  memcpy(d->partial.data + d->partial.len, data + *used, taken);
  d->partial.len += taken;
  *used += taken;
  return 0;
}

static int deframer_yield(gmux__deframer *d, bool *compressed) {
  *compressed = d->prefix[0] == 1;
  d->prefix_len = 0;
  return GMUX__DEFRAMED_MESSAGE;
}

int gmux__deframer_next(gmux__deframer *d, const uint8_t *data, size_t len, size_t *used,
                        gmux_bytes *out, bool *compressed) {
  *used = deframer_take_prefix(d, data, len);
  if (d->prefix_len < GMUX__PREFIX_LEN) return GMUX__DEFRAMED_MORE;
  int error = deframer_check_prefix(d); /* in each call, so that what failed once stays failed */
  if (error) return error;

  if (d->partial.len == 0 && len - *used >= d->need) {
    *out = gmux_bytes_borrow(d->need ? data + *used : NULL, d->need);
    *used += d->need;
    return deframer_yield(d, compressed);
  }
  error = deframer_take_partial(d, data, len, used);
  if (error) return error;
  if (d->partial.len < d->need) return GMUX__DEFRAMED_MORE;
  gmux__chunk_detach(&d->partial, out);
  return deframer_yield(d, compressed);
}

bool gmux__deframer_is_partial(const gmux__deframer *d) {
  return d->prefix_len > 0;
}

void gmux__deframer_deinit(gmux__deframer *d) {
  gmux__chunk_deinit(&d->partial);
}
