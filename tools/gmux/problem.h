/* problem.h: what went wrong, in one line of words. */
#ifndef TOOL_PROBLEM_H
#define TOOL_PROBLEM_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

typedef struct problem {
  char words[768];
} problem;

/* False, so that `return problem_set(...)` says it and gives up. */
bool problem_set(problem *p, const char *format, ...) TOOL_PRINTF(2, 3);
/* Puts words before those that are there; false, too. */
bool problem_prefix(problem *p, const char *format, ...) TOOL_PRINTF(2, 3);

/* A name for a sentence: what is long is cut, and it is made plain (plain.h). */
typedef struct quoted {
  char text[104];
} quoted;
quoted quote(const char *name, size_t len);

#endif
