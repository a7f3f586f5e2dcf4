/* comments.c: source positions, and comments from one language to another. */
#include "tools/protoc-gen-gmux/comments.h"

#include <stdbool.h>
#include <string.h>

place place_in(place outer, int32_t field, size_t index) {
  if (outer.len + 2 > sizeof outer.path / sizeof *outer.path) return outer;
  outer.path[outer.len++] = field;
  outer.path[outer.len++] = (int32_t)index;
  return outer;
}

static const Plugin__SourceInfo__Location *location_find(const Plugin__File *file, place at) {
  const Plugin__SourceInfo *info = file->source_code_info;
  for (size_t i = 0; info && i < info->n_location; i++) {
    const Plugin__SourceInfo__Location *l = info->location[i];
    if (l->n_path == at.len && memcmp(l->path, at.path, at.len * sizeof *at.path) == 0) return l;
  }
  return NULL;
}

int place_line(const Plugin__File *file, place at) {
  const Plugin__SourceInfo__Location *l = location_find(file, at);
  return l && l->n_span > 0 ? l->span[0] + 1 : 0;
}

const char *place_comment(const Plugin__File *file, place at) {
  const Plugin__SourceInfo__Location *l = location_find(file, at);
  if (l && l->leading_comments) return l->leading_comments;
  return l && l->trailing_comments ? l->trailing_comments : "";
}

/* ---- printing ---- */

static bool is_blank(const char *line, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!strchr(" \t\r\n", line[i])) return false;
  return true;
}

/* What would end the comment, or begin another in it, or hide its end behind a trigraph's
 * backslash, is pulled apart. */
static bool is_mark(const char *at, size_t len) {
  return len >= 2 && (memcmp(at, "*/", 2) == 0 || memcmp(at, "/*", 2) == 0 ||
                      (len >= 3 && memcmp(at, "?\?/", 3) == 0));
}

static void print_line(printer *p, const char *line, size_t len) {
  while (is_blank(line + len - 1, 1))
    len--;
  for (size_t i = 0; i < len; i++) {
    print_text(p, line + i, 1);
    if (is_mark(line + i, len - i)) print_text(p, " ", 1);
  }
}

/* Blank lines in the middle are kept, those at both ends are not. `held` counts such as wait. */
static void print_lines(printer *p, const char *text) {
  bool is_first = true;
  for (unsigned held = 0; *text;) {
    size_t len = strcspn(text, "\n"), next = len + (text[len] == '\n');
    if (is_blank(text, len)) {
      held += !is_first;
    } else {
      for (; held > 0; held--)
        print_text(p, " *\n", 3);
      print_text(p, " *", 2);
      if (*text != ' ') print_text(p, " ", 1);
      print_line(p, text, len);
      print_text(p, "\n", 1);
      is_first = false;
    }
    text += next;
  }
}

static bool is_empty(const char *text) {
  return is_blank(text, strlen(text));
}

void print_comment(printer *p, const char *title, const char *text) {
  if (is_empty(text)) {
    const var vars[] = {{"title", title}, {NULL, NULL}};
    print(p, vars, "/* $title$ */\n");
    return;
  }
  print_text(p, "/*\n", 3);
  print_lines(p, title);
  print_text(p, " *\n", 3);
  print_lines(p, text);
  print_text(p, " */\n", 4);
}
