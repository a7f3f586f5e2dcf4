/* ring.c: the last events of one connection. */
#include "lib/watch/ring.h"
#include <gmux/error.h>
#include <inttypes.h>
#include <stdio.h>

const char *gmux__event_kind_str(gmux__event_kind kind) {
  switch (kind) {
  case GMUX__EVENT_NONE:
    return "nothing";
  case GMUX__EVENT_STATE:
    return "state";
  case GMUX__EVENT_SETTINGS:
    return "SETTINGS received";
  case GMUX__EVENT_RST_SENT:
    return "RST_STREAM sent";
  case GMUX__EVENT_RST_RECEIVED:
    return "RST_STREAM received";
  case GMUX__EVENT_GOAWAY_SENT:
    return "GOAWAY sent";
  case GMUX__EVENT_GOAWAY_RECEIVED:
    return "GOAWAY received";
  case GMUX__EVENT_PING_SENT:
    return "PING sent";
  case GMUX__EVENT_PING_ACKED:
    return "PING acknowledged";
  case GMUX__EVENT_PING_RECEIVED:
    return "PING received";
  case GMUX__EVENT_SUSPECT:
    return "suspect";
  case GMUX__EVENT_TRUSTED:
    return "trusted again";
  case GMUX__EVENT_EOF:
    return "end of input";
  case GMUX__EVENT_IO_ERROR:
    return "input/output error";
  case GMUX__EVENT_CHANNEL_STATE:
    return "channel's state";
  case GMUX__EVENT_CONNECTED:
    return "connected";
  case GMUX__EVENT_LOST:
    return "connection ended";
  case GMUX__EVENT_DIAL_FAILED:
    return "attempt to connect failed";
  }
  return "unknown";
}

void gmux__ring_add(gmux__ring *ring, uint64_t at_ns, gmux__event_kind kind, int64_t a, int64_t b) {
  ring->events[ring->written++ % GMUX__RING_EVENTS] = (gmux__event){at_ns, a, b, kind};
}

size_t gmux__ring_count(const gmux__ring *ring) {
  return ring->written < GMUX__RING_EVENTS ? (size_t)ring->written : GMUX__RING_EVENTS;
}

const gmux__event *gmux__ring_at(const gmux__ring *ring, size_t i) {
  size_t count = gmux__ring_count(ring);
  if (i >= count) return NULL;
  return &ring->events[(ring->written - count + i) % GMUX__RING_EVENTS];
}

void gmux__event_str(const gmux__event *e, char *text, size_t len) {
  const char *kind = gmux__event_kind_str(e->kind);
  switch (e->kind) {
  case GMUX__EVENT_STATE:
  case GMUX__EVENT_CHANNEL_STATE:
    snprintf(text, len, "%s %" PRId64, kind, e->a);
    return;
  case GMUX__EVENT_CONNECTED:
    snprintf(text, len, "%s: connection %" PRId64, kind, e->a);
    return;
  case GMUX__EVENT_LOST:
    snprintf(text, len, "%s: connection %" PRId64 ", cause %" PRId64, kind, e->a, e->b);
    return;
  case GMUX__EVENT_DIAL_FAILED:
    snprintf(text, len, "%s: cause %" PRId64, kind, e->b);
    return;
  case GMUX__EVENT_SETTINGS:
    snprintf(text, len, "%s: %" PRId64 " streams, window %" PRId64, kind, e->a, e->b);
    return;
  case GMUX__EVENT_RST_SENT:
  case GMUX__EVENT_RST_RECEIVED:
    snprintf(text, len, "%s: %" PRId64 ", code %" PRId64, kind, e->a, e->b);
    return;
  case GMUX__EVENT_GOAWAY_SENT:
  case GMUX__EVENT_GOAWAY_RECEIVED:
    snprintf(text, len, "%s: last stream %" PRId64 ", code %" PRId64, kind, e->a, e->b);
    return;
  case GMUX__EVENT_PING_ACKED:
    snprintf(text, len, "%s after %" PRId64 " us", kind, e->a);
    return;
  case GMUX__EVENT_SUSPECT:
  case GMUX__EVENT_TRUSTED:
    snprintf(text, len, "%s: %" PRId64 " us without a byte", kind, e->a);
    return;
  case GMUX__EVENT_IO_ERROR:
    snprintf(text, len, "%s: %s", kind, gmux_strerror((int)-e->a));
    return;
  case GMUX__EVENT_NONE:
  case GMUX__EVENT_PING_SENT:
  case GMUX__EVENT_PING_RECEIVED:
  case GMUX__EVENT_EOF:
    break;
  }
  snprintf(text, len, "%s", kind);
}
