/* decode_map.c: maps, in the order of their keys; of two entries with one key the later counts. */
#include "tools/gmux/decode.h"

#include <stdlib.h>
#include <string.h>

typedef struct entry {
  wire_field key;
  int64_t number; /* of keys with a sign */
  const uint8_t *data;
  size_t len;
  size_t order;
  bool
      is_known; /* its value is one of its enum, if that is closed: else the entry does not count */
} entry;

static bool is_signed(field_type type) {
  return type == FIELD_INT32 || type == FIELD_INT64 || type == FIELD_SINT32 ||
         type == FIELD_SINT64 || type == FIELD_SFIXED32 || type == FIELD_SFIXED64;
}

/* As its type reads it, so that what is the same key compares as the same. */
static void key_normalise(entry *e, field_type type) {
  if (type == FIELD_SINT32) e->number = (int32_t)unzigzag((uint32_t)e->key.value);
  if (type == FIELD_SINT64) e->number = unzigzag(e->key.value);
  if (type == FIELD_INT32 || type == FIELD_SFIXED32) e->number = (int32_t)e->key.value;
  if (type == FIELD_INT64 || type == FIELD_SFIXED64) e->number = (int64_t)e->key.value;
  if (type == FIELD_UINT32) e->key.value = (uint32_t)e->key.value;
  if (type == FIELD_BOOL) e->key.value = e->key.value != 0;
  if (is_signed(type)) e->key.len = 0;
}

static int compare_text(const wire_field *a, const wire_field *b) {
  size_t shorter = a->len < b->len ? a->len : b->len;
  int order = shorter ? memcmp(a->data, b->data, shorter) : 0;
  if (order != 0) return order;
  return a->len < b->len ? -1 : a->len > b->len;
}

/* Of one map all keys are of one type: what the other types have is zero. */
static int compare_keys(const entry *a, const entry *b, bool by_number) {
  if (by_number) return a->number < b->number ? -1 : a->number > b->number;
  if (a->key.value != b->key.value) return a->key.value < b->key.value ? -1 : 1;
  return compare_text(&a->key, &b->key);
}

static int by_signed_key(const void *a, const void *b) {
  int order = compare_keys(a, b, true);
  return order ? order : ((const entry *)a)->order < ((const entry *)b)->order ? -1 : 1;
}

static int by_key(const void *a, const void *b) {
  int order = compare_keys(a, b, false);
  return order ? order : ((const entry *)a)->order < ((const entry *)b)->order ? -1 : 1;
}

static bool has_known_value(const field *f, const content *c) {
  records r = records_of(c->records, map_value(f)->number);
  const wire_field *value = records_last(r, (wire_type)field_wire_type(map_value(f)->type));
  return !value || scalar_is_known(map_value(f), value->value);
}

/* What is broken is said when it is printed. */
bool map_has_entries(decoder *d, const field *f, records r) {
  for (size_t i = 0; i < r.count; i++) {
    content c;
    if (r.list[i].field.type != WIRE_BYTES) continue;
    if (!map_value(f)->enumeration) return true;
    if (!content_open(d, &c, f->message, r.list[i].field.data, r.list[i].field.len)) return true;
    bool is_known = has_known_value(f, &c);
    content_close(&c);
    if (is_known) return true;
  }
  return false;
}

static bool read_entry(decoder *d, const field *f, const record *r, entry *e) {
  content c;
  if (!content_open(d, &c, f->message, r->field.data, r->field.len)) return false;
  const field *key = map_key(f);
  const wire_field *found =
      records_last(records_of(c.records, key->number), (wire_type)field_wire_type(key->type));
  *e = (entry){.data = r->field.data,
               .len = r->field.len,
               .order = r->order,
               .is_known = has_known_value(f, &c)};
  if (found) e->key = *found;
  key_normalise(e, key->type);
  content_close(&c);
  return true;
}

static bool print_entry(decoder *d, const field *f, const entry *e) {
  content c;
  const field *value = map_value(f);
  if (!content_open(d, &c, f->message, e->data, e->len)) return false;
  bool is_good = scalar_print_key(d, map_key(f), &e->key) &&
                 decode_field(d, &c, value, records_of(c.records, value->number));
  content_close(&c);
  return is_good;
}

static bool print_entries(decoder *d, const field *f, const entry *entries, size_t count) {
  bool by_number = is_signed(map_key(f)->type);
  for (size_t i = 0; i < count; i++) {
    bool has_later = i + 1 < count && compare_keys(&entries[i], &entries[i + 1], by_number) == 0;
    if (!has_later && !print_entry(d, f, &entries[i])) return false;
  }
  return true;
}

bool decode_map(decoder *d, content *c, const field *f, records r) {
  entry *entries = pool_get(&c->memory, r.count, sizeof *entries);
  size_t count = 0;
  for (size_t i = 0; i < r.count; i++) {
    if (r.list[i].field.type != WIRE_BYTES) continue;
    if (!read_entry(d, f, &r.list[i], &entries[count])) return false;
    count += entries[count].is_known;
  }
  if (count > 1)
    qsort(entries, count, sizeof *entries, is_signed(map_key(f)->type) ? by_signed_key : by_key);
  print_open(&d->printer, '{');
  if (!print_entries(d, f, entries, count)) return false;
  print_close(&d->printer, '}');
  return true;
}
