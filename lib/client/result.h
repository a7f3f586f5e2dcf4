/*
 * result.h: what became of a call, as a status. Facts in, status out; nothing is touched.
 *
 * The rules are those of "gRPC over HTTP2" (Responses, Errors) and of gRPC's
 * http-grpc-status-mapping and statuscodes:
 *   the server's own grpc-status wins over everything that came with it, but a block over the
 *   metadata limit or with undecodable metadata, of which not all could be shown;
 *   without it, the HTTP status says what it was (4.5), or the RST_STREAM code (4.6);
 *   a lost connection is UNAVAILABLE;
 *   OK needs the one message of a method that answers with one; a second one is INTERNAL;
 *   CANCELLED by the server after our own deadline is our DEADLINE_EXCEEDED.
 */
#ifndef GMUX__CLIENT_RESULT_H
#define GMUX__CLIENT_RESULT_H

#include "lib/h2/stream.h"

enum { GMUX__RESULT_TEXT = 384 };

typedef struct gmux__result {
  gmux_code code;
  const char *message;       /* in `text`, static, or the peer's; borrowed as long as the facts */
  const gmux_bytes *details; /* the peer's; NULL: none */
  char text[GMUX__RESULT_TEXT];
} gmux__result;

/* A code and words of ours. */
void gmux__result_set(gmux__result *result, gmux_code code, const char *format, ...)
    GMUX_PRINTF(3, 4);

/* The deadline has passed; `where` ends the sentence: "while the server worked on it". */
void gmux__result_deadline(gmux__result *result, int64_t timeout_ms, const char *where);
/* `where` of a call that the server has: it may be our word that is missing, not its. */
const char *gmux__result_where(bool is_half_closed);

/* What is known of the answer when its initial metadata have come: true when they end the call,
 * which is then `result`. `limit` is max_recv_metadata_bytes, for the words. */
bool gmux__result_of_headers(gmux__result *result, gmux__head *head, uint32_t limit);

typedef struct gmux__result_facts {
  gmux__stream *stream; /* over: stream->end says how */
  bool needs_message;   /* OK needs exactly one */
  uint32_t messages;    /* that came */
  uint32_t limit;       /* max_recv_metadata_bytes */
  bool is_past_deadline;
  bool is_half_closed; /* for the words of the deadline, */
  int64_t timeout_ms;  /* and this */
} gmux__result_facts;

/* Borrows from the stream (and may put a zero behind its grpc-message). */
void gmux__result_of_end(gmux__result *result, const gmux__result_facts *facts);

#endif
