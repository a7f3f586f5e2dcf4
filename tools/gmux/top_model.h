/*
 * top_model.h: what a server shows by grpc.channelz.v1, as rows, and what is still to be asked.
 *
 * A poll begins with two questions: its servers, its top channels. Each answer adds rows, and a
 * question for each of them that has more to tell: a page's next page, a server's connections, a
 * connection's figures. When no question is left the poll is over.
 *
 * What is asked is not trusted. An object is taken once, by its kind and number; of a kind there
 * are so many at most; so are questions, so that neither channels in a ring nor pages without an
 * end keep a poll from ending. Numbers are brought into a range in which they can be added, names
 * are cut.
 */
#ifndef TOOL_TOP_MODEL_H
#define TOOL_TOP_MODEL_H

#include "grpc/channelz/v1/channelz.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum top_kind {
  TOP_SERVER = 0,
  TOP_CHANNEL,
  TOP_SUBCHANNEL,
  TOP_SOCKET, /* a connection, of a server's or of a subchannel */
  TOP_KINDS
} top_kind;

/* Numbers are positive. */
typedef struct top_key {
  top_kind kind;
  int64_t id; /* 0: nobody */
} top_key;

enum { TOP_NAME_ROOM = 96, TOP_UNKNOWN = -1 };

typedef struct top_row {
  top_key key, of;          /* `of`: who was asked when it was first met; nobody for the topmost */
  char name[TOP_NAME_ROOM]; /* target, peer, or the first address that is listened on; as it came */
  bool is_known;            /* else there is only its name: its answer was not asked for, or it went
                               before it was */
  unsigned state;           /* channels: ChannelConnectivityState */
  int64_t started, succeeded, failed; /* calls; of a socket: streams */
  int64_t running;                    /* started, and not ended */
  /* Sockets; TOP_UNKNOWN where it was not said. */
  int64_t sent, received, pings, window, peer_window, goaway;
  bool is_secure;
  /* Unix time in ms; 0: not said. */
  int64_t last_ms, since_ms;
} top_row;

typedef enum top_method {
  TOP_GET_SERVERS = 0,
  TOP_GET_SERVER_SOCKETS,
  TOP_GET_TOP_CHANNELS,
  TOP_GET_CHANNEL,
  TOP_GET_SUBCHANNEL,
  TOP_GET_SOCKET,
  TOP_METHODS
} top_method;

typedef struct top_question {
  top_method method;
  int64_t id;   /* of whom; 0 where a page of all is asked for */
  int64_t from; /* of a page: its first number may be this */
} top_question;

/* Results of a page, as many as servers give at most (gRPC A14). */
enum { TOP_PAGE = 100 };

typedef struct top_model {
  top_row *rows;
  size_t count, room;
  uint32_t *slots; /* by key: a row's number + 1 */
  size_t slot_count;
  size_t counts[TOP_KINDS];
  size_t max_sockets;
  bool is_cut[TOP_KINDS]; /* there were more than may be */
  top_question *questions;
  size_t question_count, question_room, next;
  uint64_t at_ns; /* monotonic: when the poll began */
} top_model;

/* Of the other kinds there are as many as of sockets, and TOP_OTHERS at most. */
enum { TOP_OTHERS = 1000 };
void top_model_init(top_model *m, size_t max_sockets);
void top_model_free(top_model *m);

/* Forgets all rows; the poll's first questions are asked. */
void top_model_begin(top_model *m, uint64_t now_ns);
/* What to ask next; false: nothing (as long as no further answer is taken). */
bool top_model_next(top_model *m, top_question *q);
/* An answer: the message of the method's type. */
void top_model_take(top_model *m, const top_question *q, const ProtobufCMessage *answer);

/* NULL: it is not there. Valid until the next row comes. */
const top_row *top_model_find(const top_model *m, top_key key);

#endif
