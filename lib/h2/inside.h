/* inside.h: what the files of this room share. Nobody else includes it. */
#ifndef GMUX__H2_INSIDE_H
#define GMUX__H2_INSIDE_H

#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/h2/blocks.h"
#include "lib/h2/conn.h"
#include "lib/h2/outq.h"
#include "lib/policy/bucket.h"
#include "lib/policy/budget.h"
#include "lib/policy/share.h"
#include "lib/policy/slots.h"
#include "lib/policy/window.h"
#include "lib/wire/hpack.h"
#include <nghttp2/nghttp2.h>

/* Bytes written and not framed; see backlog.c. */
typedef struct gmux__backlog {
  size_t bytes;     /* with GMUX__MESSAGE_COST for each message */
  size_t limit;     /* 0: no limit */
  gmux__hooks held; /* streams that were told to write no more */
} gmux__backlog;

/* Streams with much to send, which take turns; see lane.c. Small: a quarter of a frame. */
enum { GMUX__LANE_SMALL = 4 * 1024 };
typedef struct gmux__h2_lane {
  gmux__hooks waiting;         /* nghttp2 has deferred their DATA, and of */
  gmux__hooks short_of_window; /* those with less to send, for want of the connection's window */
  int32_t turn;                /* whose it is, an id; 0: nobody's */
  size_t left;                 /* bytes that it may still send before the next one is called */
  unsigned fills;              /* of the output, while some wait and nobody can use the turn */
} gmux__h2_lane;

/* A frame of so many. */
enum { GMUX__FOREWORD_SETTINGS = 4, GMUX__FOREWORD_MAX = 9 + 6 * GMUX__FOREWORD_SETTINGS };

struct gmux__h2 {
  gmux_loop *loop;
  gmux__h2_config config;
  nghttp2_session_callbacks *callbacks;
  nghttp2_option *option;
  gmux__blocks blocks;
  nghttp2_mem mem;
  gmux__outmsg_pool messages;       /* without a copy, or with a short one */
  gmux__outmsg_pool large_messages; /* with a copy of up to nearly 4 KiB */
  gmux__slab seats, intakes;
  gmux__hoard hoard;        /* of memory for large messages; it and all that is kept above */
  gmux__timer hoard_timer;  /* are looked through then; set while any is held */
  gmux__backlog backlog;    /* of all streams, also of those on no connection */
  gmux__budget budget;      /* of max_memory_bytes; what a ceiling makes smaller is so in config */
  gmux__list large;         /* streams with a message that may not grow yet, see memory.c */
  uint64_t large_served;    /* so many were granted their memory */
  gmux__list leases;        /* server, under a ceiling: connections; those whose clients want */
  gmux__list wanting;       /* more streams than there is memory for; see lease.c */
  gmux__outq *spare_output; /* empty, for who writes next; may be NULL */
  uint64_t widened;         /* what streams of all connections were given, see windows.c */
  gmux__h2_figures figures;
  int32_t first_stream_id;              /* client, for tests; 0: 1, as everybody */
  uint8_t foreword[GMUX__FOREWORD_MAX]; /* server: SETTINGS, see gmux__transport_ops */
  size_t foreword_len;                  /* 0: a client */
};

typedef enum gmux__seat_state {
  GMUX__SEAT_TAKEN = 0,
  GMUX__SEAT_DELAYED,
  GMUX__SEAT_RESET,
  GMUX__SEAT_FREE
} gmux__seat_state;

extern const gmux__machine gmux__seat_machine;

typedef struct gmux__draft gmux__draft;

/* One slot of a connection, taken; see resets.c. */
struct gmux__seat {
  gmux__stream *stream; /* NULL: it has left */
  gmux__link link;      /* in its connection's seats, or delayed */
  gmux__draft *draft;   /* its next block, until that leaves; see draft.c */
  int32_t id;
  uint32_t reset_code; /* from DELAYED or RESET on */
  uint16_t planned;    /* bytes that are to ride with its HEADERS, and of those */
  uint16_t owed;       /* that did, what the peer has not given back; see ride.c */
  uint8_t state;       /* gmux__seat_state */
  bool has_data;       /* nghttp2 asks for its DATA until all of it has left */
  bool is_paid;        /* RESET: a token was taken for it */
  bool is_unheard;     /* its RST_STREAM has left, and the peer had not ended its half */
  bool is_started;     /* client: its HEADERS have left */
  bool is_answered;    /* the server's END_STREAM has come, or left */
};

enum { GMUX__CONN_WHY = 256, GMUX__CONN_DRAIN_TEXT = 48, GMUX__IDS_RESET = 32 };

struct gmux__conn {
  gmux__h2 *h2;
  const gmux__conn_handlers *handlers;
  void *owner;
  gmux__conn_state state;
  gmux__transport *transport;
  nghttp2_session *session;
  gmux__list streams; /* all that nghttp2 may still tell of */
  gmux__hooks events; /* streams with something to deliver */
  gmux__list seats;   /* what nghttp2 knows of streams, and */
  gmux__list delayed; /* of those whose RST_STREAM waits for the bucket or the socket */
  gmux__bucket resets;
  gmux__timer reset_timer;
  gmux__slots slots;     /* client */
  uint32_t lingering;    /* client: slots of streams that are reset, until any byte comes */
  uint32_t open_streams; /* server: those nghttp2 has not closed */
  struct {               /* server: of streams, see lease.c */
    uint32_t streams;    /* there may be so many; under a ceiling: they have their memory */
    uint32_t announced;  /* in the last SETTINGS */
    bool is_pending;     /* which are not acknowledged */
    gmux__link link;     /* under a ceiling: among h2's leases, */
    gmux__link want;     /* and those who want more */
    uint64_t served;     /* when a large message of it was last, in h2's large_served */
  } lease;
  gmux__backlog backlog;
  gmux__h2_lane lane;
  gmux__outq *out;    /* what waits for the socket; NULL: nothing */
  uint32_t unframed;  /* client: streams opened since nghttp2 was asked for frames, by weight */
  int early_error;    /* a write before the end of the turn has failed, which the turn's tells; */
  char *early_why;    /* its words, NULL: those of the code */
  gmux__hpack hpack;  /* of what we send */
  gmux__seat *recent; /* that nghttp2 told of last; NULL: unknown */
  gmux__ring ring;
  gmux__conn_tally tally;
  gmux__task write_task, deliver_task, free_task;
  gmux__timer drain_timer;
  gmux__pulse pulse;
  gmux__strikes strikes; /* server */
  gmux__abuse abuse;
  gmux__share share;
  size_t unconsumed;                  /* bytes of DATA in what nghttp2 is fed */
  gmux__portion portion;              /* of the read that is being worked off */
  struct {                            /* server: ids of requests, see ids.c */
    int32_t highest;                  /* that has come; -1: none */
    int32_t skipped_from, skipped_to; /* what it passed over last; 0, -1: nothing */
    int32_t reset[GMUX__IDS_RESET];   /* by us while the client had more to say; 0: none */
    int32_t forgotten;                /* the highest that was among them */
    uint8_t next;                     /* in reset, the oldest */
  } ids;
  struct {            /* of the frames that nghttp2 is given, see heads.c */
    uint32_t skip;    /* bytes of a payload, or the preface, before the next head */
    uint8_t held[13]; /* the first of a frame, which nghttp2 has not been given */
    uint8_t len;      /* of them */
    bool has_reset;   /* a RST_STREAM is among what nghttp2 is given next */
    bool is_in_block; /* the next frame goes on with a header block */
  } heads;
  struct {                  /* bytes of DATA that nghttp2 does not know of, see ride.c */
    uint32_t planned, owed; /* that have not left; that the peer has not given back */
    bool has_any;           /* any stream's have left */
    uint32_t others;        /* seats whose DATA nghttp2 asks for, and */
    unsigned fills;         /* of the output since it did, while it had always more to say */
  } ride;
  struct {            /* see windows.c */
    uint32_t initial; /* the peer's SETTINGS_INITIAL_WINDOW_SIZE */
    int32_t widest;   /* of the streams', when SETTINGS began */
    gmux__window own; /* the connection's, for what it receives; no `bytes`: as it began */
    uint32_t learned; /* what a stream has needed lately; 0: not more than it begins with */
    uint64_t widened; /* what its streams were given beyond that */
  } windows;
  uint32_t ping_number;   /* of the pulse's last PING */
  gmux__timer alarm;      /* for the pulse and for what is due; see conn_pulse.c */
  struct {                /* GMUX__NEVER: nothing of the kind is under way, or it has no bound */
    uint64_t settings_ns; /* the peer must have acknowledged our SETTINGS */
    uint64_t block_ns;    /* `block` must have ended */
    uint64_t stall_ns;    /* the transport must have taken something */
    uint64_t drain_ns;    /* the last stream must have ended */
    uint64_t look_ns;     /* server: streams are looked at, see stalls.c */
  } due;
  struct {            /* the header block that has begun */
    int32_t id;       /* 0: none */
    gmux__seat *seat; /* its stream's; NULL: it has none (any more) */
    gmux__head *head; /* where its fields go; NULL: nobody wants them */
    uint64_t bytes;   /* decoded so far, as RFC 9113 section 6.5.2 counts */
    uint64_t flood;   /* so many of them end the connection */
  } block;
  uint64_t settings_sent_ns;
  uint64_t blocked_ns;       /* when is_write_blocked began */
  uint64_t unblocked_ns;     /* is_write_blocked was over then; 0: never */
  uint32_t goaway_sent_code; /* of ours, or nghttp2's; 0: none, or NO_ERROR */
  int32_t goaway_last_id;    /* the lowest of the peer's GOAWAYs; INT32_MAX: all, or none */
  uint32_t goaway_code;      /* of the peer's last GOAWAY; has_goaway_code: there was one */
  bool has_goaway_code;
  bool has_goaway, is_over_pinged; /* of a server: only its GOAWAY says anything of streams */
  bool has_settings;               /* the peer's first ones are here */
  bool is_suspect, is_validating;
  bool is_worn; /* on_worn was noted */
  bool has_loss;
  gmux_loss loss;       /* the first cause, when has_loss */
  const char *farewell; /* debug text of the last GOAWAY, exactly; NULL: `why`, for an error */
  char drain_text[GMUX__CONN_DRAIN_TEXT]; /* debug text of the GOAWAYs of a drain */
  bool is_last_id_fixed; /* server: the GOAWAY that names the last stream it takes is submitted */
  bool has_parted;       /* server, DRAINING: all is said, and our half of the transport is shut */
  bool is_write_blocked; /* the transport said so; it will say when not */
  bool is_output_begun;  /* nothing of what is in `out` has left: more may be put there */
  bool is_output_broken;
  bool is_frame_replaced; /* the one that nghttp2 hands out next, by what is in `out` already */
  bool is_output_short;   /* what is gathered waits for the transport */
  bool is_draining_told;
  bool is_secure;
  bool has_greeting_event, has_ready_event, has_slots_event, has_draining_event, has_closed_event;
  bool has_trust_event, has_worn_event;
  /* Noted inside nghttp2, acted upon outside. */
  int doom_error;
  uint32_t doom_code;
  int error;
  char why[GMUX__CONN_WHY]; /* starts with the peer */
  char peer[GMUX__ADDRESS_TEXT];
  uint64_t number; /* among those of its loop */
};

/* conn.c */
/* What must hold between turns. */
#ifdef GMUX_DEBUG
void gmux__conn_check(const gmux__conn *conn);
#else
static inline void gmux__conn_check(const gmux__conn *conn) {
  (void)conn;
}
#endif
/* The first cause stays. */
void gmux__conn_set_loss(gmux__conn *conn, gmux_loss loss);
void gmux__conn_set_state(gmux__conn *conn, gmux__conn_state state);
void gmux__conn_note(gmux__conn *conn, gmux__event_kind kind, int64_t a, int64_t b);
void gmux__conn_want_write(gmux__conn *conn);
void gmux__conn_want_deliver(gmux__conn *conn);
/* From inside nghttp2: the connection is to be closed as soon as we are out. The first reason
 * stays. */
void gmux__conn_doom(gmux__conn *conn, int error, uint32_t h2_code, const char *why);

/* Client, also inside nghttp2: requests that have not left and will not, now that the peer has said
 * GOAWAY; or that would have to wait for others to end, now that it takes fewer at a time. They end
 * as "never left". */
void gmux__conn_take_back_all(gmux__conn *conn);
void gmux__conn_heed_lower_limit(gmux__conn *conn);

/* Tells streams and owner what has been noted. Outside nghttp2. */
void gmux__conn_deliver(gmux__conn *conn);
void gmux__conn_close_if_drained(gmux__conn *conn);
/* conn_drain.c: the end in good order. */
void gmux__conn_part(gmux__conn *conn);

/* conn_io.c */
void gmux__conn_on_write_task(void *arg); /* of GMUX__PHASE_WRITE: the write of a turn */
/* True when there may be more to read. */
bool gmux__conn_read(gmux__conn *conn);
/* Gathers and writes: GMUX_ERR_EOF when all is written, GMUX_ERR_AGAIN when the peer does not read,
 * 0 when it has had its share of the turn; other errors are the transport's, or memory's. */
int gmux__conn_flush(gmux__conn *conn);
/*
 * Client: one more request is about to be submitted. Of those that leave in one turn, draft and
 * nghttp2's frames would all be there together, and be cold when they are framed: so where many
 * wait they are framed earlier, and written whenever the output is full. Few leave by the one write
 * of the turn. `bytes`: of its messages, which are copied then and take room in the caches, too: so
 * who has many counts as several. Outside nghttp2; nobody is called.
 */
enum { GMUX__CONN_UNFRAMED = 128, GMUX__UNFRAMED_BYTES = 128, GMUX__UNFRAMED_MOST = 6 };
void gmux__conn_frame_early(gmux__conn *conn);
static inline void gmux__conn_mind_unframed(gmux__conn *conn, size_t bytes) {
  if (conn->unframed >= GMUX__CONN_UNFRAMED) gmux__conn_frame_early(conn);
  bool is_more = bytes >= GMUX__UNFRAMED_BYTES * GMUX__UNFRAMED_MOST;
  conn->unframed += is_more ? GMUX__UNFRAMED_MOST : 1 + (uint32_t)bytes / GMUX__UNFRAMED_BYTES;
}
static inline bool gmux__conn_has_no_output(const gmux__conn *conn) {
  return !conn->out || gmux__outq_is_empty(conn->out);
}
void gmux__conn_free_output(gmux__conn *conn);
/* The one place that says what the transport is to report. */
void gmux__conn_update_interest(gmux__conn *conn);

/* conn_drain.c */
void gmux__conn_drain_init(gmux__conn *conn);
void gmux__conn_on_goaway(gmux__conn *conn, const nghttp2_goaway *goaway);
/* Its words become the connection's. */
void gmux__conn_say_goaway(gmux__conn *conn, const char *who, const nghttp2_goaway *goaway);
void gmux__conn_drain_on_ping_acked(gmux__conn *conn, const uint8_t *payload);

/* conn_pulse.c */
typedef enum gmux__ping_kind {
  GMUX__PING_KEEPALIVE = 'k',
  GMUX__PING_SUSPICION = 's',
  GMUX__PING_VALIDATION = 'v',
  GMUX__PING_DRAIN = 'd' /* of a graceful GOAWAY */
} gmux__ping_kind;
enum { GMUX__PING_BYTES = 8 };
/* Of PINGs that are ours, so that their ACKs are known: "gmx", kind, number. */
void gmux__ping_payload(uint8_t payload[GMUX__PING_BYTES], gmux__ping_kind kind, uint32_t number);
#define GMUX__TOO_MANY_PINGS "too_many_pings" /* debug text of GOAWAY; gRPC A8 */

void gmux__conn_pulse_init(gmux__conn *conn);
void gmux__conn_pulse_start(gmux__conn *conn);
/* It is dead: counted, logged, and the cause of its loss. gmux__conn_close follows. */
void gmux__conn_note_death(gmux__conn *conn, const char *words);
/* Brings the alarm forward if something is due earlier. */
void gmux__conn_set_alarm(gmux__conn *conn);
/* When it is due; GMUX__NEVER when within_ns is 0. */
uint64_t gmux__conn_due(const gmux__conn *conn, uint64_t within_ns);
void gmux__conn_on_bytes(gmux__conn *conn); /* anything came from the peer */
/* Client, outside nghttp2: a stream has been opened. */
void gmux__conn_on_opened(gmux__conn *conn);
/* Either role, anywhere: one was opened or closed. */
void gmux__conn_count_streams(gmux__conn *conn);
void gmux__conn_on_settings_ack(gmux__conn *conn);
void gmux__conn_on_ping_acked(gmux__conn *conn, const uint8_t *payload);
void gmux__conn_on_peer_ping(gmux__conn *conn);

/* session.c */
int gmux__session_new(gmux__conn *conn);
/* Server: its SETTINGS as each connection begins with them, into h2->foreword. */
void gmux__session_write_foreword(gmux__h2 *h2);
/* The peer has them already: right after gmux__session_new they are taken out again.
 * GMUX_ERR_NOMEM. */
int gmux__session_skip_foreword(gmux__conn *conn);
int gmux__session_callbacks_new(nghttp2_session_callbacks **out, bool has_leases);
int gmux__session_option_new(nghttp2_option **out, const gmux__h2_config *config);
/* After nghttp2 was fed: gives back the connection's window for DATA that came. */
void gmux__session_consume(gmux__conn *conn);
/* NULL: there is none. */
gmux__seat *gmux__session_seat(gmux__conn *conn, int32_t id);
/* The stream in the seat of this id; NULL: it has left, or there is none. */
gmux__stream *gmux__session_stream(gmux__conn *conn, int32_t id);
/* Submits; what goes wrong ends the connection. */
void gmux__session_reset_stream(gmux__conn *conn, int32_t id, uint32_t h2_code);
/* draft.c */
typedef struct gmux__fields_sum {
  size_t count;
  size_t strings; /* bytes of names and values */
  size_t passing; /* of those that are not lasting */
} gmux__fields_sum;
gmux__fields_sum gmux__draft_sum(const gmux__field *fields, size_t count);
/* The block can be sent at all. */
bool gmux__draft_fits(const gmux__fields_sum *sum);
/* NULL: out of memory. */
gmux__draft *gmux__draft_new(gmux__h2 *h2, const gmux__field *fields, const gmux__fields_sum *sum);
void gmux__draft_free(gmux__h2 *h2, gmux__draft *draft); /* takes NULL */
/* To the output, as HEADERS with such flags. GMUX_ERR_NOMEM. */
int gmux__draft_leave(gmux__conn *conn, gmux__seat *seat, uint8_t flags);
/* The same without a draft, for a block that fits one frame. */
bool gmux__fields_fit_frame(const gmux__fields_sum *sum);
int gmux__fields_leave(gmux__conn *conn, int32_t id, const gmux__field *fields,
                       const gmux__fields_sum *sum, uint8_t flags);
/* Nine bytes. */
void gmux__frame_head(uint8_t *out, size_t len, uint8_t type, uint8_t flags, int32_t id);

/* ride.c */
enum { GMUX__RIDE_MOST = 4 * 1024 + GMUX__PREFIX_LEN }; /* bytes: what is small in a lane */
/* nghttp2 is about to be told of HEADERS, with which so many bytes are to leave. False: they are to
 * go the usual way. _unplan takes one that has no plan, too. */
bool gmux__ride_plan(gmux__conn *conn, gmux__seat *seat, size_t bytes);
void gmux__ride_unplan(gmux__conn *conn, gmux__seat *seat);
/* nghttp2 asks for its DATA from now on, or no more. */
void gmux__ride_note_data(gmux__conn *conn, gmux__seat *seat, bool has_data);
/* Inside nghttp2, of a seat with a plan: all of it goes to the output, and the stream's sending
 * half is closed. GMUX_ERR_AGAIN: it can't be, and nothing has left; GMUX_ERR_NOMEM: the output is
 * broken. */
int gmux__ride_leave(gmux__conn *conn, gmux__seat *seat);
/* WINDOW_UPDATE for this stream, or the connection (0), is a matter for: */
bool gmux__ride_minds(const gmux__conn *conn, int32_t id);
/* `value`: its four bytes, which may be changed. False: nghttp2 is not to see it. */
bool gmux__ride_take_update(gmux__conn *conn, int32_t id, uint8_t *value);
/* session_send.c */
void gmux__session_set_send_callbacks(nghttp2_session_callbacks *c);

/* stream.c */

/* Room for what comes, with anything in it; NULL: out of memory. _drop gives it back unused, takes
 * NULL. */
gmux__intake *gmux__intake_new(gmux__h2 *h2);
void gmux__intake_drop(gmux__h2 *h2, gmux__intake *in);
/* The first header block begins. */
void gmux__stream_set_intake(gmux__stream *stream, gmux__intake *in);
extern const gmux__intake gmux__nothing_received;
static inline bool gmux__stream_has_received(const gmux__stream *stream) {
  return stream->in != &gmux__nothing_received;
}
void gmux__stream_forget_received(gmux__stream *stream);
static inline void gmux__stream_set_send(gmux__stream *stream, gmux__send_state state) {
  gmux__machine_step(&gmux__send_machine, stream->send.state, state);
  stream->send.state = (uint8_t)state;
}
static inline void gmux__stream_set_recv(gmux__stream *stream, gmux__recv_state state) {
  gmux__machine_step(&gmux__recv_machine, stream->recv.state, state);
  stream->recv.state = (uint8_t)state;
}
void gmux__stream_attach(gmux__stream *stream, gmux__conn *conn, int32_t id);
void gmux__stream_detach(gmux__stream *stream);
/* The end is known; on_closed is due. The first ending stays. `why` is static, the connection's, or
 * the stream's own. */
void gmux__stream_set_end(gmux__stream *stream, gmux__ending how, int error, const char *why);
void gmux__stream_break(gmux__stream *stream, int error, uint32_t h2_code, const char *why);
/* As if it had not ended. */
void gmux__stream_forget_end(gmux__stream *stream);
/* Both halves are done, or nghttp2 has closed it: a RST_STREAM would be one too many. */
bool gmux__stream_is_finished(const gmux__stream *stream);

/* stream_send.c */
void gmux__stream_on_headers_leave(gmux__stream *stream); /* client: the first frame of them */
/* Server, inside nghttp2: its HEADERS could not leave as planned; they are to leave the usual way.
 * GMUX_ERR_NOMEM. */
int gmux__stream_respond_again(gmux__stream *stream);
/* Moves `len` bytes of what is queued to the connection's output. */
int gmux__stream_frame(gmux__stream *stream, gmux__outq *out, size_t len);

/* abuse.c: what a peer may cost us. Those with a result are for nghttp2's callbacks: 0, or what
 * they are to return because the connection is to be closed. */
void gmux__conn_abuse_init(gmux__conn *conn);
/* It is ended for this: the words for gmux__conn_doom, or gmux__conn_close. Counts it. */
const char *gmux__conn_note_abuse(gmux__conn *conn, gmux__abuse_kind kind);
/* So many bytes were read and worked off. False: it has had its share of this turn. */
bool gmux__conn_may_read_on(gmux__conn *conn, size_t bytes);
/* The head of a frame is here. */
int gmux__conn_on_frame_begun(gmux__conn *conn, const nghttp2_frame_hd *head);
/* One of the frames that carry nothing. */
int gmux__conn_on_chatter(gmux__conn *conn);
/* Server: a request is refused, and no call of ours. */
int gmux__conn_on_refused(gmux__conn *conn);
/* A field of the block that has begun. */
int gmux__conn_on_fields_flood(gmux__conn *conn); /* far too much of them */
static inline int gmux__conn_on_field(gmux__conn *conn, size_t name_len, size_t value_len) {
  enum { FIELD_OVERHEAD = 32 };
  conn->block.bytes += name_len + value_len + FIELD_OVERHEAD;
  return conn->block.bytes > conn->block.flood ? gmux__conn_on_fields_flood(conn) : 0;
}
/* Server: the client has reset this stream, which is not over yet. */
int gmux__conn_on_peer_reset(gmux__conn *conn, const gmux__stream *stream);
/* nghttp2 has reset a stream by itself. */
void gmux__conn_on_breach(gmux__conn *conn);
/* A frame of ours has left. */
void gmux__conn_on_served(gmux__conn *conn, const nghttp2_frame *frame);

/* ids.c, server */
void gmux__ids_init(gmux__conn *conn);
/* The head of HEADERS is here: 0, or what nghttp2's callback is to return. */
int gmux__ids_on_headers(gmux__conn *conn, int32_t id);
/* What comes for it can't come in good faith. */
bool gmux__ids_is_closed(const gmux__conn *conn, int32_t id);
int gmux__ids_refuse_data(gmux__conn *conn);
/* Inside nghttp2: RST_STREAM leaves, or will for a request that has become no stream at all. */
void gmux__ids_on_reset(gmux__conn *conn, int32_t id);

/* heads.c */
void gmux__heads_init(gmux__conn *conn);
/* Gives it to nghttp2: 0, or its error. */
int gmux__heads_read(gmux__conn *conn, const uint8_t *data, size_t len);

/* stalls.c, server: the first stream has begun; looks, if that is due. What is overdue has its
 * event then. */
void gmux__stalls_begin(gmux__conn *conn);
void gmux__stalls_look(gmux__conn *conn, uint64_t now_ns);
#ifdef GMUX_DEBUG
void gmux__stalls_check(const gmux__conn *conn);
#endif

/* windows.c: the head of SETTINGS is here; they have been applied: 0, or what nghttp2's callback is
 * to return. */
void gmux__windows_before_settings(gmux__conn *conn);
int gmux__windows_after_settings(gmux__conn *conn, uint32_t initial);
/* Outside nghttp2. A read has brought so much DATA, but no less than: */
enum { GMUX__WINDOW_BULK = 4096 };
void gmux__windows_came(gmux__conn *conn, size_t bytes);
/* As much was taken of a stream (in->taken), the last `bytes` of it just now. */
void gmux__windows_taken(gmux__stream *stream, size_t bytes);
/* The stream, which is `widened`, is about to leave its connection. */
void gmux__windows_leave(gmux__stream *stream);
#ifdef GMUX_DEBUG
void gmux__windows_check(const gmux__conn *conn);
#endif

/* lane.c, inside nghttp2: the stream, which has more than GMUX__LANE_SMALL bytes to send, is asked
 * for up to `room`. False: it is to be deferred, and will be asked again when it is called. */
bool gmux__lane_may_send(gmux__stream *stream, size_t room);
/* It is to be deferred until the connection's window has room, or it is called. */
void gmux__lane_wait(gmux__stream *stream);
/* nghttp2 has nothing that it may send: the first that waits is to be asked. False: it is to wait
 * for the connection's window. */
bool gmux__lane_call(gmux__conn *conn);
/* The output is about to be filled. */
void gmux__lane_fill(gmux__conn *conn);
static inline bool gmux__lane_has_any(const gmux__h2_lane *lane) {
  return gmux__hooks_first(&lane->waiting) || gmux__hooks_first(&lane->short_of_window);
}
static inline void gmux__lane_end_turn(gmux__h2_lane *lane, int32_t id) {
  if (lane->turn == id) lane->turn = 0;
}
/* It is about to leave its connection. */
static inline void gmux__lane_leave(gmux__stream *stream) {
  gmux__hook_remove(&stream->lane_hook);
  gmux__lane_end_turn(&stream->conn->lane, stream->id);
}

/* h2.c: some memory may be held now for what comes next: the hoard's, or of a stream that is over,
 * each of which leaves a seat, or of a request that has left, which leaves a draft, or of messages.
 */
void gmux__h2_mind_hoard_late(gmux__h2 *h2);
/* What a few streams leave, or requests and messages when they have left, is not worth a turn of
 * the loop. */
enum { GMUX__H2_FEW = 64, GMUX__H2_FEW_LARGE = 8 };
static inline bool gmux__h2_has_spare(const gmux__h2 *h2) {
  const gmux__slab *drafts = &h2->blocks.slabs[GMUX__BLOCK_SIZES - 1];
  return h2->hoard.held || h2->seats.held > GMUX__H2_FEW || drafts->held > GMUX__H2_FEW ||
         h2->messages.slab.held > GMUX__H2_FEW || h2->large_messages.slab.held > GMUX__H2_FEW_LARGE;
}
static inline void gmux__h2_mind_hoard(gmux__h2 *h2) {
  if (gmux__h2_has_spare(h2) && !gmux__timer_is_set(&h2->hoard_timer)) gmux__h2_mind_hoard_late(h2);
}

/* backlog.c */
void gmux__backlog_init(gmux__backlog *backlog, size_t limit);
/* A message of so many bytes waits to be framed. */
void gmux__backlog_written(gmux__stream *stream, size_t bytes);
/* Wait again, for which nobody is told to stop: bytes, and of messages those that were framed
 * whole. */
void gmux__backlog_put(gmux__stream *stream, size_t bytes, size_t messages);
/* A message of so many bytes waits for a stream; it is given up; this stream has it. */
void gmux__backlog_put_letter(gmux__h2 *h2, size_t bytes);
void gmux__backlog_drop_letter(gmux__h2 *h2, size_t bytes);
void gmux__backlog_take_letter(gmux__stream *stream, size_t bytes);
/* So many bytes were framed, and so many messages to their last. */
void gmux__backlog_framed(gmux__stream *stream, size_t bytes, size_t messages);
/* All that waits is given up, and the stream is told nothing any more. */
void gmux__backlog_drop(gmux__stream *stream);
/* It has been put on its connection; it is about to leave it. */
void gmux__backlog_enter(gmux__stream *stream);
void gmux__backlog_leave(gmux__stream *stream);

/* lease.c, server */

/* It begins; it is over (nothing happens if it never began). */
void gmux__lease_begin(gmux__conn *conn);
void gmux__lease_end(gmux__conn *conn);
/* A request has come, and open_streams is not below lease.streams: it may be taken. */
bool gmux__lease_takes_last(gmux__conn *conn);
/* Under a ceiling: our SETTINGS are acknowledged; a stream was closed. */
void gmux__lease_on_ack(gmux__conn *conn);
void gmux__lease_on_closed(gmux__conn *conn);
/* Memory has come free. */
void gmux__leases_go_on(gmux__h2 *h2);

/* memory.c */

/* What was taken of the budget has changed: it is told. */
void gmux__memory_publish(gmux__h2 *h2);
/* Less is: who waits for it goes on. */
void gmux__memory_go_on(gmux__h2 *h2);
/* Under a ceiling: of so many bytes that were taken, how many the stream's window is given back. */
size_t gmux__memory_to_return(gmux__stream *stream, size_t bytes);
/* Its message was told, or is given up. */
void gmux__memory_give(gmux__stream *stream);

/* resets.c */
/* A seat that nobody has yet; NULL: out of memory. gmux__seat_drop gives it back unused. */
gmux__seat *gmux__seat_new(gmux__h2 *h2);
void gmux__seat_drop(gmux__h2 *h2, gmux__seat *seat);
/* The slot has been counted; nghttp2 knows the seat as the user data of its stream. */
void gmux__seat_take(gmux__seat *seat, gmux__stream *stream, gmux__conn *conn, int32_t id);
void gmux__seat_leave(gmux__stream *stream); /* the stream is gone for good, its seat may stay */
/* nghttp2 has closed the stream; its slot is about to be given back. Takes NULL. */
void gmux__seat_free(gmux__conn *conn, gmux__seat *seat);
void gmux__seats_deinit(gmux__conn *conn);

/* RST_STREAM(h2_code), now or when the bucket and the socket allow it; the stream may leave its
 * seat. Not when nghttp2 has closed it or is to reset it already. Never fails. */
void gmux__stream_send_reset(gmux__stream *stream, uint32_t h2_code);
void gmux__resets_init(gmux__conn *conn);
/* The socket takes bytes again. */
void gmux__resets_resume(gmux__conn *conn);
/* All that waits is to leave now, because nothing else will. */
void gmux__resets_flush(gmux__conn *conn);
/* The connection is at its end, and says more than a RST_STREAM. */
void gmux__resets_stop(gmux__conn *conn);
/* Inside nghttp2: a RST_STREAM leaves, ours or nghttp2's own. `seat` may be NULL. */
void gmux__resets_on_sent(gmux__conn *conn, gmux__seat *seat);
/* The peer lives: slots that lingered are free. */
void gmux__resets_on_bytes(gmux__conn *conn);
/* Asks the peer for a sign of life when nothing but lingering slots could be had. */
void gmux__resets_ask_for_life(gmux__conn *conn);

/* stream_recv.c */
/* So many bytes of it may come again. */
void gmux__stream_return_window(gmux__stream *stream, size_t bytes);
void gmux__stream_want_deliver(gmux__stream *stream);
void gmux__stream_on_data(gmux__stream *stream, const uint8_t *data, size_t len);
void gmux__stream_deliver(gmux__stream *stream);
/* The read buffer is about to be used again: keeps what still lies there. */
void gmux__stream_keep_pieces(gmux__stream *stream);

/* rewind.c */
/* A message that is framed to its last byte leaves the queue. */
void gmux__stream_keep_or_drop(gmux__stream *stream);
/* Client: the reply has begun, so nothing will be sent again. */
void gmux__stream_commit(gmux__stream *stream);
/* Gives up all that was written. */
void gmux__stream_drop(gmux__stream *stream);

#endif
