/*
 * ring.h: the last events of one connection, or of a channel, for explaining afterwards what
 * happened to it.
 *
 * Fixed size, no allocation, no formatting when written: an event is a time, a kind and two
 * numbers. Each reader formats them (gmux__event_str). Streams that come and go in good order are
 * no events: under load they would be all there is.
 */
#ifndef GMUX__WATCH_RING_H
#define GMUX__WATCH_RING_H

#include <stddef.h>
#include <stdint.h>

typedef enum gmux__event_kind {
  GMUX__EVENT_NONE = 0,
  GMUX__EVENT_STATE,           /* a: new connection state */
  GMUX__EVENT_SETTINGS,        /* a: MAX_CONCURRENT_STREAMS, b: INITIAL_WINDOW_SIZE */
  GMUX__EVENT_RST_SENT,        /* a: stream id, b: HTTP/2 code */
  GMUX__EVENT_RST_RECEIVED,    /* a: stream id, b: HTTP/2 code */
  GMUX__EVENT_GOAWAY_SENT,     /* a: last stream id, b: HTTP/2 code */
  GMUX__EVENT_GOAWAY_RECEIVED, /* a: last stream id, b: HTTP/2 code */
  GMUX__EVENT_PING_SENT,
  GMUX__EVENT_PING_ACKED, /* a: round trip in microseconds */
  GMUX__EVENT_PING_RECEIVED,
  GMUX__EVENT_SUSPECT,  /* a: microseconds without a byte; a PING is unanswered */
  GMUX__EVENT_TRUSTED,  /* a: microseconds without a byte, until one came */
  GMUX__EVENT_EOF,      /* the peer ended its half of the transport */
  GMUX__EVENT_IO_ERROR, /* a: GMUX_ERR_* negated */
  /* Of a channel. */
  GMUX__EVENT_CHANNEL_STATE, /* a: new state of the channel */
  GMUX__EVENT_CONNECTED,     /* a: the connection's number */
  GMUX__EVENT_LOST,          /* a: the connection's number, b: gmux_loss */
  GMUX__EVENT_DIAL_FAILED    /* b: gmux_loss */
} gmux__event_kind;

typedef struct gmux__event {
  uint64_t at_ns;
  int64_t a, b;
  gmux__event_kind kind;
} gmux__event;

enum { GMUX__RING_EVENTS = 32 }; /* a power of two; 1 KiB a connection */

/* All zero is an empty one. */
typedef struct gmux__ring {
  gmux__event events[GMUX__RING_EVENTS];
  uint64_t written; /* how many ever; the newest is events[(written - 1) % GMUX__RING_EVENTS] */
} gmux__ring;

const char *gmux__event_kind_str(gmux__event_kind kind);
void gmux__ring_add(gmux__ring *ring, uint64_t at_ns, gmux__event_kind kind, int64_t a, int64_t b);
/* How many can still be read, and the i-th of them, oldest first; NULL beyond. */
size_t gmux__ring_count(const gmux__ring *ring);
const gmux__event *gmux__ring_at(const gmux__ring *ring, size_t i);
/* What it says, without its time: "GOAWAY received: last stream 7, code 0". Cut to fit. */
void gmux__event_str(const gmux__event *event, char *text, size_t len);

#endif
