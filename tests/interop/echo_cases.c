/* echo_cases.c: each case is the promise that its name says, kept between gmux and a server of
 * another make. */
#include "tests/interop/echo_cases.h"
#include "tests/interop/echo.h"
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1024 * 1024 };

/* `len` bytes that are no text, to be freed. */
static uint8_t *body(size_t len, size_t index) {
  uint8_t *data = malloc(len + 1);
  if (!data) exit(1);
  echo_pattern(data, len, index);
  return data;
}

/* ---- the four kinds ---- */

static bool unary(echo_client *client) {
  uint8_t *bytes = body(1000, 3);
  bool ok = echo_unary_same(client, "hello", 5) && echo_unary_same(client, "", 0) &&
            echo_unary_same(client, bytes, 1000);
  free(bytes);
  return ok;
}

static bool client_stream(echo_client *client) {
  gmux_call *call = echo_start(client, "ClientStream", GMUX_CLIENT_STREAMING, NULL);
  char joined[512] = "";
  size_t len = 0;
  bool ok = call != NULL;
  for (int i = 0; ok && i < 100; i++) {
    size_t comma = i > 0;
    len += (size_t)snprintf(joined + len, sizeof joined - len, "%s%d", comma ? "," : "", i);
    const char *last = strrchr(joined, ',');
    ok = echo_write(client, call, last ? last + 1 : joined, strlen(last ? last + 1 : joined));
  }
  if (ok) gmux_call_half_close(call);
  ok = ok && echo_expect(client, call, joined, len);
  return echo_finish(client, call, ok);
}

static bool server_stream_of(echo_client *client, size_t count, size_t size) {
  char request[64];
  snprintf(request, sizeof request, "%zu %zu", count, size);
  gmux_call *call = echo_start(client, "ServerStream", GMUX_SERVER_STREAMING, NULL);
  bool ok = call && echo_write(client, call, request, strlen(request));
  for (size_t i = 0; ok && i < count; i++) {
    uint8_t *wanted = body(size, i);
    ok = echo_expect(client, call, wanted, size);
    free(wanted);
  }
  return echo_finish(client, call, ok);
}

static bool server_stream(echo_client *client) {
  return server_stream_of(client, 0, 0) && server_stream_of(client, 3, 0) &&
         server_stream_of(client, 100, 777);
}

static bool bidi(echo_client *client) {
  gmux_call *call = echo_start(client, "Bidi", GMUX_BIDI_STREAMING, NULL);
  bool ok = call != NULL;
  for (size_t i = 0; ok && i < 20; i++) {
    uint8_t *bytes = body(i * 100, i);
    ok = echo_write(client, call, bytes, i * 100) && echo_expect(client, call, bytes, i * 100);
    free(bytes);
  }
  return echo_finish(client, call, ok);
}

static bool empty_streams(echo_client *client) {
  gmux_call *both = echo_start(client, "Bidi", GMUX_BIDI_STREAMING, NULL);
  if (!echo_finish(client, both, true)) return false;
  gmux_call *up = echo_start(client, "ClientStream", GMUX_CLIENT_STREAMING, NULL);
  if (up) gmux_call_half_close(up);
  return echo_finish(client, up, up && echo_expect(client, up, "", 0));
}

/* ---- metadata ---- */

/* Values of a key joined as HTTP does (RFC 9110 section 5.3), because there are peers that hand
 * them to the application so. Those of a binary key have their length in front instead. */
static void join(const gmux_metadata *metadata, const char *key, char *out, size_t room) {
  bool is_binary = strcmp(key + strlen(key) - 4, "-bin") == 0;
  gmux_metadata_entry e;
  size_t len = 0, count = 0;
  for (size_t i = 0; gmux_metadata_at(metadata, i, &e) == 0; i++) {
    if (strcmp(e.key, key) != 0) continue;
    char front[32] = "";
    if (is_binary)
      snprintf(front, sizeof front, "%zu:", e.value_len);
    else if (count > 0)
      strcpy(front, ", ");
    count++;
    if (strlen(front) + e.value_len >= room - len) exit(1);
    memcpy(out + len, front, strlen(front));
    len += strlen(front);
    memcpy(out + len, e.value, e.value_len);
    len += e.value_len;
  }
  memset(out + len, 0, room - len);
}

/* What was sent under this key has come back. */
static bool check_key(echo_client *client, const char *key, const gmux_metadata *sent,
                      const gmux_metadata *got) {
  char wanted[8192], came[sizeof wanted];
  join(sent, key, wanted, sizeof wanted);
  join(got, key, came, sizeof came);
  if (memcmp(wanted, came, sizeof wanted) == 0) return true;
  return echo_fail(client, "%s: \"%.100s\" was wanted, \"%.100s\" came", key, wanted, came);
}

/* Sends a call with this metadata; all its keys come back, each where it belongs. */
static bool metadata_comes_back(echo_client *client, const gmux_metadata *sent) {
  gmux_call_options options = echo_options(client);
  options.metadata = sent;
  gmux_call *call = echo_start(client, "Bidi", GMUX_BIDI_STREAMING, &options);
  const gmux_metadata *initial = NULL, *trailers = NULL;
  bool ok = call && echo_write(client, call, "x", 1) && echo_expect_headers(client, call) &&
            echo_expect(client, call, "x", 1);
  if (ok) {
    gmux_call_headers_wait(call, &initial);
    gmux_call_half_close(call);
    ok = echo_expect_end(client, call, GMUX_OK, NULL);
  }
  if (ok) {
    gmux_status status = gmux_call_end_wait(call, &trailers);
    gmux_status_clear(&status);
  }
  gmux_metadata_entry e;
  for (size_t i = 0; ok && gmux_metadata_at(sent, i, &e) == 0; i++)
    ok = check_key(client, e.key, sent, strncmp(e.key, "x-initial", 9) == 0 ? initial : trailers);
  gmux_call_free(call);
  return ok;
}

static bool metadata(echo_client *client) {
  uint8_t all[256];
  for (size_t i = 0; i < sizeof all; i++)
    all[i] = (uint8_t)i;
  gmux_metadata *m;
  bool ok = gmux_metadata_new(&m) == 0 && gmux_metadata_add(m, "x-initial-text", "one") == 0 &&
            gmux_metadata_add(m, "x-initial-text", "two  words!~") == 0 &&
            gmux_metadata_add(m, "x-initial-empty", "") == 0 &&
            gmux_metadata_add_bin(m, "x-initial-bin", all, sizeof all) == 0 &&
            gmux_metadata_add(m, "x-trailing_text.0", "= \"three\", %41") == 0 &&
            gmux_metadata_add_bin(m, "x-trailing-bin", "\xab\xab\xab", 3) == 0 &&
            gmux_metadata_add_bin(m, "x-trailing-bin", all, 255) == 0 &&
            gmux_metadata_add_bin(m, "x-trailing-bin", all, 254) == 0;
  ok = ok ? metadata_comes_back(client, m) : echo_fail(client, "%s", gmux_last_error());
  gmux_metadata_free(m);
  return ok;
}

/* One entry of `len` characters under this key. */
static gmux_metadata *long_metadata(const char *key, size_t len) {
  char *text = malloc(len + 1);
  gmux_metadata *m;
  if (!text || gmux_metadata_new(&m)) exit(1);
  memset(text, 'm', len);
  text[len] = '\0';
  if (gmux_metadata_add(m, key, text)) exit(1);
  free(text);
  return m;
}

/* Just below the 8 KiB that everybody accepts. */
static bool metadata_large(echo_client *client) {
  gmux_metadata *m = long_metadata("x-trailing-text", 7000);
  bool ok = metadata_comes_back(client, m);
  gmux_metadata_free(m);
  return ok;
}

static bool metadata_too_large(echo_client *client) {
  gmux_metadata *m = long_metadata("x-request", 20000);
  gmux_call_options options = echo_options(client);
  options.metadata = m;
  gmux_call *call = echo_start(client, "Bidi", GMUX_BIDI_STREAMING, &options);
  bool ok = call && echo_expect_end(client, call, GMUX_RESOURCE_EXHAUSTED, NULL);
  gmux_call_free(call);
  gmux_metadata_free(m);
  return ok && echo_unary_same(client, "still here", 10);
}

/* ---- status ---- */

/* Asks for this status by `method`; it comes after `replies` messages. */
static bool status_comes(echo_client *client, const char *method, size_t replies, gmux_code code,
                         const char *text) {
  char request[512];
  snprintf(request, sizeof request, "%d %s", (int)code, text);
  gmux_method_kind kind = replies == 0 ? GMUX_UNARY : GMUX_SERVER_STREAMING;
  gmux_call *call = echo_start(client, method, kind, NULL);
  bool ok = call && echo_write(client, call, request, strlen(request));
  for (; ok && replies > 0; replies--)
    ok = echo_expect(client, call, request, strlen(request));
  ok = ok && echo_expect_end(client, call, code, text);
  gmux_call_free(call);
  return ok;
}

static bool status(echo_client *client) {
  for (int code = GMUX_CANCELLED; code <= GMUX_UNAUTHENTICATED; code++)
    if (!status_comes(client, "Status", 0, (gmux_code)code, "test status message")) return false;
  return status_comes(client, "Status", 0, GMUX_NOT_FOUND, "");
}

static bool status_late(echo_client *client) {
  return status_comes(client, "StatusLate", 1, GMUX_DATA_LOSS, "after a message");
}

static bool special_status(echo_client *client) {
  static const char text[] = "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
                             "\xf0\x9f\x98\x88\t\n %41 100% ~\x7f";
  return status_comes(client, "Status", 0, GMUX_UNKNOWN, text) &&
         status_comes(client, "StatusLate", 1, GMUX_UNKNOWN, text);
}

static bool details(echo_client *client) {
  static const uint8_t bytes[] = {0x08, 0x09, 0x12, 0x00, 0xff, 0x80, 0x00};
  gmux_call_options options = echo_options(client);
  gmux_metadata *m;
  if (gmux_metadata_new(&m) || gmux_metadata_add_bin(m, "x-details-bin", bytes, sizeof bytes))
    return echo_fail(client, "%s", gmux_last_error());
  options.metadata = m;
  gmux_call *call = echo_start(client, "Status", GMUX_UNARY, &options);
  gmux_metadata_free(m);
  bool ok = call && echo_write(client, call, "9 see details", 13);
  if (ok) {
    gmux_status got = gmux_call_end_wait(call, NULL);
    ok = echo_check_status(client, &got, GMUX_FAILED_PRECONDITION, "see details") &&
         echo_check_bytes(client, &got.details, bytes, sizeof bytes);
    gmux_status_clear(&got);
  }
  gmux_call_free(call);
  return ok;
}

/* A unary call ends so, maybe before its request is written. */
static bool unary_fails(echo_client *client, const char *name, const void *data, size_t len,
                        gmux_code code) {
  gmux_call *call = echo_start(client, name, GMUX_UNARY, NULL);
  if (!call) return false;
  echo_write_if_open(call, data, len);
  bool ok = echo_expect_end(client, call, code, NULL);
  gmux_call_free(call);
  return ok;
}

static bool unimplemented(echo_client *client) {
  return unary_fails(client, "NoSuchMethod", "x", 1, GMUX_UNIMPLEMENTED);
}

/* ---- time, and giving up ---- */

/* The server has seen the end of the Sleep with this id. */
static bool server_saw_end(echo_client *client, const char *id) {
  char reply[64];
  if (!echo_unary_text(client, "Ended", id, reply, sizeof reply)) return false;
  return strcmp(reply, id) == 0 || echo_fail(client, "Ended %s says \"%s\"", id, reply);
}

static bool deadline(echo_client *client) {
  gmux_call_options options = echo_options(client);
  options.timeout_ms = 200;
  gmux_call *call = echo_start(client, "Sleep", GMUX_SERVER_STREAMING, &options);
  if (!call) return false;
  echo_write_if_open(call, "deadline", 8);
  const gmux_metadata *headers;
  /* On a very busy machine the time may be up before the server has heard of the call. */
  bool has_begun = gmux_call_headers_wait(call, &headers) == 0;
  bool ok = echo_expect_end(client, call, GMUX_DEADLINE_EXCEEDED, NULL);
  gmux_call_free(call);
  return ok && (!has_begun || server_saw_end(client, "deadline"));
}

static bool time_left(echo_client *client) {
  char reply[64];
  if (!echo_unary_text(client, "TimeLeft", "", reply, sizeof reply)) return false;
  char *end;
  long long left = strtoll(reply, &end, 10);
  /* There are servers that round it up. */
  bool ok = *end == '\0' && left > 0 && left <= client->patience_ms + client->patience_ms / 10;
  return ok || echo_fail(client, "of %lld ms the server has \"%s\" left",
                         (long long)client->patience_ms, reply);
}

static bool cancel(echo_client *client) {
  gmux_call *call = echo_start(client, "Sleep", GMUX_SERVER_STREAMING, NULL);
  bool ok = call && echo_write(client, call, "cancel", 6) && echo_expect_headers(client, call);
  if (ok) {
    gmux_call_cancel(call);
    ok = echo_expect_end(client, call, GMUX_CANCELLED, NULL) && server_saw_end(client, "cancel");
  }
  gmux_call_free(call);
  return ok;
}

/* After the first reply, with both directions open. */
static bool cancel_stream(echo_client *client) {
  gmux_call *call = echo_start(client, "Bidi", GMUX_BIDI_STREAMING, NULL);
  bool ok = call && echo_write(client, call, "x", 1) && echo_expect(client, call, "x", 1);
  if (ok) {
    gmux_call_cancel(call);
    ok = echo_expect_end(client, call, GMUX_CANCELLED, NULL);
  }
  gmux_call_free(call);
  return ok && echo_unary_same(client, "still here", 10);
}

static bool early_end(echo_client *client) {
  gmux_call *call = echo_start(client, "Early", GMUX_BIDI_STREAMING, NULL);
  bool ok = call && echo_write(client, call, "x", 1) &&
            echo_expect_end(client, call, GMUX_ABORTED, "enough");
  gmux_call_free(call);
  return ok && echo_unary_same(client, "still here", 10);
}

/* ---- size and number ---- */

static bool big(echo_client *client) {
  uint8_t *bytes = body(MIB, 7);
  bool ok = echo_unary_same(client, bytes, MIB);
  gmux_call *call = ok ? echo_start(client, "Bidi", GMUX_BIDI_STREAMING, NULL) : NULL;
  for (int i = 0; call && ok && i < 4; i++)
    ok = echo_write(client, call, bytes, MIB) && echo_expect(client, call, bytes, MIB);
  free(bytes);
  return echo_finish(client, call, ok);
}

/* More than all flow control windows together. */
static bool long_stream(echo_client *client) {
  return server_stream_of(client, 400, 20000);
}

/* A byte over the 4 MiB that everybody accepts: the server's limit, and then ours. */
static bool too_large(echo_client *client) {
  enum { SIZE = 4 * MIB + 1 };
  uint8_t *bytes = body(SIZE, 0);
  bool ok = unary_fails(client, "Unary", bytes, SIZE, GMUX_RESOURCE_EXHAUSTED);
  free(bytes);
  char request[32];
  snprintf(request, sizeof request, "1 %d", SIZE);
  gmux_call *call = ok ? echo_start(client, "ServerStream", GMUX_SERVER_STREAMING, NULL) : NULL;
  ok = call && echo_write(client, call, request, strlen(request)) &&
       echo_expect_end(client, call, GMUX_RESOURCE_EXHAUSTED, NULL);
  gmux_call_free(call);
  return ok && echo_unary_same(client, "still here", 10);
}

enum { CROWD_UNARY = 400, CROWD_STREAMS = 64 };

/* Written on the loop's thread, read by main when all have come. */
typedef struct crowd {
  char address[128];
  int left, failed;
  bool has_two_addresses;
  char why[256];
  sem_t done;
} crowd;

static void crowd_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                        const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  crowd *c = user_data;
  char address[sizeof c->address];
  snprintf(address, sizeof address, "%.*s", (int)reply->len, (const char *)reply->data);
  if (status->code != GMUX_OK) {
    c->failed++;
    snprintf(c->why, sizeof c->why, "%s \"%s\"", gmux_code_str(status->code), status->message);
  } else if (c->address[0] == '\0') {
    memcpy(c->address, address, sizeof address);
  } else if (strcmp(c->address, address) != 0) {
    c->has_two_addresses = true;
  }
  if (--c->left == 0) sem_post(&c->done);
}

static bool crowd_start(echo_client *client, crowd *c) {
  gmux_method *method = echo_method("Peer", GMUX_UNARY);
  gmux_call_options options = echo_options(client);
  bool ok = true;
  for (int i = 0; ok && i < CROWD_UNARY; i++) {
    gmux_bytes request = gmux_bytes_borrow("who", 3);
    ok = gmux_call_unary_start(NULL, client->channel, method, &options, &request, crowd_reply, c) ==
         0;
    if (!ok) echo_fail(client, "start of call %d: %s", i, gmux_last_error());
  }
  gmux_method_free(method);
  return ok;
}

static bool crowd_wait(echo_client *client, crowd *c) {
  while (sem_wait(&c->done)) /* a signal may interrupt it */
    continue;
  if (c->failed > 0)
    return echo_fail(client, "%d of %d calls failed, one with %s", c->failed, CROWD_UNARY, c->why);
  if (c->has_two_addresses) return echo_fail(client, "calls came from more than one connection");
  gmux_channel_stats stats = {.size = sizeof stats};
  gmux_channel_get_stats(client->channel, &stats);
  if (stats.connections_made == 1) return true;
  return echo_fail(client, "%llu connections were made",
                   (unsigned long long)stats.connections_made);
}

/* All streams are open, and have been answered, before one of them ends. */
static bool streams_together(echo_client *client) {
  gmux_call *calls[CROWD_STREAMS];
  bool ok = true;
  for (int i = 0; i < CROWD_STREAMS; i++)
    calls[i] = ok ? echo_start(client, "Bidi", GMUX_BIDI_STREAMING, NULL) : NULL, ok = calls[i];
  for (int round = 0; round < 3; round++) {
    for (int i = 0; ok && i < CROWD_STREAMS; i++)
      ok = echo_write(client, calls[i], &i, sizeof i);
    for (int i = 0; ok && i < CROWD_STREAMS; i++)
      ok = echo_expect(client, calls[i], &i, sizeof i);
  }
  for (int i = 0; i < CROWD_STREAMS; i++)
    ok = echo_finish(client, calls[i], ok);
  return ok;
}

static bool concurrent(echo_client *client) {
  static crowd c = {.left = CROWD_UNARY}; /* outlives calls that a failure leaves behind */
  sem_init(&c.done, 0, 0);
  if (!crowd_start(client, &c)) return false;
  bool ok = streams_together(client);
  return crowd_wait(client, &c) && ok;
}

/* ---- compressed both ways ---- */

static bool compressed(echo_client *client, const char *encoding) {
  gmux_call_options options = echo_options(client);
  gmux_metadata *m;
  if (gmux_metadata_new(&m) || gmux_metadata_add(m, "x-compress", encoding))
    return echo_fail(client, "%s", gmux_last_error());
  options.metadata = m;
  options.compression = encoding;
  gmux_call *call = echo_start(client, "Bidi", GMUX_BIDI_STREAMING, &options);
  uint8_t *bytes = body(MIB, 1);
  bool ok = call != NULL;
  for (size_t len = 1; ok && len <= MIB; len *= 32)
    ok = echo_write(client, call, bytes, len) && echo_expect(client, call, bytes, len);
  free(bytes);
  gmux_metadata_free(m);
  return echo_finish(client, call, ok);
}

static bool gzip(echo_client *client) {
  return compressed(client, "gzip");
}

static bool deflate(echo_client *client) {
  return compressed(client, "deflate");
}

/* ---- who is who, and the end ---- */

static bool peer_name(echo_client *client) {
  char name[256];
  if (!echo_unary_text(client, "PeerName", "", name, sizeof name)) return false;
  return strstr(name, "interop-client") || echo_fail(client, "the server knows us as \"%s\"", name);
}

/* The server must not be reachable: it does not trust us, or we do not trust it. */
static bool refused(echo_client *client) {
  return unary_fails(client, "Unary", "x", 1, GMUX_UNAVAILABLE);
}

/* A call that runs when the server begins its orderly end may go on to its own. */
static bool drain(echo_client *client) {
  gmux_call *call = echo_start(client, "Bidi", GMUX_BIDI_STREAMING, NULL);
  char reply[64];
  bool ok = call && echo_write(client, call, "before", 6) &&
            echo_expect(client, call, "before", 6) &&
            echo_unary_text(client, "Drain", "x", reply, sizeof reply) &&
            echo_write(client, call, "after", 5) && echo_expect(client, call, "after", 5);
  return echo_finish(client, call, ok);
}

const echo_case echo_cases[] = {
    {"unary", unary},
    {"client_stream", client_stream},
    {"server_stream", server_stream},
    {"bidi", bidi},
    {"empty_streams", empty_streams},
    {"metadata", metadata},
    {"metadata_large", metadata_large},
    {"metadata_too_large", metadata_too_large},
    {"status", status},
    {"status_late", status_late},
    {"special_status", special_status},
    {"details", details},
    {"unimplemented", unimplemented},
    {"deadline", deadline},
    {"time_left", time_left},
    {"cancel", cancel},
    {"cancel_stream", cancel_stream},
    {"early_end", early_end},
    {"big", big},
    {"long_stream", long_stream},
    {"too_large", too_large},
    {"concurrent", concurrent},
    {"gzip", gzip},
    {"deflate", deflate},
    {"peer_name", peer_name},
    {"refused", refused},
    {"drain", drain},
    {NULL, NULL},
};
