/*
 * oracle.c: frames, header blocks and messages, each by a few lines that owe nothing to the library
 * but nghttp2's inflater, which both sides need. Where a client has to end the connection, it stops
 * reading.
 */
#include "tests/fuzz/oracle.h"
#include "tests/sim/rawpeer.h"
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_HEAD = 9, FRAME_MAX = 16384, PREFIX = 5 };

typedef struct reply {
  uint32_t stream;
  bool has_head, has_type, is_ok;
  size_t messages;
  uint8_t prefix[PREFIX];
  size_t prefix_len, need; /* of the message that is being read */
} reply;

struct oracle {
  bool is_over;
  uint8_t frame[FRAME_HEAD + FRAME_MAX];
  size_t frame_len;
  nghttp2_hd_inflater *inflater;
  uint8_t *block;
  size_t block_len;
  uint32_t block_stream; /* 0: none is open */
  bool block_is_last;
  reply *replies;
  size_t count;
};

oracle *oracle_new(void) {
  oracle *o = sim_alloc(sizeof *o);
  if (nghttp2_hd_inflate_new(&o->inflater) != 0) abort();
  return o;
}

void oracle_free(oracle *o) {
  if (!o) return;
  nghttp2_hd_inflate_del(o->inflater);
  free(o->block);
  free(o->replies);
  free(o);
}

static reply *reply_of(oracle *o, uint32_t stream) {
  for (size_t i = 0; i < o->count; i++)
    if (o->replies[i].stream == stream) return &o->replies[i];
  o->replies = realloc(o->replies, (o->count + 1) * sizeof *o->replies);
  if (!o->replies) abort();
  o->replies[o->count] = (reply){.stream = stream};
  return &o->replies[o->count++];
}

static uint32_t u32_of(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- header blocks ---- */

static bool field_is(const nghttp2_nv *nv, const char *name, const char *value) {
  return nv->namelen == strlen(name) && memcmp(nv->name, name, nv->namelen) == 0 &&
         nv->valuelen >= strlen(value) && memcmp(nv->value, value, strlen(value)) == 0;
}

static void reply_take_field(reply *r, const nghttp2_nv *nv, bool is_last) {
  if (field_is(nv, ":status", "200")) r->has_head = true;
  if (field_is(nv, "content-type", "application/grpc")) r->has_type = true;
  if (is_last && nv->valuelen == 1 && field_is(nv, "grpc-status", "0")) r->is_ok = true;
}

static void block_read(oracle *o) {
  const uint8_t *at = o->block;
  size_t left = o->block_len;
  reply *r = reply_of(o, o->block_stream);
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    ptrdiff_t n = nghttp2_hd_inflate_hd2(o->inflater, &nv, &flags, at, left, 1);
    if (n < 0) {
      o->is_over = true;
      return;
    }
    at += n;
    left -= (size_t)n;
    if (flags & NGHTTP2_HD_INFLATE_EMIT) reply_take_field(r, &nv, o->block_is_last);
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)) break;
  }
  nghttp2_hd_inflate_end_headers(o->inflater);
  o->block_stream = 0;
  o->block_len = 0;
}

static void block_take(oracle *o, const uint8_t *data, size_t len, uint8_t flags) {
  o->block = realloc(o->block, o->block_len + len + 1);
  if (!o->block) abort();
  if (len > 0) memcpy(o->block + o->block_len, data, len);
  o->block_len += len;
  if (flags & RAW_END_HEADERS) block_read(o);
}

/* ---- messages ---- */

static void reply_take_body(reply *r, const uint8_t *data, size_t len) {
  while (len > 0) {
    if (r->prefix_len < PREFIX) {
      r->prefix[r->prefix_len++] = *data++;
      len--;
      if (r->prefix_len == PREFIX) r->need = u32_of(r->prefix + 1);
    } else {
      size_t n = r->need < len ? r->need : len;
      r->need -= n;
      data += n;
      len -= n;
    }
    if (r->prefix_len < PREFIX || r->need > 0) continue;
    r->messages++;
    r->prefix_len = 0;
  }
}

/* ---- frames ---- */

/* What is between padding and priority; false: a client ends the connection for it. */
static bool frame_content(const uint8_t **data, size_t *len, uint8_t flags, bool is_headers) {
  size_t front = flags & RAW_PADDED ? 1 : 0, back = 0;
  if (front > *len) return false;
  if (front) back = **data;
  if (is_headers && flags & RAW_PRIORITY_FLAG) front += 5;
  if (front + back > *len) return false;
  *data += front;
  *len -= front + back;
  return true;
}

static void take_headers(oracle *o, const uint8_t *data, size_t len, uint8_t flags,
                         uint32_t stream) {
  o->is_over = stream == 0 || !frame_content(&data, &len, flags, true);
  if (o->is_over) return;
  o->block_stream = stream;
  o->block_is_last = flags & RAW_END_STREAM;
  block_take(o, data, len, flags);
}

static void frame_read(oracle *o, const uint8_t *data, size_t len) {
  uint8_t type = o->frame[3], flags = o->frame[4];
  uint32_t stream = u32_of(o->frame + 5) & INT32_MAX;
  if (o->block_stream != 0) {
    o->is_over = type != RAW_CONTINUATION || stream != o->block_stream;
    if (!o->is_over) block_take(o, data, len, flags);
  } else if (type == RAW_HEADERS) {
    take_headers(o, data, len, flags, stream);
  } else if (type == RAW_DATA) {
    o->is_over = stream == 0 || !frame_content(&data, &len, flags, false);
    if (!o->is_over) reply_take_body(reply_of(o, stream), data, len);
  } else if (type == RAW_PUSH_PROMISE) {
    o->is_over = true; /* nobody has allowed it */
  }
}

void oracle_read(void *arg, const uint8_t *bytes, size_t len) {
  oracle *o = arg;
  while (len > 0 && !o->is_over) {
    size_t need = FRAME_HEAD;
    if (o->frame_len >= FRAME_HEAD) need += u32_of(o->frame) >> 8;
    size_t n = need - o->frame_len < len ? need - o->frame_len : len;
    memcpy(o->frame + o->frame_len, bytes, n);
    o->frame_len += n;
    bytes += n;
    len -= n;
    if (o->frame_len < FRAME_HEAD) continue;
    size_t payload = u32_of(o->frame) >> 8;
    if (payload > FRAME_MAX)
      o->is_over = true;
    else if (o->frame_len == FRAME_HEAD + payload) {
      o->frame_len = 0;
      frame_read(o, o->frame + FRAME_HEAD, payload);
    }
  }
}

/* ---- what was said ---- */

static bool reply_is_answer(const reply *r) {
  return r->has_head && r->has_type && r->is_ok;
}

size_t oracle_answers(const oracle *o) {
  size_t count = 0;
  for (size_t i = 0; i < o->count; i++)
    count += reply_is_answer(&o->replies[i]);
  return count;
}

size_t oracle_answers_with_message(const oracle *o) {
  size_t count = 0;
  for (size_t i = 0; i < o->count; i++)
    count += reply_is_answer(&o->replies[i]) && o->replies[i].messages > 0;
  return count;
}

size_t oracle_messages(const oracle *o) {
  size_t count = 0;
  for (size_t i = 0; i < o->count; i++)
    count += o->replies[i].messages;
  return count;
}
