/* kit.h: the types of all.proto and old.proto, and pairs of JSON and bytes. */
#ifndef TESTS_TOOL_KIT_H
#define TESTS_TOOL_KIT_H

#include "tests/unit/harness.h"
#include "tools/gmux/codec.h"

/* Read once for all tests. */
const registry *tool_types(void);
const message_type *tool_message(const char *name);

typedef struct pair {
  const char *message, *json, *bytes;
  size_t len;
} pair;
/* A pair's bytes, of a literal. */
#define BYTES(literal) literal, sizeof literal - 1
#define PAIRS_END                                                                                  \
  { NULL, NULL, NULL, 0 }

/* Of each pair the JSON makes these bytes, and these bytes make this JSON, in one line. */
void check_encoded(const pair *pairs);
void check_decoded(const pair *pairs);
void check_both(const pair *pairs);

/* What is refused, and the words for it. */
typedef struct refusal {
  const char *message, *input;
  size_t len; /* of bytes; 0: JSON */
  const char *words;
} refusal;
#define REFUSALS_END                                                                               \
  { NULL, NULL, 0, NULL }
void check_refused(const refusal *refusals);

/* With options; the result is in a static buffer until the next one. NULL: words are in *p. */
const char *encode_as(const char *message, const char *json, const codec_options *o, size_t *len,
                      problem *p);
const char *decode_as(const char *message, const char *bytes, size_t len, const codec_options *o,
                      problem *p);

#endif
