/* words.h: sentences for people, put together piece by piece. */
#ifndef GMUX__CLIENT_WORDS_H
#define GMUX__CLIENT_WORDS_H

#include "lib/watch/ring.h"
#include <gmux/api.h>
#include <stddef.h>
#include <stdint.h>

/* Cut to fit, always terminated unless len is 0. {text, len, 0} is an empty one. */
typedef struct gmux__words {
  char *text; /* may be NULL when len is 0 */
  size_t len;
  size_t used; /* also what did not fit */
} gmux__words;

void gmux__say(gmux__words *words, const char *format, ...) GMUX_PRINTF(2, 3);
/* "412 ms", "2.1 ms", "0.04 ms": as exact as matters. */
void gmux__say_ms(gmux__words *words, uint64_t ns);

/* As gmux__event_str, in the words of the rooms that know what an event's numbers mean. */
void gmux__client_event_str(const gmux__event *event, char *text, size_t len);

#endif
