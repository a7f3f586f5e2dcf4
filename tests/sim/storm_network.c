/* storm_network.c: how links, dials, addresses and names break, and how they heal. */
#include "tests/sim/storm_kind.h"

static gmux__address random_address(void) {
  return storm_server_address((int)storm_random((uint64_t)st.server_count));
}

/* ---- links ---- */

static sim_link *random_link(void) {
  size_t count = 0;
  for (sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l))
    count++;
  if (count == 0) return NULL;
  size_t nth = storm_random(count);
  sim_link *l = sim_link_first(st.sim);
  while (nth-- > 0)
    l = sim_link_next(l);
  return l;
}

static bool reset_link(const storm_move *move) {
  (void)move;
  sim_link *link = random_link();
  if (!link) return false;
  sim_link_reset(link);
  return true;
}

static bool half_close_link(const storm_move *move) {
  sim_link *link = random_link();
  bool is_to_server = move->fault == STORM_FAULT_HALF_CLOSE_TO_SERVER;
  if (!link) return false;
  sim_link_half_close(link, is_to_server ? SIM_TO_SERVER : SIM_TO_CLIENT);
  return true;
}

static bool stall_link(const storm_move *move) {
  (void)move;
  sim_link *link = random_link();
  if (!link) return false;
  sim_link_stall(link, 1 + (unsigned)storm_random(SIM_BOTH_WAYS));
  return true;
}

static void heal_links(const storm_move *move) {
  (void)move;
  for (sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l))
    sim_link_stall(l, 0);
}

/* ---- fates ---- */

/* As far as a greeting goes under TLS: certificates, tickets, SETTINGS; and some calls more. */
enum { GREETING_BYTES = 2000, FATE_BYTES = 6000 };

static sim_direction random_direction(void) {
  return storm_chance(50) ? SIM_TO_SERVER : SIM_TO_CLIENT;
}

static sim_fate fate_of(storm_fault fault) {
  switch (fault) {
  case STORM_FAULT_RESET_AT_BYTE:
    return SIM_FATE_RESET;
  case STORM_FAULT_END_AT_BYTE:
    return SIM_FATE_EOF;
  case STORM_FAULT_FLIP:
    return SIM_FATE_FLIP;
  default:
    return SIM_FATE_STALL;
  }
}

/* Of a link that is there, or of the next ones. */
static bool doom(const storm_move *move) {
  sim_direction direction = random_direction();
  uint64_t at_byte = storm_random(storm_chance(50) ? FATE_BYTES / 20 : FATE_BYTES);
  sim_link *link = storm_chance(60) ? random_link() : NULL;
  gmux__address at = random_address();
  if (link)
    sim_link_fate(link, direction, fate_of(move->fault), sim_link_bytes(link, direction) + at_byte);
  else
    sim_net_fate(st.sim, &at, direction, fate_of(move->fault), at_byte,
                 1 + (unsigned)storm_random(3));
  return true;
}

/* In cleartext nobody could tell. */
static bool flip_byte(const storm_move *move) {
  return st.client_tls && doom(move);
}

static bool stop_greetings(const storm_move *move) {
  (void)move;
  sim_direction direction = storm_chance(75) ? SIM_TO_CLIENT : SIM_TO_SERVER;
  uint64_t at_byte = storm_chance(50) ? 0 : storm_random(GREETING_BYTES);
  gmux__address at = random_address();
  sim_net_fate(st.sim, &at, direction, SIM_FATE_STALL, at_byte, 1 + (unsigned)storm_random(4));
  return true;
}

/* Those that have not come true do not any more. */
static void forget_fates(void) {
  for (int i = 0; i < st.server_count; i++) {
    gmux__address at = storm_server_address(i);
    sim_net_fate(st.sim, &at, SIM_TO_SERVER, SIM_FATE_NONE, 0, 0);
    sim_net_fate(st.sim, &at, SIM_TO_CLIENT, SIM_FATE_NONE, 0, 0);
  }
  for (sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l)) {
    sim_link_fate(l, SIM_TO_SERVER, SIM_FATE_NONE, 0);
    sim_link_fate(l, SIM_TO_CLIENT, SIM_FATE_NONE, 0);
  }
}

/* ---- slow bytes ---- */

static bool drip(const storm_move *move) {
  (void)move;
  unsigned directions = 1 + (unsigned)storm_random(SIM_BOTH_WAYS);
  uint64_t bytes_per_s = 1 + storm_random(storm_chance(50) ? 100 : 20000);
  sim_link *link = storm_chance(50) ? random_link() : NULL;
  gmux__address at = random_address();
  if (link)
    sim_link_drip(link, directions, bytes_per_s);
  else
    sim_net_drip(st.sim, &at, directions, bytes_per_s);
  return true;
}

static void heal_drips(const storm_move *move) {
  (void)move;
  for (sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l))
    sim_link_drip(l, SIM_BOTH_WAYS, 0);
  for (int i = 0; i < st.server_count; i++) {
    gmux__address at = storm_server_address(i);
    sim_net_drip(st.sim, &at, SIM_BOTH_WAYS, 0);
  }
}

/* ---- dials ---- */

static sim_dial_fate dial_fate_of(storm_fault fault) {
  if (fault == STORM_FAULT_DIAL_REFUSED) return SIM_DIAL_REFUSED;
  return fault == STORM_FAULT_DIAL_UNREACHABLE ? SIM_DIAL_UNREACHABLE : SIM_DIAL_UNANSWERED;
}

/* What the system gives a dial is two minutes; some have less patience than gmux. */
static bool break_dials(const storm_move *move) {
  gmux__address at = random_address();
  sim_net_dial_fate(st.sim, &at, dial_fate_of(move->fault));
  if (storm_chance(50)) sim_net(st.sim)->dial_timeout_ns = 1 + storm_random(GMUX__NS_PER_S);
  return true;
}

static void heal_dials(const storm_move *move) {
  (void)move;
  gmux__address at = random_address();
  sim_net_dial_fate(st.sim, &at, SIM_DIAL_CONNECTS);
  sim_net(st.sim)->dial_timeout_ns = 0;
}

static bool slow_dials(const storm_move *move) {
  (void)move;
  gmux__address at = random_address();
  sim_net_dial_delay(st.sim, &at, storm_random(4 * GMUX__NS_PER_S));
  return true;
}

static void heal_slow_dials(const storm_move *move) {
  (void)move;
  gmux__address at = random_address();
  sim_net_dial_delay(st.sim, &at, 0);
}

/* ---- black holes ---- */

static unsigned lost_directions(storm_fault fault) {
  if (fault == STORM_FAULT_BLACKHOLE_TO_SERVER) return SIM_TO_SERVER;
  return fault == STORM_FAULT_BLACKHOLE_TO_CLIENT ? SIM_TO_CLIENT : SIM_BOTH_WAYS;
}

static bool open_black_hole(const storm_move *move) {
  gmux__address at = random_address();
  sim_net_blackhole(st.sim, &at, lost_directions(move->fault));
  return true;
}

static void close_black_hole(const storm_move *move) {
  (void)move;
  gmux__address at = random_address();
  sim_net_blackhole(st.sim, &at, 0);
}

static void heal_addresses(void) {
  for (int i = 0; i < st.server_count; i++) {
    gmux__address at = storm_server_address(i);
    sim_net_blackhole(st.sim, &at, 0);
    sim_net_dial_fate(st.sim, &at, SIM_DIAL_CONNECTS);
    sim_net_dial_delay(st.sim, &at, 0);
  }
}

/* ---- names ---- */

#define NAME "storm.example"

static bool break_names(const storm_move *move) {
  if (move->fault == STORM_FAULT_DNS_FAIL)
    sim_dns_fail(st.sim, NAME, "the server of names is out");
  else if (move->fault == STORM_FAULT_DNS_HANG)
    sim_dns_hang(st.sim, NAME);
  else
    sim_dns_forget(st.sim, NAME);
  return true;
}

/* Where no server ever is. */
static gmux__address wrong_address(void) {
  return sim_address("127.0.0.99", storm_server_address(0).port);
}

/* One or two in any order: the right one, some server's, and one where dials are refused or not
 * even answered. */
static bool change_names(const storm_move *move) {
  (void)move;
  gmux__address right = storm_server_address(0), wrong = wrong_address(), other = random_address();
  const gmux__address addresses[4] = {wrong, right, other, wrong};
  size_t first = storm_random(3), count = storm_chance(70) ? 2 : 1;
  sim_dns_set(st.sim, NAME, addresses + first, count);
  sim_net_dial_fate(st.sim, &wrong, storm_chance(50) ? SIM_DIAL_UNANSWERED : SIM_DIAL_CONNECTS);
  return true;
}

static void heal_names(const storm_move *move) {
  (void)move;
  gmux__address at = storm_server_address(0), wrong = wrong_address();
  sim_dns_set(st.sim, NAME, &at, 1);
  sim_net_dial_fate(st.sim, &wrong, SIM_DIAL_CONNECTS);
}

/* ---- the whole network ---- */

static bool change_settings(const storm_move *move) {
  (void)move;
  sim_net_settings *net = sim_net(st.sim);
  size_t least = st.max_bytes / 200 + 1; /* one by one would take a turn for each byte */
  net->latency_ns = storm_chance(30) ? 0 : storm_random(30 * STORM_MS);
  net->dns_latency_ns = storm_random(30 * STORM_MS);
  net->read_chunk = storm_chance(50) ? 0 : least + storm_random(20 * least);
  net->write_chunk = storm_chance(50) ? 0 : least + storm_random(20 * least);
  net->buffer_bytes = 512 + (size_t)storm_random(65536);
  storm_note("net: latency %llu us, reads of %zu, writes of %zu, buffers of %zu",
             (unsigned long long)(net->latency_ns / 1000), net->read_chunk, net->write_chunk,
             net->buffer_bytes);
  return true;
}

static void heal_settings(const storm_move *move) {
  (void)move;
  *sim_net(st.sim) = (sim_net_settings){.latency_ns = STORM_MS, .buffer_bytes = 65536};
}

/* ---- all of them ---- */

static const storm_kind kinds[STORM_FAULT_KINDS] = {
    [STORM_FAULT_DIAL_REFUSED] = {break_dials, heal_dials, STORM_BY(dials_refused)},
    [STORM_FAULT_DIAL_SLOW] = {slow_dials, heal_slow_dials, STORM_BY(dials_delayed)},
    [STORM_FAULT_DIAL_UNREACHABLE] = {break_dials, heal_dials, STORM_BY(dials_unreachable)},
    [STORM_FAULT_DIAL_UNANSWERED] = {break_dials, heal_dials, STORM_BY(dials_unanswered)},
    [STORM_FAULT_GREETING_STOPS] = {stop_greetings, NULL, STORM_BY(fates[SIM_FATE_STALL])},
    [STORM_FAULT_BLACKHOLE_TO_SERVER] = {open_black_hole, close_black_hole,
                                         STORM_BY(lost_to_server)},
    [STORM_FAULT_BLACKHOLE_TO_CLIENT] = {open_black_hole, close_black_hole,
                                         STORM_BY(lost_to_client)},
    [STORM_FAULT_BLACKHOLE_BOTH] = {open_black_hole, close_black_hole, STORM_BY(lost_both_ways)},
    [STORM_FAULT_RESET] = {reset_link, NULL, STORM_BY(resets)},
    [STORM_FAULT_HALF_CLOSE_TO_SERVER] = {half_close_link, NULL, STORM_BY(half_closes)},
    [STORM_FAULT_HALF_CLOSE_TO_CLIENT] = {half_close_link, NULL, STORM_BY(half_closes)},
    [STORM_FAULT_STALL] = {stall_link, heal_links, STORM_BY(stalled)},
    [STORM_FAULT_RESET_AT_BYTE] = {doom, NULL, STORM_BY(fates[SIM_FATE_RESET])},
    [STORM_FAULT_END_AT_BYTE] = {doom, NULL, STORM_BY(fates[SIM_FATE_EOF])},
    [STORM_FAULT_STALL_AT_BYTE] = {doom, NULL, STORM_BY(fates[SIM_FATE_STALL])},
    [STORM_FAULT_FLIP] = {flip_byte, NULL, STORM_BY(fates[SIM_FATE_FLIP])},
    [STORM_FAULT_DRIP] = {drip, heal_drips, STORM_BY(dripped)},
    [STORM_FAULT_PIECES] = {change_settings, heal_settings, 0},
    [STORM_FAULT_DNS_FAIL] = {break_names, heal_names, STORM_BY(names_failed)},
    [STORM_FAULT_DNS_HANG] = {break_names, heal_names, STORM_BY(names_hung)},
    [STORM_FAULT_DNS_GONE] = {break_names, heal_names, STORM_BY(names_unknown)},
    [STORM_FAULT_DNS_CHANGE] = {change_names, heal_names, 0},
    [STORM_FAULT_DIAL_TIMED_OUT] = {NULL, NULL, STORM_BY(dials_timed_out)},
    [STORM_FAULT_USER_TIMEOUT] = {NULL, NULL, STORM_BY(user_timeouts)},
    [STORM_FAULT_TCP_KEEPALIVE] = {NULL, NULL, STORM_BY(keepalive_timeouts)},
};

const storm_kind *storm_network_kind(storm_fault fault) {
  const storm_kind *kind = &kinds[fault];
  return kind->begin || kind->counter ? kind : NULL;
}

void storm_network_heal(void) {
  heal_settings(NULL);
  forget_fates();
  heal_links(NULL);
  heal_drips(NULL);
  heal_addresses();
  heal_names(NULL);
}
