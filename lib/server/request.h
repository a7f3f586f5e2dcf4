/*
 * request.h: is this request a call, and of which method?
 *
 * A decision and nothing else: header fields in, verdict out. Whatever is refused gets an answer
 * with END_STREAM (Trailers-Only) that says why, in gRPC's terms and, where the client may not
 * speak gRPC at all, in HTTP's; never a reset.
 *
 * What is no request of gRPC is heard to its end before it is answered, as a client of plain HTTP
 * expects, and so that a breach of HTTP in its body or trailers is still found. A client of gRPC
 * may write for as long as it likes, and is answered at once.
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
  bool is_plain;           /* HTTP of another kind: it is to be heard to its end first */
  char text[GMUX__VERDICT_TEXT];
} gmux__verdict;

void gmux__request_judge(gmux__verdict *verdict, const gmux__head *head,
                         const gmux__methods *methods);

#endif
