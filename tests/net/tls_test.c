/* tls_test.c: who trusts whom, over real sockets, and what is said when somebody does not. */
#include "tests/net/kit.h"
#include "tests/unit/certs.h"
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static gmux_tls *client_tls(const char *ca_pem, const test_cert *own) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = ca_pem;
  o.cert_pem = own ? own->cert_pem : NULL;
  o.key_pem = own ? own->key_pem : NULL;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, &o), 0);
  return tls;
}

static gmux_tls *mutual_server_tls(void) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = kit_cert_pem();
  o.key_pem = kit_key_pem();
  o.ca_pem = kit_ca_pem();
  o.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&tls, &o), 0);
  return tls;
}

/* One call that fails as UNAVAILABLE with this in its words, and leaves the server as it was. */
static void check_refused(const char *target, gmux_tls *tls, const char *tls_host,
                          const char *part_of_words) {
  gmux_channel_options o = kit_channel_options(tls);
  o.tls_host = tls_host;
  kit_client client;
  kit_client_start(&client, target, &o);
  gmux_code code;
  char words[256];
  CU_ASSERT_FALSE(kit_call(client.channel, KIT_ECHO, "x", NULL, &code, words));
  CU_ASSERT_EQUAL(code, GMUX_UNAVAILABLE);
  CU_ASSERT_PTR_NOT_NULL(strstr(words, part_of_words));
  if (!strstr(words, part_of_words)) printf("# said: %s\n", words);
  kit_client_stop(&client);
}

static void a_server_that_asks_gets_the_clients_name(void) {
  gmux_tls *server_side = mutual_server_tls();
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), server_side));
  /* The kit's own certificate does for a client, too: it says nothing of its purpose. */
  test_cert own = {.cert_pem = (char *)(uintptr_t)kit_cert_pem(),
                   .key_pem = (char *)(uintptr_t)kit_key_pem()};
  gmux_tls *with = client_tls(kit_ca_pem(), &own), *without = client_tls(kit_ca_pem(), NULL);

  gmux_channel_options o = kit_channel_options(with);
  kit_client client;
  kit_client_start(&client, server.target, &o);
  CU_ASSERT(kit_call(client.channel, KIT_NAME, "", "CN=gmux test", NULL, NULL));
  check_refused(server.target, without, NULL, "certificate");
  CU_ASSERT(kit_echo(client.channel)); /* others do not suffer */
  kit_client_stop(&client);

  gmux_tls_free(with);
  gmux_tls_free(without);
  gmux_tls_free(server_side);
  kit_server_stop(&server);
}

static void a_server_that_cannot_be_trusted_is_refused_in_words(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), kit_server_tls(KIT_TLS)));
  test_ca *stranger = test_ca_new("a stranger");
  gmux_tls *other = client_tls(test_ca_pem(stranger), NULL);
  check_refused(server.target, other, NULL, "certificate");
  check_refused(server.target, kit_client_tls(KIT_TLS), "another.example", "another.example");
  check_refused(server.target, NULL, NULL, "ipv4:127.0.0.1"); /* in cleartext */
  gmux_channel_options o = kit_channel_options(kit_client_tls(KIT_TLS));
  kit_client client;
  kit_client_start(&client, server.target, &o);
  CU_ASSERT(kit_echo(client.channel));
  kit_client_stop(&client);
  gmux_tls_free(other);
  test_ca_free(stranger);
  kit_server_stop(&server);
}

static void a_server_without_tls_is_refused_in_words(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  check_refused(server.target, kit_client_tls(KIT_TLS), NULL, "TLS");
  kit_server_stop(&server);
}

/* ---- a server that takes any key, as ours would not ---- */

typedef struct lax_server {
  pthread_t thread;
  SSL_CTX *context;
  int fd;
  char target[64];
} lax_server;

static int lax_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                    const unsigned char *in, unsigned in_len, void *arg) {
  (void)ssl, (void)arg, (void)in_len;
  *out = in + 1;
  *out_len = in[0];
  return SSL_TLSEXT_ERR_OK;
}

/* One handshake. */
static void *lax_run(void *arg) {
  lax_server *s = arg;
  int fd = accept(s->fd, NULL, NULL);
  SSL *ssl = SSL_new(s->context);
  SSL_set_fd(ssl, fd);
  SSL_accept(ssl);
  SSL_free(ssl);
  close(fd);
  return NULL;
}

static void lax_use(SSL_CTX *context, const test_cert *own) {
  SSL_CTX_set_security_level(context, 0);
  CU_ASSERT_EQUAL(SSL_CTX_use_certificate_file(context, own->cert_file, SSL_FILETYPE_PEM), 1);
  CU_ASSERT_EQUAL(SSL_CTX_use_PrivateKey_file(context, own->key_file, SSL_FILETYPE_PEM), 1);
  SSL_CTX_set_alpn_select_cb(context, lax_alpn, NULL);
}

static void lax_start(lax_server *s, const test_cert *own) {
  s->context = SSL_CTX_new(TLS_server_method());
  lax_use(s->context, own);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  s->fd = socket(AF_INET, SOCK_STREAM, 0);
  CU_ASSERT_EQUAL_FATAL(bind(s->fd, (struct sockaddr *)&at, len), 0);
  CU_ASSERT_EQUAL_FATAL(listen(s->fd, 1), 0);
  getsockname(s->fd, (struct sockaddr *)&at, &len);
  snprintf(s->target, sizeof s->target, "127.0.0.1:%u", ntohs(at.sin_port));
  CU_ASSERT_EQUAL_FATAL(pthread_create(&s->thread, NULL, lax_run, s), 0);
}

static void lax_stop(lax_server *s) {
  pthread_join(s->thread, NULL);
  close(s->fd);
  SSL_CTX_free(s->context);
}

/* Its authority is trusted and its name is right; only its key is too short. */
static void a_server_with_a_weak_key_is_refused(void) {
  test_ca *ca = test_ca_new("gmux test CA");
  test_cert *weak =
      test_cert_new(ca, &(test_cert_options){.san = "IP:127.0.0.1", .rsa_bits = 1024});
  test_cert_files(weak);
  gmux_tls *tls = client_tls(test_ca_pem(ca), NULL);
  void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* the lax server's own writes */
  lax_server s;
  lax_start(&s, weak);
  check_refused(s.target, tls, NULL, "key too weak");
  lax_stop(&s);
  signal(SIGPIPE, before);
  gmux_tls_free(tls);
  test_cert_free(weak);
  test_ca_free(ca);
}

static void a_mebibyte_is_echoed(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), kit_server_tls(KIT_TLS)));
  gmux_channel_options o = kit_channel_options(kit_client_tls(KIT_TLS));
  kit_client client;
  kit_client_start(&client, server.target, &o);
  char *text = malloc((1 << 20) + 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  for (size_t i = 0; i < 1 << 20; i++)
    text[i] = (char)('a' + i % 23);
  text[1 << 20] = '\0';
  CU_ASSERT(kit_call(client.channel, KIT_ECHO, text, NULL, NULL, NULL));
  free(text);
  kit_client_stop(&client);
  kit_server_stop(&server);
}

/* How many lines of the file start with this. */
static unsigned count_lines(const char *path, const char *start) {
  FILE *file = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  char line[512];
  unsigned count = 0;
  while (fgets(line, sizeof line, file))
    count += strncmp(line, start, strlen(start)) == 0;
  fclose(file);
  return count;
}

/* Each full handshake leaves its secrets; a resumed one, too. */
static void secrets_go_to_sslkeylogfile_when_asked_for(void) {
  char path[160];
  snprintf(path, sizeof path, "%s/keys", kit_dir);
  setenv("SSLKEYLOGFILE", path, 1);
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = kit_ca_pem();
  o.key_log = true;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, &o), 0);
  unsetenv("SSLKEYLOGFILE");

  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), kit_server_tls(KIT_TLS)));
  gmux_channel_options co = kit_channel_options(tls);
  for (unsigned connections = 1; connections <= 2; connections++) {
    kit_client client;
    kit_client_start(&client, server.target, &co);
    CU_ASSERT(kit_echo(client.channel));
    kit_client_stop(&client);
    CU_ASSERT_EQUAL(count_lines(path, "CLIENT_TRAFFIC_SECRET_0 "), connections);
  }
  kit_server_stop(&server);
  gmux_tls_free(tls);
  CU_ASSERT_EQUAL(unlink(path), 0);
}

static const test_case cases[] = {TEST(a_server_that_asks_gets_the_clients_name),
                                  TEST(a_server_that_cannot_be_trusted_is_refused_in_words),
                                  TEST(a_server_without_tls_is_refused_in_words),
                                  TEST(a_server_with_a_weak_key_is_refused),
                                  TEST(a_mebibyte_is_echoed),
                                  TEST(secrets_go_to_sslkeylogfile_when_asked_for),
                                  TESTS_END};
const test_suite net_tls_suite = {"tls", cases, kit_setup, kit_teardown};
