/* pool.c: blocks in a list. */
#include "tools/protoc-gen-gmux/pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct pool_block {
  struct pool_block *next;
  max_align_t memory[];
};

void out_of_memory(void) {
  fputs("out of memory\n", stderr);
  exit(1);
}

void *pool_get(pool *p, size_t count, size_t size) {
  if (size > 0 && count > (SIZE_MAX - sizeof(struct pool_block)) / size) out_of_memory();
  struct pool_block *block = calloc(1, sizeof *block + count * size);
  if (!block) out_of_memory();
  block->next = p->blocks;
  p->blocks = block;
  return block->memory;
}

char *pool_format(pool *p, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (len < 0) out_of_memory();
  char *text = pool_get(p, (size_t)len + 1, 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  return text;
}

void pool_free(pool *p) {
  while (p->blocks) {
    struct pool_block *next = p->blocks->next;
    free(p->blocks);
    p->blocks = next;
  }
}
