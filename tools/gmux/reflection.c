/* reflection.c: ServerReflectionRequest and ServerReflectionResponse. */
#include "tools/gmux/reflection.h"
#include "tools/gmux/wire.h"

#include <string.h>

/* Fields of grpc/reflection/v1/reflection.proto. */
enum {
  RESPONSE_FILES = 4,
  RESPONSE_SERVICES = 6,
  RESPONSE_ERROR = 7,
  FILES_FILE = 1,
  SERVICES_SERVICE = 1,
  SERVICE_NAME = 1,
  ERROR_CODE = 1,
  ERROR_MESSAGE = 2
};

void reflection_ask(buffer *out, reflection_question question, const char *name) {
  wire_add_bytes(out, (uint32_t)question, name, strlen(name));
}

typedef struct walk {
  wire_reader reader;
  bool is_broken;
} walk;

static walk walk_of(const uint8_t *data, size_t len) {
  return (walk){.reader = {.data = data, .len = len}};
}

/* The next field; false at the end, or where it is broken. */
static bool walk_next(walk *w, wire_field *field) {
  if (w->reader.at == w->reader.len) return false;
  w->is_broken = !wire_read(&w->reader, field);
  return !w->is_broken;
}

/* The next field of bytes. */
static bool walk_bytes(walk *w, wire_field *field) {
  while (walk_next(w, field))
    if (field->type == WIRE_BYTES) return true;
  return false;
}

static bool walk_end(const walk *w, problem *p) {
  return !w->is_broken || problem_set(p, "what reflection answered is broken");
}

/* ---- answers ---- */

static bool read_files(reflection_answer *a, const wire_field *message, problem *p) {
  walk w = walk_of(message->data, message->len);
  wire_field file;
  while (walk_bytes(&w, &file))
    if (file.number == FILES_FILE && !files_add(a->files, file.data, file.len, p)) return false;
  return walk_end(&w, p);
}

static bool name_add(reflection_answer *a, const wire_field *name, problem *p) {
  reflection_names *n = a->names;
  if (n->count == REFLECTION_MAX_NAMES)
    return problem_set(p, "the server has more than %d services", REFLECTION_MAX_NAMES);
  if (memchr(name->data, 0, name->len)) return problem_set(p, "a service has a name that is none");
  pool *memory = &a->files->memory;
  if (n->count == n->room) {
    n->room = n->room ? n->room * 2 : 16;
    const char **grown = pool_get(memory, n->room, sizeof *grown);
    if (n->count) memcpy(grown, n->list, n->count * sizeof *grown);
    n->list = grown;
  }
  char *copy = pool_get(memory, name->len + 1, 1);
  memcpy(copy, name->data, name->len);
  n->list[n->count++] = copy;
  return true;
}

static bool read_service(reflection_answer *a, const wire_field *service, problem *p) {
  walk w = walk_of(service->data, service->len);
  wire_field name;
  while (walk_bytes(&w, &name))
    if (name.number == SERVICE_NAME && name.len > 0 && !name_add(a, &name, p)) return false;
  return walk_end(&w, p);
}

static bool read_services(reflection_answer *a, const wire_field *message, problem *p) {
  walk w = walk_of(message->data, message->len);
  wire_field service;
  while (walk_bytes(&w, &service))
    if (service.number == SERVICES_SERVICE && !read_service(a, &service, p)) return false;
  return walk_end(&w, p);
}

/* An error without a code, or with one of no error, is one all the same. */
static bool read_error(reflection_answer *a, const wire_field *message, problem *p) {
  enum { UNKNOWN = 2, LAST = 16 };
  walk w = walk_of(message->data, message->len);
  wire_field field;
  a->error_code = UNKNOWN;
  while (walk_next(&w, &field)) {
    if (field.number == ERROR_CODE && field.type == WIRE_VARINT && field.value - 1 < LAST)
      a->error_code = (int)field.value;
    if (field.number == ERROR_MESSAGE && field.type == WIRE_BYTES)
      problem_set(&a->words, "%s", quote((const char *)field.data, field.len).text);
  }
  return walk_end(&w, p);
}

static bool read_part(reflection_answer *a, const wire_field *part, problem *p) {
  if (part->number == RESPONSE_FILES) return read_files(a, part, p);
  if (part->number == RESPONSE_SERVICES) return read_services(a, part, p);
  return part->number != RESPONSE_ERROR || read_error(a, part, p);
}

bool reflection_read(reflection_answer *a, const uint8_t *data, size_t len, problem *p) {
  walk w = walk_of(data, len);
  wire_field part;
  a->error_code = 0;
  a->words.words[0] = 0;
  while (walk_bytes(&w, &part))
    if (!read_part(a, &part, p)) return false;
  return walk_end(&w, p);
}
