/* fail.h: leaves a sentence for gmux_last_error() and hands the code on, so that a function can end
 * with `return gmux__fail(GMUX_ERR_INVALID, "port %ld is not in 1..65535", port);`. The text is cut
 * at GMUX__FAIL_TEXT - 1 bytes. gmux_last_error() may be among the arguments, to put words in front
 * of a sentence that came from below. Never allocates. */
#ifndef GMUX__BASE_FAIL_H
#define GMUX__BASE_FAIL_H

#include <gmux/error.h>

enum { GMUX__FAIL_TEXT = 512 };

int gmux__fail(int error, const char *format, ...) GMUX_PRINTF(2, 3);
/* The same with the code's own words: for what needs no more (GMUX_ERR_NOMEM). */
int gmux__fail_code(int error);

#endif
