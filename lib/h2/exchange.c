#include "lib/h2/exchange.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/h2/stream.h"
#include <assert.h>

/* An operation on its way to the loop. */
typedef struct posted_op {
  gmux__post post;
  gmux__exchange *exchange; /* held */
  gmux__op op;
} posted_op;

/* ---- holds ---- */

static void on_free_task(void *arg) {
  gmux__exchange *x = arg;
  x->home->ops->destroy(x);
}

static void defer(gmux__exchange *x, gmux__phase phase, void (*fn)(void *arg)) {
  gmux__task_cancel(&x->loop_only.task);
  x->loop_only.task.fn = fn;
  gmux__loop_defer(x->home->loop, phase, &x->loop_only.task);
}

void gmux__exchange_defer_end(gmux__exchange *x, void (*end)(void *exchange)) {
  defer(x, GMUX__PHASE_DONE, end);
}

static void on_destroy_post(gmux__post *post) {
  defer(gmux__container(post, gmux__exchange, post), GMUX__PHASE_FREE, on_free_task);
}

void gmux__exchange_hold(gmux__exchange *x) {
  atomic_fetch_add_explicit(&x->shared.holds, 1, memory_order_relaxed);
}

/* True: it was the last. Who finds his hold the only one is alone with it: others would need one to
 * get one. */
static bool let_go(gmux__exchange *x) {
  return atomic_load_explicit(&x->shared.holds, memory_order_acquire) == 1 ||
         atomic_fetch_sub_explicit(&x->shared.holds, 1, memory_order_acq_rel) == 1;
}

void gmux__exchange_release_now(gmux__exchange *x) {
  assert(gmux_loop_is_inside(x->home->loop));
  if (let_go(x)) x->home->ops->destroy(x);
}

void gmux__exchange_release(gmux__exchange *x) {
  if (!let_go(x)) return;
  if (gmux_loop_is_inside(x->home->loop)) {
    defer(x, GMUX__PHASE_FREE, on_free_task);
    return;
  }
  x->post.fn = on_destroy_post;
  gmux__loop_post(x->home->loop, &x->post);
}

/* ---- operations ---- */

/* Applies it and gives back what was not taken. */
static int apply(gmux__exchange *x, gmux__op *op, bool was_posted) {
  int rc = x->home->ops->apply(x, op, was_posted);
  if (!was_posted && rc) return rc; /* the caller keeps what it passed */
  gmux_bytes_release(&op->message);
  if (op->data && x->home->ops->drop) x->home->ops->drop(op->data);
  op->data = NULL;
  return rc;
}

static void on_op_post(gmux__post *post) {
  posted_op *p = gmux__container(post, posted_op, post);
  gmux__exchange *x = p->exchange;
  apply(x, &p->op, true);
  gmux__free(p);
  gmux__exchange_release(x);
}

static int post(gmux__exchange *x, gmux__op *op) {
  posted_op *p = gmux__malloc(sizeof *p);
  if (!p) return gmux__fail_code(GMUX_ERR_NOMEM);
  *p = (posted_op){.post.fn = on_op_post, .exchange = x, .op = *op};
  if (gmux_bytes_take(&p->op.message, &op->message)) {
    gmux__free(p);
    return gmux__fail_code(GMUX_ERR_NOMEM);
  }
  op->data = NULL;
  gmux__exchange_hold(x);
  gmux__loop_post(x->home->loop, &p->post);
  return 0;
}

int gmux__exchange_do(gmux__exchange *x, gmux__op *op) {
  return gmux_loop_is_inside(x->home->loop) ? apply(x, op, false) : post(x, op);
}

static void on_cancel_post(gmux__post *post) {
  gmux__exchange *x = gmux__container(post, gmux__exchange, post);
  gmux__op op = {.kind = GMUX__OP_CANCEL};
  apply(x, &op, true);
  gmux__exchange_release(x);
}

void gmux__exchange_cancel(gmux__exchange *x) {
  if (gmux_loop_is_inside(x->home->loop)) {
    gmux__op op = {.kind = GMUX__OP_CANCEL};
    apply(x, &op, true);
    return;
  }
  /* Once is enough: a call does not come back from being cancelled. */
  if (atomic_exchange(&x->shared.is_cancel_posted, true)) return;
  gmux__exchange_hold(x);
  gmux__loop_post(x->home->loop, &x->post);
}

/* ---- compression ---- */

/* Beside the encoding, which is less: there are GMUX__ENCODING_CUSTOM of our own and
 * GMUX__CODECS_MAX others. */
#define ENCODING_IS_FIXED 0x80u

int gmux__exchange_set_encoding(gmux__exchange *x, gmux__encoding encoding) {
  unsigned char old = atomic_load(&x->shared.encoding);
  do {
    if (old & ENCODING_IS_FIXED)
      return gmux__fail(GMUX_ERR_STATE, "compression can be chosen only before anything is sent");
  } while (!atomic_compare_exchange_weak(&x->shared.encoding, &old, (unsigned char)encoding));
  return 0;
}

gmux__encoding gmux__exchange_fix_encoding(gmux__exchange *x) {
  unsigned char old = atomic_load(&x->shared.encoding);
  if (!(old & ENCODING_IS_FIXED)) old = atomic_fetch_or(&x->shared.encoding, ENCODING_IS_FIXED);
  return (gmux__encoding)(old & ~ENCODING_IS_FIXED);
}

int gmux__exchange_encode(gmux__exchange *x, gmux__op *op, const gmux_bytes *message) {
  op->message = *message;
  gmux__encoding encoding = gmux__exchange_fix_encoding(x);
  if (encoding == GMUX__ENCODING_IDENTITY || atomic_load(&x->shared.is_plain)) return 0;
  if (message->len < GMUX__COMPRESS_MIN) return 0;
  int rc = gmux__codecs_compress(x->home->codecs, encoding, &op->message, message);
  if (rc < 0) return rc;
  op->is_compressed = rc != GMUX__IN_VAIN;
  return 0;
}

void gmux__exchange_encoded(gmux__op *op, gmux_bytes *message, int rc) {
  if (!op->is_compressed)
    *message = op->message;
  else
    gmux_bytes_release(rc ? &op->message : message);
}

/* ---- writing ---- */

static int check_message(const gmux__exchange *x, const gmux_bytes *message) {
  if (!message) return gmux__fail(GMUX_ERR_INVALID, "message is NULL");
  if (!message->data && message->len)
    return gmux__fail(GMUX_ERR_INVALID, "message has a length of %zu but no data", message->len);
  if (message->len > x->max_send_bytes)
    return gmux__fail(GMUX_ERR_TOO_LARGE,
                      "message of %zu bytes is over the limit of %u (max_send_message_bytes)",
                      message->len, x->max_send_bytes);
  return 0;
}

static bool has_room(gmux__exchange *x) {
  return atomic_load(&x->shared.queued_bytes) < x->write_queue_bytes &&
         !atomic_load(&x->shared.is_held);
}

/*
 * is_full is raised before the queue is looked at once more, and tell_if_writable looks at is_full
 * after the queue was lowered, or let go: whichever of the two threads comes second sees the other,
 * so a writer never waits for a word that has been said already.
 */
static bool has_room_or_is_told(gmux__exchange *x) {
  if (has_room(x)) return true;
  if (x->box) gmux__mailbox_clear(x->box, GMUX__BOX_WRITABLE);
  atomic_store(&x->shared.is_full, true);
  if (!has_room(x)) return false;
  /* The word that was taken back above may have been for another writer, who has not woken yet. */
  if (x->box) gmux__mailbox_set(x->box, GMUX__BOX_WRITABLE);
  return true;
}

static int check_writable(gmux__exchange *x) {
  if (atomic_load(&x->shared.is_over))
    return gmux__fail(GMUX_ERR_STATE, "the call is over; nothing more can be written");
  if (atomic_load(&x->shared.is_write_closed))
    return gmux__fail(GMUX_ERR_STATE, "the last message was written already");
  if (has_room_or_is_told(x)) return 0;
  return gmux__fail(GMUX_ERR_AGAIN,
                    "the write queue is full (write_queue_bytes, %u, or what all calls may queue "
                    "together); wait for on_writable",
                    x->write_queue_bytes);
}

/* What a writer is told after its message was taken. */
static int note_queued(gmux__exchange *x) {
  return has_room_or_is_told(x) ? 0 : GMUX_WRITE_FULL;
}

size_t gmux__exchange_cost(size_t len) {
  return GMUX__PREFIX_LEN + len + GMUX__MESSAGE_COST; /* as in backlog.c */
}

static int write_message(gmux__exchange *x, gmux_bytes *message, bool close) {
  gmux__op op = {.kind = GMUX__OP_WRITE, .count = close};
  int rc = gmux__exchange_encode(x, &op, message);
  if (rc) return rc;
  size_t size = gmux__exchange_cost(op.message.len);
  atomic_fetch_add(&x->shared.queued_bytes, size);
  rc = gmux__exchange_do(x, &op);
  if (rc) atomic_fetch_sub(&x->shared.queued_bytes, size);
  gmux__exchange_encoded(&op, message, rc);
  return rc;
}

int gmux__exchange_write(gmux__exchange *x, gmux_bytes *message, bool close) {
  int rc = check_message(x, message);
  if (!rc) rc = check_writable(x);
  if (rc) return rc;
  if (close && atomic_exchange(&x->shared.is_write_closed, true))
    return gmux__fail(GMUX_ERR_STATE, "the last message was written already");
  rc = write_message(x, message, close);
  if (!rc) return note_queued(x);
  if (close) atomic_store(&x->shared.is_write_closed, false);
  return rc;
}

int gmux__exchange_close_writing(gmux__exchange *x) {
  if (atomic_exchange(&x->shared.is_write_closed, true))
    return gmux__fail(GMUX_ERR_STATE, "it was half-closed already");
  return 0;
}

static void on_writable_task(void *arg) {
  gmux__exchange *x = arg;
  if (atomic_load(&x->shared.is_over)) return;
  if (x->box)
    gmux__mailbox_set(x->box, GMUX__BOX_WRITABLE);
  else
    x->home->ops->on_writable(x);
}

static void tell_if_writable(gmux__exchange *x) {
  if (atomic_load(&x->shared.queued_bytes) > x->write_queue_bytes / 2) return;
  if (atomic_load(&x->shared.is_held)) return;
  if (!atomic_load(&x->shared.is_full) || !atomic_exchange(&x->shared.is_full, false)) return;
  if (atomic_load(&x->shared.is_over)) return; /* its end has the task, and says more */
  defer(x, GMUX__PHASE_DONE, on_writable_task);
}

void gmux__exchange_sent(gmux__exchange *x, size_t bytes) {
  atomic_fetch_sub(&x->shared.queued_bytes, gmux__exchange_cost(bytes));
  tell_if_writable(x);
}

void gmux__exchange_set_held(gmux__exchange *x, bool is_held) {
  atomic_store(&x->shared.is_held, is_held);
  if (!is_held) tell_if_writable(x);
}

void gmux__exchange_set_over(gmux__exchange *x) {
  atomic_store_explicit(&x->shared.is_over, true, memory_order_release);
  if (x->box) gmux__mailbox_set(x->box, GMUX__BOX_NO_WRITES);
}

/* ---- blocking form ---- */

static int check_may_wait(const gmux__exchange *x, const char *what) {
  if (!x->box)
    return gmux__fail(GMUX_ERR_STATE, "%s waits, but the call was started with handlers", what);
  if (gmux_loop_is_inside(x->home->loop))
    return gmux__fail(GMUX_ERR_DEADLOCK,
                      "%s was called on the loop's own thread, which would wait for itself", what);
  return 0;
}

/* Each message read makes room for the next. What memory did not allow to be said is said with the
 * next read. */
static int grant_owed(gmux__exchange *x) {
  unsigned owed = atomic_exchange(&x->shared.owed_credit, 0);
  if (!owed) return 0;
  gmux__op op = {.kind = GMUX__OP_CREDIT, .count = owed};
  int rc = gmux__exchange_do(x, &op);
  if (rc) atomic_fetch_add(&x->shared.owed_credit, owed);
  return rc;
}

int gmux__exchange_read_wait(gmux__exchange *x, gmux_bytes *message) {
  int rc = check_may_wait(x, "read_wait");
  if (!rc && !message) rc = gmux__fail(GMUX_ERR_INVALID, "message is NULL");
  if (!rc) rc = grant_owed(x);
  bool was_compressed = false;
  if (!rc) rc = gmux__mailbox_get(x->box, message, &was_compressed);
  if (rc) return rc;
  atomic_store(&x->shared.was_compressed, was_compressed);
  atomic_fetch_add(&x->shared.owed_credit, 1);
  (void)grant_owed(x);
  return 0;
}

int gmux__exchange_write_wait(gmux__exchange *x, gmux_bytes *message, bool close) {
  int rc = check_may_wait(x, "write_wait");
  if (rc) return rc;
  while ((rc = gmux__exchange_write(x, message, close)) == GMUX_ERR_AGAIN)
    gmux__mailbox_wait(x->box, GMUX__BOX_WRITABLE | GMUX__BOX_NO_WRITES, -1);
  return rc < 0 ? rc : 0;
}

/* ---- life ---- */

void gmux__exchange_init(gmux__exchange *x, const gmux__exchange_home *home,
                         uint32_t write_queue_bytes, uint32_t max_send_bytes) {
  *x = (gmux__exchange){.home = home,
                        .write_queue_bytes = write_queue_bytes,
                        .max_send_bytes = max_send_bytes,
                        .post.fn = on_cancel_post};
  atomic_init(&x->shared.holds, 1);
  gmux__task_init(&x->loop_only.task, on_writable_task, x);
}

void gmux__exchange_deinit(gmux__exchange *x) {
  gmux__task_cancel(&x->loop_only.task);
  gmux__mailbox_free(x->box);
  x->box = NULL;
}
