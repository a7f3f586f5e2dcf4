/* reach.h: how a target is reached: options that all commands share which talk to one. */
#ifndef TOOL_REACH_H
#define TOOL_REACH_H

#include <gmux/gmux.h>
#include <stdbool.h>

typedef struct reach {
  const char *ca, *cert, *key, *host; /* borrowed from the command line */
  bool is_cleartext;
} reach;

/* What getopt_long gives for one of them. */
enum {
  REACH_CA = 1000,
  REACH_CERT,
  REACH_KEY,
  REACH_HOST,
  REACH_CLEARTEXT,
};

/* Members of an array of struct option. */
#define REACH_OPTIONS                                                                              \
  {"ca", 1, NULL, REACH_CA}, {"plaintext", 0, NULL, REACH_CLEARTEXT},                              \
      {"cert", 1, NULL, REACH_CERT}, {"key", 1, NULL, REACH_KEY}, {"host", 1, NULL, REACH_HOST}, { \
    "cleartext", 0, NULL, REACH_CLEARTEXT                                                          \
  }

/* Lines of a usage. */
#define REACH_USAGE                                                                                \
  "  --cleartext           no TLS\n"                                                               \
  "  --ca FILE             trust this authority (PEM) instead of the system's\n"                   \
  "  --cert, --key FILE    a certificate and key of our own (mutual TLS)\n"                        \
  "  --host NAME           the certificate must be for NAME instead of TARGET's host\n"

/* False: the option is none of these. */
bool reach_take(reach *r, int option, const char *value);
/* False: options that contradict each other; it has been complained of. */
bool reach_check(const reach *r);
/* `how` is made by gmux_channel_options_init and filled with what else the command wants; its
 * tls, tls_host and cleartext are set here. The channel is the caller's. False: it has been
 * complained of. */
bool reach_channel(const reach *r, gmux_loop *loop, const char *target, gmux_channel_options *how,
                   gmux_channel **channel);

#endif
