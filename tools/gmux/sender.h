/*
 * sender.h: a thread that writes what a call sends, while another reads what it answers.
 *
 * Where both sides say much each has to be read while it is written to. It waits where the call
 * takes no more, and reads no more meanwhile; it half-closes when there is no more.
 */
#ifndef TOOL_SENDER_H
#define TOOL_SENDER_H

#include "tools/gmux/requests.h"

#include <gmux/gmux.h>
#include <pthread.h>

typedef struct sender {
  requests *requests;
  gmux_call *call;
  pthread_t thread;
  int stop[2]; /* a pipe: closed when the call is over */
  bool is_wrong;
  problem why; /* what was to be sent is wrong: the call was cancelled */
} sender;

/* False: it has been complained of. Both outlive the sender. */
bool sender_start(sender *s, gmux_call *call, requests *given);
/* When the call has ended: waits for the thread. */
void sender_end(sender *s);

#endif
