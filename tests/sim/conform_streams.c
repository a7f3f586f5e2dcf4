/* conform_streams.c: RFC 9113, 5.1 (states and ids of streams) and 5.3 (priorities). */
#include "tests/sim/conform.h"

#define ANY_OF_CLOSED (CODE(STREAM_CLOSED) | CODE(PROTOCOL_ERROR))

/* Of a stream that its client has ended nothing more can come in good faith (RFC 7540 made an error
 * of it, RFC 9113 permits one). */
#define ENDS_CLOSED(id) ENDS_OR_IGNORES(id, STREAM_CLOSED, CODE(STREAM_CLOSED), CODE(STREAM_CLOSED))

/* A stream that we reset while the client was writing: what it has sent may still be under way. */
#define RESET_BY_US(id) REQUEST(id, HEAD, "connection", "close")
/* One that was answered before the client had said all. */
#define ANSWERED_EARLY(id) REQUEST(id, HEAD, ":path", "/nowhere")

static void say_data_on_a_reset_stream(void) {
  for (int i = 0; i < 5; i++)
    conform_say(STEPS(ZEROS(RAW_DATA, 0, 3, 16384)));
}

/* What a stream's reset has thrown away counts for the connection's window, and is given back. */
static void check_window_is_returned(void) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < rawpeer_count(kit.peer, RAW_WINDOW_UPDATE, 0); i++)
    bytes += rawframe_u32(rawpeer_find(kit.peer, RAW_WINDOW_UPDATE, 0, i), 0);
  CU_ASSERT_TRUE(bytes >= 5 * 16384 / 2);
}

/* Many streams that we reset: the oldest are not remembered, and get the benefit of the doubt. */
static void say_many_to_reset(void) {
  for (uint32_t id = 3; id < 403; id += 2)
    conform_say(STEPS(ANSWERED_EARLY(id), HEAR));
}

static void check_refused(void) {
  CU_ASSERT_EQUAL(kit_rst(17), GMUX__H2_REFUSED_STREAM);
}

#define PREFACE_WITHOUT_ACK BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")

static const conform_row rows[] = {
    /* ---- idle ---- */
    {"5.1", "DATA on an idle stream ends the connection", ENDS_OF(PROTOCOL_ERROR, ANY_OF_CLOSED),
     SAY(DATA(3, 0, "x"))},
    {"5.1", "RST_STREAM on an idle stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(RESET(3, 8))},
    {"5.1", "WINDOW_UPDATE on an idle stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(WINDOW(3, 1))},
    {"5.1", "CONTINUATION on an idle stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_CONTINUATION, HEAD, 3, GOOD_HEAD))},
    {"5.1", "PRIORITY on an idle stream is ignored", SERVES(5),
     SAY(FRAME(RAW_PRIORITY, 0, 9, "\0\0\0\0\x0f"), CALL(5))},

    /* ---- half-closed (remote) ---- */
    {"5.1", "DATA behind END_STREAM is refused", ENDS_FOR_STREAM(3, STREAM_CLOSED),
     SAY(HELD(3), DATA(3, 0, "x"))},
    {"5.1", "HEADERS behind END_STREAM are refused", ENDS_FOR_STREAM(3, STREAM_CLOSED),
     SAY(HELD(3), REQUEST(3, LAST, "te", "trailers"))},
    {"5.1", "CONTINUATION behind END_STREAM is refused", ENDS_OF(PROTOCOL_ERROR, ANY_OF_CLOSED),
     SAY(HELD(3), FRAME(RAW_CONTINUATION, HEAD, 3, GOOD_HEAD))},
    {"5.1", "WINDOW_UPDATE behind END_STREAM is taken", IGNORES, SAY(HELD(3), WINDOW(3, 1))},
    {"5.1", "PRIORITY behind END_STREAM is taken", IGNORES,
     SAY(HELD(3), FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\0\x0f"))},
    {"5.1", "RST_STREAM behind END_STREAM is taken", IGNORES, SAY(HELD(3), RESET(3, 8))},

    /* ---- closed by the client's RST_STREAM ---- */
    {"5.1", "DATA behind the client's RST_STREAM ends the connection", ENDS_CLOSED(3),
     SAY(OPEN(3), RESET(3, 8), HEAR, DATA(3, 0, "x"))},
    {"5.1", "HEADERS behind the client's RST_STREAM end the connection", ENDS_CLOSED(3),
     SAY(OPEN(3), RESET(3, 8), HEAR, REQUEST(3, LAST, "te", "trailers"))},
    {"5.1", "DATA right behind the client's RST_STREAM ends the connection", ENDS_CLOSED(3),
     SAY(OPEN(3), RESET(3, 8), DATA(3, 0, "x"))},
    {"5.1", "CONTINUATION behind the client's RST_STREAM ends the connection",
     ENDS_OF(PROTOCOL_ERROR, ANY_OF_CLOSED),
     SAY(OPEN(3), RESET(3, 8), HEAR, FRAME(RAW_CONTINUATION, HEAD, 3, GOOD_HEAD))},
    {"5.1", "RST_STREAM behind the client's RST_STREAM is ignored",
     IGNORES_OR(3, CODE(STREAM_CLOSED), CODE(STREAM_CLOSED)),
     SAY(OPEN(3), RESET(3, 8), HEAR, RESET(3, 8))},
    {"5.1", "WINDOW_UPDATE behind the client's RST_STREAM is ignored",
     IGNORES_OR(3, CODE(STREAM_CLOSED), CODE(STREAM_CLOSED)),
     SAY(OPEN(3), RESET(3, 8), HEAR, WINDOW(3, 1))},
    {"5.1", "PRIORITY of a closed stream is ignored", IGNORES,
     SAY(OPEN(3), RESET(3, 8), HEAR, FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\0\x0f"))},

    /* ---- closed by END_STREAM on both sides ---- */
    {"5.1", "DATA on a stream that both have ended ends the connection", ENDS_CLOSED(3),
     SAY(CALL(3), HEAR, DATA(3, 0, "x"))},
    {"5.1", "HEADERS on a stream that both have ended end the connection", ENDS_CLOSED(3),
     SAY(CALL(3), HEAR, REQUEST(3, LAST, "te", "trailers"))},
    {"5.1", "CONTINUATION on a stream that both have ended ends the connection",
     ENDS_OF(PROTOCOL_ERROR, ANY_OF_CLOSED),
     SAY(CALL(3), HEAR, FRAME(RAW_CONTINUATION, HEAD, 3, GOOD_HEAD))},
    {"5.1", "WINDOW_UPDATE on a stream that both have ended is ignored", IGNORES,
     SAY(CALL(3), HEAR, WINDOW(3, 1))},
    {"5.1", "RST_STREAM on a stream that both have ended is ignored", IGNORES,
     SAY(CALL(3), HEAR, RESET(3, 8))},
    {"5.1", "PRIORITY on a stream that both have ended is ignored", IGNORES,
     SAY(CALL(3), HEAR, FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\0\x0f"))},

    /* ---- closed by our RST_STREAM: what crosses it is no error ---- */
    {"5.1", "DATA that crosses our RST_STREAM is ignored", RESETS(3, PROTOCOL_ERROR),
     SAY(RESET_BY_US(3), HEAR, DATA(3, RAW_END_STREAM, "x"))},
    {"5.1", "trailers that cross our RST_STREAM are ignored", RESETS(3, PROTOCOL_ERROR),
     SAY(RESET_BY_US(3), HEAR, FIELDS(3, LAST, "x-trailer", "1"))},
    {"5.1", "WINDOW_UPDATE that crosses our RST_STREAM is ignored", RESETS(3, PROTOCOL_ERROR),
     SAY(RESET_BY_US(3), HEAR, WINDOW(3, 1))},
    {"5.1", "RST_STREAM that crosses our RST_STREAM is ignored", RESETS(3, PROTOCOL_ERROR),
     SAY(RESET_BY_US(3), HEAR, RESET(3, 8))},
    {"5.1", "DATA of a reset stream gives the connection's window back", RESETS(3, PROTOCOL_ERROR),
     SAY(RESET_BY_US(3), HEAR, DO(say_data_on_a_reset_stream)), check_window_is_returned},
    {"5.1", "DATA that crosses RST_STREAM(NO_ERROR) is ignored", ANSWERS(3, "200"),
     SAY(ANSWERED_EARLY(3), HEAR, DATA(3, 0, "x"), FIELDS(3, LAST, "x-trailer", "1"))},

    /* ---- 5.1.1: ids ---- */
    {"5.1.1", "HEADERS on stream 0 end the connection", ENDS(PROTOCOL_ERROR), SAY(OPEN(0))},
    {"5.1.1", "HEADERS on an even stream end the connection", ENDS(PROTOCOL_ERROR), SAY(OPEN(2))},
    {"5.1.1", "ids may be skipped", SERVES(9), SAY(CALL(9))},
    {"5.1.1", "a lower id than one before ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(OPEN(5), HEAR, OPEN(3))},
    {"5.1.1", "a lower id in the same read ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(OPEN(5), OPEN(3))},
    {"5.1.1", "a lower id that was skipped long ago ends the connection",
     ENDS_OF(STREAM_CLOSED, ANY_OF_CLOSED), SAY(OPEN(5), OPEN(9), OPEN(13), HEAR, OPEN(3))},
    {"5.1.1", "an id that was used is not used again", ENDS_OF(STREAM_CLOSED, ANY_OF_CLOSED),
     SAY(CALL(3), HEAR, CALL(3))},
    {"5.1.1", "an id that has had a PRIORITY and was skipped is closed", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\0\x0f"), OPEN(5), HEAR, OPEN(3))},
    {"5.1.1", "DATA on a stream that was skipped ends the connection",
     ENDS_OR_IGNORES(3, STREAM_CLOSED, ANY_OF_CLOSED, ANY_OF_CLOSED),
     SAY(OPEN(5), HEAR, DATA(3, 0, "x"))},
    {"5.1.1", "the last id is served", SERVES(0x7fffffff), SAY(CALL(0x7fffffff)),
     .is_last_id = true},
    {"5.1.1", "after many resets of ours an old stream has the benefit of the doubt",
     IGNORES_OR(0, CODE(STREAM_CLOSED), ANY_OF_CLOSED),
     SAY(DO(say_many_to_reset), DATA(3, RAW_END_STREAM, "x"))},

    /* ---- 5.1.2: how many ---- */
    {"5.1.2", "as many streams as were announced are taken", IGNORES,
     SAY(HELD(3), HELD(5), HELD(7), HELD(9), HELD(11), HELD(13), RESET(13, 8))},
    {"5.1.2",
     "a stream over the acknowledged limit ends the connection",
     {.kind = CONFORM_ENDS,
      .stream = 17,
      .code = GMUX__H2_PROTOCOL_ERROR,
      .may_reset = CODE(PROTOCOL_ERROR) | CODE(REFUSED_STREAM),
      .may_end = CODE(PROTOCOL_ERROR) | CODE(REFUSED_STREAM)},
     SAY(HELD(3), HELD(5), HELD(7), HELD(9), HELD(11), HELD(13), HELD(15), HELD(17))},
    {"5.1.2", "a stream over a limit that is not acknowledged yet is refused",
     RESETS_OF(17, REFUSED_STREAM, CODE(PROTOCOL_ERROR) | CODE(REFUSED_STREAM), 0),
     SAY(PREFACE_WITHOUT_ACK, HELD(1), HELD(3), HELD(5), HELD(7), HELD(9), HELD(11), HELD(13),
         HELD(15), HELD(17), RESET(1, 8)),
     check_refused, .is_bare = true},
    {"5.1.2", "a body behind a request that was refused is ignored",
     RESETS_OF(17, REFUSED_STREAM, CODE(PROTOCOL_ERROR) | CODE(REFUSED_STREAM), 0),
     SAY(PREFACE_WITHOUT_ACK, HELD(1), HELD(3), HELD(5), HELD(7), HELD(9), HELD(11), HELD(13),
         HELD(15), OPEN(17), RESET(1, 8), DATA(17, 0, "x"), HEAR, MESSAGE(17, "hello")),
     .is_bare = true},
    {"5.1.2", "a stream that has ended makes room for another", SERVES(17),
     SAY(HELD(3), HELD(5), HELD(7), HELD(9), HELD(11), HELD(13), HELD(15), HEAR, RESET(15, 8),
         CALL(17), HEAR, RESET(3, 8))},

    /* ---- 5.3: priorities, of RFC 7540: what is well-formed is ignored ---- */
    {"5.3.2", "HEADERS with a priority are taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD | RAW_PRIORITY_FLAG, 3, "\0\0\0\1\x0f" GOOD_HEAD),
         MESSAGE(3, "hello"))},
    {"5.3.2", "HEADERS with an exclusive priority are taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD | RAW_PRIORITY_FLAG, 3, "\x80\0\0\0\xff" GOOD_HEAD),
         MESSAGE(3, "hello"))},
    {"5.3.2", "a priority below a stream that never was is taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD | RAW_PRIORITY_FLAG, 3, "\0\0\0\x7f\x0f" GOOD_HEAD),
         MESSAGE(3, "hello"))},
    {"5.3.2", "HEADERS that depend on their own stream are refused",
     ENDS_OR_IGNORES(3, PROTOCOL_ERROR, CODE(PROTOCOL_ERROR), CODE(PROTOCOL_ERROR)),
     SAY(FRAME(RAW_HEADERS, HEAD | RAW_PRIORITY_FLAG, 3, "\0\0\0\3\x0f" GOOD_HEAD))},
    {"5.3.2", "PRIORITY that depends on its own stream is refused",
     ENDS_OR_IGNORES(3, PROTOCOL_ERROR, CODE(PROTOCOL_ERROR), CODE(PROTOCOL_ERROR)),
     SAY(OPEN(3), FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\3\x0f"))},
};

const conform_table conform_streams = CONFORM_TABLE(rows);
