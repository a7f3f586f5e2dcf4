/* front_accept.c: which loop of a server gets a connection, and how it comes there. */
#include "lib/base/alloc.h"
#include "lib/io/tls.h"
#include "lib/server/front.h"

/* A connection on its way to a lane's loop. */
typedef struct arrival {
  gmux__post post;
  gmux__server_lane *lane; /* its front is held */
  gmux_tls *tls;           /* a hold; NULL: cleartext */
  gmux__transport *transport;
} arrival;

/* ---- which ---- */

/* Full ones last, for it is the total that counts, and parts of it need not be equal; then
 * connections now, and among equals calls. */
static uint64_t lane_load(const gmux__server_lane *lane) {
  const gmux_server *s = lane->server;
  uint64_t arriving = lane->locked.arriving;
  uint64_t connections = gmux__counter_get(&s->stats.connections) + arriving;
  uint64_t handshaking = gmux__counter_get(&s->stats.connections_handshaking) + arriving;
  uint64_t calls = gmux__counter_get(&s->stats.calls_running);
  bool is_full =
      connections >= s->options.max_connections || handshaking >= s->options.max_handshaking;
  return (uint64_t)is_full << 63 | connections << 32 | (calls < UINT32_MAX ? calls : UINT32_MAX);
}

/* Under the lock. NULL: all drain. */
static gmux__server_lane *front_pick(gmux__server_front *front) {
  gmux__server_lane *best = NULL;
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < front->count; i++) {
    gmux__server_lane *lane = &front->lanes[i];
    if (lane->locked.is_shut) continue;
    uint64_t load = lane_load(lane);
    if (load < least) {
      least = load;
      best = lane;
    }
  }
  return best;
}

/* ---- how ---- */

/* False: it drains, and its server may be gone already. */
static bool lane_is_open_for(arrival *a) {
  gmux__server_front *front = a->lane->front;
  gmux__lock_take(front->lock);
  bool is_open = !a->lane->locked.is_shut;
  gmux__lock_give(front->lock);
  return is_open;
}

/* The server counts it now. */
static void lane_has_arrival(gmux__server_lane *lane) {
  gmux__lock_take(lane->front->lock);
  lane->locked.arriving--;
  gmux__lock_give(lane->front->lock);
}

static void arrival_on_post(gmux__post *post) {
  arrival *a = gmux__container(post, arrival, post);
  gmux__server_front *front = a->lane->front;
  gmux__transport_move(a->transport, a->lane->loop);
  if (lane_is_open_for(a))
    gmux__server_accept(a->lane->server, a->tls, a->transport);
  else
    gmux__transport_close(a->transport);
  lane_has_arrival(a->lane);
  gmux_tls_free(a->tls);
  gmux__free(a);
  gmux__server_front_release(front);
}

/* Under the lock, so that the lane's loop runs: it is not stopped while the lane is open. */
static void arrival_send(arrival *a, gmux__server_lane *to) {
  a->lane = to;
  gmux__server_front_hold(to->front);
  to->locked.arriving++;
  gmux__transport_move(a->transport, NULL);
  gmux__loop_post(to->loop, &a->post);
}

void gmux__server_lane_accept(gmux__server_lane *lane, gmux_tls *tls, gmux__transport *transport) {
  gmux__server_front *front = lane->front;
  arrival *a = gmux__calloc(1, sizeof *a);
  if (a)
    *a = (arrival){
        .post.fn = arrival_on_post, .tls = tls ? gmux__tls_ref(tls) : NULL, .transport = transport};
  gmux__lock_take(front->lock);
  gmux__server_lane *to = front_pick(front);
  bool is_sent = a && to && to != lane;
  if (is_sent) arrival_send(a, to);
  gmux__lock_give(front->lock);
  if (is_sent) return;
  if (a) gmux_tls_free(a->tls);
  gmux__free(a);
  gmux__server_accept(lane->server, tls, transport); /* its own, or no memory to send it */
}

void gmux__server_lane_shut(gmux__server_lane *lane) {
  gmux__lock_take(lane->front->lock);
  lane->locked.is_shut = true;
  gmux__lock_give(lane->front->lock);
}
