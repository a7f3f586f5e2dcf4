/*
 * text.h: short texts put together in a buffer. What is made for every connection is made with
 * this: printf has to be told what to do by a text, and takes ten times as long.
 *
 * What has no room is cut off; the text always ends with a zero.
 */
#ifndef GMUX__BASE_TEXT_H
#define GMUX__BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct gmux__text {
  char *at;    /* where the next goes, and the zero now */
  size_t room; /* bytes from there on, that of the zero not counted */
} gmux__text;

/* `size`: of `buf`, at least 1. */
void gmux__text_begin(gmux__text *text, char *buf, size_t size);
void gmux__text_add(gmux__text *text, const char *s);
void gmux__text_add_bytes(gmux__text *text, const char *s, size_t len);
void gmux__text_add_number(gmux__text *text, uint64_t number); /* decimal */

#endif
