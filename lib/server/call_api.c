/* call_api.c: a call, as the application asks and answers it, from any thread. */
#include "lib/base/fail.h"
#include "lib/server/call.h"
#include "lib/server/front.h"

/* A NULL, or a call that nothing can be done with any more. */
static int call_check(const gmux_server_call *call, const char *function) {
  if (!call) return gmux__fail(GMUX_ERR_INVALID, "%s: call is NULL", function);
  if (atomic_load(&call->exchange.shared.is_over))
    return gmux__fail(GMUX_ERR_STATE, "%s: the call is over", function);
  return 0;
}

/* On none of its server's loops: two of them could wait for each other. */
static int call_check_blocking(const gmux_server_call *call, const char *function) {
  if (!call) return gmux__fail(GMUX_ERR_INVALID, "%s: call is NULL", function);
  if (!call->exchange.box)
    return gmux__fail(GMUX_ERR_STATE,
                      "%s waits, but on_call did not say gmux_server_call_set_blocking", function);
  if (call->server->lane && gmux__server_lane_is_inside(call->server->lane))
    return gmux__fail(GMUX_ERR_DEADLOCK, "%s was called on the thread of one of its server's loops",
                      function);
  return 0;
}

/* ---- asking ---- */

gmux_server_call *gmux_server_call_ref(gmux_server_call *call) {
  if (call) gmux__exchange_hold(&call->exchange);
  return call;
}

void gmux_server_call_unref(gmux_server_call *call) {
  if (call) gmux__exchange_release(&call->exchange);
}

static const char *string_or_empty(const char *s) {
  return s ? s : "";
}

const char *gmux_server_call_path(const gmux_server_call *call) {
  return call ? string_or_empty(call->loop.stream.in->head.path) : "";
}

const char *gmux_server_call_authority(const gmux_server_call *call) {
  return call ? string_or_empty(call->loop.stream.in->head.authority) : "";
}

const gmux_metadata *gmux_server_call_metadata(const gmux_server_call *call) {
  return call ? call->loop.stream.in->head.metadata : NULL;
}

const char *gmux_server_call_peer(const gmux_server_call *call) {
  return call ? call->connection->peer : "";
}

const char *gmux_server_call_peer_name(const gmux_server_call *call) {
  return call ? call->connection->peer_name : NULL;
}

int64_t gmux_server_call_timeout_ms(const gmux_server_call *call) {
  /* Set once, before the application hears of the call: any thread may read it. */
  if (!call || call->loop.deadline_ns == GMUX__NEVER) return GMUX_NO_TIMEOUT;
  gmux_loop *loop = call->server->loop;
  uint64_t now_ns = gmux_loop_is_inside(loop) ? gmux__loop_now(loop) : gmux__loop_clock(loop);
  if (now_ns >= call->loop.deadline_ns) return 0;
  /* Rounded up: 0 means that it is over. Never near overflow: 2^64 ns are 2^44 ms. */
  return (int64_t)((call->loop.deadline_ns - now_ns - 1) / GMUX__NS_PER_MS + 1);
}

bool gmux_server_call_is_over(const gmux_server_call *call) {
  return !call || atomic_load(&call->exchange.shared.is_over);
}

void gmux_server_call_set_data(gmux_server_call *call, void *data) {
  if (call) call->data = data;
}

void *gmux_server_call_get_data(const gmux_server_call *call) {
  return call ? call->data : NULL;
}

/* ---- messages ---- */

/* What a write has said of the call before it was known to succeed. */
typedef struct raised {
  bool message, headers;
} raised;

static raised call_raise(gmux_server_call *call) {
  return (raised){.message = !atomic_exchange(&call->shared.has_message, true),
                  .headers = !atomic_exchange(&call->shared.has_headers, true)};
}

static void call_lower(gmux_server_call *call, raised what) {
  if (what.message) atomic_store(&call->shared.has_message, false);
  if (what.headers) atomic_store(&call->shared.has_headers, false);
}

typedef int (*write_fn)(gmux__exchange *exchange, gmux_bytes *message, bool close);

static int call_write(gmux_server_call *call, const char *function, write_fn write,
                      gmux_bytes *message, bool close) {
  int rv = call_check(call, function);
  if (rv) return rv;
  raised what = call_raise(call);
  if (!what.message && gmux__kind_has_one_response(call->method->kind))
    rv = gmux__fail(GMUX_ERR_STATE,
                    "the method has one response message, and it was written already");
  else
    rv = write(&call->exchange, message, close);
  if (rv < 0) call_lower(call, what);
  return rv;
}

int gmux_server_call_write(gmux_server_call *call, gmux_bytes *message) {
  return call_write(call, "gmux_server_call_write", gmux__exchange_write, message, false);
}

int gmux_server_call_write_wait(gmux_server_call *call, gmux_bytes *message) {
  int rv = call_check_blocking(call, "gmux_server_call_write_wait");
  if (rv) return rv;
  return call_write(call, "gmux_server_call_write_wait", gmux__exchange_write_wait, message, false);
}

int gmux_server_call_reply(gmux_server_call *call, gmux_bytes *message) {
  int rv = call_write(call, "gmux_server_call_reply", gmux__exchange_write, message, true);
  return rv > 0 ? 0 : rv; /* nobody will write more, so nobody minds a full queue */
}

int gmux_server_call_send_headers(gmux_server_call *call, const gmux_metadata *metadata) {
  int rv = call_check(call, "gmux_server_call_send_headers");
  if (rv) return rv;
  gmux__extras *extras;
  rv = gmux__extras_new(&extras, NULL, metadata);
  if (rv) return rv;
  if (atomic_exchange(&call->shared.has_headers, true)) {
    gmux__extras_free(extras);
    return gmux__fail(GMUX_ERR_STATE, "the response headers were sent already");
  }
  gmux__exchange_fix_encoding(&call->exchange);
  gmux__op op = {.kind = GMUX__OP_HEADERS, .data = extras};
  rv = gmux__exchange_do(&call->exchange, &op);
  if (!rv) return 0;
  atomic_store(&call->shared.has_headers, false);
  gmux__extras_free(op.data);
  return rv;
}

int gmux_server_call_set_compression(gmux_server_call *call, const char *name) {
  int rv = call_check(call, "gmux_server_call_set_compression");
  if (rv) return rv;
  gmux__encoding encoding = gmux__codecs_named(&call->server->codecs, name);
  if (encoding == GMUX__ENCODING_UNKNOWN)
    return gmux__fail(GMUX_ERR_INVALID, "\"%.40s\" is neither built in nor in the server's codecs",
                      name);
  if (!gmux__server_call_accepts(call, encoding))
    return gmux__fail(GMUX_ERR_UNSUPPORTED, "the client does not accept %s", name);
  return gmux__exchange_set_encoding(&call->exchange, encoding);
}

void gmux_server_call_set_message_compression(gmux_server_call *call, bool is_wanted) {
  if (call) atomic_store(&call->exchange.shared.is_plain, !is_wanted);
}

bool gmux_server_call_was_compressed(const gmux_server_call *call) {
  if (!call) return false;
  return call->exchange.box ? atomic_load(&call->exchange.shared.was_compressed)
                            : call->loop.stream.recv.was_compressed;
}

int gmux_server_call_grant(gmux_server_call *call, uint32_t count) {
  int rv = call_check(call, "gmux_server_call_grant");
  if (rv) return rv;
  if (count == 0) return gmux__fail(GMUX_ERR_INVALID, "gmux_server_call_grant: count is 0");
  gmux__op op = {.kind = GMUX__OP_CREDIT, .count = count};
  return gmux__exchange_do(&call->exchange, &op);
}

int gmux_server_call_read_wait(gmux_server_call *call, gmux_bytes *message) {
  int rv = call_check_blocking(call, "gmux_server_call_read_wait");
  if (!rv) rv = gmux__exchange_read_wait(&call->exchange, message);
  if (rv != GMUX_ERR_EOF) return rv;
  return gmux__fail(rv, "no more messages: %s",
                    gmux_server_call_is_over(call) ? "the call is over"
                                                   : "the client has half-closed");
}

/* ---- the way it is served, said in on_call ---- */

static int call_check_on_call(const gmux_server_call *call, const char *function) {
  int rv = call_check(call, function);
  if (rv) return rv;
  if (gmux_loop_is_inside(call->server->loop) && call->loop.is_in_on_call) return 0;
  return gmux__fail(GMUX_ERR_STATE, "%s: only in on_call", function);
}

int gmux_server_call_set_manual_credit(gmux_server_call *call) {
  int rv = call_check_on_call(call, "gmux_server_call_set_manual_credit");
  if (rv) return rv;
  call->loop.has_manual_credit = true;
  return 0;
}

int gmux_server_call_set_blocking(gmux_server_call *call) {
  int rv = call_check_on_call(call, "gmux_server_call_set_blocking");
  if (rv) return rv;
  if (call->exchange.box) return gmux__fail(GMUX_ERR_STATE, "the call is in blocking form already");
  rv = gmux__mailbox_new(&call->exchange.box);
  if (rv) return rv;
  call->loop.has_manual_credit = true; /* each read grants one */
  return 0;
}

/* ---- the end ---- */

int gmux_server_call_finish(gmux_server_call *call, const gmux_status *status,
                            const gmux_metadata *trailers) {
  int rv = call_check(call, "gmux_server_call_finish");
  if (rv) return rv;
  gmux__extras *extras;
  rv = gmux__extras_new(&extras, status, trailers);
  if (rv) return rv;
  if (gmux__exchange_close_writing(&call->exchange)) {
    gmux__extras_free(extras);
    return gmux__fail(GMUX_ERR_STATE, "the call is finished already");
  }
  gmux_code code = status ? status->code : GMUX_OK;
  if ((unsigned)code > GMUX_UNAUTHENTICATED) code = GMUX_UNKNOWN;
  gmux__op op = {.kind = GMUX__OP_FINISH, .count = (uint32_t)code, .data = extras};
  rv = gmux__exchange_do(&call->exchange, &op);
  if (!rv) return 0;
  /* Nothing has happened: it may be finished again. (A call that is over stays over.) */
  atomic_store(&call->exchange.shared.is_write_closed, false);
  gmux__extras_free(op.data);
  return rv;
}

int gmux_server_call_fail(gmux_server_call *call, gmux_code code, const char *message) {
  gmux_status status = {.code = code, .message = message};
  return gmux_server_call_finish(call, &status, NULL);
}
