/* api.h: what every installed header starts with. */
#ifndef GMUX_API_H
#define GMUX_API_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define GMUX_API          __attribute__((visibility("default")))
#define GMUX_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GMUX_MUST_USE     __attribute__((warn_unused_result))
#else
#define GMUX_API
#define GMUX_PRINTF(f, a)
#define GMUX_MUST_USE
#endif

#ifdef __cplusplus
#define GMUX_BEGIN_DECLS extern "C" {
#define GMUX_END_DECLS   }
#else
#define GMUX_BEGIN_DECLS
#define GMUX_END_DECLS
#endif

#endif
