/* known.h: messages that have a form of their own in JSON. */
#ifndef TOOL_KNOWN_H
#define TOOL_KNOWN_H

typedef enum known {
  KNOWN_NOT,
  KNOWN_ANY,
  KNOWN_DURATION,
  KNOWN_EMPTY, /* only within Any: elsewhere it is as any other */
  KNOWN_FIELD_MASK,
  KNOWN_LIST_VALUE,
  KNOWN_STRUCT,
  KNOWN_TIMESTAMP,
  KNOWN_VALUE,
  KNOWN_WRAPPER
} known;

/* By full name. */
known known_by_name(const char *name);
/* "google.protobuf.Any"... : the i-th of them, and NULL behind the last. */
const char *known_name(unsigned i);
/* Of a wrapper, the type of its field 1, as descriptors say it. */
int known_wrapped_type(const char *name);

#endif
