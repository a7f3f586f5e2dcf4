/* storm_faults.c: what breaks, and how it heals. A fault that finds nothing to break is none. */
#include "tests/sim/storm.h"

void storm_fault_happened(storm_fault fault) {
  st.happened[fault]++;
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

static bool break_link(storm_fault fault) {
  sim_link *link = random_link();
  if (!link) return false;
  switch (fault) {
  case STORM_FAULT_RESET:
    sim_link_reset(link);
    break;
  case STORM_FAULT_HALF_CLOSE_TO_SERVER:
    sim_link_half_close(link, SIM_TO_SERVER);
    break;
  case STORM_FAULT_HALF_CLOSE_TO_CLIENT:
    sim_link_half_close(link, SIM_TO_CLIENT);
    break;
  default:
    sim_link_stall(link, 1 + (unsigned)storm_random(SIM_BOTH_WAYS));
    break;
  }
  return true;
}

static void heal_links(void) {
  for (sim_link *l = sim_link_first(st.sim); l; l = sim_link_next(l))
    sim_link_stall(l, 0);
}

/* ---- addresses ---- */

static unsigned lost_directions(storm_fault fault) {
  if (fault == STORM_FAULT_BLACKHOLE_TO_SERVER) return SIM_TO_SERVER;
  return fault == STORM_FAULT_BLACKHOLE_TO_CLIENT ? SIM_TO_CLIENT : SIM_BOTH_WAYS;
}

static bool break_address(storm_fault fault, bool is_over) {
  int i = (int)storm_random((uint64_t)st.server_count);
  gmux__address at = storm_server_address(i);
  if (fault == STORM_FAULT_DIAL_REFUSED)
    sim_net_refuse(st.sim, &at, !is_over);
  else
    sim_net_blackhole(st.sim, &at, is_over ? 0 : lost_directions(fault));
  return true;
}

static void heal_addresses(void) {
  for (int i = 0; i < st.server_count; i++) {
    gmux__address at = storm_server_address(i);
    sim_net_blackhole(st.sim, &at, 0);
    sim_net_refuse(st.sim, &at, false);
  }
}

/* ---- names ---- */

static void heal_names(void) {
  gmux__address at = storm_server_address(0);
  sim_dns_set(st.sim, "storm.example", &at, 1);
}

static bool break_names(storm_fault fault) {
  if (fault == STORM_FAULT_DNS_FAIL)
    sim_dns_fail(st.sim, "storm.example", "the server of names is out");
  else if (fault == STORM_FAULT_DNS_HANG)
    sim_dns_hang(st.sim, "storm.example");
  else
    sim_dns_forget(st.sim, "storm.example");
  return true;
}

/* ---- the whole network ---- */

static bool change_settings(void) {
  sim_net_settings *net = sim_net(st.sim);
  size_t least = st.max_bytes / 200 + 1;
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

static void heal_settings(void) {
  *sim_net(st.sim) = (sim_net_settings){.latency_ns = STORM_MS, .buffer_bytes = 65536};
}

/* ---- servers ---- */

static bool break_server(storm_fault fault) {
  int i = (int)storm_random((uint64_t)st.server_count);
  if (!storm_server_is_open(i)) return false;
  if (fault == STORM_FAULT_SERVER_KILL)
    storm_server_free(i);
  else
    storm_server_drain(i);
  return true;
}

/* Another takes the place of one that has gone, or is going. */
static void reopen_servers(void) {
  for (int i = 0; i < st.server_count; i++) {
    if (st.servers[i].is_draining) storm_server_free(i);
    storm_server_open(i);
  }
}

/* ---- by the plan ---- */

static bool fault_begin(storm_fault fault) {
  if (storm_fault_is_deed(fault))
    return storm_unruly_do((unruly_fault)(fault - STORM_FAULT_UNRULY_GOAWAY));
  switch (fault) {
  case STORM_FAULT_DIAL_REFUSED:
  case STORM_FAULT_BLACKHOLE_TO_SERVER:
  case STORM_FAULT_BLACKHOLE_TO_CLIENT:
  case STORM_FAULT_BLACKHOLE_BOTH:
    return break_address(fault, false);
  case STORM_FAULT_RESET:
  case STORM_FAULT_HALF_CLOSE_TO_SERVER:
  case STORM_FAULT_HALF_CLOSE_TO_CLIENT:
  case STORM_FAULT_STALL:
    return break_link(fault);
  case STORM_FAULT_PIECES:
    return change_settings();
  case STORM_FAULT_DNS_FAIL:
  case STORM_FAULT_DNS_HANG:
  case STORM_FAULT_DNS_GONE:
    return break_names(fault);
  case STORM_FAULT_GOAWAY_TWO_STEPS:
  case STORM_FAULT_GOAWAY_ABRUPT:
    return storm_server_goaway((int)storm_random((uint64_t)st.server_count),
                               fault == STORM_FAULT_GOAWAY_ABRUPT);
  case STORM_FAULT_SERVER_DRAIN:
  case STORM_FAULT_SERVER_KILL:
    return break_server(fault);
  default:
    return false;
  }
}

void storm_fault_begin(const storm_move *move) {
  if (!fault_begin(move->fault)) return;
  storm_note("fault: %s", storm_fault_str(move->fault));
  storm_fault_happened(move->fault);
}

/* The same stream as at the beginning: it finds the same address. */
void storm_fault_end(const storm_move *move) {
  storm_note("well again: %s", storm_fault_str(move->fault));
  switch (move->fault) {
  case STORM_FAULT_DIAL_REFUSED:
  case STORM_FAULT_BLACKHOLE_TO_SERVER:
  case STORM_FAULT_BLACKHOLE_TO_CLIENT:
  case STORM_FAULT_BLACKHOLE_BOTH:
    break_address(move->fault, true);
    return;
  case STORM_FAULT_STALL:
    heal_links();
    return;
  case STORM_FAULT_PIECES:
    heal_settings();
    return;
  case STORM_FAULT_DNS_FAIL:
  case STORM_FAULT_DNS_HANG:
  case STORM_FAULT_DNS_GONE:
    heal_names();
    return;
  case STORM_FAULT_SERVER_DRAIN:
  case STORM_FAULT_SERVER_KILL:
    reopen_servers();
    return;
  default:
    return;
  }
}

void storm_faults_heal(void) {
  heal_settings();
  heal_links();
  heal_addresses();
  heal_names();
}
