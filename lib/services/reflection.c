/*
 * reflection.c: grpc.reflection.v1.ServerReflection, and the same as v1alpha.
 *
 * A seat holds the schema of one server. A stream is answered request by request: the next is let
 * in when the last answer has been framed, so what a client can have waiting is one answer a
 * stream, however much it asks for.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/base/options.h"
#include "lib/server/call.h"
#include "lib/server/front.h"
#include "lib/services/answer.h"
#include "lib/services/descriptors.h"
#include "lib/services/schema.h"
#include "lib/wire/gzip.h"
#include <gmux/reflection.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers of reflection.proto. */
enum {
  REQUEST_HOST = 1,
  REQUEST_FILE_BY_FILENAME = 3,
  REQUEST_FILE_CONTAINING_SYMBOL = 4,
  REQUEST_FILE_CONTAINING_EXTENSION = 5,
  REQUEST_ALL_EXTENSION_NUMBERS = 6,
  REQUEST_LIST_SERVICES = 7,
  EXTENSION_TYPE = 1,
  EXTENSION_NUMBER = 2,
  RESPONSE_VALID_HOST = 1,
  RESPONSE_ORIGINAL_REQUEST = 2,
  RESPONSE_FILES = 4,
  RESPONSE_NUMBERS = 5,
  RESPONSE_SERVICES = 6,
  RESPONSE_ERROR = 7,
  FILES_PROTO = 1,
  NUMBERS_TYPE = 1,
  NUMBERS_NUMBER = 2,
  SERVICES_SERVICE = 1,
  SERVICE_NAME = 1,
  ERROR_CODE = 1,
  ERROR_MESSAGE = 2
};

/* Names have at most 1024 bytes, and the request is sent back with the answer. */
enum { REQUEST_MAX_BYTES = 8192 };
/* Of the descriptors of our own services, 11,497 bytes. */
enum { OWN_MAX_BYTES = 65536 };

typedef struct seat {
  gmux__server_hook hook;
  gmux_server *server;
  gmux__schema schema;
  gmux_bytes services; /* a ListServiceResponse, made when it is first asked for */
  bool has_services;
  /* Of one answer: the files on their way into it, in order, and whether a file is among them. */
  size_t *queue;
  bool *is_queued;
} seat;

typedef struct request {
  gmux__schema_text host;
  uint32_t what; /* a field number; 0: nothing is asked for */
  gmux__schema_text text;
  int32_t number;
} request;

/* ---- the request ---- */

static gmux__schema_text text_of(const gmux__pb_field *field) {
  return (gmux__schema_text){(const char *)field->data, field->len};
}

static bool read_extension(request *r, const gmux__pb_field *message) {
  gmux__pb_reader reader = gmux__pb_read(message->data, message->len);
  gmux__pb_field field;
  r->text = (gmux__schema_text){"", 0};
  r->number = 0;
  while (gmux__pb_next(&reader, &field)) {
    if (gmux__pb_is(&field, EXTENSION_TYPE, GMUX__PB_BYTES)) r->text = text_of(&field);
    if (gmux__pb_is(&field, EXTENSION_NUMBER, GMUX__PB_VARINT))
      r->number = (int32_t)(uint32_t)field.value;
  }
  return !reader.is_broken;
}

/* Borrowed from the message. False: it is none. */
static bool read_request(request *r, const gmux_bytes *message) {
  gmux__pb_reader reader = gmux__pb_read(message->data, message->len);
  gmux__pb_field field;
  *r = (request){.what = 0};
  while (gmux__pb_next(&reader, &field)) {
    if (field.type != GMUX__PB_BYTES) continue;
    if (field.number == REQUEST_HOST) r->host = text_of(&field);
    if (field.number < REQUEST_FILE_BY_FILENAME || field.number > REQUEST_LIST_SERVICES) continue;
    r->what = field.number; /* of a oneof the last counts */
    r->text = text_of(&field);
    if (r->what == REQUEST_FILE_CONTAINING_EXTENSION && !read_extension(r, &field)) return false;
  }
  return !reader.is_broken;
}

/* ---- answers ---- */

static void put_error(gmux__pb_writer *w, gmux_code code, const char *words) {
  size_t mark = gmux__pb_begin(w, RESPONSE_ERROR);
  gmux__pb_put_uint(w, ERROR_CODE, (uint64_t)code);
  gmux__pb_put_string(w, ERROR_MESSAGE, words);
  gmux__pb_end(w, mark);
}

/* The file and all that it imports, directly or not, into seat->queue. Returns how many. */
static size_t queue_fill(seat *s, const gmux__schema_file *file) {
  size_t count = 0;
  s->queue[count++] = file->index;
  s->is_queued[file->index] = true;
  for (size_t i = 0; i < count; i++) {
    const gmux__schema_file *next = s->schema.files[s->queue[i]];
    for (size_t k = 0; k < next->import_count; k++) {
      size_t import = next->imports[k];
      if (s->is_queued[import]) continue;
      s->is_queued[import] = true;
      s->queue[count++] = import;
    }
  }
  for (size_t i = 0; i < count; i++)
    s->is_queued[s->queue[i]] = false;
  return count;
}

/* What was asked for always, what it imports once a stream. */
static void put_file(gmux__pb_writer *w, seat *s, bool *was_sent, const gmux__schema_file *file) {
  if (!file) {
    put_error(w, GMUX_NOT_FOUND, "not found in the server's descriptors");
    return;
  }
  size_t mark = gmux__pb_begin(w, RESPONSE_FILES), count = queue_fill(s, file);
  for (size_t i = 0; i < count; i++) {
    const gmux__schema_file *next = s->schema.files[s->queue[i]];
    if (i > 0 && was_sent[next->index]) continue;
    was_sent[next->index] = true;
    gmux__pb_add_bytes(w, FILES_PROTO, next->data, next->len);
  }
  gmux__pb_end(w, mark);
}

static void put_numbers(gmux__pb_writer *w, const seat *s, gmux__schema_text type) {
  size_t count;
  const gmux__schema_extension *extensions = gmux__schema_extensions(&s->schema, type, &count);
  if (!extensions && !gmux__schema_by_symbol(&s->schema, type)) {
    put_error(w, GMUX_NOT_FOUND, "not found in the server's descriptors");
    return;
  }
  size_t mark = gmux__pb_begin(w, RESPONSE_NUMBERS);
  gmux__pb_put_bytes(w, NUMBERS_TYPE, type.at, type.len);
  for (size_t i = 0; i < count; i++)
    gmux__pb_add_uint(w, NUMBERS_NUMBER, (uint64_t)(int64_t)extensions[i].number);
  gmux__pb_end(w, mark);
}

typedef struct names {
  const char **at;
  size_t count;
} names;

static void names_add(const char *key, void *value, void *arg) {
  (void)value;
  names *n = arg;
  n->at[n->count++] = key;
}

static int names_compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Once: what a server that listens serves does not change any more. */
static int seat_list_services(seat *s) {
  if (s->has_services) return 0;
  const gmux__map *services = &s->server->methods.services;
  names n = {.at = gmux__malloc(gmux__map_count(services) * sizeof *n.at)};
  if (!n.at) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__map_each(services, names_add, &n);
  qsort(n.at, n.count, sizeof *n.at, names_compare);
  gmux__pb_writer w = {.buf = {0}};
  for (size_t i = 0; i < n.count; i++) {
    size_t mark = gmux__pb_begin(&w, SERVICES_SERVICE);
    gmux__pb_put_string(&w, SERVICE_NAME, n.at[i]);
    gmux__pb_end(&w, mark);
  }
  gmux__free(n.at);
  int error = gmux__pb_finish(&w, &s->services);
  s->has_services = !error;
  return error;
}

static void put_answer(gmux__pb_writer *w, seat *s, bool *was_sent, const request *r) {
  switch (r->what) {
  case REQUEST_FILE_BY_FILENAME:
    put_file(w, s, was_sent, gmux__schema_by_name(&s->schema, r->text));
    return;
  case REQUEST_FILE_CONTAINING_SYMBOL:
    put_file(w, s, was_sent, gmux__schema_by_symbol(&s->schema, r->text));
    return;
  case REQUEST_FILE_CONTAINING_EXTENSION:
    put_file(w, s, was_sent, gmux__schema_by_extension(&s->schema, r->text, r->number));
    return;
  case REQUEST_ALL_EXTENSION_NUMBERS:
    put_numbers(w, s, r->text);
    return;
  default:
    gmux__pb_add_bytes(w, RESPONSE_SERVICES, s->services.data, s->services.len);
  }
}

static int answer_make(gmux__pb_writer *w, seat *s, bool *was_sent, const request *r,
                       const gmux_bytes *message) {
  int error = r->what == REQUEST_LIST_SERVICES ? seat_list_services(s) : 0;
  if (error) return error;
  gmux__pb_put_bytes(w, RESPONSE_VALID_HOST, r->host.at, r->host.len);
  gmux__pb_add_bytes(w, RESPONSE_ORIGINAL_REQUEST, message->data, message->len);
  put_answer(w, s, was_sent, r);
  return 0;
}

/* ---- a stream ---- */

/* False: the call has its answer. */
static bool request_is_fair(gmux_server_call *call, const gmux_bytes *message, request *r) {
  if (message->len > REQUEST_MAX_BYTES) {
    gmux__services_fail(call, GMUX_INVALID_ARGUMENT, "the request is longer than 8192 bytes");
    return false;
  }
  if (!read_request(r, message)) {
    gmux__services_fail(call, GMUX_INTERNAL, "the request is not a valid ServerReflectionRequest");
    return false;
  }
  if (r->what) return true;
  gmux__services_fail(call, GMUX_INVALID_ARGUMENT, "the request asks for nothing");
  return false;
}

/* Which files the stream was sent, by their indices: its call's data. */
static bool *call_sent(gmux_server_call *call, const seat *s) {
  bool *was_sent = gmux_server_call_get_data(call);
  if (was_sent) return was_sent;
  was_sent = gmux__calloc(s->schema.file_count, sizeof *was_sent);
  if (!was_sent) gmux__fail_code(GMUX_ERR_NOMEM);
  gmux_server_call_set_data(call, was_sent);
  return was_sent;
}

static void on_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_set_manual_credit(call);
  gmux__server_call_queue_one(call);
}

static void on_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  seat *s = user_data;
  request r;
  if (!request_is_fair(call, message, &r) || !gmux__services_may_answer(call)) return;
  bool *was_sent = call_sent(call, s);
  gmux__pb_writer w = {.buf = {0}};
  int rv = was_sent ? answer_make(&w, s, was_sent, &r, message) : GMUX_ERR_NOMEM;
  if (!rv) rv = gmux__services_write(call, &w); /* GMUX_WRITE_FULL: on_writable goes on */
  if (rv < 0 && rv != GMUX_ERR_STATE)           /* the client may have given up */
    gmux__services_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}

static void on_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_grant(call, 1); /* allocates nothing on the loop's thread */
}

static void on_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL); /* behind the last answer */
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  gmux__free(gmux_server_call_get_data(call));
}

static const gmux_server_handlers handlers = {
    .on_call = on_call,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_half_close = on_half_close,
    .on_end = on_end,
};

/* ---- the seat ---- */

static void seat_free(seat *s) {
  gmux__schema_deinit(&s->schema);
  gmux_bytes_release(&s->services);
  gmux__free(s->queue);
  gmux__free(s->is_queued);
  gmux__free(s);
}

static void seat_on_free(gmux__server_hook *hook) {
  seat_free(gmux__container(hook, seat, hook));
}

/* Owned bytes stay the application's until nothing can fail any more. */
static int seat_add_set(seat *s, const gmux_bytes *given, size_t index) {
  gmux_bytes set = gmux_bytes_borrow(given->data, given->len);
  int error = 0;
  if (!given->data && given->len > 0)
    error = gmux__fail(GMUX_ERR_INVALID, "it has a length of %zu but no data", given->len);
  if (!error && !given->release) error = gmux_bytes_copy(&set, given->data, given->len);
  if (!error) error = gmux__schema_add(&s->schema, set, false);
  if (error && error != GMUX_ERR_NOMEM)
    gmux__fail(error, "descriptor set %zu: %s", index, gmux_last_error());
  return error;
}

static int seat_add_own(seat *s) {
  gmux_bytes set;
  int error = gmux__decompress(&set, GMUX__ENCODING_GZIP, gmux__services_descriptors,
                               gmux__services_descriptors_len, OWN_MAX_BYTES);
  return error ? error : gmux__schema_add(&s->schema, set, true);
}

static int seat_read(seat *s, const gmux_reflection_options *o) {
  for (size_t i = 0; i < o->descriptor_set_count; i++) {
    int error = seat_add_set(s, &o->descriptor_sets[i], i);
    if (error) return error;
  }
  int error = seat_add_own(s);
  if (!error) error = gmux__schema_seal(&s->schema);
  if (error) return error;
  s->queue = gmux__calloc(s->schema.file_count, sizeof *s->queue);
  s->is_queued = gmux__calloc(s->schema.file_count, sizeof *s->is_queued);
  return s->queue && s->is_queued ? 0 : gmux__fail_code(GMUX_ERR_NOMEM);
}

static void seat_take_sets(seat *s, const gmux_reflection_options *o) {
  for (size_t i = 0; i < o->descriptor_set_count; i++) {
    gmux_bytes *given = &o->descriptor_sets[i];
    if (!given->release) continue;
    s->schema.sets[i] = *given;
    *given = gmux_bytes_borrow(NULL, 0);
  }
}

static int seat_new(seat **out, gmux_server *server, const gmux_reflection_options *o) {
  seat *s = gmux__calloc(1, sizeof *s);
  if (!s) return gmux__fail_code(GMUX_ERR_NOMEM);
  s->hook.on_free = seat_on_free;
  s->server = server;
  int error = seat_read(s, o);
  if (!error) error = gmux__server_add_hook(server, &s->hook);
  if (error) {
    seat_free(s);
    return error;
  }
  *out = s;
  return 0;
}

static int seat_add_methods(seat *s) {
  static const char *const paths[] = {
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
  };
  int error = 0;
  for (size_t i = 0; !error && i < sizeof paths / sizeof *paths; i++)
    error = gmux_server_add_method(s->server, paths[i], GMUX_BIDI_STREAMING, &handlers, s);
  return error;
}

/* ---- the application's side ---- */

static const gmux_reflection_options defaults = {.size = sizeof defaults};
static const gmux__options_kind options_kind = {
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = GMUX__SIZE_UPTO(gmux_reflection_options, descriptor_set_count),
    .init = "gmux_reflection_options_init",
};

void gmux_reflection_options_init(gmux_reflection_options *options, size_t size) {
  gmux__options_init(&options_kind, options, size);
}

static int server_add(gmux_server *server, const gmux_reflection_options *o) {
  seat *s = NULL;
  int error = seat_new(&s, server, o);
  if (error) return error;
  error = seat_add_methods(s);
  if (!error)
    seat_take_sets(s, o);
  else /* the seat stays with the server, and knows nothing: the bytes are the caller's again */
    gmux__schema_deinit(&s->schema);
  return error;
}

/* Each loop has a copy of the sets; the first takes them, once all others have theirs. */
static int front_add(gmux__server_front *front, const gmux_reflection_options *o) {
  gmux_bytes *sets = gmux__calloc(o->descriptor_set_count + 1, sizeof *sets);
  if (!sets) return gmux__fail_code(GMUX_ERR_NOMEM);
  for (size_t i = 0; i < o->descriptor_set_count; i++)
    sets[i] = gmux_bytes_borrow(o->descriptor_sets[i].data, o->descriptor_sets[i].len);
  gmux_reflection_options copies = *o;
  copies.descriptor_sets = sets;
  int error = 0;
  for (size_t i = front->count - 1; i > 0 && !error; i--)
    error = server_add(front->lanes[i].server, &copies);
  if (!error) error = server_add(front->lanes[0].server, o);
  gmux__free(sets);
  return error;
}

int gmux_server_add_reflection(gmux_server *server, const gmux_reflection_options *options) {
  if (!server) return gmux__fail(GMUX_ERR_INVALID, "gmux_server_add_reflection: server is NULL");
  gmux_reflection_options o;
  int error = gmux__options_read(&options_kind, &o, options);
  if (error) return error;
  if (o.descriptor_set_count > 0 && !o.descriptor_sets)
    return gmux__fail(GMUX_ERR_INVALID, "descriptor_set_count is %zu, but descriptor_sets is NULL",
                      o.descriptor_set_count);
  return server->front ? front_add(server->front, &o) : server_add(server, &o);
}
