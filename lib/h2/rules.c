#include "lib/h2/rules.h"
#include <nghttp2/nghttp2.h>
#include <string.h>

enum { NO_CONTENT = 204, NOT_MODIFIED = 304, SWITCHING_PROTOCOLS = 101, STATUS_LEN = 3 };

#define NAME_IS(text) (memcmp(name, text, sizeof(text) - 1) == 0)

static bool is_informational(int status) {
  return status / 100 == 1;
}

/* Digits, and nothing else. */
static bool parse_number(const uint8_t *text, size_t len, uint64_t *out) {
  uint64_t n = 0;
  if (len == 0) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9' || n > (INT64_MAX - (uint64_t)(text[i] - '0')) / 10)
      return false;
    n = n * 10 + (uint64_t)(text[i] - '0');
  }
  *out = n;
  return true;
}

/* ---- pseudo-headers: the one, once, before all others; so trailers have none ---- */

static gmux__rule take_pseudo(gmux__rules *r, const uint8_t *name, size_t name_len,
                              const uint8_t *value, size_t value_len) {
  uint64_t status;
  bool is_status = name_len == 7 && NAME_IS(":status");
  if (!is_status || r->has_regular || r->status || value_len != STATUS_LEN)
    return GMUX__RULE_BROKEN;
  if (!parse_number(value, value_len, &status) || status == SWITCHING_PROTOCOLS)
    return GMUX__RULE_BROKEN;
  r->status = status ? (int16_t)status : -1; /* "000" is one, too */
  return GMUX__RULE_FINE;
}

/* ---- the others ---- */

/* Those that need not be looked at letter by letter. */
static bool is_usual_name(const uint8_t *name, size_t len) {
  switch (len) {
  case 11:
    return NAME_IS("grpc-status");
  case 12:
    return NAME_IS("content-type") || NAME_IS("grpc-message");
  case 13:
    return NAME_IS("grpc-encoding");
  case 20:
    return NAME_IS("grpc-accept-encoding");
  default:
    return false;
  }
}

static bool is_usual_value(const uint8_t *value, size_t len) {
  static const char grpc[] = "application/grpc";
  if (len == 1) return value[0] >= '0' && value[0] <= '9';
  return len == sizeof grpc - 1 && memcmp(value, grpc, len) == 0;
}

static bool is_for_one_connection(const uint8_t *name, size_t len) {
  switch (len) {
  case 7:
    return NAME_IS("upgrade");
  case 10:
    return NAME_IS("connection") || NAME_IS("keep-alive");
  case 16:
    return NAME_IS("proxy-connection");
  case 17:
    return NAME_IS("transfer-encoding");
  default:
    return false;
  }
}

static uint8_t lower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_trailers(const uint8_t *value, size_t len) {
  static const char word[] = "trailers";
  if (len != sizeof word - 1) return false;
  for (size_t i = 0; i < len; i++)
    if (lower(value[i]) != (uint8_t)word[i]) return false;
  return true;
}

/* 204 has no content, and servers that say so with "0" are forgiven. */
static gmux__rule take_length(gmux__rules *r, const uint8_t *value, size_t len) {
  if (r->has_length || is_informational(r->status)) return GMUX__RULE_BROKEN;
  if (!parse_number(value, len, &r->content_length)) return GMUX__RULE_BROKEN;
  r->has_length = true;
  if (r->status != NO_CONTENT) return GMUX__RULE_FINE;
  return len == 1 && value[0] == '0' ? GMUX__RULE_PASS_OVER : GMUX__RULE_BROKEN;
}

static gmux__rule take_regular(gmux__rules *r, const uint8_t *name, size_t name_len,
                               const uint8_t *value, size_t value_len) {
  if (is_for_one_connection(name, name_len)) return GMUX__RULE_BROKEN;
  if (name_len == 2 && NAME_IS("te"))
    return is_trailers(value, value_len) ? GMUX__RULE_FINE : GMUX__RULE_BROKEN;
  if (name_len == 14 && NAME_IS("content-length")) return take_length(r, value, value_len);
  return GMUX__RULE_FINE;
}

gmux__rule gmux__rules_field(gmux__rules *r, const uint8_t *name, size_t name_len,
                             const uint8_t *value, size_t value_len) {
  if (name_len > 0 && name[0] == ':') return take_pseudo(r, name, name_len, value, value_len);
  r->has_regular = true;
  bool is_usual = is_usual_name(name, name_len);
  if (!is_usual && !nghttp2_check_header_name(name, name_len)) return GMUX__RULE_BROKEN;
  if (!is_usual_value(value, value_len) && !nghttp2_check_header_value_rfc9113(value, value_len))
    return GMUX__RULE_BROKEN;
  return is_usual ? GMUX__RULE_FINE : take_regular(r, name, name_len, value, value_len);
}

bool gmux__rules_block(gmux__rules *r, bool is_trailer, bool is_end) {
  if (is_trailer) return is_end;
  if (!r->status) return false;
  if (is_informational(r->status)) {
    *r = (gmux__rules){0}; /* the final one is still to come */
    return !is_end;
  }
  if (r->status == NO_CONTENT || r->status == NOT_MODIFIED) {
    r->has_length = true;
    r->content_length = 0;
  }
  return true;
}
