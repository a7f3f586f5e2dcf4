/*
 * error.h: the answer of a function.
 *
 * Every function that can fail returns 0 or one of the negative codes below; results go through out
 * parameters, which are set only on success. What became of a call is another matter: that is a
 * gmux_status (status.h), whose codes have similar names without the ERR (GMUX_ERR_NOT_FOUND: a
 * function did not find something; GMUX_NOT_FOUND: the server did not). A function that fails has
 * also left a sentence for the calling thread: gmux_last_error().
 */
#ifndef GMUX_ERROR_H
#define GMUX_ERROR_H

#include <gmux/api.h>

GMUX_BEGIN_DECLS

enum {
  GMUX_ERR_INVALID = -1,     /* an argument cannot be right; gmux_last_error() says which and why */
  GMUX_ERR_NOMEM = -2,       /* out of memory; nothing was changed */
  GMUX_ERR_AGAIN = -3,       /* not now: the queue is full, or nothing is there yet */
  GMUX_ERR_STATE = -4,       /* the object is past this: half-closed, finished, already started */
  GMUX_ERR_CLOSED = -5,      /* the channel, server, loop or connection is shut down */
  GMUX_ERR_DEADLOCK = -6,    /* a blocking function was called on the loop's own thread */
  GMUX_ERR_THREAD = -7,      /* a function of the loop was called from another thread */
  GMUX_ERR_TOO_LARGE = -8,   /* a message, metadata or queue is over its limit */
  GMUX_ERR_TIMEOUT = -9,     /* the time given was not enough */
  GMUX_ERR_CANCELLED = -10,  /* somebody on this side gave it up */
  GMUX_ERR_NOT_FOUND = -11,  /* no such file, name, method */
  GMUX_ERR_EXISTS = -12,     /* there is one of that name already; an address in use */
  GMUX_ERR_IO = -13,         /* the system refused: connect, bind, read, write */
  GMUX_ERR_EOF = -14,        /* the other side has ended, in good order */
  GMUX_ERR_RESOLVE = -15,    /* a name has no address, or the resolver could not be asked */
  GMUX_ERR_TLS = -16,        /* certificate, key, handshake, ALPN */
  GMUX_ERR_PROTOCOL = -17,   /* the peer broke HTTP/2 or gRPC, or bytes are not what they claim */
  GMUX_ERR_UNSUPPORTED = -18 /* well-formed, but not built in */
};

/* An error code in a few words ("out of memory"). Never NULL, never freed. Any thread. */
GMUX_API const char *gmux_strerror(int error);

/*
 * The sentence that the last gmux function that returned an error on this thread left: words that
 * say what to change, or at least those of gmux_strerror; "" when none has failed yet. Valid until
 * the next one fails on this thread. A function that succeeds does not clear it, so look at what
 * was returned first. Any thread.
 */
GMUX_API const char *gmux_last_error(void);

GMUX_END_DECLS

#endif
