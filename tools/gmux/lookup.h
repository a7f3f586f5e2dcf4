/* lookup.h: what gmux list and gmux describe have in common: a server or files, and a name. */
#ifndef TOOL_LOOKUP_H
#define TOOL_LOOKUP_H

#include "tools/gmux/schema.h"

typedef struct lookup {
  schema schema;
  session session;
  bool is_json, is_template;
  const char *target, *name; /* NULL */
} lookup;

/* Lines of a usage. */
#define LOOKUP_USAGE SCHEMA_USAGE "How the server is reached:\n" SESSION_USAGE

enum { LOOKUP_GO_ON = -1 };
/* Reads the arguments and reaches the server, if one is needed. LOOKUP_GO_ON, or an exit code: help
 * was asked for, or it has been complained of. */
int lookup_open(lookup *l, int argc, char **argv, const char *usage);
/* Takes what lookup_open made, whatever it returned. */
void lookup_close(lookup *l);

#endif
