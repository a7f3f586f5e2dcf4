/* describe_template.c: a message with all its fields. What it holds of its own kind is left out,
 * and so is what would make it longer than anybody fills in. */
#include "tools/gmux/describe.h"

#include <string.h>

enum { MAX_DEPTH = 8, MAX_BYTES = 64 << 10 };

typedef struct sketch {
  printer printer;
  const message_type *open[MAX_DEPTH];
  unsigned depth;
  size_t start;
} sketch;

static void sketch_message(sketch *s, const message_type *m);

static bool can_open(const sketch *s, const message_type *m) {
  if (s->depth == MAX_DEPTH || s->printer.out->len - s->start > MAX_BYTES) return false;
  for (unsigned i = 0; i < s->depth; i++)
    if (s->open[i] == m) return false;
  return true;
}

/* ---- values ---- */

static void sketch_enum(sketch *s, const enum_type *e) {
  const char *name = e->values[0].name;
  if (e->is_null || !print_string(&s->printer, name, strlen(name))) print_raw(&s->printer, "null");
}

static void sketch_scalar(sketch *s, field_type type) {
  switch (type) {
  case FIELD_BOOL:
    print_raw(&s->printer, "false");
    return;
  case FIELD_STRING:
  case FIELD_BYTES:
    print_quoted(&s->printer, "");
    return;
  case FIELD_INT64:
  case FIELD_UINT64:
  case FIELD_FIXED64:
  case FIELD_SFIXED64:
  case FIELD_SINT64:
    print_quoted(&s->printer, "0");
    return;
  default:
    print_raw(&s->printer, "0");
  }
}

static void sketch_value(sketch *s, const field *f) {
  if (f->message)
    sketch_message(s, f->message);
  else if (f->enumeration)
    sketch_enum(s, f->enumeration);
  else
    sketch_scalar(s, f->type);
}

static void sketch_known(sketch *s, const message_type *m) {
  static const char *const texts[] = {
      [KNOWN_DURATION] = "\"0s\"", [KNOWN_FIELD_MASK] = "\"\"",
      [KNOWN_LIST_VALUE] = "[]",   [KNOWN_STRUCT] = "{}",
      [KNOWN_VALUE] = "null",      [KNOWN_TIMESTAMP] = "\"1970-01-01T00:00:00Z\""};
  if (m->known == KNOWN_WRAPPER) {
    sketch_scalar(s, (field_type)known_wrapped_type(m->name));
  } else if (m->known == KNOWN_ANY) {
    print_open(&s->printer, '{');
    print_text(&s->printer, "@type", "type.googleapis.com/google.protobuf.Empty");
    print_key(&s->printer, "value");
    print_raw(&s->printer, "{}");
    print_close(&s->printer, '}');
  } else {
    print_raw(&s->printer, texts[m->known]);
  }
}

/* ---- fields ---- */

static void sketch_map(sketch *s, const field *f) {
  field_type key = map_key(f)->type;
  print_open(&s->printer, '{');
  print_key(&s->printer, key == FIELD_STRING ? "key" : key == FIELD_BOOL ? "false" : "0");
  sketch_value(s, map_value(f));
  print_close(&s->printer, '}');
}

static void sketch_field(sketch *s, const field *f) {
  print_key(&s->printer, f->json);
  if (field_is_map(f)) {
    sketch_map(s, f);
  } else if (f->is_repeated) {
    print_open(&s->printer, '[');
    sketch_value(s, f);
    print_close(&s->printer, ']');
  } else {
    sketch_value(s, f);
  }
}

static bool is_first_of_oneof(const message_type *m, const field *f) {
  for (const field *before = m->fields; before < f; before++)
    if (before->oneof == f->oneof) return false;
  return true;
}

static bool is_shown(const sketch *s, const message_type *m, const field *f) {
  if (f->is_extension || f->type == FIELD_GROUP) return false;
  if (f->oneof != NO_ONEOF && !is_first_of_oneof(m, f)) return false;
  const message_type *inner = field_is_map(f) ? map_value(f)->message : f->message;
  return !inner || can_open(s, inner);
}

static void sketch_fields(sketch *s, const message_type *m) {
  s->open[s->depth++] = m;
  print_open(&s->printer, '{');
  for (size_t i = 0; i < m->field_count; i++)
    if (is_shown(s, m, &m->fields[i])) sketch_field(s, &m->fields[i]);
  print_close(&s->printer, '}');
  s->depth--;
}

static void sketch_message(sketch *s, const message_type *m) {
  if (m->known != KNOWN_NOT && m->known != KNOWN_EMPTY)
    sketch_known(s, m);
  else
    sketch_fields(s, m);
}

void describe_template(const message_type *m, unsigned depth, buffer *out) {
  sketch s = {.printer = {.out = out, .depth = depth, .is_named = true}, .start = out->len};
  sketch_message(&s, m);
}
