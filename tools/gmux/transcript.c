/* transcript.c: messages as they come, and what becomes of the call. */
#include "tools/gmux/transcript.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/details.h"
#include "tools/gmux/story.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What is ready of the object leaves at once: a stream is read as it comes. */
static bool flush(transcript *r) {
  fwrite(r->out.data, 1, r->out.len, stdout);
  r->out.len = 0;
  return fflush(stdout) == 0 && !ferror(stdout);
}

void transcript_init(transcript *r) {
  r->terminal = terminal_of(stderr);
  r->printer = (printer){.out = &r->out, .is_compact = r->codec->is_compact};
  r->times.begin = now_ns();
}

void transcript_begin(transcript *r, const registry *types, const method_type *method) {
  r->types = types;
  r->method = method;
  r->times.types = now_ns();
  if (r->is_verbose) story_request(r);
  if (!r->is_json) return;
  print_open(&r->printer, '{');
  print_text(&r->printer, "target", r->session->target);
  print_text(&r->printer, "method", method->path);
}

/* ---- what comes ---- */

void transcript_headers(transcript *r, bool has_come, const gmux_metadata *headers) {
  if (has_come) r->times.headers = now_ns();
  if (r->is_verbose) story_metadata(r, headers);
  if (!r->is_json) return;
  story_json_metadata(&r->printer, "headers", headers);
  print_key(&r->printer, "messages");
  print_open(&r->printer, '[');
  flush(r);
}

static bool print_message(transcript *r, const gmux_bytes *message) {
  codec_options codec = *r->codec;
  codec.depth = r->printer.depth;
  buffer json = {.data = NULL};
  problem why;
  bool is_good = codec_write_json(r->types, r->method->reply, message->data, message->len, &codec,
                                  &json, &why);
  if (is_good) print_raw(&r->printer, buffer_string(&json));
  buffer_free(&json);
  if (!is_good) return complain("a reply of %zu bytes: %s", message->len, why.words), false;
  if (!r->is_json) buffer_add_string(&r->out, "\n");
  return true;
}

bool transcript_message(transcript *r, const gmux_bytes *message) {
  if (!r->times.message) r->times.message = now_ns();
  return print_message(r, message) &&
         (flush(r) || (complain("standard output could not be written"), false));
}

/* ---- the end ---- */

static void print_end(transcript *r, gmux_call *call, const gmux_status *status,
                      const gmux_metadata *trailers) {
  print_close(&r->printer, ']');
  story_json_status(r, status);
  story_json_metadata(&r->printer, "trailers", trailers);
  story_json_times(r, call);
  print_close(&r->printer, '}');
  buffer_add_string(&r->out, "\n");
  flush(r);
}

void transcript_close(transcript *r, gmux_call *call, const gmux_status *status,
                      const gmux_metadata *trailers) {
  r->times.end = now_ns();
  if (r->is_json) print_end(r, call, status, trailers);
  if (r->is_verbose) story_end(r, call, status, trailers);
}

int transcript_end(transcript *r, gmux_call *call, const gmux_status *status,
                   const gmux_metadata *trailers) {
  transcript_close(r, call, status, trailers);
  if (status->code == GMUX_OK) return EXIT_DONE;
  complain("%s%s%s", gmux_code_str(status->code), *status->message ? ": " : "", status->message);
  if (status->details.len > 0) story_details(r, status);
  return EXIT_CALL_FAILED;
}

void transcript_failure(transcript *r) {
  const session *s = r->session;
  if (!r->is_json || s->failed == GMUX_OK) return;
  gmux_status status = gmux_status_make(s->failed, s->why.words, NULL);
  print_open(&r->printer, '{');
  print_text(&r->printer, "target", s->target);
  story_json_status(r, &status);
  print_close(&r->printer, '}');
  buffer_add_string(&r->out, "\n");
  flush(r);
  gmux_status_clear(&status);
}

void transcript_free(transcript *r) {
  buffer_free(&r->out);
}
