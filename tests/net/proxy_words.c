/* proxy_words.c: see proxy_words.h. */
#include "tests/net/proxy_words.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 64 };

bool proxy_words_number(uint64_t *number, const char *word) {
  size_t digits = strspn(word, "0123456789");
  if (digits == 0 || digits > 18 || word[digits]) return false;
  *number = strtoull(word, NULL, 10);
  return true;
}

static bool parse_unsigned(unsigned *number, const char *word) {
  uint64_t value;
  if (!proxy_words_number(&value, word) || value > UINT32_MAX) return false;
  *number = (unsigned)value;
  return true;
}

static bool parse_chance(double *chance, const char *word) {
  char *end;
  *chance = strtod(word, &end);
  return end != word && !*end && *chance >= 0 && *chance <= 1;
}

bool proxy_words_act(proxy_act *act, const char *word) {
  for (int a = 0; a < PROXY_ACTS; a++) {
    if (strcmp(word, proxy_act_str((proxy_act)a)) != 0) continue;
    *act = (proxy_act)a;
    return true;
  }
  return false;
}

/* Cuts the value in two at the separator; without it the second part is "". */
static const char *split(char *value, char separator) {
  char *at = strchr(value, separator);
  if (!at) return value + strlen(value);
  *at = '\0';
  return at + 1;
}

/* ---- faults of a way ---- */

static bool add_cut(proxy_way_faults *f, char *value) {
  const char *after = split(value, '@');
  return proxy_words_act(&f->cut, value) && proxy_words_number(&f->cut_after, after);
}

/* "@5001" or "1/1000". */
static bool add_corrupt(proxy_way_faults *f, char *value) {
  if (value[0] == '@') return proxy_words_number(&f->corrupt_at, value + 1);
  return strncmp(value, "1/", 2) == 0 && proxy_words_number(&f->corrupt_one_in, value + 2);
}

static bool add_to_way(proxy_way_faults *f, const char *name, char *value) {
  if (strcmp(name, "delay") == 0) return parse_unsigned(&f->delay_ms, value);
  if (strcmp(name, "jitter") == 0) return parse_unsigned(&f->jitter_ms, value);
  if (strcmp(name, "bandwidth") == 0) return proxy_words_number(&f->bytes_per_s, value);
  if (strcmp(name, "flow") == 0) return proxy_words_act(&f->flow, value);
  if (strcmp(name, "cut") == 0) return add_cut(f, value);
  if (strcmp(name, "corrupt") == 0) return add_corrupt(f, value);
  return false;
}

static bool add_to_ways(proxy_faults *f, const char *name, const char *value) {
  bool is_up = strncmp(name, "up.", 3) == 0, is_down = strncmp(name, "down.", 5) == 0;
  const char *bare = name + (is_up ? 3 : is_down ? 5 : 0);
  char copy[VALUE_BYTES]; /* a value is taken apart */
  bool is_good = true;
  for (int w = 0; w < PROXY_WAYS; w++) {
    if (w == PROXY_UP ? is_down : is_up) continue;
    snprintf(copy, sizeof copy, "%s", value);
    is_good &= add_to_way(&f->way[w], bare, copy);
  }
  return is_good;
}

/* ---- faults of a connection ---- */

static bool add_kill(proxy_faults *f, char *value) {
  const char *act = split(value, ':');
  return parse_chance(&f->kill_per_s, value) && (!*act || proxy_words_act(&f->kill, act));
}

static bool add_idle(proxy_faults *f, char *value) {
  const char *act = split(value, ':');
  return parse_unsigned(&f->idle_ms, value) && (!*act || proxy_words_act(&f->idle, act));
}

static bool add(proxy_faults *f, const char *name, char *value) {
  if (strcmp(name, "kill") == 0) return add_kill(f, value);
  if (strcmp(name, "idle") == 0) return add_idle(f, value);
  if (strcmp(name, "limit") == 0) return parse_unsigned(&f->max_connections, value);
  return add_to_ways(f, name, value);
}

bool proxy_words_add(proxy_faults *faults, const char *word, char why[PROXY_WHY_BYTES]) {
  proxy_faults added = *faults;
  char name[VALUE_BYTES];
  snprintf(name, sizeof name, "%s", word);
  bool is_good = strlen(word) < sizeof name;
  if (strcmp(word, "mute") == 0)
    added.is_mute = true;
  else if (strcmp(word, "refuse") == 0)
    added.is_refusing = true;
  else
    is_good =
        is_good && strchr(word, '=') && add(&added, name, (char *)(uintptr_t)split(name, '='));
  if (is_good)
    *faults = added;
  else
    snprintf(why, PROXY_WHY_BYTES, "'%.64s' is no fault: see gmux-proxy --help", word);
  return is_good;
}

/* ---- writing ---- */

typedef struct words {
  char *text;
  size_t len;
} words;

static void say(words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(words *w, const char *format, ...) {
  va_list args;
  va_start(args, format);
  size_t room = PROXY_WORDS_BYTES - w->len;
  int n = snprintf(w->text + w->len, room, "%s", w->len ? " " : "");
  n += vsnprintf(w->text + w->len + n, room - (size_t)n, format, args);
  va_end(args);
  w->len = n < (int)room ? w->len + (size_t)n : PROXY_WORDS_BYTES - 1;
}

static void write_way(words *w, const char *way, const proxy_way_faults *f) {
  if (f->delay_ms) say(w, "%s.delay=%u", way, f->delay_ms);
  if (f->jitter_ms) say(w, "%s.jitter=%u", way, f->jitter_ms);
  if (f->bytes_per_s) say(w, "%s.bandwidth=%" PRIu64, way, f->bytes_per_s);
  if (f->flow) say(w, "%s.flow=%s", way, proxy_act_str(f->flow));
  if (f->cut) say(w, "%s.cut=%s@%" PRIu64, way, proxy_act_str(f->cut), f->cut_after);
  if (f->corrupt_at) say(w, "%s.corrupt=@%" PRIu64, way, f->corrupt_at);
  if (f->corrupt_one_in) say(w, "%s.corrupt=1/%" PRIu64, way, f->corrupt_one_in);
}

void proxy_words_write(const proxy_faults *f, char text[PROXY_WORDS_BYTES]) {
  words w = {.text = text};
  write_way(&w, "up", &f->way[PROXY_UP]);
  write_way(&w, "down", &f->way[PROXY_DOWN]);
  if (f->is_mute) say(&w, "mute");
  if (f->is_refusing) say(&w, "refuse");
  if (f->max_connections) say(&w, "limit=%u", f->max_connections);
  if (f->kill_per_s > 0)
    say(&w, "kill=%g:%s", f->kill_per_s, proxy_act_str(f->kill ? f->kill : PROXY_RESET));
  if (f->idle_ms) say(&w, "idle=%u:%s", f->idle_ms, proxy_act_str(f->idle ? f->idle : PROXY_CLOSE));
  if (w.len == 0) say(&w, "no faults");
}
