/*
 * hoard.h: memory for messages that are put together, and what is kept of it for the next ones.
 *
 * Such memory is a chunk. From 16 KiB on chunks come in a few sizes, four to each doubling, so that
 * one that was given back fits any message of about its size. malloc gives memory of this kind back
 * to the system as soon as it can and faults it in anew; a hoard keeps up to `keep` bytes of it,
 * and _trim lets go of what was not needed since the last time.
 *
 * A hoard belongs to one thread. A chunk does not: as gmux_bytes it frees itself, on any thread,
 * also after the hoard. Only who comes by on the right thread gives it back by _release. Under
 * AddressSanitizer a kept chunk is poisoned.
 */
#ifndef GMUX__BASE_HOARD_H
#define GMUX__BASE_HOARD_H

#include <gmux/bytes.h>
#include <stdbool.h>

enum {
  GMUX__HOARD_LEAST = 16 * 1024, /* smaller chunks are of any size, and are not kept */
  GMUX__HOARD_CLASSES = 4 * 12   /* so what is larger than 56 MiB is not kept either */
};

typedef struct gmux__hoard {
  void *free[GMUX__HOARD_CLASSES]; /* of each size, the one that was given back last first */
  size_t keep, held, least;        /* bytes; least: held since the last _trim */
} gmux__hoard;

/* A growing run of bytes in a chunk. All zero is an empty one. */
typedef struct gmux__chunk {
  uint8_t *data;
  size_t len, cap;
} gmux__chunk;

void gmux__hoard_init(gmux__hoard *hoard, size_t keep);
/* Room in an empty chunk for `whole` bytes, if the hoard (may be NULL) has it: no new memory. */
void gmux__hoard_lend(gmux__hoard *hoard, gmux__chunk *chunk, size_t whole);
/* Room for at least `len` bytes, len <= whole, of which that many will ever be there. What is in it
 * stays. GMUX_ERR_NOMEM: as it was. */
int gmux__chunk_grow(gmux__chunk *chunk, size_t len, size_t whole);
/* Hands it out as owned bytes and leaves it empty. */
void gmux__chunk_detach(gmux__chunk *chunk, gmux_bytes *out);
void gmux__chunk_deinit(gmux__chunk *chunk);
/* gmux_bytes_release, but what is a chunk is kept, where there is room. `hoard` may be NULL. */
void gmux__hoard_release(gmux__hoard *hoard, gmux_bytes *bytes);
/* True: something is still held, so that it is worth to come again. */
bool gmux__hoard_trim(gmux__hoard *hoard);
void gmux__hoard_deinit(gmux__hoard *hoard);

#endif
