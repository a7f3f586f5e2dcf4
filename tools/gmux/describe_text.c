/* describe_text.c: descriptors as .proto. Names and comments are a server's: they are made plain.
 */
#include "tools/gmux/describe.h"
#include "tools/gmux/plain.h"
#include "tools/gmux/remarks.h"

#include <string.h>

enum { LABEL_OPTIONAL = 1, LABEL_REQUIRED = 2, LABEL_REPEATED = 3 };

typedef struct writer {
  const registry *types;
  buffer *out;
  remarks remarks;
  unsigned depth;
  bool is_proto3;
} writer;

/* ---- lines ---- */

static void begin_line(const writer *w) {
  buffer_add_format(w->out, "%*s", (int)(w->depth * 2), "");
}

static void add(const writer *w, const char *text) {
  plain_add_string(w->out, text);
}

static void line(const writer *w, const char *text) {
  begin_line(w);
  buffer_add_string(w->out, text);
  buffer_add(w->out, "\n", 1);
}

static void begin_block(writer *w, const char *keyword, const char *name) {
  begin_line(w);
  buffer_add_format(w->out, "%s ", keyword);
  add(w, name);
  buffer_add_string(w->out, " {\n");
  w->depth++;
}

static void end_block(writer *w) {
  w->depth--;
  line(w, "}");
}

static void comment_line(const writer *w, const char *text, size_t len) {
  begin_line(w);
  buffer_add_string(w->out, "//");
  if (len > 0 && *text != ' ') buffer_add(w->out, " ", 1);
  plain_add(w->out, text, len);
  buffer_add(w->out, "\n", 1);
}

static void comment(const writer *w, const remark_place *at) {
  const char *text = remark_at(&w->remarks, at);
  while (*text) {
    size_t len = strcspn(text, "\n");
    comment_line(w, text, len);
    text += len + (text[len] == '\n');
  }
}

/* ---- fields ---- */

/* "pkg.Type" of ".pkg.Type". */
static const char *bare(const char *name) {
  return name && *name == '.' ? name + 1 : name ? name : "";
}

static const message_type *map_entry(const writer *w, const Plugin__Field *d) {
  const char *name = bare(d->type_name);
  const message_type *m = d->type == FIELD_MESSAGE && d->label == LABEL_REPEATED
                              ? registry_message(w->types, name, strlen(name))
                              : NULL;
  return m && m->is_map_entry ? m : NULL;
}

static const char *type_name(const field *f) {
  if (f->message) return f->message->name;
  return f->enumeration ? f->enumeration->name : field_type_name(f->type);
}

static void add_type(const writer *w, const Plugin__Field *d) {
  const message_type *entry = map_entry(w, d);
  if (entry) {
    buffer_add_string(w->out, "map<");
    add(w, type_name(&entry->fields[0]));
    buffer_add_string(w->out, ", ");
    add(w, type_name(&entry->fields[1]));
    buffer_add(w->out, ">", 1);
  } else if (d->type_name && *d->type_name) {
    add(w, d->type == FIELD_GROUP ? "group " : "");
    add(w, bare(d->type_name));
  } else {
    add(w, field_type_name((field_type)d->type));
  }
}

static const char *label_of(const writer *w, const Plugin__Field *d) {
  if (map_entry(w, d)) return "";
  if (d->label == LABEL_REPEATED) return "repeated ";
  if (d->label == LABEL_REQUIRED) return "required ";
  bool is_member = d->has_oneof_index && !d->proto3_optional;
  return d->proto3_optional || (!w->is_proto3 && !is_member) ? "optional " : "";
}

static void add_option(const writer *w, bool *is_first, const char *name, const char *value,
                       const char *quotes) {
  buffer_add_format(w->out, "%s%s = %s", *is_first ? " [" : ", ", name, quotes);
  add(w, value);
  buffer_add_string(w->out, quotes);
  *is_first = false;
}

static bool has_quotes(const Plugin__Field *d) {
  return d->type == FIELD_STRING || d->type == FIELD_BYTES;
}

static void add_options(const writer *w, const Plugin__Field *d) {
  bool is_first = true;
  if (d->default_value)
    add_option(w, &is_first, "default", d->default_value, has_quotes(d) ? "\"" : "");
  if (d->options && d->options->has_packed)
    add_option(w, &is_first, "packed", d->options->packed ? "true" : "false", "");
  if (d->options && d->options->deprecated) add_option(w, &is_first, "deprecated", "true", "");
  if (!is_first) buffer_add(w->out, "]", 1);
}

static void write_field(const writer *w, const Plugin__Field *d, const remark_place *at) {
  comment(w, at);
  begin_line(w);
  buffer_add_string(w->out, label_of(w, d));
  add_type(w, d);
  buffer_add(w->out, " ", 1);
  add(w, d->name);
  buffer_add_format(w->out, " = %d", (int)d->number);
  add_options(w, d);
  buffer_add_string(w->out, ";\n");
}

/* ---- enums ---- */

static void write_enum(writer *w, const Plugin__Enum *d, const remark_place *at) {
  comment(w, at);
  begin_block(w, "enum", d->name);
  for (size_t i = 0; i < d->n_value; i++) {
    remark_place value = remark_in(at, REMARK_IN_ENUM_VALUE, i);
    comment(w, &value);
    begin_line(w);
    add(w, d->value[i]->name);
    buffer_add_format(w->out, " = %d;\n", (int)d->value[i]->number);
  }
  end_block(w);
}

/* ---- messages ---- */

static bool is_in(const Plugin__Field *d, size_t oneof) {
  return d->has_oneof_index && !d->proto3_optional && d->oneof_index >= 0 &&
         (size_t)d->oneof_index == oneof;
}

static void write_oneof(writer *w, const Plugin__Type *d, size_t oneof, const remark_place *at) {
  remark_place here = remark_in(at, REMARK_IN_MESSAGE_ONEOF, oneof);
  comment(w, &here);
  begin_block(w, "oneof", d->oneof_decl[oneof]->name);
  for (size_t i = 0; i < d->n_field; i++) {
    if (!is_in(d->field[i], oneof)) continue;
    remark_place field_at = remark_in(at, REMARK_IN_MESSAGE_FIELD, i);
    write_field(w, d->field[i], &field_at);
  }
  end_block(w);
}

/* A oneof stands where its first field does; `written` has those that were. */
static void write_fields(writer *w, const Plugin__Type *d, const remark_place *at, bool *written) {
  for (size_t i = 0; i < d->n_field; i++) {
    const Plugin__Field *f = d->field[i];
    if (f->has_oneof_index && !f->proto3_optional) {
      size_t oneof = (size_t)f->oneof_index; /* fields.c has looked at it */
      if (!written[oneof]) write_oneof(w, d, oneof, at);
      written[oneof] = true;
      continue;
    }
    remark_place field_at = remark_in(at, REMARK_IN_MESSAGE_FIELD, i);
    write_field(w, f, &field_at);
  }
}

static void write_ranges(const writer *w, const Plugin__Type *d) {
  for (size_t i = 0; i < d->n_extension_range; i++) {
    begin_line(w);
    buffer_add_format(w->out, "extensions %d to %d;\n", (int)d->extension_range[i]->start,
                      (int)((uint32_t)d->extension_range[i]->end - 1));
  }
}

/* As deep as registry.c has allowed. */
static void write_message(writer *w, const Plugin__Type *d, const remark_place *at) {
  comment(w, at);
  begin_block(w, "message", d->name);
  bool *written = pool_get(&w->remarks.memory, d->n_oneof_decl + 1, sizeof *written);
  write_fields(w, d, at, written);
  write_ranges(w, d);
  for (size_t i = 0; i < d->n_nested_type; i++) {
    const Plugin__Type *inner = d->nested_type[i];
    if (inner->options && inner->options->map_entry) continue;
    remark_place inner_at = remark_in(at, REMARK_IN_MESSAGE_MESSAGE, i);
    write_message(w, inner, &inner_at);
  }
  for (size_t i = 0; i < d->n_enum_type; i++) {
    remark_place inner_at = remark_in(at, REMARK_IN_MESSAGE_ENUM, i);
    write_enum(w, d->enum_type[i], &inner_at);
  }
  end_block(w);
}

/* ---- services ---- */

static void write_method(const writer *w, const Plugin__Method *d, const remark_place *at) {
  comment(w, at);
  begin_line(w);
  buffer_add_string(w->out, "rpc ");
  add(w, d->name);
  buffer_add_string(w->out, d->client_streaming ? " (stream " : " (");
  add(w, bare(d->input_type));
  buffer_add_string(w->out, d->server_streaming ? ") returns (stream " : ") returns (");
  add(w, bare(d->output_type));
  bool is_deprecated = d->options && d->options->deprecated;
  buffer_add_string(w->out, is_deprecated ? ") { option deprecated = true; }\n" : ");\n");
}

static void write_service(writer *w, const Plugin__Service *d, const remark_place *at) {
  comment(w, at);
  begin_block(w, "service", d->name);
  for (size_t i = 0; i < d->n_method; i++) {
    remark_place method_at = remark_in(at, REMARK_IN_SERVICE_METHOD, i);
    write_method(w, d->method[i], &method_at);
  }
  end_block(w);
}

/* ---- a symbol ---- */

static void write_symbol(const registry *r, const symbol *s, const subject *what, buffer *out) {
  writer w = {.types = r, .out = out, .is_proto3 = s->is_proto3};
  remark_place at;
  remarks_open(&w.remarks, r, s->file, s->descriptor, &at);
  buffer_add_string(out, "// ");
  add(&w, s->name);
  buffer_add_string(out, ", of ");
  add(&w, s->file);
  buffer_add(out, "\n", 1);
  if (what->message)
    write_message(&w, s->descriptor, &at);
  else if (what->enumeration)
    write_enum(&w, s->descriptor, &at);
  else
    write_service(&w, s->descriptor, &at);
  remarks_close(&w.remarks);
}

/* Of a well-known type that is not there nothing can be shown. */
static void write_part(const registry *r, const message_type *m, buffer *out) {
  const symbol *s = symbols_find(&r->messages, m->name, strlen(m->name));
  subject part = {.symbol = s, .message = m};
  if (!s || !s->descriptor) return;
  buffer_add(out, "\n", 1);
  write_symbol(r, s, &part, out);
}

static void write_one_method(const registry *r, const subject *what, buffer *out) {
  const Plugin__Service *d = what->symbol->descriptor;
  size_t index = (size_t)(what->method - what->service->methods);
  writer w = {.types = r, .out = out};
  remark_place at;
  remarks_open(&w.remarks, r, what->symbol->file, d, &at);
  at = remark_in(&at, REMARK_IN_SERVICE_METHOD, index);
  buffer_add_string(out, "// ");
  add(&w, what->method->path);
  buffer_add_string(out, ", of ");
  add(&w, what->symbol->file);
  buffer_add(out, "\n", 1);
  write_method(&w, d->method[index], &at);
  remarks_close(&w.remarks);
  write_part(r, what->method->request, out);
  if (what->method->reply != what->method->request) write_part(r, what->method->reply, out);
}

void describe_text(const registry *r, const subject *s, buffer *out) {
  if (s->method)
    write_one_method(r, s, out);
  else
    write_symbol(r, s->symbol, s, out);
}
