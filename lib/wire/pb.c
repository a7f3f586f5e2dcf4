/* pb.c: Protocol Buffers' encoding. */
#include "lib/wire/pb.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <string.h>

enum {
  VARINT_MAX = 10, /* bytes of 64 bits, seven in each */
  GROUP_BEGIN = 3,
  GROUP_END = 4,
  GROUP_DEPTH = 100 /* groups in groups; as deep as other implementations let messages nest */
};
#define NUMBER_MAX ((1u << 29) - 1)

/* ---- reading ---- */

static size_t left(const gmux__pb_reader *r) {
  return (size_t)(r->end - r->at);
}

/* What does not fit in 64 bits is cut off, as in protobuf's own parsers. */
static bool read_varint(gmux__pb_reader *r, uint64_t *out) {
  uint64_t value = 0;
  for (unsigned i = 0; i < VARINT_MAX && r->at < r->end; i++) {
    uint8_t byte = *r->at++;
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    *out = value;
    return true;
  }
  return false;
}

static bool read_fixed(gmux__pb_reader *r, size_t size, uint64_t *out) {
  if (left(r) < size) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++)
    value |= (uint64_t)r->at[i] << (8 * i);
  r->at += size;
  *out = value;
  return true;
}

static bool read_block(gmux__pb_reader *r, gmux__pb_field *field) {
  uint64_t len;
  if (!read_varint(r, &len) || len > left(r)) return false;
  field->data = r->at;
  field->len = (size_t)len;
  r->at += len;
  return true;
}

/* A tag: its wire type is one of all eight values. */
static bool read_tag(gmux__pb_reader *r, gmux__pb_field *field, unsigned *type) {
  uint64_t tag;
  if (!read_varint(r, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX) return false;
  field->number = (uint32_t)(tag >> 3);
  *type = (unsigned)(tag & 7);
  return true;
}

static bool read_value(gmux__pb_reader *r, gmux__pb_field *field, unsigned type) {
  field->type = (gmux__pb_type)type;
  switch (type) {
  case GMUX__PB_VARINT:
    return read_varint(r, &field->value);
  case GMUX__PB_FIXED64:
    return read_fixed(r, 8, &field->value);
  case GMUX__PB_FIXED32:
    return read_fixed(r, 4, &field->value);
  case GMUX__PB_BYTES:
    return read_block(r, field);
  default:
    return false;
  }
}

/* Behind the tag that begins a group: up to and with the tag that ends it. */
static bool skip_group(gmux__pb_reader *r, uint32_t number) {
  uint32_t open[GROUP_DEPTH] = {number};
  for (size_t depth = 1; depth > 0;) {
    gmux__pb_field field;
    unsigned type;
    if (!read_tag(r, &field, &type)) return false;
    if (type == GROUP_END) {
      if (open[--depth] != field.number) return false;
    } else if (type == GROUP_BEGIN) {
      if (depth == GROUP_DEPTH) return false;
      open[depth++] = field.number;
    } else if (!read_value(r, &field, type)) {
      return false;
    }
  }
  return true;
}

/* Passes over groups; *is_field says whether something is left to be told. */
static bool read_field(gmux__pb_reader *r, gmux__pb_field *field, bool *is_field) {
  unsigned type;
  *field = (gmux__pb_field){.number = 0};
  if (!read_tag(r, field, &type)) return false;
  *is_field = type != GROUP_BEGIN;
  return *is_field ? read_value(r, field, type) : skip_group(r, field->number);
}

bool gmux__pb_next(gmux__pb_reader *reader, gmux__pb_field *field) {
  bool is_field = false;
  while (!is_field && !reader->is_broken && reader->at < reader->end)
    reader->is_broken = !read_field(reader, field, &is_field);
  return is_field && !reader->is_broken;
}

/* ---- writing ---- */

static size_t varint_encode(uint8_t *to, uint64_t value) {
  size_t len = 0;
  for (; value >= 0x80; value >>= 7)
    to[len++] = (uint8_t)(value | 0x80);
  to[len++] = (uint8_t)value;
  return len;
}

static void append(gmux__pb_writer *w, const void *data, size_t len) {
  if (!w->is_out_of_memory && gmux__buf_append(&w->buf, data, len)) w->is_out_of_memory = true;
}

static void append_varint(gmux__pb_writer *w, uint64_t value) {
  uint8_t bytes[VARINT_MAX];
  append(w, bytes, varint_encode(bytes, value));
}

static void append_tag(gmux__pb_writer *w, uint32_t number, gmux__pb_type type) {
  assert(number > 0 && number <= NUMBER_MAX);
  append_varint(w, (uint64_t)number << 3 | (unsigned)type);
}

void gmux__pb_add_uint(gmux__pb_writer *w, uint32_t number, uint64_t value) {
  append_tag(w, number, GMUX__PB_VARINT);
  append_varint(w, value);
}

void gmux__pb_put_uint(gmux__pb_writer *w, uint32_t number, uint64_t value) {
  if (value) gmux__pb_add_uint(w, number, value);
}

void gmux__pb_put_int(gmux__pb_writer *w, uint32_t number, int64_t value) {
  gmux__pb_put_uint(w, number, (uint64_t)value); /* in two's complement, ten bytes below 0 */
}

void gmux__pb_add_bytes(gmux__pb_writer *w, uint32_t number, const void *data, size_t len) {
  append_tag(w, number, GMUX__PB_BYTES);
  append_varint(w, len);
  append(w, data, len);
}

void gmux__pb_put_bytes(gmux__pb_writer *w, uint32_t number, const void *data, size_t len) {
  if (len) gmux__pb_add_bytes(w, number, data, len);
}

void gmux__pb_put_string(gmux__pb_writer *w, uint32_t number, const char *text) {
  if (text) gmux__pb_put_bytes(w, number, text, strlen(text));
}

/* The length gets one byte; if it turns out to need more, what follows is moved. */
size_t gmux__pb_begin(gmux__pb_writer *w, uint32_t number) {
  append_tag(w, number, GMUX__PB_BYTES);
  append(w, "", 1);
  return gmux__buf_len(&w->buf);
}

void gmux__pb_end(gmux__pb_writer *w, size_t mark) {
  uint8_t bytes[VARINT_MAX];
  if (w->is_out_of_memory) return;
  size_t len = gmux__buf_len(&w->buf) - mark, width = varint_encode(bytes, len);
  append(w, bytes, width - 1); /* any: makes room */
  if (w->is_out_of_memory) return;
  uint8_t *message = w->buf.mem + w->buf.start + mark;
  memmove(message + width - 1, message, len);
  memcpy(message - 1, bytes, width);
}

int gmux__pb_finish(gmux__pb_writer *w, gmux_bytes *out) {
  if (w->is_out_of_memory) {
    gmux__pb_deinit(w);
    return gmux__fail_code(GMUX_ERR_NOMEM);
  }
  gmux__buf_detach(&w->buf, out);
  return 0;
}

void gmux__pb_deinit(gmux__pb_writer *w) {
  gmux__buf_deinit(&w->buf);
  w->is_out_of_memory = false;
}
