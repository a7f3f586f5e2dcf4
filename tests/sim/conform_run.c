/* conform_run.c: a row is said, and what came of it is held against the table. */
#include "tests/sim/conform.h"
#include "tests/sim/world.h"
#include "tests/unit/certs.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WITNESS = 1, AFTERWARDS = 1001, FIELDS_MAX = 48 };

static rawpeer *other; /* the client on another connection */
static const char *row_title;

static void check(bool ok, const char *format, ...) GMUX_PRINTF(2, 3);
static void check(bool ok, const char *format, ...) {
  char words[300];
  CU_ASSERT_TRUE(true); /* a row that breaks nothing has still been checked */
  if (ok) return;
  va_list args;
  va_start(args, format);
  vsnprintf(words, sizeof words, format, args);
  va_end(args);
  CU_assertImplementation(CU_FALSE, __LINE__, words, row_title, "", CU_FALSE);
}

/* ---- saying ---- */

/* A field of `more` in the place of a good request's own; NULL: it has none. */
static const char *replacement(const char *name, const char *const *more) {
  for (; *more; more += 2)
    if (strcmp(more[0], name) == 0) return more[1];
  return NULL;
}

static void say_request(const conform_step *s) {
  static const char *const good[] = {
      ":method",    "POST",       ":scheme",   "http",         ":path",
      "/t.S/Unary", ":authority", "a.example", "content-type", "application/grpc"};
  enum { GOOD = sizeof good / sizeof *good };
  const char *pairs[FIELDS_MAX + 1];
  size_t n = 0;
  for (size_t i = 0; i < GOOD; i += 2) {
    const char *value = replacement(good[i], s->fields);
    if (value && strcmp(value, "-") == 0) continue;
    pairs[n++] = good[i];
    pairs[n++] = value ? value : good[i + 1];
  }
  for (const char *const *more = s->fields; *more; more += 2) {
    bool is_good = false;
    for (size_t i = 0; i < GOOD; i += 2)
      is_good = is_good || strcmp(good[i], more[0]) == 0;
    if (is_good) continue;
    CU_ASSERT_FATAL(n + 2 <= FIELDS_MAX);
    pairs[n++] = more[0];
    pairs[n++] = more[1];
  }
  pairs[n] = NULL;
  rawpeer_headers(kit.peer, s->stream, s->flags, pairs);
}

static void say_zeros(const conform_step *s) {
  uint8_t *zeros = sim_alloc(s->number);
  rawpeer_frame(kit.peer, s->type, s->flags, s->stream, zeros, s->number);
  free(zeros);
}

static void say_number(const conform_step *s) {
  uint8_t payload[4];
  raw_put_u32(payload, s->number);
  rawpeer_frame(kit.peer, s->type, s->flags, s->stream, payload, sizeof payload);
}

static void say(const conform_step *s) {
  uint16_t id = (uint16_t)s->number;
  switch (s->verb) {
  case CONFORM_FRAME:
    rawpeer_frame(kit.peer, s->type, s->flags, s->stream, s->bytes, s->len);
    break;
  case CONFORM_ZEROS:
    say_zeros(s);
    break;
  case CONFORM_NUMBER:
    say_number(s);
    break;
  case CONFORM_FIELDS:
    rawpeer_headers(kit.peer, s->stream, s->flags, s->fields);
    break;
  case CONFORM_REQUEST:
    say_request(s);
    break;
  case CONFORM_MESSAGE:
    rawpeer_grpc_message(kit.peer, s->stream, s->flags, s->bytes, s->len);
    break;
  case CONFORM_SETTING:
    rawpeer_settings(kit.peer, 1, &id, &s->value);
    break;
  case CONFORM_BYTES:
    rawpeer_send(kit.peer, s->bytes, s->len);
    break;
  case CONFORM_DO:
    s->run();
    break;
  case CONFORM_STOP:
    break;
  }
}

void conform_say(const conform_step *steps) {
  for (; steps->verb != CONFORM_STOP; steps++)
    say(steps);
}

/* ---- what came of it ---- */

static const rawframe *last_goaway(void) {
  size_t count = rawpeer_count(kit.peer, RAW_GOAWAY, RAW_ANY);
  return count ? rawpeer_find(kit.peer, RAW_GOAWAY, RAW_ANY, count - 1) : NULL;
}

/* What was done, in the words of the table. */
static conform_end observe(uint32_t stream) {
  conform_end seen = {.kind = CONFORM_IGNORES, .stream = stream};
  const rawframe *goaway = last_goaway();
  int64_t rst = kit_rst(stream);
  if (goaway && rawframe_u32(goaway, 4) != GMUX__H2_NO_ERROR) {
    seen.kind = CONFORM_ENDS;
    seen.code = rawframe_u32(goaway, 4);
  } else if (kit_is_gone(kit.peer)) {
    seen.kind = CONFORM_CLOSES;
  } else if (stream && rst >= 0) {
    seen.kind = CONFORM_RESETS;
    seen.code = (uint32_t)rst;
  }
  return seen;
}

static const char *words_of(const conform_end *end) {
  static char words[2][80];
  static unsigned turn;
  char *out = words[turn++ % 2];
  switch (end->kind) {
  case CONFORM_RESETS:
    snprintf(out, sizeof words[0], "RST_STREAM(%s)", gmux__h2_code_str(end->code));
    break;
  case CONFORM_ENDS:
    snprintf(out, sizeof words[0], "GOAWAY(%s)", gmux__h2_code_str(end->code));
    break;
  case CONFORM_CLOSES:
    return "the end of the connection";
  default:
    return "nothing";
  }
  return out;
}

static bool is_permitted(const conform_end *end, const conform_end *seen) {
  switch (seen->kind) {
  case CONFORM_RESETS:
    return seen->code < 32 && (end->may_reset & 1u << seen->code);
  case CONFORM_ENDS:
    return seen->code < 32 && (end->may_end & 1u << seen->code);
  case CONFORM_IGNORES:
    return end->may_ignore;
  default:
    return false;
  }
}

/* The table is checked too: what it says that we do must be permitted by what it says of the RFC.
 */
static void check_error(const conform_row *row) {
  const conform_end *end = &row->end;
  conform_end seen = observe(end->stream);
  check(is_permitted(end, end), "the table permits not what it says that we do");
  check(is_permitted(end, &seen), "the RFC does not permit %s", words_of(&seen));
  check(seen.kind == end->kind && seen.code == end->code, "%s came, and the table says %s",
        words_of(&seen), words_of(end));
}

/* GOAWAY is one, is the last frame, and does not name a stream that never was. */
static void check_goaway(void) {
  const rawframe *goaway = last_goaway();
  size_t frames = rawpeer_count(kit.peer, RAW_ANY, RAW_ANY);
  check(kit_is_gone(kit.peer), "the connection is not closed");
  check(rawpeer_count(kit.peer, RAW_GOAWAY, RAW_ANY) == 1, "not one GOAWAY");
  check(goaway && goaway == rawpeer_find(kit.peer, RAW_ANY, RAW_ANY, frames - 1),
        "frames behind GOAWAY");
  check(goaway && goaway->stream == 0 && rawframe_u32(goaway, 0) <= INT32_MAX,
        "GOAWAY on a stream, or with a reserved bit");
}

static bool is_no_error(const rawframe *rst) {
  return rawframe_u32(rst, 0) == GMUX__H2_NO_ERROR;
}

/* Nobody but this stream was reset; 0: nobody at all. NO_ERROR is none. */
static void check_resets(uint32_t but) {
  const rawframe *rst;
  for (size_t i = 0; (rst = rawpeer_find(kit.peer, RAW_RST_STREAM, RAW_ANY, i)); i++)
    check(rst->stream == but || is_no_error(rst), "stream %u was reset", rst->stream);
  check(rawpeer_count(kit.peer, RAW_RST_STREAM, but) <= 1, "RST_STREAM twice");
}

static void check_served(uint32_t stream) {
  const char *status = kit_trailer(stream, "grpc-status");
  check(strcmp(status, "0") == 0, "stream %u has grpc-status \"%s\"", stream, status);
  check(kit_is_ended(stream), "the answer on stream %u has no end", stream);
  check(rawpeer_count(kit.peer, RAW_DATA, stream) > 0, "stream %u has no message", stream);
}

/* A client that has not said all is told that it need not (RFC 9113 section 8.1). */
static void check_answered(const conform_end *end) {
  const char *status = kit_header(end->stream, ":status");
  int64_t rst = kit_rst(end->stream);
  check(strcmp(status, end->status) == 0, ":status is \"%s\", not %s", status, end->status);
  check(kit_is_trailers_only(end->stream), "not one block with the end");
  check(rst == -1 || rst == GMUX__H2_NO_ERROR, "it is reset with %lld", (long long)rst);
}

void conform_check_end(const conform_row *row) {
  const conform_end *end = &row->end;
  row_title = row->title;
  switch (end->kind) {
  case CONFORM_CLOSES:
    check(kit_is_gone(kit.peer), "the connection is not closed");
    return;
  case CONFORM_ENDS:
    check_error(row);
    check_goaway();
    return;
  case CONFORM_SERVES:
    check_served(end->stream);
    check_resets(0);
    break;
  case CONFORM_ANSWERS:
    check_answered(end);
    check_resets(end->stream);
    break;
  case CONFORM_IGNORES:
    check_error(row);
    check_resets(0);
    break;
  case CONFORM_RESETS:
    check_error(row);
    check_resets(end->stream);
    break;
  }
  check(!kit_is_gone(kit.peer) && !last_goaway(), "the connection has ended");
}

/* ---- the witnesses ---- */

static void say_call(uint32_t stream) {
  conform_say(STEPS(OPEN(stream)));
}

static void finish_call(uint32_t stream) {
  conform_say(STEPS(MESSAGE(stream, "hello")));
  kit_run();
  check_served(stream);
}

static void begin_witnesses(const conform_row *row) {
  rawpeer *own = kit.peer;
  kit.peer = other;
  say_call(WITNESS);
  kit.peer = own;
  if (!row->is_bare) say_call(WITNESS);
  kit_run();
}

static void check_same_connection(const conform_row *row) {
  if (kit_is_gone(kit.peer)) return;
  if (!row->is_bare) finish_call(WITNESS);
  if (row->is_last_id) return;
  say_call(AFTERWARDS);
  finish_call(AFTERWARDS);
}

/* The other client, and what the server has left of the first. */
static void check_other_connection(void) {
  rawpeer_close(kit.peer);
  kit.peer = other;
  finish_call(WITNESS);
  say_call(AFTERWARDS);
  finish_call(AFTERWARDS);
  gmux_server_stats stats = kit_stats();
  check(stats.connections == 1, "%u connections are left", stats.connections);
  check(stats.calls_running == 0, "%u calls are left", stats.calls_running);
  check(stats.calls_held == 0, "%u ended calls are held", stats.calls_held);
}

/* ---- the world ---- */

static void on_event(int event, gmux_server_call *call, gmux_bytes *message) {
  static char reply[CONFORM_REPLY];
  (void)message;
  if (event != SAW_HALF_CLOSE || strcmp(gmux_server_call_path(call), "/t.S/Unary") != 0) return;
  size_t len = (size_t)strtoul(kit.message, NULL, 10);
  gmux_bytes bytes = len ? gmux_bytes_borrow(reply, len) : kit_text("fine");
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, &bytes), 0);
}

static void make_certificates(void) {
  test_ca *ca = test_ca_new("conformance");
  test_cert *cert = test_cert_new(ca, &(test_cert_options){.san = "DNS:" KIT_HOST});
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = cert->cert_pem;
  o.key_pem = cert->key_pem;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&kit.server_tls, &o), 0);
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = test_ca_pem(ca);
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&kit.client_tls, &o), 0);
  test_cert_free(cert);
  test_ca_free(ca);
}

static void make_world(conform_way way) {
  kit_setup();
  if (way == CONFORM_TLS) make_certificates();
  if (way == CONFORM_BYTES_ALONE) sim_net(kit.world)->read_chunk = 1;
  kit.options.max_concurrent_streams = 8;
  kit.options.stream_window_bytes = 65535;
  kit.options.connection_window_bytes = 100000;
  kit.options.max_recv_message_bytes = 250000;
  kit.act = on_event;
  kit_serve();
}

void conform_try(const conform_row *row, conform_way way) {
  row_title = row->title;
  make_world(way);
  rawpeer *own = row->is_bare ? kit_connect_silent() : kit_connect();
  other = kit_connect();
  CU_ASSERT_PTR_EQUAL_FATAL(own, kit.peer);
  begin_witnesses(row);
  conform_say(row->script);
  kit_run();
  conform_check_end(row);
  if (row->also) row->also();
  check_same_connection(row);
  check_other_connection();
}
