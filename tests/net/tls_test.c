/* tls_test.c: who trusts whom, over real sockets, and what is said when somebody does not. */
#include "tests/net/kit.h"
#include "tests/unit/certs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
                                  TEST(a_mebibyte_is_echoed),
                                  TEST(secrets_go_to_sslkeylogfile_when_asked_for),
                                  TESTS_END};
const test_suite net_tls_suite = {"tls", cases, kit_setup, kit_teardown};
