/* decode.h: inside codec_write_json: from bytes to JSON. Each returns false with words; what has
 * been printed by then is of no use. */
#ifndef TOOL_DECODE_H
#define TOOL_DECODE_H

#include "tools/gmux/codec.h"
#include "tools/gmux/printer.h"
#include "tools/gmux/records.h"
#include "tools/gmux/shapes.h"

typedef struct decoder {
  const registry *types;
  const codec_options *options;
  printer printer;
  problem *problem;
  unsigned depth; /* messages that are open */
  size_t start;   /* where the JSON begins in the output */
  shapes shapes;
} decoder;

/* What a message's fields are printed from, with memory for as long as they are. */
typedef struct content {
  const message_type *message;
  records records;
  pool memory;
} content;

bool content_open(decoder *d, content *c, const message_type *m, const uint8_t *data, size_t len);
void content_close(content *c);

bool decode_message(decoder *d, const message_type *m, const uint8_t *data, size_t len);
/* "name": value, of all fields that are there. */
bool decode_fields(decoder *d, content *c);
/* The value alone, of all its records; of a field that is not there its default. */
bool decode_field(decoder *d, content *c, const field *f, records r);
/* Whether there is an entry that counts. */
bool map_has_entries(decoder *d, const field *f, records r);
bool decode_map(decoder *d, content *c, const field *f, records r);
/* A message of a form of its own. */
bool decode_known(decoder *d, const message_type *m, const uint8_t *data, size_t len);

/* A value that is no message. */
bool scalar_print(decoder *d, const field *f, const wire_field *value);
/* Of a closed enum, what is no value of it is not there. */
bool scalar_is_known(const field *f, uint64_t value);
/* A map's key, as an object's name. */
bool scalar_print_key(decoder *d, const field *f, const wire_field *value);
int64_t unzigzag(uint64_t value);

#endif
