/* log_stderr.c: the one function that prints, for applications that ask for it. */
#include <gmux/log.h>
#include <stdio.h>

void gmux_log_stderr(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)user_data;
  fprintf(stderr, "gmux: %s: %s: %s\n", gmux_log_level_str(level), room, text);
}
