/*
 * requests.h: the messages that a call sends, from JSON.
 *
 * What is on the command line or in a file is read whole before anything is sent, so that nothing
 * is sent of what is wrong somewhere. A stream of messages from standard input is read as it comes.
 */
#ifndef TOOL_REQUESTS_H
#define TOOL_REQUESTS_H

#include "tools/gmux/codec.h"
#include "tools/gmux/values.h"

typedef struct requests {
  const registry *types;
  const message_type *type;
  const codec_options *codec;
  const char *source; /* for words: "--data", a file's name */
  bool is_live;       /* standard input */
  buffer ready;       /* messages that are not live: each a field 1 */
  size_t taken;       /* of them */
  values values;      /* of standard input */
  buffer message;
} requests;

/* `data` as --data has it; NULL: an empty message, or a stream of none. False: it has been
 * complained of. */
bool requests_open(requests *r, const registry *types, const method_type *method, const char *data,
                   const codec_options *codec);
void requests_close(requests *r);

typedef enum requests_result {
  REQUESTS_MESSAGE,
  REQUESTS_END,
  REQUESTS_WANT, /* more of standard input: requests_read */
  REQUESTS_WRONG
} requests_result;
/* The next one, until it is called again. */
requests_result requests_next(requests *r, const uint8_t **data, size_t *len, problem *p);
/* Reads what is there; waits if there is nothing. */
bool requests_read(requests *r, problem *p);

#endif
