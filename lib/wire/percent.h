/* percent.h: grpc-message. Encoded: every byte outside 0x20..0x7e and '%' itself, upper-case hex;
 * invalid UTF-8 becomes U+FFFD first. Decoding never fails: a bad escape stays as it is; invalid
 * UTF-8 in the result becomes U+FFFD. */
#ifndef GMUX__WIRE_PERCENT_H
#define GMUX__WIRE_PERCENT_H

#include "lib/base/buf.h"

int gmux__percent_encode(gmux__buf *out, const char *text,
                         size_t len); /* appends; GMUX_ERR_NOMEM */
int gmux__percent_decode(gmux__buf *out, const uint8_t *text,
                         size_t len); /* appends; GMUX_ERR_NOMEM */

#endif
