/* options.h: a server's options as far as their writer knew them. */
#ifndef GMUX__SERVER_OPTIONS_H
#define GMUX__SERVER_OPTIONS_H

#include <gmux/server.h>

/* The caller's options where its struct reaches, the defaults for the rest; NULL is all defaults.
 * GMUX_ERR_INVALID with words. */
int gmux__server_options_read(gmux_server_options *out, const gmux_server_options *options);

#endif
