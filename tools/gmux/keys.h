/* keys.h: what was typed, out of the bytes that a terminal sends for it. */
#ifndef TOOL_KEYS_H
#define TOOL_KEYS_H

typedef enum key {
  KEY_NONE = 0, /* the bytes so far are none, or are not yet one */
  KEY_QUIT,     /* q */
  KEY_UP,
  KEY_DOWN,
  KEY_LEFT,
  KEY_RIGHT,
  KEY_PAGE_UP,
  KEY_PAGE_DOWN,
  KEY_HOME,
  KEY_END,
  KEY_SORT,    /* s */
  KEY_REVERSE, /* r */
  KEY_NOW      /* space */
} key;

/* All zero at the start. A sequence may come in parts. */
typedef struct keys {
  enum { KEYS_GROUND = 0, KEYS_ESCAPE, KEYS_SEQUENCE } state;
  unsigned number; /* of a sequence: its first parameter */
} keys;

key keys_take(keys *k, unsigned char byte);

#endif
