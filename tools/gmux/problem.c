/* problem.c: words. */
#include "tools/gmux/problem.h"

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
  size_t shown = len < SHOWN ? len : SHOWN;
  /* No character is cut in half. */
  while (shown < len && shown > 0 && ((unsigned char)name[shown] & 0xc0) == 0x80)
    shown--;
  for (size_t i = 0; i < shown; i++)
    q.text[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
  snprintf(q.text + shown, sizeof q.text - shown, "%s", shown < len ? "..." : "");
  return q;
}
