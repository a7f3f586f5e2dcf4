/*
 * ledger_upkeep.c: UPKEEP, what is done to connections by time and by the application's wish, as it
 * is seen from inside after each turn: who is old, worn or idle goes, what is to be kept is there,
 * and a pause holds.
 *
 * By the loop's clock: its timers have fired when a turn is over. What a turn finds out at its end
 * is done in the next one.
 */
#include "lib/client/call.h"
#include "lib/client/channel.h"
#include "lib/h2/inside.h"
#include "lib/server/connection.h"
#include "lib/server/server.h"
#include "tests/sim/ledger.h"

typedef unsigned long long ull;

/* A state that stays for so many turns is not on its way to another. */
enum { TURNS_TO_ACT = 3 };

/* Ages and idle times are jittered by a tenth. */
static uint64_t at_most_ns(uint32_t ms) {
  return ms * GMUX__NS_PER_MS + ms * GMUX__NS_PER_MS / 10;
}

/* ---- what an application says ---- */

void ledger_channel_pause(ledger_channel *ch, bool is_paused) {
  for (size_t i = 0; i < ch->lane_count; i++)
    ledger_channel_pause(&ch->lanes[i], is_paused);
  ch->upkeep.is_paused = is_paused;
  if (!is_paused) ch->upkeep.was_paused = false;
}

/* Connections that are made by a loop that has not heard of it yet need not go. */
void ledger_channel_rotate(ledger_channel *ch) {
  for (size_t i = 0; i < ch->lane_count; i++)
    ledger_channel_rotate(&ch->lanes[i]);
  if (ch->lanes) return;
  ch->dials.is_rotated = true;
  ch->upkeep.rotated_ns = gmux__loop_now(ch->channel->loop);
}

/* From look to look, where nothing else was said in between. */
static void look_at_pause(ledger_channel *ch) {
  const gmux_channel *channel = ch->channel;
  uint64_t attempts = gmux__counter_get(&channel->shared.figures.attempts);
  bool is_paused = ch->upkeep.is_paused && channel->loop_only.is_paused;
  ledger_law_of_channel(ch, LAW_UPKEEP,
                        !is_paused || !ch->upkeep.was_paused || attempts == ch->upkeep.attempts,
                        "channel %d: a call was sent while the channel is paused", ch->number);
  ch->upkeep.was_paused = is_paused;
  ch->upkeep.attempts = attempts;
}

/* ---- a channel's connections ---- */

static const char *const overdue_words[LEDGER_OVERDUE] = {
    [LEDGER_OLD] = "is older than max_age_ms, and is not to be replaced",
    [LEDGER_WORN] = "has carried max_calls, and is not to be replaced",
    [LEDGER_ROTATED] = "was there when the channel was rotated, and is not to be replaced",
    [LEDGER_IDLE] = "is not needed for longer than max_idle_ms, and is not closed",
    [LEDGER_FEW] = "of min_connections is missing, and none is being made",
};

static bool is_old(const ledger_channel *ch, const gmux__line *line, uint64_t now_ns) {
  uint32_t max_age_ms = ch->options.max_age_ms;
  return max_age_ms > 0 && now_ns > line->ready_ns + at_most_ns(max_age_ms);
}

static bool is_spare(const ledger_channel *ch, const gmux__endpoint *e) {
  size_t keep = ch->options.min_connections ? ch->options.min_connections : 1;
  return gmux__endpoint_trusted(e) > keep;
}

static bool is_idle(const ledger_channel *ch, const gmux__line *line, uint64_t now_ns) {
  uint32_t max_idle_ms = ch->options.max_idle_ms;
  if (max_idle_ms == 0 || line->idle_since_ns == GMUX__NEVER) return false;
  return gmux__line_is_trusted(line) &&
         now_ns > line->idle_since_ns + max_idle_ms * GMUX__NS_PER_MS &&
         is_spare(ch, line->endpoint);
}

/* Bits of what is overdue with it. */
static unsigned overdue_with(const ledger_channel *ch, const gmux__line *line, uint64_t now_ns) {
  bool is_worn = ch->options.max_calls > 0 && line->calls >= ch->options.max_calls;
  bool is_rotated = line->ready_ns < ch->upkeep.rotated_ns;
  unsigned overdue = is_idle(ch, line, now_ns) ? 1u << LEDGER_IDLE : 0;
  if (line->recycle != GMUX__RECYCLE_NO) return overdue;
  if (is_old(ch, line, now_ns)) overdue |= 1u << LEDGER_OLD;
  if (is_worn) overdue |= 1u << LEDGER_WORN;
  if (is_rotated) overdue |= 1u << LEDGER_ROTATED;
  return overdue;
}

/* Nobody holds the next one back, and none is on its way. */
static bool has_few(const ledger_channel *ch, uint64_t now_ns) {
  const gmux_channel *channel = ch->channel;
  const gmux__endpoint *e = &channel->loop_only.endpoint;
  bool may_dial = e->is_started && !e->is_closed && !gmux__connector_is_on(&e->connector) &&
                  now_ns >= e->not_before_ns && channel->loop_only.state != GMUX_CHANNEL_IDLE;
  return may_dial && e->ready.count < ch->options.min_connections;
}

static unsigned overdue_of(const ledger_channel *ch) {
  const gmux__endpoint *e = &ch->channel->loop_only.endpoint;
  uint64_t now_ns = gmux__loop_now(ch->channel->loop);
  unsigned overdue = has_few(ch, now_ns) ? 1u << LEDGER_FEW : 0;
  for (const gmux__link *l = e->ready.first; l; l = l->next) {
    const gmux__line *line = gmux__line_of(l);
    if (line->conn->state == GMUX__CONN_READY) overdue |= overdue_with(ch, line, now_ns);
  }
  return overdue;
}

static void look_at_overdue(ledger_channel *ch) {
  unsigned overdue = overdue_of(ch);
  for (unsigned i = 0; i < LEDGER_OVERDUE; i++) {
    unsigned *turns = &ch->upkeep.overdue[i];
    *turns = overdue >> i & 1 ? *turns + 1 : 0;
    ledger_law_of_channel(ch, LAW_UPKEEP, *turns < TURNS_TO_ACT, "channel %d: a connection %s",
                          ch->number, overdue_words[i]);
  }
}

void ledger_upkeep_look(ledger_channel *ch) {
  look_at_pause(ch);
  look_at_overdue(ch);
}

/* ---- a server's connections ---- */

/* As in ledger_pool.c: who was not seen in this look or the last is none. */
static ledger_client *client_seen(ledger_server *sv, const gmux__server_conn *c) {
  uint64_t number = gmux__conn_number(c->conn);
  ledger_client *place = NULL;
  for (size_t i = 0; i < LEDGER_CLIENTS; i++) {
    ledger_client *seen = &sv->clients[i];
    if (seen->number == number) return seen;
    if (!place && seen->looked + 1 < sv->looks) place = seen;
  }
  if (!place) return NULL;
  *place = (ledger_client){.number = number, .since_ns = gmux__loop_now(sv->server->loop)};
  return place;
}

/* GMUX__NEVER: it may stay. */
static uint64_t may_stay_ns(const ledger_server *sv, const gmux__server_conn *c,
                            const ledger_client *seen) {
  const gmux_server_options *o = &sv->options;
  uint64_t old_ns = seen->since_ns + at_most_ns(o->max_connection_age_ms);
  uint64_t idle_ns = c->idle_since_ns + at_most_ns(o->max_connection_idle_ms);
  bool is_idle = o->max_connection_idle_ms > 0 && c->running == 0;
  bool ages = o->max_connection_age_ms > 0;
  switch (c->state) {
  case GMUX__SERVER_CONN_HANDSHAKING:
    return seen->since_ns + o->handshake_timeout_ms * GMUX__NS_PER_MS;
  case GMUX__SERVER_CONN_SERVING:
    if (!ages) old_ns = GMUX__NEVER;
    return is_idle && idle_ns < old_ns ? idle_ns : old_ns;
  case GMUX__SERVER_CONN_LEAVING:
    if (!ages || o->max_connection_age_grace_ms == 0) return GMUX__NEVER;
    return old_ns + o->max_connection_age_grace_ms * GMUX__NS_PER_MS;
  case GMUX__SERVER_CONN_GONE:
    break;
  }
  return GMUX__NEVER;
}

static void look_at_client(ledger_server *sv, const gmux__server_conn *c) {
  uint64_t now_ns = gmux__loop_now(sv->server->loop);
  ledger_client *seen = client_seen(sv, c);
  if (!seen) return;
  seen->looked = sv->looks;
  if (!seen->serves && c->state != GMUX__SERVER_CONN_HANDSHAKING) {
    seen->serves = true;
    seen->since_ns = now_ns;
  }
  if (c->conn->state == GMUX__CONN_CLOSED) return; /* its end waits to be told */
  seen->overdue = now_ns > may_stay_ns(sv, c, seen) ? seen->overdue + 1 : 0;
  ledger_law(LAW_UPKEEP, seen->overdue < TURNS_TO_ACT,
             "server %d: a connection is %s for %llu ms, longer than the options allow", sv->number,
             gmux__server_conn_state_str(c->state), (ull)((now_ns - seen->since_ns) / 1000000));
}

void ledger_upkeep_look_at_server(ledger_server *sv) {
  sv->looks++;
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    for (gmux__link *l = sv->server->loop_only.connections[state].first; l; l = l->next)
      look_at_client(sv, gmux__container(l, gmux__server_conn, link));
}
