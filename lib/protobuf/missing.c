/*
 * missing.c: why protobuf_c_message_check said no, in words.
 *
 * The same walk as protobuf-c's, which tells only that something is wrong. It runs after a failure,
 * so it may take its time; the path is written as it goes down and cut back as it comes up.
 */
#include "lib/protobuf/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct walk {
  char path[192]; /* "home.streets[2]": where the walk stands */
  size_t path_len;
  char *why;
  size_t why_len;
} walk;

static void GMUX_PRINTF(2, 3) walk_append(walk *w, const char *format, ...) {
  size_t room = sizeof w->path - w->path_len;
  va_list args;
  va_start(args, format);
  int len = vsnprintf(w->path + w->path_len, room, format, args);
  va_end(args);
  if (len > 0) w->path_len += (size_t)len < room ? (size_t)len : room - 1;
}

/* Always true, so that who calls it can return it: "found". */
static bool walk_say(walk *w, const char *what) {
  snprintf(w->why, w->why_len, "field %s: %s", w->path, what);
  return true;
}

static const void *member(const ProtobufCMessage *message, size_t offset) {
  return (const uint8_t *)message + offset;
}

static bool walk_message(walk *w, const ProtobufCMessage *message);

/* `value` is one element: of the field itself, or of its array. */
static bool walk_value(walk *w, const ProtobufCFieldDescriptor *field, const void *value,
                       bool must_be_there) {
  switch (field->type) {
  case PROTOBUF_C_TYPE_MESSAGE: {
    const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)value;
    if (inner) return walk_message(w, inner);
    return must_be_there && walk_say(w, "is required and not set");
  }
  case PROTOBUF_C_TYPE_STRING:
    return must_be_there && !*(const char *const *)value && walk_say(w, "is required and not set");
  case PROTOBUF_C_TYPE_BYTES: {
    const ProtobufCBinaryData *bytes = value;
    return bytes->len > 0 && !bytes->data && walk_say(w, "has a length, but its data is NULL");
  }
  default:
    return false;
  }
}

static size_t element_size(ProtobufCType type) {
  return type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(void *);
}

static bool walk_array(walk *w, const ProtobufCFieldDescriptor *field, const void *elements,
                       size_t count) {
  if (count == 0) return false;
  if (!elements) return walk_say(w, "has a count, but its array is NULL");
  if (field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_STRING &&
      field->type != PROTOBUF_C_TYPE_BYTES)
    return false;
  size_t here = w->path_len;
  for (size_t i = 0; i < count; i++) {
    walk_append(w, "[%zu]", i);
    if (walk_value(w, field, (const uint8_t *)elements + i * element_size(field->type), true))
      return true;
    w->path[w->path_len = here] = '\0';
  }
  return false;
}

static bool walk_field(walk *w, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field) {
  const void *quantifier = member(message, field->quantifier_offset);
  const void *value = member(message, field->offset);
  if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(const uint32_t *)quantifier != field->id)
    return false;
  if (field->label == PROTOBUF_C_LABEL_REPEATED)
    return walk_array(w, field, *(const void *const *)value, *(const size_t *)quantifier);
  if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type == PROTOBUF_C_TYPE_BYTES &&
      !*(const protobuf_c_boolean *)quantifier)
    return false;
  return walk_value(w, field, value, field->label == PROTOBUF_C_LABEL_REQUIRED);
}

static bool walk_message(walk *w, const ProtobufCMessage *message) {
  const ProtobufCMessageDescriptor *type = message->descriptor;
  if (!type || type->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
    return walk_say(w, "is a message that was not initialised");
  size_t here = w->path_len;
  for (unsigned i = 0; i < type->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    walk_append(w, here > 0 ? ".%s" : "%s", field->name ? field->name : "?");
    if (walk_field(w, message, field)) return true;
    w->path[w->path_len = here] = '\0';
  }
  return false;
}

void gmux__protobuf_explain_missing(const ProtobufCMessage *message, char *why, size_t len) {
  walk w = {.why = why, .why_len = len};
  snprintf(why, len, "a required field is not set");
  walk_message(&w, message);
}
