/* session.h: a server that is reached, and what all calls to it have in common. */
#ifndef TOOL_SESSION_H
#define TOOL_SESSION_H

#include "tools/gmux/problem.h"
#include "tools/gmux/reach.h"

typedef struct session {
  reach reach;
  const char *target;
  gmux_channel_options channel_options;
  gmux_call_options call_options; /* metadata, deadline */
  gmux_metadata *metadata;        /* of the options, and the session's */
  gmux_loop *loop;                /* of a thread of its own */
  gmux_channel *channel;
  gmux_code failed; /* other than OK: a call for types has */
  problem why;
  gmux_call_explanation first; /* of the first call: the one that waited for a connection */
} session;

/* What getopt_long gives for one of them. */
enum {
  SESSION_HEADER = 'H',
  SESSION_TIMEOUT = 1200,
  SESSION_TIMEOUT_MS,
  SESSION_WAIT,
  SESSION_AUTHORITY,
  SESSION_USER_AGENT
};

/* Of getopt_long's short options, and members of an array of struct option. */
#define SESSION_SHORT "H:"
#define SESSION_OPTIONS                                                                            \
  REACH_OPTIONS, {"header", 1, NULL, SESSION_HEADER}, {"authority", 1, NULL, SESSION_AUTHORITY},   \
      {"user-agent", 1, NULL, SESSION_USER_AGENT}, {"timeout", 1, NULL, SESSION_TIMEOUT},          \
      {"timeout-ms", 1, NULL, SESSION_TIMEOUT_MS}, {                                               \
    "wait-for-ready", 0, NULL, SESSION_WAIT                                                        \
  }

/* Lines of a usage. */
#define SESSION_USAGE                                                                              \
  REACH_USAGE                                                                                      \
  "  -H 'NAME: VALUE'      metadata, as often as wanted; of NAME-bin the value is base64\n"        \
  "  --timeout TIME        give up after 1.5s, 200ms, 2m; a bare number is seconds\n"              \
  "  --authority NAME      :authority of every call, for virtual hosts\n"                          \
  "  --user-agent TEXT     said before gmux's own\n"                                               \
  "  --wait-for-ready      wait for a server that cannot be reached yet\n"

typedef enum session_taken { SESSION_NOT_MINE, SESSION_TAKEN, SESSION_WRONG } session_taken;

void session_init(session *s);
/* SESSION_WRONG: it has been complained of. */
session_taken session_take(session *s, int option, const char *value);
/* An exit code; unless it is EXIT_DONE it has been complained of. */
int session_open(session *s, const char *target);
/* Of each call, when it has ended. */
void session_note(session *s, gmux_call *call);
/* Also of one that was only initialised. */
void session_close(session *s);

#endif
