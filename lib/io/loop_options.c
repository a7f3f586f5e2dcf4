/* loop_options.c: the defaults of a loop, and what is wrong with given ones. */
#include "lib/base/fail.h"
#include "lib/io/loop.h"
#include <stdio.h>
#include <string.h>

enum {
  READ_BUFFER_DEFAULT = 65536,
  READ_BUFFER_MIN = 16384, /* a whole DATA frame or TLS record of the usual size */
  READ_BUFFER_MAX = 1048576
};

static const gmux_loop_options defaults = {
    .size = sizeof(gmux_loop_options),
    .log_level = GMUX_LOG_WARN,
    .read_buffer_bytes = READ_BUFFER_DEFAULT,
};

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

void gmux_loop_options_init(gmux_loop_options *options, size_t size) {
  if (!options) return;
  memset(options, 0, size);
  memcpy(options, &defaults, size_min(size, sizeof defaults));
  if (size >= sizeof options->size) options->size = size;
}

gmux_loop_options gmux__loop_options_read(const gmux_loop_options *options) {
  gmux_loop_options o = defaults;
  if (options) memcpy(&o, options, size_min(options->size, sizeof o));
  return o;
}

/* Writes the sentence where both the caller and gmux_last_error() find it. */
static int options_refuse(char *why, size_t len, int error) {
  if (why && len > 0) snprintf(why, len, "%s", gmux_last_error());
  return error;
}

int gmux_loop_options_check(const gmux_loop_options *options, char *why, size_t len) {
  if (!options || options->size < sizeof options->size)
    return options_refuse(why, len,
                          gmux__fail(GMUX_ERR_INVALID, "loop options are NULL or have no size: "
                                                       "use gmux_loop_options_init"));
  gmux_loop_options o = gmux__loop_options_read(options);
  if ((int)o.log_level < GMUX_LOG_NONE || o.log_level > GMUX_LOG_DEBUG)
    return options_refuse(
        why, len,
        gmux__fail(GMUX_ERR_INVALID, "log_level %d is not a gmux_log_level", (int)o.log_level));
  if (o.read_buffer_bytes < READ_BUFFER_MIN || o.read_buffer_bytes > READ_BUFFER_MAX)
    return options_refuse(why, len,
                          gmux__fail(GMUX_ERR_INVALID, "read_buffer_bytes %u is not in %d..%d",
                                     o.read_buffer_bytes, READ_BUFFER_MIN, READ_BUFFER_MAX));
  return 0;
}
