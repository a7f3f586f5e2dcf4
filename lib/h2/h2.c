/* h2.c: what the connections of one channel or server share. */
#include "lib/h2/inside.h"
#include <assert.h>

static void *mem_malloc(size_t size, void *user_data) {
  return gmux__blocks_malloc(user_data, size);
}

static void mem_free(void *ptr, void *user_data) {
  gmux__blocks_free(user_data, ptr);
}

static void *mem_calloc(size_t count, size_t size, void *user_data) {
  return gmux__blocks_calloc(user_data, count, size);
}

static void *mem_realloc(void *ptr, size_t size, void *user_data) {
  return gmux__blocks_realloc(user_data, ptr, size);
}

/* Objects that are used again and again; what nobody needed for HOARD_NS goes back, so a bound is
 * for a load, not for idle times. A message may stay as long as its call (gmux__stream_keep), so
 * there are as many as calls run: at most 360 KiB of small and 512 KiB of large ones. */
enum { MESSAGES_KEPT = 1024, LARGE_MESSAGES_KEPT = 128, SEATS_KEPT = 4096 };

/* A client's are taken when an answer begins, and given back when it was told: as many as one read
 * brings, which are 1,500 in 64 KiB. At most 1.9 MiB. */
enum { INTAKES_KEPT = 1536 };

/* Of memory for large messages: what a hundred calls with 64 KiB need. It is held only as long as
 * it is used: what nobody needed for HOARD_NS goes back. */
enum { HOARD_KEPT = 8 << 20 };
static const uint64_t HOARD_NS = GMUX__NS_PER_S;

void gmux__h2_mind_hoard_late(gmux__h2 *h2) {
  gmux__timer_set(h2->loop, &h2->hoard_timer, gmux__loop_now(h2->loop) + HOARD_NS);
}

enum { SLABS = 4 };

static void h2_slabs(gmux__h2 *h2, gmux__slab *slabs[SLABS]) {
  slabs[0] = &h2->messages.slab;
  slabs[1] = &h2->large_messages.slab;
  slabs[2] = &h2->seats;
  slabs[3] = &h2->intakes;
}

static void on_hoard_timer(void *arg) {
  gmux__h2 *h2 = arg;
  (void)gmux__hoard_trim(&h2->hoard);
  gmux__blocks_trim(&h2->blocks);
  gmux__slab *slabs[SLABS];
  h2_slabs(h2, slabs);
  for (size_t i = 0; i < SLABS; i++)
    (void)gmux__slab_trim(slabs[i]);
  if (gmux__h2_has_spare(h2)) gmux__h2_mind_hoard_late(h2);
}

void gmux__h2_release(gmux__h2 *h2, gmux_bytes *bytes) {
  if (!bytes->release) return;
  gmux__hoard_release(&h2->hoard, bytes);
  gmux__h2_mind_hoard(h2);
}

void gmux__h2_keep_nothing(gmux__h2 *h2) {
  gmux__hoard_deinit(&h2->hoard);
  gmux__hoard_init(&h2->hoard, 0);
  gmux__blocks_keep_nothing(&h2->blocks);
  gmux__slab *slabs[SLABS];
  h2_slabs(h2, slabs);
  for (size_t i = 0; i < SLABS; i++)
    gmux__slab_keep_nothing(slabs[i]);
  gmux__timer_clear(h2->loop, &h2->hoard_timer);
}

/* What a ceiling leaves of each bound. Streams that are wide are beyond what it divides. */
static void h2_heed_ceiling(gmux__h2 *h2) {
  gmux__h2_config *c = &h2->config;
  if (c->is_server)
    gmux__budget_init_server(&h2->budget, c->max_memory_bytes, c->stream_window_bytes);
  else
    gmux__budget_init(&h2->budget, c->max_memory_bytes, c->stream_window_bytes);
  c->stream_window_bytes = h2->budget.window;
  if (c->max_memory_bytes) c->is_stream_window_fixed = true;
  c->queue_bytes = gmux__budget_queue(&h2->budget, (uint32_t)c->queue_bytes);
  c->connection_queue_bytes = gmux__budget_queue(&h2->budget, (uint32_t)c->connection_queue_bytes);
}

int gmux__h2_new(gmux__h2 **out, gmux_loop *loop, const gmux__h2_config *config) {
  gmux__h2 *h2 = gmux__calloc(1, sizeof *h2);
  if (!h2) return gmux__fail_code(GMUX_ERR_NOMEM);
  h2->loop = loop;
  h2->config = *config;
  gmux__blocks_init(&h2->blocks);
  h2->mem = (nghttp2_mem){&h2->blocks, mem_malloc, mem_free, mem_calloc, mem_realloc};
  h2_heed_ceiling(h2);
  gmux__hoard_init(&h2->hoard, h2->budget.ceiling ? 0 : HOARD_KEPT);
  gmux__timer_init(&h2->hoard_timer, on_hoard_timer, h2);
  gmux__outmsg_pool_init(&h2->messages, GMUX__OUTMSG_SMALL_SIZE, MESSAGES_KEPT, &h2->hoard);
  gmux__outmsg_pool_init(&h2->large_messages, GMUX__OUTMSG_LARGE_SIZE, LARGE_MESSAGES_KEPT,
                         &h2->hoard);
  gmux__backlog_init(&h2->backlog, h2->config.queue_bytes);
  gmux__slab_init(&h2->seats, sizeof(gmux__seat), SEATS_KEPT);
  gmux__slab_init(&h2->intakes, sizeof(gmux__intake), INTAKES_KEPT);
  bool has_leases = config->is_server && config->max_memory_bytes;
  if (gmux__session_callbacks_new(&h2->callbacks, has_leases)) goto fail;
  if (gmux__session_option_new(&h2->option, config)) goto fail;
  if (config->is_server) gmux__session_write_foreword(h2);
  *out = h2;
  return 0;
fail:
  gmux__h2_free(h2);
  return gmux__fail_code(GMUX_ERR_NOMEM);
}

uint32_t gmux__h2_connections_max(const gmux__h2 *h2) {
  return h2->budget.ceiling ? h2->budget.connections : UINT32_MAX;
}

const char *gmux__h2_nghttp2_version(void) {
  return nghttp2_version(0)->version_str;
}

gmux__h2_figures *gmux__h2_get_figures(gmux__h2 *h2) {
  return &h2->figures;
}

void gmux__h2_set_keepalive(gmux__h2 *h2, uint64_t keepalive_ns) {
  h2->config.pulse.keepalive_ns = keepalive_ns;
}

void gmux__h2_set_first_stream_id(gmux__h2 *h2, int32_t id) {
  h2->first_stream_id = id;
}

void gmux__h2_free(gmux__h2 *h2) {
  if (!h2) return;
  assert(!h2->budget.taken && !h2->budget.extra && !h2->large.first && "it outlives its streams");
  assert(!h2->leases.first && !h2->wanting.first && "it outlives its connections");
  assert(!h2->backlog.bytes && !gmux__hooks_first(&h2->backlog.held) && "it outlives its streams");
  assert(!h2->widened && "it outlives its streams");
  nghttp2_option_del(h2->option);
  nghttp2_session_callbacks_del(h2->callbacks);
  gmux__outmsg_pool_deinit(&h2->messages);
  gmux__outmsg_pool_deinit(&h2->large_messages);
  gmux__slab_deinit(&h2->seats);
  gmux__slab_deinit(&h2->intakes);
  if (h2->spare_output) gmux__outq_deinit(h2->spare_output);
  gmux__free(h2->spare_output);
  if (gmux__timer_is_set(&h2->hoard_timer)) gmux__timer_clear(h2->loop, &h2->hoard_timer);
  gmux__hoard_deinit(&h2->hoard);
  gmux__blocks_deinit(&h2->blocks);
  gmux__free(h2);
}
