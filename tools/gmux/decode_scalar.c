/* decode_scalar.c: values that are no messages. */
#include "tools/gmux/base64.h"
#include "tools/gmux/decode.h"
#include "tools/gmux/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t unzigzag(uint64_t value) {
  return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* ---- numbers ---- */

static void print_double(printer *p, uint64_t bits) {
  double value;
  char digits[NUMBER_ROOM];
  memcpy(&value, &bits, sizeof value);
  if (!isfinite(value)) {
    print_quoted(p, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    return;
  }
  number_write_double(digits, value);
  print_raw(p, digits);
}

static void print_float(printer *p, uint64_t bits) {
  uint32_t small = (uint32_t)bits;
  float value;
  char digits[NUMBER_ROOM];
  memcpy(&value, &small, sizeof value);
  if (!isfinite(value)) {
    print_quoted(p, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    return;
  }
  number_write_float(digits, value);
  print_raw(p, digits);
}

/* Digits of an integer or a bool; 64 bits are a string in JSON. */
static bool write_integer(char out[NUMBER_ROOM], field_type type, uint64_t value) {
  switch (type) {
  case FIELD_INT64:
  case FIELD_SFIXED64:
    snprintf(out, NUMBER_ROOM, "%" PRId64, (int64_t)value);
    return true;
  case FIELD_SINT64:
    snprintf(out, NUMBER_ROOM, "%" PRId64, unzigzag(value));
    return true;
  case FIELD_UINT64:
  case FIELD_FIXED64:
    snprintf(out, NUMBER_ROOM, "%" PRIu64, value);
    return true;
  case FIELD_UINT32:
  case FIELD_FIXED32:
    snprintf(out, NUMBER_ROOM, "%" PRIu32, (uint32_t)value);
    return false;
  case FIELD_SINT32:
    snprintf(out, NUMBER_ROOM, "%" PRId32, (int32_t)unzigzag((uint32_t)value));
    return false;
  case FIELD_BOOL:
    snprintf(out, NUMBER_ROOM, "%s", value ? "true" : "false");
    return false;
  default:
    snprintf(out, NUMBER_ROOM, "%" PRId32, (int32_t)value);
    return false;
  }
}

static void print_integer(printer *p, field_type type, uint64_t value) {
  char digits[NUMBER_ROOM];
  if (write_integer(digits, type, value))
    print_quoted(p, digits);
  else
    print_raw(p, digits);
}

/* ---- others ---- */

bool scalar_is_known(const field *f, uint64_t value) {
  return f->type != FIELD_ENUM || !f->enumeration->is_closed ||
         enum_by_number(f->enumeration, (int32_t)value);
}

static void print_enum(printer *p, const enum_type *e, uint64_t value) {
  const enum_value *named = enum_by_number(e, (int32_t)value);
  if (e->is_null)
    print_raw(p, "null");
  else if (named)
    print_quoted(p, named->name);
  else
    print_integer(p, FIELD_INT32, value);
}

static void print_bytes(printer *p, const uint8_t *data, size_t len) {
  buffer digits = {.data = NULL};
  base64_encode(&digits, data, len);
  print_quoted(p, buffer_string(&digits));
  buffer_free(&digits);
}

static bool not_utf8(decoder *d, const field *f) {
  return problem_set(d->problem, "%s holds bytes that are not UTF-8, for which JSON has no form",
                     quote(f->name, strlen(f->name)).text);
}

/* Names are long where numbers are short: a few bytes can ask for a lot of JSON. */
static bool check_room(decoder *d) {
  if (d->printer.out->len - d->start <= CODEC_MAX_OUTPUT) return true;
  return problem_set(d->problem, "as JSON it were longer than %d MiB", CODEC_MAX_OUTPUT >> 20);
}

bool scalar_print(decoder *d, const field *f, const wire_field *value) {
  if (!check_room(d)) return false;
  switch (f->type) {
  case FIELD_DOUBLE:
    print_double(&d->printer, value->value);
    return true;
  case FIELD_FLOAT:
    print_float(&d->printer, value->value);
    return true;
  case FIELD_STRING:
    return print_string(&d->printer, (const char *)value->data, value->len) || not_utf8(d, f);
  case FIELD_BYTES:
    print_bytes(&d->printer, value->data, value->len);
    return true;
  case FIELD_ENUM:
    print_enum(&d->printer, f->enumeration, value->value);
    return true;
  default:
    print_integer(&d->printer, f->type, value->value);
    return true;
  }
}

bool scalar_print_key(decoder *d, const field *f, const wire_field *value) {
  if (!check_room(d)) return false;
  if (f->type == FIELD_STRING)
    return print_name(&d->printer, (const char *)value->data, value->len) || not_utf8(d, f);
  char digits[NUMBER_ROOM];
  write_integer(digits, f->type, value->value);
  return print_name(&d->printer, digits, strlen(digits));
}
