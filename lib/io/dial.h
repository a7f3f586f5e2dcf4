/* dial.h: from an address to a connected socket; what ev.c hands out as gmux__loop_dial. */
#ifndef GMUX__IO_DIAL_H
#define GMUX__IO_DIAL_H

#include "lib/io/loop.h"

int gmux__socket_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                      const gmux__socket_options *options, gmux__dialed_fn fn, void *arg);
void gmux__socket_dial_cancel(gmux__dial *dial);

#endif
