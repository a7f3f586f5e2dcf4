/* timeout.h: grpc-timeout, 1 to 8 digits and a unit of H M S m u n. */
#ifndef GMUX__WIRE_TIMEOUT_H
#define GMUX__WIRE_TIMEOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GMUX__TIMEOUT_TEXT = 10 }; /* 8 digits, a unit, a zero */

/* `ns` in the finest unit in which it has no more than 8 digits, rounded down, so that the peer's
 * deadline is never later than ours; 0 is "0n". Returns the length without the zero. */
size_t gmux__timeout_format(char text[GMUX__TIMEOUT_TEXT], uint64_t ns);
/* False when malformed (a sign, a space, no digit, more than 8, another unit); *ns is then as it
 * was. Values beyond UINT64_MAX nanoseconds (584 years) are UINT64_MAX. */
bool gmux__timeout_parse(const uint8_t *text, size_t len, uint64_t *ns);

#endif
