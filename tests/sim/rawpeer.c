/*
 * rawpeer.c: bytes out as fast as they are taken, bytes in cut into frames.
 */
#include "tests/sim/rawpeer.h"
#include "tests/sim/world.h"
#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_HEAD = 9, READ_BYTES = 16384 };

/* RFC 9113, 3.4 */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_BYTES = sizeof preface - 1 };

/* Bytes that grow; the library's own buffer would count as an allocation of the library. */
typedef struct rawbuf {
  uint8_t *data;
  size_t len, size;
} rawbuf;

struct rawpeer {
  gmux_loop *loop;
  gmux__dial *dial;           /* while it connects */
  gmux__transport *transport; /* NULL: not yet, or no more */
  int state;
  bool is_server, has_preface;
  bool is_ending, is_ended; /* our half: asked for; done, once all was taken */
  rawbuf in, out;
  size_t received;
  rawframe **frames;
  size_t frame_count, frame_size;
  rawbuf block;       /* of HEADERS and its CONTINUATIONs, while it is not complete */
  rawframe *block_of; /* NULL: none is open */
  nghttp2_hd_inflater *inflater;
};

struct rawlistener {
  gmux_loop *loop;
  gmux__listener *base;
  gmux__transport **waiting; /* not accepted, the oldest first */
  size_t count;
};

static void *grow(void *old, size_t size) {
  void *p = realloc(old, size);
  if (!p) sim_die("no memory for %zu bytes", size);
  return p;
}

static void rawbuf_append(rawbuf *buf, const void *data, size_t len) {
  if (len == 0) return;
  if (buf->size - buf->len < len) {
    buf->size = 2 * buf->size + len;
    buf->data = grow(buf->data, buf->size);
  }
  memcpy(buf->data + buf->len, data, len);
  buf->len += len;
}

static void rawbuf_consume(rawbuf *buf, size_t len) {
  buf->len -= len;
  if (buf->len > 0) memmove(buf->data, buf->data + len, buf->len);
}

static void *copy_of(const uint8_t *data, size_t len) {
  uint8_t *copy = sim_alloc(len + 1); /* ends with a zero */
  if (len > 0) memcpy(copy, data, len);
  return copy;
}

static uint32_t get_u32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++)
    p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* ---- header blocks ---- */

static void frame_add_header(rawframe *frame, const nghttp2_nv *nv) {
  frame->headers = grow(frame->headers, (frame->header_count + 1) * sizeof *frame->headers);
  frame->headers[frame->header_count++] =
      (rawheader){copy_of(nv->name, nv->namelen), copy_of(nv->value, nv->valuelen)};
}

static void block_inflate(rawpeer *p) {
  const uint8_t *at = p->block.data;
  size_t left = p->block.len;
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    ptrdiff_t n = nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, at, left, 1);
    if (n < 0) sim_die("a header block that cannot be decoded: %s", nghttp2_strerror((int)n));
    at += n;
    left -= (size_t)n;
    if (flags & NGHTTP2_HD_INFLATE_EMIT) frame_add_header(p->block_of, &nv);
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)) break;
  }
  nghttp2_hd_inflate_end_headers(p->inflater);
  p->block_of = NULL;
  p->block.len = 0;
}

/* The block of HEADERS without padding and priority (RFC 9113, 6.2); false: they don't fit. */
static bool headers_block(const rawframe *frame, const uint8_t **at, size_t *len) {
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

static void frame_take_headers(rawpeer *p, rawframe *frame) {
  const uint8_t *at = frame->payload;
  size_t len = frame->len;
  if (frame->type == RAW_HEADERS) {
    if (!headers_block(frame, &at, &len)) sim_die("HEADERS with more padding than payload");
    p->block_of = frame;
  }
  if (!p->block_of) sim_die("CONTINUATION without HEADERS");
  rawbuf_append(&p->block, at, len);
  if (frame->flags & RAW_END_HEADERS) block_inflate(p);
}

/* ---- frames ---- */

static void frame_free(rawframe *frame) {
  for (size_t i = 0; i < frame->header_count; i++) {
    free(frame->headers[i].name);
    free(frame->headers[i].value);
  }
  free(frame->headers);
  free(frame->payload);
  free(frame);
}

static void peer_take_frame(rawpeer *p, const uint8_t *head, size_t len) {
  rawframe *frame = sim_alloc(sizeof *frame);
  frame->type = head[3];
  frame->flags = head[4];
  frame->stream = get_u32(head + 5) & INT32_MAX;
  frame->len = len;
  frame->payload = copy_of(head + FRAME_HEAD, len);
  if (p->frame_count == p->frame_size) {
    p->frame_size = p->frame_size ? 2 * p->frame_size : 16;
    p->frames = grow(p->frames, p->frame_size * sizeof(rawframe *));
  }
  p->frames[p->frame_count++] = frame;
  if (frame->type == RAW_HEADERS || frame->type == RAW_CONTINUATION) frame_take_headers(p, frame);
}

/* How many bytes at the front of what came make a preface or a frame and were taken; 0: none yet.
 */
static size_t peer_take(rawpeer *p) {
  const uint8_t *data = p->in.data;
  if (p->is_server && !p->has_preface) {
    if (p->in.len < PREFACE_BYTES || memcmp(data, preface, PREFACE_BYTES) != 0) return 0;
    p->has_preface = true;
    return PREFACE_BYTES;
  }
  if (p->in.len < FRAME_HEAD) return 0;
  size_t len = get_u32(data) >> 8;
  if (p->in.len < FRAME_HEAD + len) return 0;
  peer_take_frame(p, data, len);
  return FRAME_HEAD + len;
}

/* ---- the transport ---- */

static void peer_want(rawpeer *p) {
  unsigned events = 0;
  if (p->state == 0) events |= GMUX__READABLE;
  if (p->out.len > 0) events |= GMUX__WRITABLE;
  gmux__transport_want(p->transport, events);
}

static void peer_lose(rawpeer *p, int error) {
  gmux__dial_cancel(p->dial);
  gmux__transport_close(p->transport);
  p->dial = NULL;
  p->transport = NULL;
  p->state = error;
}

static void peer_flush(rawpeer *p) {
  while (p->out.len > 0) {
    gmux__slice slice = {p->out.data, p->out.len};
    ptrdiff_t n = gmux__transport_write(p->transport, &slice, 1);
    if (n == GMUX_ERR_AGAIN) break;
    if (n < 0) {
      p->out.len = 0; /* reading goes on: it finds what came before the end, and then why */
      break;
    }
    rawbuf_consume(&p->out, (size_t)n);
  }
  if (p->out.len > 0 || !p->is_ending || p->is_ended) return;
  p->is_ended = true;
  gmux__transport_shutdown(p->transport);
}

static void peer_read(rawpeer *p) {
  uint8_t buf[READ_BYTES];
  ptrdiff_t n = gmux__transport_read(p->transport, buf, sizeof buf);
  if (n == GMUX_ERR_AGAIN) return;
  if (n == GMUX_ERR_EOF) {
    p->state = GMUX_ERR_EOF;
    return;
  }
  if (n < 0) {
    peer_lose(p, (int)n);
    return;
  }
  p->received += (size_t)n;
  rawbuf_append(&p->in, buf, (size_t)n);
  for (size_t taken = peer_take(p); taken > 0; taken = peer_take(p))
    rawbuf_consume(&p->in, taken);
}

static void peer_on_ready(void *owner, unsigned events) {
  rawpeer *p = owner;
  if (events & GMUX__WRITABLE) peer_flush(p);
  if (events & GMUX__READABLE) peer_read(p);
  if (p->transport) peer_want(p);
}

static void peer_take_transport(rawpeer *p, gmux__transport *transport) {
  p->transport = transport;
  transport->on_ready = peer_on_ready;
  transport->owner = p;
  peer_flush(p);
  peer_want(p);
}

static rawpeer *peer_new(gmux_loop *loop, bool is_server) {
  rawpeer *p = sim_alloc(sizeof *p);
  p->loop = loop;
  p->is_server = is_server;
  if (nghttp2_hd_inflate_new(&p->inflater) != 0) sim_die("no memory for an inflater");
  return p;
}

/* ---- connecting ---- */

static void listener_on_accepted(void *arg, gmux__transport *transport) {
  rawlistener *listener = arg;
  listener->waiting = grow(listener->waiting, (listener->count + 1) * sizeof(gmux__transport *));
  listener->waiting[listener->count++] = transport;
}

rawlistener *rawpeer_listen(gmux_loop *loop, const gmux__address *at) {
  rawlistener *listener = sim_alloc(sizeof *listener);
  listener->loop = loop;
  if (gmux__loop_listen(loop, &listener->base, at, NULL, listener_on_accepted, listener) != 0)
    sim_die("rawpeer_listen: %s", gmux_last_error());
  return listener;
}

const gmux__address *rawpeer_listen_address(const rawlistener *listener) {
  return gmux__listener_address(listener->base);
}

rawpeer *rawpeer_accept(rawlistener *listener) {
  if (listener->count == 0) return NULL;
  rawpeer *p = peer_new(listener->loop, true);
  gmux__transport *transport = listener->waiting[0];
  listener->count--;
  memmove(listener->waiting, listener->waiting + 1, listener->count * sizeof(gmux__transport *));
  peer_take_transport(p, transport);
  return p;
}

void rawpeer_listen_close(rawlistener *listener) {
  if (!listener) return;
  for (size_t i = 0; i < listener->count; i++)
    gmux__transport_close(listener->waiting[i]);
  gmux__listener_close(listener->base);
  free(listener->waiting);
  free(listener);
}

static void peer_on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  rawpeer *p = arg;
  (void)why;
  p->dial = NULL;
  if (error != 0)
    p->state = error;
  else
    peer_take_transport(p, transport);
}

rawpeer *rawpeer_connect(gmux_loop *loop, const gmux__address *to) {
  rawpeer *p = peer_new(loop, false);
  if (gmux__loop_dial(loop, &p->dial, to, NULL, peer_on_dialed, p) != 0)
    sim_die("rawpeer_connect: %s", gmux_last_error());
  return p;
}

void rawpeer_free(rawpeer *p) {
  if (!p) return;
  rawpeer_close(p);
  for (size_t i = 0; i < p->frame_count; i++)
    frame_free(p->frames[i]);
  nghttp2_hd_inflate_del(p->inflater);
  free(p->frames);
  free(p->block.data);
  free(p->in.data);
  free(p->out.data);
  free(p);
}

/* ---- what came ---- */

int rawpeer_state(const rawpeer *p) {
  return p->state;
}

bool rawpeer_has_preface(const rawpeer *p) {
  return p->has_preface;
}

size_t rawpeer_bytes(const rawpeer *p) {
  return p->received;
}

static bool frame_matches(const rawframe *frame, int type, int64_t stream) {
  return (type == RAW_ANY || frame->type == type) && (stream == RAW_ANY || frame->stream == stream);
}

const rawframe *rawpeer_find(const rawpeer *p, int type, int64_t stream, size_t nth) {
  if (type == RAW_ANY && stream == RAW_ANY) return nth < p->frame_count ? p->frames[nth] : NULL;
  for (size_t i = 0; i < p->frame_count; i++)
    if (frame_matches(p->frames[i], type, stream) && nth-- == 0) return p->frames[i];
  return NULL;
}

size_t rawpeer_count(const rawpeer *p, int type, int64_t stream) {
  size_t count = 0;
  for (size_t i = 0; i < p->frame_count; i++)
    count += frame_matches(p->frames[i], type, stream);
  return count;
}

const char *rawframe_header(const rawframe *frame, const char *name) {
  for (size_t i = 0; i < frame->header_count; i++)
    if (strcmp(frame->headers[i].name, name) == 0) return frame->headers[i].value;
  return NULL;
}

uint32_t rawframe_u32(const rawframe *frame, size_t at) {
  return frame->len >= 4 && at <= frame->len - 4 ? get_u32(frame->payload + at) : 0;
}

/* ---- what is said ---- */

void rawpeer_send(rawpeer *p, const void *bytes, size_t len) {
  assert(!p->is_ending);
  rawbuf_append(&p->out, bytes, len);
  if (!p->transport) return; /* leaves when the connection stands, or never */
  peer_flush(p);
  peer_want(p);
}

void rawpeer_preface(rawpeer *p) {
  rawpeer_send(p, preface, PREFACE_BYTES);
}

void rawpeer_frame(rawpeer *p, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                   size_t len) {
  assert(len < 1u << 24);
  rawbuf frame = {NULL, 0, 0};
  uint8_t head[FRAME_HEAD];
  put_u32(head, (uint32_t)len << 8);
  head[3] = type;
  head[4] = flags;
  put_u32(head + 5, stream);
  rawbuf_append(&frame, head, sizeof head);
  rawbuf_append(&frame, payload, len);
  rawpeer_send(p, frame.data, frame.len);
  free(frame.data);
}

void rawpeer_settings(rawpeer *p, size_t count, const uint16_t *ids, const uint32_t *values) {
  rawbuf payload = {NULL, 0, 0};
  for (size_t i = 0; i < count; i++) {
    uint8_t entry[6] = {(uint8_t)(ids[i] >> 8), (uint8_t)ids[i]};
    put_u32(entry + 2, values[i]);
    rawbuf_append(&payload, entry, sizeof entry);
  }
  rawpeer_frame(p, RAW_SETTINGS, 0, 0, payload.data, payload.len);
  free(payload.data);
}

void rawpeer_settings_ack(rawpeer *p) {
  rawpeer_frame(p, RAW_SETTINGS, RAW_ACK, 0, NULL, 0);
}

/* A string literal without Huffman code (RFC 7541, 5.1 and 5.2). */
static void hpack_string(rawbuf *block, const char *s) {
  size_t len = strlen(s);
  uint8_t byte = len < 127 ? (uint8_t)len : 127;
  rawbuf_append(block, &byte, 1);
  if (len >= 127) {
    size_t rest = len - 127;
    for (; rest >= 128; rest /= 128) {
      byte = (uint8_t)(rest % 128 + 128);
      rawbuf_append(block, &byte, 1);
    }
    byte = (uint8_t)rest;
    rawbuf_append(block, &byte, 1);
  }
  rawbuf_append(block, s, len);
}

void rawpeer_headers(rawpeer *p, uint32_t stream, uint8_t flags, const char *const *pairs) {
  static const uint8_t literal = 0x00; /* without indexing, with a new name: RFC 7541, 6.2.2 */
  rawbuf block = {NULL, 0, 0};
  for (; *pairs; pairs += 2) {
    rawbuf_append(&block, &literal, 1);
    hpack_string(&block, pairs[0]);
    hpack_string(&block, pairs[1]);
  }
  rawpeer_frame(p, RAW_HEADERS, flags, stream, block.data, block.len);
  free(block.data);
}

void rawpeer_data(rawpeer *p, uint32_t stream, uint8_t flags, const void *payload, size_t len,
                  uint8_t padding) {
  static const uint8_t zeros[UINT8_MAX];
  if (padding == 0) {
    rawpeer_frame(p, RAW_DATA, flags, stream, payload, len);
    return;
  }
  rawbuf padded = {NULL, 0, 0};
  rawbuf_append(&padded, &padding, 1);
  rawbuf_append(&padded, payload, len);
  rawbuf_append(&padded, zeros, padding);
  rawpeer_frame(p, RAW_DATA, flags | RAW_PADDED, stream, padded.data, padded.len);
  free(padded.data);
}

void rawpeer_grpc_message(rawpeer *p, uint32_t stream, uint8_t flags, const void *message,
                          size_t len) {
  rawbuf framed = {NULL, 0, 0};
  uint8_t prefix[5] = {0};
  put_u32(prefix + 1, (uint32_t)len);
  rawbuf_append(&framed, prefix, sizeof prefix);
  rawbuf_append(&framed, message, len);
  rawpeer_frame(p, RAW_DATA, flags, stream, framed.data, framed.len);
  free(framed.data);
}

void rawpeer_rst(rawpeer *p, uint32_t stream, uint32_t code) {
  uint8_t payload[4];
  put_u32(payload, code);
  rawpeer_frame(p, RAW_RST_STREAM, 0, stream, payload, sizeof payload);
}

void rawpeer_goaway(rawpeer *p, uint32_t last_stream, uint32_t code, const char *debug) {
  rawbuf payload = {NULL, 0, 0};
  uint8_t head[8];
  put_u32(head, last_stream);
  put_u32(head + 4, code);
  rawbuf_append(&payload, head, sizeof head);
  rawbuf_append(&payload, debug, debug ? strlen(debug) : 0);
  rawpeer_frame(p, RAW_GOAWAY, 0, 0, payload.data, payload.len);
  free(payload.data);
}

void rawpeer_ping(rawpeer *p, uint8_t flags, const uint8_t opaque[8]) {
  rawpeer_frame(p, RAW_PING, flags, 0, opaque, 8);
}

void rawpeer_window_update(rawpeer *p, uint32_t stream, uint32_t increment) {
  uint8_t payload[4];
  put_u32(payload, increment);
  rawpeer_frame(p, RAW_WINDOW_UPDATE, 0, stream, payload, sizeof payload);
}

void rawpeer_shutdown(rawpeer *p) {
  p->is_ending = true;
  if (!p->transport) return;
  peer_flush(p);
  peer_want(p);
}

void rawpeer_close(rawpeer *p) {
  if (p->transport || p->dial) peer_lose(p, GMUX_ERR_CLOSED);
}

void rawpeer_reset(rawpeer *p) {
  if (!p->transport) return;
  sim_link_reset(sim_link_of(p->transport));
  peer_lose(p, GMUX_ERR_IO);
}
