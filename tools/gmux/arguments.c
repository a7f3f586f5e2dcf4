/* arguments.c: files and numbers that are named on the command line. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of a server may be among them. */
int complain(const char *format, ...) {
  buffer words = {.data = NULL}, line = {.data = NULL};
  va_list args;
  va_start(args, format);
  buffer_add_arguments(&words, format, args);
  va_end(args);
  plain_add(&line, (const char *)words.data, words.len);
  fprintf(stderr, "gmux: %s\n", buffer_string(&line));
  buffer_free(&words);
  buffer_free(&line);
  return EXIT_USAGE;
}

int show_synopsis(const char *usage) {
  static const char first[] = "usage: ", next[] = "       gmux ";
  const char *name = usage + strlen(first), *end = strchr(usage, '\n');
  while (strncmp(end + 1, next, strlen(next)) == 0)
    end = strchr(end + 1, '\n');
  size_t name_len = strcspn(name, " ") + 1;
  name_len += strcspn(name + name_len, " ");
  fprintf(stderr, "%.*s\n%.*s --help says more\n", (int)(end - usage), usage, (int)name_len, name);
  return EXIT_USAGE;
}

static bool read_open(const char *path, FILE *file, size_t max, buffer *out) {
  char block[16384];
  size_t len;
  while ((len = fread(block, 1, sizeof block, file)) > 0) {
    buffer_add(out, block, len);
    if (out->len <= max) continue;
    complain("%s: it is longer than %zu bytes", path, max);
    return false;
  }
  if (ferror(file)) complain("%s: %s", path, strerror(errno));
  return !ferror(file);
}

bool read_file(const char *path, size_t max, buffer *out) {
  if (strcmp(path, "-") == 0) return read_open("standard input", stdin, max, out);
  FILE *file = fopen(path, "rb");
  if (!file) {
    complain("%s: %s", path, strerror(errno));
    return false;
  }
  bool is_good = read_open(path, file, max, out);
  fclose(file);
  return is_good;
}

bool read_number(const char *option, const char *digits, long least, long most, long *value) {
  char *end;
  errno = 0;
  *value = strtol(digits, &end, 10);
  if (errno == 0 && end != digits && *end == 0 && *value >= least && *value <= most) return true;
  complain("%s takes %ld to %ld, not %s", option, least, most, quote(digits, strlen(digits)).text);
  return false;
}

bool read_compression(const char *name, const char **compression) {
  *compression = name;
  if (strcmp(name, "gzip") == 0 || strcmp(name, "deflate") == 0 || strcmp(name, "identity") == 0)
    return true;
  return complain("--compress takes gzip or deflate, not %s", quote(name, strlen(name)).text),
         false;
}

/* 0: there is no such unit. */
static double unit_ms(const char *unit) {
  static const struct {
    const char *name;
    double ms;
  } units[] = {{"", 1e3}, {"s", 1e3}, {"ms", 1}, {"m", 60e3}, {"h", 3600e3}};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (strcmp(units[i].name, unit) == 0) return units[i].ms;
  return 0;
}

bool read_time_ms(const char *option, const char *text, int64_t *ms) {
  static const double max_ms = 86400e3;
  char *unit;
  double value = strtod(text, &unit), in_ms = value * unit_ms(unit);
  bool is_number = *text >= '0' && *text <= '9'; /* strtod takes more than that */
  if (!is_number || !(in_ms >= 1 && in_ms <= max_ms))
    return complain("%s takes a time as 1.5s, 200ms or 2m, up to a day, not %s", option,
                    quote(text, strlen(text)).text),
           false;
  *ms = (int64_t)in_ms;
  return true;
}
