/*
 * metadata.h: the headers and trailers that belong to the application.
 *
 * An ordered list of key and value; keys may repeat, and order is kept. Keys are made of
 * 0-9 a-z _ - . and must not be one of HTTP's or gRPC's own (":...", "grpc-...", "content-type",
 * "content-length", "te", "user-agent", "host" and the headers that HTTP/2 forbids). A key that
 * ends in "-bin" has any bytes for its value; gmux codes them for the wire (base64, RFC 4648
 * section 4). Any other value is printable ASCII, 0x20 to 0x7e; a receiver may strip spaces at its
 * ends, so they are refused here. (gRPC over HTTP/2, "Custom-Metadata".)
 *
 * What a peer sent is taken more liberally: a text value may then hold any byte but NUL, CR and LF,
 * and "user-agent" is among the keys.
 *
 * A metadata object belongs to whoever made it and may be used by one thread at a time.
 */
#ifndef GMUX_METADATA_H
#define GMUX_METADATA_H

#include <gmux/bytes.h>

GMUX_BEGIN_DECLS

typedef struct gmux_metadata gmux_metadata;

/* One entry, borrowed from its metadata until that is changed or freed. The value is also followed
 * by a zero byte, so that text can be used as a string. */
typedef struct gmux_metadata_entry {
  const char *key; /* zero-terminated, lower case */
  size_t key_len;
  const uint8_t *value;
  size_t value_len;
} gmux_metadata_entry;

/* An empty metadata in *out. GMUX_ERR_NOMEM. */
GMUX_API int gmux_metadata_new(gmux_metadata **out);
/* Takes NULL. */
GMUX_API void gmux_metadata_free(gmux_metadata *metadata);

/*
 * Appends a copy of key and text value, or of key and `len` bytes for a key that ends in "-bin".
 * GMUX_ERR_INVALID with the reason in words: an illegal character (and where), a reserved key, an
 * upper-case letter, a "-bin" key given to _add or another one given to _add_bin, a NULL.
 * GMUX_ERR_NOMEM. After an error the metadata is as it was.
 */
GMUX_API int gmux_metadata_add(gmux_metadata *metadata, const char *key, const char *value);
GMUX_API int gmux_metadata_add_bin(gmux_metadata *metadata, const char *key, const void *value,
                                   size_t len);

/* How many entries; NULL has 0. */
GMUX_API size_t gmux_metadata_count(const gmux_metadata *metadata);

/* Entry `index` in *out, 0 <= index < count. GMUX_ERR_NOT_FOUND beyond, and for a NULL. */
GMUX_API int gmux_metadata_at(const gmux_metadata *metadata, size_t index,
                              gmux_metadata_entry *out);

/* The value of the first entry with this key, zero-terminated (of a "-bin" key: its bytes,
 * decoded); NULL when there is none, or no metadata. `len` (may be NULL) receives its length. For
 * repeated keys walk with gmux_metadata_at. */
GMUX_API const char *gmux_metadata_get(const gmux_metadata *metadata, const char *key, size_t *len);

GMUX_END_DECLS

#endif
