/* restart_test.c: servers that go and come back where they were. */
#include "tests/net/kit.h"
#include <stdio.h>
#include <string.h>

static bool echo_when_ready(gmux_channel *channel) {
  gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = true;
  gmux_bytes request = gmux_bytes_borrow("hello", 5), reply;
  gmux_status status = gmux_call_unary_wait(channel, method, &o, &request, &reply);
  bool is_good = status.code == GMUX_OK && reply.len == 5;
  gmux_bytes_release(&reply);
  gmux_status_clear(&status);
  gmux_method_free(method);
  return is_good;
}

/* The server is back at the address of the first. */
static void start_again(kit_server *server, kit_kind kind) {
  char address[192];
  snprintf(address, sizeof address, "%s", server->target);
  CU_ASSERT_FATAL(kit_server_start(server, NULL, address, kit_server_tls(kind)));
}

/* The first call may still be lost with the old connection. */
static void check_gone(kit_client *client, const kit_server *server, kit_kind kind) {
  gmux_code code = GMUX_UNAVAILABLE;
  char words[256] = "", expected[256];
  while (code == GMUX_UNAVAILABLE && strncmp(words, "connect to ", 11) != 0)
    kit_call(client->channel, KIT_ECHO, "x", NULL, &code, words);
  CU_ASSERT_EQUAL(code, GMUX_UNAVAILABLE);
  snprintf(expected, sizeof expected, "connect to %s: connection refused", server->target);
  if (kind != KIT_UNIX) CU_ASSERT_STRING_EQUAL(words, expected);
}

static void check_gone_and_back(kit_client *client, kit_server *server, kit_kind kind) {
  check_gone(client, server, kind);
  start_again(server, kind);
  CU_ASSERT(echo_when_ready(client->channel));
  CU_ASSERT(kit_echo(client->channel));
  gmux_channel_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(client->channel, &stats), 0);
  CU_ASSERT_EQUAL(stats.connections_made, 2);
}

static void calls_work_again_when_a_stopped_server_is_back(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_held_address(kind), kit_server_tls(kind)));
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    kit_client client;
    kit_client_start(&client, server.target, &o);
    CU_ASSERT(kit_echo(client.channel));
    kit_server_stop(&server);
    check_gone_and_back(&client, &server, kind);
    kit_client_stop(&client);
    kit_server_stop(&server);
  }
}

/* A killed one says nothing, closes its connections by force, and leaves its socket's file. */
static void calls_work_again_when_a_killed_server_is_back(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit_server server;
    pid_t pid = kit_server_fork(&server, kit_held_address(kind), kit_server_tls(kind));
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    kit_client client;
    kit_client_start(&client, server.target, &o);
    CU_ASSERT(kit_echo(client.channel));
    kit_kill(pid);
    check_gone_and_back(&client, &server, kind);
    kit_client_stop(&client);
    kit_server_stop(&server);
  }
}

static const test_case cases[] = {TEST(calls_work_again_when_a_stopped_server_is_back),
                                  TEST(calls_work_again_when_a_killed_server_is_back), TESTS_END};
const test_suite net_restart_suite = {"restart", cases, kit_setup, kit_teardown};
