/* buffer.c: grows by doubling. */
#include "tools/gmux/buffer.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

static void make_room(buffer *b, size_t len) {
  if (b->room - b->len >= len) return;
  if (len > SIZE_MAX / 4 - b->len) out_of_memory();
  size_t room = b->room ? b->room : FIRST_ROOM;
  while (room - b->len < len)
    room *= 2;
  uint8_t *data = realloc(b->data, room);
  if (!data) out_of_memory();
  b->data = data;
  b->room = room;
}

void buffer_add(buffer *b, const void *data, size_t len) {
  if (len == 0) return;
  make_room(b, len);
  memcpy(b->data + b->len, data, len);
  b->len += len;
}

void buffer_add_string(buffer *b, const char *string) {
  buffer_add(b, string, strlen(string));
}

void buffer_add_arguments(buffer *b, const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  if (len < 0) out_of_memory();
  make_room(b, (size_t)len + 1);
  vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
  va_end(again);
  b->len += (size_t)len;
}

void buffer_add_format(buffer *b, const char *format, ...) {
  va_list args;
  va_start(args, format);
  buffer_add_arguments(b, format, args);
  va_end(args);
}

void buffer_insert(buffer *b, size_t at, const void *data, size_t len) {
  make_room(b, len);
  memmove(b->data + at + len, b->data + at, b->len - at);
  memcpy(b->data + at, data, len);
  b->len += len;
}

const char *buffer_string(buffer *b) {
  make_room(b, 1);
  b->data[b->len] = 0;
  return (const char *)b->data;
}

void buffer_free(buffer *b) {
  free(b->data);
  *b = (buffer){0};
}
