/*
 * load.h: the options that all programs have which keep a number of calls under way.
 *
 *     load l;
 *     load_init(&l);
 *     static const struct option longs[] = {LOAD_OPTIONS, {"own", 0, NULL, 'o'}, {0}};
 *     for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;)
 *       if (!load_take(&l, o, optarg)) ... ours, or '?'
 *     if (!load_target(&l, argc, argv)) usage
 */
#ifndef GMUX_BENCH_LOAD_H
#define GMUX_BENCH_LOAD_H

#include "tests/bench/window.h"
#include <getopt.h>
#include <stddef.h>

typedef struct load {
  const char *target; /* ipv4:ADDRESS:PORT or unix:PATH */
  const char *ca;     /* NULL: cleartext */
  uint32_t outstanding;
  uint32_t size;
  window window;
} load;

/* The defaults that LOAD_USAGE tells. */
void load_init(load *l);

/* clang-format off */
#define LOAD_OPTIONS \
  {"outstanding", 1, NULL, 'n'}, {"size", 1, NULL, 's'}, {"seconds", 1, NULL, 't'}, \
  {"warm-up", 1, NULL, 'w'}, {"count", 1, NULL, 'c'}, {"ca", 1, NULL, 'a'}, \
  {"server-pid", 1, NULL, 'p'}

#define LOAD_USAGE \
  "  --outstanding N   calls in flight all the time (default 100)\n" \
  "  --size BYTES      of each message (default 0)\n" \
  "  --seconds T       length of the measured window (default 2)\n" \
  "  --warm-up T       seconds before it (default 0.3)\n" \
  "  --count N         make N calls, all measured, instead of running for a time\n" \
  "  --ca FILE         TLS, trusting this authority (PEM); without it cleartext\n" \
  "  --server-pid PID  report the CPU time of that process, too\n"
/* clang-format on */

/* Takes an option that is one of these. false: it is not. Ends the program, with 2 and in words,
 * where its value makes no sense. */
bool load_take(load *l, int option, const char *value);

/* The one argument behind the options. false: there is none, or more than one. */
bool load_target(load *l, int argc, char **argv);

/* Ends the program, with 2 and in words, unless the text is a number from least to most. */
double load_number(const char *name, const char *text, double least, double most);

/* The bytes of each message, malloced: opaque, and no protobuf field, or a server that looks for
 * one would have to read them all. */
uint8_t *load_payload(const load *l);

/* figures_begin, and what was asked for. */
void load_print(const load *l, const char *bench, const char *peer);

/* Ends the program, in words, if it runs half a minute longer than it should: a server that stops
 * answering would hold it for ever. Nothing for a run of --count, under valgrind or the like. */
void load_watch(const load *l);

#endif
