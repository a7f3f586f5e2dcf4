/*
 * main.c: protoc-gen-gmux, a plugin of protoc: `protoc --c_out=. --gmux_out=. greeter.proto` makes
 * greeter.gmux.h and greeter.gmux.c beside what protobuf-c makes.
 *
 * protoc writes a request to standard input and reads the answer from standard output. Everything
 * is made in memory first: the answer holds all files, or none and an error.
 */
#include "tools/protoc-gen-gmux/generate.h"

#include <gmux/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEATURE_PROTO3_OPTIONAL = 1 };

static const char usage[] =
    "usage: protoc --c_out=DIR --gmux_out=DIR [--gmux_opt=OPTION,...] FILE.proto...\n"
    "Makes FILE.gmux.h and FILE.gmux.c: typed functions over gmux for the services of FILE.proto.\n"
    "This program is run by protoc, which finds it in $PATH or is told of it by\n"
    "--plugin=protoc-gen-gmux=/path/to/protoc-gen-gmux.\n\n"
    "  only=client      leave out what servers need\n"
    "  only=server      leave out what clients need\n"
    "  descriptors=no   leave out the bytes that server reflection needs\n"
    "  --help           this text\n"
    "  --version\n";

/* ---- in and out ---- */

typedef struct input {
  uint8_t *data;
  size_t len, room;
} input;

static bool read_all(input *in, FILE *from) {
  for (;;) {
    if (in->len == in->room) {
      in->room = in->room ? 2 * in->room : 65536;
      uint8_t *data = realloc(in->data, in->room);
      if (!data) out_of_memory();
      in->data = data;
    }
    size_t got = fread(in->data + in->len, 1, in->room - in->len, from);
    if (got == 0) return !ferror(from);
    in->len += got;
  }
}

static bool write_response(const Plugin__Response *response, pool *p) {
  size_t len = plugin__response__get_packed_size(response);
  uint8_t *data = pool_get(p, len, 1);
  plugin__response__pack(response, data);
  return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0;
}

/* ---- files ---- */

static Plugin__Response__File *file_new(pool *p, const char *stem, const char *ending,
                                        printer *printed) {
  Plugin__Response__File *file = pool_get(p, 1, sizeof *file);
  plugin__response__file__init(file);
  file->name = pool_format(p, "%s%s", stem, ending);
  file->content = pool_format(p, "%s", printed->text);
  printer_deinit(printed);
  return file;
}

/* Both files of one .proto. NULL, or what is wrong. */
static const char *generate(Plugin__Response *response, pool *p, const schema *s, const char *name,
                            const options *o) {
  const Plugin__File *file = schema_file(s, name);
  if (!file) return pool_format(p, "%s: protoc sent nothing of it", name);
  model m;
  const char *why = model_make(&m, p, s, file, o);
  if (why) return why;
  printer header = {0}, source = {0};
  print_header(&header, &m);
  print_source(&source, &m);
  response->file[response->n_file++] = file_new(p, m.stem, ".gmux.h", &header);
  response->file[response->n_file++] = file_new(p, m.stem, ".gmux.c", &source);
  return NULL;
}

static const char *generate_all(Plugin__Response *response, pool *p, const schema *s,
                                const Plugin__Request *request) {
  options o;
  const char *why = options_parse(&o, p, request->parameter);
  response->file = pool_get(p, 2 * request->n_file_to_generate, sizeof(void *));
  for (size_t i = 0; i < request->n_file_to_generate && !why; i++)
    why = generate(response, p, s, request->file_to_generate[i], &o);
  return why;
}

static bool answer(const Plugin__Request *request) {
  pool p = {0};
  schema s;
  Plugin__Response response = PLUGIN__RESPONSE__INIT;
  response.has_supported_features = 1;
  response.supported_features = FEATURE_PROTO3_OPTIONAL;
  const char *why = schema_init(&s, &p, request);
  if (!why) why = generate_all(&response, &p, &s, request);
  if (why) {
    response.n_file = 0;
    response.error = pool_format(&p, "%s", why);
  }
  bool ok = write_response(&response, &p);
  schema_deinit(&s);
  pool_free(&p);
  return ok;
}

/* ---- the program ---- */

static int fail(const char *why) {
  fprintf(stderr, "protoc-gen-gmux: %s\n", why);
  return 1;
}

static int run(void) {
  input in = {0};
  bool was_read = read_all(&in, stdin);
  Plugin__Request *request = was_read ? plugin__request__unpack(NULL, in.len, in.data) : NULL;
  free(in.data);
  if (!was_read) return fail("cannot read standard input");
  if (!request) return fail("standard input is no request of protoc's (see --help)");
  bool ok = answer(request);
  plugin__request__free_unpacked(request, NULL);
  return ok ? 0 : fail("cannot write standard output");
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout) < 0;
  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    return puts("protoc-gen-gmux " GMUX_VERSION) < 0;
  if (argc > 1 || isatty(STDIN_FILENO)) return fputs(usage, stderr), 2;
  return run();
}
