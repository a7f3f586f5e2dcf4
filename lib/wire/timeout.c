/* timeout.c: grpc-timeout. */
#include "lib/wire/timeout.h"
#include <assert.h>
#include <stdio.h>

enum { TIMEOUT_DIGITS = 8, TIMEOUT_UNITS = 6 };

static const uint32_t TIMEOUT_MOST = 99999999; /* TIMEOUT_DIGITS nines */

static const struct timeout_unit {
  char name;
  uint64_t ns;
} units[TIMEOUT_UNITS] = {
    {'n', 1},
    {'u', 1000},
    {'m', 1000000},
    {'S', 1000000000},
    {'M', UINT64_C(60) * 1000000000},
    {'H', UINT64_C(3600) * 1000000000},
};

size_t gmux__timeout_format(char text[GMUX__TIMEOUT_TEXT], uint64_t ns) {
  /* Ends at the hours at the latest: UINT64_MAX nanoseconds are 5124095 of them. */
  const struct timeout_unit *unit = units;
  while (ns / unit->ns > TIMEOUT_MOST)
    unit++;
  int len = snprintf(text, GMUX__TIMEOUT_TEXT, "%u%c", (unsigned)(ns / unit->ns), unit->name);
  assert(len >= 2 && len < GMUX__TIMEOUT_TEXT);
  return (size_t)len;
}

static uint64_t unit_ns(uint8_t name) {
  for (size_t i = 0; i < TIMEOUT_UNITS; i++)
    if (units[i].name == name) return units[i].ns;
  return 0;
}

bool gmux__timeout_parse(const uint8_t *text, size_t len, uint64_t *ns) {
  if (len < 2 || len > TIMEOUT_DIGITS + 1) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < len - 1; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (uint64_t)(text[i] - '0');
  }
  uint64_t unit = unit_ns(text[len - 1]);
  if (!unit) return false;
  *ns = value > UINT64_MAX / unit ? UINT64_MAX : value * unit;
  return true;
}
