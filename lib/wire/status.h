/* status.h (inside): gRPC's maps from HTTP status (http-grpc-status-mapping) and from HTTP/2 error
 * codes ("gRPC over HTTP2", Errors), and the text form of a code. */
#ifndef GMUX__WIRE_STATUS_H
#define GMUX__WIRE_STATUS_H

#include <gmux/status.h>
#include <stdbool.h>

/* RFC 9113 section 7. */
typedef enum gmux__h2_code {
  GMUX__H2_NO_ERROR = 0,
  GMUX__H2_PROTOCOL_ERROR = 1,
  GMUX__H2_INTERNAL_ERROR = 2,
  GMUX__H2_FLOW_CONTROL_ERROR = 3,
  GMUX__H2_SETTINGS_TIMEOUT = 4,
  GMUX__H2_STREAM_CLOSED = 5,
  GMUX__H2_FRAME_SIZE_ERROR = 6,
  GMUX__H2_REFUSED_STREAM = 7,
  GMUX__H2_CANCEL = 8,
  GMUX__H2_COMPRESSION_ERROR = 9,
  GMUX__H2_CONNECT_ERROR = 10,
  GMUX__H2_ENHANCE_YOUR_CALM = 11,
  GMUX__H2_INADEQUATE_SECURITY = 12,
  GMUX__H2_HTTP_1_1_REQUIRED = 13
} gmux__h2_code;

const char *gmux__h2_code_str(uint32_t code); /* "REFUSED_STREAM"; "unknown code" */

/* grpc-status as text: decimal, no sign, no leading zero. *code is always set: GMUX_UNKNOWN for the
 * unparsable (false is returned) and for a number above 16 (true). */
bool gmux__status_parse(const uint8_t *text, size_t len, gmux_code *code);
/* gRPC status for an HTTP status when grpc-status is absent. */
gmux_code gmux__status_from_http(int http_status);
/* gRPC status for a RST_STREAM received on a call that has no status yet; a code that RFC 9113 does
 * not know counts as INTERNAL_ERROR. CANCEL is GMUX_CANCELLED: that it is DEADLINE_EXCEEDED when
 * our own deadline has passed is the caller's to know. */
gmux_code gmux__status_from_h2(uint32_t h2_code);

#endif
