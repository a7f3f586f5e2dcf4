/*
 * path.h: :path, which names a method: "/package.Service/Method".
 *
 * The service ends at the last slash, as in the other gRPC libraries, so that it may itself hold
 * slashes. One rule for both roles: what a server can be given to serve, a client can call.
 */
#ifndef GMUX__WIRE_PATH_H
#define GMUX__WIRE_PATH_H

#include <stddef.h>

/* Length of "package.Service", which starts at path + 1; 0: the path does not have that form. */
size_t gmux__path_service_len(const char *path);

/* GMUX_ERR_INVALID with the reason in words: another form, a byte that cannot stand in a path
 * without being coded, more than 1024 bytes. */
int gmux__path_check(const char *path);

#endif
