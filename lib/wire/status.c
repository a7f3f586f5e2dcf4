/* status.c: codes and their names, status objects, and the maps between gRPC, HTTP and HTTP/2. */
#include "lib/wire/status.h"
#include "lib/base/alloc.h"
#include <string.h>

const char *gmux_code_str(gmux_code code) {
  switch (code) {
  case GMUX_OK:
    return "OK";
  case GMUX_CANCELLED:
    return "CANCELLED";
  case GMUX_UNKNOWN:
    return "UNKNOWN";
  case GMUX_INVALID_ARGUMENT:
    return "INVALID_ARGUMENT";
  case GMUX_DEADLINE_EXCEEDED:
    return "DEADLINE_EXCEEDED";
  case GMUX_NOT_FOUND:
    return "NOT_FOUND";
  case GMUX_ALREADY_EXISTS:
    return "ALREADY_EXISTS";
  case GMUX_PERMISSION_DENIED:
    return "PERMISSION_DENIED";
  case GMUX_RESOURCE_EXHAUSTED:
    return "RESOURCE_EXHAUSTED";
  case GMUX_FAILED_PRECONDITION:
    return "FAILED_PRECONDITION";
  case GMUX_ABORTED:
    return "ABORTED";
  case GMUX_OUT_OF_RANGE:
    return "OUT_OF_RANGE";
  case GMUX_UNIMPLEMENTED:
    return "UNIMPLEMENTED";
  case GMUX_INTERNAL:
    return "INTERNAL";
  case GMUX_UNAVAILABLE:
    return "UNAVAILABLE";
  case GMUX_DATA_LOSS:
    return "DATA_LOSS";
  case GMUX_UNAUTHENTICATED:
    return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

static gmux_status status_bare(gmux_code code) {
  return (gmux_status){code, "", {NULL, 0, NULL, NULL}, NULL};
}

/* Text and details live in one block: `storage`. */
gmux_status gmux_status_make(gmux_code code, const char *message, const gmux_bytes *details) {
  if ((unsigned)code > GMUX_UNAUTHENTICATED) code = GMUX_UNKNOWN;
  gmux_status status = status_bare(code);
  if (code == GMUX_OK) return status;
  size_t message_len = message ? strlen(message) : 0;
  size_t details_len = details && details->data ? details->len : 0;
  if (message_len + details_len == 0) return status;

  char *storage = gmux__malloc(message_len + 1 + details_len);
  if (!storage) return status;
  if (message_len) memcpy(storage, message, message_len);
  storage[message_len] = '\0';
  if (details_len) {
    char *copy = storage + message_len + 1;
    memcpy(copy, details->data, details_len);
    status.details = gmux_bytes_borrow(copy, details_len);
  }
  status.message = storage;
  status.storage = storage;
  return status;
}

gmux_status gmux_status_copy(const gmux_status *status) {
  if (!status) return status_bare(GMUX_OK);
  return gmux_status_make(status->code, status->message, &status->details);
}

void gmux_status_clear(gmux_status *status) {
  if (!status) return;
  gmux__free(status->storage);
  *status = status_bare(GMUX_OK);
}

const char *gmux__h2_code_str(uint32_t code) {
  static const char *const names[] = {"NO_ERROR",
                                      "PROTOCOL_ERROR",
                                      "INTERNAL_ERROR",
                                      "FLOW_CONTROL_ERROR",
                                      "SETTINGS_TIMEOUT",
                                      "STREAM_CLOSED",
                                      "FRAME_SIZE_ERROR",
                                      "REFUSED_STREAM",
                                      "CANCEL",
                                      "COMPRESSION_ERROR",
                                      "CONNECT_ERROR",
                                      "ENHANCE_YOUR_CALM",
                                      "INADEQUATE_SECURITY",
                                      "HTTP_1_1_REQUIRED"};
  return code < sizeof names / sizeof *names ? names[code] : "unknown code";
}

bool gmux__status_parse(const uint8_t *text, size_t len, gmux_code *code) {
  *code = GMUX_UNKNOWN;
  if (len == 0 || (len > 1 && text[0] == '0')) return false;
  unsigned number = 0;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    if (number <= GMUX_UNAUTHENTICATED) number = number * 10 + (text[i] - '0'); /* else too large */
  }
  if (number <= GMUX_UNAUTHENTICATED) *code = (gmux_code)number;
  return true;
}

gmux_code gmux__status_from_http(int http_status) {
  switch (http_status) {
  case 400:
    return GMUX_INTERNAL;
  case 401:
    return GMUX_UNAUTHENTICATED;
  case 403:
    return GMUX_PERMISSION_DENIED;
  case 404:
    return GMUX_UNIMPLEMENTED;
  case 429:
  case 502:
  case 503:
  case 504:
    return GMUX_UNAVAILABLE;
  default:
    return GMUX_UNKNOWN;
  }
}

gmux_code gmux__status_from_h2(uint32_t h2_code) {
  switch (h2_code) {
  case GMUX__H2_REFUSED_STREAM:
    return GMUX_UNAVAILABLE;
  case GMUX__H2_CANCEL:
    return GMUX_CANCELLED;
  case GMUX__H2_ENHANCE_YOUR_CALM:
    return GMUX_RESOURCE_EXHAUSTED;
  case GMUX__H2_INADEQUATE_SECURITY:
    return GMUX_PERMISSION_DENIED;
  default:
    return GMUX_INTERNAL; /* an unknown code is an INTERNAL_ERROR: RFC 9113 section 7 */
  }
}
