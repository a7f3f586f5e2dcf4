/* unruly_conn.c: a connection of the unruly server: bytes in and out, and when. */
#include "lib/io/tls.h"
#include "tests/sim/unruly_inside.h"
#include "tests/sim/world.h"
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 16384, LATE_GREETING_MS = 2000, LATE_ACKS_MS = 3000 };

/* ---- out ---- */

void unruly_conn_frame(unruly_conn *c, uint8_t type, uint8_t flags, uint32_t stream,
                       const void *payload, size_t len) {
  if (unruly_conn_is_open(c)) rawbuf_frame(&c->out, type, flags, stream, payload, len);
}

void unruly_conn_frame_u32(unruly_conn *c, uint8_t type, uint32_t stream, uint32_t value) {
  uint8_t payload[4];
  raw_put_u32(payload, value);
  unruly_conn_frame(c, type, 0, stream, payload, sizeof payload);
}

void unruly_conn_settings(unruly_conn *c, const unruly_told *told) {
  rawbuf payload = {0};
  if (c->settings.count == UNRULY_TOLD) return; /* the client acknowledges nothing now */
  if (told->has_limit) rawbuf_setting(&payload, SETTING_MAX_STREAMS, told->limit);
  if (told->has_window) rawbuf_setting(&payload, SETTING_INITIAL_WINDOW, told->window);
  unruly_conn_frame(c, RAW_SETTINGS, 0, 0, payload.data, payload.len);
  rawbuf_deinit(&payload);
  c->settings.told[(c->settings.first + c->settings.count++) % UNRULY_TOLD] = *told;
}

void unruly_conn_ping(unruly_conn *c) {
  uint8_t payload[RAW_PING_BYTES] = {0};
  raw_put_u32(payload + 4, (uint32_t)++c->pings_sent);
  unruly_conn_frame(c, RAW_PING, 0, 0, payload, sizeof payload);
}

/* A server forgets its strikes when HEADERS or DATA have left. */
static void conn_forgive(unruly_conn *c) {
  for (int i = 0; i < 2; i++) {
    c->judges[i].last_ns = 0;
    c->judges[i].strikes = 0;
  }
}

/* So many bytes at the front of `out` have left. */
static void conn_note_left(unruly_conn *c, size_t taken) {
  for (size_t at = 0; at < taken;) {
    if (c->leaving.bytes == 0) {
      c->leaving.bytes = RAW_FRAME_HEAD + (raw_get_u32(c->out.data + at) >> 8);
      c->leaving.type = c->out.data[at + 3];
    }
    size_t step = c->leaving.bytes < taken - at ? c->leaving.bytes : taken - at;
    at += step;
    c->leaving.bytes -= step;
    bool is_answer = c->leaving.type == RAW_HEADERS || c->leaving.type == RAW_DATA;
    if (c->leaving.bytes == 0 && is_answer) conn_forgive(c);
  }
  rawbuf_consume(&c->out, taken);
}

/* What was offered and not taken has to be offered again. */
static size_t conn_offer(const unruly_conn *c) {
  if (c->until.dripping_ns == 0 || c->out.len < c->way.drip_bytes) return c->out.len;
  return c->offered > c->way.drip_bytes ? c->offered : c->way.drip_bytes;
}

static void conn_write(unruly_conn *c) {
  while (c->out.len > 0 && c->until.drip_ns == 0) {
    gmux__slice slice = {c->out.data, conn_offer(c)};
    ptrdiff_t n = gmux__transport_write(c->transport, &slice, 1);
    if (n == GMUX_ERR_AGAIN) {
      c->offered = slice.len;
      return;
    }
    if (n < 0) {
      unruly_conn_close(c);
      return;
    }
    c->offered = slice.len - (size_t)n;
    conn_note_left(c, (size_t)n);
    if (c->until.dripping_ns != 0) c->until.drip_ns = unruly_now(c->u) + c->way.drip_pause_ns + 1;
  }
}

static void conn_end(unruly_conn *c) {
  c->is_ended = true;
  gmux__transport_shutdown(c->transport);
}

/* ---- when ---- */

static void take_earlier(uint64_t *next_ns, uint64_t at_ns) {
  if (at_ns != 0 && at_ns < *next_ns) *next_ns = at_ns;
}

static void conn_update(unruly_conn *c) {
  unsigned events = 0;
  if (c->is_secure && c->until.deaf_ns == 0) events |= GMUX__READABLE;
  if (c->out.len > 0 && c->until.drip_ns == 0) events |= GMUX__WRITABLE;
  if (c->is_secure) gmux__transport_want(c->transport, events);
  uint64_t next_ns = GMUX__NEVER;
  const uint64_t times[] = {c->until.silent_ns, c->until.starving_ns, c->until.without_acks_ns,
                            c->until.deaf_ns,   c->until.dripping_ns, c->until.drip_ns,
                            c->until.closed_ns, c->until.narrow_ns,   c->away.second_ns};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    take_earlier(&next_ns, times[i]);
  gmux__timer_set(c->u->loop, &c->timer, next_ns);
}

/* False: the connection is over. */
static bool conn_write_all(unruly_conn *c) {
  for (size_t before = SIZE_MAX; c->transport && c->out.len != before;) {
    if (c->is_secure) conn_write(c);
    before = c->out.len;
    if (c->transport) unruly_streams_pump(c); /* where there is room now */
  }
  return c->transport != NULL;
}

void unruly_conn_flush(unruly_conn *c) {
  if (!conn_write_all(c)) return;
  if (c->is_ending && !c->is_ended && c->out.len == 0) conn_end(c);
  conn_update(c);
}

static bool is_due(const unruly_conn *c, uint64_t *at_ns) {
  if (*at_ns == 0 || *at_ns > unruly_now(c->u)) return false;
  *at_ns = 0;
  return true;
}

static void conn_on_timer(void *arg) {
  unruly_conn *c = arg;
  if (is_due(c, &c->until.closed_ns)) {
    unruly_conn_close(c);
    return;
  }
  is_due(c, &c->until.deaf_ns);
  is_due(c, &c->until.dripping_ns);
  is_due(c, &c->until.drip_ns);
  if (is_due(c, &c->until.silent_ns)) unruly_conn_greet(c);
  is_due(c, &c->until.starving_ns);
  is_due(c, &c->until.without_acks_ns);
  unruly_conn_give_windows(c);
  if (c->until.without_acks_ns == 0 && c->has_greeted) unruly_conn_ack_all(c);
  if (is_due(c, &c->until.narrow_ns))
    unruly_conn_settings(c, &(unruly_told){.has_limit = true, .limit = CALM_LIMIT});
  if (is_due(c, &c->away.second_ns)) unruly_goaway_last(c);
  unruly_conn_flush(c);
}

/* ---- in ---- */

static bool conn_handshake(unruly_conn *c) {
  int error = gmux__transport_handshake(c->transport);
  if (error == GMUX_ERR_AGAIN) return false;
  c->is_secure = error == 0;
  if (error) unruly_conn_close(c);
  return c->is_secure;
}

/* What comes after the client's end can only be its close. */
static void conn_read(unruly_conn *c) {
  uint8_t buf[READ_BYTES];
  ptrdiff_t n = gmux__transport_read(c->transport, buf, sizeof buf);
  if (n == GMUX_ERR_AGAIN) return;
  if (n < 0) {
    unruly_conn_close(c);
    return;
  }
  rawcutter_feed(&c->cutter, buf, (size_t)n);
  if (c->transport) unruly_conn_give_windows(c);
}

static void conn_on_ready(void *owner, unsigned events) {
  unruly_conn *c = owner;
  if (!c->is_secure && !conn_handshake(c)) return;
  if (events & GMUX__READABLE && c->until.deaf_ns == 0) conn_read(c);
  unruly_conn_flush(c);
}

/* ---- its life ---- */

/* Whether it has this fault, which is counted. */
static bool has_fault(unruly_conn *c, unruly_fault fault, unsigned percent) {
  unruly_fault always = c->u->options.always;
  if (always >= UNRULY_DEEDS ? always != fault : !unruly_chance(&c->random, percent)) return false;
  unruly_count(c->u, fault);
  return true;
}

static void conn_draw_frames(unruly_conn *c) {
  uint64_t *random = &c->random;
  size_t least = c->u->options.max_bytes / 60 + 1;
  if (4 * least <= FRAME_MAX && has_fault(c, UNRULY_SMALL_FRAMES, 30))
    c->way.frame_bytes = least + (size_t)unruly_below(random, 3 * least);
  if (has_fault(c, UNRULY_PADDING, 30))
    c->way.padding = (uint8_t)(1 + unruly_below(random, UINT8_MAX));
  c->way.has_empty_frames = has_fault(c, UNRULY_EMPTY_FRAMES, 20);
  c->way.cuts_blocks = has_fault(c, UNRULY_CONTINUATION, 20);
}

static void conn_draw_greeting(unruly_conn *c) {
  uint64_t *random = &c->random, now_ns = unruly_now(c->u);
  c->is_mute = has_fault(c, UNRULY_NO_GREETING, 4);
  if (has_fault(c, UNRULY_LATE_GREETING, 10))
    c->until.silent_ns = now_ns + 1 + unruly_while_ns(random, LATE_GREETING_MS);
  if (has_fault(c, UNRULY_LATE_ACKS, 10))
    c->until.without_acks_ns = now_ns + 1 + unruly_while_ns(random, LATE_ACKS_MS);
}

static void conn_draw_window(unruly_conn *c) {
  size_t least = c->u->options.max_bytes / 30 + 1;
  if (has_fault(c, UNRULY_SMALL_WINDOW, 30))
    c->way.window = (uint32_t)(least + unruly_below(&c->random, 3 * least));
}

/* What it is by nature. In calm, and for most, nothing special. */
static void conn_draw(unruly_conn *c) {
  c->way.frame_bytes = FRAME_MAX;
  c->way.window = DEFAULT_WINDOW;
  bool is_asked = c->u->options.always >= UNRULY_DEEDS && !c->u->is_calm;
  if (!is_asked && !unruly_is_wild(c->u, &c->random)) return;
  conn_draw_frames(c);
  conn_draw_greeting(c);
  conn_draw_window(c);
}

static uint32_t draw_limit(unruly_conn *c) {
  static const uint32_t limits[] = {1, 2, 3, 5, 100};
  return limits[unruly_below(&c->random, sizeof limits / sizeof *limits)];
}

void unruly_conn_greet(unruly_conn *c) {
  if (c->has_greeted) return;
  c->has_greeted = true;
  unruly_told told = {0};
  bool is_wild = unruly_is_wild(c->u, &c->random);
  told.has_limit = is_wild || unruly_chance(&c->random, 50);
  told.limit = is_wild ? draw_limit(c) : CALM_LIMIT;
  told.has_window = c->way.window != DEFAULT_WINDOW;
  if (told.has_window && unruly_chance(&c->random, 70)) told.window = c->way.window;
  unruly_conn_settings(c, &told);
  if (!c->u->is_calm && has_fault(c, UNRULY_GOAWAY_AT_ONCE, is_wild ? 5 : 0))
    unruly_goaway(c, &c->random);
}

static gmux__transport *wrap(unruly *u, gmux__transport *plain) {
  gmux__transport *transport = NULL;
  if (!u->options.tls) return plain;
  if (gmux__tls_wrap(&transport, u->options.tls, plain, NULL) == 0) return transport;
  gmux__transport_close(plain);
  return NULL;
}

static void conn_init(unruly_conn *c, gmux__transport *transport) {
  c->transport = transport;
  transport->on_ready = conn_on_ready;
  transport->owner = c;
  gmux__timer_init(&c->timer, conn_on_timer, c);
  rawcutter_init(&c->cutter, &unruly_frames, c, true);
  c->settings.limit = UINT32_MAX;
  c->settings.window = c->client_window = DEFAULT_WINDOW;
  c->in_window = c->out_window = c->most_out_window = DEFAULT_WINDOW;
  c->away.last = INT32_MAX;
  c->judges[1].is_core = true;
}

void unruly_conn_new(unruly *u, gmux__transport *plain) {
  sim_link *wire = sim_link_of(plain);
  gmux__transport *transport = wrap(u, plain);
  if (!transport) return;
  unruly_conn *c = sim_alloc(sizeof *c);
  c->u = u;
  c->wire = wire;
  c->random = unruly_mix(u->seed, u->conn_count++);
  gmux__list_append(&u->conns, &c->link);
  conn_init(c, transport);
  conn_draw(c);
  if (!c->is_mute && c->until.silent_ns == 0) unruly_conn_greet(c);
  if (conn_handshake(c)) unruly_conn_flush(c);
}

static void free_streams(unruly_conn *c) {
  while (c->streams.first)
    unruly_stream_free(gmux__container(c->streams.first, unruly_stream, link));
}

void unruly_conn_close(unruly_conn *c) {
  if (!c->transport) return;
  gmux__transport_close(c->transport);
  c->transport = NULL;
  rawcutter_stop(&c->cutter);
  gmux__timer_clear(c->u->loop, &c->timer);
  free_streams(c);
}

void unruly_conn_end(unruly_conn *c) {
  c->is_ending = true;
  free_streams(c);
}

void unruly_conn_free(unruly_conn *c) {
  unruly_conn_close(c);
  gmux__list_remove(&c->link);
  rawcutter_deinit(&c->cutter);
  rawbuf_deinit(&c->out);
  free(c);
}
