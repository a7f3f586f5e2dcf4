/* loop_options.c: the defaults of a loop, and what is wrong with given ones. */
#include "lib/base/fail.h"
#include "lib/base/options.h"
#include "lib/io/loop.h"

enum {
  READ_BUFFER_DEFAULT = 65536,
  READ_BUFFER_MIN = 16384, /* a whole DATA frame or TLS record of the usual size */
  READ_BUFFER_MAX = 1048576,
  DIALS_MAX = 100000 /* more sockets than a process usually may have */
};

static const gmux_loop_options defaults = {
    .size = sizeof(gmux_loop_options),
    .log_level = GMUX_LOG_WARN,
    .read_buffer_bytes = READ_BUFFER_DEFAULT,
    .max_dialing = 64,
    .dial_rate_per_s = 100,
};

static const gmux__options_kind kind = {
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = GMUX__SIZE_UPTO(gmux_loop_options, read_buffer_bytes), /* of version 0.1 */
    .init = "gmux_loop_options_init",
};

#define RANGE(field, min, max)                                                                     \
  { #field, offsetof(gmux_loop_options, field), min, max, false }

static const gmux__options_range ranges[] = {
    RANGE(read_buffer_bytes, READ_BUFFER_MIN, READ_BUFFER_MAX),
    RANGE(max_dialing, 1, DIALS_MAX),
    RANGE(dial_rate_per_s, 1, DIALS_MAX),
};

void gmux_loop_options_init(gmux_loop_options *options, size_t size) {
  gmux__options_init(&kind, options, size);
}

gmux_loop_options gmux__loop_options_read(const gmux_loop_options *options) {
  gmux_loop_options o;
  (void)gmux__options_read(&kind, &o, options); /* checked before; else the defaults */
  return o;
}

static int options_check(const gmux_loop_options *options) {
  if (!options) return gmux__options_missing(&kind);
  gmux_loop_options o;
  int error = gmux__options_read(&kind, &o, options);
  if (error) return error;
  if ((int)o.log_level < GMUX_LOG_NONE || o.log_level > GMUX_LOG_DEBUG)
    return gmux__fail(GMUX_ERR_INVALID, "log_level %d is not a gmux_log_level", (int)o.log_level);
  return gmux__options_check_ranges(&kind, &o, ranges, sizeof ranges / sizeof *ranges);
}

int gmux_loop_options_check(const gmux_loop_options *options, char *why, size_t len) {
  return gmux__options_told(options_check(options), why, len);
}
