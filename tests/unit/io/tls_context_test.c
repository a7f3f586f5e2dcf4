/* tls_context_test.c: each mistake in the options is told at once, in words that say what to
 * change. */
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const test_suite io_tls_context_suite;

static test_ca *ca;
static test_cert *server_cert;
static gmux_tls_options options;

static void setup(void) {
  ca = test_ca_new("test authority");
  server_cert =
      test_cert_new(ca, &(test_cert_options){.common_name = "server", .san = "DNS:a.example"});
  gmux_tls_options_init(&options, sizeof options);
}

static void teardown(void) {
  unsetenv("SSLKEYLOGFILE");
  test_cert_free(server_cert);
  test_ca_free(ca);
}

static void use_server_cert(void) {
  options.cert_pem = server_cert->cert_pem;
  options.key_pem = server_cert->key_pem;
}

static bool says(const char *text, const char *words) {
  if (strstr(text, words)) return true;
  fprintf(stderr, "# \"%s\" is not in: %s\n", words, text);
  return false;
}

static void expect_check(const char *words) {
  char why[256] = "";
  CU_ASSERT_EQUAL(gmux_tls_options_check(&options, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_TRUE(says(why, words));
  gmux_tls *tls = NULL;
  CU_ASSERT_EQUAL(gmux_tls_client_new(&tls, &options), GMUX_ERR_INVALID);
  CU_ASSERT_TRUE(says(gmux_last_error(), words));
  CU_ASSERT_EQUAL(gmux_tls_server_new(&tls, &options), GMUX_ERR_INVALID);
  CU_ASSERT_TRUE(says(gmux_last_error(), words));
  CU_ASSERT_PTR_NULL(tls);
}

static void expect_client(int error, const char *words) {
  size_t live = test_alloc_live();
  gmux_tls *tls = NULL;
  CU_ASSERT_EQUAL(gmux_tls_client_new(&tls, &options), error);
  CU_ASSERT_TRUE(says(gmux_last_error(), words));
  CU_ASSERT_PTR_NULL(tls);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
}

static void expect_server(int error, const char *words) {
  size_t live = test_alloc_live();
  gmux_tls *tls = NULL;
  CU_ASSERT_EQUAL(gmux_tls_server_new(&tls, &options), error);
  CU_ASSERT_TRUE(says(gmux_last_error(), words));
  CU_ASSERT_PTR_NULL(tls);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
}

/* ---- options ---- */

static void defaults_are_a_client_of_the_systems_store(void) {
  CU_ASSERT_EQUAL(options.size, sizeof options);
  CU_ASSERT_EQUAL(gmux_tls_options_check(&options, NULL, 0), 0);
  gmux_tls_free(tls_client_of(&options));
  gmux_tls_free(tls_client_of(NULL));
}

static void options_without_init_are_refused(void) {
  options.size = 0;
  expect_check("gmux_tls_options_init(&o, sizeof o)");
  options.size = 8;
  expect_check("gmux_tls_options_init(&o, sizeof o)");
  options.size = (size_t)-1;
  expect_check("gmux_tls_options_init(&o, sizeof o)");
}

/* As a program has them that was built against a newer header. */
typedef struct newer_options {
  gmux_tls_options known;
  const char *unknown;
} newer_options;

static void newer_options_are_accepted_while_they_ask_for_nothing_new(void) {
  newer_options newer;
  memset(&newer, 0xff, sizeof newer);
  gmux_tls_options_init(&newer.known, sizeof newer);
  CU_ASSERT_PTR_NULL(newer.unknown);
  gmux_tls_free(tls_client_of(&newer.known));
  newer.unknown = "crl.pem";
  char why[256];
  CU_ASSERT_EQUAL(gmux_tls_options_check(&newer.known, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_TRUE(says(why, "this version of gmux does not know"));
}

static void nothing_at_all_is_refused(void) {
  char why[64] = "";
  CU_ASSERT_EQUAL(gmux_tls_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_TRUE(says(why, "no TLS options"));
  CU_ASSERT_EQUAL(gmux_tls_client_new(NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_tls_server_new(NULL, NULL), GMUX_ERR_INVALID);
  gmux_tls *tls = NULL;
  CU_ASSERT_EQUAL(gmux_tls_server_new(&tls, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_TRUE(says(gmux_last_error(), "a server needs a certificate"));
}

static void words_are_cut_to_fit(void) {
  char why[8] = "";
  options.size = 0;
  CU_ASSERT_EQUAL(gmux_tls_options_check(&options, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(strlen(why), 7);
  CU_ASSERT_EQUAL(gmux_tls_options_check(&options, why, 0), GMUX_ERR_INVALID);
}

static void file_and_text_together_are_refused(void) {
  options.ca_file = options.ca_pem = "x";
  expect_check("ca_file and ca_pem are both set");
  gmux_tls_options_init(&options, sizeof options);
  options.cert_file = options.cert_pem = "x";
  expect_check("cert_file and cert_pem are both set");
  gmux_tls_options_init(&options, sizeof options);
  options.key_file = options.key_pem = "x";
  expect_check("key_file and key_pem are both set");
}

static void half_an_identity_is_refused(void) {
  options.cert_pem = server_cert->cert_pem;
  expect_check("set key_file or key_pem as well");
  options.cert_pem = NULL;
  options.key_pem = server_cert->key_pem;
  expect_check("set cert_file or cert_pem as well");
}

static void client_cert_out_of_range_is_refused(void) {
  use_server_cert();
  options.ca_pem = test_ca_pem(ca);
  options.client_cert = (gmux_client_cert)7;
  expect_check("client_cert is 7");
}

static void client_cert_without_an_authority_is_refused(void) {
  use_server_cert();
  options.client_cert = GMUX_CLIENT_CERT_OPTIONAL;
  expect_check("set ca_file or ca_pem");
}

static void client_cert_of_a_client_is_refused(void) {
  options.ca_pem = test_ca_pem(ca);
  options.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  expect_client(GMUX_ERR_INVALID, "client_cert is for servers");
}

static void authority_of_a_server_that_asks_nobody_is_refused(void) {
  use_server_cert();
  options.ca_pem = test_ca_pem(ca);
  expect_server(GMUX_ERR_INVALID, "no client would be checked");
}

static void server_without_a_certificate_is_refused(void) {
  expect_server(GMUX_ERR_INVALID, "a server needs a certificate");
}

/* ---- files and text ---- */

static void files_do_as_well_as_text(void) {
  test_cert_files(server_cert);
  options.cert_file = server_cert->cert_file;
  options.key_file = server_cert->key_file;
  options.ca_file = test_ca_file(ca);
  options.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  gmux_tls *tls = tls_server_of(&options);
  CU_ASSERT_TRUE(gmux__tls_is_server(tls));
  CU_ASSERT_EQUAL(sk_X509_NAME_num(SSL_CTX_get_client_CA_list(tls->edition->context)), 1);
  gmux_tls_free(tls);
  options.client_cert = GMUX_CLIENT_CERT_NONE;
  tls = tls_client_of(&options);
  CU_ASSERT_FALSE(gmux__tls_is_server(tls));
  gmux_tls_free(tls);
}

static void several_authorities_in_one_text_are_all_trusted(void) {
  test_ca *other = test_ca_new("other authority");
  char *both = malloc(strlen(test_ca_pem(ca)) + strlen(test_ca_pem(other)) + 20);
  strcat(strcat(strcpy(both, "a remark\n"), test_ca_pem(ca)), test_ca_pem(other));
  options.ca_pem = both;
  gmux_tls *tls = tls_client_of(&options);
  X509_STORE *store = SSL_CTX_get_cert_store(tls->edition->context);
  CU_ASSERT_EQUAL(sk_X509_OBJECT_num(X509_STORE_get0_objects(store)), 2);
  gmux_tls_free(tls);
  free(both);
  test_ca_free(other);
}

static void missing_file_is_not_found(void) {
  options.ca_file = "/nonexistent/ca.pem";
  expect_client(GMUX_ERR_NOT_FOUND,
                "ca_file \"/nonexistent/ca.pem\" cannot be read: No such file or directory");
  options.ca_file = NULL;
  options.cert_file = "/nonexistent/cert.pem";
  options.key_pem = server_cert->key_pem;
  expect_server(GMUX_ERR_NOT_FOUND, "cert_file \"/nonexistent/cert.pem\"");
  options.cert_file = NULL;
  options.cert_pem = server_cert->cert_pem;
  options.key_pem = NULL;
  options.key_file = "";
  expect_server(GMUX_ERR_NOT_FOUND, "key_file \"\"");
}

static void directory_is_no_file(void) {
  options.ca_file = "/";
  expect_client(GMUX_ERR_IO, "ca_file \"/\" cannot be read: Is a directory");
}

static void text_without_a_certificate_is_refused(void) {
  options.ca_pem = "";
  expect_client(GMUX_ERR_TLS, "ca_pem has no certificate in it");
  options.ca_pem = "hello";
  expect_client(GMUX_ERR_TLS, "ca_pem has no certificate in it");
  options.ca_pem = server_cert->key_pem;
  expect_client(GMUX_ERR_TLS, "ca_pem has no certificate in it");
  options.ca_pem = NULL;
  options.ca_file = "/dev/null";
  expect_client(GMUX_ERR_TLS, "ca_file \"/dev/null\" has no certificate in it");
}

static void broken_certificate_is_refused(void) {
  char *text = strdup(server_cert->cert_pem);
  memcpy(strchr(text, '\n') + 1, "!!!!", 4);
  options.cert_pem = text;
  options.key_pem = server_cert->key_pem;
  expect_server(GMUX_ERR_TLS, "cert_pem: certificate number 1 cannot be read: bad base64 decode");
  memcpy(strchr(text, '\n') + 1, "AAAA", 4);
  expect_server(GMUX_ERR_TLS, "cert_pem: certificate number 1 cannot be read: ");
  strcpy(text, server_cert->cert_pem)[200] = '\0';
  expect_server(GMUX_ERR_TLS, "cert_pem: certificate number 1 cannot be read: ");
  free(text);
}

static void second_certificate_that_is_broken_is_counted(void) {
  char *text = malloc(strlen(test_ca_pem(ca)) * 2 + 1);
  strcat(strcpy(text, test_ca_pem(ca)), test_ca_pem(ca));
  char *second = text + strlen(test_ca_pem(ca));
  memcpy(strchr(second, '\n') + 1, "!!!!", 4);
  options.ca_pem = text;
  expect_client(GMUX_ERR_TLS, "ca_pem: certificate number 2 cannot be read");
  free(text);
}

static void text_without_a_key_is_refused(void) {
  options.cert_pem = options.key_pem = server_cert->cert_pem;
  expect_server(GMUX_ERR_TLS, "key_pem has no private key that can be read");
}

static void key_of_another_is_refused(void) {
  test_cert *other = test_cert_new(ca, NULL);
  use_server_cert();
  options.key_pem = other->key_pem;
  expect_server(GMUX_ERR_TLS, "the key of key_pem does not belong to the first certificate of");
  test_cert_free(other);
  other = test_cert_new(ca, &(test_cert_options){.rsa_bits = 2048});
  options.key_pem = other->key_pem;
  expect_server(GMUX_ERR_TLS, "the key of key_pem does not belong to the first certificate of");
  test_cert_free(other);
}

static void chain_upside_down_is_refused(void) {
  char *text = malloc(strlen(test_ca_pem(ca)) + strlen(server_cert->cert_pem) + 1);
  strcat(strcpy(text, test_ca_pem(ca)), server_cert->cert_pem);
  options.cert_pem = text;
  options.key_pem = server_cert->key_pem;
  expect_server(GMUX_ERR_TLS, "one's own certificate stands first");
  free(text);
}

/* And nobody is asked for a password on the terminal, on which the test would hang. */
static void encrypted_key_is_refused(void) {
  char *key = test_cert_encrypted_key_pem(server_cert, "secret");
  use_server_cert();
  options.key_pem = key;
  expect_server(GMUX_ERR_TLS, "key_pem is encrypted: decrypt it first");
  free(key);
}

static void weak_key_is_refused(void) {
  test_cert *weak = test_cert_new(ca, &(test_cert_options){.rsa_bits = 1024});
  options.cert_pem = weak->cert_pem;
  options.key_pem = weak->key_pem;
  expect_server(GMUX_ERR_TLS, "cert_pem is not accepted: 2048 bits of RSA or 224 of EC");
  test_cert_free(weak);
}

static void rsa_is_accepted(void) {
  test_cert *rsa = test_cert_new(ca, &(test_cert_options){.rsa_bits = 2048});
  options.cert_pem = rsa->cert_pem;
  options.key_pem = rsa->key_pem;
  gmux_tls_free(tls_server_of(&options));
  test_cert_free(rsa);
}

static void text_may_go_when_the_object_is_made(void) {
  char *cert = strdup(server_cert->cert_pem), *key = strdup(server_cert->key_pem);
  options.cert_pem = cert;
  options.key_pem = key;
  gmux_tls *tls = tls_server_of(&options);
  memset(cert, 'x', strlen(cert));
  memset(key, 'x', strlen(key));
  free(cert);
  free(key);
  CU_ASSERT_EQUAL(SSL_CTX_check_private_key(tls->edition->context), 1);
  gmux_tls_free(tls);
}

/* ---- the key log ---- */

static bool key_log_is_made(const char *path) {
  return access(path, F_OK) == 0;
}

static void connect_once(bool key_log) {
  tls_pair_setup();
  gmux_tls_options client = tls_client_options();
  client.key_log = key_log;
  tls_pair_use(&client, NULL);
  tls_pair_connect_well();
  tls_pair_teardown();
}

static char *read_all(const char *path) {
  char *text = calloc(1, 65536);
  int fd = open(path, O_RDONLY);
  CU_ASSERT_TRUE(fd >= 0 && read(fd, text, 65535) >= 0);
  close(fd);
  return text;
}

static void key_log_is_written_when_asked_for(void) {
  char *path = test_temp_file("");
  unlink(path);
  setenv("SSLKEYLOGFILE", path, 1);
  connect_once(true);
  char *first = read_all(path);
  CU_ASSERT_TRUE(says(first, "CLIENT_HANDSHAKE_TRAFFIC_SECRET "));
  CU_ASSERT_TRUE(says(first, "SERVER_TRAFFIC_SECRET_0 "));
  CU_ASSERT_EQUAL(first[strlen(first) - 1], '\n');
  struct stat st;
  CU_ASSERT_EQUAL(stat(path, &st), 0);
  CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
  connect_once(true);
  char *second = read_all(path);
  CU_ASSERT_TRUE(strlen(second) > strlen(first) && strncmp(first, second, strlen(first)) == 0);
  free(first);
  free(second);
  unlink(path);
  free(path);
}

static void key_log_is_not_written_unless_asked_for(void) {
  char *path = test_temp_file("");
  unlink(path);
  setenv("SSLKEYLOGFILE", path, 1);
  connect_once(false);
  CU_ASSERT_FALSE(key_log_is_made(path));
  free(path);
}

static void key_log_without_the_variable_does_nothing(void) {
  unsetenv("SSLKEYLOGFILE");
  connect_once(true);
  setenv("SSLKEYLOGFILE", "", 1);
  connect_once(true);
}

static void key_log_that_cannot_be_opened_is_an_error(void) {
  options.key_log = true;
  setenv("SSLKEYLOGFILE", "/nonexistent/keys", 1);
  expect_client(GMUX_ERR_IO, "SSLKEYLOGFILE \"/nonexistent/keys\" cannot be written: No such file");
}

static void key_log_into_a_pipe_is_refused(void) {
  char *path = test_temp_file("");
  unlink(path);
  CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
  int reader = open(path, O_RDONLY | O_NONBLOCK);
  options.key_log = true;
  setenv("SSLKEYLOGFILE", path, 1);
  expect_client(GMUX_ERR_IO, "it is a pipe, not a file");
  close(reader);
  expect_client(GMUX_ERR_IO, "cannot be written");
  unlink(path);
  free(path);
}

/* ---- memory ---- */

static void make_both(void *arg) {
  (void)arg;
  gmux_tls *client = NULL, *server = NULL;
  int rc = gmux_tls_client_new(&client, &options);
  options.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  if (rc == 0) rc = gmux_tls_server_new(&server, &options);
  options.client_cert = GMUX_CLIENT_CERT_NONE;
  CU_ASSERT_EQUAL(rc, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  CU_ASSERT_EQUAL(rc == 0, client && server);
  gmux_tls_free(client);
  gmux_tls_free(server);
}

static void out_of_memory_is_an_ordinary_error(void) {
  test_cert_files(server_cert);
  options.cert_file = server_cert->cert_file;
  options.key_file = server_cert->key_file;
  options.ca_file = test_ca_file(ca);
  CU_ASSERT_TRUE(test_alloc_torture(make_both, NULL) > 8);
}

static void users_are_counted(void) {
  size_t live = test_alloc_live();
  gmux_tls *tls = tls_client_of(NULL);
  CU_ASSERT_PTR_EQUAL(gmux__tls_ref(tls), tls);
  gmux_tls_free(tls);
  CU_ASSERT_TRUE(test_alloc_live() > live);
  gmux_tls_free(tls);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
}

static const test_case cases[] = {
    TEST(defaults_are_a_client_of_the_systems_store),
    TEST(options_without_init_are_refused),
    TEST(newer_options_are_accepted_while_they_ask_for_nothing_new),
    TEST(nothing_at_all_is_refused),
    TEST(words_are_cut_to_fit),
    TEST(file_and_text_together_are_refused),
    TEST(half_an_identity_is_refused),
    TEST(client_cert_out_of_range_is_refused),
    TEST(client_cert_without_an_authority_is_refused),
    TEST(client_cert_of_a_client_is_refused),
    TEST(authority_of_a_server_that_asks_nobody_is_refused),
    TEST(server_without_a_certificate_is_refused),
    TEST(files_do_as_well_as_text),
    TEST(several_authorities_in_one_text_are_all_trusted),
    TEST(missing_file_is_not_found),
    TEST(directory_is_no_file),
    TEST(text_without_a_certificate_is_refused),
    TEST(broken_certificate_is_refused),
    TEST(second_certificate_that_is_broken_is_counted),
    TEST(text_without_a_key_is_refused),
    TEST(key_of_another_is_refused),
    TEST(chain_upside_down_is_refused),
    TEST(encrypted_key_is_refused),
    TEST(weak_key_is_refused),
    TEST(rsa_is_accepted),
    TEST(text_may_go_when_the_object_is_made),
    TEST(key_log_is_written_when_asked_for),
    TEST(key_log_is_not_written_unless_asked_for),
    TEST(key_log_without_the_variable_does_nothing),
    TEST(key_log_that_cannot_be_opened_is_an_error),
    TEST(key_log_into_a_pipe_is_refused),
    TEST(out_of_memory_is_an_ordinary_error),
    TEST(users_are_counted),
    TESTS_END,
};

const test_suite io_tls_context_suite = {"tls_context", cases, setup, teardown};
