/* plain.h: text of others, made fit for a terminal. */
#ifndef TOOL_PLAIN_H
#define TOOL_PLAIN_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* The character that `text`, of at least one byte, begins with, and in *size how many bytes it has:
 * at least one. 0: it is no UTF-8 (RFC 3629), or a zero byte. */
uint32_t plain_value(const char *text, size_t len, size_t *size);

/* False: it is no UTF-8, or could steer a terminal or deceive its reader: control characters, those
 * of the 8-bit set among them; marks of the direction of writing; what is never seen. */
bool plain_is_fit(const char *text, size_t len, size_t *size);

/* Appends it all, with a '?' for each character that is not fit. */
void plain_add(buffer *out, const char *text, size_t len);
void plain_add_string(buffer *out, const char *text);

#endif
