/* mask.c: '_' and a letter for a capital. */
#include "tools/gmux/mask.h"

static bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

static bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool mask_path_to_json(buffer *out, const char *path, size_t len) {
  if (len == 0) return false;
  for (size_t i = 0; i < len; i++) {
    char c = path[i];
    if (is_upper(c) || c == ',') return false;
    if (c == '_') {
      if (++i == len || !is_lower(path[i])) return false;
      c = (char)(path[i] - 'a' + 'A');
    }
    buffer_add(out, &c, 1);
  }
  return true;
}

bool mask_path_from_json(buffer *out, const char *path, size_t len) {
  if (len == 0) return false;
  for (size_t i = 0; i < len; i++) {
    char c = path[i];
    if (c == '_') return false;
    if (is_upper(c)) {
      buffer_add(out, "_", 1);
      c = (char)(c - 'A' + 'a');
    }
    buffer_add(out, &c, 1);
  }
  return true;
}
