/* encode.h: inside codec_read_json: from nodes to bytes. Each returns false with words that say
 * where; what has been written by then is of no use. */
#ifndef TOOL_ENCODE_H
#define TOOL_ENCODE_H

#include "tools/gmux/codec.h"
#include "tools/gmux/document.h"
#include "tools/gmux/shapes.h"

typedef struct encoder {
  const registry *types;
  const codec_options *options;
  const document *document;
  pool *memory;
  buffer *out;
  problem *problem;
  unsigned depth; /* messages that are open */
  shapes shapes;
} encoder;

/* The content of a message. */
bool encode_message(encoder *e, const message_type *m, const node *n);
/* The same by its fields, whatever its form: an object, of which `skipped` (may be NULL) is a name
 * that is no field. */
bool encode_fields(encoder *e, const message_type *m, const node *object, const node *skipped);
/* One field, with its tags. */
bool encode_field(encoder *e, const field *f, const node *n);
/* A message of a form of its own. */
bool encode_known(encoder *e, const message_type *m, const node *n);

/* A value that is no message. */
typedef struct scalar {
  uint64_t bits;    /* as it is encoded: zigzag, IEEE 754 */
  const void *data; /* of strings and bytes */
  size_t len;
  bool is_unknown; /* an enum's name that is passed over */
} scalar;

bool scalar_read(encoder *e, const field *f, const node *n, scalar *value);
/* From an object's name. */
bool scalar_read_key(encoder *e, const field *f, const node *n, scalar *value);
void scalar_add(buffer *out, const field *f, const scalar *value);
/* With its tag. */
void scalar_add_field(buffer *out, const field *f, const scalar *value);

#endif
