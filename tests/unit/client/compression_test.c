/* compression_test.c: what a client sends and takes compressed, frame by frame. */
#include "lib/wire/gzip.h"
#include "tests/unit/client/world.h"
#include "tests/unit/twin.h"
#include <gmux/error.h>
#include <string.h>

/* 200 bytes that compress well, also by twin. */
#define TEN  "aabbccddee"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static rawpeer *connected(const char *compression) {
  w_options.compression = compression;
  w_options.codecs = &twin_codec;
  w_options.codec_count = 1;
  return w_connected();
}

static tcall *start(gmux_method_kind kind, const char *compression) {
  gmux_call_options o = w_patient();
  o.compression = compression;
  return w_start(kind, &o);
}

static const char *sent_header(rawpeer *p, uint32_t stream, const char *name) {
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, stream, 0);
  const char *value = f ? rawframe_header(f, name) : NULL;
  return value ? value : "";
}

/* The message that begins at body[at]: its flag, and whether it is `text` in the encoding. Returns
 * where it ends; 0: it is another. */
static size_t came_as(const char *body, size_t at, gmux__encoding encoding, const char *text) {
  const uint8_t *p = (const uint8_t *)body + at;
  size_t len = (size_t)p[3] << 8 | p[4];
  gmux_bytes got = gmux_bytes_borrow(p + 5, len);
  bool is_plain = encoding == GMUX__ENCODING_IDENTITY;
  if (p[0] != !is_plain) return 0;
  gmux_bytes coded = got;
  int error = 0;
  if (encoding == GMUX__ENCODING_CUSTOM)
    error = twin_decompress(&got, &coded, 1000, NULL);
  else if (!is_plain)
    error = gmux__decompress(&got, encoding, p + 5, len, 1000);
  bool is_same = !error && got.len == strlen(text) && memcmp(got.data, text, got.len) == 0;
  gmux_bytes_release(&got);
  return is_same ? at + 5 + len : 0;
}

/* All that was sent on the stream is this. */
static bool is_sent(rawpeer *p, uint32_t stream, gmux__encoding encoding, const char *text) {
  char body[1000];
  w_run();
  size_t len = w_body(p, stream, body, sizeof body);
  return len >= 5 && came_as(body, 0, encoding, text) == len;
}

static void answer_headers(rawpeer *p, const char *encoding) {
  const char *pairs[] = {":status", "200", "content-type", "application/grpc", "grpc-encoding",
                         encoding,  NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
}

static void answer_message(rawpeer *p, bool is_compressed, const void *data, size_t len) {
  uint8_t framed[200] = {is_compressed, 0, 0, 0, (uint8_t)len};
  memcpy(framed + 5, data, len);
  rawpeer_data(p, 1, 0, framed, len + 5, 0);
}

static void answer(rawpeer *p, const char *encoding, const void *data, size_t len) {
  answer_headers(p, encoding);
  answer_message(p, true, data, len);
  w_trailers(p, 1, "0", NULL);
  w_run();
}

/* ---- what is sent ---- */

static void a_channels_compression_is_that_of_its_calls(void) {
  rawpeer *p = connected("gzip");
  tcall *t = start(GMUX_UNARY, NULL);
  CU_ASSERT_EQUAL(w_write(t, LONG), 0);
  CU_ASSERT_TRUE(is_sent(p, 1, GMUX__ENCODING_GZIP, LONG));
  CU_ASSERT_STRING_EQUAL(sent_header(p, 1, "grpc-encoding"), "gzip");
  CU_ASSERT_STRING_EQUAL(sent_header(p, 1, "grpc-accept-encoding"), "identity,gzip,deflate,twin");
}

static void a_call_chooses_for_itself(void) {
  static const char *const names[] = {"identity", "gzip", "deflate", "twin"};
  static const gmux__encoding encodings[] = {GMUX__ENCODING_IDENTITY, GMUX__ENCODING_GZIP,
                                             GMUX__ENCODING_DEFLATE, GMUX__ENCODING_CUSTOM};
  rawpeer *p = connected("gzip");
  uint32_t stream = 1;
  for (size_t i = 0; i < 4; i++, stream += 2) {
    tcall *t = start(GMUX_UNARY, names[i]);
    CU_ASSERT_EQUAL(w_write(t, LONG), 0);
    CU_ASSERT_TRUE(is_sent(p, stream, encodings[i], LONG));
    CU_ASSERT_STRING_EQUAL(sent_header(p, stream, "grpc-encoding"), i == 0 ? "" : names[i]);
  }
}

static void an_unknown_one_starts_no_call_and_makes_no_channel(void) {
  connected(NULL);
  gmux_call_options o = w_patient();
  o.compression = "br";
  tcall *t = w_record();
  CU_ASSERT_EQUAL(w_start_with(t, GMUX_UNARY, &o), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "compression \"br\" is neither built in nor in the channel's codecs");
  char why[100];
  w_options.compression = "br";
  CU_ASSERT_EQUAL(gmux_channel_options_check(&w_options, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(why, "compression \"br\" is neither built in nor in codecs");
}

static void one_message_can_be_left_out(void) {
  char body[1000];
  rawpeer *p = connected("gzip");
  tcall *t = start(GMUX_BIDI_STREAMING, NULL);
  CU_ASSERT_EQUAL(w_write(t, LONG), 0);
  gmux_call_set_message_compression(t->call, false);
  CU_ASSERT_EQUAL(w_write(t, LONG), 0);
  gmux_call_set_message_compression(t->call, true);
  CU_ASSERT_EQUAL(w_write(t, LONG), 0);
  CU_ASSERT_EQUAL(w_write(t, "short"), 0); /* not worth it */
  w_run();
  size_t len = w_body(p, 1, body, sizeof body);
  size_t at = came_as(body, 0, GMUX__ENCODING_GZIP, LONG);
  at = at ? came_as(body, at, GMUX__ENCODING_IDENTITY, LONG) : 0;
  at = at ? came_as(body, at, GMUX__ENCODING_GZIP, LONG) : 0;
  at = at ? came_as(body, at, GMUX__ENCODING_IDENTITY, "short") : 0;
  CU_ASSERT_EQUAL(at, len);
}

static unsigned released;

static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
  released++;
}

static void owned_bytes_are_released_once_and_borrowed_stay(void) {
  released = 0;
  rawpeer *p = connected("gzip");
  tcall *t = start(GMUX_BIDI_STREAMING, NULL);
  gmux_bytes owned = gmux_bytes_wrap(LONG, sizeof LONG - 1, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &owned), 0);
  CU_ASSERT_EQUAL(released, 1);
  CU_ASSERT_EQUAL(owned.len, 0);
  gmux_bytes borrowed = gmux_bytes_borrow(LONG, sizeof LONG - 1);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &borrowed), 0);
  CU_ASSERT_EQUAL(borrowed.len, sizeof LONG - 1);
  gmux_call_half_close(t->call);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &borrowed), GMUX_ERR_STATE);
  w_run();
  CU_ASSERT_TRUE(rawpeer_count(p, RAW_DATA, 1) > 0);
}

static void the_whole_form_and_other_threads_compress_too(void) {
  rawpeer *p = connected("gzip");
  sim_set_outside(w_loop, true);
  tcall *t = w_record();
  gmux_bytes request = gmux_bytes_wrap(LONG, sizeof LONG - 1, on_release, NULL);
  released = 0;
  CU_ASSERT_EQUAL(gmux_call_unary_start(&t->call, w_channel, w_methods[GMUX_UNARY], NULL, &request,
                                        w_on_done, t),
                  0);
  CU_ASSERT_EQUAL(released, 1);
  CU_ASSERT_EQUAL(request.len, 0);
  tcall *other = start(GMUX_BIDI_STREAMING, "deflate");
  CU_ASSERT_EQUAL(w_write(other, LONG), 0);
  w_run();
  sim_set_outside(w_loop, false);
  CU_ASSERT_TRUE(is_sent(p, 1, GMUX__ENCODING_GZIP, LONG));
  CU_ASSERT_TRUE(is_sent(p, 3, GMUX__ENCODING_DEFLATE, LONG));
}

static void what_is_sent_again_is_as_compressed_as_before(void) {
  rawpeer *p = connected("gzip");
  tcall *t = start(GMUX_UNARY, NULL);
  CU_ASSERT_EQUAL(w_write(t, LONG), 0);
  w_run();
  rawpeer_rst(p, 1, 7); /* REFUSED_STREAM */
  CU_ASSERT_TRUE(is_sent(p, 3, GMUX__ENCODING_GZIP, LONG));
  CU_ASSERT_STRING_EQUAL(sent_header(p, 3, "grpc-encoding"), "gzip");
  w_answer(p, 3, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

/* What counts against the queue is what lies in it: it is empty in the end, and tells so. */
static void a_full_queue_is_told_when_it_has_room(void) {
  static char big[3000];
  for (uint32_t i = 0, r = 1; i < sizeof big - 1; i++, r = r * 1664525 + 1013904223)
    big[i] = (char)('a' + (r >> 24) % 16); /* half of it can be saved, not more */
  w_options.write_queue_bytes = 1024;
  rawpeer *p = connected("gzip");
  tcall *t = start(GMUX_BIDI_STREAMING, NULL);
  CU_ASSERT_EQUAL(w_write(t, big), GMUX_WRITE_FULL);
  CU_ASSERT_EQUAL(w_write(t, big), GMUX_ERR_AGAIN);
  w_run();
  ASSERT_LOG(t, "W");
  CU_ASSERT_EQUAL(atomic_load(&t->call->exchange.shared.queued_bytes), 0);
  CU_ASSERT_TRUE(rawpeer_count(p, RAW_DATA, 1) > 0);
}

/* ---- what is received ---- */

static bool was_compressed;

static void ask_at_message(tcall *t, char event) {
  if (event == 'M') was_compressed = gmux_call_was_compressed(t->call);
}

static void a_registered_encoding_is_understood(void) {
  rawpeer *p = connected(NULL);
  tcall *t = w_unary();
  t->on_event = ask_at_message;
  w_run();
  answer(p, "twin", "abc", 3);
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(t->received, "aabbcc");
  CU_ASSERT_TRUE(was_compressed);
}

/* The test as the thread that reads. */
static gmux_call *blocking(gmux_method_kind kind) {
  sim_set_outside(w_loop, true);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, w_channel, w_methods[kind], NULL, NULL, NULL), 0);
  gmux_bytes request = gmux_bytes_borrow("hello", 5);
  CU_ASSERT_EQUAL(gmux_call_write_wait(call, &request), 0);
  w_run();
  return call;
}

static void read_is(gmux_call *call, const char *text) {
  gmux_bytes got;
  CU_ASSERT_EQUAL_FATAL(gmux_call_read_wait(call, &got), 0);
  CU_ASSERT_TRUE(got.len == strlen(text) && memcmp(got.data, text, got.len) == 0);
  gmux_bytes_release(&got);
}

static void let_go(gmux_call *call) {
  gmux_call_free(call);
  w_run();
  sim_set_outside(w_loop, false);
}

static void a_reader_is_told_of_the_message_that_it_read_last(void) {
  rawpeer *p = connected(NULL);
  gmux_call *call = blocking(GMUX_SERVER_STREAMING);
  answer_headers(p, "twin");
  answer_message(p, true, "abc", 3);
  answer_message(p, false, "plain", 5);
  w_run();
  CU_ASSERT_FALSE(gmux_call_was_compressed(call)); /* none has been read */
  read_is(call, "aabbcc");
  w_run(); /* the credit that the read has granted brings the next one */
  CU_ASSERT_TRUE(gmux_call_was_compressed(call));
  read_is(call, "plain");
  CU_ASSERT_FALSE(gmux_call_was_compressed(call));
  let_go(call);
}

static void a_reader_is_told_of_a_whole_reply(void) {
  rawpeer *p = connected(NULL);
  gmux_call *call = blocking(GMUX_UNARY);
  answer(p, "twin", "abc", 3);
  read_is(call, "aabbcc");
  CU_ASSERT_TRUE(gmux_call_was_compressed(call));
  let_go(call);
}

static void an_unknown_or_corrupt_answer_is_internal(void) {
  static const struct {
    const char *encoding, *data;
    gmux_code code;
  } rows[] = {{"br", "abc", GMUX_INTERNAL},
              {"identity", "abc", GMUX_INTERNAL},
              {"twin", "!", GMUX_INTERNAL},
              {"gzip", "abc", GMUX_INTERNAL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    rawpeer *p = connected(NULL);
    tcall *t = w_unary();
    w_run();
    answer(p, rows[i].encoding, rows[i].data, strlen(rows[i].data));
    ASSERT_CODE(t, rows[i].code);
    w_teardown();
    w_setup();
  }
}

static void a_bomb_is_stopped_at_the_limit(void) {
  static uint8_t zeros[50000];
  gmux_bytes bomb;
  CU_ASSERT_EQUAL_FATAL(gmux__compress(&bomb, GMUX__ENCODING_GZIP, zeros, sizeof zeros), 0);
  w_options.max_recv_message_bytes = 1000;
  rawpeer *p = connected(NULL);
  tcall *t = w_unary();
  w_run();
  answer(p, "gzip", bomb.data, bomb.len);
  gmux_bytes_release(&bomb);
  ASSERT_CODE(t, GMUX_RESOURCE_EXHAUSTED);
  ASSERT_HAS(t->message, "a message inflates to more than the limit of 1000 bytes");
}

/* ---- memory ---- */

static bool write_with_failure(size_t n, bool is_outside) {
  size_t live = test_alloc_live();
  w_setup();
  rawpeer *p = connected("gzip");
  tcall *t = start(GMUX_BIDI_STREAMING, NULL);
  w_run();
  sim_set_outside(w_loop, is_outside);
  released = 0;
  gmux_bytes message = gmux_bytes_wrap(LONG, sizeof LONG - 1, on_release, NULL);
  test_alloc_fail_at(n);
  int error = gmux_call_write(t->call, &message);
  CU_ASSERT_TRUE(error == 0 || (error == GMUX_ERR_NOMEM && test_alloc_has_failed()));
  CU_ASSERT_EQUAL(released, error ? 0 : 1); /* on failure it is still ours */
  CU_ASSERT_EQUAL(message.len, error ? sizeof LONG - 1 : 0);
  w_run();
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  if (!has_failed) CU_ASSERT_TRUE(is_sent(p, 1, GMUX__ENCODING_GZIP, LONG));
  if (error) CU_ASSERT_EQUAL(atomic_load(&t->call->exchange.shared.queued_bytes), 0);
  sim_set_outside(w_loop, false);
  gmux_bytes_release(&message);
  w_teardown();
  CU_ASSERT_EQUAL(test_alloc_live(), live);
  return has_failed;
}

static void each_allocation_of_a_write_may_fail(void) {
  for (int is_outside = 0; is_outside < 2; is_outside++) {
    w_teardown();
    size_t n = 1;
    while (write_with_failure(n, is_outside))
      n++;
    CU_ASSERT_TRUE(n > 4);
    w_setup();
  }
}

static const test_case cases[] = {
    TEST(a_channels_compression_is_that_of_its_calls),
    TEST(a_call_chooses_for_itself),
    TEST(an_unknown_one_starts_no_call_and_makes_no_channel),
    TEST(one_message_can_be_left_out),
    TEST(owned_bytes_are_released_once_and_borrowed_stay),
    TEST(the_whole_form_and_other_threads_compress_too),
    TEST(what_is_sent_again_is_as_compressed_as_before),
    TEST(a_full_queue_is_told_when_it_has_room),
    TEST(a_registered_encoding_is_understood),
    TEST(a_reader_is_told_of_the_message_that_it_read_last),
    TEST(a_reader_is_told_of_a_whole_reply),
    TEST(an_unknown_or_corrupt_answer_is_internal),
    TEST(a_bomb_is_stopped_at_the_limit),
    TEST(each_allocation_of_a_write_may_fail),
    TESTS_END,
};

const test_suite client_compression_suite = {
    .name = "compression", .cases = cases, .setup = w_setup, .teardown = w_teardown};
