/* describe_json.c: what a symbol is, for programs. */
#include "tools/gmux/describe.h"
#include "tools/gmux/remarks.h"

#include <stdio.h>
#include <string.h>

typedef struct writer {
  printer *out;
  remarks remarks;
} writer;

static void print_int(printer *p, const char *name, int32_t number) {
  char digits[16];
  snprintf(digits, sizeof digits, "%d", (int)number);
  print_key(p, name);
  print_raw(p, digits);
}

static void comment(const writer *w, const remark_place *at) {
  const char *text = remark_at(&w->remarks, at);
  if (*text) print_text(w->out, "comment", text);
}

/* ---- messages ---- */

static const char *type_name(const field *f) {
  if (f->message) return f->message->name;
  return f->enumeration ? f->enumeration->name : field_type_name(f->type);
}

static const char *label_of(const field *f) {
  if (field_is_map(f)) return "map";
  if (f->is_repeated) return "repeated";
  if (f->is_required) return "required";
  return f->has_presence && !f->message && f->oneof == NO_ONEOF ? "optional" : "";
}

static void write_field(const writer *w, const message_type *m, const field *f,
                        const remark_place *at) {
  printer *p = w->out;
  print_open(p, '{');
  print_text(p, "name", f->name);
  print_text(p, "jsonName", f->json);
  print_int(p, "number", (int32_t)f->number);
  if (*label_of(f)) print_text(p, "label", label_of(f));
  if (field_is_map(f)) print_text(p, "keyType", type_name(map_key(f)));
  print_text(p, "type", type_name(field_is_map(f) ? map_value(f) : f));
  if (f->oneof != NO_ONEOF) print_text(p, "oneof", m->oneofs[f->oneof]);
  if (!f->is_extension) comment(w, at);
  print_close(p, '}');
}

static void write_message(const writer *w, const message_type *m, const remark_place *at) {
  print_key(w->out, "fields");
  print_open(w->out, '[');
  for (size_t i = 0; i < m->field_count; i++) {
    remark_place here = remark_in(at, REMARK_IN_MESSAGE_FIELD, i);
    write_field(w, m, &m->fields[i], &here);
  }
  print_close(w->out, ']');
}

/* ---- enums ---- */

static void write_enum(const writer *w, const enum_type *e, const remark_place *at) {
  print_key(w->out, "values");
  print_open(w->out, '[');
  for (size_t i = 0; i < e->value_count; i++) {
    remark_place here = remark_in(at, REMARK_IN_ENUM_VALUE, i);
    print_open(w->out, '{');
    print_text(w->out, "name", e->values[i].name);
    print_int(w->out, "number", e->values[i].number);
    comment(w, &here);
    print_close(w->out, '}');
  }
  print_close(w->out, ']');
}

/* ---- services ---- */

static void write_method(const writer *w, const method_type *m, const remark_place *at) {
  print_text(w->out, "path", m->path);
  print_text(w->out, "request", m->request->name);
  print_bool(w->out, "clientStreaming", m->is_client_streaming);
  print_text(w->out, "reply", m->reply->name);
  print_bool(w->out, "serverStreaming", m->is_server_streaming);
  comment(w, at);
}

static void write_service(const writer *w, const service_type *s, const remark_place *at) {
  print_key(w->out, "methods");
  print_open(w->out, '[');
  for (size_t i = 0; i < s->method_count; i++) {
    remark_place here = remark_in(at, REMARK_IN_SERVICE_METHOD, i);
    print_open(w->out, '{');
    print_text(w->out, "name", s->methods[i].name);
    write_method(w, &s->methods[i], &here);
    print_close(w->out, '}');
  }
  print_close(w->out, ']');
}

/* ---- a symbol ---- */

static const char *kind_of(const subject *s) {
  if (s->method) return "method";
  if (s->message) return "message";
  return s->enumeration ? "enum" : "service";
}

static void write_content(const writer *w, const subject *s, const remark_place *at) {
  if (s->method) {
    size_t index = (size_t)(s->method - s->service->methods);
    remark_place here = remark_in(at, REMARK_IN_SERVICE_METHOD, index);
    write_method(w, s->method, &here);
    return;
  }
  comment(w, at);
  if (s->message)
    write_message(w, s->message, at);
  else if (s->enumeration)
    write_enum(w, s->enumeration, at);
  else
    write_service(w, s->service, at);
}

void describe_json(const registry *r, const subject *s, printer *p) {
  writer w = {.out = p};
  remark_place at;
  remarks_open(&w.remarks, r, s->symbol->file, s->symbol->descriptor, &at);
  print_open(p, '{');
  print_text(p, "kind", kind_of(s));
  print_text(p, "name", s->method ? s->method->name : s->symbol->name);
  print_text(p, "file", s->symbol->file);
  write_content(&w, s, &at);
  print_close(p, '}');
  remarks_close(&w.remarks);
}
