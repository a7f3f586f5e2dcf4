/*
 * request.h: is this request a call, and of which method?
 *
 * A decision and nothing else: header fields in, verdict out. Whatever is refused gets an answer
 * with END_STREAM (Trailers-Only) that says why, in gRPC's terms and, where the client may not
 * speak gRPC at all, in HTTP's; never a reset.
 */
#ifndef GMUX__SERVER_REQUEST_H
#define GMUX__SERVER_REQUEST_H

#include "lib/h2/head.h"
#include "lib/server/methods.h"

enum { GMUX__VERDICT_TEXT = 256 };

typedef struct gmux__verdict {
  const gmux__method *method; /* NULL: refused, with: */
  gmux_code code;
  const char *http_status; /* NULL: "200" */
  bool offers_encodings;   /* the answer shall say which encodings there are */
  char text[GMUX__VERDICT_TEXT];
} gmux__verdict;

void gmux__request_judge(gmux__verdict *verdict, const gmux__head *head,
                         const gmux__methods *methods);

#endif
