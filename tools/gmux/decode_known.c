/* decode_known.c: well-known types, in their forms in JSON. */
#include "tools/gmux/decode.h"
#include "tools/gmux/mask.h"
#include "tools/gmux/moment.h"

#include <math.h>
#include <string.h>

static uint64_t number_of(const content *c, uint32_t number) {
  const wire_field *f = records_last(records_of(c->records, number), WIRE_VARINT);
  return f ? f->value : 0;
}

/* ---- Timestamp, Duration ---- */

static bool decode_moment(decoder *d, content *c) {
  moment at = {.seconds = (int64_t)number_of(c, SECONDS), .nanos = (int32_t)number_of(c, NANOS)};
  char words[MOMENT_ROOM];
  bool is_timestamp = c->message->known == KNOWN_TIMESTAMP;
  if (!(is_timestamp ? timestamp_write(words, at) : duration_write(words, at)))
    return problem_set(d->problem, "%s of %lld seconds and %d nanoseconds is out of its range",
                       c->message->name, (long long)at.seconds, (int)at.nanos);
  print_quoted(&d->printer, words);
  return true;
}

/* ---- FieldMask ---- */

static bool mask_write(decoder *d, buffer *paths, records r) {
  for (size_t i = 0; i < r.count; i++) {
    const wire_field *f = &r.list[i].field;
    if (f->type != WIRE_BYTES) continue;
    if (paths->len > 0) buffer_add(paths, ",", 1);
    const char *path = f->len ? (const char *)f->data : "";
    if (!mask_path_to_json(paths, path, f->len))
      return problem_set(d->problem, "google.protobuf.FieldMask: %s has no form in JSON",
                         quote(path, f->len).text);
  }
  return true;
}

static bool decode_mask(decoder *d, content *c) {
  buffer paths = {.data = NULL};
  bool is_good = mask_write(d, &paths, records_of(c->records, MASK_PATHS));
  if (is_good && !print_string(&d->printer, buffer_string(&paths), paths.len))
    is_good = problem_set(d->problem, "google.protobuf.FieldMask holds bytes that are not UTF-8");
  buffer_free(&paths);
  return is_good;
}

/* ---- Value ---- */

static bool is_finite(const wire_field *number) {
  double value;
  memcpy(&value, &number->value, sizeof value);
  return isfinite(value);
}

static bool decode_value(decoder *d, content *c) {
  winner w = {.field = NULL};
  for (int kind = VALUE_NULL; kind <= VALUE_LIST; kind++)
    winner_offer(&w, c->records, &d->shapes.kinds[kind]);
  if (!w.field || w.field->number == VALUE_NULL) {
    print_raw(&d->printer, "null");
    return true;
  }
  records r = records_after(records_of(c->records, w.field->number), w.after);
  if (w.field->number == VALUE_NUMBER && !is_finite(records_last(r, WIRE_64BIT)))
    return problem_set(d->problem,
                       "google.protobuf.Value holds NaN or Infinity, for which it has no "
                       "form in JSON");
  return decode_field(d, c, w.field, r);
}

static bool decode_wrapper(decoder *d, content *c) {
  field f = wrapper_field(c->message);
  return decode_field(d, c, &f, records_of(c->records, WRAPPED_VALUE));
}

/* ---- Any ---- */

static const message_type *any_type(decoder *d, const char *url, size_t len) {
  size_t name = len;
  while (name > 0 && url[name - 1] != '/')
    name--;
  const message_type *m = name ? registry_message(d->types, url + name, len - name) : NULL;
  if (!m)
    problem_set(d->problem, "google.protobuf.Any holds %s, which the descriptors do not have",
                quote(url, len).text);
  return m;
}

static bool decode_any_content(decoder *d, const message_type *m, const uint8_t *data, size_t len) {
  if (m->known != KNOWN_NOT && m->known != KNOWN_EMPTY)
    return print_name(&d->printer, "value", 5) && decode_message(d, m, data, len);
  content c;
  if (!content_open(d, &c, m, data, len)) return false;
  bool is_good = decode_fields(d, &c);
  content_close(&c);
  return is_good;
}

static bool decode_any(decoder *d, content *c) {
  static const wire_field none = {.number = 0};
  const wire_field *url = records_last(records_of(c->records, ANY_URL), WIRE_BYTES);
  const wire_field *value = records_last(records_of(c->records, ANY_VALUE), WIRE_BYTES);
  if (!value) value = &none;
  print_open(&d->printer, '{');
  if (url && url->len > 0) {
    const message_type *m = any_type(d, (const char *)url->data, url->len);
    /* A name that is found is ASCII; what stands before it may be anything. */
    if (!m) return false;
    if (!print_name(&d->printer, "@type", 5) ||
        !print_string(&d->printer, (const char *)url->data, url->len))
      return problem_set(d->problem, "google.protobuf.Any: its type is not UTF-8");
    if (!decode_any_content(d, m, value->data, value->len)) return false;
  } else if (value->len > 0) {
    return problem_set(d->problem, "google.protobuf.Any holds %zu bytes of no type", value->len);
  }
  print_close(&d->printer, '}');
  return true;
}

/* ---- by kind ---- */

static bool decode_kind(decoder *d, content *c) {
  switch (c->message->known) {
  case KNOWN_ANY:
    return decode_any(d, c);
  case KNOWN_TIMESTAMP:
  case KNOWN_DURATION:
    return decode_moment(d, c);
  case KNOWN_FIELD_MASK:
    return decode_mask(d, c);
  case KNOWN_STRUCT:
    return decode_map(d, c, &d->shapes.members, records_of(c->records, d->shapes.members.number));
  case KNOWN_LIST_VALUE:
    return decode_field(d, c, &d->shapes.items, records_of(c->records, d->shapes.items.number));
  case KNOWN_VALUE:
    return decode_value(d, c);
  default:
    return decode_wrapper(d, c);
  }
}

bool decode_known(decoder *d, const message_type *m, const uint8_t *data, size_t len) {
  content c;
  if (!content_open(d, &c, m, data, len)) return false;
  bool is_good = decode_kind(d, &c);
  content_close(&c);
  return is_good;
}
