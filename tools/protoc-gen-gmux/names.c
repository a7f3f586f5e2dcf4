/* names.c: protobuf-c's rules. They are ASCII's, in every locale. */
#include "tools/protoc-gen-gmux/names.h"

#include <stdio.h>
#include <string.h>

static bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static char to_lower(char c) {
  return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static char to_upper(char c) {
  return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

/* ---- one piece; `out` has room for twice its length; the end of what was written ---- */

static char *piece_lower(char *out, const char *piece, size_t len) {
  bool was_upper = true; /* none in front of the first */
  for (size_t i = 0; i < len; i++) {
    if (is_upper(piece[i]) && !was_upper) *out++ = '_';
    *out++ = to_lower(piece[i]);
    was_upper = is_upper(piece[i]);
  }
  return out;
}

static char *piece_camel(char *out, const char *piece, size_t len) {
  bool next_is_upper = true;
  for (size_t i = 0; i < len; i++) {
    if (piece[i] == '_') {
      next_is_upper = true;
      continue;
    }
    *out++ = next_is_upper ? to_upper(piece[i]) : piece[i];
    next_is_upper = false;
  }
  return out;
}

typedef char *(*piece_fn)(char *out, const char *piece, size_t len);

/* ---- whole names ---- */

char *name_lower(pool *p, const char *name) {
  char *text = pool_get(p, 2 * strlen(name) + 1, 1);
  piece_lower(text, name, strlen(name));
  return text;
}

char *name_camel(pool *p, const char *name) {
  char *text = pool_get(p, strlen(name) + 1, 1);
  piece_camel(text, name, strlen(name));
  return text;
}

static char *full_name(pool *p, const char *name, piece_fn write) {
  char *text = pool_get(p, 2 * strlen(name) + 1, 1), *out = text;
  while (*name) {
    size_t len = strcspn(name, ".");
    if (len > 0 && out > text) *out++ = '_', *out++ = '_';
    out = write(out, name, len);
    name += len + (name[len] == '.');
  }
  return text;
}

char *full_name_lower(pool *p, const char *name) {
  return full_name(p, name, piece_lower);
}

char *full_name_camel(pool *p, const char *name) {
  return full_name(p, name, piece_camel);
}

/* ---- files ---- */

char *file_stem(pool *p, const char *file) {
  static const char *const endings[] = {".protodevel", ".proto"};
  size_t len = strlen(file);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t end = strlen(endings[i]);
    if (len >= end && strcmp(file + len - end, endings[i]) == 0)
      return pool_format(p, "%.*s", (int)(len - end), file);
  }
  return pool_format(p, "%s", file);
}

char *file_identifier(pool *p, const char *file) {
  char *text = pool_get(p, 3 * strlen(file) + 1, 1), *out = text;
  for (; *file; file++) {
    if (is_upper(*file) || is_lower(*file) || is_digit(*file))
      *out++ = *file;
    else
      out += sprintf(out, "_%x", (unsigned char)*file);
  }
  return text;
}

/* ---- words that are taken ---- */

static bool is_among(const char *const *words, size_t count, const char *word) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(words[i], word) == 0) return true;
  return false;
}

bool is_c_keyword(const char *word) {
  static const char *const words[] = {
      "auto",    "break",  "case",     "char",   "const",    "continue", "default",
      "do",      "double", "else",     "enum",   "extern",   "float",    "for",
      "goto",    "if",     "inline",   "int",    "long",     "register", "restrict",
      "return",  "short",  "signed",   "sizeof", "static",   "struct",   "switch",
      "typedef", "union",  "unsigned", "void",   "volatile", "while"};
  return is_among(words, sizeof words / sizeof *words, word);
}

bool is_keyword(const char *word) {
  static const char *const words[] = {"alignas",
                                      "alignof",
                                      "and",
                                      "and_eq",
                                      "asm",
                                      "bitand",
                                      "bitor",
                                      "bool",
                                      "catch",
                                      "char16_t",
                                      "char32_t",
                                      "char8_t",
                                      "class",
                                      "co_await",
                                      "co_return",
                                      "co_yield",
                                      "compl",
                                      "concept",
                                      "consteval",
                                      "constexpr",
                                      "constinit",
                                      "const_cast",
                                      "decltype",
                                      "delete",
                                      "dynamic_cast",
                                      "explicit",
                                      "export",
                                      "false",
                                      "friend",
                                      "mutable",
                                      "namespace",
                                      "new",
                                      "noexcept",
                                      "not",
                                      "not_eq",
                                      "nullptr",
                                      "operator",
                                      "or",
                                      "or_eq",
                                      "private",
                                      "protected",
                                      "public",
                                      "reinterpret_cast",
                                      "requires",
                                      "static_assert",
                                      "static_cast",
                                      "template",
                                      "this",
                                      "thread_local",
                                      "throw",
                                      "true",
                                      "try",
                                      "typeid",
                                      "typename",
                                      "typeof",
                                      "using",
                                      "virtual",
                                      "wchar_t",
                                      "xor",
                                      "xor_eq"};
  /* Macros that compilers define when they are not told to keep to the standard (-std=gnu11). */
  static const char *const macros[] = {"i386", "linux", "unix"};
  return is_c_keyword(word) || is_among(words, sizeof words / sizeof *words, word) ||
         is_among(macros, sizeof macros / sizeof *macros, word);
}
