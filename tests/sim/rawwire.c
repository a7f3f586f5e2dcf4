/* rawwire.c: frames out of parts, and parts out of frames. */
#include "tests/sim/rawwire.h"
#include "tests/sim/world.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char raw_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

uint32_t raw_get_u32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void raw_put_u32(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++)
    p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* ---- putting together ---- */

void rawbuf_append(rawbuf *buf, const void *data, size_t len) {
  if (len == 0) return;
  if (buf->size - buf->len < len) {
    buf->size = 2 * buf->size + len;
    buf->data = realloc(buf->data, buf->size);
    if (!buf->data) sim_die("no memory for %zu bytes", buf->size);
  }
  memcpy(buf->data + buf->len, data, len);
  buf->len += len;
}

void rawbuf_consume(rawbuf *buf, size_t len) {
  buf->len -= len;
  if (buf->len > 0) memmove(buf->data, buf->data + len, buf->len);
}

void rawbuf_deinit(rawbuf *buf) {
  free(buf->data);
  *buf = (rawbuf){0};
}

void rawbuf_frame(rawbuf *buf, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                  size_t len) {
  assert(len < 1u << 24);
  uint8_t head[RAW_FRAME_HEAD];
  raw_put_u32(head, (uint32_t)len << 8);
  head[3] = type;
  head[4] = flags;
  raw_put_u32(head + 5, stream);
  rawbuf_append(buf, head, sizeof head);
  rawbuf_append(buf, payload, len);
}

void rawbuf_setting(rawbuf *buf, uint16_t id, uint32_t value) {
  uint8_t entry[RAW_SETTING_BYTES] = {(uint8_t)(id >> 8), (uint8_t)id};
  raw_put_u32(entry + 2, value);
  rawbuf_append(buf, entry, sizeof entry);
}

/* RFC 7541, 5.1 and 5.2. */
static void append_string(rawbuf *buf, const char *s) {
  size_t len = strlen(s);
  uint8_t byte = len < 127 ? (uint8_t)len : 127;
  rawbuf_append(buf, &byte, 1);
  if (len >= 127) {
    size_t rest = len - 127;
    for (; rest >= 128; rest /= 128) {
      byte = (uint8_t)(rest % 128 + 128);
      rawbuf_append(buf, &byte, 1);
    }
    byte = (uint8_t)rest;
    rawbuf_append(buf, &byte, 1);
  }
  rawbuf_append(buf, s, len);
}

void rawbuf_field(rawbuf *buf, const char *name, const char *value) {
  static const uint8_t literal = 0x00; /* without indexing, with a new name: RFC 7541, 6.2.2 */
  rawbuf_append(buf, &literal, 1);
  append_string(buf, name);
  append_string(buf, value);
}

/* ---- header blocks ---- */

static void cutter_fail(rawcutter *cutter, const char *why) {
  rawcutter_stop(cutter);
  cutter->handlers->on_bad(cutter->owner, why);
}

static void block_end(rawcutter *cutter) {
  uint32_t stream = cutter->block_stream;
  nghttp2_hd_inflate_end_headers(cutter->inflater);
  cutter->block.len = 0;
  cutter->block_stream = 0;
  cutter->handlers->on_block(cutter->owner, stream, cutter->block_flags);
}

static void block_inflate(rawcutter *cutter) {
  const uint8_t *at = cutter->block.data;
  size_t left = cutter->block.len;
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    ptrdiff_t n = nghttp2_hd_inflate_hd2(cutter->inflater, &field, &flags, at, left, 1);
    if (n < 0) {
      cutter_fail(cutter, "a header block that cannot be decoded");
      return;
    }
    at += n;
    left -= (size_t)n;
    if (flags & NGHTTP2_HD_INFLATE_EMIT) cutter->handlers->on_field(cutter->owner, &field);
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)) break;
  }
  block_end(cutter);
}

/* The block of HEADERS without padding and priority (RFC 9113, 6.2); false: they don't fit. */
static bool headers_block(const rawview *frame, const uint8_t **at, size_t *len) {
  size_t front = 0, back = 0;
  if (frame->flags & RAW_PADDED) {
    if (frame->len == 0) return false;
    front = 1;
    back = frame->payload[0];
  }
  if (frame->flags & RAW_PRIORITY_FLAG) front += 5;
  if (front + back > frame->len) return false;
  *at = frame->payload + front;
  *len = frame->len - front - back;
  return true;
}

static void take_block(rawcutter *cutter, const rawview *frame) {
  const uint8_t *at = frame->payload;
  size_t len = frame->len;
  if (frame->type == RAW_HEADERS) {
    if (!headers_block(frame, &at, &len)) {
      cutter_fail(cutter, "HEADERS with more padding than payload");
      return;
    }
    cutter->block_stream = frame->stream;
    cutter->block_flags = frame->flags;
  } else if (cutter->block_stream == 0) {
    cutter_fail(cutter, "CONTINUATION without HEADERS");
    return;
  }
  rawbuf_append(&cutter->block, at, len);
  if (frame->flags & RAW_END_HEADERS) block_inflate(cutter);
}

/* ---- cutting ---- */

static void take_frame(rawcutter *cutter, const uint8_t *head, size_t len) {
  rawview frame = {.type = head[3],
                   .flags = head[4],
                   .stream = raw_get_u32(head + 5) & INT32_MAX,
                   .payload = head + RAW_FRAME_HEAD,
                   .len = len};
  cutter->handlers->on_frame(cutter->owner, &frame);
  if (cutter->is_stopped) return;
  if (frame.type == RAW_HEADERS || frame.type == RAW_CONTINUATION) take_block(cutter, &frame);
}

/* How many bytes at the front made a preface or a frame and were taken; 0: none yet. */
static size_t take(rawcutter *cutter, const uint8_t *data, size_t len) {
  if (cutter->wants_preface) {
    if (len < RAW_PREFACE_BYTES || memcmp(data, raw_preface, RAW_PREFACE_BYTES) != 0) return 0;
    cutter->wants_preface = false;
    return RAW_PREFACE_BYTES;
  }
  if (len < RAW_FRAME_HEAD) return 0;
  size_t payload = raw_get_u32(data) >> 8;
  if (len < RAW_FRAME_HEAD + payload) return 0;
  take_frame(cutter, data, payload);
  return RAW_FRAME_HEAD + payload;
}

void rawcutter_feed(rawcutter *cutter, const void *data, size_t len) {
  rawbuf_append(&cutter->in, data, len);
  size_t done = 0, taken = 1;
  while (taken > 0 && !cutter->is_stopped) {
    taken = take(cutter, cutter->in.data + done, cutter->in.len - done);
    done += taken;
  }
  if (done > 0) rawbuf_consume(&cutter->in, done);
}

void rawcutter_init(rawcutter *cutter, const rawcutter_handlers *handlers, void *owner,
                    bool wants_preface) {
  *cutter = (rawcutter){.handlers = handlers, .owner = owner, .wants_preface = wants_preface};
  if (nghttp2_hd_inflate_new(&cutter->inflater) != 0) sim_die("no memory for an inflater");
}

void rawcutter_deinit(rawcutter *cutter) {
  nghttp2_hd_inflate_del(cutter->inflater);
  rawbuf_deinit(&cutter->in);
  rawbuf_deinit(&cutter->block);
  cutter->inflater = NULL;
}

void rawcutter_stop(rawcutter *cutter) {
  cutter->is_stopped = true;
}
