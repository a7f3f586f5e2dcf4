/* base64.h: RFC 4648, both alphabets. (lib/wire/base64.h is inside the library, and knows one.) */
#ifndef TOOL_BASE64_H
#define TOOL_BASE64_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

/* Appends the alphabet of section 4, with padding. */
void base64_encode(buffer *out, const uint8_t *data, size_t len);
/* At most len * 3 / 4 bytes in `out`. Takes both alphabets, even mixed, padded or not; unused bits
 * of the last digit are not looked at. */
bool base64_decode(uint8_t *out, size_t *out_len, const char *digits, size_t len);

#endif
