/* shapes.c: google/protobuf/struct.proto and wrappers.proto. */
#include "tools/gmux/shapes.h"

#include <string.h>

static const message_type *find(const registry *r, const char *name) {
  return registry_message(r, name, strlen(name));
}

static field plain(const char *name, uint32_t number, field_type type) {
  return (field){.name = name,
                 .json = name,
                 .number = number,
                 .type = type,
                 .oneof = NO_ONEOF,
                 .has_presence = true};
}

static field holding(const char *name, uint32_t number, const message_type *m) {
  field f = plain(name, number, FIELD_MESSAGE);
  f.message = m;
  return f;
}

void shapes_init(shapes *s, const registry *r) {
  const message_type *value = find(r, "google.protobuf.Value");
  s->entry_fields[0] = plain("key", 1, FIELD_STRING);
  s->entry_fields[1] = holding("value", 2, value);
  s->entry = (message_type){.name = "google.protobuf.Struct.FieldsEntry",
                            .is_map_entry = true,
                            .fields = s->entry_fields,
                            .field_count = 2};
  s->members = holding("fields", 1, &s->entry);
  s->members.is_repeated = true;
  s->items = holding("values", 1, value);
  s->items.is_repeated = true;
  s->kinds[0] = (field){.name = NULL};
  s->kinds[VALUE_NULL] = plain("null_value", VALUE_NULL, FIELD_INT32);
  s->kinds[VALUE_NUMBER] = plain("number_value", VALUE_NUMBER, FIELD_DOUBLE);
  s->kinds[VALUE_STRING] = plain("string_value", VALUE_STRING, FIELD_STRING);
  s->kinds[VALUE_BOOL] = plain("bool_value", VALUE_BOOL, FIELD_BOOL);
  s->kinds[VALUE_STRUCT] = holding("struct_value", VALUE_STRUCT, find(r, "google.protobuf.Struct"));
  s->kinds[VALUE_LIST] = holding("list_value", VALUE_LIST, find(r, "google.protobuf.ListValue"));
}

field wrapper_field(const message_type *wrapper) {
  field f = plain("value", WRAPPED_VALUE, (field_type)known_wrapped_type(wrapper->name));
  f.has_presence = false;
  return f;
}
