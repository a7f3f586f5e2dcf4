/* wire.c: frames of every kind, with content from the input. */
#include "tests/fuzz/wire.h"
#include "tests/sim/world.h"
#include <string.h>
#include <zlib.h>

enum { BLOCK_BYTES = 4096, FIELDS_MAX = 16 };

static const char *const requests[][20] = {
    {":method", "POST", ":scheme", "http", ":path", "/fuzz.Service/Unary", ":authority", "fuzz",
     "te", "trailers", "content-type", "application/grpc", "grpc-timeout", "2S", NULL},
    {":method", "POST", ":scheme", "http", ":path", "/fuzz.Service/ClientStream", ":authority",
     "fuzz", "te", "trailers", "content-type", "application/grpc", NULL},
    {":method", "POST", ":scheme", "http", ":path", "/fuzz.Service/ServerStream", ":authority",
     "fuzz", "te", "trailers", "content-type", "application/grpc+proto", NULL},
    {":method", "POST", ":scheme", "http", ":path", "/fuzz.Service/Bidi", ":authority", "fuzz",
     "te", "trailers", "content-type", "application/grpc", "grpc-encoding", "gzip", NULL},
    {":method", "POST", ":scheme", "http", ":path", "/fuzz.Service/Fast", ":authority", "fuzz",
     "te", "trailers", "content-type", "application/grpc", NULL},
};

static const char *const request_fields[][2] = {
    {":method", "POST"},
    {":method", "GET"},
    {":scheme", "http"},
    {":path", "/fuzz.Service/Unary"},
    {":path", "/fuzz.Service/Bidi"},
    {":path", "/"},
    {":authority", "fuzz"},
    {":status", "200"},
    {"host", "fuzz"},
    {"te", "trailers"},
    {"te", "gzip"},
    {"content-type", "application/grpc"},
    {"content-type", "application/grpc+json"},
    {"content-type", "text/html"},
    {"content-length", "5"},
    {"grpc-timeout", "1S"},
    {"grpc-timeout", "0n"},
    {"grpc-timeout", "99999999H"},
    {"grpc-timeout", "-1S"},
    {"grpc-encoding", "gzip"},
    {"grpc-encoding", "zstd"},
    {"grpc-accept-encoding", "identity,gzip"},
    {"grpc-status", "0"},
    {"user-agent", "fuzz/1"},
    {"connection", "close"},
    {"transfer-encoding", "chunked"},
    {"x-text", "hello"},
    {"x-data-bin", "AAEC"},
    {"x-data-bin", "AAEC,AA==,A"},
    {"X-Upper", "no"},
    {"", "empty"},
};

static const char *const reply_heads[][20] = {
    {":status", "200", "content-type", "application/grpc", NULL},
    {":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip", "x-text",
     "hello", NULL},
    {":status", "100", NULL},
    {":status", "404", "content-type", "text/html", NULL},
};

static const char *const reply_tail[] = {"grpc-status", "0", NULL};

static const char *const reply_fields[][2] = {
    {":status", "200"},
    {":status", "100"},
    {":status", "103"},
    {":status", "101"},
    {":status", "503"},
    {":status", "20"},
    {":path", "/"},
    {"content-type", "application/grpc"},
    {"content-type", "application/grpc+proto"},
    {"content-type", "text/plain"},
    {"content-length", "5"},
    {"grpc-status", "0"},
    {"grpc-status", "00"},
    {"grpc-status", "5"},
    {"grpc-status", "17"},
    {"grpc-status", "-1"},
    {"grpc-status", "999999999999999999999"},
    {"grpc-message", "it%20is%"},
    {"grpc-message", "\xff\xfe%00"},
    {"grpc-status-details-bin", "CAUSBW5vcGU"},
    {"grpc-status-details-bin", "!"},
    {"grpc-encoding", "gzip"},
    {"grpc-encoding", "zstd"},
    {"grpc-retry-pushback-ms", "10"},
    {"connection", "close"},
    {"x-text", " hello "},
    {"x-data-bin", "AAEC"},
    {"x-data-bin", ",,"},
    {"X-Upper", "no"},
    {"", "empty"},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

const wire_role wire_client = {requests, COUNT(requests), NULL, request_fields,
                               COUNT(request_fields)};
const wire_role wire_server = {reply_heads, COUNT(reply_heads), reply_tail, reply_fields,
                               COUNT(reply_fields)};

/* ---- what frames are made of ---- */

/* Mostly one of the first of a client, so that frames meet. */
static uint32_t stream_of(fuzz_input *in) {
  uint8_t b = fuzz_u8(in);
  if (b < 0xf0) return 2 * (b % 16u) + 1;
  return INPUT_ANY_OF(in, 0, 2, 101, 1001, 0x7fffffff, 0x80000001);
}

static uint32_t number_of(fuzz_input *in) {
  uint8_t b = fuzz_u8(in);
  if (b < 0xe0) return b;
  if (b < 0xf0) return (uint32_t)1 << (2 * (b & 15u));
  if (b < 0xf8) return fuzz_u32(in);
  return INPUT_ANY_OF(in, 0x7fffffff, 0xffffffff, 0x80000000, 16384, 65535);
}

typedef struct block {
  uint8_t data[BLOCK_BYTES];
  size_t len;
} block;

/* A literal without Huffman code (RFC 7541, 6.2); names and values are shorter than 127 bytes, as
 * the input cannot say more than 255 at once, which is cut. */
static void block_string(block *b, const void *data, size_t len) {
  if (len > 126) len = 126;
  if (b->len + 1 + len > sizeof b->data) return;
  b->data[b->len++] = (uint8_t)len;
  if (len > 0) memcpy(b->data + b->len, data, len);
  b->len += len;
}

static void block_field(block *b, bool is_indexed, const void *name, size_t name_len,
                        const void *value, size_t value_len) {
  if (b->len + 256 > sizeof b->data) return; /* so that no field is cut */
  b->data[b->len++] = is_indexed ? 0x40 : 0x00;
  block_string(b, name, name_len);
  block_string(b, value, value_len);
}

static void block_fields(block *b, const wire_role *role, fuzz_input *in) {
  uint8_t how = fuzz_u8(in);
  for (unsigned n = how % FIELDS_MAX; n > 0; n--) {
    size_t which = fuzz_u8(in);
    if (which < 0xf0) {
      const char *const *field = role->fields[which % role->field_count];
      block_field(b, how & 0x80, field[0], strlen(field[0]), field[1], strlen(field[1]));
      continue;
    }
    fuzz_input name = input_run(in), value = input_run(in);
    block_field(b, how & 0x80, name.data, name.len, value.data, value.len);
  }
}

static void say_message(rawpeer *p, uint32_t stream, uint8_t flags, fuzz_input *in) {
  fuzz_input message = input_run(in);
  rawpeer_grpc_message(p, stream, flags, message.data, message.len);
}

/* ---- the things ---- */

static void say_bytes(rawpeer *p, fuzz_input *in) {
  fuzz_input bytes = input_run(in);
  rawpeer_send(p, bytes.data, bytes.len);
}

static void say_frame(rawpeer *p, fuzz_input *in) {
  uint8_t type = fuzz_u8(in), flags = fuzz_u8(in);
  uint32_t stream = stream_of(in);
  fuzz_input payload = input_run(in);
  rawpeer_frame(p, type, flags, stream, payload.data, payload.len);
}

static void say_head(rawpeer *p, const wire_role *role, uint32_t stream, fuzz_input *in) {
  rawpeer_headers(p, stream, RAW_END_HEADERS, role->heads[input_below(in, role->head_count)]);
}

/* A whole request, or a whole reply. */
static void say_whole(rawpeer *p, const wire_role *role, fuzz_input *in) {
  uint32_t stream = stream_of(in);
  say_head(p, role, stream, in);
  say_message(p, stream, role->tail ? 0 : RAW_END_STREAM, in);
  if (role->tail) rawpeer_headers(p, stream, RAW_END_HEADERS | RAW_END_STREAM, role->tail);
}

static void say_tail(rawpeer *p, const wire_role *role, fuzz_input *in) {
  uint32_t stream = stream_of(in);
  if (role->tail)
    rawpeer_headers(p, stream, RAW_END_HEADERS | RAW_END_STREAM, role->tail);
  else
    rawpeer_data(p, stream, RAW_END_STREAM, NULL, 0, fuzz_u8(in));
}

static void say_fields(rawpeer *p, const wire_role *role, fuzz_input *in) {
  uint32_t stream = stream_of(in);
  uint8_t flags = fuzz_u8(in);
  block b = {.len = 0};
  block_fields(&b, role, in);
  rawpeer_frame(p, RAW_HEADERS, RAW_END_HEADERS | (flags & RAW_END_STREAM), stream, b.data, b.len);
}

/* HEADERS, and the rest in CONTINUATIONs of a few bytes. */
static void say_pieces(rawpeer *p, const wire_role *role, fuzz_input *in) {
  uint32_t stream = stream_of(in);
  size_t piece = 1 + (size_t)fuzz_u8(in);
  block b = {.len = 0};
  block_fields(&b, role, in);
  for (size_t at = 0; at <= b.len; at += piece) {
    size_t len = b.len - at < piece ? b.len - at : piece;
    uint8_t flags = at + piece > b.len ? RAW_END_HEADERS : 0;
    rawpeer_frame(p, at == 0 ? RAW_HEADERS : RAW_CONTINUATION, flags, stream, b.data + at, len);
  }
}

static void say_block(rawpeer *p, fuzz_input *in) {
  uint32_t stream = stream_of(in);
  uint8_t flags = fuzz_u8(in);
  fuzz_input bytes = input_run(in);
  rawpeer_frame(p, RAW_HEADERS, flags, stream, bytes.data, bytes.len);
}

static void say_settings(rawpeer *p, fuzz_input *in) {
  uint16_t ids[4];
  uint32_t values[4];
  size_t count = input_below(in, 4);
  for (size_t i = 0; i < count; i++) {
    ids[i] = (uint16_t)input_below(in, 10);
    values[i] = number_of(in);
  }
  rawpeer_settings(p, count, ids, values);
}

static void say_data(rawpeer *p, fuzz_input *in) {
  uint32_t stream = stream_of(in);
  uint8_t flags = fuzz_u8(in);
  fuzz_input bytes = input_run(in);
  rawpeer_data(p, stream, flags & RAW_END_STREAM, bytes.data, bytes.len, flags >> 4);
}

/* More than the input has: windows and limits are larger than a fuzzer's inputs. */
static void say_bulk(rawpeer *p, fuzz_input *in) {
  static const uint8_t zeros[16384];
  uint32_t stream = stream_of(in);
  uint8_t prefix[5] = {0};
  uint32_t len = number_of(in);
  for (int i = 0; i < 4; i++)
    prefix[1 + i] = (uint8_t)(len >> (24 - 8 * i));
  rawpeer_data(p, stream, 0, prefix, sizeof prefix, 0);
  for (unsigned frames = fuzz_u8(in) % 5; frames > 0; frames--)
    rawpeer_data(p, stream, 0, zeros, sizeof zeros, 0);
}

/* A compressed message that becomes `len` zeros, with its prefix. */
typedef struct squeezed {
  uint8_t framed[5 + 400];
  size_t len; /* 0: not made yet */
} squeezed;

static void squeeze(squeezed *s, size_t len) {
  static const uint8_t zeros[1 << 18];
  z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)zeros,
                .avail_in = (uInt)len,
                .next_out = s->framed + 5,
                .avail_out = sizeof s->framed - 5};
  bool is_made = deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
                 deflate(&z, Z_FINISH) == Z_STREAM_END && deflateEnd(&z) == Z_OK;
  if (!is_made) sim_die("zlib does not compress %zu zeros", len);
  s->framed[0] = 1;
  s->framed[3] = (uint8_t)(z.total_out >> 8);
  s->framed[4] = (uint8_t)z.total_out;
  s->len = 5 + z.total_out;
}

/* The largest are over every limit. Made once: they are always the same. */
static void say_gzip(rawpeer *p, fuzz_input *in) {
  static const size_t lens[] = {0, 5, 1000, 90000, 100001, 1 << 18};
  static squeezed all[COUNT(lens)];
  uint32_t stream = stream_of(in);
  size_t which = input_below(in, COUNT(lens));
  squeezed *s = &all[which];
  if (s->len == 0) squeeze(s, lens[which]);
  rawpeer_data(p, stream, fuzz_u8(in) & RAW_END_STREAM, s->framed, s->len, 0);
}

static void say_flood(rawpeer *p, fuzz_input *in) {
  uint8_t type = fuzz_u8(in) % 10, flags = fuzz_u8(in);
  uint32_t stream = stream_of(in);
  fuzz_input payload = input_run(in);
  for (unsigned n = fuzz_u8(in); n > 0; n--)
    rawpeer_frame(p, type, flags, stream, payload.data, payload.len);
}

static void say_ping(rawpeer *p, fuzz_input *in) {
  uint8_t flags = fuzz_u8(in), opaque[8];
  for (size_t i = 0; i < sizeof opaque; i++)
    opaque[i] = flags & 2 ? fuzz_u8(in) : 0;
  rawpeer_ping(p, flags & RAW_ACK, opaque);
}

/* An ACK of the PING that came last. */
static void say_pong(rawpeer *p) {
  size_t count = rawpeer_count(p, RAW_PING, RAW_ANY);
  const rawframe *ping = count ? rawpeer_find(p, RAW_PING, RAW_ANY, count - 1) : NULL;
  if (ping && ping->len == 8) rawpeer_ping(p, RAW_ACK, ping->payload);
}

static void say_goaway(rawpeer *p, fuzz_input *in) {
  uint32_t last = stream_of(in), code = number_of(in);
  rawpeer_goaway(p, last, code, fuzz_u8(in) & 1 ? "too_many_pings" : "fuzz");
}

void wire_say(rawpeer *p, const wire_role *role, unsigned what, fuzz_input *in) {
  uint32_t stream;
  switch (what) {
  case 0:
    say_bytes(p, in);
    return;
  case 1:
    say_frame(p, in);
    return;
  case 2:
    stream = stream_of(in);
    say_head(p, role, stream, in);
    return;
  case 3:
    stream = stream_of(in);
    say_message(p, stream, 0, in);
    return;
  case 4:
    say_tail(p, role, in);
    return;
  case 5:
    say_whole(p, role, in);
    return;
  case 6:
    say_fields(p, role, in);
    return;
  case 7:
    say_pieces(p, role, in);
    return;
  case 8:
    say_block(p, in);
    return;
  case 9:
    say_settings(p, in);
    return;
  case 10:
    rawpeer_settings_ack(p);
    return;
  case 11:
    stream = stream_of(in);
    rawpeer_rst(p, stream, number_of(in));
    return;
  case 12:
    say_goaway(p, in);
    return;
  case 13:
    say_ping(p, in);
    return;
  case 14:
    say_pong(p);
    return;
  case 15:
    stream = fuzz_u8(in) & 1 ? 0 : stream_of(in);
    rawpeer_window_update(p, stream, number_of(in));
    return;
  case 16:
    if (fuzz_u8(in) & 1)
      say_data(p, in);
    else
      say_bulk(p, in);
    return;
  case 17:
    say_gzip(p, in);
    return;
  default:
    say_flood(p, in);
    return;
  }
}
