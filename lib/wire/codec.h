/*
 * codec.h (inside): the algorithms that a channel or server knows, by name and by number, and the
 * way through them.
 *
 * A number is a gmux__encoding; those of the application's own count on from GMUX__ENCODING_CUSTOM.
 * NULL for a gmux__codecs means: only what is built in.
 */
#ifndef GMUX__WIRE_CODEC_H
#define GMUX__WIRE_CODEC_H

#include "lib/wire/gzip.h"
#include <gmux/codec.h>

enum {
  GMUX__CODECS_MAX = 8,
  GMUX__CODEC_NAME = 31,    /* its zero included: shorter than what gmux__head keeps of a name */
  GMUX__COMPRESS_MIN = 64,  /* gzip alone adds 18 bytes: below this there is nothing to gain */
  GMUX__CODECS_ACCEPT = 320 /* all names with commas between: 22 + 8 * 31 */
};

typedef struct gmux__codecs {
  gmux_codec list[GMUX__CODECS_MAX]; /* their names point into: */
  char names[GMUX__CODECS_MAX][GMUX__CODEC_NAME];
  size_t count;
  char accept[GMUX__CODECS_ACCEPT]; /* the value of grpc-accept-encoding */
} gmux__codecs;

/* GMUX_ERR_INVALID, in words: too many, a bad or a second name, a function that is missing. Also
 * when `compression` (may be NULL) is none of them. */
int gmux__codecs_check(const gmux_codec *list, size_t count, const char *compression);
/* Of a list that was checked. Must not move afterwards. */
void gmux__codecs_init(gmux__codecs *codecs, const gmux_codec *list, size_t count);

/* GMUX__ENCODING_UNKNOWN: none of them. */
gmux__encoding gmux__codecs_find(const gmux__codecs *codecs, const uint8_t *name, size_t len);
/* The same of a text, of which NULL is identity. */
gmux__encoding gmux__codecs_named(const gmux__codecs *codecs, const char *name);
const char *gmux__codecs_name(const gmux__codecs *codecs, gmux__encoding encoding);

static inline uint32_t gmux__encoding_bit(gmux__encoding encoding) {
  return 1u << (unsigned)encoding;
}
/* A list with commas, of names of which those that nobody knows are passed over: a bit for each. */
uint32_t gmux__codecs_parse(const gmux__codecs *codecs, const uint8_t *text, size_t len);

/* As gmux__compress, with the application's too. */
int gmux__codecs_compress(const gmux__codecs *codecs, gmux__encoding encoding, gmux_bytes *out,
                          const gmux_bytes *message);
/* As gmux__decompress. */
int gmux__codecs_decompress(const gmux__codecs *codecs, gmux__encoding encoding, gmux_bytes *out,
                            const gmux_bytes *message, size_t limit);

#endif
