/* options.h: a server's options as far as their writer knew them, and what they mean below. */
#ifndef GMUX__SERVER_OPTIONS_H
#define GMUX__SERVER_OPTIONS_H

#include "lib/h2/conn.h"
#include <gmux/server.h>

/* The caller's options where its struct reaches, the defaults for the rest; NULL is all defaults.
 * GMUX_ERR_INVALID with words. */
int gmux__server_options_read(gmux_server_options *out, const gmux_server_options *options);

/* Of options that were read. */
gmux__h2_config gmux__server_h2_config(const gmux_server_options *o);
gmux__socket_options gmux__server_socket_options(const gmux_server_options *o);

#endif
