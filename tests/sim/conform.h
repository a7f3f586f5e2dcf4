/*
 * conform.h: a table of what a client may say to a server of HTTP/2, right or wrong, and of what
 * must come of it.
 *
 * A row has the section of RFC 9113 (or RFC 7541) that it is about, the frames that a client says,
 * and the end: what the RFC permits, and which of that is what we do. Each row is tried on a server
 * of its own, over cleartext and over TLS, and with witnesses: a call that was under way on the
 * same connection, and a client on another one. A stream's error must leave the first unharmed, a
 * connection's error the second, and nothing may be left of either (conform_run.c).
 */
#ifndef TESTS_SIM_CONFORM_H
#define TESTS_SIM_CONFORM_H

#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"

/* ---- what is said ---- */

typedef enum conform_verb {
  CONFORM_STOP = 0,
  CONFORM_FRAME,   /* with these bytes as its payload */
  CONFORM_ZEROS,   /* a frame of so many zeros */
  CONFORM_NUMBER,  /* a frame of one number of 32 bits */
  CONFORM_FIELDS,  /* HEADERS of these fields alone */
  CONFORM_REQUEST, /* HEADERS of a good request, and these fields, which replace its own */
  CONFORM_MESSAGE, /* DATA with a message and END_STREAM */
  CONFORM_SETTING, /* SETTINGS of one entry */
  CONFORM_BYTES,   /* as they are */
  CONFORM_DO       /* what a function says */
} conform_verb;

typedef struct conform_step {
  conform_verb verb;
  uint8_t type, flags;
  uint32_t stream;
  uint32_t number; /* or a length, or the id of a setting */
  uint32_t value;
  const char *bytes;
  size_t len;
  const char *const *fields; /* name, value, ..., NULL */
  void (*run)(void);
} conform_step;

#define CONFORM_TEXT(text) .bytes = text, .len = sizeof(text) - 1
#define CONFORM_LIST(...)                                                                          \
  .fields = (const char *const[]) {                                                                \
    __VA_ARGS__, NULL                                                                              \
  }
#define FRAME(kind, fl, id, text)                                                                  \
  { .verb = CONFORM_FRAME, .type = kind, .flags = fl, .stream = id, CONFORM_TEXT(text) }
#define ZEROS(kind, fl, id, count)                                                                 \
  { .verb = CONFORM_ZEROS, .type = kind, .flags = fl, .stream = id, .number = count }
#define NUMBER(kind, id, n)                                                                        \
  { .verb = CONFORM_NUMBER, .type = kind, .stream = id, .number = n }
#define WINDOW(id, n)      NUMBER(RAW_WINDOW_UPDATE, id, n)
#define RESET(id, n)       NUMBER(RAW_RST_STREAM, id, n)
#define DATA(id, fl, text) FRAME(RAW_DATA, fl, id, text)
#define FIELDS(id, fl, ...)                                                                        \
  { .verb = CONFORM_FIELDS, .flags = fl, .stream = id, CONFORM_LIST(__VA_ARGS__) }
/* A value of "-" leaves a field out. */
#define REQUEST(id, fl, ...)                                                                       \
  { .verb = CONFORM_REQUEST, .flags = fl, .stream = id, CONFORM_LIST(__VA_ARGS__) }
#define MESSAGE(id, text)                                                                          \
  { .verb = CONFORM_MESSAGE, .flags = RAW_END_STREAM, .stream = id, CONFORM_TEXT(text) }
#define SETTING(id, n)                                                                             \
  { .verb = CONFORM_SETTING, .number = id, .value = n }
#define BYTES(text)                                                                                \
  { .verb = CONFORM_BYTES, CONFORM_TEXT(text) }
#define DO(function)                                                                               \
  { .verb = CONFORM_DO, .run = function }
#define STEPS(...)                                                                                 \
  (const conform_step[]) {                                                                         \
    __VA_ARGS__, {                                                                                 \
      .verb = CONFORM_STOP                                                                         \
    }                                                                                              \
  }
/* In a row. */
#define SAY(...) .script = STEPS(__VA_ARGS__)

/* A call whose message is still to come: open. */
#define OPEN(id) REQUEST(id, HEAD, "te", "trailers")
/* A whole call. The reply is "fine", or as many bytes as its message says. */
#define CALL(id) OPEN(id), MESSAGE(id, "hello")
/* A whole call to a method that does not answer: half-closed (remote). */
#define HELD(id) REQUEST(id, LAST, ":path", "/t.S/Bidi")
/* What was said so far is heard, and answered. */
#define HEAR DO(kit_run)

enum { HEAD = RAW_END_HEADERS, LAST = RAW_END_HEADERS | RAW_END_STREAM };

/* RFC 9113, 6.5.2 */
enum {
  SET_TABLE_SIZE = 1,
  SET_PUSH = 2,
  SET_STREAMS = 3,
  SET_WINDOW = 4,
  SET_FRAME_SIZE = 5,
  SET_LIST_SIZE = 6
};

/* A good request's head in HPACK, for what is to be said around it. */
#define GOOD_HEAD                                                                                  \
  "\x83\x86\x04\x0a/t.S/Unary"                                                                     \
  "\x01\x09"                                                                                       \
  "a.example"                                                                                      \
  "\x0f\x10\x10"                                                                                   \
  "application/grpc"

/* ---- what must come of it ---- */

typedef enum conform_end_kind {
  CONFORM_IGNORES = 0, /* nothing: no stream is reset, and no answer is due */
  CONFORM_SERVES,      /* `stream` gets a good call's answer */
  CONFORM_ANSWERS,     /* `stream` gets this HTTP status and its end, and no body */
  CONFORM_RESETS,      /* RST_STREAM(code) on `stream`, and on no other */
  CONFORM_ENDS,        /* GOAWAY(code), and the end of the connection */
  CONFORM_CLOSES       /* the end of the connection, with or without GOAWAY */
} conform_end_kind;

#define CODE(name) (1u << GMUX__H2_##name)

typedef struct conform_end {
  conform_end_kind kind; /* what we do, and */
  uint32_t stream, code;
  const char *status;
  uint32_t may_reset, may_end; /* what the RFC permits: sets of CODE() */
  bool may_ignore;
} conform_end;

#define IGNORES                                                                                    \
  { .kind = CONFORM_IGNORES, .may_ignore = true }
#define SERVES(id)                                                                                 \
  { .kind = CONFORM_SERVES, .stream = id }
#define CLOSES                                                                                     \
  { .kind = CONFORM_CLOSES }
#define ANSWERS(id, http)                                                                          \
  { .kind = CONFORM_ANSWERS, .stream = id, .status = http }
/* A connection error: there is no choice. */
#define ENDS(name)                                                                                 \
  { .kind = CONFORM_ENDS, .code = GMUX__H2_##name, .may_end = CODE(name) }
/* A stream error. Any of them may be treated as a connection error (RFC 9113 section 5.4.1). */
#define RESETS(id, name)                                                                           \
  {                                                                                                \
    .kind = CONFORM_RESETS, .stream = id, .code = GMUX__H2_##name, .may_reset = CODE(name),        \
    .may_end = CODE(name)                                                                          \
  }
/* The same, and that is what is done. */
#define ENDS_FOR_STREAM(id, name)                                                                  \
  {                                                                                                \
    .kind = CONFORM_ENDS, .stream = id, .code = GMUX__H2_##name, .may_reset = CODE(name),          \
    .may_end = CODE(name)                                                                          \
  }
/* More than one code will do. */
#define RESETS_OF(id, name, resets, ends)                                                          \
  {                                                                                                \
    .kind = CONFORM_RESETS, .stream = id, .code = GMUX__H2_##name, .may_reset = resets,            \
    .may_end = ends                                                                                \
  }
#define ENDS_OF(name, ends)                                                                        \
  { .kind = CONFORM_ENDS, .code = GMUX__H2_##name, .may_end = ends }
/* It is an error that need not be taken for one. */
#define ENDS_OR_IGNORES(id, name, resets, ends)                                                    \
  {                                                                                                \
    .kind = CONFORM_ENDS, .stream = id, .code = GMUX__H2_##name, .may_reset = resets,              \
    .may_end = ends, .may_ignore = true                                                            \
  }
#define IGNORES_OR(id, resets, ends)                                                               \
  {                                                                                                \
    .kind = CONFORM_IGNORES, .stream = id, .may_reset = resets, .may_end = ends,                   \
    .may_ignore = true                                                                             \
  }

typedef struct conform_row {
  const char *section; /* of RFC 9113; "HPACK ..." of RFC 7541 */
  const char *title;
  conform_end end;
  const conform_step *script;
  void (*also)(void); /* asserts more about kit.peer; NULL: nothing */
  bool is_bare;       /* the script begins with the connection's first byte */
  bool is_last_id;    /* no other stream can follow */
  bool is_one_read;   /* it is about what arrives at once */
} conform_row;

typedef struct conform_table {
  const conform_row *rows;
  size_t count;
} conform_table;

extern const conform_table conform_connection, conform_streams, conform_frames, conform_windows,
    conform_messages, conform_http, conform_hpack, conform_client;

#define CONFORM_TABLE(rows)                                                                        \
  { rows, sizeof(rows) / sizeof *(rows) }

/* ---- running (conform_run.c) ---- */

typedef enum conform_way {
  CONFORM_CLEARTEXT = 0,
  CONFORM_TLS,
  CONFORM_BYTES_ALONE /* cleartext, each byte in a read of its own */
} conform_way;

/* In a world of its own, which kit_teardown ends. */
void conform_try(const conform_row *row, conform_way way);
/* The same for what a server says to a client, over cleartext; it ends its world. */
void conform_try_client(const conform_row *row, conform_way way);
/* Says these steps on kit.peer. */
void conform_say(const conform_step *steps);
/* What came of it on kit.peer is what the row wants. */
void conform_check_end(const conform_row *row);
/* kit.server's largest reply. */
enum { CONFORM_REPLY = 200000 };

#endif
