/* describe.h: services, methods, messages and enums, as text and as JSON. */
#ifndef TOOL_DESCRIBE_H
#define TOOL_DESCRIBE_H

#include "tools/gmux/printer.h"
#include "tools/gmux/registry.h"

/* What a name stands for. */
typedef struct subject {
  const symbol *symbol;         /* of a method its service's */
  const message_type *message;  /* or one of these */
  const enum_type *enumeration; /* */
  const service_type *service;  /* */
  const method_type *method;    /* and its service */
} subject;

/* "pkg.Message", "pkg.Service/Method"... False: there is none, with the nearest in words. */
bool subject_find(const registry *r, const char *name, subject *s, problem *p);

/* As in a .proto, with comments. */
void describe_text(const registry *r, const subject *s, buffer *out);
/* An object. */
void describe_json(const registry *r, const subject *s, printer *p);
/* A message with every field in it, as JSON that may be sent, indented by `depth`; of a choice the
 * first. */
void describe_template(const message_type *m, unsigned depth, buffer *out);

#endif
