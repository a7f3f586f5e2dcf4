/*
 * tls_tickets.c: the keys under which a server seals sessions into tickets, for clients to keep.
 *
 * Who gets hold of a key can read what was said under it: with TLS 1.2 whole connections, with 1.3
 * the certificates of clients. So a key seals for as long as a session may be resumed, opens for as
 * long again, for the tickets that are under way, and is gone. Each edition has keys of its own: no
 * ticket outlives a reload, which may have taken back the trust that it stands for.
 *
 * There is no bound on the number of tickets of a key: each has a random IV of 128 bits.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

enum { NAME_LEN = 16, KEY_LEN = 32, KEYS = 2, SEALING = 1 /* as OpenSSL says it */ };

typedef struct ticket_key {
  unsigned char name[NAME_LEN];
  unsigned char cipher[KEY_LEN], mac[KEY_LEN];
} ticket_key;

/* Shared by the loops of all listeners. */
struct gmux__tls_tickets {
  pthread_mutex_t lock;
  ticket_key keys[KEYS]; /* keys[0] seals, keys[1] did before */
  int count;             /* of keys */
  time_t since;          /* that keys[0] seals; on the clock that OpenSSL dates sessions by */
};

/* ---- keys ---- */

static bool key_make(ticket_key *key) {
  return RAND_bytes(key->name, NAME_LEN) == 1 && RAND_priv_bytes(key->cipher, KEY_LEN) == 1 &&
         RAND_priv_bytes(key->mac, KEY_LEN) == 1;
}

int gmux__tls_tickets_new(gmux__tls_tickets **out) {
  gmux__tls_tickets *t = gmux__calloc(1, sizeof *t);
  if (!t) return gmux__fail_code(GMUX_ERR_NOMEM);
  pthread_mutex_init(&t->lock, NULL);
  t->since = time(NULL);
  t->count = 1;
  if (!key_make(&t->keys[0])) {
    gmux__tls_tickets_free(t);
    return gmux__tls_fail("TLS: a key for tickets");
  }
  *out = t;
  return 0;
}

void gmux__tls_tickets_free(gmux__tls_tickets *t) {
  if (!t) return;
  OPENSSL_cleanse(t->keys, sizeof t->keys);
  pthread_mutex_destroy(&t->lock);
  gmux__free(t);
}

/* A clock that was set back makes no key live longer. False: no randomness is to be had. */
static bool tickets_rotate(gmux__tls_tickets *t) {
  time_t now = time(NULL), age = now - t->since;
  if (age >= 0 && age < GMUX__TLS_SESSION_S) return true;
  ticket_key fresh;
  if (!key_make(&fresh)) return false;
  t->count = age < 2 * GMUX__TLS_SESSION_S ? KEYS : 1; /* else all its tickets are over as well */
  t->keys[1] = t->keys[0];
  if (t->count == 1) OPENSSL_cleanse(&t->keys[1], sizeof t->keys[1]);
  t->keys[0] = fresh;
  t->since = now;
  OPENSSL_cleanse(&fresh, sizeof fresh);
  return true;
}

/* The one that seals, or the one of this name. Its place in the row; -1: there is none. */
static int tickets_find(gmux__tls_tickets *t, const unsigned char *name, ticket_key *out) {
  int found = -1;
  pthread_mutex_lock(&t->lock);
  bool is_fresh = tickets_rotate(t);
  for (int i = 0; is_fresh && found < 0 && i < t->count; i++)
    if (!name || memcmp(t->keys[i].name, name, NAME_LEN) == 0) found = i;
  if (found >= 0) *out = t->keys[found];
  pthread_mutex_unlock(&t->lock);
  return found;
}

/* ---- OpenSSL's callbacks ---- */

static bool key_apply(ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int direction) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, key->mac, KEY_LEN),
                         OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
                         OSSL_PARAM_END};
  return EVP_MAC_CTX_set_params(mac, params) &&
         EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, direction);
}

/* 1: sealed, or opened; 2: opened, and the client is to get a new one, which with TLS 1.3 it always
 * is (RFC 8446 section C.4: a ticket that is used twice tells who is the same); 0: nobody's; -1:
 * failed. */
int gmux__tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int direction) {
  const gmux__tls_peer *peer = SSL_get_app_data(ssl);
  bool is_sealing = direction == SEALING;
  ticket_key key;
  int place = tickets_find(peer->edition->tickets, is_sealing ? NULL : name, &key);
  if (place < 0) return is_sealing ? -1 : 0;
  if (is_sealing) memcpy(name, key.name, NAME_LEN);
  bool is_good = !is_sealing || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1;
  is_good = is_good && key_apply(&key, iv, cipher, mac, direction);
  OPENSSL_cleanse(&key, sizeof key);
  if (!is_good) return -1;
  bool is_to_be_new = place > 0 || SSL_version(ssl) >= TLS1_3_VERSION;
  return !is_sealing && is_to_be_new ? 2 : 1;
}

/* Instead of a ticket that is not accepted, the client gets a full handshake and a new one. */
SSL_TICKET_RETURN gmux__tls_ticket_check(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                         size_t name_len, SSL_TICKET_STATUS status, void *arg) {
  (void)name, (void)name_len, (void)arg;
  const gmux__tls_peer *peer = SSL_get_app_data(ssl);
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  if (!gmux__tls_session_is_fresh(session, peer->edition)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}
