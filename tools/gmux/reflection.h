/* reflection.h: what grpc.reflection's streams carry, v1 and v1alpha alike: questions and answers,
 * as bytes. */
#ifndef TOOL_REFLECTION_H
#define TOOL_REFLECTION_H

#include "tools/gmux/files.h"

typedef enum reflection_question {
  ASK_FILE = 3,   /* by its name */
  ASK_SYMBOL = 4, /* the file that declares it */
  ASK_SERVICES = 7
} reflection_question;

/* Appends a question. */
void reflection_ask(buffer *out, reflection_question question, const char *name);

typedef struct reflection_names {
  const char **list;
  size_t count, room;
} reflection_names;

enum { REFLECTION_MAX_NAMES = 10000 };

typedef struct reflection_answer {
  file_set *files;         /* to which files are added */
  reflection_names *names; /* to which services' names are, of the memory of `files` */
  int error_code;          /* of gRPC: the server says why there is none; else 0 */
  problem words;           /* of the error */
} reflection_answer;

/* False: it is no answer, or goes beyond bounds. An error of the server's is an answer. */
bool reflection_read(reflection_answer *a, const uint8_t *data, size_t len, problem *p);

#endif
