/* buffer.h: bytes that grow at the end. Where there is no memory the program ends, with words. */
#ifndef TOOL_BUFFER_H
#define TOOL_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define TOOL_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef struct buffer {
  uint8_t *data;
  size_t len, room;
} buffer; /* all zero is an empty one */

void buffer_add(buffer *b, const void *data, size_t len);
void buffer_add_string(buffer *b, const char *string);
void buffer_add_format(buffer *b, const char *format, ...) TOOL_PRINTF(2, 3);
void buffer_add_arguments(buffer *b, const char *format, va_list args) TOOL_PRINTF(2, 0);
/* A gap of `len` bytes at `at`; what stood there is behind it. */
void buffer_insert(buffer *b, size_t at, const void *data, size_t len);
/* With a zero behind its last byte that is not counted. */
const char *buffer_string(buffer *b);
void buffer_free(buffer *b);

#endif
