/* arguments.h: what commands have in common: descriptors from a file, complaints. */
#ifndef TOOL_ARGUMENTS_H
#define TOOL_ARGUMENTS_H

#include "tools/gmux/types.h"

/* "gmux: ..." and a line's end, on standard error, made plain (plain.h). Gives EXIT_USAGE. */
int complain(const char *format, ...) TOOL_PRINTF(1, 2);
/* A whole file, "-" being standard input, of at most `max` bytes. False: it has been complained of.
 */
bool read_file(const char *path, size_t max, buffer *out);
/* A FileDescriptorSet. NULL: it has been complained of. */
registry *read_protoset(const char *path);
/* 1..max. False: it has been complained of. */
bool read_number(const char *option, const char *digits, long max, long *value);

#endif
