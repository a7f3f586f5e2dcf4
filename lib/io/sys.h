/* sys.h: errors of system calls in words. */
#ifndef GMUX__IO_SYS_H
#define GMUX__IO_SYS_H

#include "lib/base/fail.h"

/* "<what was tried>: <what the system said>" as the last error; returns `error`. */
int gmux__fail_errno(int error, int err, const char *format, ...) GMUX_PRINTF(3, 4);

#endif
