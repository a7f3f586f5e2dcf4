/*
 * fuzz_head.c: a block of header fields as received: requests, responses, trailers.
 *
 * The input: which allocation fails (1 byte, 0: none), the limit (2 bytes), when the head is moved
 * elsewhere (1 byte), fields. A field: its name (1 byte: one of those that gRPC knows, or the
 * length of another, which follows), the length of its value (1 byte), the value.
 */
#include "lib/h2/head.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 128 };

static const char *const names[] = {":path",
                                    ":method",
                                    ":status",
                                    ":authority",
                                    "te",
                                    "host",
                                    "content-type",
                                    "grpc-timeout",
                                    "grpc-encoding",
                                    "grpc-status",
                                    "grpc-message",
                                    "grpc-status-details-bin",
                                    "user-agent",
                                    "x-id",
                                    "x-trace-bin",
                                    "grpc-previous-rpc-attempts"};

enum { NAMES = sizeof names / sizeof *names };

typedef struct field {
  fuzz_input name, value;
} field;

static field field_read(fuzz_input *in) {
  uint8_t choice = fuzz_u8(in);
  field f;
  if (choice < NAMES)
    f.name = (fuzz_input){(const uint8_t *)names[choice], strlen(names[choice])};
  else
    f.name = fuzz_take(in, choice - NAMES);
  uint8_t value_len = fuzz_u8(in);
  f.value = fuzz_take(in, value_len);
  return f;
}

static bool name_is(const field *f, const char *name) {
  return f->name.len == strlen(name) && memcmp(f->name.data, name, f->name.len) == 0;
}

/* 0 to 16 without a sign, a blank or a zero before it; else UNKNOWN. */
static gmux_code code_of(fuzz_input value) {
  char *text = fuzz_string(value);
  bool is_number = value.len > 0 && value.len <= 2 && strspn(text, "0123456789") == value.len &&
                   (text[0] != '0' || value.len == 1);
  int number = is_number ? atoi(text) : GMUX_UNKNOWN;
  free(text);
  return number <= GMUX_UNAUTHENTICATED ? (gmux_code)number : GMUX_UNKNOWN;
}

/* application/grpc, with or without more behind a "+" or ";". */
static bool is_grpc(fuzz_input value) {
  static const char grpc[] = "application/grpc";
  char *text = fuzz_string(value);
  bool is = strncmp(text, grpc, strlen(grpc)) == 0 && strchr("+;", text[strlen(grpc)]) &&
            (text[strlen(grpc)] || value.len == strlen(grpc));
  free(text);
  return is;
}

/* What the last field must have done, whatever stood before it. */
static void check_field(const gmux__head *head, const field *f) {
  if (name_is(f, "grpc-status"))
    FUZZ_REQUIRE(head->has_status && head->status == code_of(f->value));
  if (name_is(f, "content-type"))
    FUZZ_REQUIRE(head->has_content_type && head->is_grpc == is_grpc(f->value));
  if (name_is(f, ":path")) FUZZ_REQUIRE(head->path || head->is_out_of_memory);
}

static void check_head(const gmux__head *head, uint32_t limit) {
  FUZZ_REQUIRE(head->is_too_large == (head->bytes > limit));
  FUZZ_REQUIRE(head->text_used <= GMUX__HEAD_TEXT);
  FUZZ_REQUIRE(!head->path || strlen(head->path) <= UINT8_MAX);
  FUZZ_REQUIRE(!head->authority || strlen(head->authority) <= UINT8_MAX);
  FUZZ_REQUIRE(strlen(head->content_type) < sizeof head->content_type);
  FUZZ_REQUIRE(strlen(head->encoding_name) < sizeof head->encoding_name);
  FUZZ_REQUIRE(!head->is_out_of_memory || test_alloc_has_failed());
  /* What is kept was paid for: names, values and 32 bytes of each field count. A message may be
   * three times as long as it came, with each byte of it replaced. */
  FUZZ_REQUIRE(gmux__metadata_wire_size(head->metadata) <= 2 * (size_t)head->bytes);
  FUZZ_REQUIRE(gmux__buf_len(&head->message) <= 3 * (size_t)head->bytes);
  FUZZ_REQUIRE(head->details.len <= head->bytes);
}

/* Into another head, and back. Only what is free of pointers into itself can be compared. */
static void move(gmux__head *head) {
  gmux__head other, before = *head;
  gmux__head_move(&other, head);
  FUZZ_REQUIRE(!head->path && !head->authority && !head->metadata && head->bytes == 0);
  gmux__head_move(head, &other);
  gmux__head_deinit(&other);
  FUZZ_REQUIRE(head->path == before.path && head->authority == before.authority);
  FUZZ_REQUIRE(head->text_used == before.text_used);
  FUZZ_REQUIRE(memcmp(head->text, before.text, before.text_used) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  uint8_t fail_at = fuzz_u8(&in);
  uint32_t limit = fuzz_u16(&in);
  uint8_t move_at = fuzz_u8(&in);
  gmux__head head;
  gmux__head_init(&head);
  test_alloc_fail_at(fail_at);
  for (int i = 0; i < FIELDS_MAX && in.len > 0; i++) {
    if (i == move_at) move(&head);
    field f = field_read(&in);
    uint8_t *name = fuzz_copy(f.name), *value = fuzz_copy(f.value);
    uint32_t bytes = head.bytes;
    gmux__head_field(&head, limit, name, f.name.len, value, f.value.len);
    FUZZ_REQUIRE(head.bytes >= bytes + f.name.len + f.value.len + 32);
    check_field(&head, &f);
    check_head(&head, limit);
    free(name);
    free(value);
  }
  gmux__head_deinit(&head);
  return fuzz_end();
}
