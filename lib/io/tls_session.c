/*
 * tls_session.c: the sessions that a client may resume, shared by all connections of its
 * credentials, on whatever loop.
 *
 * A resumed handshake shows no certificate: whom the first one proved the peer to be is taken over
 * from it. So a session is good only for the same host, and for the same edition of the same
 * credentials, which decides whom to trust and what is shown of one's own: it belongs to the
 * edition, and ends with it. The port is looked at because another one is another server, which
 * could not open its ticket.
 *
 * A session of TLS 1.3 is used once (RFC 8446 section C.4: who sees a ticket twice knows that both
 * connections are of one client), so whoever offers it takes it out, and the connection brings the
 * next. One of TLS 1.2 stays, since resuming it need not bring another.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/base/list.h"
#include "lib/io/tls_openssl.h"
#include <string.h>
#include <time.h>

typedef struct kept_session {
  gmux__link link;
  SSL_SESSION *session;
  uint16_t port;
  char host[];
} kept_session;

struct gmux__tls_sessions {
  pthread_mutex_t lock;
  gmux__list kept; /* with `lock` held; the newest is the last */
};

static kept_session *kept_of(gmux__link *link) {
  return link ? gmux__container(link, kept_session, link) : NULL;
}

static void kept_drop(kept_session *kept) {
  gmux__list_remove(&kept->link);
  SSL_SESSION_free(kept->session);
  gmux__free(kept);
}

/* ---- life ---- */

int gmux__tls_sessions_new(gmux__tls_sessions **out) {
  gmux__tls_sessions *sessions = gmux__calloc(1, sizeof *sessions);
  if (!sessions) return gmux__fail_code(GMUX_ERR_NOMEM);
  pthread_mutex_init(&sessions->lock, NULL);
  *out = sessions;
  return 0;
}

void gmux__tls_sessions_free(gmux__tls_sessions *sessions) {
  if (!sessions) return;
  while (sessions->kept.first)
    kept_drop(kept_of(sessions->kept.first));
  pthread_mutex_destroy(&sessions->lock);
  gmux__free(sessions);
}

/* ---- places: with the lock held ---- */

/* The newest of this place at or before `link`; NULL: none. */
static kept_session *find_back(gmux__link *link, const gmux__tls_peer *place) {
  for (; link; link = link->prev) {
    kept_session *kept = kept_of(link);
    if (kept->port == place->port && strcmp(kept->host, place->host) == 0) return kept;
  }
  return NULL;
}

/* All of this place but the newest `spared`. */
static void drop_place(gmux__tls_sessions *sessions, const gmux__tls_peer *place, size_t spared) {
  kept_session *kept = find_back(sessions->kept.last, place);
  while (kept) {
    gmux__link *before = kept->link.prev;
    if (spared)
      spared--;
    else
      kept_drop(kept);
    kept = find_back(before, place);
  }
}

/* ---- is it good? ---- */

/* Resuming renews a session, so without this an expired certificate could be lived on for ever, and
 * so could one that a newer list may have taken back. */
bool gmux__tls_session_is_fresh(SSL_SESSION *resumable, const gmux__tls_edition *edition) {
  const X509 *cert = SSL_SESSION_get0_peer(resumable);
  if (!cert) return true;
  if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0) return false;
  return !edition->crls_until || X509_cmp_current_time(edition->crls_until) > 0;
}

/* Servers look at the age, too; but who asks one that has forgotten gives its ticket away. */
static bool session_is_good(SSL_SESSION *session, const gmux__tls_edition *edition) {
  long age_s = (long)time(NULL) - SSL_SESSION_get_time(session);
  return age_s < GMUX__TLS_SESSION_S && SSL_SESSION_is_resumable(session) &&
         gmux__tls_session_is_fresh(session, edition);
}

static bool session_is_for_once(const SSL_SESSION *session) {
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

/* ---- keeping and taking ---- */

bool gmux__tls_sessions_keep(gmux__tls_sessions *sessions, const gmux__tls_peer *place,
                             SSL_SESSION *session) {
  size_t host_size = strlen(place->host) + 1;
  kept_session *kept = gmux__malloc(sizeof *kept + host_size);
  if (!kept) return false; /* a full handshake next time; nothing else is lost */
  *kept = (kept_session){.session = session, .port = place->port};
  memcpy(kept->host, place->host, host_size);
  pthread_mutex_lock(&sessions->lock);
  drop_place(sessions, place, session_is_for_once(session) ? GMUX__TLS_SESSIONS_A_PLACE - 1 : 0);
  gmux__list_append(&sessions->kept, &kept->link);
  if (sessions->kept.count > GMUX__TLS_SESSIONS_MAX) kept_drop(kept_of(sessions->kept.first));
  pthread_mutex_unlock(&sessions->lock);
  return true;
}

/* With the lock held: a reference to what is there. */
static SSL_SESSION *kept_take(gmux__tls_sessions *sessions, kept_session *kept) {
  SSL_SESSION *session = kept->session;
  SSL_SESSION_up_ref(session);
  if (session_is_for_once(session)) {
    kept_drop(kept);
  } else { /* what is used goes last */
    gmux__list_remove(&kept->link);
    gmux__list_append(&sessions->kept, &kept->link);
  }
  return session;
}

SSL_SESSION *gmux__tls_sessions_take(gmux__tls_sessions *sessions, const gmux__tls_peer *place) {
  SSL_SESSION *session = NULL;
  kept_session *kept;
  pthread_mutex_lock(&sessions->lock);
  while (!session && (kept = find_back(sessions->kept.last, place)) != NULL)
    if (session_is_good(kept->session, place->edition))
      session = kept_take(sessions, kept);
    else
      kept_drop(kept);
  pthread_mutex_unlock(&sessions->lock);
  return session;
}

void gmux__tls_sessions_forget(gmux__tls_sessions *sessions, const gmux__tls_peer *place) {
  pthread_mutex_lock(&sessions->lock);
  drop_place(sessions, place, 0);
  pthread_mutex_unlock(&sessions->lock);
}

/* ---- a connection's ---- */

void gmux__tls_session_offer(gmux__tls_peer *peer, SSL *ssl) {
  SSL_SESSION *session = gmux__tls_sessions_take(peer->edition->sessions, peer);
  if (!session) return;
  /* Failing is no harm: the handshake is then a full one. */
  peer->has_offered = SSL_set_session(ssl, session) == 1;
  SSL_SESSION_free(session);
}

/* Returns 1 when it keeps the reference that it is given. */
int gmux__tls_session_save(SSL *ssl, SSL_SESSION *resumable) {
  const gmux__tls_peer *peer = SSL_get_app_data(ssl);
  if (!SSL_SESSION_is_resumable(resumable)) return 0;
  return gmux__tls_sessions_keep(peer->edition->sessions, peer, resumable);
}

/* A server that was restarted has forgotten the others as well. (Of TLS 1.2 there is one at most,
 * and this handshake has replaced it.) */
void gmux__tls_session_note(const gmux__tls_peer *peer, SSL *ssl) {
  if (!peer->has_offered || SSL_session_reused(ssl) || SSL_version(ssl) < TLS1_3_VERSION) return;
  gmux__tls_sessions_forget(peer->edition->sessions, peer);
}

void gmux__tls_session_distrust(const gmux__tls_peer *peer) {
  if (peer->host) gmux__tls_sessions_forget(peer->edition->sessions, peer);
}
