/*
 * answer.h: how a call ends, as its client is told.
 *
 * Usually a code and nothing else, which takes no memory: trailers "grpc-status: 0". What needs
 * memory (words of the application, details, trailing metadata) is copied, and coded for the wire,
 * when the call is finished, on the thread that finishes it; afterwards nothing can fail.
 *
 * When nothing was sent before, the answer is the whole response (Trailers-Only), with an HTTP
 * status in front that a client which does not speak gRPC understands.
 */
#ifndef GMUX__SERVER_ANSWER_H
#define GMUX__SERVER_ANSWER_H

#include "lib/wire/metadata.h"
#include <gmux/status.h>

/* What needs memory: metadata of the application, words and details, coded for the wire. */
typedef struct gmux__extras gmux__extras;

/* NULL in *out when there is nothing to hold. `status` may be NULL; OK carries neither message nor
 * details. GMUX_ERR_NOMEM; GMUX_ERR_TOO_LARGE when it does not go into one header block. */
int gmux__extras_new(gmux__extras **out, const gmux_status *status, const gmux_metadata *metadata);
void gmux__extras_free(gmux__extras *extras); /* takes NULL */

/* The fields that all answers of a server have in common. Made once, so that they cost an index
 * each when they leave. */
typedef struct gmux__usual {
  gmux__field status, content_type; /* :status 200, application/grpc */
  gmux__field accept;               /* the encodings that the client may use */
  gmux__field ok;                   /* grpc-status 0 */
} gmux__usual;
/* `accept` is borrowed, for as long as there are connections. */
void gmux__usual_init(gmux__usual *usual, const char *accept);

typedef struct gmux__answer {
  gmux_code code;
  const char *http_status; /* of a Trailers-Only response; NULL: "200" */
  const char *words;       /* without extras: static, of characters that need no coding; or NULL */
  bool offers_encodings;   /* says which the client may use */
  gmux__extras *extras;    /* owned; or NULL */
} gmux__answer;

/* How many fields it has, and those fields; what they point to is borrowed from the answer. */
size_t gmux__answer_count(const gmux__answer *answer, bool is_trailers_only);
size_t gmux__answer_fields(const gmux__answer *answer, const gmux__usual *usual,
                           bool is_trailers_only, gmux__field *fields, size_t room);
void gmux__answer_deinit(gmux__answer *answer);

/* The fields in front of the first message. What they point to is borrowed. */
typedef struct gmux__response {
  const gmux__usual *usual;
  const char *encoding;       /* of our messages; NULL: none */
  const gmux__extras *extras; /* has the metadata; may be NULL */
} gmux__response;

size_t gmux__response_count(const gmux__response *response);
size_t gmux__response_fields(const gmux__response *response, gmux__field *fields, size_t room);

/* The most that extras may count (name + value + 32 each): a block stays below 64 KiB. */
enum { GMUX__EXTRAS_MAX_BYTES = 60 * 1024 };

#endif
