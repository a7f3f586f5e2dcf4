/*
 * rawwire.h: HTTP/2 as bytes: frames put together, and bytes cut into frames.
 *
 * What peers of the tests that speak raw frames have in common (rawpeer.h, unruly.h). It knows how
 * a frame is laid out and how a header block is decoded (by nghttp2's inflater), and no rule.
 */
#ifndef TESTS_SIM_RAWWIRE_H
#define TESTS_SIM_RAWWIRE_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9113, 6 */
enum {
  RAW_DATA = 0,
  RAW_HEADERS = 1,
  RAW_PRIORITY = 2,
  RAW_RST_STREAM = 3,
  RAW_SETTINGS = 4,
  RAW_PUSH_PROMISE = 5,
  RAW_PING = 6,
  RAW_GOAWAY = 7,
  RAW_WINDOW_UPDATE = 8,
  RAW_CONTINUATION = 9
};
enum { /* flags */
       RAW_ACK = 0x01,
       RAW_END_STREAM = 0x01,
       RAW_END_HEADERS = 0x04,
       RAW_PADDED = 0x08,
       RAW_PRIORITY_FLAG = 0x20
};
enum { RAW_FRAME_HEAD = 9, RAW_PREFACE_BYTES = 24, RAW_SETTING_BYTES = 6, RAW_PING_BYTES = 8 };

extern const char raw_preface[]; /* of a client: RFC 9113, 3.4 */

uint32_t raw_get_u32(const uint8_t *p);
void raw_put_u32(uint8_t *p, uint32_t value);

/* ---- putting together ---- */

/* Bytes that grow; the library's own buffer would count as an allocation of the library. All zero
 * is an empty one. */
typedef struct rawbuf {
  uint8_t *data;
  size_t len, size;
} rawbuf;

void rawbuf_append(rawbuf *buf, const void *data, size_t len);
void rawbuf_consume(rawbuf *buf, size_t len);
void rawbuf_deinit(rawbuf *buf);

/* A frame of any kind with any content; `len` is what its header says too. */
void rawbuf_frame(rawbuf *buf, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                  size_t len);
/* One entry of SETTINGS' payload. */
void rawbuf_setting(rawbuf *buf, uint16_t id, uint32_t value);
/* One field of a header block: a literal without indexing or Huffman code. */
void rawbuf_field(rawbuf *buf, const char *name, const char *value);

/* ---- cutting ---- */

/* A frame where it lies in what came. */
typedef struct rawview {
  uint8_t type, flags;
  uint32_t stream;
  const uint8_t *payload; /* as received, with padding */
  size_t len;
} rawview;

/* None of them may feed or free the cutter; to stop it is allowed. */
typedef struct rawcutter_handlers {
  void (*on_frame)(void *owner, const rawview *frame);
  /* Each field of a header block, after on_frame of the frame that ended the block. */
  void (*on_field)(void *owner, const nghttp2_nv *field);
  /* The block is over; `flags` are those of its HEADERS. */
  void (*on_block)(void *owner, uint32_t stream, uint8_t flags);
  /* What came can't be cut, or decoded: nothing behind it is looked at. */
  void (*on_bad)(void *owner, const char *why);
} rawcutter_handlers;

typedef struct rawcutter {
  const rawcutter_handlers *handlers;
  void *owner;
  bool wants_preface; /* of a client, before the first frame */
  bool is_stopped;    /* what comes is kept, and not looked at */
  rawbuf in;
  nghttp2_hd_inflater *inflater;
  rawbuf block; /* of HEADERS and its CONTINUATIONs, while it is not complete */
  uint32_t block_stream;
  uint8_t block_flags;
} rawcutter;

void rawcutter_init(rawcutter *cutter, const rawcutter_handlers *handlers, void *owner,
                    bool wants_preface);
void rawcutter_deinit(rawcutter *cutter);
void rawcutter_feed(rawcutter *cutter, const void *data, size_t len);
void rawcutter_stop(rawcutter *cutter);

#endif
