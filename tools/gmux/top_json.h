/* top_json.h: a poll as JSON: one object, one line. */
#ifndef TOOL_TOP_JSON_H
#define TOOL_TOP_JSON_H

#include "tools/gmux/top_view.h"

/* Of a view whose lines are laid, in the order of those. */
void top_json(const top_view *v, const char *target, buffer *out);
/* A poll that failed. */
void top_json_failure(const char *target, int64_t wall_ms, const char *why, buffer *out);

#endif
