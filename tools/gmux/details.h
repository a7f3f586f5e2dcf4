/* details.h: what grpc-status-details-bin says beside code and message: a google.rpc.Status. */
#ifndef TOOL_DETAILS_H
#define TOOL_DETAILS_H

#include "tools/gmux/codec.h"
#include "tools/gmux/printer.h"

/* An array of what is in it, each an object with "@type": decoded where its type is known, else
 * with its bytes as "value". Of rubbish, what can be read before it. */
void details_print(printer *p, const registry *r, const uint8_t *data, size_t len);

#endif
