/* nearest.c: edit distance (optimal string alignment: neighbours that changed places count once).
 */
#include "tools/gmux/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Names beyond it are compared for nothing: nobody mistypes them by hand. */
enum { MAX_NAME = 128 };
/* A letter in the wrong case is a quarter of a wrong letter. */
enum { CASE = 1, EDIT = 4 };

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t letter_cost(char a, char b) {
  if (a == b) return 0;
  return tolower((unsigned char)a) == tolower((unsigned char)b) ? CASE : EDIT;
}

static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
  size_t rows[3][MAX_NAME + 1];
  for (size_t k = 0; k <= b_len; k++)
    rows[0][k] = k * EDIT;
  for (size_t i = 1; i <= a_len; i++) {
    size_t *row = rows[i % 3];
    const size_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
    row[0] = i * EDIT;
    for (size_t k = 1; k <= b_len; k++) {
      size_t best = above[k - 1] + letter_cost(a[i - 1], b[k - 1]);
      best = smaller(best, above[k] + EDIT);
      best = smaller(best, row[k - 1] + EDIT);
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
        best = smaller(best, two_above[k - 2] + EDIT);
      row[k] = best;
    }
  }
  return rows[a_len % 3][b_len];
}

nearest nearest_to(const char *wanted, size_t len) {
  return (nearest){.wanted = wanted, .len = len, .distance = SIZE_MAX};
}

/* Stock of shop.v1.Stock. */
static bool is_last_part(const nearest *n, const char *name, size_t len) {
  return n->len > 0 && len > n->len && name[len - n->len - 1] == '.' &&
         memcmp(name + len - n->len, n->wanted, n->len) == 0;
}

void nearest_offer(nearest *n, const char *name) {
  size_t len = strlen(name);
  if (len > MAX_NAME || n->len > MAX_NAME) return;
  size_t longer = len > n->len ? len : n->len;
  bool is_short = is_last_part(n, name, len);
  size_t distance = is_short ? EDIT : edit_distance(n->wanted, n->len, name, len);
  if ((distance * 3 > longer * EDIT && !is_short) || distance >= n->distance) return;
  n->best = name;
  n->distance = distance;
}
