/* pool.h: memory for one run, given back all at once. Where there is none the program ends, with
 * words: it has written nothing by then. */
#ifndef GEN_POOL_H
#define GEN_POOL_H

#include <stddef.h>

#define GEN_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef struct pool {
  struct pool_block *blocks;
} pool;

/* Zeroed, valid until pool_free. */
void *pool_get(pool *p, size_t count, size_t size);
char *pool_format(pool *p, const char *format, ...) GEN_PRINTF(2, 3);
void pool_free(pool *p);

/* Ends the program: out of memory. */
_Noreturn void out_of_memory(void);

#endif
