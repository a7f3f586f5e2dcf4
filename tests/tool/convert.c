/*
 * convert.c: the codec as a program, for comparisons with others (check-python).
 *
 * usage: convert PROTOSET; then a line in, a line out:
 *   random MESSAGE SEED   bytes of a made-up message
 *   json MESSAGE HEX      these bytes as JSON
 *   bytes MESSAGE HEX     this JSON as bytes
 * All of it in hexadecimal digits; "! WORDS" is a refusal.
 */
#include "tests/tool/random.h"
#include "tools/gmux/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_all(FILE *file, buffer *out) {
  char block[4096];
  size_t len;
  while ((len = fread(block, 1, sizeof block, file)) > 0)
    buffer_add(out, block, len);
}

static registry *read_types(const char *path) {
  problem p = {""};
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    return NULL;
  }
  buffer set = {.data = NULL};
  read_all(file, &set);
  fclose(file);
  registry *r = registry_new(set.data, set.len, &p);
  if (!r) fprintf(stderr, "convert: %s: %s\n", path, p.words);
  buffer_free(&set);
  return r;
}

static int digit(char c) {
  return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static void from_hex(buffer *out, const char *hex) {
  for (; hex[0] && hex[1]; hex += 2) {
    uint8_t byte = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
    buffer_add(out, &byte, 1);
  }
}

static bool answer(const registry *r, const char *what, const message_type *m, const char *rest,
                   buffer *out, problem *p) {
  static const codec_options options = {.is_compact = true};
  if (strcmp(what, "random") == 0) {
    dice d = {strtoull(rest, NULL, 10)};
    random_message(out, &d, r, m);
    return true;
  }
  buffer in = {.data = NULL};
  from_hex(&in, rest);
  const char *text = buffer_string(&in);
  bool is_good = strcmp(what, "json") == 0
                     ? codec_write_json(r, m, in.data, in.len, &options, out, p)
                     : codec_read_json(r, m, text, in.len, &options, out, p);
  buffer_free(&in);
  return is_good;
}

static void serve(const registry *r, char *line) {
  problem p = {""};
  buffer out = {.data = NULL};
  char *end = NULL;
  const char *what = strtok_r(line, " \n", &end), *name = strtok_r(NULL, " \n", &end);
  const char *rest = strtok_r(NULL, " \n", &end);
  const message_type *m = name ? registry_message(r, name, strlen(name)) : NULL;
  if (!m) problem_set(&p, "there is no such message");
  if (m && answer(r, what, m, rest ? rest : "", &out, &p))
    for (size_t i = 0; i < out.len; i++)
      printf("%02x", out.data[i]);
  else
    printf("! %s", p.words);
  printf("\n");
  fflush(stdout);
  buffer_free(&out);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: convert PROTOSET\n");
    return 2;
  }
  registry *r = read_types(argv[1]);
  if (!r) return 2;
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0)
    serve(r, line);
  free(line);
  registry_free(r);
  return 0;
}
