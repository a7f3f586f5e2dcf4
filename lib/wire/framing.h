/*
 * framing.h: gRPC's length-prefixed messages, out of DATA bytes in any fragmentation.
 *
 *     1 byte flag (0, or 1: compressed) | 4 bytes length, big-endian | message
 *
 * The deframer is told of bytes as they come and yields whole messages; a message that lies whole
 * in the bytes at hand is yielded where it lies, only others are put together in memory. The limit
 * is checked on the prefix, before anything is allocated, and memory grows with the bytes that
 * really came (at most twice as many), never with the length that a prefix claims. Memory that is
 * there anyway, in a hoard, is taken for the whole of it at once.
 */
#ifndef GMUX__WIRE_FRAMING_H
#define GMUX__WIRE_FRAMING_H

#include "lib/base/hoard.h"
#include <stdbool.h>

enum { GMUX__PREFIX_LEN = 5 };

void gmux__prefix_write(uint8_t prefix[GMUX__PREFIX_LEN], bool compressed, uint32_t len);

typedef struct gmux__deframer {
  uint8_t prefix[GMUX__PREFIX_LEN];
  size_t prefix_len;   /* bytes of it read so far; all: in the middle of a message */
  uint32_t need;       /* message length, once the prefix is whole */
  uint32_t limit;      /* largest message accepted, bytes */
  gmux__chunk partial; /* of the message being put together */
  gmux__hoard *hoard;  /* where its memory comes from, if it is there; NULL: none */
} gmux__deframer;

typedef enum gmux__deframed {
  GMUX__DEFRAMED_MORE = 0,    /* all input was taken, no message is whole */
  GMUX__DEFRAMED_MESSAGE = 1, /* one message; call again with the rest of the input */
} gmux__deframed;

/* `hoard` (may be NULL) must outlive it. */
void gmux__deframer_init(gmux__deframer *d, uint32_t limit_bytes, gmux__hoard *hoard);

/*
 * Takes bytes from data[0..len); *used says how many (also when failing). With
 * GMUX__DEFRAMED_MESSAGE *out is the message (borrowed from `data`, or owned when it was put
 * together, so that whoever wants to keep it need not copy, and whoever does not gives it back by
 * gmux__hoard_release; one of no bytes has len 0) and *compressed its flag. *out and *compressed
 * are set in no other case.
 *
 * Errors, each with a sentence in gmux_last_error():
 *   GMUX_ERR_PROTOCOL   a flag above 1. The deframer is dead: fed again, it fails again.
 *   GMUX_ERR_TOO_LARGE  the message is over the limit. Dead likewise.
 *   GMUX_ERR_NOMEM      nothing was lost: data + *used may be fed again later.
 */
int gmux__deframer_next(gmux__deframer *d, const uint8_t *data, size_t len, size_t *used,
                        gmux_bytes *out, bool *compressed);

/* In the middle of a prefix or a message: an end of stream now is a truncated message. */
bool gmux__deframer_is_partial(const gmux__deframer *d);
void gmux__deframer_deinit(gmux__deframer *d);

#endif
