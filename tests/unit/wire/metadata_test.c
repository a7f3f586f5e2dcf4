/* metadata_test.c: what an application may add, what a peer may send, and how it stands on the
 * wire. */
#include "lib/wire/metadata.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gmux_metadata *md;

static void setup(void) {
  md = NULL;
  (void)gmux_metadata_new(&md);
}

static void teardown(void) {
  gmux_metadata_free(md);
  md = NULL;
}

/* Entry i is this key and this value, with a zero behind each. */
static bool entry_is(const gmux_metadata *m, size_t i, const char *key, const void *value,
                     size_t len) {
  gmux_metadata_entry e;
  return gmux_metadata_at(m, i, &e) == 0 && strcmp(e.key, key) == 0 && e.key_len == strlen(key) &&
         e.value_len == len && memcmp(e.value, value, len) == 0 && e.value[len] == 0;
}

static bool text_is(const gmux_metadata *m, size_t i, const char *key, const char *value) {
  return entry_is(m, i, key, value, strlen(value));
}

static bool field_is(const gmux__field *f, const char *name, const char *value) {
  return f->name_len == strlen(name) && memcmp(f->name, name, f->name_len) == 0 &&
         f->value_len == strlen(value) && memcmp(f->value, value, f->value_len) == 0;
}

/* Receives from memory of just the size, so that a sanitizer sees a byte read too many. */
static int receive_bytes(const char *name, size_t name_len, const char *value, size_t value_len) {
  uint8_t *n = malloc(name_len ? name_len : 1), *v = malloc(value_len ? value_len : 1);
  CU_ASSERT_TRUE_FATAL(n && v);
  memcpy(n, name, name_len);
  memcpy(v, value, value_len);
  int error = gmux__metadata_receive(md, n, name_len, v, value_len);
  free(n);
  free(v);
  return error;
}

static int receive(const char *name, const char *value) {
  return receive_bytes(name, strlen(name), value, strlen(value));
}

static void add_is_refused(const char *key, const char *value, const char *why) {
  CU_ASSERT_EQUAL(gmux_metadata_add(md, key, value), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), why);
  CU_ASSERT_EQUAL(gmux_metadata_count(md), 0);
}

/* ---- what the application adds ---- */

static void entries_keep_their_order_and_may_repeat(void) {
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "b", "1"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "a", "2"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "b", "3"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "b", "1"), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_count(md), 4);
  CU_ASSERT_TRUE(text_is(md, 0, "b", "1"));
  CU_ASSERT_TRUE(text_is(md, 1, "a", "2"));
  CU_ASSERT_TRUE(text_is(md, 2, "b", "3"));
  CU_ASSERT_TRUE(text_is(md, 3, "b", "1"));
}

static void get_finds_the_first_of_a_key(void) {
  size_t len = 77;
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "key", "first"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "key", "second"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k-bin", "a\0b", 3), 0);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(md, "key", &len), "first");
  CU_ASSERT_EQUAL(len, 5);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(md, "key", NULL), "first");
  CU_ASSERT_EQUAL(memcmp(gmux_metadata_get(md, "k-bin", &len), "a\0b", 4), 0);
  CU_ASSERT_EQUAL(len, 3);
  CU_ASSERT_PTR_NULL(gmux_metadata_get(md, "ke", &len));
  CU_ASSERT_PTR_NULL(gmux_metadata_get(md, "keys", NULL));
  CU_ASSERT_PTR_NULL(gmux_metadata_get(md, "", NULL));
  CU_ASSERT_EQUAL(len, 3);
}

static void keys_and_values_are_copied(void) {
  char key[] = "key", value[] = "value";
  CU_ASSERT_EQUAL(gmux_metadata_add(md, key, value), 0);
  memset(key, 'x', 3);
  memset(value, 'x', 5);
  CU_ASSERT_TRUE(text_is(md, 0, "key", "value"));
}

static void every_printable_character_may_be_in_a_value(void) {
  char text[0x7f - 0x21 + 1];
  for (int c = 0x21; c < 0x7f; c++)
    text[c - 0x21] = (char)c;
  text[sizeof text - 1] = '\0';
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "abcdefghijklmnopqrstuvwxyz0123456789_-.", text), 0);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(md, "abcdefghijklmnopqrstuvwxyz0123456789_-.", NULL),
                         text);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "k", "in the  middle"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "k", ""), 0);
  CU_ASSERT_TRUE(text_is(md, 2, "k", ""));
}

static void every_byte_may_be_in_a_binary_value(void) {
  uint8_t bytes[256];
  for (int i = 0; i < 256; i++)
    bytes[i] = (uint8_t)i;
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k-bin", bytes, sizeof bytes), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k-bin", NULL, 0), 0);
  CU_ASSERT_TRUE(entry_is(md, 0, "k-bin", bytes, sizeof bytes));
  CU_ASSERT_TRUE(entry_is(md, 1, "k-bin", "", 0));
}

static void an_illegal_character_in_a_key_is_named_with_its_place(void) {
  add_is_refused("", "v", "a metadata key must not be empty");
  add_is_refused("x-Foo", "v", "metadata key \"x-Foo\": 'F' at position 2 must be lower case");
  add_is_refused("a b", "v",
                 "metadata key \"a b\": byte 0x20 at position 1 is none of 0-9 a-z _ - .");
  add_is_refused("k\xc3\xbc\n", "v",
                 "metadata key \"k???\": byte 0xc3 at position 1 is none of 0-9 a-z _ - .");
  for (int c = 1; c < 256; c++) {
    bool legal = strchr("0123456789abcdefghijklmnopqrstuvwxyz_-.", c) != NULL;
    for (size_t at = 0; at < 3 && c != ':'; at++) {
      char key[] = "kkk", place[16];
      key[at] = (char)c;
      snprintf(place, sizeof place, "position %zu", at);
      CU_ASSERT_EQUAL(gmux_metadata_add(md, key, "v"), legal ? 0 : GMUX_ERR_INVALID);
      if (legal) continue;
      CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), place));
      CU_ASSERT_EQUAL(strstr(gmux_last_error(), "lower case") != NULL, c >= 'A' && c <= 'Z');
    }
  }
}

static void a_key_too_long_to_be_shown_is_cut_in_the_sentence(void) {
  char key[1000];
  memset(key, 'k', sizeof key);
  key[998] = '!';
  key[999] = '\0';
  char expected[200];
  snprintf(expected, sizeof expected,
           "metadata key \"%.63s\": byte 0x21 at position 998 is none of 0-9 a-z _ - .", key);
  add_is_refused(key, "v", expected);
}

static void an_illegal_character_in_a_value_is_named_and_the_value_is_not(void) {
  add_is_refused("authorization", "secret\n",
                 "metadata value of \"authorization\": byte 0x0a at position 6 is not printable "
                 "ASCII; only a key that ends in \"-bin\" takes any byte");
  for (int c = 1; c < 256; c++) {
    for (size_t at = 0; at < 3; at++) {
      char value[] = "vvv";
      value[at] = (char)c;
      bool legal = at == 1 ? c >= 0x20 && c <= 0x7e : c > 0x20 && c <= 0x7e;
      CU_ASSERT_EQUAL(gmux_metadata_add(md, "k", value), legal ? 0 : GMUX_ERR_INVALID);
    }
  }
}

static void spaces_at_the_ends_of_a_value_are_refused(void) {
  add_is_refused("k", " v", "metadata value of \"k\" begins with a space, which a peer may strip");
  add_is_refused("k", "v ", "metadata value of \"k\" ends with a space, which a peer may strip");
  add_is_refused("k", " ", "metadata value of \"k\" begins with a space, which a peer may strip");
}

static const char *const reserved[] = {":path",
                                       ":x",
                                       ":",
                                       "grpc-status",
                                       "grpc-timeout",
                                       "grpc-",
                                       "grpc-my-own",
                                       "grpc-tags-bin",
                                       "content-type",
                                       "content-length",
                                       "te",
                                       "user-agent",
                                       "host",
                                       "connection",
                                       "keep-alive",
                                       "proxy-connection",
                                       "transfer-encoding",
                                       "upgrade"};
enum { RESERVED = sizeof reserved / sizeof *reserved };

static void reserved_keys_are_refused(void) {
  add_is_refused("te", "trailers",
                 "metadata key \"te\" belongs to gRPC or HTTP/2; choose another name");
  for (size_t i = 0; i < RESERVED; i++) {
    CU_ASSERT_TRUE(gmux__metadata_is_reserved(reserved[i], strlen(reserved[i])));
    CU_ASSERT_EQUAL(gmux_metadata_add(md, reserved[i], "v"), GMUX_ERR_INVALID);
    CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, reserved[i], "v", 1), GMUX_ERR_INVALID);
  }
  CU_ASSERT_EQUAL(gmux_metadata_count(md), 0);
}

static void names_that_only_resemble_reserved_ones_are_free(void) {
  static const char *const names[] = {"t",        "tea",          "grpc",          "grpc_x",
                                      "x-grpc-y", "content",      "hosts",         "content-type2",
                                      "upgrades", "user-agent-2", "authorization", "cookie",
                                      "x.y"};
  CU_ASSERT_FALSE(gmux__metadata_is_reserved("", 0));
  CU_ASSERT_FALSE(gmux__metadata_is_reserved("tex", 1));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    CU_ASSERT_FALSE(gmux__metadata_is_reserved(names[i], strlen(names[i])));
    CU_ASSERT_EQUAL(gmux_metadata_add(md, names[i], "v"), 0);
  }
}

static void text_and_binary_keys_are_not_mixed_up(void) {
  add_is_refused("k-bin", "v",
                 "metadata key \"k-bin\" ends in \"-bin\": use gmux_metadata_add_bin");
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k", "v", 1), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "metadata key \"k\" must end in \"-bin\" to have a "
                                            "binary value; use gmux_metadata_add for text");
  add_is_refused("-bin", "v", "metadata key \"-bin\" ends in \"-bin\": use gmux_metadata_add_bin");
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "-bin", "v", 1), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "k-binary", "v"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "bin", "v"), 0);
}

static void null_is_an_error_or_an_empty_one(void) {
  gmux_metadata_entry e;
  CU_ASSERT_EQUAL(gmux_metadata_new(NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_metadata_add(NULL, "k", "v"), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, NULL, "v"), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "k", NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(NULL, "k-bin", "v", 1), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, NULL, "v", 1), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k-bin", NULL, 1), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_metadata_count(NULL), 0);
  CU_ASSERT_EQUAL(gmux_metadata_at(NULL, 0, &e), GMUX_ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(gmux_metadata_at(md, 0, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NULL(gmux_metadata_get(NULL, "k", NULL));
  CU_ASSERT_PTR_NULL(gmux_metadata_get(md, NULL, NULL));
  CU_ASSERT_EQUAL(gmux__metadata_wire_size(NULL), 0);
  CU_ASSERT_EQUAL(gmux__metadata_fields(NULL, NULL, 0), 0);
  gmux_metadata_free(NULL);
}

static void an_index_beyond_the_last_is_not_found(void) {
  gmux_metadata_entry e;
  CU_ASSERT_EQUAL(gmux_metadata_at(md, 0, &e), GMUX_ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "k", "v"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_at(md, 0, &e), 0);
  CU_ASSERT_EQUAL(gmux_metadata_at(md, 1, &e), GMUX_ERR_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "there is no metadata entry 1, only 1");
  CU_ASSERT_EQUAL(gmux_metadata_at(md, SIZE_MAX, &e), GMUX_ERR_NOT_FOUND);
}

static void a_few_short_entries_are_one_allocation(void) {
  gmux_metadata *m;
  size_t calls = test_alloc_calls();
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&m), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(m, "authorization", "Bearer 0123456789abcdef"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(m, "x-request-id", "7d444840-9dc0-11d1-b245"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(m, "trace-bin", "0123456789abcdef", 16), 0);
  CU_ASSERT_EQUAL(test_alloc_calls() - calls, 1);
  gmux_metadata_free(m);
}

static void many_and_long_entries_are_all_kept(void) {
  char key[32], value[64], *huge = calloc(1, 100001);
  CU_ASSERT_PTR_NOT_NULL_FATAL(huge);
  memset(huge, 'h', 100000);
  for (int i = 0; i < 1000; i++) {
    snprintf(key, sizeof key, "key-%d", i);
    snprintf(value, sizeof value, "value number %d of many", i);
    CU_ASSERT_EQUAL(gmux_metadata_add(md, key, i == 500 ? huge : value), 0);
  }
  CU_ASSERT_EQUAL(gmux_metadata_count(md), 1000);
  for (size_t i = 0; i < 1000; i++) {
    snprintf(key, sizeof key, "key-%zu", i);
    snprintf(value, sizeof value, "value number %zu of many", i);
    CU_ASSERT_TRUE(text_is(md, i, key, i == 500 ? huge : value));
  }
  free(huge);
}

/* ---- what a peer sends ---- */

static void received_fields_become_entries_in_order(void) {
  CU_ASSERT_EQUAL(receive("b", "1"), 0);
  CU_ASSERT_EQUAL(receive("a", ""), 0);
  CU_ASSERT_EQUAL(receive("b", "2"), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_count(md), 3);
  CU_ASSERT_TRUE(text_is(md, 0, "b", "1"));
  CU_ASSERT_TRUE(text_is(md, 1, "a", ""));
  CU_ASSERT_TRUE(text_is(md, 2, "b", "2"));
}

static void reserved_names_are_passed_over_but_for_user_agent(void) {
  for (size_t i = 0; i < RESERVED; i++)
    CU_ASSERT_EQUAL(receive(reserved[i], "v"), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_count(md), 1);
  CU_ASSERT_TRUE(text_is(md, 0, "user-agent", "v"));
}

static void names_that_are_not_grpcs_are_passed_over(void) {
  static const char *const names[] = {"", "X", "x-Y", "a b", "a!b", "a~", "a\x80", "a/b"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    CU_ASSERT_EQUAL(receive(names[i], "v"), 0);
  CU_ASSERT_EQUAL(receive_bytes("a\0b", 3, "v", 1), 0);
  CU_ASSERT_EQUAL(gmux_metadata_count(md), 0);
}

static void values_that_http_allows_are_never_an_error(void) {
  for (int c = 0; c < 256; c++) {
    char value[] = "vXv";
    value[1] = (char)c;
    size_t count = gmux_metadata_count(md);
    CU_ASSERT_EQUAL(receive_bytes("k", 1, value, 3), 0);
    bool kept = c != '\0' && c != '\r' && c != '\n';
    CU_ASSERT_EQUAL_FATAL(gmux_metadata_count(md), count + kept);
    if (kept) CU_ASSERT_TRUE(entry_is(md, count, "k", value, 3));
  }
  size_t count = gmux_metadata_count(md);
  CU_ASSERT_EQUAL(receive("k", "\nv"), 0);
  CU_ASSERT_EQUAL(receive("k", "v\n"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_count(md), count);
}

static void blanks_at_the_ends_are_stripped(void) {
  CU_ASSERT_EQUAL(receive("k", " \t v  w\t "), 0);
  CU_ASSERT_EQUAL(receive("k", " \t "), 0);
  CU_ASSERT_EQUAL(receive("k-bin", " YWI= "), 0);
  CU_ASSERT_TRUE(text_is(md, 0, "k", "v  w"));
  CU_ASSERT_TRUE(text_is(md, 1, "k", ""));
  CU_ASSERT_TRUE(text_is(md, 2, "k-bin", "ab"));
}

static void binary_values_are_decoded_padded_and_unpadded(void) {
  CU_ASSERT_EQUAL(receive("k-bin", "AAEC/w"), 0);
  CU_ASSERT_EQUAL(receive("k-bin", "AAEC/w=="), 0);
  CU_ASSERT_EQUAL(receive("k-bin", ""), 0);
  CU_ASSERT_TRUE(entry_is(md, 0, "k-bin", "\0\1\2\xff", 4));
  CU_ASSERT_TRUE(entry_is(md, 1, "k-bin", "\0\1\2\xff", 4));
  CU_ASSERT_TRUE(entry_is(md, 2, "k-bin", "", 0));
}

static void joined_binary_values_are_split_at_commas(void) {
  CU_ASSERT_EQUAL(receive("k-bin", "YQ==,YmI, Y2Nj ,,ZA"), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_count(md), 5);
  static const char *const values[] = {"a", "bb", "ccc", "", "d"};
  for (size_t i = 0; i < 5; i++)
    CU_ASSERT_TRUE(text_is(md, i, "k-bin", values[i]));
  CU_ASSERT_EQUAL(receive("k", "a,b"), 0); /* text is left as it is */
  CU_ASSERT_TRUE(text_is(md, 5, "k", "a,b"));
}

static void bad_base64_is_an_error_and_adds_nothing(void) {
  CU_ASSERT_EQUAL(receive("k", "v"), 0);
  CU_ASSERT_EQUAL(receive("k-bin", "YQ,YWJ!"), GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "metadata value of \"k-bin\" from the peer: byte 0x21 "
                                            "at position 3 is not base64");
  CU_ASSERT_EQUAL(receive("k-bin", "A"), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(receive_bytes("k-bin", 5, "YQ\0=", 4), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(gmux_metadata_count(md), 1);
  CU_ASSERT_EQUAL(receive("k-bin", "YQ"), 0);
  CU_ASSERT_TRUE(text_is(md, 0, "k", "v"));
  CU_ASSERT_TRUE(text_is(md, 1, "k-bin", "a"));
}

/* ---- how it stands on the wire ---- */

static void binary_values_stand_in_base64_on_the_wire(void) {
  gmux__field fields[4];
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "k", "v"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k-bin", "\0\1\2\xff", 4), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "e-bin", NULL, 0), 0);
  CU_ASSERT_EQUAL(receive("r-bin", "YQ=="), 0);
  size_t calls = test_alloc_calls();
  CU_ASSERT_EQUAL_FATAL(gmux__metadata_fields(md, fields, 4), 4);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
  CU_ASSERT_TRUE(field_is(&fields[0], "k", "v"));
  CU_ASSERT_TRUE(field_is(&fields[1], "k-bin", "AAEC/w"));
  CU_ASSERT_TRUE(field_is(&fields[2], "e-bin", ""));
  CU_ASSERT_TRUE(field_is(&fields[3], "r-bin", "YQ"));
}

static void the_size_on_the_wire_counts_32_a_field_and_values_in_base64(void) {
  CU_ASSERT_EQUAL(gmux__metadata_wire_size(md), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "key", "value"), 0);
  CU_ASSERT_EQUAL(gmux__metadata_wire_size(md), 3 + 5 + 32);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k-bin", "\0\1\2\xff", 4), 0);
  CU_ASSERT_EQUAL(gmux__metadata_wire_size(md), 3 + 5 + 32 + 5 + 6 + 32);
}

static void what_is_sent_is_what_is_received(void) {
  uint8_t bytes[200];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 73);
  for (size_t len = 0; len <= sizeof bytes; len++)
    CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, "k-bin", bytes, len), 0);
  gmux_metadata *sent = md;
  gmux__field fields[sizeof bytes + 1];
  CU_ASSERT_EQUAL_FATAL(gmux__metadata_fields(sent, fields, sizeof bytes + 1), sizeof bytes + 1);
  setup();
  for (size_t i = 0; i <= sizeof bytes; i++)
    CU_ASSERT_EQUAL(gmux__metadata_receive(md, fields[i].name, fields[i].name_len, fields[i].value,
                                           fields[i].value_len),
                    0);
  for (size_t len = 0; len <= sizeof bytes; len++)
    CU_ASSERT_TRUE(entry_is(md, len, "k-bin", bytes, len));
  gmux_metadata_free(sent);
}

static void a_copy_lives_on_its_own(void) {
  gmux_metadata *copy;
  char key[32];
  for (int i = 0; i < 20; i++) {
    snprintf(key, sizeof key, "key%d-bin", i);
    CU_ASSERT_EQUAL(gmux_metadata_add_bin(md, key, "some bytes that need room", 25), 0);
  }
  CU_ASSERT_EQUAL_FATAL(gmux__metadata_copy(&copy, md), 0);
  CU_ASSERT_EQUAL(gmux__metadata_wire_size(copy), gmux__metadata_wire_size(md));
  teardown();
  CU_ASSERT_EQUAL(gmux_metadata_count(copy), 20);
  CU_ASSERT_TRUE(text_is(copy, 19, "key19-bin", "some bytes that need room"));
  CU_ASSERT_EQUAL(gmux_metadata_add(copy, "more", "v"), 0);
  CU_ASSERT_TRUE(text_is(copy, 20, "more", "v"));
  gmux_metadata_free(copy);
}

static void a_copy_of_one_short_entry_is_one_allocation(void) {
  gmux_metadata *copy;
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "k", "v"), 0);
  size_t calls = test_alloc_calls();
  CU_ASSERT_EQUAL_FATAL(gmux__metadata_copy(&copy, md), 0);
  CU_ASSERT_EQUAL(test_alloc_calls() - calls, 1);
  CU_ASSERT_EQUAL(gmux_metadata_count(copy), 1);
  CU_ASSERT_TRUE(text_is(copy, 0, "k", "v"));
  gmux_metadata_free(copy);
}

static void a_copy_of_nothing_is_null(void) {
  size_t calls = test_alloc_calls();
  gmux_metadata *copy = md;
  CU_ASSERT_EQUAL(gmux__metadata_copy(&copy, NULL), 0);
  CU_ASSERT_PTR_NULL(copy);
  copy = md;
  CU_ASSERT_EQUAL(gmux__metadata_copy(&copy, md), 0);
  CU_ASSERT_PTR_NULL(copy);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
}

/* ---- no memory ---- */

/* Each step either succeeds, or fails for want of memory and then has changed nothing. */
static bool stepped(const gmux_metadata *m, int error, size_t before, size_t added) {
  CU_ASSERT_TRUE(error == 0 || (error == GMUX_ERR_NOMEM && test_alloc_has_failed()));
  CU_ASSERT_EQUAL(gmux_metadata_count(m), error ? before : before + added);
  return error == 0;
}

static void grow_in_every_way(void *arg) {
  (void)arg;
  gmux_metadata *m, *copy;
  if (gmux_metadata_new(&m)) return;
  static const uint8_t joined[] = "AAAA,AAAA,AAAA,AAAA,AAAA,AAAA";
  char value[101];
  memset(value, 'v', 100);
  value[100] = '\0';
  for (size_t i = 0, before = 0; i < 6; i++, before = gmux_metadata_count(m)) {
    while (!stepped(m, gmux_metadata_add(m, "key", value), before, 1))
      continue;
    while (!stepped(m, gmux_metadata_add_bin(m, "key-bin", value, 100), before + 1, 1))
      continue;
    while (
        !stepped(m, gmux__metadata_receive(m, (const uint8_t *)"r", 1, joined, 29), before + 2, 1))
      continue;
    while (!stepped(m, gmux__metadata_receive(m, (const uint8_t *)"r-bin", 5, joined, 29),
                    before + 3, 6))
      continue;
  }
  for (size_t i = 0; i < 54; i += 9) {
    CU_ASSERT_TRUE(text_is(m, i, "key", value));
    CU_ASSERT_TRUE(entry_is(m, i + 8, "r-bin", "\0\0\0", 3));
  }
  copy = NULL;
  int error = gmux__metadata_copy(&copy, m);
  CU_ASSERT_EQUAL(error == 0, copy != NULL);
  CU_ASSERT_EQUAL(gmux_metadata_count(copy), error ? 0 : 54);
  gmux_metadata_free(copy);
  gmux_metadata_free(m);
}

static void out_of_memory_changes_nothing(void) {
  CU_ASSERT_TRUE(test_alloc_torture(grow_in_every_way, NULL) > 8);
}

static const test_case cases[] = {
    TEST(entries_keep_their_order_and_may_repeat),
    TEST(get_finds_the_first_of_a_key),
    TEST(keys_and_values_are_copied),
    TEST(every_printable_character_may_be_in_a_value),
    TEST(every_byte_may_be_in_a_binary_value),
    TEST(an_illegal_character_in_a_key_is_named_with_its_place),
    TEST(a_key_too_long_to_be_shown_is_cut_in_the_sentence),
    TEST(an_illegal_character_in_a_value_is_named_and_the_value_is_not),
    TEST(spaces_at_the_ends_of_a_value_are_refused),
    TEST(reserved_keys_are_refused),
    TEST(names_that_only_resemble_reserved_ones_are_free),
    TEST(text_and_binary_keys_are_not_mixed_up),
    TEST(null_is_an_error_or_an_empty_one),
    TEST(an_index_beyond_the_last_is_not_found),
    TEST(a_few_short_entries_are_one_allocation),
    TEST(many_and_long_entries_are_all_kept),
    TEST(received_fields_become_entries_in_order),
    TEST(reserved_names_are_passed_over_but_for_user_agent),
    TEST(names_that_are_not_grpcs_are_passed_over),
    TEST(values_that_http_allows_are_never_an_error),
    TEST(blanks_at_the_ends_are_stripped),
    TEST(binary_values_are_decoded_padded_and_unpadded),
    TEST(joined_binary_values_are_split_at_commas),
    TEST(bad_base64_is_an_error_and_adds_nothing),
    TEST(binary_values_stand_in_base64_on_the_wire),
    TEST(the_size_on_the_wire_counts_32_a_field_and_values_in_base64),
    TEST(what_is_sent_is_what_is_received),
    TEST(a_copy_lives_on_its_own),
    TEST(a_copy_of_one_short_entry_is_one_allocation),
    TEST(a_copy_of_nothing_is_null),
    TEST(out_of_memory_changes_nothing),
    TESTS_END};
const test_suite wire_metadata_suite = {"metadata", cases, setup, teardown};
