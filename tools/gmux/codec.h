/*
 * codec.h: messages between JSON and Protocol Buffers' bytes, by descriptors.
 *
 * The mapping is https://protobuf.dev/programming-guides/json/, all of it. Beyond it: extensions
 * are named "[package.name]". What has no form in JSON is refused in words: groups, strings that
 * are not UTF-8. What is not in the descriptors is left out of JSON, as everywhere.
 */
#ifndef TOOL_CODEC_H
#define TOOL_CODEC_H

#include "tools/gmux/types.h"

enum {
  CODEC_MAX_DEPTH = 100,      /* messages in messages; what other implementations read */
  CODEC_MAX_JSON = 16 << 20,  /* bytes read; 4 MiB in bytes fields are 5.4 MiB of base64 */
  CODEC_MAX_OUTPUT = 64 << 20 /* bytes of JSON made: names may be far longer than their numbers */
};

typedef struct codec_options {
  /* Reading JSON: fields and enums' names that are not known are passed over, not refused. */
  bool ignores_unknown;
  /* Where the JSON begins in a longer text, from 1, for words; 0: it is all of it. */
  size_t first_line, first_column;
  /* Writing JSON: fields without presence are there with their defaults, too. */
  bool with_defaults;
  bool with_original_names; /* foo_bar, not fooBar */
  bool is_compact;          /* in one line */
  unsigned depth;           /* of brackets around it, by which it is indented */
} codec_options;            /* all false is usual */

/* Appends the message's bytes. False: words with line and column; `out` is as it was. */
bool codec_read_json(const registry *r, const message_type *m, const char *json, size_t len,
                     const codec_options *o, buffer *out, problem *p);
/* Appends the message as JSON, without a line's end. False: words; `out` is as it was. */
bool codec_write_json(const registry *r, const message_type *m, const uint8_t *data, size_t len,
                      const codec_options *o, buffer *out, problem *p);

#endif
