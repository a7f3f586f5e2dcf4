/* lookup.c: options, a target where no files are named, and what is looked for. */
#include "tools/gmux/lookup.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"

#include <getopt.h>
#include <stdio.h>

enum { OPTION_JSON = 1, OPTION_TEMPLATE, OPTION_HELP };

static int take_option(lookup *l, int option, const char *value, const char *usage) {
  switch (option) {
  case OPTION_HELP:
    return fputs(usage, stdout), EXIT_DONE;
  case OPTION_JSON:
    l->is_json = true;
    return LOOKUP_GO_ON;
  case OPTION_TEMPLATE:
    l->is_template = true;
    return LOOKUP_GO_ON;
  default:
    return schema_take_shared(&l->schema, &l->session, option, value, usage) ? LOOKUP_GO_ON
                                                                             : EXIT_USAGE;
  }
}

static int take_names(lookup *l, int count, char **names, const char *usage) {
  int targets = schema_is_local(&l->schema) ? 0 : 1;
  if (count < targets || count > targets + 1) return show_synopsis(usage);
  if (targets) l->target = names[0];
  if (count > targets) l->name = names[targets];
  if (!targets) return LOOKUP_GO_ON;
  int code = session_open(&l->session, l->target);
  return code == EXIT_DONE ? LOOKUP_GO_ON : code;
}

int lookup_open(lookup *l, int argc, char **argv, const char *usage) {
  static const struct option longs[] = {SESSION_OPTIONS,
                                        SCHEMA_OPTIONS,
                                        {"json", 0, NULL, OPTION_JSON},
                                        {"template", 0, NULL, OPTION_TEMPLATE},
                                        {"help", 0, NULL, OPTION_HELP},
                                        {NULL, 0, NULL, 0}};
  *l = (lookup){.target = NULL};
  session_init(&l->session);
  for (int o; (o = getopt_long(argc, argv, SESSION_SHORT SCHEMA_SHORT, longs, NULL)) != -1;) {
    int code = take_option(l, o, optarg, usage);
    if (code != LOOKUP_GO_ON) return code;
  }
  return take_names(l, argc - optind, argv + optind, usage);
}

void lookup_close(lookup *l) {
  session_close(&l->session);
}
