/*
 * head.h: one block of header fields as received, sorted into what gRPC needs and what the
 * application gets.
 *
 * Fields that gRPC owns are parsed as they arrive into the struct; only the application's own
 * metadata, and a grpc-message, take memory. The decoded size is summed as RFC 9113 section 6.5.2
 * counts (name + value + 32), because nghttp2 announces SETTINGS_MAX_HEADER_LIST_SIZE but does not
 * enforce it.
 */
#ifndef GMUX__H2_HEAD_H
#define GMUX__H2_HEAD_H

#include "lib/base/buf.h"
#include "lib/wire/codec.h"
#include "lib/wire/metadata.h"
#include "lib/wire/status.h"
#include <gmux/metadata.h>
#include <stdbool.h>

enum { GMUX__HEAD_TEXT = 128 };

typedef struct gmux__head {
  const gmux__codecs *codecs; /* who knows names of encodings; NULL: the built-in ones; kept */
  /* of a request */
  char *path, *authority; /* NULL: absent; with a zero at the end; in `text` when they fit */
  uint64_t timeout_ns;    /* UINT64_MAX: none */
  bool is_post, has_te, has_expect, bad_timeout;
  /* of a response */
  int http_status; /* 0: absent */
  bool has_status; /* grpc-status, whatever it said */
  gmux_code status;
  gmux__buf message;  /* grpc-message, decoded */
  gmux_bytes details; /* grpc-status-details-bin, decoded */
  /* of both */
  bool is_grpc; /* content-type is application/grpc, with or without a suffix */
  bool has_content_type;
  gmux__encoding encoding;
  uint32_t accepts;        /* grpc-accept-encoding: gmux__encoding_bit of each that we know */
  gmux_metadata *metadata; /* NULL: none */
  uint32_t bytes;          /* decoded size so far */
  bool is_too_large;       /* over the limit: what came after was dropped */
  bool is_bad_metadata;    /* a -bin value that is not base64 */
  bool is_out_of_memory;
  uint8_t text_used;
  /* From here on nothing is cleared but each first byte; it is a good part of the whole. */
  char content_type[64];      /* cut; for the text of an error */
  char encoding_name[32];     /* cut; for the text of an error */
  char text[GMUX__HEAD_TEXT]; /* usual paths and authorities need no allocation */
} gmux__head;

void gmux__head_init(gmux__head *head);
/* Takes one field. Never fails: what is wrong is noted in the struct. */
void gmux__head_field(gmux__head *head, uint32_t limit_bytes, const uint8_t *name, size_t name_len,
                      const uint8_t *value, size_t value_len);
/* Leaves it as after init. */
void gmux__head_deinit(gmux__head *head);
/* The same for one that is not looked at again before it is initialised. */
void gmux__head_release(gmux__head *head);
/* *to takes everything over; *from is left as after init. */
void gmux__head_move(gmux__head *to, gmux__head *from);

#endif
