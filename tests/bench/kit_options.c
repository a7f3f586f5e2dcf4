/* kit_options.c: a table of options, read from a command line and shown as its usage. */
#include "tests/bench/kit_options.h"
#include "tests/bench/meter.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *kit_program = "bench";

static void print_default(const kit_option *o) {
  const char *text = o->kind == KIT_TEXT ? *(const char **)o->value : NULL;
  if (text) printf(" (default %s)", text);
  if (o->kind == KIT_COUNT) printf(" (default %llu)", (unsigned long long)*(uint64_t *)o->value);
  if (o->kind == KIT_NUMBER) printf(" (default %g)", *(double *)o->value);
}

static void print_table(const kit_option *options) {
  for (const kit_option *o = options; o->name; o++) {
    char left[64];
    snprintf(left, sizeof left, "--%s %s", o->name, o->argument ? o->argument : "");
    printf("  %-20s %s", left, o->help);
    print_default(o);
    putchar('\n');
  }
}

static void print_usage(const char *purpose, const kit_option *own, const kit_option *common) {
  printf("usage: %s [OPTION]... TARGET\n%s\n\n", kit_program, purpose);
  print_table(own);
  print_table(common);
}

void kit_refuse(const char *what, const char *why) {
  fprintf(stderr, "%s: %s %s; --help tells more\n", kit_program, what, why);
  exit(2);
}

static double number_of(const kit_option *o, const char *text) {
  char *end;
  double value = strtod(text, &end);
  bool is_number = *text && !*end && isfinite(value);
  bool is_whole = o->kind == KIT_NUMBER || floor(value) == value;
  if (is_number && is_whole && value >= o->least && value <= o->most) return value;
  char why[128];
  snprintf(why, sizeof why, "is \"%s\": it must be a %snumber from %g to %g", text,
           o->kind == KIT_NUMBER ? "" : "whole ", o->least, o->most);
  kit_refuse(o->name, why);
}

static void option_set(const kit_option *o, const char *text) {
  switch (o->kind) {
  case KIT_FLAG:
    *(bool *)o->value = true;
    return;
  case KIT_TEXT:
    *(const char **)o->value = text;
    return;
  case KIT_NUMBER:
    *(double *)o->value = number_of(o, text);
    return;
  case KIT_COUNT:
    *(uint64_t *)o->value = (uint64_t)number_of(o, text);
    return;
  }
}

static const kit_option *option_find(const kit_option *options, const char *name) {
  for (const kit_option *o = options; o->name; o++)
    if (!strcmp(o->name, name)) return o;
  return NULL;
}

void kit_parse(const char *program, const char *purpose, const kit_option *options,
               kit_server *server, int argc, char **argv) {
  kit_program = program;
  const kit_option common[] = {
      {"ca", "FILE", "TLS, trusting this authority (PEM); without it cleartext", KIT_TEXT,
       &server->ca, 0, 0},
      {"server-pid", "PID", "the server's process, to measure its CPU time too", KIT_COUNT,
       &server->pid, 1, 4194304},
      {0}};
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--help")) {
      print_usage(purpose, options, common);
      exit(0);
    }
    if (strncmp(argv[i], "--", 2)) {
      if (server->target) kit_refuse(argv[i], "is a second target");
      server->target = argv[i];
      continue;
    }
    const kit_option *o = option_find(options, argv[i] + 2);
    if (!o) o = option_find(common, argv[i] + 2);
    if (!o) kit_refuse(argv[i], "is no option");
    if (o->kind == KIT_FLAG)
      option_set(o, NULL);
    else if (++i < argc)
      option_set(o, argv[i]);
    else
      kit_refuse(o->name, "needs a value");
  }
  if (!server->target) kit_refuse("the target", "is missing");
  if (server->pid) meter_server((long)server->pid);
}
