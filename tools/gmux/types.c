/* types.c: what is in a message, an enum, a field. */
#include "tools/gmux/types.h"
#include "tools/gmux/nearest.h"
#include "tools/gmux/wire.h"

#include <string.h>

/* strcmp(name, other), of a name without a zero. */
static int compare(const char *name, size_t len, const char *other) {
  int order = strncmp(name, other, len);
  return order != 0 || other[len] == 0 ? order : -1;
}

/* ---- fields ---- */

const field *message_field(const message_type *m, const char *name, size_t len) {
  if (memchr(name, 0, len)) return NULL;
  size_t from = 0, to = m->name_count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    int order = compare(name, len, m->names[middle].name);
    if (order == 0) return m->names[middle].field;
    if (order < 0)
      to = middle;
    else
      from = middle + 1;
  }
  return NULL;
}

const char *message_nearest_field(const message_type *m, const char *name, size_t len) {
  nearest n = nearest_to(name, len);
  for (size_t i = 0; i < m->name_count; i++)
    nearest_offer(&n, m->names[i].name);
  return n.best;
}

const field *map_key(const field *f) {
  return &f->message->fields[0];
}

const field *map_value(const field *f) {
  return &f->message->fields[1];
}

/* ---- enums ---- */

const enum_value *enum_by_name(const enum_type *e, const char *name, size_t len) {
  for (size_t i = 0; i < e->value_count; i++)
    if (strlen(e->values[i].name) == len && memcmp(e->values[i].name, name, len) == 0)
      return &e->values[i];
  return NULL;
}

const enum_value *enum_by_number(const enum_type *e, int32_t number) {
  for (size_t i = 0; i < e->value_count; i++)
    if (e->values[i].number == number) return &e->values[i];
  return NULL;
}

const char *enum_nearest(const enum_type *e, const char *name, size_t len) {
  nearest n = nearest_to(name, len);
  for (size_t i = 0; i < e->value_count; i++)
    nearest_offer(&n, e->values[i].name);
  return n.best;
}

/* ---- types ---- */

typedef struct type_facts {
  const char *name;
  wire_type wire;
} type_facts;

static const type_facts facts[] = {
    [FIELD_DOUBLE] = {"double", WIRE_64BIT},     [FIELD_FLOAT] = {"float", WIRE_32BIT},
    [FIELD_INT64] = {"int64", WIRE_VARINT},      [FIELD_UINT64] = {"uint64", WIRE_VARINT},
    [FIELD_INT32] = {"int32", WIRE_VARINT},      [FIELD_FIXED64] = {"fixed64", WIRE_64BIT},
    [FIELD_FIXED32] = {"fixed32", WIRE_32BIT},   [FIELD_BOOL] = {"bool", WIRE_VARINT},
    [FIELD_STRING] = {"string", WIRE_BYTES},     [FIELD_GROUP] = {"group", WIRE_GROUP},
    [FIELD_MESSAGE] = {"message", WIRE_BYTES},   [FIELD_BYTES] = {"bytes", WIRE_BYTES},
    [FIELD_UINT32] = {"uint32", WIRE_VARINT},    [FIELD_ENUM] = {"enum", WIRE_VARINT},
    [FIELD_SFIXED32] = {"sfixed32", WIRE_32BIT}, [FIELD_SFIXED64] = {"sfixed64", WIRE_64BIT},
    [FIELD_SINT32] = {"sint32", WIRE_VARINT},    [FIELD_SINT64] = {"sint64", WIRE_VARINT},
};

int field_wire_type(field_type type) {
  return (int)facts[type].wire;
}

const char *field_type_name(field_type type) {
  return facts[type].name;
}
