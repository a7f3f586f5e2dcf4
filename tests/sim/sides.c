/* sides.c: two ends whose owners read all that they are told of. */
#include "tests/sim/sides.h"
#include <string.h>

sim *world;
gmux_loop *loop;
gmux__listener *listener;
gmux__address at;
gmux__socket_options dial_options, listen_options;
side client, server;
gmux__dial *dial;
size_t dialed, accepted;
uint64_t dialed_ns, accepted_ns;
int dial_error;
char dial_why[64];

void side_read(side *x) {
  ptrdiff_t n =
      gmux__transport_read(x->transport, (uint8_t *)x->data + x->len, sizeof x->data - 1 - x->len);
  if (n > 0) {
    x->len += (size_t)n;
    return;
  }
  x->end = n;
  gmux__transport_want(x->transport, 0);
}

static void side_on_ready(void *owner, unsigned events) {
  side *x = owner;
  x->calls++;
  x->events = events;
  x->at_ns = sim_now(world);
  if (events & GMUX__READABLE) side_read(x);
  if (events & GMUX__WRITABLE) gmux__transport_want(x->transport, GMUX__READABLE);
}

static void side_take(side *x, gmux__transport *transport) {
  x->transport = transport;
  transport->owner = x;
  transport->on_ready = side_on_ready;
  gmux__transport_want(transport, GMUX__READABLE);
}

void side_close(side *x) {
  gmux__transport_close(x->transport);
  x->transport = NULL;
}

ptrdiff_t side_write(side *x, const char *text) {
  gmux__slice slice = {(const uint8_t *)text, strlen(text)};
  return gmux__transport_write(x->transport, &slice, 1);
}

void sides_on_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  accepted++;
  accepted_ns = sim_now(world);
  side_take(&server, transport);
}

void sides_on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg;
  dial = NULL;
  dialed++;
  dialed_ns = sim_now(world);
  dial_error = error;
  strncpy(dial_why, why ? why : "", sizeof dial_why - 1);
  if (error == 0) side_take(&client, transport);
}

void sides_listen_again(void) {
  gmux__listener_close(listener);
  listener = NULL;
  if (gmux__loop_listen(loop, &listener, &at, &listen_options, sides_on_accepted, NULL) == 0)
    at = *gmux__listener_address(listener);
}

void sides_setup_with(uint64_t seed) {
  world = sim_new(seed);
  loop = sim_loop(world);
  client = server = (side){0};
  dial_options = listen_options = (gmux__socket_options){0};
  dialed = accepted = 0;
  dial_error = 1;
  dialed_ns = accepted_ns = 0;
  dial = NULL;
  at = sim_address("127.0.0.1", 0);
  sides_listen_again();
}

void sides_setup(void) {
  sides_setup_with(7);
}

void sides_teardown(void) {
  side_close(&client);
  side_close(&server);
  gmux__dial_cancel(dial);
  gmux__listener_close(listener);
  listener = NULL;
  sim_free(world);
}

void sides_dial(const gmux__address *to) {
  CU_ASSERT_EQUAL_FATAL(gmux__loop_dial(loop, &dial, to, &dial_options, sides_on_dialed, NULL), 0);
}

sim_link *sides_connect(void) {
  sides_dial(&at);
  sim_run_for(world, 4 * sim_net(world)->latency_ns);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.transport);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server.transport);
  return sim_link_of(client.transport);
}
