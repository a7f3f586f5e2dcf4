/* story.c: headers, times, status. */
#include "tools/gmux/story.h"
#include "tools/gmux/base64.h"
#include "tools/gmux/details.h"
#include "tools/gmux/plain.h"

#include <stdio.h>
#include <string.h>

/* ---- metadata ---- */

static bool is_binary(const gmux_metadata_entry *e) {
  return e->key_len >= 4 && strcmp(e->key + e->key_len - 4, "-bin") == 0;
}

static void value_add(buffer *out, const gmux_metadata_entry *e) {
  if (is_binary(e))
    base64_encode(out, e->value, e->value_len);
  else
    plain_add(out, (const char *)e->value, e->value_len);
}

static void tell(const transcript *r, const char *mark, const char *text) {
  buffer plain = {.data = NULL};
  plain_add_string(&plain, text);
  fprintf(stderr, "%s%s %s%s\n", terminal_style(&r->terminal, STYLE_DIM), mark,
          buffer_string(&plain), terminal_style(&r->terminal, STYLE_PLAIN));
  buffer_free(&plain);
}

static void tell_metadata(const transcript *r, const char *mark, const gmux_metadata *metadata) {
  gmux_metadata_entry e;
  for (size_t i = 0; gmux_metadata_at(metadata, i, &e) == 0; i++) {
    buffer line = {.data = NULL};
    buffer_add_format(&line, "%s: ", e.key);
    value_add(&line, &e);
    tell(r, mark, buffer_string(&line));
    buffer_free(&line);
  }
}

void story_metadata(const transcript *r, const gmux_metadata *metadata) {
  tell_metadata(r, "<", metadata);
}

/* ---- -v: the request ---- */

static double ms_between(uint64_t from, uint64_t to) {
  return to > from ? (double)(to - from) / 1e6 : 0;
}

void story_request(const transcript *r) {
  buffer line = {.data = NULL};
  buffer_add_format(&line, "types known after %.1f ms", ms_between(r->times.begin, r->times.types));
  tell(r, "*", buffer_string(&line));
  buffer_free(&line);
  tell(r, ">", r->method->path);
  tell_metadata(r, ">", r->session->metadata);
}

/* ---- -v: the end ---- */

/* Of the first call of the session: the later ones find a connection. */
static void tell_connection(const transcript *r, const char *peer) {
  const gmux_call_explanation *x = &r->session->first;
  buffer line = {.data = NULL};
  buffer_add_format(&line, "%s: name %.1f ms, TCP %.1f ms, ", *peer ? peer : r->session->target,
                    (double)x->resolve_ns / 1e6, (double)x->dial_ns / 1e6);
  if (!r->session->reach.is_cleartext)
    buffer_add_format(&line, "TLS %.1f ms, ", (double)x->tls_ns / 1e6);
  buffer_add_format(&line, "SETTINGS %.1f ms", (double)x->settings_ns / 1e6);
  tell(r, "*", buffer_string(&line));
  buffer_free(&line);
}

static void tell_times(const transcript *r, const gmux_status *status) {
  const transcript_times *t = &r->times;
  buffer line = {.data = NULL};
  buffer_add_format(&line, "%s after %.1f ms", gmux_code_str(status->code),
                    ms_between(t->types, t->end));
  if (t->headers) buffer_add_format(&line, ", headers %.1f ms", ms_between(t->types, t->headers));
  if (t->message)
    buffer_add_format(&line, ", first message %.1f ms", ms_between(t->types, t->message));
  tell(r, "*", buffer_string(&line));
  buffer_free(&line);
}

void story_end(const transcript *r, gmux_call *call, const gmux_status *status,
               const gmux_metadata *trailers) {
  tell_metadata(r, "<", trailers);
  tell_connection(r, gmux_call_peer(call));
  tell_times(r, status);
  gmux_call_explanation x = {.size = sizeof x};
  bool is_told = gmux_call_explain(call, &x) == 0 && strpbrk(x.sentence, ":;");
  if (is_told) tell(r, "*", x.sentence); /* else a time alone */
}

void story_details(const transcript *r, const gmux_status *status) {
  buffer out = {.data = NULL};
  printer p = {.out = &out, .is_compact = r->codec->is_compact};
  details_print(&p, r->types, status->details.data, status->details.len);
  fprintf(stderr, "%s\n", buffer_string(&out));
  buffer_free(&out);
}

/* ---- --json ---- */

static bool has_been(const gmux_metadata *metadata, size_t before, const char *key) {
  gmux_metadata_entry e;
  for (size_t i = 0; i < before && gmux_metadata_at(metadata, i, &e) == 0; i++)
    if (strcmp(e.key, key) == 0) return true;
  return false;
}

/* All values of the name of entry `first`. */
static void print_values(printer *p, const gmux_metadata *metadata, size_t first, const char *key) {
  gmux_metadata_entry e;
  print_key(p, key);
  print_open(p, '[');
  for (size_t i = first; gmux_metadata_at(metadata, i, &e) == 0; i++) {
    if (strcmp(e.key, key) != 0) continue;
    buffer value = {.data = NULL};
    value_add(&value, &e);
    print_string(p, buffer_string(&value), value.len);
    buffer_free(&value);
  }
  print_close(p, ']');
}

void story_json_metadata(printer *p, const char *key, const gmux_metadata *metadata) {
  gmux_metadata_entry e;
  print_key(p, key);
  print_open(p, '{');
  for (size_t i = 0; gmux_metadata_at(metadata, i, &e) == 0; i++)
    if (!has_been(metadata, i, e.key)) print_values(p, metadata, i, e.key);
  print_close(p, '}');
}

void story_json_status(transcript *r, const gmux_status *status) {
  printer *p = &r->printer;
  char code[16];
  snprintf(code, sizeof code, "%d", (int)status->code);
  print_key(p, "status");
  print_open(p, '{');
  print_key(p, "code");
  print_raw(p, code);
  print_text(p, "name", gmux_code_str(status->code));
  print_text(p, "message", status->message);
  print_key(p, "details");
  details_print(p, r->types, status->details.data, status->details.len);
  print_close(p, '}');
}

static void print_ms(printer *p, const char *key, double ms) {
  char text[32];
  snprintf(text, sizeof text, "%.3f", ms);
  print_key(p, key);
  print_raw(p, text);
}

static void print_ns(printer *p, const char *key, uint64_t ns) {
  print_ms(p, key, (double)ns / 1e6);
}

static void print_steps(printer *p, const transcript *r) {
  const gmux_call_explanation *x = &r->session->first;
  const transcript_times *t = &r->times;
  print_ms(p, "types", ms_between(t->begin, t->types));
  print_ns(p, "name", x->resolve_ns);
  print_ns(p, "tcp", x->dial_ns);
  print_ns(p, "tls", x->tls_ns);
  print_ns(p, "settings", x->settings_ns);
  if (t->headers) print_ms(p, "headers", ms_between(t->types, t->headers));
  if (t->message) print_ms(p, "firstMessage", ms_between(t->types, t->message));
  print_ms(p, "total", ms_between(t->types, t->end));
}

void story_json_times(transcript *r, gmux_call *call) {
  printer *p = &r->printer;
  print_text(p, "peer", gmux_call_peer(call));
  print_key(p, "milliseconds");
  print_open(p, '{');
  print_steps(p, r);
  print_close(p, '}');
  gmux_call_explanation x = {.size = sizeof x};
  if (gmux_call_explain(call, &x) == 0) print_text(p, "explanation", x.sentence);
}
