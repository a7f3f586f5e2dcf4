/*
 * echo_client.c: a gmux client of the service in echo.h, for servers of other languages.
 *
 * All cases run one after the other over one channel, so what one leaves behind the next one meets.
 */
#include "tests/interop/echo_cases.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: echo_client [--ca FILE [--cert FILE --key FILE]] TARGET CASE...\n"
    "Without --ca it speaks cleartext.\n";

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "echo_client: %s\n", gmux_last_error());
  exit(1);
}

/* NULL: there is no such case. */
static const echo_case *find_case(const char *name) {
  const echo_case *c = echo_cases;
  while (c->name && strcmp(c->name, name) != 0)
    c++;
  return c->name ? c : NULL;
}

static bool run_case(echo_client *client, const char *name) {
  client->why[0] = '\0';
  bool ok = find_case(name)->run(client);
  if (ok)
    printf("ok %s\n", name);
  else
    printf("failed %s: %s\n", name, client->why);
  fflush(stdout);
  return ok;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {
      {"ca", 1, NULL, 'a'}, {"cert", 1, NULL, 'c'}, {"key", 1, NULL, 'k'}, {NULL, 0, NULL, 0}};
  gmux_tls_options credentials;
  gmux_tls_options_init(&credentials, sizeof credentials);
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == '?') return fputs(usage, stderr), 2;
    if (o == 'a') credentials.ca_file = optarg;
    if (o == 'c') credentials.cert_file = optarg;
    if (o == 'k') credentials.key_file = optarg;
  }
  if (argc - optind < 2) return fputs(usage, stderr), 2;
  for (char **name = argv + optind + 1; *name; name++)
    if (!find_case(*name)) return fprintf(stderr, "there is no case %s\n%s", *name, usage), 2;

  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = !credentials.ca_file;
  how.max_connections = 1;              /* one case counts them */
  how.suspect_after_ms = GMUX_NEVER_MS; /* a slow machine is no reason for another one */
  if (credentials.ca_file) must(gmux_tls_client_new(&how.tls, &credentials));
  gmux_loop *loop;
  const char *slow = getenv("GMUX_TEST_SLOW");
  echo_client client = {.patience_ms = 20000 * (slow && atoi(slow) > 1 ? atoi(slow) : 1)};
  must(gmux_loop_start(&loop, NULL));
  must(gmux_channel_new(&client.channel, loop, argv[optind], &how));
  gmux_tls_free(how.tls); /* the channel has its own hold */

  bool ok = true;
  for (char **name = argv + optind + 1; *name; name++)
    ok &= run_case(&client, *name);

  gmux_channel_free(client.channel);
  must(gmux_loop_stop(loop));
  return ok ? 0 : 1;
}
