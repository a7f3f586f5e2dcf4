/* sys.h: errors of system calls in words. */
#ifndef GMUX__IO_SYS_H
#define GMUX__IO_SYS_H

#include "lib/base/fail.h"

enum { GMUX__ERRNO_TEXT = 128 };

/* What the system says of `err`, to stand within a sentence. Returns `buf`. */
const char *gmux__errno_words(int err, char buf[GMUX__ERRNO_TEXT]);

/* "<what was tried>: <what the system said>" as the last error; returns `error`. */
int gmux__fail_errno(int error, int err, const char *format, ...) GMUX_PRINTF(3, 4);

#endif
