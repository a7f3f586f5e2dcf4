/* base64.h: RFC 4648 section 4. Encoded without padding; padded and unpadded are decoded. Unused
 * bits of the last digit are not looked at, as in the other gRPC libraries. */
#ifndef GMUX__WIRE_BASE64_H
#define GMUX__WIRE_BASE64_H

#include <stddef.h>
#include <stdint.h>

size_t gmux__base64_encoded_len(size_t len);                          /* exact, without padding */
void gmux__base64_encode(char *out, const uint8_t *data, size_t len); /* no terminating zero */
size_t gmux__base64_decoded_max(size_t len);
/* *out_len bytes in out (room for _decoded_max); GMUX_ERR_PROTOCOL when it is not base64: out may
 * have been written to, *out_len is as it was. `out` and `text` must not overlap. */
int gmux__base64_decode(uint8_t *out, size_t *out_len, const uint8_t *text, size_t len);

#endif
