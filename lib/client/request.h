/*
 * request.h: the header fields of a request, in the order of "gRPC over HTTP2", Requests.
 *
 *     :method :scheme :path :authority | grpc-timeout? | te content-type user-agent
 *     grpc-encoding? grpc-accept-encoding | metadata
 *
 * What is the same for all calls of a channel is prepared once; a request then costs the copying of
 * a few pointers.
 */
#ifndef GMUX__CLIENT_REQUEST_H
#define GMUX__CLIENT_REQUEST_H

#include "lib/client/method.h"
#include "lib/wire/metadata.h"

enum { GMUX__REQUEST_FIELDS = 10 }; /* without metadata */

typedef struct gmux__request {
  gmux__field method, scheme, te, content_type, user_agent, accept_encoding;
  gmux__field authority; /* borrowed from the channel */
  char *user_agent_text;
} gmux__request;

/* `authority` and `accept` (the encodings) are borrowed; `app` (may be NULL) comes before our own
 * user-agent. GMUX_ERR_NOMEM. */
int gmux__request_init(gmux__request *request, bool is_secure, const char *authority,
                       const char *app, const char *accept);
void gmux__request_deinit(gmux__request *request);

/* Fills fields[0..GMUX__REQUEST_FIELDS + count of metadata) and returns how many there are, all
 * borrowed. `timeout` (grpc-timeout's text), `encoding` and `metadata` may be NULL. */
size_t gmux__request_fields(const gmux__request *request, const gmux_method *method,
                            const char *timeout, const char *encoding,
                            const gmux_metadata *metadata, gmux__field *fields);

#endif
