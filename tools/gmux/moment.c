/* moment.c: seconds and nanoseconds, by the calendar. */
#include "tools/gmux/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NANOS_PER_SECOND = 1000000000, DAY = 86400 };
#define TIMESTAMP_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_MAX  INT64_C(315576000000) /* 10,000 years of 365.25 days */

/* ---- eaten from the front ---- */

typedef struct cursor {
  const char *at;
  size_t left;
} cursor;

static bool take(cursor *c, char wanted) {
  if (c->left == 0 || *c->at != wanted) return false;
  c->at++;
  c->left--;
  return true;
}

/* `least` to `most` digits. */
static bool take_number(cursor *c, unsigned least, unsigned most, int64_t *value,
                        unsigned *digits) {
  unsigned count = 0;
  for (*value = 0; count < most && c->left > 0 && *c->at >= '0' && *c->at <= '9'; count++) {
    *value = *value * 10 + (*c->at - '0');
    take(c, *c->at);
  }
  if (digits) *digits = count;
  return count >= least;
}

static bool take_between(cursor *c, unsigned digits, int64_t min, int64_t max, int64_t *value) {
  return take_number(c, digits, digits, value, NULL) && *value >= min && *value <= max;
}

/* ".021", or nothing. */
static bool take_nanos(cursor *c, int32_t *nanos) {
  *nanos = 0;
  if (!take(c, '.')) return true;
  int64_t value;
  unsigned digits;
  if (!take_number(c, 1, 9, &value, &digits)) return false;
  for (; digits < 9; digits++)
    value *= 10;
  *nanos = (int32_t)value;
  return true;
}

/* As many digits as it takes, in threes. */
static void write_nanos(char out[16], int32_t nanos) {
  if (nanos == 0)
    *out = 0;
  else if (nanos % 1000000 == 0)
    snprintf(out, 16, ".%03d", (int)(nanos / 1000000));
  else if (nanos % 1000 == 0)
    snprintf(out, 16, ".%06d", (int)(nanos / 1000));
  else
    snprintf(out, 16, ".%09d", (int)nanos);
}

/* ---- the calendar: years begin in March, so that a leap day is their last ---- */

enum { ERA_YEARS = 400, ERA_DAYS = 146097, EPOCH_DAY = 719468 /* 1970-01-01 from 0000-03-01 */ };

static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) year--;
  int64_t era = year / ERA_YEARS, of_era = year % ERA_YEARS;
  int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAY;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day) {
  days += EPOCH_DAY;
  int64_t era = days / ERA_DAYS, of_era = days % ERA_DAYS;
  int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted = (5 * of_year + 2) / 153;
  *day = of_year - (153 * shifted + 2) / 5 + 1;
  *month = shifted < 10 ? shifted + 3 : shifted - 9;
  *year = year_of_era + era * ERA_YEARS + (*month <= 2);
}

static int64_t month_days(int64_t year, int64_t month) {
  static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && is_leap);
}

/* ---- timestamps ---- */

/* "Z", "+01:30". */
static bool take_offset(cursor *c, int64_t *seconds) {
  *seconds = 0;
  if (take(c, 'Z')) return true;
  bool is_east = take(c, '+');
  if (!is_east && !take(c, '-')) return false;
  int64_t hours, minutes;
  if (!take_between(c, 2, 0, 23, &hours) || !take(c, ':') || !take_between(c, 2, 0, 59, &minutes))
    return false;
  *seconds = (hours * 60 + minutes) * (is_east ? 60 : -60);
  return true;
}

static bool take_date(cursor *c, int64_t *days) {
  int64_t year, month, day;
  if (!take_between(c, 4, 1, 9999, &year) || !take(c, '-') || !take_between(c, 2, 1, 12, &month) ||
      !take(c, '-') || !take_between(c, 2, 1, month_days(year, month), &day))
    return false;
  *days = days_of(year, month, day);
  return true;
}

static bool take_time(cursor *c, int64_t *seconds) {
  int64_t hour, minute, second;
  if (!take_between(c, 2, 0, 23, &hour) || !take(c, ':') || !take_between(c, 2, 0, 59, &minute) ||
      !take(c, ':') || !take_between(c, 2, 0, 59, &second))
    return false;
  *seconds = (hour * 60 + minute) * 60 + second;
  return true;
}

static bool timestamp_is_valid(moment m) {
  return m.seconds >= TIMESTAMP_MIN && m.seconds <= TIMESTAMP_MAX && m.nanos >= 0 &&
         m.nanos < NANOS_PER_SECOND;
}

bool timestamp_read(const char *text, size_t len, moment *m) {
  cursor c = {text, len};
  int64_t days, seconds, offset;
  if (!take_date(&c, &days) || !take(&c, 'T') || !take_time(&c, &seconds) ||
      !take_nanos(&c, &m->nanos) || !take_offset(&c, &offset) || c.left > 0)
    return false;
  m->seconds = days * DAY + seconds - offset;
  return timestamp_is_valid(*m);
}

bool timestamp_write(char out[MOMENT_ROOM], moment m) {
  if (!timestamp_is_valid(m)) return false;
  int64_t since_first = m.seconds - TIMESTAMP_MIN;
  int64_t of_day = since_first % DAY;
  int64_t year, month, day;
  date_of((m.seconds - of_day) / DAY, &year, &month, &day);
  char fraction[16];
  write_nanos(fraction, m.nanos);
  snprintf(out, MOMENT_ROOM, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)year, (int)month, (int)day,
           (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), fraction);
  return true;
}

/* ---- durations ---- */

bool duration_read(const char *text, size_t len, moment *m) {
  cursor c = {text, len};
  bool is_negative = take(&c, '-');
  if (!take_number(&c, 1, 12, &m->seconds, NULL) || !take_nanos(&c, &m->nanos) || !take(&c, 's') ||
      c.left > 0)
    return false;
  if (m->seconds > DURATION_MAX) return false;
  if (is_negative) *m = (moment){-m->seconds, -m->nanos};
  return true;
}

static bool duration_is_valid(moment m) {
  if (m.seconds < -DURATION_MAX || m.seconds > DURATION_MAX) return false;
  if (m.nanos <= -NANOS_PER_SECOND || m.nanos >= NANOS_PER_SECOND) return false;
  return !(m.seconds > 0 && m.nanos < 0) && !(m.seconds < 0 && m.nanos > 0);
}

bool duration_write(char out[MOMENT_ROOM], moment m) {
  if (!duration_is_valid(m)) return false;
  bool is_negative = m.seconds < 0 || m.nanos < 0;
  char fraction[16];
  write_nanos(fraction, is_negative ? -m.nanos : m.nanos);
  snprintf(out, MOMENT_ROOM, "%s%" PRId64 "%ss", is_negative ? "-" : "",
           is_negative ? -m.seconds : m.seconds, fraction);
  return true;
}
