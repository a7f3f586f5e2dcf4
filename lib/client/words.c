/* words.c: sentences for people, put together piece by piece. */
#include "lib/client/words.h"
#include "lib/h2/conn.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void gmux__say(gmux__words *words, const char *format, ...) {
  size_t at = words->used < words->len ? words->used : words->len;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(words->text ? words->text + at : NULL, words->len - at, format, args);
  va_end(args);
  if (n > 0) words->used += (size_t)n;
}

void gmux__say_ms(gmux__words *words, uint64_t ns) {
  uint64_t tenths = (ns + 50000) / 100000;
  if (tenths == 0 && ns >= 5000)
    gmux__say(words, "0.0%llu ms", (unsigned long long)((ns + 5000) / 10000));
  else if (tenths >= 100 || tenths % 10 == 0)
    gmux__say(words, "%llu ms", (unsigned long long)((tenths + 5) / 10));
  else
    gmux__say(words, "%llu.%llu ms", (unsigned long long)(tenths / 10),
              (unsigned long long)(tenths % 10));
}

void gmux__client_event_str(const gmux__event *event, char *text, size_t len) {
  switch (event->kind) {
  case GMUX__EVENT_STATE:
    snprintf(text, len, "%s", gmux__conn_state_str((gmux__conn_state)event->a));
    return;
  case GMUX__EVENT_CHANNEL_STATE:
    snprintf(text, len, "%s", gmux_channel_state_str((gmux_channel_state)event->a));
    return;
  case GMUX__EVENT_LOST:
    snprintf(text, len, "connection %" PRId64 " ended: %s", event->a,
             gmux_loss_str((gmux_loss)event->b));
    return;
  case GMUX__EVENT_DIAL_FAILED:
    snprintf(text, len, "attempt to connect failed: %s", gmux_loss_str((gmux_loss)event->b));
    return;
  default:
    gmux__event_str(event, text, len);
  }
}
