/* options.h: what an application asked of a channel or a call, with the defaults for what it did
 * not know of. */
#ifndef GMUX__CLIENT_OPTIONS_H
#define GMUX__CLIENT_OPTIONS_H

#include <gmux/call.h>
#include <gmux/channel.h>

/* The caller's options as far as its `size` goes, the defaults for the rest; NULL: the defaults.
 * GMUX_ERR_INVALID with words; *out is set only on success. Pointers in it are still the caller's.
 */
int gmux__channel_options_read(gmux_channel_options *out, const gmux_channel_options *options);
int gmux__call_options_read(gmux_call_options *out, const gmux_call_options *options);

#endif
