/* answer.c: response headers and trailers as header fields. */
#include "lib/server/answer.h"
#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "lib/base/fail.h"
#include "lib/wire/base64.h"
#include "lib/wire/percent.h"
#include <assert.h>
#include <string.h>

struct gmux__extras {
  gmux__buf message; /* percent-encoded */
  gmux__buf details; /* base64 */
  gmux_metadata *metadata;
};

/* ---- what needs memory ---- */

static int extras_add_details(gmux__extras *extras, const gmux_bytes *details) {
  size_t len = gmux__base64_encoded_len(details->len);
  uint8_t *text = gmux__buf_reserve(&extras->details, len);
  if (!text) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__base64_encode((char *)text, details->data, details->len);
  gmux__buf_commit(&extras->details, len);
  return 0;
}

static int extras_fill(gmux__extras *extras, const char *message, const gmux_bytes *details,
                       const gmux_metadata *metadata) {
  int error = gmux__percent_encode(&extras->message, message, strlen(message));
  if (!error && details->len > 0) error = extras_add_details(extras, details);
  if (!error) error = gmux__metadata_copy(&extras->metadata, metadata);
  if (error) return error;
  size_t bytes = gmux__buf_len(&extras->message) + gmux__buf_len(&extras->details) +
                 gmux__metadata_wire_size(metadata);
  if (bytes > GMUX__EXTRAS_MAX_BYTES)
    return gmux__fail(GMUX_ERR_TOO_LARGE,
                      "message, details and metadata are %zu bytes together, at most %d can be "
                      "sent; put large things into messages",
                      bytes, (int)GMUX__EXTRAS_MAX_BYTES);
  return 0;
}

int gmux__extras_new(gmux__extras **out, const gmux_status *status, const gmux_metadata *metadata) {
  static const gmux_bytes none = {NULL, 0, NULL, NULL};
  bool has_texts = status && status->code != GMUX_OK;
  const char *message = has_texts && status->message ? status->message : "";
  const gmux_bytes *details = has_texts ? &status->details : &none;
  if (!*message && details->len == 0 && gmux_metadata_count(metadata) == 0) {
    *out = NULL;
    return 0;
  }
  gmux__extras *extras = gmux__calloc(1, sizeof *extras);
  if (!extras) return gmux__fail_code(GMUX_ERR_NOMEM);
  int error = extras_fill(extras, message, details, metadata);
  if (error) {
    gmux__extras_free(extras);
    return error;
  }
  *out = extras;
  return 0;
}

void gmux__extras_free(gmux__extras *extras) {
  if (!extras) return;
  gmux__buf_deinit(&extras->message);
  gmux__buf_deinit(&extras->details);
  gmux_metadata_free(extras->metadata);
  gmux__free(extras);
}

void gmux__answer_deinit(gmux__answer *answer) {
  gmux__extras_free(answer->extras);
  answer->extras = NULL;
}

/* ---- fields ---- */

/* Names are constants of this file. */
static gmux__field field_of(const char *name, const void *value, size_t len) {
  return (gmux__field){.name = (const uint8_t *)name,
                       .value = value,
                       .name_len = strlen(name),
                       .value_len = len,
                       .is_name_lasting = true};
}

static gmux__field field_of_text(const char *name, const char *value) {
  return field_of(name, value, strlen(value));
}

/* With a value that is a constant, or the server's, which outlives its connections. */
static gmux__field field_lasting(const char *name, const char *value) {
  gmux__field field = field_of_text(name, value);
  field.is_value_lasting = true;
  return field;
}

static const char *code_digits(gmux_code code) {
  static const char *const digits[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                       "9", "10", "11", "12", "13", "14", "15", "16"};
  assert((unsigned)code < sizeof digits / sizeof *digits);
  return digits[code];
}

/* The same from answer to answer. */
static gmux__field field_steady(const char *name, const char *value) {
  gmux__field field = field_lasting(name, value);
  gmux__field_prepare(&field);
  return field;
}

void gmux__usual_init(gmux__usual *usual, const char *accept) {
  usual->status = field_steady(":status", "200");
  usual->status.static_index = 8; /* RFC 7541 appendix A */
  usual->content_type = field_steady("content-type", "application/grpc");
  usual->accept = field_steady("grpc-accept-encoding", accept);
  usual->ok = field_steady("grpc-status", code_digits(GMUX_OK));
}

static bool answer_has_words(const gmux__answer *answer) {
  return answer->extras ? gmux__buf_len(&answer->extras->message) > 0 : answer->words != NULL;
}

static bool answer_has_details(const gmux__answer *answer) {
  return answer->extras && gmux__buf_len(&answer->extras->details) > 0;
}

/* RFC 9110 section 15.5.6: 405 names the methods that would do. */
static bool answer_names_methods(const gmux__answer *answer) {
  return answer->http_status && strcmp(answer->http_status, "405") == 0;
}

size_t gmux__answer_count(const gmux__answer *answer, bool is_trailers_only) {
  size_t count = 1 + (size_t)answer_has_words(answer) + (size_t)answer_has_details(answer) +
                 (size_t)answer->offers_encodings;
  if (is_trailers_only) count += 2 + (size_t)answer_names_methods(answer);
  if (answer->extras) count += gmux_metadata_count(answer->extras->metadata);
  return count;
}

static gmux__field words_field(const gmux__answer *answer) {
  if (!answer->extras) return field_of_text("grpc-message", answer->words);
  const gmux__buf *message = &answer->extras->message;
  return field_of("grpc-message", gmux__buf_data(message), gmux__buf_len(message));
}

static size_t http_fields(const gmux__answer *answer, const gmux__usual *usual,
                          gmux__field *fields) {
  size_t n = 0;
  fields[n++] = answer->http_status ? field_lasting(":status", answer->http_status) : usual->status;
  fields[n++] = usual->content_type;
  if (answer_names_methods(answer)) fields[n++] = field_lasting("allow", "POST");
  return n;
}

static gmux__field code_field(const gmux__answer *answer, const gmux__usual *usual) {
  if (answer->code == GMUX_OK) return usual->ok;
  return field_steady("grpc-status", code_digits(answer->code));
}

size_t gmux__answer_fields(const gmux__answer *answer, const gmux__usual *usual,
                           bool is_trailers_only, gmux__field *fields, size_t room) {
  assert(room >= gmux__answer_count(answer, is_trailers_only));
  size_t n = is_trailers_only ? http_fields(answer, usual, fields) : 0;
  fields[n++] = code_field(answer, usual);
  if (answer_has_words(answer)) fields[n++] = words_field(answer);
  if (answer->offers_encodings) fields[n++] = usual->accept;
  if (!answer->extras) return n;
  const gmux__extras *extras = answer->extras;
  if (answer_has_details(answer))
    fields[n++] = field_of("grpc-status-details-bin", gmux__buf_data(&extras->details),
                           gmux__buf_len(&extras->details));
  return n + gmux__metadata_fields(extras->metadata, fields + n, room - n);
}

enum { RESPONSE_OWN_FIELDS = 3 };

static const gmux_metadata *response_metadata(const gmux__response *response) {
  return response->extras ? response->extras->metadata : NULL;
}

size_t gmux__response_count(const gmux__response *response) {
  return RESPONSE_OWN_FIELDS + (size_t)(response->encoding != NULL) +
         gmux_metadata_count(response_metadata(response));
}

size_t gmux__response_fields(const gmux__response *response, gmux__field *fields, size_t room) {
  assert(room >= gmux__response_count(response));
  size_t n = 0;
  fields[n++] = response->usual->status;
  fields[n++] = response->usual->content_type;
  if (response->encoding) fields[n++] = field_of_text("grpc-encoding", response->encoding);
  fields[n++] = response->usual->accept;
  return n + gmux__metadata_fields(response_metadata(response), fields + n, room - n);
}
