/* known.c: by name. */
#include "tools/gmux/known.h"
#include "tools/gmux/types.h"

#include <stddef.h>
#include <string.h>

typedef struct entry {
  const char *name;
  known kind;
  field_type wrapped;
} entry;

static const entry entries[] = {
    {"google.protobuf.Any", KNOWN_ANY, 0},
    {"google.protobuf.BoolValue", KNOWN_WRAPPER, FIELD_BOOL},
    {"google.protobuf.BytesValue", KNOWN_WRAPPER, FIELD_BYTES},
    {"google.protobuf.DoubleValue", KNOWN_WRAPPER, FIELD_DOUBLE},
    {"google.protobuf.Duration", KNOWN_DURATION, 0},
    {"google.protobuf.Empty", KNOWN_EMPTY, 0},
    {"google.protobuf.FieldMask", KNOWN_FIELD_MASK, 0},
    {"google.protobuf.FloatValue", KNOWN_WRAPPER, FIELD_FLOAT},
    {"google.protobuf.Int32Value", KNOWN_WRAPPER, FIELD_INT32},
    {"google.protobuf.Int64Value", KNOWN_WRAPPER, FIELD_INT64},
    {"google.protobuf.ListValue", KNOWN_LIST_VALUE, 0},
    {"google.protobuf.StringValue", KNOWN_WRAPPER, FIELD_STRING},
    {"google.protobuf.Struct", KNOWN_STRUCT, 0},
    {"google.protobuf.Timestamp", KNOWN_TIMESTAMP, 0},
    {"google.protobuf.UInt32Value", KNOWN_WRAPPER, FIELD_UINT32},
    {"google.protobuf.UInt64Value", KNOWN_WRAPPER, FIELD_UINT64},
    {"google.protobuf.Value", KNOWN_VALUE, 0},
};
enum { COUNT = sizeof entries / sizeof *entries };

static const entry *find(const char *name) {
  for (unsigned i = 0; i < COUNT; i++)
    if (strcmp(entries[i].name, name) == 0) return &entries[i];
  return NULL;
}

known known_by_name(const char *name) {
  const entry *e = find(name);
  return e ? e->kind : KNOWN_NOT;
}

const char *known_name(unsigned i) {
  return i < COUNT ? entries[i].name : NULL;
}

int known_wrapped_type(const char *name) {
  const entry *e = find(name);
  return e ? (int)e->wrapped : 0;
}
