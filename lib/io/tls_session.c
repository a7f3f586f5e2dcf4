/* tls_session.c: where one endpoint keeps the newest session, to resume it on the next dial. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <string.h>

/*
 * A resumed handshake shows no certificate: whom the first one proved the peer to be is taken over
 * from it. So a session is only good for the same host and the same edition of the same
 * credentials, which decides whom to trust; they are kept with it, and the credentials stay alive
 * so that their address names nothing else. (Not the edition: it has a private key that was
 * replaced.)
 */
struct gmux__tls_session {
  SSL_SESSION *saved; /* NULL: none */
  gmux_tls *tls;
  uint64_t edition;
  char *host;
};

int gmux__tls_session_new(gmux__tls_session **out) {
  gmux__tls_session *session = gmux__calloc(1, sizeof *session);
  if (!session) return gmux__fail_code(GMUX_ERR_NOMEM);
  *out = session;
  return 0;
}

void gmux__tls_session_forget(gmux__tls_session *session) {
  if (!session) return;
  SSL_SESSION_free(session->saved);
  gmux_tls_free(session->tls);
  gmux__free(session->host);
  *session = (gmux__tls_session){0};
}

void gmux__tls_session_free(gmux__tls_session *session) {
  gmux__tls_session_forget(session);
  gmux__free(session);
}

static bool session_is_of(const gmux__tls_session *session, const gmux__tls_peer *peer) {
  return session->saved && session->tls == peer->tls && session->edition == peer->edition->number &&
         strcmp(session->host, peer->host) == 0;
}

/* Resuming renews a session, so without this an expired certificate could be lived on for ever, and
 * so could one that a newer list may have taken back. */
bool gmux__tls_session_is_fresh(SSL_SESSION *resumable, const gmux__tls_edition *edition) {
  const X509 *cert = SSL_SESSION_get0_peer(resumable);
  if (!cert) return true;
  if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0) return false;
  return !edition->crls_until || X509_cmp_current_time(edition->crls_until) > 0;
}

void gmux__tls_session_offer(const gmux__tls_peer *peer, SSL *ssl) {
  gmux__tls_session *session = peer->session;
  if (!session || !session_is_of(session, peer)) return;
  if (!SSL_SESSION_is_resumable(session->saved)) return;
  if (!gmux__tls_session_is_fresh(session->saved, peer->edition)) return;
  /* Failing is no harm: the handshake is then a full one. */
  SSL_set_session(ssl, session->saved);
}

/* Returns 1 when it keeps the reference that it is given. */
int gmux__tls_session_save(SSL *ssl, SSL_SESSION *resumable) {
  const gmux__tls_peer *peer = SSL_get_app_data(ssl);
  gmux__tls_session *session = peer->session;
  if (!session || !SSL_SESSION_is_resumable(resumable)) return 0;
  if (!session_is_of(session, peer)) {
    char *host = gmux__strdup(peer->host);
    if (!host) return 0; /* a full handshake next time; nothing else is lost */
    gmux__tls_session_forget(session);
    session->host = host;
    session->tls = gmux__tls_ref(peer->tls);
    session->edition = peer->edition->number;
  }
  SSL_SESSION_free(session->saved);
  session->saved = resumable;
  return 1;
}
