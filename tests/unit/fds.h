/* fds.h: the descriptors of this process, for tests that look for leaks of them. */
#ifndef TESTS_UNIT_FDS_H
#define TESTS_UNIT_FDS_H

#include <stddef.h>

/* How many are open, and a few more: the same few each time. */
size_t test_count_fds(void);

#endif
