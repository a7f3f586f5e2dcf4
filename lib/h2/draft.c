/*
 * draft.c: a header block that has not left: of a request, a response, or trailers. A seat has one
 * at a time, since trailers are made when all that was before them has left.
 *
 * A block changes the table that the next one refers to, so it can be encoded only when it leaves;
 * a request that is taken back before leaves no trace. Until then its fields are kept, in its seat.
 * nghttp2 is given a block without fields in their place, which decides nothing but when the frame
 * leaves and what state the stream is in; its bytes are replaced by the real block
 * (lib/wire/hpack.h), which costs a third of what nghttp2 takes, and is shorter: nghttp2 never
 * adds :path to its table.
 */
#include "lib/h2/inside.h"
#include <string.h>

enum {
  FRAME_HEAD = 9,
  FRAME_MOST = 16384,    /* what every peer takes (RFC 9113 section 6.5.2) */
  BLOCK_MOST = 64 * 1024 /* as nghttp2 has it */
};

struct gmux__draft {
  size_t bound; /* of the block */
  size_t count;
  gmux__field fields[]; /* behind them, what is not lasting of their strings */
};

static const uint8_t *keep(uint8_t **text, const uint8_t *bytes, size_t len) {
  uint8_t *kept = *text;
  if (len > 0) memcpy(kept, bytes, len);
  *text += len;
  return kept;
}

gmux__fields_sum gmux__draft_sum(const gmux__field *fields, size_t count) {
  gmux__fields_sum sum = {.count = count};
  for (const gmux__field *f = fields; f < fields + count; f++) {
    sum.strings += f->name_len + f->value_len;
    if (!f->is_name_lasting) sum.passing += f->name_len;
    if (!f->is_value_lasting) sum.passing += f->value_len;
  }
  return sum;
}

bool gmux__draft_fits(const gmux__fields_sum *sum) {
  return gmux__hpack_bound(sum->count, sum->strings) <= BLOCK_MOST;
}

bool gmux__fields_fit_frame(const gmux__fields_sum *sum) {
  return gmux__hpack_bound(sum->count, sum->strings) <= FRAME_MOST;
}

gmux__draft *gmux__draft_new(gmux__h2 *h2, const gmux__field *fields, const gmux__fields_sum *sum) {
  size_t fields_bytes = sum->count * sizeof *fields;
  gmux__draft *draft =
      gmux__blocks_malloc(&h2->blocks, sizeof(gmux__draft) + fields_bytes + sum->passing);
  if (!draft) return NULL;
  draft->bound = gmux__hpack_bound(sum->count, sum->strings);
  draft->count = sum->count;
  memcpy(draft->fields, fields, fields_bytes);
  if (sum->passing == 0) return draft;
  uint8_t *text = (uint8_t *)(draft->fields + sum->count);
  for (gmux__field *f = draft->fields; f < draft->fields + sum->count; f++) {
    if (!f->is_name_lasting) f->name = keep(&text, f->name, f->name_len);
    if (!f->is_value_lasting) f->value = keep(&text, f->value, f->value_len);
  }
  return draft;
}

void gmux__draft_free(gmux__h2 *h2, gmux__draft *draft) {
  gmux__blocks_free(&h2->blocks, draft);
}

void gmux__frame_head(uint8_t *out, size_t len, uint8_t type, uint8_t flags, int32_t id) {
  const uint8_t head[FRAME_HEAD] = {
      (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,       type,       flags,
      (uint8_t)(id >> 24),  (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
  memcpy(out, head, sizeof head);
}

/* HEADERS, and CONTINUATION for what is too much for one frame. */
static int queue_frames(gmux__conn *conn, const uint8_t *block, size_t len, uint8_t flags,
                        int32_t id) {
  uint8_t type = NGHTTP2_HEADERS;
  int rc = 0;
  while (len > 0 && !rc) {
    size_t n = len < FRAME_MOST ? len : FRAME_MOST;
    uint8_t head[FRAME_HEAD];
    uint8_t last = n == len ? NGHTTP2_FLAG_END_HEADERS : NGHTTP2_FLAG_NONE;
    gmux__frame_head(head, n, type, flags | last, id);
    rc = gmux__outq_copy(conn->out, head, sizeof head);
    if (!rc) rc = gmux__outq_copy(conn->out, block, n);
    block += n;
    len -= n;
    type = NGHTTP2_CONTINUATION;
    flags = 0;
  }
  return rc;
}

static int queue_large(gmux__conn *conn, const gmux__draft *draft, uint8_t flags, int32_t id) {
  uint8_t *block = gmux__malloc(draft->bound);
  if (!block) return GMUX_ERR_NOMEM;
  size_t len = gmux__hpack_encode(&conn->hpack, block, draft->fields, draft->count);
  int rc = queue_frames(conn, block, len, flags, id);
  gmux__free(block);
  return rc;
}

/* `bound`: of the block, which fits a frame. */
static int queue_usual(gmux__conn *conn, const gmux__field *fields, size_t count, size_t bound,
                       uint8_t flags, int32_t id) {
  uint8_t *frame = gmux__outq_reserve(conn->out, FRAME_HEAD + bound);
  if (!frame) return GMUX_ERR_NOMEM;
  size_t len = gmux__hpack_encode(&conn->hpack, frame + FRAME_HEAD, fields, count);
  gmux__frame_head(frame, len, NGHTTP2_HEADERS, flags | NGHTTP2_FLAG_END_HEADERS, id);
  gmux__outq_commit(conn->out, FRAME_HEAD + len);
  return 0;
}

int gmux__fields_leave(gmux__conn *conn, int32_t id, const gmux__field *fields,
                       const gmux__fields_sum *sum, uint8_t flags) {
  size_t bound = gmux__hpack_bound(sum->count, sum->strings);
  return queue_usual(conn, fields, sum->count, bound, flags, id);
}

int gmux__draft_leave(gmux__conn *conn, gmux__seat *seat, uint8_t flags) {
  gmux__draft *draft = seat->draft;
  seat->draft = NULL;
  int rc = draft->bound <= FRAME_MOST
               ? queue_usual(conn, draft->fields, draft->count, draft->bound, flags, seat->id)
               : queue_large(conn, draft, flags, seat->id);
  gmux__draft_free(conn->h2, draft);
  return rc;
}
