#include "lib/h2/head.h"
#include "lib/base/alloc.h"
#include "lib/wire/base64.h"
#include "lib/wire/percent.h"
#include "lib/wire/timeout.h"
#include <gmux/error.h>
#include <stddef.h>
#include <string.h>

/* RFC 9113 section 6.5.2: what a field counts beside its name and value. */
enum { FIELD_OVERHEAD = 32 };

void gmux__head_init(gmux__head *head) {
  memset(head, 0, offsetof(gmux__head, content_type));
  head->content_type[0] = head->encoding_name[0] = '\0';
  head->timeout_ns = UINT64_MAX;
}

static void head_clear(gmux__head *head) {
  const gmux__codecs *codecs = head->codecs;
  gmux__head_init(head);
  head->codecs = codecs;
}

static void copy_cut(char *out, size_t room, const uint8_t *text, size_t len) {
  size_t n = len < room ? len : room - 1;
  memcpy(out, text, n);
  out[n] = '\0';
}

/* Keeps the first of a repeated field: a second :path does not get past nghttp2, a "host" beside
 * :authority does. */
static void keep_string(gmux__head *head, char **out, const uint8_t *value, size_t len) {
  if (*out) return;
  if (len < (size_t)(GMUX__HEAD_TEXT - head->text_used)) {
    *out = head->text + head->text_used;
    memcpy(*out, value, len);
    (*out)[len] = '\0';
    head->text_used = (uint8_t)(head->text_used + len + 1);
    return;
  }
  *out = gmux__strndup((const char *)value, len);
  if (!*out) head->is_out_of_memory = true;
}

static void free_string(gmux__head *head, char *s) {
  if (s < head->text || s >= head->text + GMUX__HEAD_TEXT) gmux__free(s);
}

void gmux__head_release(gmux__head *head) {
  if (head->path) free_string(head, head->path);
  if (head->authority) free_string(head, head->authority);
  if (head->message.mem) gmux__buf_deinit(&head->message);
  if (head->details.release) gmux_bytes_release(&head->details);
  if (head->metadata) gmux_metadata_free(head->metadata);
}

void gmux__head_deinit(gmux__head *head) {
  gmux__head_release(head);
  head_clear(head);
}

/* A string that lies in its head's own text moves with it. */
static char *moved_string(gmux__head *to, const gmux__head *from, char *s) {
  if (s < from->text || s >= from->text + GMUX__HEAD_TEXT) return s;
  return to->text + (s - from->text);
}

void gmux__head_move(gmux__head *to, gmux__head *from) {
  *to = *from;
  to->path = moved_string(to, from, from->path);
  to->authority = moved_string(to, from, from->authority);
  head_clear(from);
}

static void take_path(gmux__head *head, const uint8_t *value, size_t len) {
  keep_string(head, &head->path, value, len);
}

static void take_authority(gmux__head *head, const uint8_t *value, size_t len) {
  keep_string(head, &head->authority, value, len);
}

static void take_method(gmux__head *head, const uint8_t *value, size_t len) {
  head->is_post = len == 4 && memcmp(value, "POST", 4) == 0;
}

/* nghttp2 has checked that it is three digits. */
static void take_http_status(gmux__head *head, const uint8_t *value, size_t len) {
  int status = 0;
  for (size_t i = 0; i < len && i < 3; i++)
    status = status * 10 + (value[i] - '0');
  head->http_status = status;
}

/* "100-continue", of RFC 9110 section 10.1.1: there is no other. */
static void take_expect(gmux__head *head, const uint8_t *value, size_t len) {
  (void)value, (void)len;
  head->has_expect = true;
}

static void take_te(gmux__head *head, const uint8_t *value, size_t len) {
  head->has_te = len == 8 && memcmp(value, "trailers", 8) == 0;
}

/* "application/grpc", alone or followed by "+suffix" or ";parameters" (gRPC over HTTP/2,
 * Content-Type). */
static void take_content_type(gmux__head *head, const uint8_t *value, size_t len) {
  static const char grpc[] = "application/grpc";
  size_t n = sizeof grpc - 1;
  head->has_content_type = true;
  head->is_grpc =
      len >= n && memcmp(value, grpc, n) == 0 && (len == n || value[n] == '+' || value[n] == ';');
  copy_cut(head->content_type, sizeof head->content_type, value, len);
}

static void take_timeout(gmux__head *head, const uint8_t *value, size_t len) {
  if (!gmux__timeout_parse(value, len, &head->timeout_ns)) head->bad_timeout = true;
}

static void take_encoding(gmux__head *head, const uint8_t *value, size_t len) {
  head->encoding = gmux__codecs_find(head->codecs, value, len);
  copy_cut(head->encoding_name, sizeof head->encoding_name, value, len);
}

/* Only a request says with what it may be answered; the path stands before it (RFC 9113 section
 * 8.3). What a response says is not used. */
static void take_accept_encoding(gmux__head *head, const uint8_t *value, size_t len) {
  if (!head->path) return;
  head->accepts |= gmux__codecs_parse(head->codecs, value, len);
}

static void take_status(gmux__head *head, const uint8_t *value, size_t len) {
  head->has_status = true;
  gmux__status_parse(value, len, &head->status);
}

static void take_message(gmux__head *head, const uint8_t *value, size_t len) {
  gmux__buf_deinit(&head->message);
  if (gmux__percent_decode(&head->message, value, len)) head->is_out_of_memory = true;
}

static void take_details(gmux__head *head, const uint8_t *value, size_t len) {
  uint8_t *bytes = gmux__malloc(gmux__base64_decoded_max(len) + 1);
  if (!bytes) {
    head->is_out_of_memory = true;
    return;
  }
  size_t n;
  if (gmux__base64_decode(bytes, &n, value, len)) {
    head->is_bad_metadata = true;
    gmux__free(bytes);
    return;
  }
  gmux_bytes_release(&head->details);
  head->details = gmux_bytes_own(bytes, n);
}

static void keep_metadata(gmux__head *head, const uint8_t *name, size_t name_len,
                          const uint8_t *value, size_t value_len) {
  if (!head->metadata && gmux_metadata_new(&head->metadata)) {
    head->is_out_of_memory = true;
    return;
  }
  int rc = gmux__metadata_receive(head->metadata, name, name_len, value, value_len);
  if (rc == GMUX_ERR_NOMEM) head->is_out_of_memory = true;
  if (rc == GMUX_ERR_PROTOCOL) head->is_bad_metadata = true;
}

/* Of the reserved names the one that is shown to the application. */
static void take_user_agent(gmux__head *head, const uint8_t *value, size_t len) {
  static const uint8_t name[] = "user-agent";
  keep_metadata(head, name, sizeof name - 1, value, len);
}

/* Looks first, so that a block without anything for the application costs no memory. */
static void take_metadata(gmux__head *head, const uint8_t *name, size_t name_len,
                          const uint8_t *value, size_t value_len) {
  if (gmux__metadata_is_reserved((const char *)name, name_len)) return;
  keep_metadata(head, name, name_len, value, value_len);
}

/* gRPC has no use for it, and it is no metadata. */
static void take_nothing(gmux__head *head, const uint8_t *value, size_t len) {
  (void)head, (void)value, (void)len;
}

typedef void taker(gmux__head *head, const uint8_t *value, size_t len);

#define NAME_IS(text) (memcmp(name, text, sizeof(text) - 1) == 0)

/* Each field that arrives asks: by its length first, which leaves one name or two. NULL: none that
 * we know. */
static taker *taker_of(const uint8_t *name, size_t len) {
  switch (len) {
  case 2:
    return NAME_IS("te") ? take_te : NULL;
  case 4:
    return NAME_IS("host") ? take_authority : NULL;
  case 5:
    return NAME_IS(":path") ? take_path : NULL;
  case 6:
    return NAME_IS("expect") ? take_expect : NULL;
  case 7:
    if (NAME_IS(":method")) return take_method;
    if (NAME_IS(":scheme")) return take_nothing;
    return NAME_IS(":status") ? take_http_status : NULL;
  case 10:
    if (NAME_IS(":authority")) return take_authority;
    return NAME_IS("user-agent") ? take_user_agent : NULL;
  case 11:
    return NAME_IS("grpc-status") ? take_status : NULL;
  case 12:
    if (NAME_IS("content-type")) return take_content_type;
    if (NAME_IS("grpc-message")) return take_message;
    return NAME_IS("grpc-timeout") ? take_timeout : NULL;
  case 13:
    return NAME_IS("grpc-encoding") ? take_encoding : NULL;
  case 20:
    return NAME_IS("grpc-accept-encoding") ? take_accept_encoding : NULL;
  case 23:
    return NAME_IS("grpc-status-details-bin") ? take_details : NULL;
  default:
    return NULL;
  }
}

/* Binary values that were joined by commas become as many entries again, each with the key: a block
 * within the limit could else grow to the square of it. */
static uint64_t field_size(const uint8_t *name, size_t name_len, const uint8_t *value,
                           size_t value_len) {
  uint64_t values = 1;
  if (name_len >= 4 && memcmp(name + name_len - 4, "-bin", 4) == 0)
    for (size_t i = 0; i < value_len; i++)
      values += value[i] == ',';
  return values * (name_len + FIELD_OVERHEAD) + value_len;
}

void gmux__head_field(gmux__head *head, uint32_t limit_bytes, const uint8_t *name, size_t name_len,
                      const uint8_t *value, size_t value_len) {
  uint64_t bytes = head->bytes + field_size(name, name_len, value, value_len);
  head->bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
  taker *take = taker_of(name, name_len);
  if (head->bytes > limit_bytes) head->is_too_large = true;
  /* Over the limit nothing more is kept, but what it takes to answer, or to know how it ended, is.
   */
  if (head->is_too_large &&
      !(take && (name[0] == ':' || take == take_status || take == take_content_type)))
    return;
  if (take)
    take(head, value, value_len);
  else
    take_metadata(head, name, name_len, value, value_len);
}
