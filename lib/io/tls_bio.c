/* tls_bio.c: a gmux__transport as the BIO that OpenSSL reads from and writes to. OpenSSL itself
 * then makes no system call on a connection, so that SIGPIPE is the inner transport's matter alone.
 */
#include "lib/io/tls_openssl.h"
#include <gmux/error.h>

/* What OpenSSL is to be told of the inner transport's answer: bytes, "again", or -1 with the error
 * kept in the pipe, where it is found when OpenSSL has come to its end. */
static int bio_answer(BIO *bio, ptrdiff_t got, int retry_flag) {
  if (got > 0) return (int)got;
  gmux__tls_pipe *pipe = BIO_get_data(bio);
  if (got == GMUX_ERR_AGAIN)
    BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
  else
    pipe->error = (int)got;
  return -1;
}

static int bio_read(BIO *bio, char *buf, int len) {
  gmux__tls_pipe *pipe = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (len <= 0) return 0;
  size_t max = (size_t)len < pipe->allowed ? (size_t)len : pipe->allowed;
  if (max == 0 || pipe->is_dry) return bio_answer(bio, GMUX_ERR_AGAIN, BIO_FLAGS_READ);
  ptrdiff_t got = gmux__transport_read(pipe->inner, (uint8_t *)buf, max);
  if (got > 0) {
    pipe->allowed -= (size_t)got;
    pipe->is_dry = (size_t)got < max; /* should there be more, we are told so in the next turn */
  }
  return bio_answer(bio, got, BIO_FLAGS_READ);
}

/* A client of TLS 1.3 that has the server's Finished answers with its own, and its owner speaks in
 * the same turn: a client of HTTP/2 always does. */
static bool ends_handshake(SSL *ssl) {
  char nothing[1];
  return !SSL_is_server(ssl) && !SSL_is_init_finished(ssl) && SSL_version(ssl) >= TLS1_3_VERSION &&
         SSL_get_peer_finished(ssl, nothing, 0) > 0;
}

static int bio_write(BIO *bio, const char *buf, int len) {
  gmux__tls_pipe *pipe = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (len <= 0) return 0;
  pipe->inner->is_corked = pipe->is_corked || ends_handshake(pipe->ssl);
  gmux__slice slice = {(const uint8_t *)buf, (size_t)len};
  ptrdiff_t taken = gmux__transport_write(pipe->inner, &slice, 1);
  return bio_answer(bio, taken, BIO_FLAGS_WRITE);
}

/* OpenSSL insists that a flush succeeds; everything else it asks for is optional. */
static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *gmux__tls_bio_method_new(void) {
  /* Nobody looks for it with BIO_find_type, so it takes none of the process's few type numbers. */
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "gmux transport");
  if (!method) return NULL;
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_ctrl(method, bio_ctrl);
  return method;
}

BIO *gmux__tls_bio_new(const BIO_METHOD *method, gmux__tls_pipe *pipe) {
  BIO *bio = BIO_new(method);
  if (!bio) return NULL;
  BIO_set_data(bio, pipe);
  BIO_set_init(bio, 1);
  return bio;
}
