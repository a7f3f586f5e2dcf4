/* pool_kit.c: see pool_kit.h. */
#include "tests/unit/client/pool_kit.h"

size_t dials(void) {
  return sim_net_dials(w_sim, &w_address);
}

size_t requests(const rawpeer *p) {
  return rawpeer_count(p, RAW_HEADERS, RAW_ANY);
}

bool is_open(const rawpeer *p) {
  return rawpeer_state(p) == 0;
}

void start(size_t count) {
  for (size_t i = 0; i < count; i++)
    w_unary();
  w_run();
}

/* Ends the oldest call that `p` has not answered yet. */
void answer_stream(rawpeer *p, uint32_t stream) {
  w_answer(p, stream, "reply");
  w_run();
}

static rawpeer *last; /* whose PINGs were acknowledged last, */
static size_t acked;  /* and how many of them */

void ack_pings(rawpeer *p) {
  if (last != p) acked = 0;
  last = p;
  const rawframe *f;
  for (; (f = rawpeer_find(p, RAW_PING, 0, acked)); acked++)
    if (!(f->flags & RAW_ACK)) rawpeer_ping(p, RAW_ACK, f->payload);
  w_run();
}

const gmux__line *line_at(size_t n) {
  const gmux__link *l = w_channel->loop_only.endpoint.ready.first;
  for (; l && n > 0; n--)
    l = l->next;
  return gmux__line_of(l);
}

void burst_options(void) {
  w_options.max_connections = 1;
  w_options.burst_connections = 1;
  w_options.burst_after_ms = 100;
  w_options.max_idle_ms = 5000;
}

void pool_setup(void) {
  w_setup();
  last = NULL;
}
