/*
 * course.h: when the calls of a load are to start.
 *
 * With a rate each has its moment, whatever became of those before it: a call that starts late
 * because others were slow is counted from when it was to start. (Counted from when it did, a
 * server that stands still for a second would show one slow call instead of a second's worth:
 * "coordinated omission".) Without a rate one starts when another has ended.
 *
 * All times are nanoseconds of one clock.
 */
#ifndef TOOL_COURSE_H
#define TOOL_COURSE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct course {
  /* As asked for. */
  double interval_ns;   /* between two; 0: no rate */
  double offset_ns;     /* of the first: of several loads with one rate together */
  uint64_t warm_up_ns;  /* calls that are to start before that are not counted */
  uint64_t duration_ns; /* after the warm-up; 0: as long as `requests` take */
  uint64_t requests;    /* counted ones; 0: as many as the duration allows */
  /* The course's own. */
  uint64_t begin_ns, planned, counted;
} course;

typedef struct course_call {
  uint64_t planned_ns;
  bool is_counted;
} course_call;

void course_begin(course *c, uint64_t now_ns);
/* Whether a call is to start by now; then it counts as started. */
bool course_next(course *c, uint64_t now_ns, course_call *out);
/* Nothing will start any more. */
bool course_is_over(const course *c, uint64_t now_ns);
/* With a rate: when the next one is to start. */
uint64_t course_due_ns(const course *c);
/* From when on calls are counted. */
uint64_t course_counts_from_ns(const course *c);

#endif
