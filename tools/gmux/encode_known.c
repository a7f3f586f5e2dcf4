/* encode_known.c: well-known types, from their forms in JSON. */
#include "tools/gmux/encode.h"
#include "tools/gmux/mask.h"
#include "tools/gmux/moment.h"
#include "tools/gmux/wire.h"

#include <string.h>

static bool takes(encoder *e, const message_type *m, const node *n, const char *wanted) {
  return node_problem(e->document, n, e->problem, "%s takes %s, not %s", m->name, wanted,
                      node_kind(n));
}

/* ---- Timestamp, Duration ---- */

static bool encode_moment(encoder *e, const message_type *m, const node *n) {
  bool is_timestamp = m->known == KNOWN_TIMESTAMP;
  const char *wanted = is_timestamp
                           ? "a time as \"1972-01-01T10:00:20.021Z\" of the years 1 to 9999"
                           : "seconds as \"-1.5s\", at most 10,000 years";
  if (n->type != NODE_STRING) return takes(e, m, n, wanted);
  size_t len;
  const char *text = node_string(e->document, e->memory, n, &len);
  moment at;
  if (!(is_timestamp ? timestamp_read(text, len, &at) : duration_read(text, len, &at)))
    return node_problem(e->document, n, e->problem, "%s takes %s, not %s", m->name, wanted,
                        quote(text, len).text);
  if (at.seconds) wire_add_number(e->out, SECONDS, WIRE_VARINT, (uint64_t)at.seconds);
  if (at.nanos) wire_add_number(e->out, NANOS, WIRE_VARINT, (uint64_t)(int64_t)at.nanos);
  return true;
}

/* ---- FieldMask ---- */

static bool encode_mask(encoder *e, const message_type *m, const node *n) {
  if (n->type != NODE_STRING) return takes(e, m, n, "paths as \"fooBar,baz\"");
  size_t len;
  const char *at = node_string(e->document, e->memory, n, &len), *end = at + len;
  while (len > 0 && at <= end) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    size_t path = (size_t)((comma ? comma : end) - at);
    size_t mark = wire_begin(e->out, MASK_PATHS);
    if (!mask_path_from_json(e->out, at, path))
      return node_problem(e->document, n, e->problem, "%s: %s is no path as fooBar.baz", m->name,
                          quote(at, path).text);
    wire_end(e->out, mark);
    at += path + 1;
  }
  return true;
}

/* ---- Struct, ListValue, Value ---- */

static bool encode_struct(encoder *e, const message_type *m, const node *n) {
  return n->type == NODE_OBJECT ? encode_field(e, &e->shapes.members, n)
                                : takes(e, m, n, "an object");
}

static bool encode_list_value(encoder *e, const message_type *m, const node *n) {
  return n->type == NODE_ARRAY ? encode_field(e, &e->shapes.items, n) : takes(e, m, n, "an array");
}

static bool encode_any_value(encoder *e, const node *n) {
  static const int kinds[] = {
      [NODE_OBJECT] = VALUE_STRUCT, [NODE_ARRAY] = VALUE_LIST, [NODE_STRING] = VALUE_STRING,
      [NODE_NUMBER] = VALUE_NUMBER, [NODE_TRUE] = VALUE_BOOL,  [NODE_FALSE] = VALUE_BOOL};
  if (n->type != NODE_NULL) return encode_field(e, &e->shapes.kinds[kinds[n->type]], n);
  wire_add_number(e->out, VALUE_NULL, WIRE_VARINT, 0);
  return true;
}

static bool encode_wrapper(encoder *e, const message_type *m, const node *n) {
  field f = wrapper_field(m);
  return encode_field(e, &f, n);
}

/* ---- Any ---- */

/* An object's name, NULL if there is none such. */
static const node *find_name(encoder *e, const node *object, const char *wanted) {
  for (const node *n = node_first(object); n < node_end(object); n = node_end(n + 1)) {
    size_t len;
    const char *name = node_string(e->document, e->memory, n, &len);
    if (len == strlen(wanted) && memcmp(name, wanted, len) == 0) return n;
  }
  return NULL;
}

/* A type's name stands behind the last slash of a URL. */
static const message_type *any_type(encoder *e, const node *n, const char *url, size_t len) {
  size_t name = len;
  while (name > 0 && url[name - 1] != '/')
    name--;
  if (name == 0 || name == len) {
    node_problem(e->document, n, e->problem,
                 "\"@type\" is a URL as type.googleapis.com/package.Message, not %s",
                 quote(url, len).text);
    return NULL;
  }
  const message_type *m = registry_message(e->types, url + name, len - name);
  if (m) return m;
  const char *near = registry_nearest_message(e->types, url + name, len - name);
  node_problem(e->document, n, e->problem, "there is no message %s%s%s%s",
               quote(url + name, len - name).text, near ? ": did you mean " : "", near ? near : "",
               near ? "?" : "");
  return NULL;
}

/* {"@type": ..., "value": ...}, and nothing else. */
static bool encode_any_known(encoder *e, const message_type *m, const node *object,
                             const node *type) {
  const node *value = find_name(e, object, "value");
  if (!value)
    return node_problem(e->document, object, e->problem,
                        "%s stands in google.protobuf.Any as \"value\", which is not there",
                        m->name);
  for (const node *n = node_first(object); n < node_end(object); n = node_end(n + 1))
    if (n != type && n != value && !e->options->ignores_unknown)
      return node_problem(e->document, n, e->problem,
                          "beside \"@type\" and \"value\" of %s nothing else is taken", m->name);
  return encode_message(e, m, value + 1);
}

static bool encode_any_content(encoder *e, const message_type *m, const node *object,
                               const node *type) {
  bool has_own_form = m->known != KNOWN_NOT && m->known != KNOWN_EMPTY;
  bool is_empty_value = m->known == KNOWN_EMPTY && find_name(e, object, "value");
  if (has_own_form || is_empty_value) return encode_any_known(e, m, object, type);
  return encode_fields(e, m, object, type);
}

static bool encode_any(encoder *e, const message_type *any, const node *n) {
  if (n->type != NODE_OBJECT) return takes(e, any, n, "an object");
  if (n->span == 1) return true;
  const node *type = find_name(e, n, "@type");
  if (!type || type[1].type != NODE_STRING)
    return node_problem(e->document, type ? type + 1 : n, e->problem,
                        "%s takes an object with a string \"@type\"", any->name);
  size_t len;
  const char *url = node_string(e->document, e->memory, type + 1, &len);
  const message_type *m = any_type(e, type + 1, url, len);
  if (!m) return false;
  wire_add_bytes(e->out, ANY_URL, url, len);
  size_t start = e->out->len, mark = wire_begin(e->out, ANY_VALUE);
  if (!encode_any_content(e, m, n, type)) return false;
  if (e->out->len == mark)
    e->out->len = start;
  else
    wire_end(e->out, mark);
  return true;
}

bool encode_known(encoder *e, const message_type *m, const node *n) {
  switch (m->known) {
  case KNOWN_ANY:
    return encode_any(e, m, n);
  case KNOWN_TIMESTAMP:
  case KNOWN_DURATION:
    return encode_moment(e, m, n);
  case KNOWN_FIELD_MASK:
    return encode_mask(e, m, n);
  case KNOWN_STRUCT:
    return encode_struct(e, m, n);
  case KNOWN_LIST_VALUE:
    return encode_list_value(e, m, n);
  case KNOWN_VALUE:
    return encode_any_value(e, n);
  default:
    return encode_wrapper(e, m, n);
  }
}
