/* tls_error.c: what OpenSSL's reasons mean for somebody who has to put things right. */
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct tls_hint {
  int reason; /* of ERR_LIB_SSL */
  const char *words;
} tls_hint;

/* "Alert" is OpenSSL's word for what the peer said. */
static const tls_hint hints[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS: is it a cleartext port?"},
    {SSL_R_HTTP_REQUEST, "the peer does not speak TLS but cleartext HTTP"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the peer does not speak TLS but takes this for a proxy"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer offers nothing as new as TLS 1.2"},
    {SSL_R_NO_SHARED_CIPHER,
     "no cipher in common: with TLS 1.2 only ECDHE with AES-GCM or ChaCha20 is allowed"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client sent none, and one is required"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the client does not offer HTTP/2 (ALPN \"h2\")"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "the peer refuses HTTP/2 (ALPN \"h2\")"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the peer refuses TLS 1.2 and newer"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "the server knows nothing of this host name"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
     "the server requires a client certificate: set cert_file and key_file"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
     "the peer does not trust the authority that signed our certificate"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "the peer found nothing in common, or misses a client certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer refuses our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer refuses our certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     "the peer refuses our certificate: was it made for this purpose (client or server)?"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the peer says that our certificate has expired"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR,
     "the peer finds a signature wrong, of ours or in the chain of our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the peer says that our certificate was revoked"},
    {SSL_R_EE_KEY_TOO_SMALL, "2048 bits of RSA or 224 of EC are the least"},
    {SSL_R_CA_KEY_TOO_SMALL, "2048 bits of RSA or 224 of EC are the least"},
    {SSL_R_CA_MD_TOO_WEAK, "it is signed with a hash that is not safe any more; SHA-256 would do"},
};

static const char *hint_for(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return NULL;
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
    if (hints[i].reason == ERR_GET_REASON(error)) return hints[i].words;
  return NULL;
}

/* Empties the queue. The newest error is the outermost: what the function asked for stumbled over.
 * Errors deeper down matter only if memory was the reason. */
static unsigned long queue_take(bool *is_memory) {
  unsigned long newest = 0, error;
  *is_memory = false;
  while ((error = ERR_get_error()) != 0) {
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) *is_memory = true;
    newest = error;
  }
  return newest;
}

int gmux__tls_fail(const char *format, ...) {
  bool is_memory;
  unsigned long error = queue_take(&is_memory);
  if (is_memory) return gmux__fail_code(GMUX_ERR_NOMEM);
  char doing[GMUX__FAIL_TEXT / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(doing, sizeof doing, format, args);
  va_end(args);
  const char *reason = ERR_reason_error_string(error);
  if (!reason) reason = "OpenSSL gives no reason";
  const char *hint = hint_for(error);
  if (!hint) return gmux__fail(GMUX_ERR_TLS, "%s: %s", doing, reason);
  return gmux__fail(GMUX_ERR_TLS, "%s: %s (%s)", doing, hint, reason);
}

bool gmux__tls_error_is(int library, int reason) {
  unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == library && ERR_GET_REASON(error) == reason;
}
