#include "lib/h2/outq.h"
#include "lib/base/alloc.h"
#include <gmux/error.h>
#include <string.h>

/* ---- messages ---- */

/* Owned bytes travel as they are and need no room of their own. */
static size_t copy_room(const gmux_bytes *bytes) {
  return bytes->release ? 0 : bytes->len;
}

void gmux__outmsg_pool_init(gmux__outmsg_pool *pool, size_t size, size_t most, gmux__hoard *hoard) {
  gmux__slab_init(&pool->slab, size, most);
  pool->lent = 0;
  pool->hoard = hoard;
}

void gmux__outmsg_pool_deinit(gmux__outmsg_pool *pool) {
  gmux__slab_deinit(&pool->slab);
}

static bool pool_can_lend(const gmux__outmsg_pool *pool, size_t room) {
  return pool->lent < pool->slab.keep && room <= pool->slab.size - sizeof(gmux__outmsg);
}

/* The first bytes of a copy lie where the header alone would be padded. */
static size_t outmsg_size(size_t room) {
  size_t size = offsetof(gmux__outmsg, inline_bytes) + room;
  return size > sizeof(gmux__outmsg) ? size : sizeof(gmux__outmsg);
}

gmux__outmsg *gmux__outmsg_new(gmux__outmsg_pool *pool, gmux_bytes *bytes, bool is_compressed) {
  size_t room = copy_room(bytes);
  if (pool && !pool_can_lend(pool, room)) pool = NULL;
  gmux__outmsg *msg = pool ? gmux__slab_get_raw(&pool->slab) : gmux__malloc(outmsg_size(room));
  if (!msg) return NULL;
  if (pool) pool->lent++;
  *msg = (gmux__outmsg){.pool = pool, .bytes = *bytes, .is_queued = true};
  if (room) {
    memcpy(msg->inline_bytes, bytes->data, room);
    msg->bytes.data = msg->inline_bytes;
  }
  gmux__prefix_write(msg->prefix, is_compressed, (uint32_t)bytes->len);
  if (bytes->release) *bytes = (gmux_bytes){0};
  return msg;
}

static void outmsg_free_if_unheld(gmux__outmsg *msg) {
  if (msg->is_queued || msg->in_flight) return;
  gmux__hoard_release(msg->pool ? msg->pool->hoard : NULL, &msg->bytes);
  if (!msg->pool) {
    gmux__free(msg);
    return;
  }
  msg->pool->lent--;
  gmux__slab_put(&msg->pool->slab, msg);
}

void gmux__outmsg_unqueue(gmux__outmsg *msg) {
  msg->is_queued = false;
  outmsg_free_if_unheld(msg);
}

/* ---- the queue ---- */

bool gmux__outq_is_full(const gmux__outq *q) {
  /* Room for a DATA frame of a few messages: its header with the first prefix, and then payloads
   * with what lies between. One of more messages has the last of them copied (can_point). */
  if (q->bytes >= (q->aim ? q->aim : GMUX__OUTQ_BYTES)) return true;
  return gmux__buf_len(&q->stage) >= GMUX__OUTQ_BYTES || q->count + 8 > GMUX__SLICES_MAX;
}

static void segment_release(gmux__segment *s) {
  if (!s->msg) return;
  s->msg->in_flight--;
  outmsg_free_if_unheld(s->msg);
}

static void outq_reset(gmux__outq *q) {
  gmux__buf_consume(&q->stage, gmux__buf_len(&q->stage));
  q->count = q->next = 0;
  q->bytes = 0;
}

void gmux__outq_deinit(gmux__outq *q) {
  for (unsigned i = q->next; i < q->count; i++)
    segment_release(&q->segments[i]);
  outq_reset(q);
  gmux__buf_deinit(&q->stage);
}

/* Staged bytes go on from the last segment when that lies in the stage too. Else there is a free
 * one: can_point leaves one behind each payload. */
static gmux__segment *stage_segment(gmux__outq *q) {
  if (q->count > q->next && !q->segments[q->count - 1].data) return &q->segments[q->count - 1];
  gmux__segment *s = &q->segments[q->count++];
  *s = (gmux__segment){.offset = gmux__buf_len(&q->stage)};
  return s;
}

uint8_t *gmux__outq_reserve(gmux__outq *q, size_t len) {
  return gmux__buf_reserve(&q->stage, len);
}

void gmux__outq_commit(gmux__outq *q, size_t len) {
  stage_segment(q)->len += len;
  gmux__buf_commit(&q->stage, len);
  q->bytes += len;
}

int gmux__outq_copy(gmux__outq *q, const uint8_t *data, size_t len) {
  if (!len) return 0;
  uint8_t *room = gmux__outq_reserve(q, len);
  if (!room) return GMUX_ERR_NOMEM;
  memcpy(room, data, len);
  gmux__outq_commit(q, len);
  return 0;
}

/* Two are kept free: one for a payload, one for what is staged after it. */
static bool can_point(const gmux__outq *q) {
  return q->count + 2 <= GMUX__SLICES_MAX;
}

static int outq_payload(gmux__outq *q, gmux__outmsg *msg, const uint8_t *data, size_t len) {
  if (len <= GMUX__OUTQ_COPY || !can_point(q)) return gmux__outq_copy(q, data, len);
  q->segments[q->count++] = (gmux__segment){.data = data, .len = len, .msg = msg};
  msg->in_flight++;
  q->bytes += len;
  return 0;
}

int gmux__outq_message(gmux__outq *q, gmux__outmsg *msg, size_t len) {
  if (msg->framed < GMUX__PREFIX_LEN) {
    size_t n = GMUX__PREFIX_LEN - msg->framed;
    if (n > len) n = len;
    if (gmux__outq_copy(q, msg->prefix + msg->framed, n)) return GMUX_ERR_NOMEM;
    msg->framed += n;
    len -= n;
  }
  if (!len) return 0;
  int rc = outq_payload(q, msg, msg->bytes.data + (msg->framed - GMUX__PREFIX_LEN), len);
  if (!rc) msg->framed += len;
  return rc;
}

static void outq_written(gmux__outq *q, size_t n) {
  q->bytes -= n;
  while (n) {
    gmux__segment *s = &q->segments[q->next];
    if (n < s->len) {
      s->len -= n;
      s->offset += n;
      if (s->data) s->data += n;
      return;
    }
    n -= s->len;
    segment_release(s);
    q->next++;
  }
  if (!q->bytes) outq_reset(q);
}

int gmux__outq_write(gmux__outq *q, gmux__transport *transport, size_t *written) {
  gmux__slice slices[GMUX__SLICES_MAX];
  const uint8_t *stage = gmux__buf_data(&q->stage);
  unsigned n = 0;
  for (unsigned i = q->next; i < q->count; i++, n++) {
    const gmux__segment *s = &q->segments[i];
    slices[n] = (gmux__slice){s->data ? s->data : stage + s->offset, s->len};
  }
  ptrdiff_t rc = gmux__transport_write(transport, slices, n);
  if (rc < 0) return (int)rc;
  if (written) *written += (size_t)rc;
  outq_written(q, (size_t)rc);
  return 0;
}
