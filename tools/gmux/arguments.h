/* arguments.h: what commands have in common: descriptors from a file, complaints. */
#ifndef TOOL_ARGUMENTS_H
#define TOOL_ARGUMENTS_H

#include "tools/gmux/types.h"

/* "gmux: ..." and a line's end, on standard error, made plain (plain.h). Gives EXIT_USAGE. */
int complain(const char *format, ...) TOOL_PRINTF(1, 2);
/* Of a command that was typed wrongly: how it is typed, on standard error, without the page that
 * would push what was said before it out of sight. Gives EXIT_USAGE. */
int show_synopsis(const char *usage);
/* A whole file, "-" being standard input, of at most `max` bytes. False: it has been complained of.
 */
bool read_file(const char *path, size_t max, buffer *out);
/* least..most. False: it has been complained of. */
bool read_number(const char *option, const char *digits, long least, long most, long *value);
/* A name of --compress. False: it has been complained of. */
bool read_compression(const char *name, const char **compression);
/* "1.5s", "200ms", "2m", "1h"; a bare number is seconds; 1 ms to a day. False: it has been
 * complained of. */
bool read_time_ms(const char *option, const char *text, int64_t *ms);

#endif
