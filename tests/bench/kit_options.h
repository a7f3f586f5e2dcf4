/*
 * kit_options.h: a table of what a program can be told, from which its command line is read and its
 * usage printed. For peers, too: it knows nothing of gmux.
 */
#ifndef GMUX_BENCH_KIT_OPTIONS_H
#define GMUX_BENCH_KIT_OPTIONS_H

#include <stdint.h>

typedef enum kit_kind {
  KIT_FLAG,   /* bool */
  KIT_COUNT,  /* uint64_t, from least to most */
  KIT_NUMBER, /* double, from least to most */
  KIT_TEXT    /* const char * */
} kit_kind;

/* What *value is beforehand is the default. */
typedef struct kit_option {
  const char *name; /* "outstanding" is --outstanding; NULL ends a table */
  const char *argument;
  const char *help;
  kit_kind kind;
  void *value;
  double least, most;
} kit_option;

/* What every program that calls a server can be told; filled in by kit_parse. */
typedef struct kit_server {
  const char *target; /* the argument that is no option */
  const char *ca;     /* NULL: cleartext */
  uint64_t pid;       /* 0: not known, and its CPU time not measured */
} kit_server;

/* The program's name, in front of everything that it says; set by kit_parse. */
extern const char *kit_program;

/* Ends the program on --help (0) and on what it cannot understand (2, with words and the usage).
 * `program` is the name in front of everything that is said later. */
void kit_parse(const char *program, const char *purpose, const kit_option *options,
               kit_server *server, int argc, char **argv);

/* What was asked for cannot be: exit status 2. */
void kit_refuse(const char *what, const char *why) __attribute__((noreturn));

/* The rows of a table that set a window. */
#define KIT_WINDOW_OPTIONS(w)                                                                      \
  {"seconds", "T", "length of the measured window", KIT_NUMBER, &(w).seconds, 0.01, 3600},         \
      {"warm-up", "T", "seconds before it", KIT_NUMBER, &(w).warm_up, 0, 3600}, {                  \
    "count", "N", "so many, all measured, instead of a time", KIT_COUNT, &(w).count, 0, 1e12       \
  }

#endif
