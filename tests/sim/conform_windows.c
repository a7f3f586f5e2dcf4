/* conform_windows.c: RFC 9113, 6.9: flow control, the client's windows and ours. */
#include "tests/sim/conform.h"
#include <gmux/server.h>

enum { DEFAULT = 65535 };

/* The windows are as they were before the first request, or wider; what waits for them goes. */
static void open_windows(void) {
  conform_say(STEPS(SETTING(SET_WINDOW, CONFORM_REPLY), WINDOW(0, 4 * CONFORM_REPLY), HEAR));
}

/* So many bytes have come on stream 3; the rest does, when it may. */
static void check_bytes_and_rest(size_t bytes, size_t all) {
  CU_ASSERT_EQUAL(kit_data_bytes(3), bytes);
  open_windows();
  CU_ASSERT_EQUAL(kit_data_bytes(3), all);
  KIT_STREQ(kit_trailer(3, "grpc-status"), "0");
}

enum { FINE = 5 + 4, LARGE = 5 + 100000 };

static void check_none(void) {
  check_bytes_and_rest(0, FINE);
}
static void check_one_byte(void) {
  check_bytes_and_rest(1, FINE);
}
static void check_five_bytes(void) {
  check_bytes_and_rest(5, FINE);
}
static void check_three_bytes_of_two_settings(void) {
  check_bytes_and_rest(3, FINE);
}
static void check_default_window(void) {
  check_bytes_and_rest(DEFAULT, LARGE);
}
static void check_connection_and_ten(void) {
  check_bytes_and_rest(DEFAULT + 10, LARGE);
}
static void check_one_byte_more(void) {
  check_bytes_and_rest(DEFAULT + 1, LARGE);
}

static void check_frame_sizes(void) {
  size_t largest = 0;
  const rawframe *f;
  for (size_t i = 0; (f = rawpeer_find(kit.peer, RAW_DATA, 3, i)); i++)
    largest = f->len > largest ? f->len : largest;
  CU_ASSERT_EQUAL(largest, 16384);
}

/* Nobody takes what comes on the stream, so nothing of its window is given back. */
static void act_hold(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL) CU_ASSERT_EQUAL(gmux_server_call_set_manual_credit(call), 0);
}

/* 1 message of 1 byte has the credit of the first, and is taken; then come `bytes` more. */
static void say_untaken(uint32_t bytes) {
  void (*act)(int, gmux_server_call *, gmux_bytes *) = kit.act;
  kit.act = act_hold;
  conform_say(STEPS(REQUEST(3, HEAD, ":path", "/t.S/Client"), DATA(3, 0, "\0\0\0\0\1x"), HEAR));
  kit.act = act;
  uint32_t taken = 0;
  for (uint32_t left = bytes; left > 0; left -= taken) {
    taken = left < 16384 ? left : 16384;
    conform_say(STEPS(ZEROS(RAW_DATA, 0, 3, taken), HEAR));
  }
}

static void say_a_full_window(void) {
  say_untaken(DEFAULT - 6);
}
static void say_one_byte_too_many(void) {
  say_untaken(DEFAULT - 6 + 1);
}
static void say_padding_too_many(void) {
  say_untaken(DEFAULT - 6);
  rawpeer_data(kit.peer, 3, 0, NULL, 0, 1);
}

static void say_windows_byte_by_byte(void) {
  conform_say(STEPS(SETTING(SET_WINDOW, 0), CALL(3), HEAR));
  for (int i = 0; i < FINE; i++)
    conform_say(STEPS(WINDOW(3, 1), HEAR));
  open_windows(); /* for the others */
}

static void check_nine_frames(void) {
  CU_ASSERT_TRUE(rawpeer_count(kit.peer, RAW_DATA, 3) >= FINE);
  CU_ASSERT_EQUAL(kit_data_bytes(3), FINE);
}

#define CALL_LARGE(id) OPEN(id), MESSAGE(id, "100000")

static const conform_row rows[] = {
    /* ---- the frame ---- */
    {"6.9", "WINDOW_UPDATE of 0 on the connection ends it", ENDS(PROTOCOL_ERROR),
     SAY(WINDOW(0, 0))},
    {"6.9", "WINDOW_UPDATE of 0 on a stream is refused", ENDS_FOR_STREAM(3, PROTOCOL_ERROR),
     SAY(OPEN(3), WINDOW(3, 0))},
    {"6.9", "the reserved bit of an increment does not count", ENDS_FOR_STREAM(3, PROTOCOL_ERROR),
     SAY(OPEN(3), WINDOW(3, 0x80000000))},
    {"6.9", "WINDOW_UPDATE of 3 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_WINDOW_UPDATE, 0, 0, "\0\0\1"))},
    {"6.9", "WINDOW_UPDATE of 5 bytes on a stream ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(OPEN(3), FRAME(RAW_WINDOW_UPDATE, 0, 3, "\0\0\0\1\0"))},

    /* ---- 6.9.1: the client's windows bind us ---- */
    {"6.9.1", "no more is sent than the stream's window takes", IGNORES,
     SAY(SETTING(SET_WINDOW, 1), CALL(3)), check_one_byte},
    {"6.9.1", "nothing is sent into a window of 0", IGNORES, SAY(SETTING(SET_WINDOW, 0), CALL(3)),
     check_none},
    {"6.9.1", "WINDOW_UPDATE on a stream lets as much go", IGNORES,
     SAY(SETTING(SET_WINDOW, 0), CALL(3), HEAR, WINDOW(3, 5)), check_five_bytes},
    {"6.9.1", "windows that open byte by byte let all go", SERVES(3),
     SAY(DO(say_windows_byte_by_byte)), check_nine_frames},
    {"6.9.1", "no more is sent than the connection's window takes", IGNORES,
     SAY(SETTING(SET_WINDOW, 150000), CALL_LARGE(3)), check_default_window},
    {"6.9.1", "WINDOW_UPDATE on the connection lets as much go", IGNORES,
     SAY(SETTING(SET_WINDOW, 150000), CALL_LARGE(3), HEAR, WINDOW(0, 10)),
     check_connection_and_ten},
    {"6.9.1", "a stream's default window is 65,535", IGNORES, SAY(WINDOW(0, 150000), CALL_LARGE(3)),
     check_default_window},
    {"6.9.1", "WINDOW_UPDATE past 2^31-1 on the connection ends it", ENDS(FLOW_CONTROL_ERROR),
     SAY(WINDOW(0, 0x7fffffff))},
    {"6.9.1", "many WINDOW_UPDATEs past 2^31-1 on the connection end it", ENDS(FLOW_CONTROL_ERROR),
     SAY(WINDOW(0, 0x40000000), WINDOW(0, 0x40000000))},
    {"6.9.1", "WINDOW_UPDATE to just 2^31-1 is taken", SERVES(3),
     SAY(WINDOW(0, 0x7fffffff - DEFAULT), OPEN(3), WINDOW(3, 0x7fffffff - DEFAULT),
         MESSAGE(3, "hello"))},
    {"6.9.1", "WINDOW_UPDATE past 2^31-1 on a stream resets it", RESETS(3, FLOW_CONTROL_ERROR),
     SAY(OPEN(3), WINDOW(3, 0x7fffffff))},
    {"6.9.1", "many WINDOW_UPDATEs past 2^31-1 on a stream reset it", RESETS(3, FLOW_CONTROL_ERROR),
     SAY(OPEN(3), WINDOW(3, 0x40000000), WINDOW(3, 0x40000000), WINDOW(3, 1))},
    {"6.9.1", "WINDOW_UPDATE past 2^31-1 resets a stream that waits for an answer",
     RESETS(3, FLOW_CONTROL_ERROR), SAY(HELD(3), HEAR, WINDOW(3, 0x7fffffff))},

    /* ---- ours bind the client ---- */
    {"6.9.1", "DATA that fills a stream's window is taken", IGNORES, SAY(DO(say_a_full_window))},
    {"6.9.1", "a byte more than a stream's window is refused", RESETS(3, FLOW_CONTROL_ERROR),
     SAY(DO(say_one_byte_too_many))},
    {"6.9.1", "padding counts for a stream's window", RESETS(3, FLOW_CONTROL_ERROR),
     SAY(DO(say_padding_too_many))},

    /* ---- 6.9.2: SETTINGS_INITIAL_WINDOW_SIZE ---- */
    {"6.9.2", "a larger initial window opens streams that wait", SERVES(3),
     SAY(SETTING(SET_WINDOW, 0), CALL(3), HEAR, SETTING(SET_WINDOW, DEFAULT))},
    {"6.9.2", "the last of several initial windows holds", IGNORES,
     SAY(FRAME(RAW_SETTINGS, 0, 0,
               "\0\4\0\0\0\x64"
               "\0\4\0\0\0\x03"),
         CALL(3)),
     check_three_bytes_of_two_settings},
    {"6.9.2", "a window that becomes negative is made up for first", IGNORES,
     SAY(WINDOW(0, 300000), CALL_LARGE(3), HEAR, SETTING(SET_WINDOW, 1000), HEAR, WINDOW(3, 64535),
         HEAR, WINDOW(3, 1)),
     check_one_byte_more},
    {"6.9.2", "the connection's window is not SETTINGS' to change", IGNORES,
     SAY(CALL_LARGE(3), HEAR, SETTING(SET_WINDOW, 150000)), check_default_window},
    {"6.9.2", "an initial window that lifts a stream past 2^31-1 ends the connection",
     ENDS(FLOW_CONTROL_ERROR),
     SAY(OPEN(3), WINDOW(3, 0x7fffffff - DEFAULT), SETTING(SET_WINDOW, DEFAULT + 1))},
    {"6.9.2", "an initial window of 2^31-1 is taken", SERVES(3),
     SAY(SETTING(SET_WINDOW, 0x7fffffff), CALL(3))},
    {"4.2", "DATA is sent in frames of 16,384 bytes, whatever larger is allowed", SERVES(3),
     SAY(SETTING(SET_WINDOW, 150000), WINDOW(0, 300000), SETTING(SET_FRAME_SIZE, 1 << 20),
         CALL_LARGE(3)),
     check_frame_sizes},
};

const conform_table conform_windows = CONFORM_TABLE(rows);
