/*
 * interop_client.c: gRPC's interop tests by a gmux client, with the flags that the interop clients
 * of all implementations have.
 *
 * Prints for each case "ok CASE" or "failed CASE: WHY", and exits 0 if all went well.
 */
#include "tests/interop/interop_cases.h"
#include "tests/interop/interop_flags.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: interop_client --server_port=N [FLAG]...\n"
    "  --test_case=NAME[,NAME...]      what to run, default large_unary\n"
    "  --server_host=HOST              default localhost\n"
    "  --server_port=N\n"
    "  --server_host_override=NAME     the name that the certificate is for\n"
    "  --use_tls[=true|false]          default false\n"
    "  --use_test_ca[=true|false]      trust --ca_file instead of the system's store\n"
    "  --ca_file=FILE                  PEM, default " INTEROP_CA_FILE "\n"
    "  --additional_metadata=K:V;K:V   goes with every call\n"
    "  --service_config_json=JSON      only "
    "{\"connectionScaling\":{\"maxConnectionsPerSubchannel\":N}}\n"
    "rpc_soak and channel_soak:\n"
    "  --soak_iterations=N             default 10\n"
    "  --soak_max_failures=N           default 0\n"
    "  --soak_per_iteration_max_acceptable_latency_ms=N  default 1000\n"
    "  --soak_overall_timeout_seconds=N  default 10\n"
    "  --soak_min_time_ms_between_rpcs=N default 0\n"
    "  --soak_request_size, --soak_response_size  default 271828 and 314159\n"
    "  --soak_num_threads=N            default 1\n";

typedef struct flags {
  const char *host, *host_override, *cases, *ca_file, *additional, *service_config;
  uint32_t port;
  bool use_tls, use_test_ca;
  interop_soak soak;
} flags;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "interop_client: %s\n", gmux_last_error());
  exit(1);
}

/* ---- flags ---- */

enum { FLAG_SOAK = 1024 }; /* + its index; above all letters */

/* --soak_...: where it goes and its bounds. */
static const struct soak_flag {
  const char *name;
  size_t offset;
  uint32_t min, max, usual;
} soak_flags[] = {
    {"soak_iterations", offsetof(interop_soak, iterations), 1, 1000000000, 10},
    {"soak_max_failures", offsetof(interop_soak, max_failures), 0, 1000000000, 0},
    {"soak_per_iteration_max_acceptable_latency_ms", offsetof(interop_soak, max_latency_ms), 1,
     3600000, 1000},
    {"soak_overall_timeout_seconds", offsetof(interop_soak, overall_timeout_s), 1, 10000000, 10},
    {"soak_min_time_ms_between_rpcs", offsetof(interop_soak, min_time_ms), 0, 3600000, 0},
    {"soak_request_size", offsetof(interop_soak, request_size), 0, INT32_MAX,
     INTEROP_LARGE_REQUEST},
    {"soak_response_size", offsetof(interop_soak, response_size), 0, INT32_MAX,
     INTEROP_LARGE_RESPONSE},
    {"soak_num_threads", offsetof(interop_soak, threads), 1, 1000, 1},
};
enum { SOAK_FLAGS = sizeof soak_flags / sizeof *soak_flags };

static uint32_t *soak_value(interop_soak *soak, const struct soak_flag *flag) {
  return (uint32_t *)(void *)((char *)soak + flag->offset);
}

static bool soak_flag_parse(interop_soak *soak, const struct soak_flag *flag, const char *text) {
  return interop_flag_number(flag->name, text, flag->min, flag->max, soak_value(soak, flag));
}

static const struct option plain_flags[] = {{"server_host", 1, NULL, 'h'},
                                            {"server_port", 1, NULL, 'p'},
                                            {"server_host_override", 1, NULL, 'o'},
                                            {"test_case", 1, NULL, 'c'},
                                            {"use_tls", 2, NULL, 't'},
                                            {"use_test_ca", 2, NULL, 'u'},
                                            {"ca_file", 1, NULL, 'a'},
                                            {"additional_metadata", 1, NULL, 'm'},
                                            {"service_config_json", 1, NULL, 's'}};
enum { PLAIN_FLAGS = sizeof plain_flags / sizeof *plain_flags };

static bool flag_parse(flags *f, int flag, const char *value) {
  switch (flag) {
  case 'h':
    f->host = value;
    return true;
  case 'o':
    f->host_override = value;
    return true;
  case 'c':
    f->cases = value;
    return true;
  case 'a':
    f->ca_file = value;
    return true;
  case 'm':
    f->additional = value;
    return true;
  case 's':
    f->service_config = value;
    return true;
  case 'p':
    return interop_flag_number("server_port", value, 1, 65535, &f->port);
  case 't':
    return interop_flag_bool("use_tls", value, &f->use_tls);
  case 'u':
    return interop_flag_bool("use_test_ca", value, &f->use_test_ca);
  default:
    break;
  }
  if (flag < FLAG_SOAK) return false; /* getopt has said what is wrong */
  return soak_flag_parse(&f->soak, &soak_flags[flag - FLAG_SOAK], value);
}

static bool flags_parse(flags *f, int argc, char **argv) {
  struct option longs[PLAIN_FLAGS + SOAK_FLAGS + 1];
  memcpy(longs, plain_flags, sizeof plain_flags);
  for (int i = 0; i < SOAK_FLAGS; i++) {
    longs[PLAIN_FLAGS + i] = (struct option){soak_flags[i].name, 1, NULL, FLAG_SOAK + i};
    *soak_value(&f->soak, &soak_flags[i]) = soak_flags[i].usual;
  }
  memset(&longs[PLAIN_FLAGS + SOAK_FLAGS], 0, sizeof *longs);
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;)
    if (!flag_parse(f, o, optarg)) return false;
  if (optind < argc) return interop_flag_wrong("%s is no flag", argv[optind]);
  if (f->port == 0) return interop_flag_wrong("--server_port is needed");
  if (!f->use_tls || !f->use_test_ca) return true;
  return interop_flag_credential("ca_file", INTEROP_CA_FILE, &f->ca_file);
}

/* "K:V;K:V". */
static bool parse_metadata(gmux_metadata *out, const char *text) {
  char pair[1024];
  while (*text) {
    size_t len = strcspn(text, ";");
    if (len >= sizeof pair) return interop_flag_wrong("--additional_metadata: too long");
    memcpy(pair, text, len);
    pair[len] = '\0';
    char *colon = strchr(pair, ':');
    if (!colon) return interop_flag_wrong("--additional_metadata: no colon in \"%s\"", pair);
    *colon = '\0';
    if (gmux_metadata_add(out, pair, colon + 1))
      return interop_flag_wrong("--additional_metadata: %s", gmux_last_error());
    text += len + (text[len] == ';');
  }
  return true;
}

/* gmux has options where other implementations have a service config; of that one setting has a
 * test. A space in a scanf format stands for any white space, also none. */
static bool parse_service_config(const char *text, uint32_t *max_connections) {
  unsigned number = 0;
  int end = 0;
  sscanf(text, " { \"connectionScaling\" : { \"maxConnectionsPerSubchannel\" : %u } } %n", &number,
         &end);
  if (end == 0 || text[end] || number < 1 || number > 1000)
    return interop_flag_wrong("--service_config_json: not understood: %s", text);
  *max_connections = number;
  return true;
}

/* ---- cases ---- */

/* The next name of a list with commas, and its case; NULL for none of that name. */
static const interop_case *next_case(const char **list, char name[64]) {
  size_t len = strcspn(*list, ",");
  snprintf(name, 64, "%.*s", (int)len, *list);
  *list += len + ((*list)[len] == ',');
  const interop_case *c = interop_cases;
  while (c->name && strcmp(c->name, name) != 0)
    c++;
  return c->name ? c : NULL;
}

static bool cases_check(const char *list) {
  char name[64];
  do {
    const interop_case *c = next_case(&list, name);
    if (!c) return interop_flag_wrong("--test_case: there is no case \"%s\"", name);
    if (!c->run) return interop_flag_wrong("--test_case: %s: %s", name, c->why_not);
  } while (*list);
  return true;
}

static bool cases_run(interop_client *client, const char *list) {
  char name[64];
  bool ok = true;
  do {
    client->why[0] = '\0';
    bool passed = next_case(&list, name)->run(client);
    if (passed)
      printf("ok %s\n", name);
    else
      printf("failed %s: %s\n", name, client->why);
    fflush(stdout);
    ok &= passed;
  } while (*list);
  return ok;
}

/* ---- main ---- */

static void make_credentials(interop_client *client, const flags *f) {
  client->how.cleartext = !f->use_tls;
  if (!f->use_tls) return;
  gmux_tls_options options;
  gmux_tls_options_init(&options, sizeof options);
  if (f->use_test_ca) options.ca_file = f->ca_file;
  client->how.tls_host = f->host_override;
  must(gmux_tls_client_new(&client->how.tls, &options));
}

static void prepare(interop_client *client, const flags *f) {
  const char *slow = getenv("GMUX_TEST_SLOW");
  client->patience_ms = 20000 * (slow && atoi(slow) > 1 ? atoi(slow) : 1);
  client->soak = f->soak;
  uint32_t most =
      f->soak.request_size > INTEROP_LARGE_REQUEST ? f->soak.request_size : INTEROP_LARGE_REQUEST;
  client->zeros = calloc(1, most);
  if (!client->zeros) exit(1);
  make_credentials(client, f);
  must(gmux_loop_start(&client->loop, NULL));
}

int main(int argc, char **argv) {
  flags f = {.host = "localhost", .cases = "large_unary", .additional = ""};
  interop_client client = {.channel = NULL};
  gmux_channel_options_init(&client.how, sizeof client.how);
  client.how.suspect_after_ms = GMUX_NEVER_MS; /* a slow machine is no reason for a connection */
  must(gmux_metadata_new(&client.additional));
  if (!flags_parse(&f, argc, argv) || !cases_check(f.cases) ||
      !parse_metadata(client.additional, f.additional) ||
      (f.service_config && !parse_service_config(f.service_config, &client.how.max_connections))) {
    gmux_metadata_free(client.additional);
    return fputs(usage, stderr), 2;
  }

  char target[512];
  snprintf(target, sizeof target, "%s:%u", f.host, (unsigned)f.port);
  client.target = target;
  prepare(&client, &f);
  must(gmux_channel_new(&client.channel, client.loop, target, &client.how));

  bool ok = cases_run(&client, f.cases);

  gmux_channel_free(client.channel);
  must(gmux_loop_stop(client.loop));
  gmux_tls_free(client.how.tls);
  gmux_metadata_free(client.additional);
  free(client.zeros);
  return ok ? 0 : 1;
}
