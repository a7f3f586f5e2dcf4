/* moment.h: google.protobuf.Timestamp and Duration in words. */
#ifndef TOOL_MOMENT_H
#define TOOL_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct moment {
  int64_t seconds;
  int32_t nanos; /* of a duration: of the same sign as the seconds */
} moment;

enum { MOMENT_ROOM = 48 };

/* RFC 3339, with any offset: "1972-01-01T10:00:20.021Z"; years 1 to 9999. */
bool timestamp_read(const char *text, size_t len, moment *m);
/* False: it is none of these years, or nanos are out of range. */
bool timestamp_write(char out[MOMENT_ROOM], moment m);
/* "-1.5s"; 10,000 years either way. */
bool duration_read(const char *text, size_t len, moment *m);
bool duration_write(char out[MOMENT_ROOM], moment m);

#endif
