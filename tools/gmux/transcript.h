/*
 * transcript.h: what gmux call shows: messages, and with -v or --json all that is known of the
 * call.
 *
 * Messages go to standard output as they come. What -v adds goes to standard error. With --json
 * there is one object on standard output, which is written as it grows.
 */
#ifndef TOOL_TRANSCRIPT_H
#define TOOL_TRANSCRIPT_H

#include "tools/gmux/codec.h"
#include "tools/gmux/printer.h"
#include "tools/gmux/session.h"
#include "tools/gmux/terminal.h"

typedef struct transcript_times {
  uint64_t begin, types, headers, message, end; /* ns of a clock; 0: it has not been */
} transcript_times;

typedef struct transcript {
  bool is_verbose, is_json;
  const codec_options *codec;
  const session *session;
  const registry *types;
  const method_type *method;
  terminal terminal; /* of standard error */
  transcript_times times;
  printer printer; /* of --json */
  buffer out;
} transcript;

/* As the command begins; the other fields are set by then. */
void transcript_init(transcript *r);
/* Types are known, and the call is started. */
void transcript_begin(transcript *r, const registry *types, const method_type *method);
/* Before the first message. The metadata may be NULL; has_come: not those of a call that ended
 * without. */
void transcript_headers(transcript *r, bool has_come, const gmux_metadata *headers);
/* False: it cannot be shown, which has been complained of. */
bool transcript_message(transcript *r, const gmux_bytes *message);
/* The call has ended, and why has been said already: it was given up here. */
void transcript_close(transcript *r, gmux_call *call, const gmux_status *status,
                      const gmux_metadata *trailers);
/* The call has ended; gives the exit code. */
int transcript_end(transcript *r, gmux_call *call, const gmux_status *status,
                   const gmux_metadata *trailers);
/* No call was made, because types could not be had: with --json the status of that is told. */
void transcript_failure(transcript *r);
void transcript_free(transcript *r);

#endif
