/*
 * storm_memory.c: memory is bounded by what goes on (QUEUES).
 *
 * Each thing has its price: a channel, a server, a connection, a call; and what calls that are not
 * over have written may lie in memory once at its sender and once at its receiver. What was needed
 * once is kept for the next ones (slabs), so the highest sum that calls have had so far counts.
 * Prices are about twice what is seen, for the growth of buffers. Memory of large messages that is
 * kept for the next ones is counted as it is: it has a bound of its own, and goes when it is idle.
 * So are windows that are wider than they began.
 */
#include "tests/sim/storm.h"
#include "tests/unit/memory.h"

enum {
  KIB = 1024,
  LOOP = 80 * KIB, /* above all its read buffer */
  CHANNEL = 32 * KIB,
  SERVER = 32 * KIB,
  END = 64 * KIB, /* of a link: nghttp2, header tables, what stands ahead of the socket */
  CALL = 16 * KIB /* of one side: its memory, its streams, up to 6000 bytes of metadata */
};

static size_t message_bytes(const storm_call *c, int direction, unsigned number) {
  const uint8_t *data;
  size_t len;
  storm_message_text(c->id, direction, number, &data, &len);
  return len;
}

static size_t written_bytes(const storm_call *c, int direction, unsigned count) {
  size_t sum = 0;
  for (unsigned i = 0; i < count; i++)
    sum += message_bytes(c, direction, i);
  return sum;
}

static bool call_is_there(const storm_call *c) {
  return c->handle || c->entry.ends == 0;
}

static bool served_is_there(const storm_served *s) {
  return s->is_held || !s->execution.is_over;
}

static size_t window_of(const gmux_channel_options *o) {
  return o->stream_window_bytes ? o->stream_window_bytes : 256 * KIB;
}

/* What an unruly server has sent is not known: a window of it may lie unread, and one message be
 * put together. */
static size_t price_of_call(const storm_call *c) {
  size_t price = CALL + 2 * written_bytes(c, STORM_TO_SERVER, c->written);
  if (c->is_elsewhere) price += window_of(&c->entry.channel->options) + 2 * st.max_bytes;
  return price;
}

/* Both what a call's client has written, and what its servers have. */
static size_t price_of_calls(void) {
  size_t sum = 0;
  for (size_t i = 0; i < st.call_count; i++) {
    const storm_call *c = st.started[i];
    if (call_is_there(c)) sum += price_of_call(c);
  }
  for (size_t i = 0; i < st.served_count; i++) {
    const storm_served *s = &st.served[i];
    if (!served_is_there(s) && !call_is_there(s->asked)) continue;
    sum += CALL + 2 * written_bytes(s->asked, STORM_TO_CLIENT, s->written);
    sum += 2 * written_bytes(s->asked, STORM_TO_SERVER, s->asked->written);
  }
  return sum;
}

static size_t price_of_world(void) {
  size_t sum = (size_t)st.loop_count * LOOP;
  for (const sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l))
    sum += 2 * END;
  for (size_t i = 0; i < st.book_count; i++)
    sum += CHANNEL * (1 + st.books[i].lane_count);
  for (size_t i = 0; i < st.life_count; i++)
    sum += SERVER;
  return sum;
}

void storm_law_of_memory(void) {
  size_t calls = price_of_calls();
  if (calls > st.price_of_calls) st.price_of_calls = calls;
  size_t most = price_of_world() + st.price_of_calls + ledger_spare();
  size_t there = test_alloc_bytes() - st.bytes_before;
  ledger_law(LAW_QUEUES, there <= most,
             "%zu bytes of memory are in use, for %zu of which there is a reason", there, most);
}
