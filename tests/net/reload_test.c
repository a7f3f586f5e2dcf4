/*
 * reload_test.c: credentials change under load, as an administrator does it: files are replaced,
 * the program reads them again. No call notices, no connection is lost, and who comes next sees the
 * new ones.
 */
#include "tests/net/kit.h"
#include "tests/unit/certs.h"
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const test_suite net_reload_suite;

enum { CALLERS = 4, CHANGES = 10, CALLS_BETWEEN = 40, DIALERS = 4, DIALS = 12, RELOADERS = 2 };

/* ---- files ---- */

static test_ca *old_ca, *new_ca;
static test_cert *certs[2]; /* of the server, in turn: "first", "second" */
static char cert_path[160], key_path[160], ca_path[160];

static test_cert *make_cert(const test_ca *ca, const char *name) {
  return test_cert_new(ca, &(test_cert_options){.common_name = name, .san = "IP:127.0.0.1"});
}

static void setup(void) {
  kit_setup();
  old_ca = test_ca_new("old authority");
  new_ca = test_ca_new("new authority");
  certs[0] = make_cert(old_ca, "first");
  certs[1] = make_cert(old_ca, "second");
  snprintf(cert_path, sizeof cert_path, "%s/cert.pem", kit_dir);
  snprintf(key_path, sizeof key_path, "%s/key.pem", kit_dir);
  snprintf(ca_path, sizeof ca_path, "%s/ca.pem", kit_dir);
}

static void teardown(void) {
  unlink(cert_path);
  unlink(key_path);
  unlink(ca_path);
  test_cert_free(certs[0]);
  test_cert_free(certs[1]);
  test_ca_free(old_ca);
  test_ca_free(new_ca);
  kit_teardown();
}

static void file_write(const char *path, const char *text, const char *more) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file && fputs(text, file) >= 0 && fputs(more, file) >= 0);
  CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
}

static void install(const test_cert *cert) {
  file_write(cert_path, cert->cert_pem, "");
  file_write(key_path, cert->key_pem, "");
}

/* ---- who comes next: a client of OpenSSL's own ---- */

static int connect_to(uint16_t port) {
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  return fd;
}

/* The common name on the certificate that the server shows. */
static void look_at_server(uint16_t port, char name[64]) {
  static const unsigned char h2[] = {2, 'h', '2'};
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_alpn_protos(context, h2, sizeof h2);
  SSL *ssl = SSL_new(context);
  int fd = connect_to(port);
  SSL_set_fd(ssl, fd);
  CU_ASSERT_EQUAL_FATAL(SSL_connect(ssl), 1);
  X509 *cert = SSL_get1_peer_certificate(ssl);
  X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, 64);
  X509_free(cert);
  SSL_free(ssl);
  SSL_CTX_free(context);
  close(fd);
}

static void check_server_is(uint16_t port, const char *expected) {
  char name[64] = "";
  look_at_server(port, name);
  CU_ASSERT_STRING_EQUAL(name, expected);
}

/* ---- load ---- */

typedef struct load {
  gmux_channel *channel;
  pthread_t threads[CALLERS];
  atomic_uint done, failed;
  atomic_bool is_over;
  sem_t progress; /* of each call */
} load;

static void *load_run(void *arg) {
  load *l = arg;
  while (!atomic_load(&l->is_over)) {
    gmux_code code;
    char words[256];
    if (!kit_call(l->channel, KIT_ECHO, "x", NULL, &code, words)) {
      printf("# %s: %s\n", gmux_code_str(code), words);
      atomic_fetch_add(&l->failed, 1);
    }
    sem_post(&l->progress);
  }
  return NULL;
}

static void load_start(load *l, gmux_channel *channel) {
  memset(l, 0, sizeof *l);
  l->channel = channel;
  sem_init(&l->progress, 0, 0);
  for (int i = 0; i < CALLERS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&l->threads[i], NULL, load_run, l), 0);
}

static void load_go_on(load *l) {
  for (int i = 0; i < CALLS_BETWEEN; i++)
    kit_wait(&l->progress);
}

static void load_stop(load *l) {
  atomic_store(&l->is_over, true);
  for (int i = 0; i < CALLERS; i++)
    pthread_join(l->threads[i], NULL);
  CU_ASSERT_EQUAL(atomic_load(&l->failed), 0);
  sem_destroy(&l->progress);
}

/* ---- a server ---- */

static gmux_tls *server_tls(bool is_mutual) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_file = cert_path;
  o.key_file = key_path;
  o.ca_file = is_mutual ? ca_path : NULL;
  o.client_cert = is_mutual ? GMUX_CLIENT_CERT_REQUIRED : GMUX_CLIENT_CERT_NONE;
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&tls, &o), 0);
  return tls;
}

static gmux_tls_options client_options(const test_cert *own) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = test_ca_pem(old_ca);
  o.cert_pem = own ? own->cert_pem : NULL;
  o.key_pem = own ? own->key_pem : NULL;
  return o;
}

static gmux_tls *client_tls(const test_cert *own) {
  gmux_tls_options o = client_options(own);
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, &o), 0);
  return tls;
}

/* A new channel's call; NULL words: it succeeds. */
static void check_next_client(const char *target, gmux_tls *tls, const char *words) {
  gmux_channel_options o = kit_channel_options(tls);
  kit_client client;
  char said[256] = "";
  kit_client_start(&client, target, &o);
  CU_ASSERT_EQUAL(kit_call(client.channel, KIT_ECHO, "x", NULL, NULL, said), words == NULL);
  CU_ASSERT(!words || strstr(said, words));
  if (words && !strstr(said, words)) printf("# said: %s\n", said);
  kit_client_stop(&client);
}

/* ---- promises ---- */

static void a_server_under_load_changes_its_certificate_and_no_call_notices(void) {
  install(certs[0]);
  gmux_tls *of_server = server_tls(false), *of_client = client_tls(NULL);
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), of_server));
  gmux_channel_options o = kit_channel_options(of_client);
  kit_client client;
  load l;
  kit_client_start(&client, server.target, &o);
  load_start(&l, client.channel);
  for (int i = 1; i <= CHANGES; i++) {
    install(certs[i % 2]);
    CU_ASSERT_EQUAL(gmux_tls_reload(of_server, NULL), 0);
    load_go_on(&l);
    check_server_is(server.port, i % 2 ? "second" : "first");
    check_next_client(server.target, of_client, NULL);
  }
  load_stop(&l);
  CU_ASSERT_EQUAL(kit_stats(client.channel).connections_made, 1);
  kit_client_stop(&client);
  gmux_tls_free(of_server);
  gmux_tls_free(of_client);
  kit_server_stop(&server);
}

static void a_file_that_is_half_written_keeps_the_old_certificate(void) {
  install(certs[0]);
  gmux_tls *of_server = server_tls(false);
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), of_server));
  char half[256];
  snprintf(half, sizeof half, "%s", certs[1]->cert_pem);
  file_write(cert_path, half, "");
  CU_ASSERT_EQUAL(gmux_tls_reload(of_server, NULL), GMUX_ERR_TLS);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), cert_path));
  check_server_is(server.port, "first");
  file_write(cert_path, certs[1]->cert_pem, ""); /* whole, before its key */
  CU_ASSERT_EQUAL(gmux_tls_reload(of_server, NULL), GMUX_ERR_TLS);
  check_server_is(server.port, "first");
  install(certs[1]);
  CU_ASSERT_EQUAL(gmux_tls_reload(of_server, NULL), 0);
  check_server_is(server.port, "second");
  gmux_tls_free(of_server);
  kit_server_stop(&server);
}

/* First trust both, then hand out certificates of the new one, then trust the new one alone. */
static void mutual_tls_changes_its_authority_under_load(void) {
  test_cert *old_client = make_cert(old_ca, "client"), *new_client = make_cert(new_ca, "client");
  install(certs[0]);
  file_write(ca_path, test_ca_pem(old_ca), "");
  gmux_tls *of_server = server_tls(true), *of_client = client_tls(old_client);
  gmux_tls *of_laggard = client_tls(old_client), *of_early = client_tls(new_client);
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), of_server));
  gmux_channel_options o = kit_channel_options(of_client);
  kit_client client;
  load l;
  kit_client_start(&client, server.target, &o);
  load_start(&l, client.channel);
  load_go_on(&l);
  check_next_client(server.target, of_early, "does not trust the authority that signed our");

  file_write(ca_path, test_ca_pem(old_ca), test_ca_pem(new_ca));
  CU_ASSERT_EQUAL(gmux_tls_reload(of_server, NULL), 0);
  check_next_client(server.target, of_early, NULL);

  gmux_tls_options renewed = client_options(new_client);
  CU_ASSERT_EQUAL(gmux_tls_reload(of_client, &renewed), 0);
  load_go_on(&l);

  file_write(ca_path, test_ca_pem(new_ca), "");
  CU_ASSERT_EQUAL(gmux_tls_reload(of_server, NULL), 0);
  gmux_channel_rotate(client.channel); /* its connection is of before */
  load_go_on(&l);
  check_next_client(server.target, of_client, NULL);
  check_next_client(server.target, of_laggard, "does not trust the authority that signed our");

  load_stop(&l);
  kit_client_stop(&client);
  gmux_tls_free(of_server);
  gmux_tls_free(of_client);
  gmux_tls_free(of_laggard);
  gmux_tls_free(of_early);
  test_cert_free(old_client);
  test_cert_free(new_client);
  kit_server_stop(&server);
}

/* ---- threads ---- */

typedef struct crowd {
  gmux_tls *of_server, *of_client;
  const char *target;
  atomic_uint dialing; /* threads */
} crowd;

static void *dial_again_and_again(void *arg) {
  crowd *c = arg;
  for (int i = 0; i < DIALS; i++)
    check_next_client(c->target, c->of_client, NULL);
  atomic_fetch_sub(&c->dialing, 1);
  return NULL;
}

static void *reload_again_and_again(void *arg) {
  crowd *c = arg;
  gmux_tls_options o = client_options(NULL);
  while (atomic_load(&c->dialing) > 0) {
    CU_ASSERT_EQUAL(gmux_tls_reload(c->of_server, NULL), 0);
    CU_ASSERT_EQUAL(gmux_tls_reload(c->of_client, &o), 0);
  }
  return NULL;
}

/* Nothing of it is for one thread alone; the thread sanitizer watches. */
static void threads_reload_while_others_shake_hands(void) {
  install(certs[0]);
  crowd c = {.of_server = server_tls(false), .of_client = client_tls(NULL), .dialing = DIALERS};
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), c.of_server));
  c.target = server.target;
  pthread_t dialers[DIALERS], reloaders[RELOADERS];
  for (int i = 0; i < DIALERS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&dialers[i], NULL, dial_again_and_again, &c), 0);
  for (int i = 0; i < RELOADERS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&reloaders[i], NULL, reload_again_and_again, &c), 0);
  for (int i = 0; i < DIALERS; i++)
    pthread_join(dialers[i], NULL);
  for (int i = 0; i < RELOADERS; i++)
    pthread_join(reloaders[i], NULL);
  gmux_tls_free(c.of_server);
  gmux_tls_free(c.of_client);
  kit_server_stop(&server);
}

static const test_case cases[] = {
    TEST(a_server_under_load_changes_its_certificate_and_no_call_notices),
    TEST(a_file_that_is_half_written_keeps_the_old_certificate),
    TEST(mutual_tls_changes_its_authority_under_load),
    TEST(threads_reload_while_others_shake_hands), TESTS_END};
const test_suite net_reload_suite = {"reload", cases, setup, teardown};
