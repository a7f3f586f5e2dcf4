/* tls_pair.c: two ends of a link, with or without TLS. Its own memory is libc's, so that a test
 * that fails the n-th allocation meets the library's alone. */
#include "tests/unit/io/tls_pair.h"
#include <stdlib.h>
#include <string.h>

tls_pair pair;
time_t tls_time_passed_s;

/* It has to be visible to be found in libc's place. */
__attribute__((visibility("default"))) time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += tls_time_passed_s;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

/* ---- one side ---- */

/* The words of what came first. */
static void side_note(tls_side *side, int *where, int error) {
  if (!side->why[0]) strncpy(side->why, gmux_last_error(), sizeof side->why - 1);
  *where = error;
}

static void side_keep(tls_side *side, const uint8_t *data, size_t len) {
  if (side->got_cap - side->got_len < len) {
    side->got_cap = (side->got_len + len) * 2;
    side->got = realloc(side->got, side->got_cap);
    if (!side->got) abort();
  }
  memcpy(side->got + side->got_len, data, len);
  side->got_len += len;
}

static void side_read(tls_side *side) {
  static uint8_t buf[READ_LEN];
  ptrdiff_t n =
      gmux__transport_read(side->transport, buf, side->read_len ? side->read_len : READ_LEN);
  CU_ASSERT_NOT_EQUAL(n, 0);
  if (n > 0)
    side_keep(side, buf, (size_t)n);
  else if (n < 0 && n != GMUX_ERR_AGAIN)
    side_note(side, &side->read_end, (int)n);
}

/* In slices of ever other lengths, cut anew each time: what was not taken comes again, but not in
 * the same pieces. */
static size_t side_cut(const tls_side *side, gmux__slice *slices) {
  static unsigned turn;
  static const size_t lengths[] = {9, 1, 16384, 0, 300, 8192, 5, 40000, 8191, 70, 2, 20000};
  const size_t cuts = sizeof lengths / sizeof lengths[0];
  size_t left = side->out_len, count = 0;
  const uint8_t *at = side->out;
  while (left > 0 && count < GMUX__SLICES_MAX) {
    size_t len = lengths[turn++ % cuts];
    if (len > left) len = left;
    slices[count++] = (gmux__slice){at, len};
    at += len;
    left -= len;
  }
  return count;
}

static void side_write(tls_side *side) {
  gmux__slice slices[GMUX__SLICES_MAX];
  size_t count = side_cut(side, slices);
  ptrdiff_t n = gmux__transport_write(side->transport, slices, count);
  CU_ASSERT_NOT_EQUAL(n, 0);
  if (n > 0) {
    side->out += n;
    side->out_len -= (size_t)n;
  } else if (n < 0 && n != GMUX_ERR_AGAIN) {
    side_note(side, &side->write_end, (int)n);
    side->out_len = 0;
  }
}

void tls_side_update(tls_side *side) {
  if (!side->transport || side->handshake) return;
  unsigned events = 0;
  if (!side->read_end && !side->is_idle) events |= GMUX__READABLE;
  if (side->out_len > 0) events |= GMUX__WRITABLE;
  gmux__transport_want(side->transport, events);
}

/* As owners do: what waited for the handshake is written right behind it, and a connection that
 * cannot be is closed at once. */
static void side_secure(tls_side *side) {
  side->handshake = gmux__transport_handshake(side->transport);
  if (side->handshake == GMUX_ERR_AGAIN) return;
  if (side->handshake == 0) {
    if (side->out_len > 0) side_write(side);
    tls_side_update(side);
    return;
  }
  side_note(side, &side->handshake, side->handshake);
  if (!side->keeps_failed) tls_side_close(side);
}

static void side_on_ready(void *owner, unsigned events) {
  tls_side *side = owner;
  if (side->handshake == GMUX_ERR_AGAIN) {
    side_secure(side);
    return;
  }
  side->calls++;
  if ((events & GMUX__READABLE) && side->closes_on_ready) {
    tls_side_close(side);
    return;
  }
  if (side->is_deaf) return;
  if (events & GMUX__READABLE) side_read(side);
  if ((events & GMUX__WRITABLE) && side->out_len > 0) side_write(side);
  tls_side_update(side);
}

void tls_side_write(tls_side *side, const void *data, size_t len) {
  side->out = data;
  side->out_len = len;
  tls_side_update(side);
}

void tls_side_close(tls_side *side) {
  gmux__transport_close(side->transport);
  side->transport = NULL;
}

bool tls_side_got(const tls_side *side, const void *data, size_t len) {
  return side->got_len == len && (len == 0 || memcmp(side->got, data, len) == 0);
}

bool tls_side_says(const tls_side *side, const char *words) {
  if (strstr(side->why, words)) return true;
  fprintf(stderr, "# \"%s\" is not in: %s\n", words, side->why);
  return false;
}

uint8_t *tls_test_bytes(size_t len) {
  uint8_t *bytes = malloc(len);
  if (!bytes) abort();
  uint32_t x = 2463534242;
  for (size_t i = 0; i < len; i++) {
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    bytes[i] = (uint8_t)x;
  }
  return bytes;
}

/* ---- connecting ---- */

static void side_take(tls_side *side, gmux__transport *transport, gmux_tls *tls, const char *host) {
  side->transport = side->inner = transport;
  int rc = tls ? gmux__tls_wrap(&side->transport, tls, transport, host) : 0;
  side->transport->owner = side;
  side->transport->on_ready = side_on_ready;
  if (side == &pair.server && pair.foreword)
    gmux__transport_set_foreword(side->transport, (const uint8_t *)pair.foreword,
                                 strlen(pair.foreword));
  if (rc == 0) {
    side_secure(side);
    return;
  }
  side_note(side, &side->handshake, rc);
  tls_side_close(side);
}

void tls_pair_on_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  side_take(&pair.server, transport, pair.server_tls, NULL);
}

static void on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)why;
  CU_ASSERT_EQUAL_FATAL(error, 0);
  pair.dial = NULL;
  side_take(&pair.client, transport, pair.client_tls, pair.host);
}

static void pair_dial(void) {
  pair.client.handshake = pair.server.handshake = GMUX_ERR_AGAIN;
  int rc = gmux__loop_dial(pair.loop, &pair.dial, &pair.at, NULL, on_dialed, NULL);
  CU_ASSERT_EQUAL_FATAL(rc, 0);
}

void tls_pair_connect(void) {
  pair_dial();
  sim_run(pair.world);
}

void tls_pair_connect_for(int steps) {
  pair_dial();
  while (steps-- > 0 && sim_step(pair.world))
    continue;
}

void tls_pair_connect_well(void) {
  tls_pair_connect();
  if (pair.client.handshake || pair.server.handshake)
    fprintf(stderr, "# client: %s\n# server: %s\n", pair.client.why, pair.server.why);
  CU_ASSERT_EQUAL_FATAL(pair.client.handshake, 0);
  CU_ASSERT_EQUAL_FATAL(pair.server.handshake, 0);
}

void tls_pair_connect_default(void) {
  tls_pair_use(NULL, NULL);
  tls_pair_connect_well();
}

bool tls_pair_talk_is_resumed(void) {
  tls_pair_connect_well();
  tls_side_write(&pair.client, "ping", 4);
  tls_side_write(&pair.server, "pong", 4);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "pong", 4));
  CU_ASSERT_TRUE(tls_side_got(&pair.server, "ping", 4));
  bool client = gmux__transport_info_get(pair.client.transport)->is_resumed;
  bool server = gmux__transport_info_get(pair.server.transport)->is_resumed;
  CU_ASSERT_EQUAL(client, server);
  gmux__transport_shutdown(pair.client.transport);
  gmux__transport_shutdown(pair.server.transport);
  sim_run(pair.world);
  tls_pair_close();
  return client;
}

static void side_reset(tls_side *side) {
  tls_side_close(side);
  free(side->got);
  *side = (tls_side){0};
}

void tls_pair_close(void) {
  gmux__dial_cancel(pair.dial);
  pair.dial = NULL;
  side_reset(&pair.client);
  side_reset(&pair.server);
  sim_run(pair.world);
}

/* ---- credentials ---- */

gmux_tls_options tls_client_options(void) {
  gmux_tls_options options;
  gmux_tls_options_init(&options, sizeof options);
  options.ca_pem = test_ca_pem(pair.ca);
  return options;
}

gmux_tls_options tls_server_options(const test_cert *cert) {
  gmux_tls_options options;
  gmux_tls_options_init(&options, sizeof options);
  options.cert_pem = cert->cert_pem;
  options.key_pem = cert->key_pem;
  return options;
}

gmux_tls *tls_client_of(const gmux_tls_options *options) {
  gmux_tls *tls = NULL;
  int rc = gmux_tls_client_new(&tls, options);
  if (rc) fprintf(stderr, "# %s\n", gmux_last_error());
  CU_ASSERT_EQUAL_FATAL(rc, 0);
  return tls;
}

gmux_tls *tls_server_of(const gmux_tls_options *options) {
  gmux_tls *tls = NULL;
  int rc = gmux_tls_server_new(&tls, options);
  if (rc) fprintf(stderr, "# %s\n", gmux_last_error());
  CU_ASSERT_EQUAL_FATAL(rc, 0);
  return tls;
}

void tls_pair_use(const gmux_tls_options *client, const gmux_tls_options *server) {
  gmux_tls_options client_default = tls_client_options();
  gmux_tls_options server_default = tls_server_options(pair.server_cert);
  gmux_tls_free(pair.client_tls);
  gmux_tls_free(pair.server_tls);
  pair.client_tls = pair.server_tls = NULL;
  pair.client_tls = tls_client_of(client ? client : &client_default);
  pair.server_tls = tls_server_of(server ? server : &server_default);
}

/* ---- around each test ---- */

void tls_pair_setup(void) {
  pair = (tls_pair){.host = "a.example"};
  pair.world = sim_new(11);
  pair.loop = sim_loop(pair.world);
  pair.at = sim_address("127.0.0.1", 0);
  int rc = gmux__loop_listen(pair.loop, &pair.listener, &pair.at, NULL, tls_pair_on_accepted, NULL);
  CU_ASSERT_EQUAL_FATAL(rc, 0);
  pair.at = *gmux__listener_address(pair.listener);
  pair.ca = test_ca_new("test authority");
  pair.server_cert = test_cert_new(
      pair.ca, &(test_cert_options){.common_name = "server",
                                    .san = "DNS:a.example,DNS:*.b.example,IP:127.0.0.1,IP:::1",
                                    .use = TEST_CERT_SERVER});
  pair.client_cert = test_cert_new(
      pair.ca, &(test_cert_options){.common_name = "client", .use = TEST_CERT_CLIENT});
}

void tls_pair_teardown(void) {
  tls_time_passed_s = 0;
  tls_pair_close();
  gmux_tls_free(pair.client_tls);
  gmux_tls_free(pair.server_tls);
  test_cert_free(pair.server_cert);
  test_cert_free(pair.client_cert);
  test_ca_free(pair.ca);
  gmux__listener_close(pair.listener);
  sim_free(pair.world);
  pair = (tls_pair){0};
}
