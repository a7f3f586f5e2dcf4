/*
 * unruly_inside.h: what the files of the unruly server share. Tests do not include it.
 *
 * unruly.c has the server and what it is asked to do, unruly_conn.c bytes and times, unruly_judge.c
 * the client's frames and what is wrong with them, unruly_stream.c calls and unruly_answer.c what
 * becomes of them, unruly_deed.c what is done to a connection.
 */
#ifndef TESTS_SIM_UNRULY_INSIDE_H
#define TESTS_SIM_UNRULY_INSIDE_H

#include "lib/io/loop.h"
#include "tests/sim/rawwire.h"
#include "tests/sim/unruly.h"
#include <gmux/error.h>

enum { /* RFC 9113, 6.5.2 */
       SETTING_MAX_STREAMS = 3,
       SETTING_INITIAL_WINDOW = 4
};
enum { /* RFC 9113, 7 */
       H2_NO_ERROR = 0,
       H2_PROTOCOL_ERROR = 1,
       H2_FLOW_CONTROL_ERROR = 3,
       H2_STREAM_CLOSED = 5,
       H2_FRAME_SIZE_ERROR = 6,
       H2_REFUSED_STREAM = 7,
       H2_COMPRESSION_ERROR = 9,
       H2_ENHANCE_YOUR_CALM = 11,
       H2_CODES = 14
};
enum { DEFAULT_WINDOW = 65535, CALM_LIMIT = 100, GRPC_PREFIX = 5, FRAME_MAX = 16384 };

/* ---- chance ---- */

uint64_t unruly_random(uint64_t *state);
uint64_t unruly_below(uint64_t *state, uint64_t below);
bool unruly_chance(uint64_t *state, unsigned percent);
/* A time from nothing to `most_ms`, each order of magnitude alike. */
uint64_t unruly_while_ns(uint64_t *state, unsigned most_ms);
uint64_t unruly_mix(uint64_t seed, uint64_t name);

/* ---- calls ---- */

typedef enum unruly_moment { AT_HEADERS = 0, AT_MESSAGE, AT_HALF_CLOSE } unruly_moment;

/* How the answer ends, once its messages have left. */
typedef enum unruly_ending {
  ENDING_STATUS = 0,
  ENDING_RESET, /* with h2_code */
  ENDING_NO_TRAILERS,
  ENDING_CUT_MESSAGE,
  ENDING_BROKEN_OFF,
  ENDING_GOAWAY,
  ENDING_NEVER
} unruly_ending;

/* What becomes of a call, drawn when it comes. */
typedef struct unruly_script {
  unruly_fault fault; /* UNRULY_FAULTS: none, or it was counted */
  unruly_moment begins;
  uint64_t delay_ns, pause_ns; /* before it begins; between two messages */
  bool executes;
  unsigned messages;
  unruly_ending ending;
  uint32_t h2_code;
  gmux_code code;
  bool is_early;    /* a status does not wait for the client's half-close */
  bool is_informed; /* 1xx first */
  bool is_trailers_only;
  bool is_cut; /* a part of one more message comes before the end */
} unruly_script;

typedef struct unruly_conn unruly_conn;

typedef struct unruly_stream {
  gmux__link link; /* conn->streams */
  unruly_conn *conn;
  gmux__timer timer; /* the next step of the script */
  uint32_t number, id;
  gmux_method_kind kind;
  uint64_t random;
  unruly_script script;
  bool has_begun, is_executed, has_headers, is_full; /* full: waits for a window, or room */
  bool is_client_done, is_done;                      /* END_STREAM has come; we have sent it */
  bool is_silent;                                    /* nothing more is said before calm */
  struct {
    int64_t window; /* what it may still send, by the settings that it has acknowledged */
    uint8_t prefix[GRPC_PREFIX];
    size_t prefix_len, len, at; /* of the message in progress */
    unsigned messages;
  } in;
  struct {
    int64_t window;
    size_t at; /* bytes of the message in progress that have left, prefix included */
    unsigned messages;
  } out;
} unruly_stream;

/* ---- connections ---- */

/* SETTINGS that were sent. */
typedef struct unruly_told {
  bool has_limit, has_window;
  uint32_t limit, window;
} unruly_told;

/* As a server counts bad PINGs: A8's way, where the clock is that of the last good one, and
 * grpc-core's, where it is that of the last one. */
typedef struct unruly_judge {
  uint64_t last_ns; /* 0: none since the last HEADERS or DATA */
  unsigned strikes;
  bool is_core;
} unruly_judge;

enum { UNRULY_TOLD = 64, UNRULY_HELD = 64 };

struct unruly_conn {
  gmux__link link; /* unruly.conns */
  unruly *u;
  gmux__transport *transport; /* NULL: it is over */
  sim_link *wire;
  uint64_t random;
  gmux__timer timer; /* the first of `until` */
  rawcutter cutter;
  rawbuf out;
  struct { /* the frame of which a part has left: what has not */
    size_t bytes;
    uint8_t type;
  } leaving;
  size_t offered; /* bytes that the transport did not take and must be offered again */
  bool is_secure, has_client_settings;
  bool is_mute, has_greeted; /* our SETTINGS: never (before calm); sent */
  bool is_ending, is_ended;  /* our half: to be ended; ended */
  gmux__list streams;
  uint32_t top_stream, top_executed, some_id;
  struct { /* until when; 0: not */
    uint64_t silent_ns, starving_ns, without_acks_ns, deaf_ns, dripping_ns, drip_ns, closed_ns,
        narrow_ns;
  } until;
  struct { /* GOAWAY: the last one's id; its PING, and whether that was answered */
    bool is_told, is_fenced, is_last;
    uint32_t last;
    uint64_t fence; /* number of the PING; 0: none */
    uint64_t second_ns;
  } away;
  struct { /* by nature */
    size_t frame_bytes, drip_bytes;
    uint64_t drip_pause_ns;
    uint8_t padding;
    bool has_empty_frames, cuts_blocks;
    uint32_t window; /* that a stream is to have; given when half is used */
  } way;
  struct { /* what the client has been told and has acknowledged */
    unruly_told told[UNRULY_TOLD];
    size_t first, count;
    bool has_any;
    uint32_t limit; /* UINT32_MAX: none */
    uint32_t window;
  } settings;
  struct { /* what it has said and was not acknowledged by us */
    uint8_t pings[UNRULY_HELD][RAW_PING_BYTES];
    size_t ping_count;
    uint32_t windows[UNRULY_HELD];
    size_t settings_count;
  } held;
  int64_t in_window, out_window, most_out_window;
  uint32_t client_window; /* INITIAL_WINDOW_SIZE of the client, as far as acknowledged */
  uint64_t pings_sent, pings_acked;
  unruly_judge judges[2];
  bool is_punishable;
  struct { /* the header block in progress */
    uint32_t id;
    int kind; /* -1: unknown */
    bool has_te;
  } block;
};

struct unruly {
  gmux_loop *loop;
  unruly_options options;
  gmux__listener *listener;
  gmux__list conns;
  uint64_t seed, conn_count;
  uint8_t *seen; /* how often each id came */
  size_t seen_size;
  bool is_calm;
};

static inline uint64_t unruly_now(const unruly *u) {
  return gmux__loop_now(u->loop);
}
static inline bool unruly_conn_is_open(const unruly_conn *c) {
  return c->transport && !c->is_ending;
}

/* ---- unruly.c ---- */

void unruly_count(unruly *u, unruly_fault fault);
/* Whether something that is not asked for happens now. */
bool unruly_is_wild(const unruly *u, uint64_t *random);
void unruly_breach(unruly_conn *c, unruly_breach_kind kind, const char *format, ...)
    GMUX_PRINTF(3, 4);
/* How often a call has come, this time included. */
unsigned unruly_times_seen(unruly *u, uint32_t id);

/* ---- unruly_conn.c ---- */

void unruly_conn_new(unruly *u, gmux__transport *transport);
/* Its transport closes now; it is freed later. */
void unruly_conn_close(unruly_conn *c);
/* Our half ends behind what is queued, and with it all calls. */
void unruly_conn_end(unruly_conn *c);
void unruly_conn_free(unruly_conn *c);
/* What is queued leaves as far as it can; the transport and the timer are told what it waits for.
 * To be called at the end of whatever is done to a connection. */
void unruly_conn_flush(unruly_conn *c);
void unruly_conn_frame(unruly_conn *c, uint8_t type, uint8_t flags, uint32_t stream,
                       const void *payload, size_t len);
void unruly_conn_frame_u32(unruly_conn *c, uint8_t type, uint32_t stream, uint32_t value);
void unruly_conn_greet(unruly_conn *c);
void unruly_conn_settings(unruly_conn *c, const unruly_told *told);
void unruly_conn_ping(unruly_conn *c);

/* ---- unruly_judge.c ---- */

extern const rawcutter_handlers unruly_frames; /* owner: the connection */
/* PINGs and SETTINGS for which the client has had no ACK. */
void unruly_conn_ack_all(unruly_conn *c);
/* A client that has taken everything has given back at least half of its window. */
bool unruly_conn_window_is_back(const unruly_conn *c);
/* Unless it is starving them. */
void unruly_conn_give_windows(unruly_conn *c);

/* ---- unruly_stream.c ---- */

static inline bool unruly_sends_one(gmux_method_kind kind) {
  return kind == GMUX_UNARY || kind == GMUX_CLIENT_STREAMING;
}
void unruly_stream_new(unruly_conn *c, uint32_t number, uint32_t id, gmux_method_kind kind,
                       bool is_whole);
void unruly_stream_free(unruly_stream *s);
unruly_stream *unruly_stream_find(const unruly_conn *c, uint32_t number);
void unruly_stream_on_data(unruly_stream *s, const uint8_t *data, size_t len);
void unruly_stream_on_half_close(unruly_stream *s); /* may free it */
/* Executes it; or refuses or resets it, and frees it. */
void unruly_stream_begin(unruly_stream *s);
void unruly_stream_refuse(unruly_stream *s);
void unruly_stream_reset(unruly_stream *s, uint32_t code);
/* False: it waits for a window, or room; is_full. */
bool unruly_stream_send_message(unruly_stream *s);
void unruly_stream_send_half_message(unruly_stream *s);
void unruly_stream_send_status(unruly_stream *s, gmux_code code, bool is_trailers_only);
void unruly_stream_send_end(unruly_stream *s); /* without a status */

/* ---- unruly_answer.c ---- */

void unruly_stream_draw(unruly_stream *s);
void unruly_stream_on_moment(unruly_stream *s, unruly_moment moment);
/* Goes on with answers that waited for a window, or room. */
void unruly_streams_pump(unruly_conn *c);
void unruly_stream_calm(unruly_stream *s);

/* ---- unruly_deed.c ---- */

void unruly_goaway(unruly_conn *c, uint64_t *random);
bool unruly_conn_do(unruly_conn *c, unruly_fault deed, uint64_t *random);
/* The second of the two steps. */
void unruly_goaway_last(unruly_conn *c);
void unruly_conn_drain(unruly_conn *c);
void unruly_conn_calm(unruly_conn *c);

#endif
