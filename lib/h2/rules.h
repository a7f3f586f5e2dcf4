/*
 * rules.h: what HTTP allows in an answer (RFC 9113 sections 8.1 to 8.3), and in which order.
 *
 * nghttp2 can judge it, and does so for servers; for a client, whose peers send the same few fields
 * all the time, that is a sixth of what nghttp2 takes for a call. So it is asked only about names
 * and values that are not among the usual ones. The verdicts are nghttp2's, one for one; the tests
 * compare them.
 */
#ifndef GMUX__H2_RULES_H
#define GMUX__H2_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one answer. All zero is one that has not begun. */
typedef struct gmux__rules {
  uint64_t body_bytes;     /* that came */
  uint64_t content_length; /* if it has one */
  int16_t status;          /* of the block; 0: none yet */
  bool has_length;
  bool has_regular; /* a field that is no pseudo-header was seen */
} gmux__rules;

typedef enum gmux__rule {
  GMUX__RULE_FINE = 0,
  GMUX__RULE_PASS_OVER, /* the field says nothing */
  GMUX__RULE_BROKEN
} gmux__rule;

gmux__rule gmux__rules_field(gmux__rules *r, const uint8_t *name, size_t name_len,
                             const uint8_t *value, size_t value_len);
/* The block has ended. `is_trailer`: it came behind the final status; `is_end`: with END_STREAM.
 * False: it is broken. */
bool gmux__rules_block(gmux__rules *r, bool is_trailer, bool is_end);
/* So many bytes of DATA came behind the final status. False: they are more than was announced. */
static inline bool gmux__rules_data(gmux__rules *r, size_t len) {
  r->body_bytes += len;
  return !r->has_length || r->body_bytes <= r->content_length;
}
/* END_STREAM, behind the final status. False: they were fewer. */
static inline bool gmux__rules_end(const gmux__rules *r) {
  return !r->has_length || r->body_bytes == r->content_length;
}

#endif
