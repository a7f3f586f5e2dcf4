/* number.c: JSON's numbers (RFC 8259 section 6). */
#include "tools/gmux/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is written ---- */

/* Digits times ten to the power of `exponent`. */
typedef struct decimal {
  const char *digits; /* with a point somewhere, perhaps */
  size_t len;
  int64_t exponent;
  bool is_negative;
} decimal;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static size_t digits_len(const char *text, size_t len) {
  size_t i = 0;
  while (i < len && is_digit(text[i]))
    i++;
  return i;
}

/* Behind the 'e'. Far beyond any number that is meant, it is cut off. */
static bool read_exponent(const char *text, size_t len, int64_t *exponent) {
  enum { FAR = 1 << 30 };
  bool is_negative = len > 0 && *text == '-';
  size_t i = len > 0 && (*text == '-' || *text == '+') ? 1 : 0;
  if (i == len || digits_len(text + i, len - i) != len - i) return false;
  *exponent = 0;
  for (; i < len; i++)
    if (*exponent < FAR) *exponent = *exponent * 10 + (text[i] - '0');
  if (is_negative) *exponent = -*exponent;
  return true;
}

/* By the grammar: [-] 0 | [1-9][0-9]* [. [0-9]+] [e [+-] [0-9]+]. */
static bool decimal_read(const char *text, size_t len, decimal *d) {
  *d = (decimal){.is_negative = len > 0 && *text == '-'};
  size_t at = d->is_negative ? 1 : 0;
  d->digits = text + at;
  size_t whole = digits_len(text + at, len - at);
  if (whole == 0 || (whole > 1 && text[at] == '0')) return false;
  at += whole;
  size_t fraction = 0;
  if (at < len && text[at] == '.') {
    fraction = digits_len(text + at + 1, len - at - 1);
    if (fraction == 0) return false;
    at += 1 + fraction;
  }
  d->len = (size_t)(text + at - d->digits);
  if (at < len) {
    if (text[at] != 'e' && text[at] != 'E') return false;
    if (!read_exponent(text + at + 1, len - at - 1, &d->exponent)) return false;
  }
  d->exponent -= (int64_t)fraction;
  return true;
}

/* ---- integers ---- */

/* Zeros at the end become part of the exponent. */
static void drop_zeros(decimal *d) {
  while (d->len > 0 && (d->digits[d->len - 1] == '0' || d->digits[d->len - 1] == '.')) {
    if (d->digits[d->len - 1] == '0') d->exponent++;
    d->len--;
  }
}

static bool times_ten(uint64_t *value, unsigned digit) {
  if (*value > (UINT64_MAX - digit) / 10) return false;
  *value = *value * 10 + digit;
  return true;
}

static number_result magnitude(const char *text, size_t len, bool *is_negative, uint64_t *value) {
  decimal d;
  if (!decimal_read(text, len, &d)) return NUMBER_MALFORMED;
  drop_zeros(&d);
  *is_negative = d.is_negative;
  *value = 0;
  if (d.len == 0) return NUMBER_OK; /* zero, whatever its exponent */
  for (size_t i = 0; i < d.len; i++)
    if (d.digits[i] != '.' && !times_ten(value, (unsigned)(d.digits[i] - '0'))) return NUMBER_RANGE;
  if (*value == 0) return NUMBER_OK;
  if (d.exponent < 0) return NUMBER_FRACTION;
  for (int64_t i = 0; i < d.exponent; i++)
    if (!times_ten(value, 0)) return NUMBER_RANGE;
  return NUMBER_OK;
}

number_result number_read_int(const char *text, size_t len, int64_t min, int64_t max,
                              int64_t *value) {
  bool is_negative;
  uint64_t size;
  number_result result = magnitude(text, len, &is_negative, &size);
  if (result != NUMBER_OK) return result;
  uint64_t most = is_negative ? 0 - (uint64_t)min : (uint64_t)max;
  if (size > most) return NUMBER_RANGE;
  *value = (int64_t)(is_negative ? 0 - size : size);
  return NUMBER_OK;
}

number_result number_read_uint(const char *text, size_t len, uint64_t max, uint64_t *value) {
  bool is_negative;
  number_result result = magnitude(text, len, &is_negative, value);
  if (result != NUMBER_OK) return result;
  return *value > max || (is_negative && *value > 0) ? NUMBER_RANGE : NUMBER_OK;
}

/* ---- floating point ---- */

/* The C library wants a zero behind it. Of a long one the memory is its own. */
typedef struct terminated {
  char small[64];
  char *text;
} terminated;

static bool terminate(terminated *t, const char *text, size_t len) {
  decimal d;
  if (!decimal_read(text, len, &d)) return false;
  t->text = len < sizeof t->small ? t->small : malloc(len + 1);
  if (!t->text) return false;
  memcpy(t->text, text, len);
  t->text[len] = 0;
  return true;
}

static void terminated_free(terminated *t) {
  if (t->text != t->small) free(t->text);
}

number_result number_read_double(const char *text, size_t len, double *value) {
  terminated t;
  if (!terminate(&t, text, len)) return NUMBER_MALFORMED;
  *value = strtod(t.text, NULL);
  terminated_free(&t);
  return isfinite(*value) ? NUMBER_OK : NUMBER_RANGE;
}

number_result number_read_float(const char *text, size_t len, float *value) {
  terminated t;
  if (!terminate(&t, text, len)) return NUMBER_MALFORMED;
  *value = strtof(t.text, NULL);
  terminated_free(&t);
  return isfinite(*value) ? NUMBER_OK : NUMBER_RANGE;
}

/* Many a reader takes -0 for an integer and loses the sign. */
static bool write_zero(char out[NUMBER_ROOM], double value) {
  if (fpclassify(value) != FP_ZERO) return false;
  snprintf(out, NUMBER_ROOM, "%s", signbit(value) ? "-0.0" : "0");
  return true;
}

/* So many digits any number of the type keeps; without zeros at their end, which %g leaves away,
 * they are the fewest, too. Of subnormal numbers fewer are kept. */
void number_write_double(char out[NUMBER_ROOM], double value) {
  if (write_zero(out, value)) return;
  for (int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG; digits <= 17; digits++) {
    snprintf(out, NUMBER_ROOM, "%.*g", digits, value);
    double back = strtod(out, NULL);
    if (memcmp(&back, &value, sizeof back) == 0) return;
  }
}

void number_write_float(char out[NUMBER_ROOM], float value) {
  if (write_zero(out, (double)value)) return;
  for (int digits = fabsf(value) < FLT_MIN ? 1 : FLT_DIG; digits <= 9; digits++) {
    snprintf(out, NUMBER_ROOM, "%.*g", digits, (double)value);
    float back = strtof(out, NULL);
    if (memcmp(&back, &value, sizeof back) == 0) return;
  }
}
