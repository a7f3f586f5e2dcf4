/* options.h: what an application asked of a channel or a call, with the defaults for what it did
 * not know of. */
#ifndef GMUX__CLIENT_OPTIONS_H
#define GMUX__CLIENT_OPTIONS_H

#include "lib/h2/conn.h"
#include "lib/policy/backoff.h"
#include "lib/policy/pool.h"
#include <gmux/call.h>
#include <gmux/channel.h>

/* The caller's options as far as its `size` goes, the defaults for the rest; NULL: the defaults.
 * GMUX_ERR_INVALID with words; *out is set only on success. Pointers in it are still the caller's.
 * ideal_streams is never 0 in it. */
int gmux__channel_options_read(gmux_channel_options *out, const gmux_channel_options *options);
int gmux__call_options_read(gmux_call_options *out, const gmux_call_options *options);

/* ---- settings.c: what a channel's options mean to the rooms below ---- */

void gmux__settings_h2(gmux__h2_config *out, const gmux_channel_options *o);
void gmux__settings_socket(gmux__socket_options *out, const gmux_channel_options *o);
void gmux__settings_backoff(gmux__backoff_config *out, const gmux_channel_options *o);
void gmux__settings_pool(gmux__pool_config *out, const gmux_channel_options *o);

#endif
