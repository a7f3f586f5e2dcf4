/* options.c: structs of options that grow with the versions. */
#include "lib/base/options.h"
#include "lib/base/fail.h"
#include <stdio.h>
#include <string.h>

/* Nobody's struct will be so large: a size beyond it was never set. */
enum { SIZE_MAX_EVER = 4096 };

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

void gmux__options_init(const gmux__options_kind *kind, void *options, size_t size) {
  if (!options) return;
  memset(options, 0, size);
  memcpy(options, kind->defaults, size_min(size, kind->size));
  if (size >= sizeof size) memcpy(options, &size, sizeof size); /* `size` is the first field */
}

int gmux__options_read(const gmux__options_kind *kind, void *out, const void *options) {
  size_t size = 0;
  if (options) memcpy(&size, options, sizeof size);
  if (size < kind->size || size > SIZE_MAX_EVER) memcpy(out, kind->defaults, kind->size);
  if (!options) return 0;
  if (size < kind->first || size > SIZE_MAX_EVER)
    return gmux__fail(GMUX_ERR_INVALID,
                      "the options have size %zu, not %zu: fill them with %s(&o, sizeof o)", size,
                      kind->size, kind->init);
  memcpy(out, options, size_min(size, kind->size));
  return 0;
}

static int range_check(const gmux__options_kind *kind, const gmux__options_range *r,
                       uint32_t value) {
  if (value >= r->min && value <= r->max) return 0;
  if (value == 0 && r->or_zero) return 0;
  const char *or_zero = r->or_zero ? "0 or " : "";
  if (value > 0)
    return gmux__fail(GMUX_ERR_INVALID, "%s %u is not %sin %u..%u", r->name, value, or_zero, r->min,
                      r->max);
  /* Hardly chosen: most likely only the size was set. */
  return gmux__fail(GMUX_ERR_INVALID,
                    "%s 0 is not in %u..%u: fill the options with %s(&o, sizeof o) before you set "
                    "some",
                    r->name, r->min, r->max, kind->init);
}

int gmux__options_check_ranges(const gmux__options_kind *kind, const void *options,
                               const gmux__options_range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t value;
    memcpy(&value, (const char *)options + ranges[i].offset, sizeof value);
    int error = range_check(kind, &ranges[i], value);
    if (error) return error;
  }
  return 0;
}

int gmux__options_told(int error, char *why, size_t len) {
  if (error && why && len > 0) snprintf(why, len, "%s", gmux_last_error());
  return error;
}

int gmux__options_missing(const gmux__options_kind *kind) {
  return gmux__fail(GMUX_ERR_INVALID, "the options are NULL: fill some with %s(&o, sizeof o)",
                    kind->init);
}
