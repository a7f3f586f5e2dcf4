/* answer.h: how the services of this room answer a call. */
#ifndef GMUX__SERVICES_ANSWER_H
#define GMUX__SERVICES_ANSWER_H

#include "lib/wire/pb.h"
#include <gmux/server.h>
#include <stdbool.h>

/* Before an answer that may be large. Each stream may have one message beyond the bounds of what
 * waits, and streams are many: false, and the call is told, when the client, or all of them, leave
 * unread as much as they may. */
bool gmux__services_may_answer(gmux_server_call *call);
/* One message and OK. The writer is empty afterwards. Out of memory: RESOURCE_EXHAUSTED. */
void gmux__services_reply(gmux_server_call *call, gmux__pb_writer *w);
/* One message of a stream; what gmux_server_call_write says. The writer is empty afterwards. */
int gmux__services_write(gmux_server_call *call, gmux__pb_writer *w);
/* `text` may be NULL. Out of memory for the text: the code alone. */
void gmux__services_fail(gmux_server_call *call, gmux_code code, const char *text);

#endif
