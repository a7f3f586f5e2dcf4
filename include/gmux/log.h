/*
 * log.h: one callback for everything the library has to say.
 *
 * gmux never prints by itself. A loop is given a callback and a level (`log` and `log_level` of
 * gmux_loop_options; gmux_log_stderr is a ready-made callback); everything that belongs to that
 * loop reports there, on the loop's thread, each line with the part of the library ("room") that it
 * comes from: "io", "h2", "client", "server", ... A line about one connection starts with its
 * number among those of the loop and its peer, "connection 3 (ipv4:127.0.0.1:443): ";
 * gmux_channel_describe uses the same numbers.
 */
#ifndef GMUX_LOG_H
#define GMUX_LOG_H

#include <gmux/api.h>

GMUX_BEGIN_DECLS

typedef enum gmux_log_level {
  GMUX_LOG_NONE = 0,
  GMUX_LOG_ERROR = 1, /* something is wrong that a person should look at */
  GMUX_LOG_WARN = 2,  /* something was refused or lost, and the library went on */
  GMUX_LOG_INFO = 3,  /* connections come and go */
  GMUX_LOG_DEBUG = 4  /* each transition of each state machine */
} gmux_log_level;

/* "error", "warn", ... */
GMUX_API const char *gmux_log_level_str(gmux_log_level level);

/* `room` and `text` (one line, no newline at its end) are borrowed for the call. Must not call back
 * into gmux. */
typedef void (*gmux_log_fn)(gmux_log_level level, const char *room, const char *text,
                            void *user_data);

/* A ready-made one: each line goes to stderr, "gmux: warn: h2: connection 3 ...". `user_data` is
 * not looked at. Several loops may share it. */
GMUX_API void gmux_log_stderr(gmux_log_level level, const char *room, const char *text,
                              void *user_data);

GMUX_END_DECLS

#endif
