/* draft_test.c: header blocks: nghttp2 reads what lib/wire/hpack.c writes, and what never left
 * leaves no trace. */
#include "lib/wire/hpack.h"
#include "tests/unit/h2/pair.h"
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

/* ---- the encoder against nghttp2's decoder ---- */

static uint32_t lot;

static uint32_t draw(uint32_t below) {
  lot = lot * 1664525u + 1013904223u;
  return (lot >> 8) % below;
}

enum { FIELDS = 12, TEXT = 1200 };

static struct { char name[32], value[TEXT]; } texts[FIELDS];

/* Few names and values, so that they come again; now and then a large one. */
static gmux__field random_field(int i) {
  static const char *const steady[] = {"trailers", "application/grpc", "localhost"};
  char *name = texts[i].name, *value = texts[i].value;
  snprintf(name, sizeof texts[i].name, "%s-%u", draw(8) ? "x-name" : "authorization", draw(6));
  memset(value, 'v', TEXT);
  snprintf(value + (draw(20) ? 0 : draw(TEXT - 100)), 64, "%s%u", steady[draw(3)], draw(3));
  gmux__field field = {.name = (const uint8_t *)name,
                       .name_len = strlen(name),
                       .value = (const uint8_t *)value,
                       .value_len = strlen(value)};
  if (draw(2)) gmux__field_prepare(&field);
  return field;
}

static bool is_field(const nghttp2_nv *nv, const gmux__field *field) {
  return nv->namelen == field->name_len && nv->valuelen == field->value_len &&
         memcmp(nv->name, field->name, nv->namelen) == 0 &&
         memcmp(nv->value, field->value, nv->valuelen) == 0;
}

/* How many of the fields nghttp2 finds in the block, in order; -1: it finds it broken. */
static int decoded(nghttp2_hd_inflater *inflater, const uint8_t *block, size_t len,
                   const gmux__field *fields, int count) {
  int found = 0;
  for (int flags = 0; !(flags & NGHTTP2_HD_INFLATE_FINAL);) {
    nghttp2_nv nv;
    ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block, len, 1);
    if (n < 0) return -1;
    block += n;
    len -= (size_t)n;
    if (!(flags & NGHTTP2_HD_INFLATE_EMIT)) continue;
    if (found == count || !is_field(&nv, &fields[found])) return -1;
    found++;
  }
  nghttp2_hd_inflate_end_headers(inflater);
  return found;
}

static void shrink_table(gmux__hpack *hpack, nghttp2_hd_inflater *inflater) {
  static uint32_t bytes;
  bytes = hpack->limit - draw(hpack->limit / 4 + 1);
  gmux__hpack_set_limit(hpack, bytes);
  CU_ASSERT_EQUAL(nghttp2_hd_inflate_change_table_size(inflater, bytes), 0);
}

static bool blocks_are_read(uint32_t seed) {
  lot = seed;
  gmux__hpack hpack;
  gmux__hpack_init(&hpack);
  nghttp2_hd_inflater *inflater;
  if (nghttp2_hd_inflate_new(&inflater)) return false;
  bool is_right = true;
  for (int i = 0; i < 200 && is_right; i++) {
    gmux__field fields[FIELDS];
    static uint8_t block[FIELDS * (TEXT + 64)];
    int count = (int)draw(FIELDS);
    for (int j = 0; j < count; j++)
      fields[j] = random_field(j);
    if (draw(50) == 0) shrink_table(&hpack, inflater);
    size_t len = gmux__hpack_encode(&hpack, block, fields, (size_t)count);
    is_right = decoded(inflater, block, len, fields, count) == count;
  }
  nghttp2_hd_inflate_del(inflater);
  gmux__hpack_deinit(&hpack);
  return is_right;
}

static void nghttp2_reads_all_that_is_written(void) {
  for (uint32_t seed = 1; seed <= 50; seed++)
    CU_ASSERT_TRUE(blocks_are_read(seed));
}

/* Mostly what is short in Huffman's code, so that it is used, and every byte now and then. */
static void nghttp2_reads_long_values_of_all_bytes(void) {
  lot = 1;
  for (int i = 0; i < 2000; i++) {
    gmux__hpack hpack;
    gmux__hpack_init(&hpack);
    nghttp2_hd_inflater *inflater;
    CU_ASSERT_EQUAL_FATAL(nghttp2_hd_inflate_new(&inflater), 0);
    static uint8_t value[TEXT], block[TEXT + 64];
    gmux__field field = {.name = (const uint8_t *)"x",
                         .name_len = 1,
                         .value = value,
                         .value_len = 100 + draw(TEXT - 100)};
    for (size_t k = 0; k < field.value_len; k++)
      value[k] = draw(20) ? (uint8_t)"0aeist%-./39"[draw(12)] : (uint8_t)draw(256);
    size_t len = gmux__hpack_encode(&hpack, block, &field, 1);
    CU_ASSERT_EQUAL(decoded(inflater, block, len, &field, 1), 1);
    nghttp2_hd_inflate_del(inflater);
    gmux__hpack_deinit(&hpack);
  }
}

/* ---- requests ---- */

static size_t block_bytes(rawpeer *p, const party *c) {
  const rawframe *frame = rawpeer_find(p, RAW_HEADERS, c->stream.id, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
  CU_ASSERT_STRING_EQUAL(rawframe_header(frame, ":path"), "/test.T/M");
  CU_ASSERT_STRING_EQUAL(rawframe_header(frame, "content-type"), "application/grpc");
  return frame->len;
}

static void the_second_request_of_a_kind_is_short(void) {
  rawpeer *p = pair_ready_client();
  party *first = party_start();
  sim_run(pair_sim);
  CU_ASSERT_TRUE(block_bytes(p, first) > 50);
  party *second = party_start();
  sim_run(pair_sim);
  CU_ASSERT_TRUE(block_bytes(p, second) <= 6);
}

static void a_request_that_was_taken_back_leaves_no_trace(void) {
  rawpeer *p = pair_ready_client();
  party *taken_back = party_start();
  gmux__stream_reset(&taken_back->stream, 8);
  party *next = party_start();
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
  CU_ASSERT_TRUE(block_bytes(p, next) > 50);
}

static void a_peer_without_a_table_gets_no_entries(void) {
  rawpeer *p = pair_ready_client();
  party_start();
  sim_run(pair_sim);
  const uint16_t header_table_size = 1;
  const uint32_t none = 0;
  rawpeer_settings(p, 1, &header_table_size, &none);
  sim_run(pair_sim);
  party *second = party_start(), *third = party_start();
  sim_run(pair_sim);
  CU_ASSERT_TRUE(block_bytes(p, third) > 50);
  CU_ASSERT_EQUAL(block_bytes(p, second), block_bytes(p, third) + 1);
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_HEADERS, second->stream.id, 0)->payload[0], 0x20);
}

/* ---- answers ---- */

static void answer(rawpeer *p, uint32_t stream) {
  raw_request(p, stream, RAW_END_STREAM);
  sim_run(pair_sim);
  party_respond(last_party(&server));
  party_write(last_party(&server), "m", 1);
  party_finish(last_party(&server), "0");
  sim_run(pair_sim);
}

/* Of the response's headers, or the trailers. */
static size_t answer_bytes(rawpeer *p, uint32_t stream, size_t nth, const char *name,
                           const char *value) {
  const rawframe *frame = rawpeer_find(p, RAW_HEADERS, (int)stream, nth);
  CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
  CU_ASSERT_STRING_EQUAL(rawframe_header(frame, name), value);
  return frame->len;
}

static void the_second_answer_of_a_kind_is_short(void) {
  rawpeer *p = pair_ready_server();
  answer(p, 1);
  CU_ASSERT_TRUE(answer_bytes(p, 1, 0, "content-type", "application/grpc") > 10);
  CU_ASSERT_TRUE(answer_bytes(p, 1, 1, "grpc-status", "0") > 10);
  answer(p, 3);
  CU_ASSERT_EQUAL(answer_bytes(p, 3, 0, "content-type", "application/grpc"), 2);
  CU_ASSERT_EQUAL(answer_bytes(p, 3, 1, "grpc-status", "0"), 1);
}

static void an_answer_that_was_reset_disturbs_no_other(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, 0);
  sim_run(pair_sim);
  party_respond(last_party(&server));
  gmux__stream_reset(&last_party(&server)->stream, 8);
  answer(p, 3);
  answer_bytes(p, 3, 0, ":status", "200");
  answer_bytes(p, 3, 0, "content-type", "application/grpc");
  answer_bytes(p, 3, 1, "grpc-status", "0");
}

static const test_case cases[] = {TEST(nghttp2_reads_all_that_is_written),
                                  TEST(nghttp2_reads_long_values_of_all_bytes),
                                  TEST(the_second_request_of_a_kind_is_short),
                                  TEST(a_request_that_was_taken_back_leaves_no_trace),
                                  TEST(a_peer_without_a_table_gets_no_entries),
                                  TEST(the_second_answer_of_a_kind_is_short),
                                  TEST(an_answer_that_was_reset_disturbs_no_other),
                                  TESTS_END};
const test_suite h2_draft_suite = {"draft", cases, pair_setup, pair_teardown};
