/* encode_scalar.c: values that are no messages. */
#include "tools/gmux/base64.h"
#include "tools/gmux/encode.h"
#include "tools/gmux/number.h"
#include "tools/gmux/wire.h"

#include <math.h>
#include <string.h>

/* ---- words ---- */

static bool wrong_kind(encoder *e, const field *f, const node *n, const char *wanted) {
  return node_problem(e->document, n, e->problem, "%s (%s) takes %s, not %s",
                      quote(f->name, strlen(f->name)).text, field_type_name(f->type), wanted,
                      node_kind(n));
}

static bool wrong_number(encoder *e, const field *f, const node *n, const char *digits, size_t len,
                         number_result result) {
  const char *why = result == NUMBER_RANGE      ? "is out of its range"
                    : result == NUMBER_FRACTION ? "has a fraction"
                                                : "is no number";
  return node_problem(e->document, n, e->problem, "%s (%s): %s %s",
                      quote(f->name, strlen(f->name)).text, field_type_name(f->type),
                      quote(digits, len).text, why);
}

/* ---- numbers: as such, or in a string ---- */

static bool number_text(encoder *e, const field *f, const node *n, const char **digits,
                        size_t *len) {
  if (n->type != NODE_NUMBER && n->type != NODE_STRING)
    return wrong_kind(e, f, n, "a number, or a string with one");
  *digits = e->document->text + n->at;
  *len = n->len;
  if (n->type == NODE_STRING) *digits = node_string(e->document, e->memory, n, len);
  return true;
}

static uint64_t zigzag(int64_t value) {
  return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static bool read_signed(encoder *e, const field *f, const node *n, int64_t min, int64_t max,
                        uint64_t *bits) {
  const char *digits = NULL;
  size_t len = 0;
  int64_t value = 0;
  if (!number_text(e, f, n, &digits, &len)) return false;
  number_result result = number_read_int(digits, len, min, max, &value);
  if (result != NUMBER_OK) return wrong_number(e, f, n, digits, len, result);
  bool is_zigzag = f->type == FIELD_SINT32 || f->type == FIELD_SINT64;
  *bits = is_zigzag ? zigzag(value) : (uint64_t)value;
  return true;
}

static bool read_unsigned(encoder *e, const field *f, const node *n, uint64_t max, uint64_t *bits) {
  const char *digits = NULL;
  size_t len = 0;
  if (!number_text(e, f, n, &digits, &len)) return false;
  number_result result = number_read_uint(digits, len, max, bits);
  return result == NUMBER_OK || wrong_number(e, f, n, digits, len, result);
}

/* "NaN", "Infinity" and "-Infinity". */
static bool read_special(const char *name, size_t len, double *value) {
  static const struct {
    const char *name;
    double value;
  } specials[] = {{"NaN", (double)NAN}, {"Infinity", HUGE_VAL}, {"-Infinity", -HUGE_VAL}};
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    if (strlen(specials[i].name) != len || memcmp(name, specials[i].name, len) != 0) continue;
    *value = specials[i].value;
    return true;
  }
  return false;
}

static bool read_double(encoder *e, const field *f, const node *n, uint64_t *bits) {
  const char *digits = NULL;
  size_t len = 0;
  double value = 0;
  if (!number_text(e, f, n, &digits, &len)) return false;
  if (n->type != NODE_STRING || !read_special(digits, len, &value)) {
    number_result result = number_read_double(digits, len, &value);
    if (result != NUMBER_OK) return wrong_number(e, f, n, digits, len, result);
  }
  memcpy(bits, &value, sizeof value);
  return true;
}

static bool read_float(encoder *e, const field *f, const node *n, uint64_t *bits) {
  const char *digits = NULL;
  size_t len = 0;
  double special;
  float value = 0;
  if (!number_text(e, f, n, &digits, &len)) return false;
  if (n->type == NODE_STRING && read_special(digits, len, &special)) {
    value = (float)special;
  } else {
    number_result result = number_read_float(digits, len, &value);
    if (result != NUMBER_OK) return wrong_number(e, f, n, digits, len, result);
  }
  uint32_t small;
  memcpy(&small, &value, sizeof value);
  *bits = small;
  return true;
}

/* ---- others ---- */

static bool read_bool(encoder *e, const field *f, const node *n, uint64_t *bits) {
  if (n->type != NODE_TRUE && n->type != NODE_FALSE) return wrong_kind(e, f, n, "true or false");
  *bits = n->type == NODE_TRUE;
  return true;
}

static bool no_enum_value(encoder *e, const field *f, const node *n, const char *name, size_t len) {
  const char *near = enum_nearest(f->enumeration, name, len);
  return node_problem(e->document, n, e->problem, "enum %s has no value %s%s%s%s",
                      quote(f->enumeration->name, strlen(f->enumeration->name)).text,
                      quote(name, len).text, near ? ": did you mean " : "", near ? near : "",
                      near ? "?" : "");
}

static bool read_enum_number(encoder *e, const field *f, const node *n, uint64_t *bits) {
  if (!read_signed(e, f, n, INT32_MIN, INT32_MAX, bits)) return false;
  if (!f->enumeration->is_closed || enum_by_number(f->enumeration, (int32_t)*bits)) return true;
  return no_enum_value(e, f, n, e->document->text + n->at, n->len);
}

static bool read_enum(encoder *e, const field *f, const node *n, scalar *value) {
  if (n->type == NODE_NULL && f->enumeration->is_null) return true;
  if (n->type == NODE_NUMBER) return read_enum_number(e, f, n, &value->bits);
  if (n->type != NODE_STRING) return wrong_kind(e, f, n, "a value's name, or its number");
  size_t len;
  const char *name = node_string(e->document, e->memory, n, &len);
  const enum_value *named = enum_by_name(f->enumeration, name, len);
  if (named) {
    value->bits = (uint64_t)(int64_t)named->number;
    return true;
  }
  value->is_unknown = e->options->ignores_unknown;
  return value->is_unknown || no_enum_value(e, f, n, name, len);
}

static bool read_bytes(encoder *e, const field *f, const node *n, scalar *value) {
  if (n->type != NODE_STRING) return wrong_kind(e, f, n, "base64 in a string");
  size_t len;
  const char *encoded = node_string(e->document, e->memory, n, &len);
  uint8_t *data = pool_get(e->memory, len + 1, 1);
  if (!base64_decode(data, &value->len, encoded, len))
    return node_problem(e->document, n, e->problem, "%s (bytes): %s is not base64",
                        quote(f->name, strlen(f->name)).text, quote(encoded, len).text);
  value->data = data;
  return true;
}

static bool read_string(encoder *e, const field *f, const node *n, scalar *value) {
  if (n->type != NODE_STRING) return wrong_kind(e, f, n, "a string");
  value->data = node_string(e->document, e->memory, n, &value->len);
  return true;
}

bool scalar_read(encoder *e, const field *f, const node *n, scalar *value) {
  *value = (scalar){.bits = 0};
  switch (f->type) {
  case FIELD_DOUBLE:
    return read_double(e, f, n, &value->bits);
  case FIELD_FLOAT:
    return read_float(e, f, n, &value->bits);
  case FIELD_INT64:
  case FIELD_SINT64:
  case FIELD_SFIXED64:
    return read_signed(e, f, n, INT64_MIN, INT64_MAX, &value->bits);
  case FIELD_INT32:
  case FIELD_SINT32:
  case FIELD_SFIXED32:
    return read_signed(e, f, n, INT32_MIN, INT32_MAX, &value->bits);
  case FIELD_UINT64:
  case FIELD_FIXED64:
    return read_unsigned(e, f, n, UINT64_MAX, &value->bits);
  case FIELD_UINT32:
  case FIELD_FIXED32:
    return read_unsigned(e, f, n, UINT32_MAX, &value->bits);
  case FIELD_BOOL:
    return read_bool(e, f, n, &value->bits);
  case FIELD_STRING:
    return read_string(e, f, n, value);
  case FIELD_BYTES:
    return read_bytes(e, f, n, value);
  case FIELD_ENUM:
    return read_enum(e, f, n, value);
  default:
    return node_problem(e->document, n, e->problem, "%s is a group, for which JSON has no form",
                        quote(f->name, strlen(f->name)).text);
  }
}

/* ---- names of an object ---- */

bool scalar_read_key(encoder *e, const field *f, const node *n, scalar *value) {
  if (f->type != FIELD_BOOL) return scalar_read(e, f, n, value); /* numbers may stand in strings */
  size_t len;
  const char *name = node_string(e->document, e->memory, n, &len);
  bool is_true = len == 4 && memcmp(name, "true", 4) == 0;
  *value = (scalar){.bits = is_true};
  if (is_true || (len == 5 && memcmp(name, "false", 5) == 0)) return true;
  return node_problem(e->document, n, e->problem,
                      "a key of type bool is \"true\" or \"false\", not %s", quote(name, len).text);
}

/* ---- writing ---- */

void scalar_add(buffer *out, const field *f, const scalar *value) {
  wire_type type = (wire_type)field_wire_type(f->type);
  if (type != WIRE_BYTES) {
    wire_add_value(out, type, value->bits);
    return;
  }
  wire_add_value(out, WIRE_VARINT, value->len);
  buffer_add(out, value->data, value->len);
}

void scalar_add_field(buffer *out, const field *f, const scalar *value) {
  wire_add_tag(out, f->number, (wire_type)field_wire_type(f->type));
  scalar_add(out, f, value);
}
