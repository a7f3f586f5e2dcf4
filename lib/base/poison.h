/* poison.h: free lists hide use after free from AddressSanitizer, so it is told what nobody may
 * touch. Nothing without it. */
#ifndef GMUX__BASE_POISON_H
#define GMUX__BASE_POISON_H

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define GMUX__HAS_ASAN 1
#endif
#endif
#if defined(GMUX__HAS_ASAN) || defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size)   ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

#endif
