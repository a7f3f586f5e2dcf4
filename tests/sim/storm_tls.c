/*
 * storm_tls.c: a certificate for the storm, and randomness for OpenSSL that comes from the seed: a
 * signature may be a byte longer or shorter, and what is cut into pieces then falls otherwise.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* nothing else gives all of a process's threads one source */
#include "tests/sim/storm.h"
#include "tests/unit/certs.h"
#include <openssl/rand.h>

static uint64_t stream;

static int draw_bytes(unsigned char *out, int len) {
  for (int i = 0; i < len; i++)
    out[i] = (unsigned char)storm_draw(&stream, 256);
  return 1;
}

static int is_ready(void) {
  return 1;
}

static void draw_from_seed(void) {
  static const RAND_METHOD method = {
      .bytes = draw_bytes, .pseudorand = draw_bytes, .status = is_ready};
  stream = storm_stream_start(st.plan.seed, STORM_STREAM_TLS, 0);
  RAND_set_rand_method(&method);
}

void storm_tls_make(void) {
  draw_from_seed();
  test_ca *ca = test_ca_new("storm");
  test_cert *cert = test_cert_new(ca, &(test_cert_options){.san = "DNS:storm.example"});
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = cert->cert_pem;
  o.key_pem = cert->key_pem;
  ledger_law(LAW_ANSWERS, gmux_tls_server_new(&st.server_tls, &o) == 0, "no TLS: %s",
             gmux_last_error());
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = test_ca_pem(ca);
  ledger_law(LAW_ANSWERS, gmux_tls_client_new(&st.client_tls, &o) == 0, "no TLS: %s",
             gmux_last_error());
  test_cert_free(cert);
  test_ca_free(ca);
}
