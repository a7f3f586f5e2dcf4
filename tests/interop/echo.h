/*
 * echo.h: the service that everything in this folder speaks, on plain bytes. echo_server.c serves
 * it and echo_client.c tries it; peer_server.* and peer_client.* do the same in other languages.
 *
 * Every method of /gmux.test.Echo sends request metadata back under the same keys: "x-initial..."
 * as initial metadata, "x-trailing..." as trailers.
 *
 *   Unary         the request
 *   ClientStream  one reply: the requests, joined by commas
 *   ServerStream  "COUNT SIZE": COUNT replies of SIZE bytes; see echo_pattern
 *   Bidi          each request as it comes
 *   Status        "CODE TEXT": no reply, and that status; "x-details-bin" is sent as its details
 *   StatusLate    the same after one reply, the request (server streaming)
 *   Early         the first request ends it, ABORTED "enough", whatever more is sent (bidi)
 *   Sleep         initial metadata once the request, an id, is here; then nothing (server
 * streaming) Ended         an id: the reply, the same id, comes when the Sleep of that id is over
 *   TimeLeft      what is left of the deadline in milliseconds, as text; "none"
 *   Peer          the client's address
 *   PeerName      text that contains the common name of the client's certificate; "" without one
 *   Drain         the request; and the server ends in good order: running calls may finish
 *
 * A peer that can compress its replies does so when metadata "x-compress" says "gzip" or "deflate".
 *
 * A server prints "port: N" when it listens and exits 0 after Drain. A client is given names of
 * cases, prints for each a line "ok CASE" or "failed CASE: WHY", and exits 0 if all went well.
 */
#ifndef TESTS_INTEROP_ECHO_H
#define TESTS_INTEROP_ECHO_H

#include <stddef.h>
#include <stdint.h>

#define ECHO_SERVICE "/gmux.test.Echo/"

/* Reply `index` of ServerStream: bytes that count up, from another start each. 251 is a prime, so
 * that no power of two of bytes can go missing unseen. */
static inline void echo_pattern(uint8_t *out, size_t len, size_t index) {
  for (size_t i = 0; i < len; i++)
    out[i] = (uint8_t)((index + i) % 251);
}

#endif
