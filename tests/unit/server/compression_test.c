/* compression_test.c: what a server sends and takes compressed, frame by frame. */
#include "lib/wire/gzip.h"
#include "tests/unit/server/kit.h"
#include "tests/unit/twin.h"

/* 200 bytes that compress well, also by twin. */
#define TEN  "aabbccddee"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const char *const accepts_all[] = {"grpc-accept-encoding", "identity, gzip ,deflate,twin",
                                          NULL};

/* What the calls of a test do before they reply LONG. */
static struct {
  const char *compression; /* NULL: does not say */
  int chosen;              /* what choosing it said */
  bool is_left_out, was_compressed;
  const char *reply;
} plan;

static void act(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_UNARY) return;
  plan.was_compressed = gmux_server_call_was_compressed(call);
  if (plan.compression) plan.chosen = gmux_server_call_set_compression(call, plan.compression);
  if (plan.is_left_out) gmux_server_call_set_message_compression(call, false);
  gmux_bytes reply = kit_text(plan.reply);
  gmux_server_call_reply(call, &reply);
}

static void setup(void) {
  kit_setup();
  memset(&plan, 0, sizeof plan);
  plan.reply = LONG;
  kit.act = act;
}

static void serve(const char *compression) {
  kit.options.compression = compression;
  kit.options.codecs = &twin_codec;
  kit.options.codec_count = 1;
  kit_serve();
  kit_connect();
}

static void ask(uint32_t stream, const char *const *more) {
  kit_request(stream, "/t.S/Fn", false, more);
  kit_message(stream, "request", true);
  kit_run();
}

/* The only message of an answer: its flag, and whether it is `text` in the encoding. */
static bool came_as(uint32_t stream, const char *encoding, const char *text) {
  const rawframe *f = rawpeer_find(kit.peer, RAW_DATA, stream, 0);
  KIT_STREQ(kit_trailer(stream, "grpc-status"), "0");
  if (!f || f->len < 5 || f->len != 5 + rawframe_u32(f, 1)) return false;
  gmux_bytes got = gmux_bytes_borrow(f->payload + 5, f->len - 5);
  bool is_plain = strcmp(encoding, "identity") == 0;
  if (f->payload[0] != !is_plain) return false;
  gmux__encoding e = gmux__encoding_parse((const uint8_t *)encoding, strlen(encoding));
  int error = 0;
  if (strcmp(encoding, "twin") == 0) {
    gmux_bytes coded = got;
    error = twin_decompress(&got, &coded, 1000, NULL);
  } else if (!is_plain) {
    error = gmux__decompress(&got, e, f->payload + 5, f->len - 5, 1000);
  }
  bool is_same = !error && got.len == strlen(text) && memcmp(got.data, text, got.len) == 0;
  gmux_bytes_release(&got);
  return is_same;
}

/* A request's message, compressed in the way that `more` may name. */
static void ask_compressed(uint32_t stream, const char *const *more, const void *data, size_t len) {
  uint8_t framed[300] = {1, 0, 0, (uint8_t)(len >> 8), (uint8_t)len};
  CU_ASSERT_FATAL(len + 5 <= sizeof framed);
  memcpy(framed + 5, data, len);
  kit_request(stream, "/t.S/Fn", false, more);
  rawpeer_data(kit.peer, stream, RAW_END_STREAM, framed, len + 5, 0);
  kit_run();
}

/* ---- what is sent ---- */

static void replies_are_compressed_for_who_accepts_it(void) {
  serve("gzip");
  ask(1, accepts_all);
  KIT_STREQ(kit_header(1, "grpc-encoding"), "gzip");
  KIT_STREQ(kit_header(1, "grpc-accept-encoding"), "identity,gzip,deflate,twin");
  CU_ASSERT_TRUE(came_as(1, "gzip", LONG));
  CU_ASSERT_TRUE(kit_data_bytes(1) < 100);
}

static void replies_go_as_they_are_to_who_does_not_say_so(void) {
  static const char *const others[] = {"grpc-accept-encoding", "identity,deflate,xgzip", NULL};
  serve("gzip");
  ask(1, NULL);
  ask(3, others);
  for (uint32_t stream = 1; stream <= 3; stream += 2) {
    KIT_STREQ(kit_header(stream, "grpc-encoding"), "");
    CU_ASSERT_TRUE(came_as(stream, "identity", LONG));
  }
}

static void a_call_chooses_for_itself(void) {
  static const char *const names[] = {"deflate", "twin", "identity", "gzip"};
  serve("gzip");
  uint32_t stream = 1;
  for (size_t i = 0; i < 4; i++, stream += 2) {
    plan.compression = names[i];
    ask(stream, accepts_all);
    CU_ASSERT_EQUAL(plan.chosen, 0);
    KIT_STREQ(kit_header(stream, "grpc-encoding"), i == 2 ? "" : names[i]);
    CU_ASSERT_TRUE(came_as(stream, names[i], LONG));
  }
}

static void what_the_client_does_not_accept_cannot_be_chosen(void) {
  static const char *const only[] = {"grpc-accept-encoding", "gzip", NULL};
  serve("gzip");
  plan.compression = "deflate";
  ask(1, only);
  CU_ASSERT_EQUAL(plan.chosen, GMUX_ERR_UNSUPPORTED);
  CU_ASSERT_TRUE(came_as(1, "gzip", LONG)); /* as it was */
  plan.compression = "br";
  ask(3, only);
  CU_ASSERT_EQUAL(plan.chosen, GMUX_ERR_INVALID);
  CU_ASSERT_TRUE(came_as(3, "gzip", LONG));
}

static void act_late(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL) gmux_server_call_send_headers(call, NULL);
  if (event == SAW_CALL) plan.chosen = gmux_server_call_set_compression(call, "gzip");
}

static void it_is_too_late_once_headers_are_sent(void) {
  serve(NULL);
  kit.act = act_late;
  kit_request(1, "/t.S/Bidi", false, accepts_all);
  kit_run();
  CU_ASSERT_EQUAL(plan.chosen, GMUX_ERR_STATE);
  KIT_STREQ(kit_header(1, "grpc-encoding"), "");
}

static void one_message_can_be_left_out(void) {
  serve("gzip");
  plan.is_left_out = true;
  ask(1, accepts_all);
  KIT_STREQ(kit_header(1, "grpc-encoding"), "gzip");
  CU_ASSERT_TRUE(came_as(1, "identity", LONG));
}

static void what_would_not_get_shorter_goes_as_it_is(void) {
  static const char short_text[] = TEN TEN TEN TEN TEN TEN "abc"; /* 63 bytes */
  char noise[100];
  for (uint32_t i = 0, r = 1; i < sizeof noise - 1; i++, r = r * 1664525 + 1013904223)
    noise[i] = (char)(1 + (r >> 24) % 255);
  noise[sizeof noise - 1] = '\0';
  serve("gzip");
  plan.reply = short_text;
  ask(1, accepts_all);
  CU_ASSERT_TRUE(came_as(1, "identity", short_text));
  plan.reply = noise;
  ask(3, accepts_all);
  CU_ASSERT_TRUE(came_as(3, "identity", noise));
  plan.reply = "";
  ask(5, accepts_all);
  CU_ASSERT_TRUE(came_as(5, "identity", ""));
}

static void a_reply_from_another_thread_says_what_its_headers_say(void) {
  serve("deflate");
  kit.act = NULL;
  kit_request(1, "/t.S/Unary", false, accepts_all);
  kit_message(1, "request", true);
  kit_run();
  gmux_server_call *call = gmux_server_call_ref(kit.call);
  sim_set_outside(kit.loop, true);
  CU_ASSERT_EQUAL(gmux_server_call_set_compression(call, "gzip"), 0);
  kit_reply_text(call, LONG);
  CU_ASSERT_NOT_EQUAL(gmux_server_call_set_compression(call, "deflate"), 0);
  gmux_server_call_unref(call);
  kit_run();
  sim_set_outside(kit.loop, false);
  KIT_STREQ(kit_header(1, "grpc-encoding"), "gzip");
  CU_ASSERT_TRUE(came_as(1, "gzip", LONG));
}

/* ---- what is received ---- */

static void a_registered_encoding_is_understood(void) {
  static const char *const twin[] = {"grpc-encoding", "twin", NULL};
  serve(NULL);
  ask_compressed(1, twin, "abc", 3);
  CU_ASSERT_TRUE(came_as(1, "identity", LONG));
  KIT_STREQ(kit.message, "aabbcc");
  CU_ASSERT_TRUE(plan.was_compressed);
  ask(3, twin); /* not each message need be */
  KIT_STREQ(kit.message, "request");
  CU_ASSERT_FALSE(plan.was_compressed);
}

static gmux_server_call *kept;

static void act_blocking(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_CALL) return;
  CU_ASSERT_EQUAL(gmux_server_call_set_blocking(call), 0);
  kept = gmux_server_call_ref(call);
}

static void read_is(const char *text) {
  gmux_bytes got;
  CU_ASSERT_EQUAL_FATAL(gmux_server_call_read_wait(kept, &got), 0);
  CU_ASSERT_TRUE(got.len == strlen(text) && memcmp(got.data, text, got.len) == 0);
  gmux_bytes_release(&got);
}

static void a_reader_is_told_of_the_message_that_it_read_last(void) {
  static const char *const twin[] = {"grpc-encoding", "twin", NULL};
  static const uint8_t compressed[] = {1, 0, 0, 0, 3, 'a', 'b', 'c'};
  kit.act = act_blocking;
  serve(NULL);
  kit_request(1, "/t.S/Bidi", false, twin);
  rawpeer_data(kit.peer, 1, 0, compressed, sizeof compressed, 0);
  kit_message(1, "plain", true);
  kit_run();
  sim_set_outside(kit.loop, true);
  CU_ASSERT_FALSE(gmux_server_call_was_compressed(kept)); /* none has been read */
  read_is("aabbcc");
  kit_run(); /* the credit that the read has granted brings the next one */
  CU_ASSERT_TRUE(gmux_server_call_was_compressed(kept));
  read_is("plain");
  CU_ASSERT_FALSE(gmux_server_call_was_compressed(kept));
  gmux_server_call_finish(kept, NULL, NULL);
  gmux_server_call_unref(kept);
  kit_run();
  sim_set_outside(kit.loop, false);
}

static void an_unknown_encoding_is_unimplemented_and_told_what_there_is(void) {
  static const char *const br[] = {"grpc-encoding", "br", NULL};
  serve(NULL);
  ask_compressed(1, br, "abc", 3);
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  KIT_STREQ(kit_header(1, "grpc-status"), "12");
  KIT_STREQ(kit_header(1, "grpc-accept-encoding"), "identity,gzip,deflate,twin");
}

static void what_is_compressed_without_saying_how_is_internal(void) {
  static const char *const identity[] = {"grpc-encoding", "identity", NULL};
  serve(NULL);
  ask_compressed(1, NULL, "abc", 3);
  ask_compressed(3, identity, "abc", 3);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "13");
  KIT_STREQ(kit_trailer(3, "grpc-status"), "13");
}

static void corrupt_messages_and_bombs_have_their_codes(void) {
  static const char *const twin[] = {"grpc-encoding", "twin", NULL};
  static const char *const gzip[] = {"grpc-encoding", "gzip", NULL};
  static uint8_t zeros[100000];
  gmux_bytes bomb;
  CU_ASSERT_EQUAL_FATAL(gmux__compress(&bomb, GMUX__ENCODING_GZIP, zeros, sizeof zeros), 0);
  kit.options.max_recv_message_bytes = 1000;
  serve(NULL);
  ask_compressed(1, twin, "!", 1);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "13");
  ask_compressed(3, gzip, "abc", 3);
  KIT_STREQ(kit_trailer(3, "grpc-status"), "13");
  ask_compressed(5, gzip, bomb.data, bomb.len);
  KIT_STREQ(kit_trailer(5, "grpc-status"), "8");
  KIT_STREQ(kit_trailer(5, "grpc-message"),
            "a message inflates to more than the limit of 1000 bytes");
  CU_ASSERT_EQUAL(kit_rst(5), -1);
  gmux_bytes_release(&bomb);
}

/* ---- memory ---- */

static bool serve_with_failure(size_t n, bool is_outside) {
  setup();
  serve("gzip");
  test_alloc_fail_at(n);
  kit.act = is_outside ? NULL : act;
  kit_request(1, is_outside ? "/t.S/Unary" : "/t.S/Fn", false, accepts_all);
  kit_message(1, "request", true);
  kit_run();
  if (is_outside && kit.call) {
    gmux_server_call *call = gmux_server_call_ref(kit.call);
    sim_set_outside(kit.loop, true);
    gmux_bytes reply = kit_text(LONG);
    int error = gmux_server_call_reply(call, &reply);
    CU_ASSERT_TRUE(error == 0 || error == GMUX_ERR_NOMEM || error == GMUX_ERR_STATE);
    gmux_server_call_unref(call);
    kit_run();
    sim_set_outside(kit.loop, false);
  }
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  if (!has_failed) CU_ASSERT_TRUE(came_as(1, "gzip", LONG));
  kit_teardown(); /* nothing has leaked */
  return has_failed;
}

static void each_allocation_may_fail(void) {
  for (int is_outside = 0; is_outside < 2; is_outside++) {
    kit_teardown();
    size_t n = 1;
    while (serve_with_failure(n, is_outside))
      n++;
    CU_ASSERT_TRUE(n > 5);
    setup();
  }
}

static void what_cannot_be_registered_makes_no_server(void) {
  gmux_server_options o = kit.options;
  char why[100];
  o.compression = "twin";
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  KIT_STREQ(why, "compression \"twin\" is neither built in nor in codecs");
  o.codecs = &twin_codec;
  o.codec_count = 9;
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  o.codec_count = 1;
  CU_ASSERT_EQUAL(gmux_server_options_check(&o, why, sizeof why), 0);
}

static const test_case cases[] = {
    TEST(replies_are_compressed_for_who_accepts_it),
    TEST(replies_go_as_they_are_to_who_does_not_say_so),
    TEST(a_call_chooses_for_itself),
    TEST(what_the_client_does_not_accept_cannot_be_chosen),
    TEST(it_is_too_late_once_headers_are_sent),
    TEST(one_message_can_be_left_out),
    TEST(what_would_not_get_shorter_goes_as_it_is),
    TEST(a_reply_from_another_thread_says_what_its_headers_say),
    TEST(a_registered_encoding_is_understood),
    TEST(a_reader_is_told_of_the_message_that_it_read_last),
    TEST(an_unknown_encoding_is_unimplemented_and_told_what_there_is),
    TEST(what_is_compressed_without_saying_how_is_internal),
    TEST(corrupt_messages_and_bombs_have_their_codes),
    TEST(each_allocation_may_fail),
    TEST(what_cannot_be_registered_makes_no_server),
    TESTS_END,
};

const test_suite server_compression_suite = {
    .name = "compression", .cases = cases, .setup = setup, .teardown = kit_teardown};
