/*
 * proxies_words.c: metadata, trailers and statuses through a proxy: all arrives as it left.
 */
#include "tests/net/proxies.h"
#include <stdio.h>
#include <string.h>

/* Unary: what the request's "x-..." metadata are comes back as headers and as trailers. */
#define MIRROR "/net.Test/Mirror"
/* Unary: fails with the words that the request holds behind a byte for the code, and the same
 * trailers; before anything else was said (Trailers-Only), or behind headers and a message. */
#define FAIL      "/net.Test/Fail"
#define FAIL_AMID "/net.Test/FailAmid" /* server streaming */

enum { BIN_LENGTHS = 67, BIN_BYTES = 256 };

/* ---- the server ---- */

static gmux_metadata *new_metadata(void) {
  gmux_metadata *metadata;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&metadata), 0);
  return metadata;
}

static bool is_bin(const char *key) {
  size_t len = strlen(key);
  return len > 4 && strcmp(key + len - 4, "-bin") == 0;
}

static gmux_metadata *mirrored(gmux_server_call *call) {
  const gmux_metadata *from = gmux_server_call_metadata(call);
  gmux_metadata *to = new_metadata();
  gmux_metadata_entry e;
  for (size_t i = 0; gmux_metadata_at(from, i, &e) == 0; i++) {
    if (strncmp(e.key, "x-", 2) != 0) continue;
    int rv = is_bin(e.key) ? gmux_metadata_add_bin(to, e.key, e.value, e.value_len)
                           : gmux_metadata_add(to, e.key, (const char *)e.value);
    CU_ASSERT_EQUAL(rv, 0);
  }
  return to;
}

static void on_mirror(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  gmux_metadata *metadata = mirrored(call);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, metadata), 0);
  CU_ASSERT(gmux_server_call_write(call, request) >= 0);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, metadata), 0);
  gmux_metadata_free(metadata);
}

static void fail_as_asked(gmux_server_call *call, const gmux_bytes *request) {
  char words[512];
  gmux_metadata *trailers = mirrored(call);
  snprintf(words, sizeof words, "%.*s", (int)request->len - 1, (const char *)request->data + 1);
  gmux_status status = {.code = (gmux_code)request->data[0], .message = words};
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, &status, trailers), 0);
  gmux_metadata_free(trailers);
}

static void on_fail(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  fail_as_asked(call, request);
}

static void on_fail_amid(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  gmux_bytes reply = kit_message(1);
  CU_ASSERT(gmux_server_call_write(call, &reply) >= 0);
  fail_as_asked(call, request);
}

static int add_methods(gmux_server *server) {
  static const gmux_server_handlers amid = {.on_message = on_fail_amid};
  int rv = gmux_server_add_unary(server, MIRROR, on_mirror, NULL);
  if (!rv) rv = gmux_server_add_unary(server, FAIL, on_fail, NULL);
  if (!rv) rv = gmux_server_add_method(server, FAIL_AMID, GMUX_SERVER_STREAMING, &amid, NULL);
  return rv;
}

/* ---- comparing ---- */

/* The nth value of a key: order is kept within a key, and only there. */
static bool find(const gmux_metadata *metadata, const char *key, size_t nth,
                 gmux_metadata_entry *out) {
  for (size_t i = 0; gmux_metadata_at(metadata, i, out) == 0; i++)
    if (strcmp(out->key, key) == 0 && nth-- == 0) return true;
  return false;
}

static size_t count_before(const gmux_metadata *metadata, size_t end, const char *key) {
  size_t count = 0;
  gmux_metadata_entry e;
  for (size_t i = 0; i < end && gmux_metadata_at(metadata, i, &e) == 0; i++)
    if (strcmp(e.key, key) == 0) count++;
  return count;
}

/* Proxies may add what is theirs ("server", "date"), and lose, change or double nothing. */
static void check_metadata(const gmux_metadata *sent, const gmux_metadata *came) {
  size_t count = gmux_metadata_count(sent);
  gmux_metadata_entry want, is;
  for (size_t i = 0; gmux_metadata_at(sent, i, &want) == 0; i++) {
    bool is_there = find(came, want.key, count_before(sent, i, want.key), &is);
    CU_ASSERT(is_there && is.value_len == want.value_len &&
              memcmp(is.value, want.value, want.value_len) == 0);
    if (!is_there) printf("# %s, entry %zu, is lost\n", want.key, i);
  }
  for (size_t i = 0; gmux_metadata_at(came, i, &is) == 0; i++)
    if (strncmp(is.key, "x-", 2) == 0) CU_ASSERT(count-- > 0);
}

/* ---- calls ---- */

static gmux_call *start(passage *p, const char *path, gmux_method_kind kind,
                        const gmux_metadata *metadata, gmux_bytes request) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.metadata = metadata;
  gmux_call *call = proxies_start(p, path, kind, &o);
  proxies_write(call, request);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  return call;
}

static void mirror(passage *p, gmux_metadata *metadata) {
  const gmux_metadata *headers = NULL, *trailers = NULL;
  gmux_bytes message = kit_message(7);
  gmux_call *call = start(p, MIRROR, GMUX_UNARY, metadata, message);
  CU_ASSERT_EQUAL(gmux_call_headers_wait(call, &headers), 0);
  proxies_read(call, &message);
  gmux_status status = gmux_call_end_wait(call, &trailers);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  if (status.code != GMUX_OK) printf("# %s\n", status.message);
  check_metadata(metadata, headers);
  check_metadata(metadata, trailers);
  gmux_status_clear(&status);
  gmux_call_free(call);
  gmux_metadata_free(metadata);
}

static void text_metadata(passage *p) {
  gmux_metadata *m = new_metadata();
  CU_ASSERT_EQUAL(gmux_metadata_add(m, "x-text", "all of \"ASCII\": a,b;c=d {}%20 ~!"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(m, "x-dots.and_lines-0", "1"), 0);
  mirror(p, m);
}

static void repeated_keys(passage *p) {
  gmux_metadata *m = new_metadata();
  for (int round = 0; round < 3; round++) {
    char value[16];
    snprintf(value, sizeof value, "%d", round);
    CU_ASSERT_EQUAL(gmux_metadata_add(m, "x-again", value), 0);
    CU_ASSERT_EQUAL(gmux_metadata_add(m, "x-same", "same"), 0);
    CU_ASSERT_EQUAL(gmux_metadata_add_bin(m, "x-again-bin", value, 1), 0);
  }
  mirror(p, m);
}

/* Each byte, and each length: base64 of it ends with two, one and no characters that padding would
 * be for. */
static void binary_metadata(passage *p) {
  uint8_t bytes[BIN_BYTES];
  gmux_metadata *m = new_metadata();
  for (unsigned i = 0; i < BIN_BYTES; i++)
    bytes[i] = (uint8_t)i;
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(m, "x-all-bin", bytes, BIN_BYTES), 0);
  for (size_t len = 1; len < BIN_LENGTHS; len++) {
    char key[32];
    snprintf(key, sizeof key, "x-%zu-bin", len);
    CU_ASSERT_EQUAL(gmux_metadata_add_bin(m, key, bytes + (BIN_BYTES - len), len), 0);
  }
  mirror(p, m);
}

static void metadata(passage *p) {
  text_metadata(p);
  repeated_keys(p);
  binary_metadata(p);
  CU_ASSERT_EQUAL(kit_stats(p->client.channel).connections_made, 1);
}

/* ---- statuses ---- */

static void fail(passage *p, const char *path, gmux_code code, const char *words) {
  char text[256];
  const gmux_metadata *trailers = NULL;
  gmux_metadata *m = new_metadata();
  CU_ASSERT_EQUAL(gmux_metadata_add(m, "x-trailer", "t"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(m, "x-trailer-bin", "\0\xff", 2), 0);
  snprintf(text, sizeof text, "%c%s", (char)code, words);
  bool is_amid = strcmp(path, FAIL_AMID) == 0;
  gmux_call *call = start(p, path, is_amid ? GMUX_SERVER_STREAMING : GMUX_UNARY, m,
                          gmux_bytes_borrow(text, strlen(text)));
  gmux_bytes reply = kit_message(1);
  if (is_amid) proxies_read(call, &reply);
  if (is_amid) proxies_eof(call);
  gmux_status status = gmux_call_end_wait(call, &trailers);
  CU_ASSERT_EQUAL(status.code, code);
  CU_ASSERT_STRING_EQUAL(status.message, words);
  check_metadata(m, trailers);
  gmux_status_clear(&status);
  gmux_call_free(call);
  gmux_metadata_free(m);
}

/* Every code; and words that need percent-encoding: controls, UTF-8 of all lengths, a percent sign.
 */
static void statuses(passage *p) {
  static const char *const words[] = {
      "", "plain", "100 %, 50%25", "\t\n\r line", "\xe2\x98\xba and \xf0\x9f\x98\x88",
  };
  for (int code = GMUX_CANCELLED; code <= GMUX_UNAUTHENTICATED; code++) {
    fail(p, FAIL, (gmux_code)code, "in words");
    fail(p, FAIL_AMID, (gmux_code)code, "in words");
  }
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    fail(p, FAIL, GMUX_ABORTED, words[i]);
    fail(p, FAIL_AMID, GMUX_ABORTED, words[i]);
  }
  CU_ASSERT_EQUAL(kit_stats(p->client.channel).connections_made, 1);
}

/* Of the library itself. */
static void unknown_method(passage *p) {
  gmux_code code;
  char words[256];
  CU_ASSERT_FALSE(kit_call(p->client.channel, "/net.Test/None", "x", NULL, &code, words));
  CU_ASSERT_EQUAL(code, GMUX_UNIMPLEMENTED);
  CU_ASSERT_STRING_EQUAL(words, "unknown method None of service net.Test");
}

const proxies_scenario proxies_word_scenarios[] = {
    {.name = "metadata",
     .run = metadata,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .add_methods = add_methods},
    {.name = "statuses and trailers",
     .run = statuses,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .add_methods = add_methods},
    {.name = "an unknown method",
     .run = unknown_method,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true},
    {0},
};
