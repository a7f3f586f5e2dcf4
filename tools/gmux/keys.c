/* keys.c: ECMA-48's sequences, and those of a terminal in application mode (ESC O x). */
#include "tools/gmux/keys.h"

static key of_letter(unsigned char byte) {
  switch (byte) {
  case 'q':
  case 'Q':
    return KEY_QUIT;
  case 's':
    return KEY_SORT;
  case 'r':
    return KEY_REVERSE;
  case ' ':
    return KEY_NOW;
  case 'k':
    return KEY_UP;
  case 'j':
    return KEY_DOWN;
  default:
    return KEY_NONE;
  }
}

static key of_number(unsigned number) {
  switch (number) {
  case 1:
  case 7:
    return KEY_HOME;
  case 4:
  case 8:
    return KEY_END;
  case 5:
    return KEY_PAGE_UP;
  case 6:
    return KEY_PAGE_DOWN;
  default:
    return KEY_NONE;
  }
}

static key of_final(unsigned char byte, unsigned number) {
  switch (byte) {
  case 'A':
    return KEY_UP;
  case 'B':
    return KEY_DOWN;
  case 'C':
    return KEY_RIGHT;
  case 'D':
    return KEY_LEFT;
  case 'H':
    return KEY_HOME;
  case 'F':
    return KEY_END;
  case '~':
    return of_number(number);
  default:
    return KEY_NONE;
  }
}

/* Parameters stand before the final byte, which is one of 0x40 to 0x7e. */
static key take_sequence(keys *k, unsigned char byte) {
  enum { NUMBER_MAX = 1000 };
  if (byte >= '0' && byte <= '9' && k->number < NUMBER_MAX)
    k->number = k->number * 10 + (byte - '0');
  if (byte < 0x40) return KEY_NONE;
  k->state = KEYS_GROUND;
  return of_final(byte, k->number);
}

key keys_take(keys *k, unsigned char byte) {
  enum { ESCAPE = 0x1b };
  if (byte == ESCAPE) {
    k->state = KEYS_ESCAPE;
    return KEY_NONE;
  }
  if (k->state == KEYS_SEQUENCE) return take_sequence(k, byte);
  if (k->state == KEYS_GROUND) return of_letter(byte);
  /* After an escape alone, which is no key here, anything is what it is. */
  k->state = byte == '[' || byte == 'O' ? KEYS_SEQUENCE : KEYS_GROUND;
  k->number = 0;
  return k->state == KEYS_GROUND ? of_letter(byte) : KEY_NONE;
}
