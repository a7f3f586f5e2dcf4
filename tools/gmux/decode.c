/* decode.c: messages, fields and lists. */
#include "tools/gmux/decode.h"

#include <string.h>

static quoted quoted_name(const char *name) {
  return quote(name, strlen(name));
}

bool content_open(decoder *d, content *c, const message_type *m, const uint8_t *data, size_t len) {
  *c = (content){.message = m};
  if (records_read(&c->records, &c->memory, data, len)) return true;
  content_close(c);
  return problem_set(d->problem, "%s: these %zu bytes are no protobuf", quoted_name(m->name).text,
                     len);
}

void content_close(content *c) {
  pool_free(&c->memory);
}

/* ---- lists ---- */

static bool decode_packed(decoder *d, const field *f, const wire_field *list) {
  wire_reader reader = {.data = list->data, .len = list->len};
  while (reader.at < reader.len) {
    wire_field value = {.number = f->number};
    if (!wire_read_value(&reader, (wire_type)field_wire_type(f->type), &value.value))
      return problem_set(d->problem, "%s: its packed values are no protobuf",
                         quoted_name(f->name).text);
    if (scalar_is_known(f, value.value) && !scalar_print(d, f, &value)) return false;
  }
  return true;
}

/* Whatever the descriptor says, values may come packed or not. */
static bool decode_element(decoder *d, const field *f, const wire_field *value) {
  wire_type type = (wire_type)field_wire_type(f->type);
  if (value->type == WIRE_BYTES && type != WIRE_BYTES) return decode_packed(d, f, value);
  if (value->type != type) return true;
  if (f->message) return decode_message(d, f->message, value->data, value->len);
  return !scalar_is_known(f, value->value) || scalar_print(d, f, value);
}

static bool decode_list(decoder *d, const field *f, records r) {
  print_open(&d->printer, '[');
  for (size_t i = 0; i < r.count; i++)
    if (!decode_element(d, f, &r.list[i].field)) return false;
  print_close(&d->printer, ']');
  return true;
}

/* ---- values ---- */

/* Of a closed enum, the last one that it knows. NULL: there is none. */
static const wire_field *last_known(const field *f, records r) {
  wire_type type = (wire_type)field_wire_type(f->type);
  for (size_t i = r.count; i > 0; i--) {
    const wire_field *value = &r.list[i - 1].field;
    if (value->type == type && scalar_is_known(f, value->value)) return value;
  }
  return NULL;
}

/* Zero; of a closed enum its first value. */
static wire_field default_of(const field *f) {
  wire_field value = {.number = f->number};
  if (f->enumeration && f->enumeration->is_closed)
    value.value = (uint64_t)(int64_t)f->enumeration->values[0].number;
  return value;
}

bool decode_field(decoder *d, content *c, const field *f, records r) {
  if (field_is_map(f)) return decode_map(d, c, f, r);
  if (f->is_repeated) return decode_list(d, f, r);
  if (f->message) {
    wire_field all = records_merge(r, &c->memory);
    return decode_message(d, f->message, all.data, all.len);
  }
  const wire_field *value = last_known(f, r);
  wire_field none = default_of(f);
  return scalar_print(d, f, value ? value : &none);
}

/* ---- which fields are there ---- */

static bool is_zero(const wire_field *value) {
  return value->value == 0 && value->len == 0;
}

static bool has_elements(const field *f, records r) {
  wire_type type = (wire_type)field_wire_type(f->type);
  for (size_t i = 0; i < r.count; i++) {
    const wire_field *value = &r.list[i].field;
    if (value->type == type && scalar_is_known(f, value->value)) return true;
    if (value->type != WIRE_BYTES) continue;
    wire_reader reader = {.data = value->data, .len = value->len};
    uint64_t element;
    /* What is broken is said when it is printed. */
    while (reader.at < reader.len)
      if (!wire_read_value(&reader, type, &element) || scalar_is_known(f, element)) return true;
  }
  return false;
}

static bool is_there(decoder *d, const field *f, records r) {
  if (f->is_repeated && d->options->with_defaults) return true;
  if (field_is_map(f)) return map_has_entries(d, f, r);
  if (f->is_repeated) return has_elements(f, r);
  if (f->message) return records_last(r, WIRE_BYTES);
  const wire_field *value = last_known(f, r);
  if (f->has_presence) return value;
  return d->options->with_defaults || (value && !is_zero(value));
}

static bool decode_named(decoder *d, content *c, const field *f, records r) {
  const char *name = d->options->with_original_names ? f->name : f->json;
  if (!print_name(&d->printer, name, strlen(name)))
    return problem_set(d->problem, "%s has a field whose name is not UTF-8",
                       quoted_name(c->message->name).text);
  return decode_field(d, c, f, r);
}

static const winner *oneofs_of(content *c) {
  const message_type *m = c->message;
  winner *oneofs = pool_get(&c->memory, m->oneof_count, sizeof *oneofs);
  for (size_t i = 0; i < m->field_count; i++)
    if (m->fields[i].oneof != NO_ONEOF)
      winner_offer(&oneofs[m->fields[i].oneof], c->records, &m->fields[i]);
  return oneofs;
}

bool decode_fields(decoder *d, content *c) {
  const winner *oneofs = oneofs_of(c);
  for (size_t i = 0; i < c->message->field_count; i++) {
    const field *f = &c->message->fields[i];
    records r = records_of(c->records, f->number);
    if (f->type == FIELD_GROUP && records_last(r, WIRE_GROUP))
      return problem_set(d->problem, "%s of %s is a group, for which JSON has no form",
                         quoted_name(f->name).text, quoted_name(c->message->name).text);
    if (f->type == FIELD_GROUP) continue;
    if (f->oneof != NO_ONEOF) {
      if (oneofs[f->oneof].field != f) continue;
      r = records_after(r, oneofs[f->oneof].after);
    }
    if (is_there(d, f, r) && !decode_named(d, c, f, r)) return false;
  }
  return true;
}

/* ---- messages ---- */

static bool decode_plain(decoder *d, const message_type *m, const uint8_t *data, size_t len) {
  content c;
  if (!content_open(d, &c, m, data, len)) return false;
  print_open(&d->printer, '{');
  bool is_good = decode_fields(d, &c);
  print_close(&d->printer, '}');
  content_close(&c);
  return is_good;
}

bool decode_message(decoder *d, const message_type *m, const uint8_t *data, size_t len) {
  if (d->depth == CODEC_MAX_DEPTH)
    return problem_set(d->problem, "messages in messages more than %d deep", CODEC_MAX_DEPTH);
  if (d->printer.out->len - d->start > CODEC_MAX_OUTPUT)
    return problem_set(d->problem, "as JSON it were longer than %d MiB", CODEC_MAX_OUTPUT >> 20);
  d->depth++;
  bool has_own_form = m->known != KNOWN_NOT && m->known != KNOWN_EMPTY;
  bool is_good = has_own_form ? decode_known(d, m, data, len) : decode_plain(d, m, data, len);
  d->depth--;
  return is_good;
}

bool codec_write_json(const registry *r, const message_type *m, const uint8_t *data, size_t len,
                      const codec_options *o, buffer *out, problem *p) {
  decoder d = {.types = r,
               .options = o,
               .printer = {.out = out,
                           .is_compact = o->is_compact,
                           .depth = o->depth,
                           .is_named = true}, /* what is before it is there */
               .problem = p,
               .start = out->len};
  shapes_init(&d.shapes, r);
  bool is_good = decode_message(&d, m, data, len);
  if (!is_good) out->len = d.start;
  return is_good;
}
