/* answer.c: how the services of this room answer a call. */
#include "lib/services/answer.h"
#include "lib/server/call.h"
#include <gmux/error.h>

/* When even the code cannot be sent the call is over, or ends at its deadline or with its
 * connection. */
void gmux__services_fail(gmux_server_call *call, gmux_code code, const char *text) {
  if (gmux_server_call_fail(call, code, text) == GMUX_ERR_NOMEM)
    gmux_server_call_fail(call, code, NULL);
}

bool gmux__services_may_answer(gmux_server_call *call) {
  if (!gmux__stream_is_crowded(&call->loop.stream)) return true;
  gmux__services_fail(call, GMUX_RESOURCE_EXHAUSTED,
                      "too much waits to be read already (connection_queue_bytes, "
                      "server_queue_bytes)");
  return false;
}

int gmux__services_write(gmux_server_call *call, gmux__pb_writer *w) {
  gmux_bytes bytes;
  int rv = gmux__pb_finish(w, &bytes);
  if (rv) return rv;
  rv = gmux_server_call_write(call, &bytes);
  gmux_bytes_release(&bytes); /* empty if it was taken */
  return rv;
}

void gmux__services_reply(gmux_server_call *call, gmux__pb_writer *w) {
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  int error = gmux__pb_finish(w, &bytes);
  if (!error) error = gmux_server_call_reply(call, &bytes);
  gmux_bytes_release(&bytes);
  if (error && error != GMUX_ERR_STATE) /* the client may have given up meanwhile */
    gmux__services_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}
