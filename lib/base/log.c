/* log.c: one line of log, formatted on the stack. */
#include "lib/base/log.h"
#include <stdarg.h>
#include <stdio.h>

enum { LOG_LINE = 1024 }; /* longer ones are cut */

const char *gmux_log_level_str(gmux_log_level level) {
  switch (level) {
  case GMUX_LOG_NONE:
    return "none";
  case GMUX_LOG_ERROR:
    return "error";
  case GMUX_LOG_WARN:
    return "warn";
  case GMUX_LOG_INFO:
    return "info";
  case GMUX_LOG_DEBUG:
    return "debug";
  }
  return "unknown";
}

/* Some of the text may be a peer's (GOAWAY debug data, an error's words): it must not be able to
 * forge a line or to reach a terminal's controls. */
static void line_blank_controls(char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = ' ';
}

void gmux__log_write(const gmux__logger *logger, gmux_log_level level, const char *room,
                     const char *format, ...) {
  char text[LOG_LINE];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (len < 0) return;
  line_blank_controls(text);
  logger->fn(level, room, text, logger->user_data);
}
