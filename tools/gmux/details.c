/* details.c: https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto */
#include "tools/gmux/details.h"
#include "tools/gmux/base64.h"
#include "tools/gmux/shapes.h"
#include "tools/gmux/wire.h"

#include <string.h>

enum { STATUS_DETAILS = 3 };

static void print_bytes(printer *p, const wire_field *value) {
  buffer digits = {.data = NULL};
  base64_encode(&digits, value->data, value->len);
  print_quoted(p, buffer_string(&digits));
  buffer_free(&digits);
}

/* Of a type that is not known, or whose bytes are wrong. */
static void print_raw_any(printer *p, const wire_field *any) {
  wire_reader reader = {.data = any->data, .len = any->len};
  wire_field f, url = {.number = 0}, value = {.number = 0};
  while (reader.at < reader.len && wire_read(&reader, &f)) {
    if (f.type != WIRE_BYTES) continue;
    if (f.number == ANY_URL) url = f;
    if (f.number == ANY_VALUE) value = f;
  }
  print_open(p, '{');
  print_name(p, "@type", 5);
  if (!print_string(p, (const char *)url.data, url.len)) print_bytes(p, &url);
  print_name(p, "value", 5);
  print_bytes(p, &value);
  print_close(p, '}');
}

static void print_any(printer *p, const registry *r, const wire_field *any) {
  static const char name[] = "google.protobuf.Any";
  codec_options options = {.is_compact = p->is_compact, .depth = p->depth};
  buffer json = {.data = NULL};
  problem why;
  const message_type *type = r ? registry_message(r, name, sizeof name - 1) : NULL;
  if (type && codec_write_json(r, type, any->data, any->len, &options, &json, &why))
    print_raw(p, buffer_string(&json));
  else
    print_raw_any(p, any);
  buffer_free(&json);
}

void details_print(printer *p, const registry *r, const uint8_t *data, size_t len) {
  wire_reader reader = {.data = data, .len = len};
  wire_field f;
  print_open(p, '[');
  while (reader.at < reader.len && wire_read(&reader, &f))
    if (f.number == STATUS_DETAILS && f.type == WIRE_BYTES) print_any(p, r, &f);
  print_close(p, ']');
}
