/*
 * tls.c: OpenSSL as a transport over another transport.
 *
 * States, and what moves between them:
 *
 *   SECURING  --handshake: all checks passed-->  OPEN
 *   SECURING, OPEN  --tls_end: an error that is final-->  FAILED: each operation repeats the error
 *
 * Within SECURING a server of TLS 1.3 stops when its own part of the handshake is said, and says
 * its foreword (tls_say_foreword).
 *
 * After the handshake, what is wanted of the inner transport follows in tls_update_interest from
 * what the owner wants and what OpenSSL needs for it: to read it may have to write first (a key
 * update to be answered), and the reverse.
 *
 * OpenSSL reads ahead, so bytes for the owner may lie in here while the inner transport has none:
 * `has_more`. The owner is told of them, and of a failure, by a timer that is due at once: it fires
 * in the next turn, so that who has had his share of this one waits for it, as with a socket.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/loop.h"
#include "lib/io/tls_openssl.h"
#include "lib/io/tls_record.h"
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

enum {
  /* What one call may read beyond bytes for the owner: handshakes, key updates, tickets, headers. A
   * peer can send them for ever, and OpenSSL goes on for as long as they come. The rest waits in
   * the inner transport, which stays readable. Enough for a handshake at one go. */
  READ_BEYOND = 4 * GMUX__TLS_RECORD_MAX
};

typedef enum tls_state { TLS_SECURING, TLS_OPEN, TLS_FAILED } tls_state;

/* A server's; see tls_say_foreword. */
typedef enum tls_foreword {
  TLS_FOREWORD_NONE, /* none, or none any more */
  TLS_FOREWORD_KEPT, /* our part of the handshake has not left */
  TLS_FOREWORD_DUE
} tls_foreword;

typedef struct tls_transport {
  gmux__transport base;
  gmux__tls_pipe pipe; /* to the inner transport */
  gmux__tls_peer peer; /* for OpenSSL's callbacks */
  SSL *ssl;
  tls_state state;
  bool is_shut; /* our half has been ended */
  tls_foreword foreword;
  gmux__slice foreword_bytes;

  unsigned wants;       /* the owner's */
  unsigned read_needs;  /* of the inner transport, to get on with reading */
  unsigned write_needs; /* and with writing */
  bool has_more;
  gmux__timer within; /* tells the owner so */

  /* A record that the inner transport has not taken whole; see tls_write_record. 0: none. */
  size_t offered;
  uint64_t offered_hash;

  int failure;       /* of TLS_FAILED */
  int write_failure; /* the inner transport takes nothing more, but may have bytes left to read */
  char *why;         /* the words of the later one; NULL: there was no memory for them */

  gmux__transport_info info;
  char *peer_name;
} tls_transport;

static tls_transport *tls_of(gmux__transport *transport) {
  return gmux__container(transport, tls_transport, base);
}

/* ---- readiness ---- */

/* What the owner would find without the inner transport having anything new. */
static unsigned tls_ready_within(const tls_transport *t) {
  unsigned ready = t->has_more ? GMUX__READABLE : 0;
  if (t->state == TLS_FAILED) ready = GMUX__READABLE | GMUX__WRITABLE;
  return ready & t->wants;
}

static unsigned tls_inner_needs(const tls_transport *t) {
  if (t->state == TLS_FAILED) return 0;
  unsigned needs = 0;
  if (t->wants & GMUX__READABLE) needs |= t->read_needs;
  if (t->wants & GMUX__WRITABLE) needs |= t->write_needs;
  return needs;
}

/* After whatever may have changed either. In the handshake, its steps say what they need. */
static void tls_update_interest(tls_transport *t) {
  if (t->state != TLS_SECURING) gmux__transport_want(t->pipe.inner, tls_inner_needs(t));
  gmux_loop *loop = t->base.loop;
  gmux__timer_set(loop, &t->within, tls_ready_within(t) ? gmux__loop_now(loop) : GMUX__NEVER);
}

static void tls_on_within(void *arg) {
  tls_transport *t = arg;
  unsigned ready = tls_ready_within(t);
  /* Once more in the next turn, in case the owner does nothing: level-triggered, like a socket.
   * Before calling out, because the owner may close. */
  tls_update_interest(t);
  if (ready) t->base.on_ready(t->base.owner, ready);
}

static unsigned tls_translate(const tls_transport *t, unsigned inner_events) {
  unsigned ready = 0;
  if (inner_events & t->read_needs) ready |= GMUX__READABLE;
  if (inner_events & t->write_needs) ready |= GMUX__WRITABLE;
  return ready & t->wants;
}

static void tls_on_inner_ready(void *owner, unsigned events) {
  tls_transport *t = owner;
  /* Until the handshake is done its own steps are all that the owner is told of. */
  unsigned ready = t->state == TLS_SECURING ? events : tls_translate(t, events);
  if (ready) t->base.on_ready(t->base.owner, ready);
}

static void tls_want(gmux__transport *transport, unsigned events) {
  tls_transport *t = tls_of(transport);
  t->wants = events;
  tls_update_interest(t);
}

/* ---- failure ---- */

/* Keeps the words of gmux_last_error() for whoever asks again. */
static void tls_keep_words(tls_transport *t) {
  gmux__free(t->why);
  t->why = gmux__strdup(gmux_last_error());
}

static int tls_end(tls_transport *t, int error) {
  t->state = TLS_FAILED;
  t->failure = error;
  tls_keep_words(t);
  tls_update_interest(t);
  return error;
}

/* A peer that has gone may have said something before: a status, a GOAWAY. */
static void tls_end_writing(tls_transport *t, int error) {
  if (error != GMUX_ERR_IO && error != GMUX_ERR_TIMEOUT) {
    tls_end(t, error);
    return;
  }
  t->write_failure = error;
  tls_keep_words(t);
}

static int tls_repeat_failure(const tls_transport *t, int error) {
  return t->why ? gmux__fail(error, "%s", t->why) : gmux__fail_code(error);
}

/* The start of a sentence: "TLS handshake with a.example". */
static const char *tls_doing(const tls_transport *t, char *buf, size_t len) {
  const char *doing = t->state == TLS_SECURING ? "TLS handshake" : "TLS";
  if (t->peer.host)
    snprintf(buf, len, "%s with %.200s", doing, t->peer.host);
  else
    snprintf(buf, len, "%s", doing);
  return buf;
}

static int tls_fail_cut(const tls_transport *t) {
  char doing[256];
  tls_doing(t, doing, sizeof doing);
  if (t->state == TLS_SECURING)
    return gmux__fail(GMUX_ERR_TLS, "%s: the peer closed the connection before it was done", doing);
  return gmux__fail(GMUX_ERR_TLS,
                    "%s: the connection ended without close_notify, so it was cut and not closed",
                    doing);
}

static int tls_fail_openssl(const tls_transport *t) {
  char doing[256];
  tls_doing(t, doing, sizeof doing);
  if (!t->peer.refusal) return gmux__tls_fail("%s", doing);
  ERR_clear_error();
  return gmux__fail(GMUX_ERR_TLS, "%s: %s", doing, t->peer.refusal);
}

/* The inner transport's own words stand as they are, but an end in the middle is no end. */
static int tls_fail_inner(const tls_transport *t) {
  ERR_clear_error();
  if (t->pipe.error && t->pipe.error != GMUX_ERR_EOF) return t->pipe.error;
  return tls_fail_cut(t);
}

/* ---- one operation of OpenSSL's ---- */

/* Its queue of errors is the thread's: what others left there must not be taken for ours. */
static void tls_begin(tls_transport *t) {
  ERR_clear_error();
  t->pipe.error = 0;
}

/* Before what reads: see READ_BEYOND. */
static void tls_allow_reading(tls_transport *t, size_t len) {
  t->pipe.allowed = len + READ_BEYOND;
  t->pipe.is_dry = false;
}

/* What it means that OpenSSL answered `answer` <= 0. Waiting for the inner transport:
 * GMUX_ERR_AGAIN, and *needs says for what. Leaves the error queue empty. */
static int tls_result(const tls_transport *t, int answer, unsigned *needs) {
  switch (SSL_get_error(t->ssl, answer)) {
  case SSL_ERROR_WANT_READ:
    *needs = GMUX__READABLE;
    return GMUX_ERR_AGAIN;
  case SSL_ERROR_WANT_WRITE:
    *needs = GMUX__WRITABLE;
    return GMUX_ERR_AGAIN;
  case SSL_ERROR_ZERO_RETURN:
    return t->state == TLS_OPEN ? GMUX_ERR_EOF : tls_fail_cut(t);
  case SSL_ERROR_SSL:
    return tls_fail_openssl(t);
  default:
    return tls_fail_inner(t);
  }
}

static int tls_check_open(const tls_transport *t) {
  if (t->state == TLS_FAILED) return tls_repeat_failure(t, t->failure);
  if (t->state == TLS_OPEN) return 0;
  return gmux__fail(GMUX_ERR_STATE, "TLS: the handshake is not done yet");
}

/* ---- handshake ---- */

static bool tls_has_alpn_h2(const tls_transport *t) {
  const unsigned char *name;
  unsigned len;
  SSL_get0_alpn_selected(t->ssl, &name, &len);
  return len == 2 && memcmp(name, "h2", 2) == 0;
}

static int tls_open(tls_transport *t) {
  if (!tls_has_alpn_h2(t)) {
    char doing[256];
    return gmux__fail(GMUX_ERR_TLS, "%s: the peer does not speak HTTP/2 (it chose no ALPN \"h2\")",
                      tls_doing(t, doing, sizeof doing));
  }
  int rc = gmux__tls_subject_of_peer(&t->peer_name, t->ssl);
  if (rc) return rc;
  gmux__tls_session_note(&t->peer, t->ssl);
  t->info.is_resumed = SSL_session_reused(t->ssl);
  t->info.tls_version = SSL_get_version(t->ssl);
  t->info.tls_cipher = SSL_get_cipher_name(t->ssl);
  t->info.tls_cipher_suite = SSL_CIPHER_standard_name(SSL_get_current_cipher(t->ssl));
  t->info.alpn = "h2";
  t->info.peer_name = t->peer_name;
  t->state = TLS_OPEN;
  t->has_more = SSL_has_pending(t->ssl);
  tls_update_interest(t);
  return 0;
}

/* As far as the server's Finished. OpenSSL calls that reading early data, of which there never is
 * any: our tickets offer none (max_early_data is 0), so it accepts none. */
static int tls_say_our_part(tls_transport *t, unsigned *needs) {
  uint8_t nothing[1];
  size_t len;
  int answer = SSL_read_early_data(t->ssl, nothing, sizeof nothing, &len);
  if (answer == SSL_READ_EARLY_DATA_ERROR) return tls_result(t, 0, needs);
  if (answer != SSL_READ_EARLY_DATA_FINISH)
    return gmux__fail(GMUX_ERR_TLS, "TLS handshake: the client sent early data, and none is taken");
  /* It stops also where it has asked for a second ClientHello, with nothing encrypted yet. */
  bool is_said = SSL_get_finished(t->ssl, nothing, 0) > 0;
  bool may_speak = is_said && SSL_version(t->ssl) >= TLS1_3_VERSION && tls_has_alpn_h2(t);
  t->foreword = may_speak ? TLS_FOREWORD_DUE : TLS_FOREWORD_NONE;
  return 0;
}

/*
 * With TLS 1.3 a server may speak as soon as its own part of the handshake is said (RFC 8446
 * section 2), to a client that has not proved to have sent the rest of it. A foreword is no secret;
 * but who asks for certificates may wish to say nothing to those who have none.
 */
static int tls_say_foreword(tls_transport *t, unsigned *needs) {
  int rc = t->foreword == TLS_FOREWORD_KEPT ? tls_say_our_part(t, needs) : 0;
  if (rc || t->foreword != TLS_FOREWORD_DUE) return rc;
  size_t taken; /* all of it, since it fits one record */
  int answer = SSL_write_early_data(t->ssl, t->foreword_bytes.data, t->foreword_bytes.len, &taken);
  if (answer != 1) return tls_result(t, answer, needs);
  t->foreword = TLS_FOREWORD_NONE;
  t->info.foreword_ns = gmux__loop_now(t->base.loop);
  return 0;
}

static void tls_set_foreword(gmux__transport *transport, const uint8_t *data, size_t len) {
  tls_transport *t = tls_of(transport);
  bool asks_for_certificates = SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE;
  if (!SSL_is_server(t->ssl) || asks_for_certificates) return;
  t->foreword = TLS_FOREWORD_KEPT;
  t->foreword_bytes = (gmux__slice){data, len};
}

static int tls_step(tls_transport *t) {
  int rc = gmux__transport_handshake(t->pipe.inner);
  if (rc) return rc;
  tls_begin(t);
  tls_allow_reading(t, 0);
  unsigned needs = 0;
  rc = tls_say_foreword(t, &needs);
  int answer = rc ? 1 : SSL_do_handshake(t->ssl);
  if (answer != 1) rc = tls_result(t, answer, &needs);
  if (rc == GMUX_ERR_AGAIN) gmux__transport_want(t->pipe.inner, needs);
  return rc ? rc : tls_open(t);
}

static int tls_handshake(gmux__transport *transport) {
  tls_transport *t = tls_of(transport);
  if (t->state == TLS_OPEN) return 0;
  if (t->state == TLS_FAILED) return tls_repeat_failure(t, t->failure);
  int rc = tls_step(t);
  if (rc == 0 || rc == GMUX_ERR_AGAIN) return rc;
  gmux__tls_session_distrust(&t->peer);
  return tls_end(t, rc);
}

/* ---- reading ---- */

/* A read that found nothing has left a buffer of 16 KiB. In the middle of a record OpenSSL needs
 * it, and some versions free it all the same (CVE-2024-4741; 3.0.14 does not). */
static void tls_free_buffers(SSL *ssl) {
  if (strcmp(SSL_rstate_string(ssl), "RB") != 0) SSL_free_buffers(ssl);
}

/* At most one record's bytes, so a caller's large buffer is filled by several. */
static int tls_read_record(tls_transport *t, uint8_t *buf, size_t len, size_t *got) {
  tls_begin(t);
  int answer = SSL_read_ex(t->ssl, buf, len, got);
  if (answer == 1) return 0;
  t->read_needs = GMUX__READABLE;
  return tls_result(t, answer, &t->read_needs);
}

static ptrdiff_t tls_read(gmux__transport *transport, uint8_t *buf, size_t len) {
  tls_transport *t = tls_of(transport);
  int rc = tls_check_open(t);
  if (rc) return rc;
  size_t total = 0;
  tls_allow_reading(t, len);
  while (rc == 0 && total < len) {
    size_t got = 0;
    rc = tls_read_record(t, buf + total, len - total, &got);
    total += got;
  }
  if (rc == GMUX_ERR_AGAIN) {
    t->has_more = false;
    tls_free_buffers(t->ssl);
  } else if (rc == 0)
    t->has_more = SSL_has_pending(t->ssl);
  else if (rc == GMUX_ERR_EOF)
    t->has_more = true; /* the end itself, also after the bytes before it */
  else
    tls_end(t, rc);
  tls_update_interest(t);
  return total ? (ptrdiff_t)total : rc;
}

/* ---- writing ---- */

/*
 * A peer that refuses us (our certificate, with TLS 1.3) says why in an alert and closes, so a
 * write may fail before the alert has been read. Its words say more than "broken pipe".
 */
static int tls_look_for_alert(tls_transport *t, int error) {
  char words[GMUX__FAIL_TEXT];
  snprintf(words, sizeof words, "%s", gmux_last_error());
  tls_begin(t);
  tls_allow_reading(t, 0);
  char byte;
  int answer = SSL_peek(t->ssl, &byte, 1);
  if (answer <= 0 && SSL_get_error(t->ssl, answer) == SSL_ERROR_SSL) return tls_fail_openssl(t);
  ERR_clear_error();
  return gmux__fail(error, "%s", words);
}

/*
 * Once OpenSSL has encrypted a record it sends that record and nothing else. If the inner transport
 * does not take all of it, the same bytes have to be offered again (transport.h); others would be
 * counted as sent and never be. That cannot be undone, so it is checked.
 */
static int tls_check_offer(const tls_transport *t, const gmux__slice *record) {
  if (!t->offered) return 0;
  if (record->len == t->offered &&
      gmux__tls_bytes_hash(record->data, record->len) == t->offered_hash)
    return 0;
  return gmux__fail(GMUX_ERR_STATE,
                    "TLS: bytes that were offered and not taken were not offered again");
}

static int tls_write_record(tls_transport *t, const gmux__slice *record, size_t *taken) {
  int rc = tls_check_offer(t, record);
  if (rc) return rc;
  tls_begin(t);
  int answer = SSL_write_ex(t->ssl, record->data, record->len, taken);
  if (answer == 1) {
    t->offered = 0;
    return 0;
  }
  t->write_needs = GMUX__WRITABLE;
  rc = tls_result(t, answer, &t->write_needs);
  if (rc == GMUX_ERR_AGAIN && !t->offered) {
    t->offered = record->len;
    t->offered_hash = gmux__tls_bytes_hash(record->data, record->len);
  }
  if (rc == GMUX_ERR_IO) rc = tls_look_for_alert(t, rc);
  return rc;
}

static ptrdiff_t tls_write(gmux__transport *transport, const gmux__slice *slices, size_t count) {
  tls_transport *t = tls_of(transport);
  int rc = tls_check_open(t);
  if (rc) return rc;
  if (t->write_failure) return tls_repeat_failure(t, t->write_failure);
  if (t->is_shut) return gmux__fail(GMUX_ERR_STATE, "TLS: our half of the connection is ended");
  uint8_t scratch[GMUX__TLS_RECORD_MAX];
  gmux__tls_cursor c = {slices, slices + count, 0};
  size_t total = 0;
  t->pipe.is_corked = transport->is_corked;
  gmux__slice record;
  while (rc == 0 && (record = gmux__tls_cursor_record(&c, t->offered, scratch)).len > 0) {
    size_t taken = 0;
    rc = tls_write_record(t, &record, &taken);
    gmux__tls_cursor_advance(&c, taken);
    total += taken;
  }
  if (rc && rc != GMUX_ERR_AGAIN) tls_end_writing(t, rc);
  tls_update_interest(t);
  return total ? (ptrdiff_t)total : rc;
}

/* ---- the rest ---- */

/* While a record waits to be taken there is no place for close_notify, and the peer will rightly
 * find the connection cut. */
static void tls_shutdown(gmux__transport *transport) {
  tls_transport *t = tls_of(transport);
  if (t->is_shut) return;
  t->is_shut = true;
  if (t->state == TLS_OPEN && !t->write_failure) {
    tls_begin(t);
    t->pipe.is_corked = true; /* the end follows */
    SSL_shutdown(t->ssl);
    ERR_clear_error();
  }
  gmux__transport_shutdown(t->pipe.inner);
}

static void tls_free(tls_transport *t) {
  SSL_free(t->ssl);
  gmux__tls_edition_unref(t->peer.edition);
  gmux_tls_free(t->peer.tls);
  gmux__free(t->peer.host);
  gmux__free(t->peer.refusal);
  gmux__free(t->why);
  gmux__free(t->peer_name);
  gmux__free(t);
}

static void tls_close(gmux__transport *transport) {
  tls_transport *t = tls_of(transport);
  gmux__transport *inner = t->pipe.inner;
  gmux__timer_clear(t->base.loop, &t->within);
  /* OpenSSL holds a session whose connection was lost for a bad one; but it is after a loss that
   * resuming it is worth most. (A fatal alert has spoilt it by now.) */
  SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  tls_free(t);
  gmux__transport_close(inner);
}

static const gmux__transport_info *tls_info(gmux__transport *transport) {
  return &tls_of(transport)->info;
}

static int tls_certificate(gmux__transport *transport, bool is_peers, gmux_bytes *der) {
  tls_transport *t = tls_of(transport);
  X509 *own = SSL_get_certificate(t->ssl); /* ours to look at, not to free */
  if (!is_peers) return own ? gmux__tls_der(der, own) : GMUX_ERR_NOT_FOUND;
  X509 *peers = SSL_get1_peer_certificate(t->ssl);
  if (!peers) return GMUX_ERR_NOT_FOUND;
  int rc = gmux__tls_der(der, peers);
  X509_free(peers);
  return rc;
}

static const gmux__transport_ops tls_ops = {
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .shutdown = tls_shutdown,
    .close = tls_close,
    .want = tls_want,
    .info = tls_info,
    .certificate = tls_certificate,
    .set_foreword = tls_set_foreword,
};

static int tls_set_role(tls_transport *t, const char *host) {
  if (t->peer.tls->is_server) {
    SSL_set_accept_state(t->ssl);
    return 0;
  }
  SSL_set_connect_state(t->ssl);
  int rc = gmux__tls_expect_host(t->ssl, host);
  if (rc) return rc;
  t->peer.host = gmux__strdup(host);
  if (!t->peer.host) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__tls_session_offer(&t->peer, t->ssl);
  return 0;
}

static int tls_set_up(tls_transport *t, const char *host) {
  ERR_clear_error();
  t->ssl = t->pipe.ssl = SSL_new(t->peer.edition->context);
  BIO *bio = t->ssl ? gmux__tls_bio_new(t->peer.tls->bio_method, &t->pipe) : NULL;
  if (!bio) return gmux__tls_fail("TLS cannot be set up");
  SSL_set_bio(t->ssl, bio, bio);
  SSL_set_app_data(t->ssl, &t->peer);
  return tls_set_role(t, host);
}

int gmux__tls_wrap(gmux__transport **out, gmux_tls *tls, gmux__transport *inner, const char *host) {
  tls_transport *t = gmux__calloc(1, sizeof *t);
  if (!t) return gmux__fail_code(GMUX_ERR_NOMEM);
  t->base = (gmux__transport){.ops = &tls_ops, .loop = inner->loop};
  t->pipe.inner = inner;
  t->info = *gmux__transport_info_get(inner);
  t->info.is_secure = true;
  t->info.write_bytes = 0; /* records leave one by one */
  t->peer.tls = gmux__tls_ref(tls);
  t->peer.edition = gmux__tls_edition_get(tls);
  t->peer.port = t->info.peer.port;
  t->read_needs = GMUX__READABLE;
  t->write_needs = GMUX__WRITABLE;
  gmux__timer_init(&t->within, tls_on_within, t);
  int rc = tls_set_up(t, host);
  if (rc) {
    tls_free(t);
    return rc;
  }
  inner->on_ready = tls_on_inner_ready;
  inner->owner = t;
  *out = &t->base;
  return 0;
}
