/*
 * proxies_connection.c: what concerns the connection to a proxy and not the calls on it: PINGs, its
 * patience with silence, certificates of clients.
 */
#include "tests/net/proxies.h"
#include <poll.h>
#include <string.h>

enum { PINGS = 2, SILENCE_S = 1, KEEPALIVE_MS = 1000 };

/* ---- PINGs ---- */

/* Far more often than gRPC's servers permit: they are the proxy's, and never the server's. A stream
 * is open meanwhile, and nothing is said on it. */
static void pings(passage *p) {
  kit_client other;
  p->options.keepalive_ms = KEEPALIVE_MS;
  kit_client_start(&other, proxies_target(p), &p->options);
  gmux_method *method = kit_method(KIT_TALK, GMUX_BIDI_STREAMING);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, other.channel, method, NULL, NULL, NULL), 0);
  gmux_method_free(method);
  gmux_bytes message = kit_message(1);
  proxies_write(call, message);
  proxies_read(call, &message);
  while (kit_stats(other.channel).pings_acked < PINGS)
    poll(NULL, 0, 5);
  proxies_write(call, message);
  proxies_read(call, &message);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  proxies_eof(call);
  proxies_end(call, GMUX_OK);
  CU_ASSERT_EQUAL(kit_stats(other.channel).too_many_pings, 0);
  CU_ASSERT_EQUAL(kit_stats(other.channel).connections_made, 1);
  kit_client_stop(&other);
}

/* ---- silence ---- */

/* A stream on which nobody says anything is ended by the proxy, with words of HTTP/2 or HTTP; the
 * connection and other calls go on. */
static void silent_stream(passage *p) {
  gmux_call *call = proxies_start(p, KIT_TALK, GMUX_BIDI_STREAMING, NULL);
  gmux_bytes message = kit_message(1);
  proxies_write(call, message);
  proxies_read(call, &message);
  proxies_eof(call);
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_INTERNAL);
  CU_ASSERT_EQUAL(gmux_call_get_evidence(call), GMUX_EVIDENCE_ANSWERED);
  gmux_status_clear(&status);
  gmux_call_free(call);
  CU_ASSERT(kit_echo(p->client.channel));
}

/* ---- certificates of clients ---- */

static gmux_tls *credentials(bool has_certificate) {
  gmux_tls_options o;
  gmux_tls *tls;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = kit_ca_pem();
  if (has_certificate) o.cert_pem = kit_cert_pem();
  if (has_certificate) o.key_pem = kit_key_pem();
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, &o), 0);
  return tls;
}

static void certificates(passage *p) {
  for (int has_certificate = 0; has_certificate <= 1; has_certificate++) {
    kit_client client;
    gmux_code code;
    char words[256];
    gmux_tls *tls = credentials(has_certificate);
    p->options.tls = tls;
    kit_client_start(&client, proxies_target(p), &p->options);
    bool is_good = kit_call(client.channel, KIT_ECHO, "hello", NULL, &code, words);
    CU_ASSERT_EQUAL(is_good, has_certificate);
    /* nginx takes the connection, and answers with a page that says what is missing. */
    bool is_told_late = p->gateway.make == GATEWAY_NGINX;
    const char *why = is_told_late ? "HTTP status 400" : "requires a client certificate";
    if (!has_certificate) CU_ASSERT_PTR_NOT_NULL(strstr(words, why));
    kit_client_stop(&client);
    gmux_tls_free(tls);
  }
}

const proxies_scenario proxies_connection_scenarios[] = {
    {.name = "a PING each second", .run = pings, .gateways = ALL_GATEWAYS, .is_by_hand = true},
    {.name = "a stream that is silent for 1 s",
     .run = silent_stream,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .settings = {.silence_s = SILENCE_S}},
    {.name = "certificates of clients",
     .run = certificates,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .settings = {.wants_certificate = true}},
    {0},
};
