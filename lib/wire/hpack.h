/*
 * hpack.h: an encoder of header blocks (RFC 7541) for requests and answers, which are nearly the
 * same from call to call.
 *
 * Fields that are steady are added to the dynamic table when they are first sent, and are an index
 * from then on; one that was prepared with its hash is found by comparing pointers. Of others
 * (metadata, grpc-timeout) the name is added with its first value, unless that takes more than a
 * third of the table and something else would have to leave. A later value is sent as it is, and
 * added only when it comes twice in a row: a value that is another each time pushes nothing out of
 * the table. Credentials are never added (section 7.1.3). Short strings are sent as they are:
 * steady ones leave once a connection, and others cost both sides less so. Long ones are sent in
 * Huffman's code where that is shorter.
 *
 * The blocks must reach the peer whole, and in the order in which they were encoded.
 */
#ifndef GMUX__WIRE_HPACK_H
#define GMUX__WIRE_HPACK_H

#include "lib/wire/metadata.h"

enum {
  GMUX__HPACK_TABLE_BYTES = 4096, /* what every decoder allows at first (RFC 9113 section 6.5.2) */
  GMUX__HPACK_BUCKETS = 32,
  GMUX__HPACK_INT = 6,                        /* bytes of an integer of 32 bits, at most */
  GMUX__HPACK_FIELD = 1 + 2 * GMUX__HPACK_INT /* beside its strings, at most */
};

typedef struct gmux__hpack_entry gmux__hpack_entry;

typedef struct gmux__hpack {
  gmux__hpack_entry *buckets[GMUX__HPACK_BUCKETS]; /* by hash, newest first */
  gmux__hpack_entry *oldest, *newest;
  uint32_t added; /* entries, ever */
  uint32_t bytes; /* in the table, as section 4.1 counts */
  uint32_t limit;
  bool has_news; /* the limit is to be told with the next block */
} gmux__hpack;

void gmux__hpack_init(gmux__hpack *hpack);
void gmux__hpack_deinit(gmux__hpack *hpack);

/* The peer's SETTINGS_HEADER_TABLE_SIZE, each that it sends. The table is made smaller, and never
 * larger again. */
void gmux__hpack_set_limit(gmux__hpack *hpack, uint32_t bytes);

/* So many bytes hold a block of `count` fields whose strings take `strings` bytes, whatever is in
 * the table. */
static inline size_t gmux__hpack_bound(size_t count, size_t strings) {
  return GMUX__HPACK_INT + count * GMUX__HPACK_FIELD + strings;
}

/* Returns the length of the block. A field for whose entry there is no memory is not added. */
size_t gmux__hpack_encode(gmux__hpack *hpack, uint8_t *out, const gmux__field *fields,
                          size_t count);

#endif
