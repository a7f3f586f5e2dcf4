/* encode.c: messages, fields, lists and maps. */
#include "tools/gmux/encode.h"
#include "tools/gmux/wire.h"

#include <string.h>

static quoted quoted_name(const char *name) {
  return quote(name, strlen(name));
}

/* ---- values ---- */

/* Of these, null is a value. */
static bool takes_null(const field *f) {
  return (f->message && f->message->known == KNOWN_VALUE) ||
         (f->enumeration && f->enumeration->is_null);
}

static bool encode_submessage(encoder *e, const field *f, const node *n) {
  if (f->type == FIELD_GROUP)
    return node_problem(e->document, n, e->problem, "%s is a group, for which JSON has no form",
                        quoted_name(f->name).text);
  size_t mark = wire_begin(e->out, f->number);
  if (!encode_message(e, f->message, n)) return false;
  wire_end(e->out, mark);
  return true;
}

/* A field's only value, or one of several. */
static bool encode_value(encoder *e, const field *f, const node *n) {
  if (f->message) return encode_submessage(e, f, n);
  scalar value;
  if (!scalar_read(e, f, n, &value)) return false;
  bool is_default = value.bits == 0 && value.len == 0;
  bool is_left_out = is_default && !f->has_presence && !f->is_repeated;
  if (!value.is_unknown && !is_left_out) scalar_add_field(e->out, f, &value);
  return true;
}

/* ---- lists ---- */

static bool no_null(encoder *e, const field *f, const node *n) {
  return n->type != NODE_NULL || takes_null(f) ||
         node_problem(e->document, n, e->problem, "%s has null among its values",
                      quoted_name(f->name).text);
}

static bool encode_packed(encoder *e, const field *f, const node *list) {
  size_t start = e->out->len, mark = wire_begin(e->out, f->number);
  for (const node *n = node_first(list); n < node_end(list); n = node_end(n)) {
    scalar value;
    if (!no_null(e, f, n) || !scalar_read(e, f, n, &value)) return false;
    if (!value.is_unknown) scalar_add(e->out, f, &value);
  }
  if (e->out->len == mark)
    e->out->len = start; /* none */
  else
    wire_end(e->out, mark);
  return true;
}

static bool encode_list(encoder *e, const field *f, const node *list) {
  if (list->type != NODE_ARRAY)
    return node_problem(e->document, list, e->problem, "%s is repeated and takes an array, not %s",
                        quoted_name(f->name).text, node_kind(list));
  if (f->is_packed) return encode_packed(e, f, list);
  for (const node *n = node_first(list); n < node_end(list); n = node_end(n))
    if (!no_null(e, f, n) || !encode_value(e, f, n)) return false;
  return true;
}

/* ---- maps ---- */

/* Key and value are written even where they are defaults. An entry whose value is passed over is
 * not there at all. */
static bool encode_entry(encoder *e, const field *f, const node *name, const node *n) {
  const field *value_field = map_value(f);
  size_t start = e->out->len, mark = wire_begin(e->out, f->number);
  scalar key, value = {.is_unknown = false};
  if (!scalar_read_key(e, map_key(f), name, &key)) return false;
  scalar_add_field(e->out, map_key(f), &key);
  if (!no_null(e, f->message->fields + 1, n)) return false;
  if (value_field->message) {
    if (!encode_submessage(e, value_field, n)) return false;
  } else {
    if (!scalar_read(e, value_field, n, &value)) return false;
    scalar_add_field(e->out, value_field, &value);
  }
  if (value.is_unknown)
    e->out->len = start;
  else
    wire_end(e->out, mark);
  return true;
}

static bool encode_map(encoder *e, const field *f, const node *object) {
  if (object->type != NODE_OBJECT)
    return node_problem(e->document, object, e->problem, "%s is a map and takes an object, not %s",
                        quoted_name(f->name).text, node_kind(object));
  for (const node *n = node_first(object); n < node_end(object); n = node_end(n + 1))
    if (!encode_entry(e, f, n, n + 1)) return false;
  return true;
}

bool encode_field(encoder *e, const field *f, const node *n) {
  if (field_is_map(f)) return encode_map(e, f, n);
  return f->is_repeated ? encode_list(e, f, n) : encode_value(e, f, n);
}

/* ---- messages ---- */

/* What an object has set so far. */
typedef struct progress {
  const message_type *message;
  bool *is_set;         /* of each field */
  const field **oneofs; /* of each oneof, its member */
} progress;

static bool unknown_field(encoder *e, const message_type *m, const node *name, const char *text,
                          size_t len) {
  if (e->options->ignores_unknown) return true;
  const char *near = message_nearest_field(m, text, len);
  return node_problem(e->document, name, e->problem, "%s has no field %s%s%s%s",
                      quoted_name(m->name).text, quote(text, len).text,
                      near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static bool check_twice(encoder *e, progress *so_far, const field *f, const node *name) {
  bool *is_set = &so_far->is_set[f - so_far->message->fields];
  if (*is_set)
    return node_problem(e->document, name, e->problem, "%s is given twice, by either of its names",
                        quoted_name(f->name).text);
  *is_set = true;
  return true;
}

static bool check_oneof(encoder *e, progress *so_far, const field *f, const node *name) {
  if (f->oneof == NO_ONEOF) return true;
  const field **member = &so_far->oneofs[f->oneof];
  if (*member)
    return node_problem(e->document, name, e->problem,
                        "%s and %s are both of oneof %s: only one of them can be set",
                        quoted_name((*member)->name).text, quoted_name(f->name).text,
                        quoted_name(so_far->message->oneofs[f->oneof]).text);
  *member = f;
  return true;
}

static bool encode_member(encoder *e, progress *so_far, const node *name, const node *value) {
  size_t len;
  const char *text = node_string(e->document, e->memory, name, &len);
  const field *f = message_field(so_far->message, text, len);
  if (!f) return unknown_field(e, so_far->message, name, text, len);
  if (value->type == NODE_NULL && (f->is_repeated || !takes_null(f))) return true;
  return check_twice(e, so_far, f, name) && check_oneof(e, so_far, f, name) &&
         encode_field(e, f, value);
}

static bool check_required(encoder *e, const progress *so_far, const node *object) {
  const message_type *m = so_far->message;
  for (size_t i = 0; i < m->field_count; i++)
    if (m->fields[i].is_required && !so_far->is_set[i])
      return node_problem(e->document, object, e->problem, "%s lacks its required field %s",
                          quoted_name(m->name).text, quoted_name(m->fields[i].name).text);
  return true;
}

bool encode_fields(encoder *e, const message_type *m, const node *object, const node *skipped) {
  pool scratch = {NULL};
  progress so_far = {.message = m,
                     .is_set = pool_get(&scratch, m->field_count, sizeof *so_far.is_set),
                     .oneofs = pool_get(&scratch, m->oneof_count, sizeof *so_far.oneofs)};
  bool is_good = true;
  for (const node *n = node_first(object); is_good && n < node_end(object); n = node_end(n + 1))
    if (n != skipped) is_good = encode_member(e, &so_far, n, n + 1);
  is_good = is_good && check_required(e, &so_far, object);
  pool_free(&scratch);
  return is_good;
}

static bool encode_plain(encoder *e, const message_type *m, const node *n) {
  if (n->type != NODE_OBJECT)
    return node_problem(e->document, n, e->problem, "%s takes an object, not %s",
                        quoted_name(m->name).text, node_kind(n));
  return encode_fields(e, m, n, NULL);
}

bool encode_message(encoder *e, const message_type *m, const node *n) {
  if (e->depth == CODEC_MAX_DEPTH)
    return node_problem(e->document, n, e->problem, "messages in messages more than %d deep",
                        CODEC_MAX_DEPTH);
  e->depth++;
  bool has_own_form = m->known != KNOWN_NOT && m->known != KNOWN_EMPTY;
  bool is_good = has_own_form ? encode_known(e, m, n) : encode_plain(e, m, n);
  e->depth--;
  return is_good;
}

bool codec_read_json(const registry *r, const message_type *m, const char *json, size_t len,
                     const codec_options *o, buffer *out, problem *p) {
  pool memory = {NULL};
  document d = {.first_line = o->first_line, .first_column = o->first_column};
  size_t start = out->len;
  bool is_good = document_read(&d, &memory, json, len, CODEC_MAX_JSON, p);
  if (is_good) {
    encoder e = {
        .types = r, .options = o, .document = &d, .memory = &memory, .out = out, .problem = p};
    shapes_init(&e.shapes, r);
    is_good = encode_message(&e, m, d.root);
  }
  if (!is_good) out->len = start;
  pool_free(&memory);
  return is_good;
}
