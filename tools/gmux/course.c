/* course.c: the moments of course.h. */
#include "tools/gmux/course.h"

void course_begin(course *c, uint64_t now_ns) {
  c->begin_ns = now_ns;
}

/* From the number, not by adding up: intervals are no whole nanoseconds. */
uint64_t course_due_ns(const course *c) {
  return c->begin_ns + (uint64_t)(c->offset_ns + (double)c->planned * c->interval_ns);
}

uint64_t course_counts_from_ns(const course *c) {
  return c->begin_ns + c->warm_up_ns;
}

static bool is_behind(const course *c, uint64_t at_ns) {
  if (c->requests && c->counted == c->requests) return true;
  return c->duration_ns && at_ns >= course_counts_from_ns(c) + c->duration_ns;
}

bool course_is_over(const course *c, uint64_t now_ns) {
  return is_behind(c, c->interval_ns > 0 ? course_due_ns(c) : now_ns);
}

bool course_next(course *c, uint64_t now_ns, course_call *out) {
  uint64_t at_ns = c->interval_ns > 0 ? course_due_ns(c) : now_ns;
  if (at_ns > now_ns || is_behind(c, at_ns)) return false;
  *out = (course_call){at_ns, at_ns >= course_counts_from_ns(c)};
  c->planned++;
  c->counted += out->is_counted;
  return true;
}
