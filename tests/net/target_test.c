/* target_test.c: each kind of target, from the text in the options to the answer of a call. */
#include "tests/net/kit.h"
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool call_to(const char *target, kit_kind kind, const char *tls_host) {
  gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
  o.tls_host = tls_host;
  kit_client client;
  kit_client_start(&client, target, &o);
  bool is_good = kit_echo(client.channel);
  kit_client_stop(&client);
  return is_good;
}

/* In cleartext, and over TLS with the name that the target itself gives. */
static void check_both_ways(const char *address, const char *form, const char *tls_host) {
  for (kit_kind kind = KIT_TCP; kind <= KIT_TLS; kind++) {
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, NULL, address, kit_server_tls(kind)));
    char target[192];
    if (form)
      snprintf(target, sizeof target, "%s:%u", form, server.port);
    else
      snprintf(target, sizeof target, "%s", server.target);
    CU_ASSERT(call_to(target, kind, kind == KIT_TLS ? tls_host : NULL));
    kit_server_stop(&server);
  }
}

static void an_ipv4_address_is_called(void) {
  check_both_ways("ipv4:127.0.0.1:0", NULL, NULL);
  check_both_ways("ipv4:127.0.0.1:0", "127.0.0.1", NULL);
  check_both_ways("ipv4:127.0.0.1:0", "dns:127.0.0.1", NULL);
}

static bool has_ipv6(void) {
  kit_server server;
  if (!kit_server_start(&server, NULL, "ipv6:[::1]:0", NULL)) return false;
  kit_server_stop(&server);
  return true;
}

static void an_ipv6_address_is_called(void) {
  if (!has_ipv6()) {
    test_skip("this machine has no IPv6");
    return;
  }
  check_both_ways("ipv6:[::1]:0", NULL, NULL);
  check_both_ways("ipv6:[::1]:0", "[::1]", NULL);
}

static void a_name_is_looked_up_and_called(void) {
  check_both_ways("ipv4:127.0.0.1:0", "localhost", NULL);
  check_both_ways("ipv4:127.0.0.1:0", "dns:localhost", NULL);
  check_both_ways("ipv4:127.0.0.1:0", "dns:///localhost", NULL);
}

static void the_second_address_is_called_when_the_first_refuses(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, "ipv4:127.0.0.1:0", NULL));
  char target[192];
  snprintf(target, sizeof target, "ipv4:127.0.0.2:%u,127.0.0.1:%u", server.port, server.port);
  CU_ASSERT(call_to(target, KIT_TCP, NULL));
  kit_server_stop(&server);
}

/* ---- addresses that accept and say nothing ---- */

typedef struct silent {
  int fd;
  unsigned port;
} silent;

/* The kernel accepts for it. */
static silent silent_start(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_FATAL(fd >= 0);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 16), 0);
  CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&at, &len), 0);
  return (silent){fd, ntohs(at.sin_port)};
}

/* Long before its attempt would be over: that takes longer than this test may. */
static void the_second_address_is_called_when_the_first_says_nothing(void) {
  silent first = silent_start();
  for (kit_kind kind = KIT_TCP; kind <= KIT_TLS; kind++) {
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, NULL, "ipv4:127.0.0.2:0", kit_server_tls(kind)));
    char target[192];
    snprintf(target, sizeof target, "ipv4:127.0.0.1:%u,127.0.0.2:%u", first.port, server.port);
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    o.connect_timeout_ms = 3600000;
    if (kind == KIT_TLS) o.tls_host = "localhost";
    kit_client client;
    kit_client_start(&client, target, &o);
    CU_ASSERT(kit_echo(client.channel));
    gmux_channel_stats stats = kit_stats(client.channel);
    CU_ASSERT_EQUAL(stats.dials_started, 1);
    CU_ASSERT_EQUAL(stats.connections_made, 1);
    kit_client_stop(&client);
    kit_server_stop(&server);
  }
  close(first.fd);
}

static void an_address_that_says_nothing_is_given_up_in_words(void) {
  silent only = silent_start();
  for (kit_kind kind = KIT_TCP; kind <= KIT_TLS; kind++) {
    char target[64], words[256], expected[256];
    snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", only.port);
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    o.connect_timeout_ms = 100;
    kit_client client;
    kit_client_start(&client, target, &o);
    gmux_code code;
    CU_ASSERT_FALSE(kit_call(client.channel, KIT_ECHO, "x", NULL, &code, words));
    CU_ASSERT_EQUAL(code, GMUX_UNAVAILABLE);
    snprintf(expected, sizeof expected, "connect to %s: no %s within ", target,
             kind == KIT_TLS ? "end of the TLS handshake" : "SETTINGS");
    CU_ASSERT_EQUAL(strncmp(words, expected, strlen(expected)), 0);
    gmux_channel_stats stats = kit_stats(client.channel);
    CU_ASSERT_EQUAL(stats.connections_made, 0);
    CU_ASSERT(stats.lost[GMUX_LOSS_TIMEOUT] >= 1);
    CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_TIMEOUT], stats.dials_failed);
    kit_client_stop(&client);
  }
  close(only.fd);
}

/* ---- sockets with a name ---- */

static void a_unix_socket_is_called(void) {
  char address[192];
  snprintf(address, sizeof address, "unix:%s/a", kit_dir);
  check_both_ways(address, NULL, "localhost");
  snprintf(address, sizeof address, "unix://%s/b", kit_dir);
  check_both_ways(address, NULL, "localhost");
}

static void an_abstract_unix_socket_is_called(void) {
  char address[192];
  snprintf(address, sizeof address, "unix-abstract:gmux-test-%ld", (long)getpid());
  check_both_ways(address, NULL, "localhost");
}

static void both_sides_know_whom_they_talk_to(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, "ipv4:127.0.0.1:0", NULL));
  kit_client client;
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client_start(&client, server.target, &o);
  gmux_method *method = kit_method(KIT_TALK, GMUX_BIDI_STREAMING);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, client.channel, method, NULL, NULL, NULL), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(gmux_call_peer(call), server.target);
  gmux_status_clear(&status);
  gmux_call_free(call);
  gmux_method_free(method);
  kit_client_stop(&client);
  kit_server_stop(&server);
}

static const test_case cases[] = {TEST(an_ipv4_address_is_called),
                                  TEST(an_ipv6_address_is_called),
                                  TEST(a_name_is_looked_up_and_called),
                                  TEST(the_second_address_is_called_when_the_first_refuses),
                                  TEST(the_second_address_is_called_when_the_first_says_nothing),
                                  TEST(an_address_that_says_nothing_is_given_up_in_words),
                                  TEST(a_unix_socket_is_called),
                                  TEST(an_abstract_unix_socket_is_called),
                                  TEST(both_sides_know_whom_they_talk_to),
                                  TESTS_END};
const test_suite net_target_suite = {"target", cases, kit_setup, kit_teardown};
