/* metadata.h (inside): metadata as it stands in HTTP/2 header fields. */
#ifndef GMUX__WIRE_METADATA_H
#define GMUX__WIRE_METADATA_H

#include <gmux/metadata.h>
#include <stdbool.h>
#include <stdint.h>

/* One header field for the wire, borrowed. Strings need not be zero-terminated. */
typedef struct gmux__field {
  const uint8_t *name, *value;
  size_t name_len, value_len;
  /* They stay as they are for as long as there are connections on which the field may leave, so
   * need not be copied. */
  bool is_name_lasting, is_value_lasting;
  /* For lib/wire/hpack.h, which does without: */
  bool is_steady;       /* the same value is sent again and again; `hash` must be set */
  uint8_t static_index; /* is_steady: that of this very field in HPACK's static table; 0: none */
  uint32_t hash;        /* of name and value (is_steady), or of the name; 0: not known */
} gmux__field;

/* FNV-1a, going on from `hash`; 0 to begin. Not keyed: all that can be had by collisions is a
 * slower search among the few entries of one's own table. */
uint32_t gmux__field_hash(const uint8_t *bytes, size_t len, uint32_t hash);
/* As one that is steady. */
void gmux__field_prepare(gmux__field *field);

/*
 * Appends a received field, if it is the application's to see. Reserved names are passed over in
 * silence, except that user-agent is kept; so are names of other characters than gRPC's. A text
 * value is stripped of blanks at its ends and may then hold whatever HTTP allows, such as bytes
 * from 0x80; one that HTTP forbids (NUL, CR, LF) is passed over. A "-bin" value is split at "," and
 * each piece decoded to an entry of its own; an empty piece is an empty value. A repeated key gives
 * several entries. GMUX_ERR_PROTOCOL for bad base64, GMUX_ERR_NOMEM: nothing was added.
 */
int gmux__metadata_receive(gmux_metadata *metadata, const uint8_t *name, size_t name_len,
                           const uint8_t *value, size_t value_len);

/* A deep copy; NULL or an empty one gives *out = NULL. GMUX_ERR_NOMEM. */
int gmux__metadata_copy(gmux_metadata **out, const gmux_metadata *from);

/* What sending it costs of the peer's SETTINGS_MAX_HEADER_LIST_SIZE: name + value + 32 each
 * (RFC 9113 section 6.5.2), values as they stand on the wire. NULL is 0. */
size_t gmux__metadata_wire_size(const gmux_metadata *metadata);

/*
 * The fields for the wire into fields[0..room): count is returned, as many as gmux_metadata_count,
 * for which there must be room. Wire values of "-bin" keys were encoded when they were added, so
 * this cannot fail and copies nothing; the fields are borrowed from the metadata, until it is
 * changed or freed.
 */
size_t gmux__metadata_fields(const gmux_metadata *metadata, gmux__field *fields, size_t room);

/*
 * True when gRPC or HTTP/2 owns this name: ":..." and "grpc-..."; content-type, te, user-agent;
 * content-length; host; and those that are malformed in HTTP/2: connection, keep-alive,
 * proxy-connection, transfer-encoding, upgrade.
 */
bool gmux__metadata_is_reserved(const char *name, size_t len);

#endif
