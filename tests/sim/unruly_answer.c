/* unruly_answer.c: what becomes of a call at the unruly server: drawn when it comes, then done step
 * by step. */
#include "tests/sim/unruly_inside.h"
#include <assert.h>

enum { MOST_MESSAGES = 6, DECENT_MS = 100, LONG_MS = 5000 };

/* ---- drawing ---- */

/* As a decent server would. */
static void draw_decent(unruly_stream *s) {
  uint64_t *random = &s->random;
  s->script = (unruly_script){
      .fault = UNRULY_FAULTS,
      .begins = (unruly_moment)unruly_below(random, 3),
      .delay_ns = unruly_while_ns(random, DECENT_MS),
      .pause_ns = unruly_chance(random, 30) ? unruly_while_ns(random, DECENT_MS) : 0,
      .executes = true,
      .messages = unruly_sends_one(s->kind) ? 1 : (unsigned)unruly_below(random, MOST_MESSAGES),
  };
}

static uint32_t draw_code(uint64_t *random) {
  static const uint32_t unknown = 0x1234;
  uint32_t code = (uint32_t)unruly_below(random, H2_CODES + 1);
  if (code == H2_REFUSED_STREAM || code == H2_CODES) return unknown;
  return code;
}

/* All that is left of the answer comes before it breaks off. */
static void draw_part(unruly_stream *s, unruly_ending ending) {
  s->script.ending = ending;
  s->script.messages = (unsigned)unruly_below(&s->random, s->script.messages + 1);
  s->script.is_cut = unruly_chance(&s->random, 50);
}

static void draw_refusal(unruly_stream *s, unruly_moment begins, uint32_t h2_code) {
  s->script.executes = false;
  s->script.begins = begins;
  s->script.h2_code = h2_code;
}

static void draw_error(unruly_stream *s) {
  s->script.code = (gmux_code)(1 + unruly_below(&s->random, 16));
  s->script.is_early = unruly_chance(&s->random, 50);
  s->script.messages = (unsigned)unruly_below(&s->random, s->script.messages + 1);
}

static void draw_fault(unruly_stream *s) {
  unruly_script *script = &s->script;
  uint64_t *random = &s->random;
  switch (script->fault) {
  case UNRULY_REFUSED:
    draw_refusal(s, AT_HEADERS, H2_REFUSED_STREAM);
    return;
  case UNRULY_REFUSED_LATE:
    draw_refusal(s, (unruly_moment)(AT_MESSAGE + unruly_below(random, 2)), H2_REFUSED_STREAM);
    return;
  case UNRULY_RESET_UNEXECUTED:
    draw_refusal(s, script->begins, draw_code(random));
    return;
  case UNRULY_RESET_EXECUTED:
    draw_part(s, ENDING_RESET);
    script->h2_code = draw_code(random);
    return;
  case UNRULY_ERROR:
    draw_error(s);
    return;
  case UNRULY_ERROR_ONLY:
    draw_error(s);
    script->messages = 0;
    script->is_trailers_only = true;
    return;
  case UNRULY_EARLY:
    if (unruly_chance(random, 30)) draw_error(s);
    script->begins = AT_HEADERS;
    script->is_early = true;
    return;
  case UNRULY_INFORMATIONAL:
    script->is_informed = true;
    return;
  case UNRULY_NO_TRAILERS:
    draw_part(s, ENDING_NO_TRAILERS);
    script->is_cut = false;
    return;
  case UNRULY_CUT_MESSAGE:
    draw_part(s, ENDING_CUT_MESSAGE);
    script->is_cut = true;
    return;
  case UNRULY_WRONG_COUNT:
    if (unruly_sends_one(s->kind)) script->messages = unruly_chance(random, 50) ? 0 : 2;
    return;
  case UNRULY_BROKEN_OFF:
    draw_part(s, ENDING_BROKEN_OFF);
    return;
  case UNRULY_GOAWAY_INSTEAD:
    draw_part(s, ENDING_GOAWAY);
    return;
  case UNRULY_SILENT:
    draw_part(s, ENDING_NEVER);
    script->is_cut = false;
    return;
  default:
    return;
  }
}

void unruly_stream_draw(unruly_stream *s) {
  const unruly *u = s->conn->u;
  unruly_fault always = u->options.always;
  draw_decent(s);
  if (always >= UNRULY_NATURES && !u->is_calm) {
    s->script.fault = always;
  } else if (unruly_is_wild(u, &s->random)) {
    if (unruly_chance(&s->random, 10)) s->script.delay_ns = unruly_while_ns(&s->random, LONG_MS);
    uint64_t count = UNRULY_FAULTS - UNRULY_NATURES;
    s->script.fault = (unruly_fault)(UNRULY_NATURES + unruly_below(&s->random, count));
  }
  draw_fault(s);
}

/* ---- doing ---- */

/* Counted when it is done: the client may go before. */
static void count_fault(unruly_stream *s) {
  unruly_fault fault = s->script.fault;
  s->script.fault = UNRULY_FAULTS;
  bool is_other = fault == UNRULY_INFORMATIONAL || fault == UNRULY_FAULTS ||
                  (fault == UNRULY_WRONG_COUNT && !unruly_sends_one(s->kind)) ||
                  (fault == UNRULY_EARLY && s->is_client_done);
  if (!is_other) unruly_count(s->conn->u, fault);
}

/* END_STREAM is out. RFC 9113, 8.1: a server that has answered early may ask for no more. */
static void stream_done(unruly_stream *s) {
  s->is_done = true;
  if (s->is_client_done)
    unruly_stream_free(s);
  else if (unruly_chance(&s->random, 50))
    unruly_stream_reset(s, H2_NO_ERROR);
}

static void break_off(unruly_stream *s) {
  unruly_conn *c = s->conn;
  if (s->script.ending == ENDING_GOAWAY) unruly_goaway(c, &s->random);
  if (unruly_chance(&c->random, 50))
    unruly_conn_end(c);
  else
    unruly_conn_close(c);
}

static void stream_end(unruly_stream *s) {
  count_fault(s);
  if (s->script.is_cut) unruly_stream_send_half_message(s);
  switch (s->script.ending) {
  case ENDING_STATUS:
    unruly_stream_send_status(s, s->script.code, s->script.is_trailers_only);
    stream_done(s);
    return;
  case ENDING_CUT_MESSAGE:
    unruly_stream_send_status(s, GMUX_OK, false);
    stream_done(s);
    return;
  case ENDING_NO_TRAILERS:
    unruly_stream_send_end(s);
    stream_done(s);
    return;
  case ENDING_RESET:
    unruly_stream_reset(s, s->script.h2_code);
    return;
  case ENDING_BROKEN_OFF:
  case ENDING_GOAWAY:
    break_off(s);
    return;
  case ENDING_NEVER:
    s->is_silent = true;
    return;
  }
}

static bool waits_for_client(const unruly_stream *s) {
  return s->script.ending == ENDING_STATUS && !s->script.is_early && !s->is_client_done;
}

/* As far as it goes now. The stream, or the connection, may be gone then. */
static void stream_step(unruly_stream *s) {
  if (s->is_done || s->is_silent) return;
  s->is_full = !s->conn->has_greeted; /* an eager call is answered behind our SETTINGS */
  if (s->is_full) return;
  if (!s->has_begun) {
    if (!s->script.executes) count_fault(s);
    bool executes = s->script.executes;
    unruly_stream_begin(s);
    if (!executes) return;
  }
  while (s->out.messages < s->script.messages) {
    if (!unruly_stream_send_message(s)) return;
    if (s->script.pause_ns == 0) continue;
    gmux__timer_set(s->conn->u->loop, &s->timer, unruly_now(s->conn->u) + s->script.pause_ns);
    return;
  }
  if (waits_for_client(s)) return;
  stream_end(s);
}

static void on_timer(void *arg) {
  unruly_stream *s = arg;
  unruly_conn *c = s->conn;
  stream_step(s);
  unruly_conn_flush(c);
}

void unruly_stream_on_moment(unruly_stream *s, unruly_moment moment) {
  if (moment == AT_HEADERS) gmux__timer_init(&s->timer, on_timer, s);
  if (gmux__timer_is_set(&s->timer) || moment < s->script.begins || s->is_full) return;
  uint64_t delay_ns = s->has_begun ? 0 : s->script.delay_ns;
  gmux__timer_set(s->conn->u->loop, &s->timer, unruly_now(s->conn->u) + delay_ns);
}

void unruly_streams_pump(unruly_conn *c) {
  for (gmux__link *l = c->streams.first, *next; l; l = next) {
    next = l->next;
    unruly_stream *s = gmux__container(l, unruly_stream, link);
    if (!s->is_full) continue;
    s->is_full = false;
    stream_step(s);
    if (!unruly_conn_is_open(c)) return; /* the others are gone, too */
  }
}

/* ---- calm ---- */

/* What was drawn is forgotten: it is answered well, as far as that can still be. */
void unruly_stream_calm(unruly_stream *s) {
  unruly_script *script = &s->script;
  unsigned least = unruly_sends_one(s->kind) ? 1 : 0;
  if (s->is_done) return;
  *script = (unruly_script){.fault = UNRULY_FAULTS, .executes = true, .begins = script->begins};
  script->messages = s->out.messages + (s->out.at > 0);
  if (script->messages < least) script->messages = least;
  s->is_silent = false;
  if (!s->is_full) gmux__timer_set(s->conn->u->loop, &s->timer, unruly_now(s->conn->u));
}
