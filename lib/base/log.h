/* log.h (inside): a logger is embedded in each loop. gmux__log formats only when somebody listens;
 * a line is cut at 1023 bytes, and control characters in it become spaces, since parts of it may be
 * a peer's words. */
#ifndef GMUX__BASE_LOG_H
#define GMUX__BASE_LOG_H

#include <gmux/log.h>

typedef struct gmux__logger {
  gmux_log_fn fn; /* NULL: silent */
  void *user_data;
  gmux_log_level level;
} gmux__logger;

/* Use gmux__log: this one does not ask whether anybody listens. */
void gmux__log_write(const gmux__logger *logger, gmux_log_level level, const char *room,
                     const char *format, ...) GMUX_PRINTF(4, 5);

#define gmux__log(logger, lv, room, ...)                                                           \
  do {                                                                                             \
    if ((logger)->fn && (lv) <= (logger)->level)                                                   \
      gmux__log_write((logger), (lv), (room), __VA_ARGS__);                                        \
  } while (0)

#endif
