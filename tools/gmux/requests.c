/* requests.c: JSON from the command line, a file or standard input. */
#include "tools/gmux/requests.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- one message ---- */

static bool convert(requests *r, const json_value *v, buffer *out, problem *p) {
  codec_options codec = *r->codec;
  codec.first_line = v->line, codec.first_column = v->column;
  return codec_read_json(r->types, r->type, v->text, v->len, &codec, out, p) ||
         problem_prefix(p, "%s: ", r->source);
}

static bool add_ready(requests *r, const json_value *v) {
  problem p;
  r->message.len = 0;
  if (!convert(r, v, &r->message, &p)) return complain("%s", p.words), false;
  wire_add_bytes(&r->ready, 1, r->message.data, r->message.len);
  return true;
}

/* ---- before anything is sent ---- */

static bool add_stream(requests *r, const buffer *json) {
  json_value v;
  values_add(&r->values, json->data, json->len);
  values_end(&r->values);
  while (values_next(&r->values, &v))
    if (!add_ready(r, &v)) return false;
  return true;
}

/* It has to be one value: the parser says what else there is. */
static bool add_one(requests *r, buffer *json) {
  json_value v = {.text = buffer_string(json), .len = json->len};
  return add_ready(r, &v);
}

static bool read_source(const char *data, buffer *json) {
  if (*data == '@') return read_file(data[1] ? data + 1 : "-", CODEC_MAX_JSON, json);
  buffer_add_string(json, data);
  return true;
}

static const char *source_of(const char *data) {
  if (!data || *data != '@') return "--data";
  return data[1] == 0 || strcmp(data, "@-") == 0 ? "standard input" : data + 1;
}

bool requests_open(requests *r, const registry *types, const method_type *method, const char *data,
                   const codec_options *codec) {
  *r = (requests){.types = types, .type = method->request, .codec = codec};
  r->source = source_of(data);
  values_init(&r->values);
  bool is_stream = method->is_client_streaming, is_input = data && strcmp(r->source, "--data") != 0;
  r->is_live = is_stream && is_input && strcmp(r->source, "standard input") == 0;
  if (r->is_live || (is_stream && !data)) return true;
  buffer json = {.data = NULL};
  bool is_good = read_source(data ? data : "{}", &json) &&
                 (is_stream ? add_stream(r, &json) : add_one(r, &json));
  buffer_free(&json);
  return is_good;
}

void requests_close(requests *r) {
  buffer_free(&r->ready);
  buffer_free(&r->message);
  values_free(&r->values);
}

/* ---- one after the other ---- */

static requests_result next_ready(requests *r, const uint8_t **data, size_t *len) {
  wire_reader reader = {.data = r->ready.data, .len = r->ready.len, .at = r->taken};
  wire_field f;
  if (reader.at == reader.len || !wire_read(&reader, &f)) return REQUESTS_END;
  r->taken = reader.at;
  *data = f.data;
  *len = f.len;
  return REQUESTS_MESSAGE;
}

static requests_result next_live(requests *r, const uint8_t **data, size_t *len, problem *p) {
  json_value v;
  if (!values_next(&r->values, &v)) return r->values.has_ended ? REQUESTS_END : REQUESTS_WANT;
  r->message.len = 0;
  if (!convert(r, &v, &r->message, p)) return REQUESTS_WRONG;
  *data = r->message.data;
  *len = r->message.len;
  return REQUESTS_MESSAGE;
}

requests_result requests_next(requests *r, const uint8_t **data, size_t *len, problem *p) {
  return r->is_live ? next_live(r, data, len, p) : next_ready(r, data, len);
}

bool requests_read(requests *r, problem *p) {
  char block[16384];
  if (values_waiting(&r->values) > CODEC_MAX_JSON)
    return problem_set(p, "%s: line %zu: a message is longer than %d bytes", r->source,
                       r->values.line, CODEC_MAX_JSON);
  ssize_t len = read(STDIN_FILENO, block, sizeof block);
  if (len < 0 && errno == EINTR) return true;
  if (len < 0) return problem_set(p, "%s: %s", r->source, strerror(errno));
  if (len == 0)
    values_end(&r->values);
  else
    values_add(&r->values, block, (size_t)len);
  return true;
}
