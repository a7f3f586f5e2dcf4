/* random.c: dice. */
#include "tests/tool/random.h"
#include "tools/gmux/shapes.h"
#include "tools/gmux/wire.h"

#include <string.h>

enum { MAX_DEPTH = 5 };

typedef struct maker {
  buffer *out;
  dice *dice;
  const registry *types;
  unsigned depth;
  bool is_entry; /* of a map: jansson takes no zeros in names */
} maker;

/* xorshift64* */
uint64_t dice_roll(dice *d, uint64_t sides) {
  uint64_t x = d->state ? d->state : 1;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  d->state = x;
  return (x * UINT64_C(0x2545f4914f6cdd1d) >> 16) % sides;
}

static uint64_t roll(maker *m, uint64_t sides) {
  return dice_roll(m->dice, sides);
}

/* ---- values ---- */

static uint64_t random_bits(maker *m) {
  static const uint64_t limits[] = {0,
                                    1,
                                    127,
                                    128,
                                    INT32_MAX,
                                    UINT32_MAX,
                                    UINT64_C(1) << 53,
                                    INT64_MAX,
                                    UINT64_MAX,
                                    (uint64_t)INT32_MIN,
                                    (uint64_t)INT64_MIN};
  if (roll(m, 2)) return limits[roll(m, sizeof limits / sizeof *limits)];
  return roll(m, UINT32_MAX) << 32 | roll(m, UINT32_MAX);
}

static uint64_t random_double(maker *m) {
  static const double values[] = {0,    -0.0,   1,       0.1,       1e300, -1.5e-300,
                                  1e23, 5e-324, 1.0 / 3, 123456789, 2e9,   -1};
  double value = values[roll(m, sizeof values / sizeof *values)];
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static uint64_t random_scalar(maker *m, const field *f) {
  uint64_t bits = random_bits(m);
  switch (f->type) {
  case FIELD_DOUBLE: /* of all bits, NaN and infinities, too */
    return roll(m, 2) ? random_double(m) : bits;
  case FIELD_BOOL:
    return bits & 1;
  case FIELD_ENUM:
    return (uint64_t)(int64_t)f->enumeration->values[roll(m, f->enumeration->value_count)].number;
  case FIELD_INT32:
    return (uint64_t)(int64_t)(int32_t)bits;
  case FIELD_UINT32:
  case FIELD_SINT32:
  case FIELD_FIXED32:
  case FIELD_SFIXED32:
  case FIELD_FLOAT:
    return (uint32_t)bits;
  default:
    return bits;
  }
}

static void random_text(maker *m, uint32_t number) {
  static const char *const pieces[] = {"a",  "B",  "_",  "ü", "\xf0\x9f\x8e\x88",
                                       "\"", "\\", "\n", " "};
  buffer made = {.data = NULL};
  for (uint64_t i = roll(m, 6); i > 0; i--)
    buffer_add_string(&made, pieces[roll(m, sizeof pieces / sizeof *pieces)]);
  if (roll(m, 8) == 0 && !m->is_entry) buffer_add(&made, "", 1);
  wire_add_bytes(m->out, number, made.data, made.len);
  buffer_free(&made);
}

static void random_block(maker *m, uint32_t number) {
  uint8_t block[8];
  size_t len = (size_t)roll(m, sizeof block);
  for (size_t i = 0; i < len; i++)
    block[i] = (uint8_t)roll(m, 256);
  wire_add_bytes(m->out, number, block, len);
}

/* ---- fields ---- */

static void make_message(maker *m, const message_type *type);

static void make_submessage(maker *m, uint32_t number, const message_type *type) {
  size_t mark = wire_begin(m->out, number);
  if (m->depth < MAX_DEPTH) {
    m->depth++;
    make_message(m, type);
    m->depth--;
  }
  wire_end(m->out, mark);
}

static void make_packed(maker *m, const field *f) {
  size_t mark = wire_begin(m->out, f->number);
  for (uint64_t i = roll(m, 5); i > 0; i--)
    wire_add_value(m->out, (wire_type)field_wire_type(f->type), random_scalar(m, f));
  wire_end(m->out, mark);
}

static void make_field(maker *m, const field *f) {
  wire_type type = (wire_type)field_wire_type(f->type);
  if (f->type == FIELD_GROUP) return;
  if (f->message) {
    make_submessage(m, f->number, f->message);
  } else if (f->type == FIELD_STRING) {
    random_text(m, f->number);
  } else if (f->type == FIELD_BYTES) {
    random_block(m, f->number);
  } else if (f->is_repeated && roll(m, 2)) {
    make_packed(m, f);
  } else {
    wire_add_number(m->out, f->number, type, random_scalar(m, f));
  }
}

static void make_fields(maker *m, const message_type *type) {
  for (size_t i = 0; i < type->field_count; i++)
    if (type->fields[i].is_required) make_field(m, &type->fields[i]);
  if (type->field_count == 0) return;
  for (uint64_t i = roll(m, 6); i > 0; i--) {
    m->is_entry = type->is_map_entry;
    make_field(m, &type->fields[roll(m, type->field_count)]);
  }
}

/* ---- well-known types ---- */

static void make_moment(maker *m, bool is_timestamp) {
  int64_t span = INT64_C(60000000000);
  int64_t seconds = (int64_t)roll(m, (uint64_t)span);
  uint64_t nanos = roll(m, 2) ? roll(m, 1000) * 1000000 : roll(m, 1000000000);
  bool is_negative = roll(m, 2);
  if (is_negative) seconds = -seconds;
  wire_add_number(m->out, SECONDS, WIRE_VARINT, (uint64_t)seconds);
  int64_t signed_nanos = is_negative && !is_timestamp ? -(int64_t)nanos : (int64_t)nanos;
  wire_add_number(m->out, NANOS, WIRE_VARINT, (uint64_t)signed_nanos);
}

static void make_mask(maker *m) {
  static const char *const paths[] = {"a", "foo_bar", "foo_bar.baz_q", "x.y.z", "_a"};
  for (uint64_t i = roll(m, 4); i > 0; i--) {
    const char *path = paths[roll(m, sizeof paths / sizeof *paths)];
    wire_add_bytes(m->out, MASK_PATHS, path, strlen(path));
  }
}

static void make_any(maker *m) {
  static const char *const names[] = {"all.Scalars",
                                      "all.Tree",
                                      "google.protobuf.Duration",
                                      "google.protobuf.Value",
                                      "google.protobuf.Int64Value",
                                      "google.protobuf.Timestamp"};
  const char *name = names[roll(m, sizeof names / sizeof *names)];
  buffer url = {.data = NULL};
  buffer_add_format(&url, "type.googleapis.com/%s", name);
  wire_add_bytes(m->out, ANY_URL, url.data, url.len);
  buffer_free(&url);
  make_submessage(m, ANY_VALUE, registry_message(m->types, name, strlen(name)));
}

/* A kind, and never none. */
static void make_value(maker *m) {
  shapes s;
  shapes_init(&s, m->types);
  uint64_t kind = m->depth < MAX_DEPTH ? VALUE_NULL + roll(m, VALUE_LIST) : VALUE_NULL;
  if (kind == VALUE_NULL)
    wire_add_number(m->out, VALUE_NULL, WIRE_VARINT, 0);
  else if (kind == VALUE_NUMBER)
    wire_add_number(m->out, VALUE_NUMBER, WIRE_64BIT, random_double(m));
  else
    make_field(m, &s.kinds[kind]);
}

static void make_values(maker *m, known kind) {
  shapes s;
  shapes_init(&s, m->types);
  for (uint64_t i = roll(m, 4); i > 0; i--)
    make_field(m, kind == KNOWN_STRUCT ? &s.members : &s.items);
}

static void make_message(maker *m, const message_type *type) {
  switch (type->known) {
  case KNOWN_ANY:
    make_any(m);
    break;
  case KNOWN_TIMESTAMP:
  case KNOWN_DURATION:
    make_moment(m, type->known == KNOWN_TIMESTAMP);
    break;
  case KNOWN_FIELD_MASK:
    make_mask(m);
    break;
  case KNOWN_VALUE:
    make_value(m);
    break;
  case KNOWN_STRUCT:
  case KNOWN_LIST_VALUE:
    make_values(m, type->known);
    break;
  default:
    make_fields(m, type);
  }
}

void random_message(buffer *out, dice *d, const registry *types, const message_type *m) {
  maker made = {.out = out, .dice = d, .types = types};
  make_message(&made, m);
}
