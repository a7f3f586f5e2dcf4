/*
 * percent.h: grpc-message.
 *
 * Encoded: every byte outside 0x20..0x7e and '%' itself, upper-case hex; and a space at either end,
 * because a field value must not begin or end with one (RFC 9113 section 8.2.1) and a strict peer
 * would refuse the whole block. Decoding never fails for what it is given: an escape that is none
 * stays as it is. In both directions each byte that is not part of valid UTF-8 (RFC 3629: no
 * overlong form, no surrogate, nothing above U+10FFFF) becomes U+FFFD.
 */
#ifndef GMUX__WIRE_PERCENT_H
#define GMUX__WIRE_PERCENT_H

#include "lib/base/buf.h"

/* Both append to `out`. GMUX_ERR_NOMEM: `out` holds what it held. */
int gmux__percent_encode(gmux__buf *out, const char *text, size_t len);
int gmux__percent_decode(gmux__buf *out, const uint8_t *text, size_t len);

#endif
