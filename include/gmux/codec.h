/*
 * codec.h: compression of messages, and algorithms of the application's own.
 *
 * "identity" (none), "gzip" and "deflate" are built in. What is sent is compressed when a channel,
 * a call or a server says so (`compression` in their options); what is received is understood
 * whenever the peer names an algorithm that is built in or registered. gRPC's document on
 * compression has the rules: a client names what it sends with grpc-encoding and what it
 * understands with grpc-accept-encoding, a server answers only in what the client understands, and
 * every message says for itself whether it is compressed.
 *
 * A message of less than 64 bytes goes as it is, and so does one that compressing would not make
 * shorter. Each is compressed by itself, by gmux_call_write and its like, so on the thread that
 * writes; nothing is kept from one to the next.
 */
#ifndef GMUX_CODEC_H
#define GMUX_CODEC_H

#include <gmux/bytes.h>

GMUX_BEGIN_DECLS

/*
 * An algorithm of the application's own, for the `codecs` of a channel or server; there is no
 * process-wide list. The struct and its name are copied; what user_data points to must live until
 * the loop has stopped, or the channel's or server's last call is freed.
 *
 * A secret and a text that a stranger chose do not belong into one compressed message over TLS: its
 * length tells about the secret.
 */
typedef struct gmux_codec {
  /* As it stands in the headers: 1 to 30 of a-z 0-9 '-' '_' '.'; none that is built in. */
  const char *name;
  /* The compressed message in *out, owned. 0; GMUX_ERR_NOMEM, which the writer gets; anything else:
   * the message goes as it is. On the thread that writes, so perhaps on several at once. */
  int (*compress)(gmux_bytes *out, const gmux_bytes *message, void *user_data);
  /* The plain message in *out, owned, of at most `limit` bytes: it must stop there before it has
   * spent more memory. 0; GMUX_ERR_TOO_LARGE, GMUX_ERR_NOMEM (both RESOURCE_EXHAUSTED); anything
   * else: it is corrupt (INTERNAL). On the loop's thread. */
  int (*decompress)(gmux_bytes *out, const gmux_bytes *message, size_t limit, void *user_data);
  void *user_data;
} gmux_codec;

GMUX_END_DECLS

#endif
