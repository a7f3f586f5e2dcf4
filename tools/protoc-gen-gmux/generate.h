/* generate.h: the two files that come of a model. */
#ifndef GEN_GENERATE_H
#define GEN_GENERATE_H

#include "tools/protoc-gen-gmux/model.h"
#include "tools/protoc-gen-gmux/printer.h"

void print_header(printer *p, const model *m);
void print_source(printer *p, const model *m);

/* ---- for both: what templates may name ---- */

enum { VARS = 14 };

/* $lower$ $camel$ $member$ $server$ $path$ $full$ $kind$ $flags$ $request$ $reply$ $takes$
 * $answers$, of a method: the types' names in C, and their descriptors. */
void method_vars(var out[VARS], const method *m);
/* $name$ $lower$ $server$ of a service. */
void service_vars(var out[VARS], const service *s);

#endif
