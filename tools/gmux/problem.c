/* problem.c: words. */
#include "tools/gmux/problem.h"
#include "tools/gmux/plain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool problem_set(problem *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(p->words, sizeof p->words, format, args);
  va_end(args);
  return false;
}

bool problem_prefix(problem *p, const char *format, ...) {
  char behind[sizeof p->words];
  memcpy(behind, p->words, sizeof behind);
  va_list args;
  va_start(args, format);
  int len = vsnprintf(p->words, sizeof p->words, format, args);
  va_end(args);
  if (len >= 0 && (size_t)len < sizeof p->words)
    snprintf(p->words + len, sizeof p->words - (size_t)len, "%s", behind);
  return false;
}

/* UTF-8 stays: a name in someone's language is to be recognised. */
quoted quote(const char *name, size_t len) {
  enum { SHOWN = 80 };
  quoted q;
  size_t used = 0, at = 0, size;
  for (; at < len; at += size) {
    bool is_plain = plain_is_fit(name + at, len - at, &size);
    if (used + size > SHOWN) break;
    memcpy(q.text + used, is_plain ? name + at : "?", is_plain ? size : 1);
    used += is_plain ? size : 1;
  }
  snprintf(q.text + used, sizeof q.text - used, "%s", at < len ? "..." : "");
  return q;
}
