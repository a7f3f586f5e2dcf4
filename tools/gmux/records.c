/* records.c: sorted, so that a field is found among many. */
#include "tools/gmux/records.h"

#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b) {
  const record *first = a, *second = b;
  if (first->field.number != second->field.number)
    return first->field.number < second->field.number ? -1 : 1;
  return first->order < second->order ? -1 : 1;
}

static bool count_fields(const uint8_t *data, size_t len, size_t *count) {
  wire_reader reader = {.data = data, .len = len};
  wire_field f;
  for (*count = 0; reader.at < reader.len; ++*count)
    if (!wire_read(&reader, &f)) return false;
  return true;
}

bool records_read(records *r, pool *memory, const uint8_t *data, size_t len) {
  size_t count;
  if (!count_fields(data, len, &count)) return false;
  record *list = pool_get(memory, count, sizeof *list);
  bool is_sorted = true;
  wire_reader reader = {.data = data, .len = len};
  for (size_t i = 0; i < count; i++) {
    wire_read(&reader, &list[i].field);
    list[i].order = i + 1;
    is_sorted = is_sorted && (i == 0 || list[i - 1].field.number <= list[i].field.number);
  }
  if (!is_sorted) qsort(list, count, sizeof *list, by_number);
  *r = (records){list, count};
  return true;
}

static size_t first_from(records r, uint64_t number) {
  size_t from = 0, to = r.count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (r.list[middle].field.number < number)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

records records_of(records r, uint32_t number) {
  size_t from = first_from(r, number), to = first_from(r, (uint64_t)number + 1);
  return (records){r.list + from, to - from};
}

records records_after(records r, size_t after) {
  while (r.count > 0 && r.list->order <= after) {
    r.list++;
    r.count--;
  }
  return r;
}

const wire_field *records_last(records r, wire_type type) {
  for (size_t i = r.count; i > 0; i--)
    if (r.list[i - 1].field.type == type) return &r.list[i - 1].field;
  return NULL;
}

wire_field records_merge(records r, pool *memory) {
  size_t parts = 0, len = 0;
  for (size_t i = 0; i < r.count; i++) {
    if (r.list[i].field.type != WIRE_BYTES) continue;
    parts++;
    len += r.list[i].field.len;
  }
  if (parts == 1) return *records_last(r, WIRE_BYTES);
  uint8_t *data = pool_get(memory, len, 1);
  wire_field all = {.type = WIRE_BYTES, .data = data, .len = len};
  for (size_t i = 0; i < r.count; i++) {
    const wire_field *f = &r.list[i].field;
    if (f->type != WIRE_BYTES || f->len == 0) continue;
    memcpy(data, f->data, f->len);
    data += f->len;
  }
  return all;
}

/* ---- oneofs ---- */

static size_t last_order(records r, wire_type type) {
  for (size_t i = r.count; i > 0; i--)
    if (r.list[i - 1].field.type == type) return r.list[i - 1].order;
  return 0;
}

void winner_offer(winner *w, records r, const field *f) {
  size_t order = last_order(records_of(r, f->number), (wire_type)field_wire_type(f->type));
  if (order <= w->order) {
    if (order > w->after) w->after = order;
    return;
  }
  w->after = w->order;
  w->field = f;
  w->order = order;
}
