/* net_test.c: links carry bytes as TCP would, also when they are broken, and names resolve. */
#include "tests/sim/net.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

extern const test_suite sim_net_suite;

#define MS GMUX__NS_PER_MS

/* One end of a link, with an owner that reads all that it is told of and keeps it. */
typedef struct side {
  gmux__transport *transport;
  size_t calls;          /* of on_ready */
  unsigned events;       /* of the last one */
  ptrdiff_t end;         /* what ended reading: an error code */
  uint64_t at_ns;        /* when the last of this was */
  gmux__transport **out; /* closed from on_ready, and set to NULL, when there are any */
  size_t len;
  char data[512];
} side;

static sim *world;
static gmux_loop *loop;
static gmux__listener *listener;
static gmux__address at;
static side client, server;
static gmux__dial *dial;
static size_t dialed, accepted;
static int dial_error;
static char dial_why[64];
static uint64_t dialed_ns, accepted_ns;

static void side_read(side *x) {
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

static void side_close(side *x) {
  gmux__transport_close(x->transport);
  x->transport = NULL;
}

static ptrdiff_t side_write(side *x, const char *text) {
  gmux__slice slice = {(const uint8_t *)text, strlen(text)};
  return gmux__transport_write(x->transport, &slice, 1);
}

static void on_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  accepted++;
  accepted_ns = sim_now(world);
  side_take(&server, transport);
}

static void on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg;
  dial = NULL;
  dialed++;
  dialed_ns = sim_now(world);
  dial_error = error;
  strncpy(dial_why, why ? why : "", sizeof dial_why - 1);
  if (error == 0) side_take(&client, transport);
}

static void setup_with(uint64_t seed) {
  world = sim_new(seed);
  loop = sim_loop(world);
  client = server = (side){0};
  dialed = accepted = 0;
  dial_error = 1;
  dialed_ns = accepted_ns = 0;
  dial = NULL;
  at = sim_address("127.0.0.1", 0);
  if (gmux__loop_listen(loop, &listener, &at, NULL, on_accepted, NULL) == 0)
    at = *gmux__listener_address(listener);
}

static void setup(void) {
  setup_with(7);
}

static void teardown(void) {
  side_close(&client);
  side_close(&server);
  gmux__dial_cancel(dial);
  gmux__listener_close(listener);
  listener = NULL;
  sim_free(world);
}

static void start_dial(const gmux__address *to) {
  CU_ASSERT_EQUAL_FATAL(gmux__loop_dial(loop, &dial, to, NULL, on_dialed, NULL), 0);
}

/* A link at latency 0. */
static sim_link *connect_both(void) {
  start_dial(&at);
  sim_run(world);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.transport);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server.transport);
  return sim_link_of(client.transport);
}

/* ---- dials and listeners ---- */

static void dial_takes_two_ways_and_accept_one(void) {
  sim_net(world)->latency_ns = 10 * MS;
  start_dial(&at);
  CU_ASSERT_EQUAL(dialed + accepted, 0);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(accepted_ns, SIM_EPOCH + 10 * MS);
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 20 * MS);
  CU_ASSERT_EQUAL(dial_error, 0);
}

static void each_dial_is_counted_with_its_time(void) {
  gmux__address nobody = sim_address("127.0.0.9", 1);
  CU_ASSERT_EQUAL(sim_net_dials(world, &nobody), 0);
  for (size_t i = 0; i < 5; i++) {
    CU_ASSERT_EQUAL(sim_net_dials(world, &nobody), i);
    start_dial(&nobody); /* refused, given up: it was begun */
    if (i % 2 == 0) gmux__dial_cancel(dial);
    sim_run_for(world, MS);
    CU_ASSERT_EQUAL(sim_net_dialed_at(world, &nobody, i), SIM_EPOCH + i * MS);
  }
  dial = NULL;
  CU_ASSERT_EQUAL(sim_net_dials(world, &nobody), 5);
  CU_ASSERT_EQUAL(sim_net_dialed_at(world, &nobody, 0), SIM_EPOCH);
  CU_ASSERT_EQUAL(sim_net_dials(world, &at), 0);
}

static void an_address_may_have_a_latency_of_its_own(void) {
  sim_net(world)->latency_ns = 1 * MS;
  sim_net_latency_of(world, &at, 10 * MS);
  start_dial(&at);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 20 * MS);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run_for(world, 10 * MS - 1);
  CU_ASSERT_EQUAL(server.len + client.len, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(server.len, 1);
  CU_ASSERT_EQUAL(client.len, 1);
}

static void dial_at_no_latency_still_does_not_call_back_from_inside(void) {
  start_dial(&at);
  CU_ASSERT_EQUAL(dialed + accepted, 0);
  sim_run(world);
  CU_ASSERT_EQUAL(dialed, 1);
  CU_ASSERT_EQUAL(accepted, 1);
}

static void both_ends_know_both_addresses(void) {
  connect_both();
  const gmux__transport_info *c = gmux__transport_info_get(client.transport);
  const gmux__transport_info *s = gmux__transport_info_get(server.transport);
  CU_ASSERT_EQUAL(gmux__transport_handshake(client.transport), 0);
  CU_ASSERT_TRUE(gmux__address_is_equal(&c->peer, &at));
  CU_ASSERT_TRUE(gmux__address_is_equal(&s->local, &at));
  CU_ASSERT_TRUE(gmux__address_is_equal(&c->local, &s->peer));
  CU_ASSERT_NOT_EQUAL(c->local.port, 0);
  CU_ASSERT_FALSE(c->is_secure);
}

static void listening_on_port_zero_finds_free_ones(void) {
  gmux__listener *second;
  gmux__address any = sim_address("127.0.0.1", 0);
  CU_ASSERT_EQUAL(at.port, 40000);
  CU_ASSERT_EQUAL_FATAL(gmux__loop_listen(loop, &second, &any, NULL, on_accepted, NULL), 0);
  CU_ASSERT_EQUAL(gmux__listener_address(second)->port, 40001);
  gmux__listener_close(second);
}

static void listening_twice_is_refused(void) {
  gmux__listener *second;
  CU_ASSERT_EQUAL(gmux__loop_listen(loop, &second, &at, NULL, on_accepted, NULL), GMUX_ERR_EXISTS);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "127.0.0.1:40000"));
}

static void a_listener_on_any_address_takes_every_dial_to_its_port(void) {
  gmux__listener *any;
  gmux__address zero = sim_address("0.0.0.0", 99), to = sim_address("10.1.2.3", 99);
  CU_ASSERT_EQUAL_FATAL(gmux__loop_listen(loop, &any, &zero, NULL, on_accepted, NULL), 0);
  start_dial(&to);
  sim_run(world);
  CU_ASSERT_EQUAL(accepted, 1);
  gmux__listener_close(any);
}

static void unix_addresses_connect_too(void) {
  gmux__listener *unix_listener;
  gmux__address path = {.family = GMUX__FAMILY_UNIX, .path_len = 6, .path = "/run/x"};
  CU_ASSERT_EQUAL_FATAL(gmux__loop_listen(loop, &unix_listener, &path, NULL, on_accepted, NULL), 0);
  start_dial(&path);
  sim_run(world);
  CU_ASSERT_EQUAL(accepted, 1);
  gmux__listener_close(unix_listener);
}

static void dial_to_nobody_is_refused_after_two_ways(void) {
  gmux__address nobody = sim_address("::1", 1);
  sim_net(world)->latency_ns = 10 * MS;
  start_dial(&nobody);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(dial_why, "connection refused");
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 20 * MS);
}

static void refuse_overrules_the_listener_until_taken_back(void) {
  sim_net_refuse(world, &at, true);
  start_dial(&at);
  sim_run(world);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(accepted, 0);
  sim_net_refuse(world, &at, false);
  start_dial(&at);
  sim_run(world);
  CU_ASSERT_EQUAL(dial_error, 0);
}

static void a_cancelled_dial_is_silent_and_its_peer_sees_the_end(void) {
  sim_net(world)->latency_ns = 10 * MS;
  start_dial(&at);
  sim_run_for(world, 15 * MS);
  CU_ASSERT_EQUAL(accepted, 1);
  gmux__dial_cancel(dial);
  dial = NULL;
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(dialed, 0);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
}

static void a_dial_that_finds_the_listener_closed_is_refused(void) {
  sim_net(world)->latency_ns = 10 * MS;
  start_dial(&at);
  sim_run_for(world, 5 * MS);
  gmux__listener_close(listener);
  listener = NULL;
  sim_run_for(world, 15 * MS);
  CU_ASSERT_EQUAL(accepted, 0);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
}

static void close_listener(void *arg) {
  (void)arg;
  gmux__listener_close(listener);
  listener = NULL;
}

static void do_nothing(void *arg) {
  (void)arg;
}

/* At the moment when the dial arrives another loop's turn comes before the listener's. */
static void a_closed_listener_ends_who_was_not_told(void) {
  gmux_loop *other = sim_loop(world);
  gmux__timer closing;
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_dial(other, &dial, &at, NULL, on_dialed, NULL), 0);
  gmux__timer_init(&closing, close_listener, NULL);
  gmux__timer_set(other, &closing, SIM_EPOCH + 10 * MS);
  sim_run(world);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_post(loop, do_nothing, NULL), 0);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(accepted, 0);
  CU_ASSERT_EQUAL(dial_error, 0);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_EOF);
}

/* ---- bytes ---- */

static void bytes_arrive_in_order_after_the_latency(void) {
  connect_both();
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL(side_write(&client, "ab"), 2);
  sim_run_for(world, 4 * MS);
  sim_net(world)->latency_ns = 1 * MS; /* a faster way does not overtake */
  CU_ASSERT_EQUAL(side_write(&client, "cd"), 2);
  sim_run_for(world, 6 * MS - 1);
  CU_ASSERT_EQUAL(server.len, 0);
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(server.data, "abcd");
  CU_ASSERT_EQUAL(client.len, 0);
}

static void bytes_do_not_arrive_within_the_call_that_wrote_them(void) {
  uint8_t byte;
  connect_both();
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(gmux__transport_read(server.transport, &byte, 1), GMUX_ERR_AGAIN);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
}

static void slices_are_written_in_one_go(void) {
  static const gmux__slice slices[] = {
      {(const uint8_t *)"one ", 4}, {NULL, 0}, {(const uint8_t *)"two", 3}};
  sim_link *link = connect_both();
  CU_ASSERT_EQUAL(gmux__transport_write(server.transport, slices, 3), 7);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "one two");
  CU_ASSERT_EQUAL(sim_link_bytes(link, SIM_TO_CLIENT), 7);
  CU_ASSERT_EQUAL(sim_link_writes(link, SIM_TO_CLIENT), 1);
  CU_ASSERT_EQUAL(sim_link_writes(link, SIM_TO_SERVER), 0);
}

static void a_full_buffer_holds_the_writer_until_the_reader_takes(void) {
  uint8_t taken[4];
  sim_net(world)->buffer_bytes = 8;
  connect_both();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "0123456789"), 8);
  CU_ASSERT_EQUAL(side_write(&client, "89"), GMUX_ERR_AGAIN);
  gmux__transport_want(client.transport, GMUX__WRITABLE);
  sim_run(world);
  CU_ASSERT_EQUAL(client.calls, 0);
  CU_ASSERT_EQUAL(gmux__transport_read(server.transport, taken, 4), 4);
  sim_run(world);
  CU_ASSERT_EQUAL(client.events, GMUX__WRITABLE);
  CU_ASSERT_EQUAL(side_write(&client, "89"), 2);
  gmux__transport_want(server.transport, GMUX__READABLE);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "456789"); /* round the end of the ring */
}

static void chunks_limit_what_one_call_moves(void) {
  connect_both();
  sim_net(world)->write_chunk = 3;
  sim_net(world)->read_chunk = 1;
  CU_ASSERT_EQUAL(side_write(&client, "abcdef"), 3);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abc");
  CU_ASSERT_EQUAL(server.calls, 3);
}

/* ---- readiness ---- */

static void readiness_is_told_once_a_turn_while_it_lasts_and_is_wanted(void) {
  connect_both();
  sim_net(world)->read_chunk = 1;
  CU_ASSERT_EQUAL(side_write(&client, "abcd"), 4);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_EQUAL(server.calls, 1);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_EQUAL(server.calls, 2);
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_FALSE(sim_step(world));
  gmux__transport_want(server.transport, GMUX__READABLE);
  sim_run(world);
  CU_ASSERT_EQUAL(server.calls, 4);
}

static void close_both_sides(void *owner, unsigned events) {
  (void)events;
  ((side *)owner)->calls++;
  side_close(&client);
  side_close(&server);
}

static void on_ready_may_close_its_own_transport_and_others(void) {
  connect_both();
  client.transport->on_ready = server.transport->on_ready = close_both_sides;
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run(world);
  CU_ASSERT_EQUAL(client.calls + server.calls, 1);
  CU_ASSERT_EQUAL(sim_net_live(world).transports, 0);
  CU_ASSERT_PTR_NULL(sim_link_first(world));
}

static side *robbed;

static void read_the_others_bytes(void *owner, unsigned events) {
  (void)events;
  side_read(owner);
  side_read(robbed);
}

static void who_is_not_ready_any_more_is_not_told(void) {
  connect_both();
  robbed = &server;
  client.transport->on_ready = read_the_others_bytes;
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(server.calls, 0);
}

/* ---- ends ---- */

static void close_ends_behind_what_was_written(void) {
  connect_both();
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL(side_write(&client, "bye"), 3);
  side_close(&client);
  sim_run_for(world, 10 * MS - 1);
  CU_ASSERT_EQUAL(server.calls, 0);
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(server.data, "bye");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
}

static void shutdown_ends_one_half(void) {
  connect_both();
  gmux__transport_shutdown(client.transport);
  sim_run(world);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
  CU_ASSERT_EQUAL(side_write(&server, "still here"), 10);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "still here");
  CU_ASSERT_EQUAL(side_write(&client, "a"), GMUX_ERR_IO);
}

static void bytes_for_a_closed_end_are_answered_by_a_reset(void) {
  connect_both();
  sim_net(world)->latency_ns = 10 * MS;
  side_close(&client);
  sim_run_for(world, 10 * MS);
  CU_ASSERT_EQUAL(side_write(&server, "a"), 1); /* nobody knows yet */
  sim_run_for(world, 20 * MS - 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(side_write(&server, "c"), GMUX_ERR_IO);
}

static void close_with_unread_bytes_resets_the_peer(void) {
  connect_both();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "unread"), 6);
  CU_ASSERT_EQUAL(side_write(&server, "last words"), 10);
  sim_run(world);
  side_close(&server);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "last words");
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_IO);
}

/* ---- broken links ---- */

static void reset_breaks_both_ends_and_loses_what_is_under_way(void) {
  sim_link *link = connect_both();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "there"), 5);
  sim_run(world);
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL(side_write(&client, "lost"), 4);
  sim_link_reset(link);
  gmux__transport_want(server.transport, GMUX__READABLE);
  sim_run_for(world, 20 * MS);
  CU_ASSERT_STRING_EQUAL(server.data, "there");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_IO);
  gmux__transport_shutdown(client.transport); /* too late to be seen as a good end */
  sim_run_for(world, 20 * MS);
  side_read(&server);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(server.data, "there");
  CU_ASSERT_EQUAL(side_write(&client, "a"), GMUX_ERR_IO);
  CU_ASSERT_EQUAL(side_write(&server, "a"), GMUX_ERR_IO);
}

static void a_reset_makes_a_held_writer_ready(void) {
  sim_net(world)->buffer_bytes = 1;
  sim_link *link = connect_both();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  gmux__transport_want(client.transport, GMUX__WRITABLE);
  sim_run(world);
  CU_ASSERT_EQUAL(client.calls, 0);
  sim_link_reset(link);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_EQUAL(client.events, GMUX__WRITABLE);
}

static void half_close_ends_a_direction_that_its_writer_believes_in(void) {
  sim_link *link = connect_both();
  CU_ASSERT_EQUAL(side_write(&client, "heard"), 5);
  sim_link_half_close(link, SIM_TO_SERVER);
  CU_ASSERT_EQUAL(side_write(&client, "unheard"), 7);
  CU_ASSERT_EQUAL(side_write(&server, "back"), 4);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "heard");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
  CU_ASSERT_STRING_EQUAL(client.data, "back");
  CU_ASSERT_EQUAL(client.end, 0);
}

static void a_black_hole_holds_one_direction_until_it_heals(void) {
  connect_both();
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  CU_ASSERT_EQUAL(side_write(&client, "held"), 4);
  CU_ASSERT_EQUAL(side_write(&server, "free"), 4);
  sim_run_for(world, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(server.calls, 0);
  CU_ASSERT_STRING_EQUAL(client.data, "free");
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  CU_ASSERT_EQUAL(side_write(&server, " no more"), 8);
  sim_run_for(world, GMUX__NS_PER_S);
  CU_ASSERT_STRING_EQUAL(server.data, "held");
  CU_ASSERT_STRING_EQUAL(client.data, "free");
  sim_net_blackhole(world, &at, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "free no more");
}

static void a_dial_into_a_black_hole_completes_only_when_it_heals(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  start_dial(&at);
  sim_run_for(world, 3600 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(accepted + dialed, 0);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 20 * MS);
  CU_ASSERT_EQUAL(accepted, 1);
  CU_ASSERT_EQUAL(dialed, 1);
  CU_ASSERT_EQUAL(dial_error, 0);
}

static void a_dial_whose_answer_is_lost_waits_for_it(void) {
  sim_net(world)->latency_ns = 10 * MS;
  start_dial(&at);
  sim_run_for(world, 15 * MS);
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  sim_run_for(world, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(accepted, 1);
  CU_ASSERT_EQUAL(dialed, 0);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 10 * MS);
  CU_ASSERT_EQUAL(dialed, 1);
}

static void a_stalled_link_leaves_others_alone(void) {
  sim_link *first = connect_both();
  side old_client = client, old_server = server;
  old_client.transport->owner = &old_client;
  old_server.transport->owner = &old_server;
  client = server = (side){0};
  sim_link *second = connect_both();
  CU_ASSERT_PTR_EQUAL(sim_link_first(world), first);
  CU_ASSERT_PTR_EQUAL(sim_link_next(first), second);
  CU_ASSERT_PTR_NULL(sim_link_next(second));
  CU_ASSERT_TRUE(gmux__address_is_equal(sim_link_address(second), &at));
  sim_link_stall(first, SIM_BOTH_WAYS);
  CU_ASSERT_EQUAL(side_write(&old_client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&client, "b"), 1);
  sim_run(world);
  CU_ASSERT_EQUAL(old_server.len, 0);
  CU_ASSERT_STRING_EQUAL(server.data, "b");
  sim_link_stall(first, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(old_server.data, "a");
  side_close(&old_client);
  side_close(&old_server);
}

/* ---- names ---- */

static gmux__resolve *question;
static size_t answers, answer_count;
static int answer_error;
static gmux__address answer_first;
static char answer_why[64];
static uint64_t answer_ns;

static void on_resolved(void *arg, int error, const gmux__address *addresses, size_t count,
                        const char *why) {
  (void)arg;
  question = NULL;
  answers++;
  answer_error = error;
  answer_count = count;
  answer_ns = sim_now(world);
  if (count > 0) answer_first = addresses[0];
  strncpy(answer_why, why ? why : "", sizeof answer_why - 1);
}

static void ask(const char *host) {
  answers = 0;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_resolve(loop, &question, host, 443, on_resolved, NULL), 0);
  CU_ASSERT_EQUAL(answers, 0);
}

static void a_name_gives_its_addresses_with_the_port_asked_for(void) {
  gmux__address addresses[] = {sim_address("10.0.0.2", 0), sim_address("10.0.0.1", 0)};
  gmux__address wanted = sim_address("10.0.0.2", 443);
  sim_dns_set(world, "host.example", addresses, 2);
  sim_net(world)->dns_latency_ns = 5 * MS;
  ask("HOST.example");
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(answer_error, 0);
  CU_ASSERT_EQUAL(answer_count, 2);
  CU_ASSERT_TRUE(gmux__address_is_equal(&answer_first, &wanted));
  CU_ASSERT_EQUAL(answer_ns, SIM_EPOCH + 5 * MS);
}

static void names_fail_in_their_own_words(void) {
  ask("nobody");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, GMUX_ERR_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(answer_why, "no such host");
  sim_dns_fail(world, "nobody", "the server is down");
  ask("nobody");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, GMUX_ERR_RESOLVE);
  CU_ASSERT_STRING_EQUAL(answer_why, "the server is down");
}

static void a_forgotten_name_does_not_exist(void) {
  sim_dns_set(world, "host", &at, 1);
  sim_dns_forget(world, "host");
  sim_dns_forget(world, "never named");
  ask("host");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, GMUX_ERR_NOT_FOUND);
}

static void what_is_said_of_a_name_later_holds(void) {
  sim_dns_fail(world, "host", "the server is down");
  sim_dns_set(world, "host", &at, 1);
  ask("host");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, 0);
  CU_ASSERT_EQUAL(answer_count, 1);
}

static void a_hung_name_is_never_answered_and_can_be_cancelled(void) {
  sim_dns_hang(world, "tar");
  ask("tar");
  sim_run_for(world, 3600 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(answers, 0);
  CU_ASSERT_EQUAL(sim_net_live(world).resolves, 1);
  gmux__resolve_cancel(question);
  CU_ASSERT_EQUAL(sim_net_live(world).resolves, 0);
}

static void a_cancelled_question_is_silent(void) {
  ask("nobody");
  gmux__resolve_cancel(question);
  sim_run(world);
  CU_ASSERT_EQUAL(answers, 0);
}

/* ---- the whole ---- */

static void the_living_are_counted(void) {
  gmux__address nobody = sim_address("127.0.0.1", 1);
  connect_both();
  start_dial(&nobody);
  sim_live live = sim_net_live(world);
  CU_ASSERT_EQUAL(live.transports, 2);
  CU_ASSERT_EQUAL(live.dials, 1);
  CU_ASSERT_EQUAL(live.listeners, 1);
  sim_run(world);
  side_close(&client);
  live = sim_net_live(world);
  CU_ASSERT_EQUAL(live.transports, 1);
  CU_ASSERT_EQUAL(live.dials, 0);
}

static void the_world_makes_no_allocation_of_the_library(void) {
  gmux__address host = sim_address("10.0.0.1", 0);
  size_t before = test_alloc_calls();
  test_alloc_fail_at(1);
  connect_both();
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_dns_set(world, "host", &host, 1);
  ask("host");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, 0);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
  test_alloc_fail_at(0);
}

/* Both sides say something at random times for a while; what came and when, as one number. */
static uint64_t chatter(uint64_t seed) {
  uint64_t hash = 1;
  teardown();
  setup_with(seed);
  connect_both();
  for (int i = 0; i < 64; i++) {
    sim_net(world)->latency_ns = gmux__loop_random(loop) % MS;
    (void)side_write(gmux__loop_random(loop) % 2 ? &client : &server, "word");
    sim_run_for(world, gmux__loop_random(loop) % MS);
    hash = (hash ^ client.at_ns ^ (server.at_ns << 1) ^ client.len) * UINT64_C(0x100000001b3);
    client.len = server.len = 0;
  }
  return hash ^ sim_turns(world);
}

static void the_same_seed_gives_the_same_run(void) {
  uint64_t first = chatter(1);
  CU_ASSERT_EQUAL(chatter(1), first);
  CU_ASSERT_NOT_EQUAL(chatter(2), first);
}

static const test_case cases[] = {
    TEST(dial_takes_two_ways_and_accept_one),
    TEST(each_dial_is_counted_with_its_time),
    TEST(an_address_may_have_a_latency_of_its_own),
    TEST(dial_at_no_latency_still_does_not_call_back_from_inside),
    TEST(both_ends_know_both_addresses),
    TEST(listening_on_port_zero_finds_free_ones),
    TEST(listening_twice_is_refused),
    TEST(a_listener_on_any_address_takes_every_dial_to_its_port),
    TEST(unix_addresses_connect_too),
    TEST(dial_to_nobody_is_refused_after_two_ways),
    TEST(refuse_overrules_the_listener_until_taken_back),
    TEST(a_cancelled_dial_is_silent_and_its_peer_sees_the_end),
    TEST(a_dial_that_finds_the_listener_closed_is_refused),
    TEST(a_closed_listener_ends_who_was_not_told),
    TEST(bytes_arrive_in_order_after_the_latency),
    TEST(bytes_do_not_arrive_within_the_call_that_wrote_them),
    TEST(slices_are_written_in_one_go),
    TEST(a_full_buffer_holds_the_writer_until_the_reader_takes),
    TEST(chunks_limit_what_one_call_moves),
    TEST(readiness_is_told_once_a_turn_while_it_lasts_and_is_wanted),
    TEST(who_is_not_ready_any_more_is_not_told),
    TEST(on_ready_may_close_its_own_transport_and_others),
    TEST(close_ends_behind_what_was_written),
    TEST(shutdown_ends_one_half),
    TEST(bytes_for_a_closed_end_are_answered_by_a_reset),
    TEST(close_with_unread_bytes_resets_the_peer),
    TEST(reset_breaks_both_ends_and_loses_what_is_under_way),
    TEST(a_reset_makes_a_held_writer_ready),
    TEST(half_close_ends_a_direction_that_its_writer_believes_in),
    TEST(a_black_hole_holds_one_direction_until_it_heals),
    TEST(a_dial_into_a_black_hole_completes_only_when_it_heals),
    TEST(a_dial_whose_answer_is_lost_waits_for_it),
    TEST(a_stalled_link_leaves_others_alone),
    TEST(a_name_gives_its_addresses_with_the_port_asked_for),
    TEST(names_fail_in_their_own_words),
    TEST(a_forgotten_name_does_not_exist),
    TEST(what_is_said_of_a_name_later_holds),
    TEST(a_hung_name_is_never_answered_and_can_be_cancelled),
    TEST(a_cancelled_question_is_silent),
    TEST(the_living_are_counted),
    TEST(the_world_makes_no_allocation_of_the_library),
    TEST(the_same_seed_gives_the_same_run),
    TESTS_END,
};

const test_suite sim_net_suite = {"net", cases, setup, teardown};
