/*
 * memory.h: an allocator for tests, that counts and fails.
 *
 * Counts are those of gmux's own memory hook, so nghttp2's and protobuf-c's allocations are among
 * them. test_main installs it for its program.
 */
#ifndef TESTS_UNIT_MEMORY_H
#define TESTS_UNIT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* For the whole program, before anything is allocated. False: gmux takes no allocator now. */
bool test_alloc_install(void);

size_t test_alloc_live(void); /* blocks not freed yet */
/* Bytes in them, as the allocator counts; 0 where it cannot be asked (malloc_usable_size). */
size_t test_alloc_bytes(void);
/* The most of them at once since this was asked the last time. */
size_t test_alloc_peak(void);
size_t test_alloc_calls(void); /* malloc, calloc, realloc so far */
/* The n-th allocation from now (1 is the next) fails, once; 0: none will. */
void test_alloc_fail_at(size_t n);
/* True when the failure asked for has happened. */
bool test_alloc_has_failed(void);

#endif
