/* reflect.h: types and services as a server tells them of itself: grpc.reflection.v1, or v1alpha
 * where that is all there is. */
#ifndef TOOL_REFLECT_H
#define TOOL_REFLECT_H

#include "tools/gmux/reflection.h"
#include "tools/gmux/session.h"
#include "tools/gmux/types.h"

/* Both give an exit code; unless it is EXIT_DONE it has been complained of. */

/* The services' names, of the memory of `files`. */
int reflect_services(session *server, file_set *files, reflection_names *names);
/* The file that declares the symbol, and all that it imports; with NULL those of all services. */
int reflect_types(session *server, const char *symbol, registry **out);

#endif
