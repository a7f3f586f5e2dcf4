/*
 * tls_credentials.c: a gmux_tls: the newest edition of its credentials, which a reload replaces.
 *
 * Two mutexes: `reloading` is held by a reload from its first file to its end, so that of two the
 * later one stays; `lock` for a few instructions, by whoever begins a handshake.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the key log ---- */

static int key_log_refuse(const char *path, const char *why) {
  return gmux__fail(GMUX_ERR_IO, "SSLKEYLOGFILE \"%s\" cannot be written: %s", path, why);
}

/* A pipe would block us here, and raise SIGPIPE when its reader goes. */
static bool key_log_is_pipe(int fd) {
  struct stat st;
  return fstat(fd, &st) != 0 || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
}

static int key_log_open(gmux_tls *tls) {
  if (!tls->kept.options.key_log) return 0;
  const char *path = secure_getenv("SSLKEYLOGFILE");
  if (!path || !*path) return 0;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) return key_log_refuse(path, strerror(errno));
  if (key_log_is_pipe(fd)) {
    close(fd);
    return key_log_refuse(path, "it is a pipe, not a file");
  }
  tls->key_log = fd;
  return 0;
}

/* ---- editions ---- */

gmux__tls_edition *gmux__tls_edition_get(gmux_tls *tls) {
  pthread_mutex_lock(&tls->lock);
  gmux__tls_edition *e = tls->edition;
  atomic_fetch_add_explicit(&e->users, 1, memory_order_relaxed);
  pthread_mutex_unlock(&tls->lock);
  return e;
}

static gmux__tls_edition *tls_replace(gmux_tls *tls, gmux__tls_edition *fresh) {
  pthread_mutex_lock(&tls->lock);
  gmux__tls_edition *old = tls->edition;
  fresh->number = old ? old->number + 1 : 1;
  tls->edition = fresh;
  pthread_mutex_unlock(&tls->lock);
  return old;
}

/* Reads what `o` names, and is that from now on. */
static int tls_issue(gmux_tls *tls, const gmux_tls_options *o) {
  gmux__tls_edition *fresh = NULL;
  int rc = gmux__tls_edition_new(&fresh, o, tls->is_server, tls->key_log);
  if (rc == 0) gmux__tls_edition_unref(tls_replace(tls, fresh));
  return rc;
}

/* ---- reloading ---- */

static int tls_reload_with(gmux_tls *tls, const gmux_tls_options *options) {
  gmux__tls_kept fresh;
  int rc = gmux__tls_kept_init(&fresh, options, tls->is_server);
  if (rc) return rc;
  if (fresh.options.key_log != tls->kept.options.key_log)
    rc = gmux__fail(GMUX_ERR_INVALID, "key_log cannot be changed by a reload");
  if (rc == 0) rc = tls_issue(tls, &fresh.options);
  gmux__tls_kept unused = rc ? fresh : tls->kept;
  if (rc == 0) tls->kept = fresh;
  gmux__tls_kept_deinit(&unused);
  return rc;
}

int gmux_tls_reload(gmux_tls *tls, const gmux_tls_options *options) {
  if (!tls) return gmux__fail(GMUX_ERR_INVALID, "gmux_tls_reload: tls is NULL");
  pthread_mutex_lock(&tls->reloading);
  int rc = options ? tls_reload_with(tls, options) : tls_issue(tls, &tls->kept.options);
  pthread_mutex_unlock(&tls->reloading);
  return rc;
}

/* ---- life ---- */

static int tls_build(gmux_tls *tls) {
  ERR_clear_error();
  tls->bio_method = gmux__tls_bio_method_new();
  if (!tls->bio_method) return gmux__tls_fail("TLS cannot be set up");
  int rc = key_log_open(tls);
  return rc ? rc : tls_issue(tls, &tls->kept.options);
}

/* Linux's mutexes of the default kind need nothing that could fail. */
static gmux_tls *tls_alloc(bool is_server) {
  gmux_tls *tls = gmux__calloc(1, sizeof *tls);
  if (!tls) return NULL;
  tls->is_server = is_server;
  tls->key_log = -1;
  atomic_init(&tls->users, 1);
  pthread_mutex_init(&tls->reloading, NULL);
  pthread_mutex_init(&tls->lock, NULL);
  return tls;
}

static int tls_new(gmux_tls **out, const gmux_tls_options *options, bool is_server) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "nowhere to put the new gmux_tls: out is NULL");
  gmux_tls *tls = tls_alloc(is_server);
  if (!tls) return gmux__fail_code(GMUX_ERR_NOMEM);
  int rc = gmux__tls_kept_init(&tls->kept, options, is_server);
  if (rc == 0) rc = tls_build(tls);
  if (rc)
    gmux_tls_free(tls);
  else
    *out = tls;
  return rc;
}

int gmux_tls_client_new(gmux_tls **out, const gmux_tls_options *options) {
  return tls_new(out, options, false);
}

int gmux_tls_server_new(gmux_tls **out, const gmux_tls_options *options) {
  return tls_new(out, options, true);
}

bool gmux__tls_is_server(const gmux_tls *tls) {
  return tls->is_server;
}

gmux_tls *gmux__tls_ref(gmux_tls *tls) {
  atomic_fetch_add_explicit(&tls->users, 1, memory_order_relaxed);
  return tls;
}

void gmux_tls_free(gmux_tls *tls) {
  if (!tls) return;
  /* Release: what this user did happens before the last one's free; acquire: that one sees it. */
  if (atomic_fetch_sub_explicit(&tls->users, 1, memory_order_acq_rel) > 1) return;
  gmux__tls_edition_unref(tls->edition);
  gmux__tls_kept_deinit(&tls->kept);
  BIO_meth_free(tls->bio_method);
  if (tls->key_log >= 0) close(tls->key_log);
  pthread_mutex_destroy(&tls->reloading);
  pthread_mutex_destroy(&tls->lock);
  gmux__free(tls);
}
