/*
 * options.h: what all sized structs of options have in common.
 *
 * `size` is their first field and they only grow at their end. A program built against an older
 * version has a shorter struct: what it does not know keeps its default. One built against a newer
 * version has a longer one: what we do not know is passed over. A size that no version ever had is
 * a struct that was not initialised, or `sizeof &o`, after which every field would be ignored.
 */
#ifndef GMUX__BASE_OPTIONS_H
#define GMUX__BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gmux__options_kind {
  const void *defaults;
  size_t size;      /* as we know it */
  size_t first;     /* as the first release knew it: GMUX__SIZE_UPTO its last field */
  const char *init; /* "gmux_loop_options_init" */
} gmux__options_kind;

/* Without padding behind `last`, which a later field may use. */
#define GMUX__SIZE_UPTO(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

/* The defaults, and zeros beyond what we know; writes `size` bytes. Takes NULL. */
void gmux__options_init(const gmux__options_kind *kind, void *options, size_t size);
/* Fills *out: the defaults, and over them what is given, which may be NULL. GMUX_ERR_INVALID for a
 * size that cannot be: then *out has the defaults. */
int gmux__options_read(const gmux__options_kind *kind, void *out, const void *options);

typedef struct gmux__options_range {
  const char *name;
  size_t offset; /* of a uint32_t */
  uint32_t min, max;
  bool or_zero; /* 0 is allowed too, and means something of its own */
} gmux__options_range;

/* Of a struct that was read. GMUX_ERR_INVALID names the field. */
int gmux__options_check_ranges(const gmux__options_kind *kind, const void *options,
                               const gmux__options_range *ranges, size_t count);

/* What gmux_x_options_check ends with: on an error the sentence goes where both the caller and
 * gmux_last_error() find it. */
int gmux__options_told(int error, char *why, size_t len);
/* GMUX_ERR_INVALID, for the check of a NULL. */
int gmux__options_missing(const gmux__options_kind *kind);

#endif
