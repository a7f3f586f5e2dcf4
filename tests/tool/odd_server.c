/*
 * odd_server.c: a server whose reflection is not as it should be, for gmux call to meet.
 *
 *   odd_server KIND PROTOSET
 *
 * KIND says how it answers when it is asked for types: "none", not at all; "old", as v1alpha only;
 * "empty", that there is no such thing; "endless", by files that import another each; "rubbish";
 * "silent", never. A question that is compressed is refused by all. The types are those of the
 * first file of PROTOSET. hello.Greeter/SayHello says NOT_FOUND with all that can come with it. It
 * prints "port: N", and ends by a signal.
 */
#include "tools/gmux/wire.h"

#include <gmux/gmux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct odd {
  const char *kind;
  wire_field file; /* a FileDescriptorProto */
  unsigned asked;
} odd;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "odd_server: %s\n", gmux_last_error());
  exit(1);
}

/* ---- reflection ---- */

static void answer_file(buffer *answer, const void *data, size_t len) {
  size_t mark = wire_begin(answer, 4);
  wire_add_bytes(answer, 1, data, len);
  wire_end(answer, mark);
}

/* Each file imports a hundred that were never heard of. */
static void answer_endless(odd *o, buffer *answer) {
  enum { IMPORTS = 100 };
  buffer file = {.data = NULL};
  char name[16];
  for (unsigned i = 0; i <= IMPORTS; i++) {
    snprintf(name, sizeof name, "%u.proto", i == 0 ? o->asked++ : o->asked * IMPORTS + i);
    wire_add_bytes(&file, i == 0 ? 1 : 3, name, strlen(name));
  }
  answer_file(answer, file.data, file.len);
  buffer_free(&file);
}

static void answer_not_found(buffer *answer) {
  size_t mark = wire_begin(answer, 7);
  wire_add_number(answer, 1, WIRE_VARINT, GMUX_NOT_FOUND);
  wire_add_bytes(answer, 2, "not\033here", 8);
  wire_end(answer, mark);
}

static void answer_services(buffer *answer) {
  size_t services = wire_begin(answer, 6), service = wire_begin(answer, 1);
  wire_add_bytes(answer, 1, "hello.Greeter", 13);
  wire_end(answer, service);
  wire_end(answer, services);
}

static bool asks_for_services(const gmux_bytes *question) {
  wire_reader reader = {.data = question->data, .len = question->len};
  wire_field f;
  return wire_read(&reader, &f) && f.number == 7;
}

static void on_question(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  odd *o = user_data;
  buffer answer = {.data = NULL};
  if (strcmp(o->kind, "silent") == 0) return;
  if (gmux_server_call_was_compressed(call)) {
    gmux_server_call_fail(call, GMUX_UNIMPLEMENTED, "no compression here");
    return;
  }
  if (strcmp(o->kind, "rubbish") == 0)
    buffer_add(&answer, "\xff\xff", 2);
  else if (strcmp(o->kind, "endless") == 0)
    answer_endless(o, &answer);
  else if (asks_for_services(message))
    answer_services(&answer);
  else if (strcmp(o->kind, "empty") == 0)
    answer_not_found(&answer);
  else
    answer_file(&answer, o->file.data, o->file.len);
  gmux_bytes bytes = gmux_bytes_borrow(answer.data, answer.len);
  if (gmux_server_call_write(call, &bytes) < 0)
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
  buffer_free(&answer);
}

static void on_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static void add_reflection(gmux_server *server, odd *o) {
  static const gmux_server_handlers handlers = {.on_message = on_question,
                                                .on_half_close = on_half_close};
  if (strcmp(o->kind, "none") == 0) return;
  const char *version = strcmp(o->kind, "old") == 0 ? "v1alpha" : "v1";
  char path[128];
  snprintf(path, sizeof path, "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo", version);
  must(gmux_server_add_method(server, path, GMUX_BIDI_STREAMING, &handlers, o));
}

/* ---- hello.Greeter/SayHello ---- */

static gmux_status failure(buffer *details) {
  wire_add_number(details, 1, WIRE_VARINT, GMUX_NOT_FOUND);
  size_t any = wire_begin(details, 3);
  static const char url[] = "type.googleapis.com/google.protobuf.Duration";
  wire_add_bytes(details, 1, url, sizeof url - 1);
  wire_add_bytes(details, 2, "\x08\x05", 2);
  wire_end(details, any);
  gmux_bytes bytes = gmux_bytes_borrow(details->data, details->len);
  return gmux_status_make(GMUX_NOT_FOUND, "nobody of that name", &bytes);
}

static void say_hello(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request, (void)user_data;
  gmux_metadata *metadata;
  must(gmux_metadata_new(&metadata));
  must(gmux_metadata_add(metadata, "x-begin", "1"));
  gmux_server_call_send_headers(call, metadata);
  must(gmux_metadata_add_bin(metadata, "x-end-bin", "\xff", 1));
  must(gmux_metadata_add(metadata, "x-begin", "2"));
  buffer details = {.data = NULL};
  gmux_status status = failure(&details);
  gmux_server_call_finish(call, &status, metadata);
  gmux_status_clear(&status);
  gmux_metadata_free(metadata);
  buffer_free(&details);
}

/* ---- the program ---- */

static void read_set(const char *path, buffer *set) {
  char block[4096];
  FILE *file = fopen(path, "rb");
  if (!file) perror(path), exit(2);
  for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
    buffer_add(set, block, len);
  fclose(file);
}

int main(int argc, char **argv) {
  if (argc != 3) return fputs("usage: odd_server KIND PROTOSET\n", stderr), 2;
  odd o = {.kind = argv[1]};
  buffer set = {.data = NULL};
  read_set(argv[2], &set);
  wire_reader reader = {.data = set.data, .len = set.len};
  if (!wire_read(&reader, &o.file)) return fputs("odd_server: no descriptors\n", stderr), 2;

  gmux_loop *loop;
  gmux_server *server;
  uint16_t port;
  must(gmux_loop_start(&loop, NULL));
  must(gmux_server_new(&server, loop, NULL));
  must(gmux_server_add_unary(server, "/hello.Greeter/SayHello", say_hello, NULL));
  add_reflection(server, &o);
  must(gmux_server_listen_cleartext(server, "ipv4:127.0.0.1:0", &port));
  printf("port: %u\n", port), fflush(stdout);
  pause();
  return 0;
}
