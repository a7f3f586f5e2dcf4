/* unruly_deed.c: what is done to a connection of the unruly server. */
#include "tests/sim/unruly_inside.h"
#include <assert.h>
#include <string.h>

enum { TIME_MS = 5000, SECOND_STEP_MS = 10000 };

static uint64_t a_while(const unruly_conn *c, uint64_t *random) {
  return unruly_now(c->u) + 1 + unruly_while_ns(random, TIME_MS);
}

/* ---- GOAWAY ---- */

/* Those that it passes over are not executed any more. */
static void drop_above(unruly_conn *c, uint32_t last) {
  for (gmux__link *l = c->streams.first, *next; l; l = next) {
    next = l->next;
    unruly_stream *s = gmux__container(l, unruly_stream, link);
    if (s->number <= last) continue;
    assert(!s->is_executed);
    c->u->options.handlers->on_refused(s->id, c->u->options.user_data);
    unruly_stream_free(s);
  }
}

static void send_goaway(unruly_conn *c, uint32_t last, uint32_t code, const char *text) {
  assert(last >= c->top_executed && last <= c->away.last); /* honest, and not raised */
  rawbuf payload = {0};
  uint8_t head[8];
  raw_put_u32(head, last);
  raw_put_u32(head + 4, code);
  rawbuf_append(&payload, head, sizeof head);
  rawbuf_append(&payload, text, strlen(text));
  unruly_conn_frame(c, RAW_GOAWAY, 0, 0, payload.data, payload.len);
  rawbuf_deinit(&payload);
  c->away.is_told = true;
  c->away.last = last;
  drop_above(c, last);
}

/* Nothing that the client sends behind the answer to this PING may open a stream. */
static void send_fence(unruly_conn *c) {
  if (c->away.fence != 0) return;
  unruly_conn_ping(c);
  c->away.fence = c->pings_sent;
}

static uint32_t lower(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* From the last that was executed to the highest there is; ids of a client are odd, or 0. */
static uint32_t draw_last(const unruly_conn *c, uint64_t *random) {
  uint32_t least = c->top_executed, seen = lower(c->top_stream, c->away.last);
  if (seen < least) seen = least;
  switch (unruly_below(random, 5)) {
  case 0:
    return least;
  case 1:
    return seen;
  case 2:
    return seen - 2 * (uint32_t)unruly_below(random, (seen - least) / 2 + 1);
  case 3:
    return lower((seen | 1) + 2 * (uint32_t)unruly_below(random, 4), c->away.last);
  default:
    return c->away.last;
  }
}

static const char *draw_text(uint64_t *random) {
  static const char long_text[] =
      "a very long explanation of why this connection has to end, in which nothing is said that "
      "anybody would ever want to know, but which goes on for quite some time all the same";
  static const char *const texts[] = {"",        "max_age",       "server shutting down",
                                      long_text, "too_many_ping", "\xff\x01 not \x7f text"};
  return texts[unruly_below(random, sizeof texts / sizeof *texts)];
}

static uint32_t draw_code(uint64_t *random) {
  static const uint32_t unknown = 0x7fff;
  uint32_t code = (uint32_t)unruly_below(random, H2_CODES + 1);
  return unruly_chance(random, 30) ? H2_NO_ERROR : code < H2_CODES ? code : unknown;
}

void unruly_goaway(unruly_conn *c, uint64_t *random) {
  send_goaway(c, draw_last(c, random), draw_code(random), draw_text(random));
  if (unruly_chance(random, 70)) send_fence(c);
}

static bool goaway_first(unruly_conn *c, uint64_t *random) {
  if (c->away.is_told) return false;
  unruly_goaway(c, random);
  return true;
}

static bool goaway_lowered(unruly_conn *c, uint64_t *random) {
  if (!c->away.is_told || c->away.last == c->top_executed || c->away.second_ns != 0) return false;
  uint32_t last = draw_last(c, random);
  send_goaway(c, last, draw_code(random), draw_text(random));
  return true;
}

static void end_somehow(unruly_conn *c, uint64_t *random) {
  switch (unruly_below(random, 3)) {
  case 0:
    unruly_conn_end(c);
    return;
  case 1:
    c->until.closed_ns = a_while(c, random);
    return;
  default:
    unruly_conn_flush(c);
    unruly_conn_close(c);
    return;
  }
}

static bool goaway_close(unruly_conn *c, uint64_t *random) {
  unruly_goaway(c, random);
  end_somehow(c, random);
  return true;
}

static bool goaway_two_steps(unruly_conn *c) {
  if (c->away.is_told) return false;
  send_goaway(c, INT32_MAX, H2_NO_ERROR, "max_age");
  send_fence(c);
  c->away.second_ns = unruly_now(c->u) + SECOND_STEP_MS * GMUX__NS_PER_MS;
  return true;
}

void unruly_goaway_last(unruly_conn *c) {
  uint32_t last = c->top_stream > c->top_executed ? c->top_stream : c->top_executed;
  if (unruly_conn_is_open(c)) send_goaway(c, lower(last, c->away.last), H2_NO_ERROR, "max_age");
}

static bool too_many_pings(unruly_conn *c) {
  send_goaway(c, lower(c->top_stream, c->away.last), H2_ENHANCE_YOUR_CALM, "too_many_pings");
  unruly_conn_end(c);
  return true;
}

/* ---- calls ---- */

static bool refuse(unruly_conn *c) {
  bool is_done = false;
  for (gmux__link *l = c->streams.first, *next; l; l = next) {
    next = l->next;
    unruly_stream *s = gmux__container(l, unruly_stream, link);
    if (s->is_executed) continue;
    unruly_stream_refuse(s);
    is_done = true;
  }
  return is_done;
}

static bool reset(unruly_conn *c, uint64_t *random) {
  if (c->streams.count == 0) return false;
  gmux__link *l = c->streams.first;
  for (uint64_t n = unruly_below(random, c->streams.count); n > 0; n--)
    l = l->next;
  uint32_t code = draw_code(random);
  unruly_stream_reset(gmux__container(l, unruly_stream, link),
                      code == H2_REFUSED_STREAM ? H2_NO_ERROR : code);
  return true;
}

/* ---- limits and windows ---- */

/* The client acknowledges nothing; there has to be room for what calm says. */
static bool is_unheard(const unruly_conn *c) {
  return c->settings.count > UNRULY_TOLD / 2 && !c->u->is_calm;
}

static bool set_limit(unruly_conn *c, uint32_t limit) {
  if (is_unheard(c)) return false;
  unruly_conn_settings(c, &(unruly_told){.has_limit = true, .limit = limit});
  c->until.narrow_ns = 0;
  return true;
}

static uint32_t limit_below(const unruly_conn *c, uint64_t *random) {
  uint32_t running = (uint32_t)c->streams.count;
  return 1 + (uint32_t)unruly_below(random, running > 1 ? running : 1);
}

static bool limit_zero(unruly_conn *c, uint64_t *random) {
  if (!set_limit(c, 0)) return false;
  c->until.narrow_ns = a_while(c, random);
  return true;
}

static bool set_window(unruly_conn *c, uint32_t window) {
  if (is_unheard(c)) return false;
  unruly_conn_settings(c, &(unruly_told){.has_window = true, .window = window});
  return true;
}

static uint32_t window_above(const unruly_conn *c, uint64_t *random) {
  return c->settings.window + (uint32_t)unruly_below(random, 1 << 20);
}

/* ---- words ---- */

static bool ping_burst(unruly_conn *c, uint64_t *random) {
  for (uint64_t n = 1 + unruly_below(random, 40); n > 0; n--)
    unruly_conn_ping(c);
  return true;
}

/* Types from 0x40 on are nobody's. */
static void babble_about(unruly_conn *c, uint32_t stream, int64_t *window, uint64_t *random) {
  static const uint8_t words[] = {0, 0, 0, 0, 7, 'b', 'l', 'a'};
  uint8_t type = (uint8_t)(0x40 + unruly_below(random, 0xc0)),
          flags = (uint8_t)unruly_random(random);
  unruly_conn_frame(c, type, flags, stream, words, (size_t)unruly_below(random, sizeof words + 1));
  if (stream != 0) unruly_conn_frame(c, RAW_PRIORITY, 0, stream, words, 5);
  for (uint64_t n = unruly_below(random, 20); n > 0; n--, ++*window)
    unruly_conn_frame_u32(c, RAW_WINDOW_UPDATE, stream, 1);
}

/* Ids from 0x10 on are nobody's, and are to be ignored. */
static void babble_settings(unruly_conn *c, uint64_t *random) {
  rawbuf payload = {0};
  if (is_unheard(c)) return;
  for (uint64_t n = unruly_below(random, 4); n > 0; n--)
    rawbuf_setting(&payload, (uint16_t)(0x10 + unruly_below(random, 0xff00)),
                   (uint32_t)unruly_random(random));
  unruly_conn_frame(c, RAW_SETTINGS, 0, 0, payload.data, payload.len);
  rawbuf_deinit(&payload);
  c->settings.told[(c->settings.first + c->settings.count++) % UNRULY_TOLD] = (unruly_told){0};
}

static bool babble(unruly_conn *c, uint64_t *random) {
  babble_about(c, 0, &c->in_window, random);
  babble_settings(c, random);
  for (gmux__link *l = c->streams.first; l; l = l->next) {
    unruly_stream *s = gmux__container(l, unruly_stream, link);
    if (!s->is_client_done && !s->is_done) babble_about(c, s->number, &s->in.window, random);
  }
  return true;
}

/* ---- the transport ---- */

static bool drip(unruly_conn *c, uint64_t *random) {
  c->until.dripping_ns = a_while(c, random);
  c->way.drip_bytes = 1 + (size_t)unruly_below(random, c->u->options.max_bytes / 50 + 20);
  c->way.drip_pause_ns = unruly_while_ns(random, 10);
  return true;
}

static bool begin_until(uint64_t *until_ns, uint64_t at_ns) {
  if (*until_ns != 0) return false;
  *until_ns = at_ns;
  return true;
}

static bool close_now(unruly_conn *c) {
  unruly_conn_close(c);
  return true;
}

static bool close_hard(unruly_conn *c) {
  sim_link_reset(c->wire);
  unruly_conn_close(c);
  return true;
}

static bool close_half(unruly_conn *c) {
  unruly_conn_end(c);
  return true;
}

bool unruly_conn_do(unruly_conn *c, unruly_fault deed, uint64_t *random) {
  switch (deed) {
  case UNRULY_GOAWAY:
    return goaway_first(c, random);
  case UNRULY_GOAWAY_LOWERED:
    return goaway_lowered(c, random);
  case UNRULY_GOAWAY_CLOSE:
    return goaway_close(c, random);
  case UNRULY_GOAWAY_TWO_STEPS:
    return goaway_two_steps(c);
  case UNRULY_TOO_MANY_PINGS:
    return too_many_pings(c);
  case UNRULY_REFUSE:
    return refuse(c);
  case UNRULY_RESET:
    return reset(c, random);
  case UNRULY_LIMIT_UP:
    return set_limit(c, 1 + (uint32_t)c->streams.count + (uint32_t)unruly_below(random, 200));
  case UNRULY_LIMIT_DOWN:
    return set_limit(c, limit_below(c, random));
  case UNRULY_LIMIT_ZERO:
    return limit_zero(c, random);
  case UNRULY_WINDOW_UP:
    return set_window(c, window_above(c, random));
  case UNRULY_WINDOW_DOWN:
    return set_window(c, (uint32_t)unruly_below(random, c->settings.window + 1));
  case UNRULY_STARVE:
    return begin_until(&c->until.starving_ns, a_while(c, random));
  case UNRULY_PINGS:
    return ping_burst(c, random);
  case UNRULY_NO_ACKS:
    return begin_until(&c->until.without_acks_ns, a_while(c, random));
  case UNRULY_DEAF:
    return begin_until(&c->until.deaf_ns, a_while(c, random));
  case UNRULY_DRIP:
    return drip(c, random);
  case UNRULY_BABBLE:
    return babble(c, random);
  case UNRULY_CLOSE:
    return close_now(c);
  case UNRULY_ABORT:
    return close_hard(c);
  case UNRULY_HALF_CLOSE:
    return close_half(c);
  default:
    return false;
  }
}

/* ---- the end of it ---- */

void unruly_conn_drain(unruly_conn *c) {
  if (!c->has_greeted)
    unruly_conn_end(c);
  else
    goaway_two_steps(c);
  unruly_conn_flush(c);
}

void unruly_conn_calm(unruly_conn *c) {
  uint64_t closed_ns = c->until.closed_ns;
  memset(&c->until, 0, sizeof c->until);
  c->until.closed_ns = closed_ns;
  c->way.frame_bytes = FRAME_MAX;
  c->way.window = DEFAULT_WINDOW;
  unruly_conn_greet(c);
  set_limit(c, CALM_LIMIT);
  set_window(c, DEFAULT_WINDOW);
  unruly_conn_ack_all(c);
  unruly_conn_give_windows(c);
  for (gmux__link *l = c->streams.first; l; l = l->next)
    unruly_stream_calm(gmux__container(l, unruly_stream, link));
  unruly_conn_flush(c);
}
