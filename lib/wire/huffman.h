/*
 * huffman.h: HPACK's code for strings (RFC 7541 section 5.2 and appendix B), one way.
 */
#ifndef GMUX__WIRE_HUFFMAN_H
#define GMUX__WIRE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that a string takes in it: fewer for most text, up to four times as many for bytes. */
size_t gmux__huffman_len(const uint8_t *s, size_t len);
/* Returns where it ends. */
uint8_t *gmux__huffman_put(uint8_t *out, const uint8_t *s, size_t len);

#endif
