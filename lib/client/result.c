/* result.c: from how a stream ended to a status. */
#include "lib/client/result.h"
#include <gmux/error.h>
#include <stdarg.h>
#include <stdio.h>

void gmux__result_set(gmux__result *result, gmux_code code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(result->text, sizeof result->text, format, args);
  va_end(args);
  result->code = code;
  result->message = result->text;
  result->details = NULL;
}

void gmux__result_deadline(gmux__result *result, int64_t timeout_ms, const char *where) {
  gmux__result_set(result, GMUX_DEADLINE_EXCEEDED, "deadline of %lld ms passed %s",
                   (long long)(timeout_ms < 0 ? 0 : timeout_ms), where);
}

const char *gmux__result_where(bool is_half_closed) {
  return is_half_closed ? "while the server worked on it"
                        : "while the server had it and the request was not half-closed";
}

/* ---- one block of header fields ---- */

/* grpc-message as a string: it is kept without a zero at its end. Without memory for one it is left
 * out; the code says more than the text. */
static const char *head_message(gmux__head *head) {
  if (gmux__buf_len(&head->message) == 0) return "";
  if (gmux__buf_append(&head->message, "", 1)) return "";
  return (const char *)gmux__buf_data(&head->message);
}

static void result_of_status(gmux__result *result, gmux__head *head) {
  result->code = head->status;
  result->message = head_message(head);
  result->details = head->details.len ? &head->details : NULL;
}

/* The block could not be taken as a whole: what it says cannot be trusted to be all. */
static bool result_of_damage(gmux__result *result, const gmux__head *head, uint32_t limit) {
  if (head->is_too_large)
    gmux__result_set(result, GMUX_RESOURCE_EXHAUSTED,
                     "the server's metadata are over max_recv_metadata_bytes (%u)", limit);
  else if (head->is_out_of_memory)
    gmux__result_set(result, GMUX_RESOURCE_EXHAUSTED, "out of memory for the server's metadata");
  else if (head->is_bad_metadata)
    gmux__result_set(result, GMUX_INTERNAL, "the server sent a -bin value that is not base64");
  else
    return false;
  return true;
}

/* An answer of something that does not speak gRPC. */
static void result_set_http(gmux__result *result, gmux_code code, const char *what,
                            const gmux__head *head) {
  char type[sizeof head->content_type + 16] = "no content-type";
  if (head->has_content_type) {
    int n = snprintf(type, sizeof type, "content-type %s", head->content_type);
    for (int i = 0; i < n; i++)
      if (type[i] < 0x20 || type[i] > 0x7e) type[i] = '?';
  }
  gmux__result_set(result, code, "%s: HTTP status %d, %s", what, head->http_status, type);
}

static void result_of_http(gmux__result *result, const gmux__head *head) {
  result_set_http(result, gmux__status_from_http(head->http_status), "not a gRPC answer", head);
}

/* An answer that is none cannot mean OK. */
static void result_doubt_ok(gmux__result *result, const gmux__head *head) {
  if (result->code != GMUX_OK || (head->http_status == 200 && head->is_grpc)) return;
  result_set_http(result, GMUX_INTERNAL, "OK in what is not a gRPC answer", head);
}

bool gmux__result_of_headers(gmux__result *result, gmux__head *head, uint32_t limit) {
  if (result_of_damage(result, head, limit)) return true;
  if (head->http_status == 200 && head->is_grpc) return false;
  if (head->has_status)
    result_of_status(result, head);
  else
    result_of_http(result, head);
  result_doubt_ok(result, head); /* its body would never be read */
  return true;
}

/* ---- the end ---- */

/* END_STREAM came without a grpc-status. */
static void result_without_status(gmux__result *result, const gmux__stream *stream) {
  const gmux__head *tail = &stream->in->tail;
  bool is_trailers_only = tail->http_status != 0;
  if (is_trailers_only && (tail->http_status != 200 || !tail->is_grpc))
    result_of_http(result, tail);
  else if (tail->bytes == 0)
    gmux__result_set(result, GMUX_INTERNAL, "server closed the stream without sending trailers");
  else
    gmux__result_set(result, GMUX_UNKNOWN, "the server's trailers have no grpc-status");
}

static void result_of_finish(gmux__result *result, const gmux__result_facts *facts) {
  gmux__stream *stream = facts->stream;
  if (result_of_damage(result, &stream->in->tail, facts->limit)) return;
  if (!stream->in->tail.has_status) {
    result_without_status(result, stream);
    return;
  }
  result_of_status(result, &stream->in->tail);
  bool is_trailers_only = stream->in->tail.http_status != 0;
  if (is_trailers_only) result_doubt_ok(result, &stream->in->tail);
  if (result->code == GMUX_OK && facts->needs_message && facts->messages == 0)
    gmux__result_set(result, GMUX_INTERNAL, "no message came with OK");
}

static void result_of_breach(gmux__result *result, const gmux__stream *stream) {
  bool is_exhausted =
      stream->end.error == GMUX_ERR_TOO_LARGE || stream->end.error == GMUX_ERR_NOMEM;
  gmux__result_set(result, is_exhausted ? GMUX_RESOURCE_EXHAUSTED : GMUX_INTERNAL, "%s",
                   stream->end.why);
}

void gmux__result_of_end(gmux__result *result, const gmux__result_facts *facts) {
  const gmux__stream *stream = facts->stream;
  switch ((gmux__ending)stream->end.how) {
  case GMUX__ENDING_FINISHED:
    result_of_finish(result, facts);
    break;
  case GMUX__ENDING_RESET:
    gmux__result_set(result, gmux__status_from_h2(stream->end.h2_code),
                     "the server reset the stream: %s (%u)", gmux__h2_code_str(stream->end.h2_code),
                     stream->end.h2_code);
    break;
  case GMUX__ENDING_LOST:
    gmux__result_set(result, GMUX_UNAVAILABLE, "%s", stream->end.why);
    break;
  case GMUX__ENDING_BROKEN:
  case GMUX__ENDING_NONE: /* never comes with on_closed */
    result_of_breach(result, stream);
    break;
  }
  if (result->code == GMUX_CANCELLED && facts->is_past_deadline)
    gmux__result_deadline(result, facts->timeout_ms, gmux__result_where(facts->is_half_closed));
}
