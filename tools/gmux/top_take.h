/* top_take.h: what top_take.c does to a model; of top_model.c. */
#ifndef TOOL_TOP_TAKE_H
#define TOOL_TOP_TAKE_H

#include "tools/gmux/top_model.h"

/* The row of that key, which may be new. NULL: there is no such number, or there are too many. */
top_row *top_add(top_model *m, top_key key, top_key of);
/* False: there were too many questions. */
bool top_ask(top_model *m, top_question q);

#endif
