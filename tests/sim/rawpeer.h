/*
 * rawpeer.h: an HTTP/2 peer that says exactly what the test tells it to, right or wrong.
 *
 * It sits on the raw bytes of a transport (of TLS, if it is told to) and knows of HTTP/2 only how a
 * frame is laid out. It does nothing by itself: no preface, no SETTINGS, no ACK, no WINDOW_UPDATE.
 * What comes is cut into frames and kept, in order, until the peer is freed; HEADERS are decoded
 * (by nghttp2's inflater), so the dynamic table of who is under test is followed too. A block that
 * cannot be decoded ends the process, with words on stderr: everything after it would be wrong.
 *
 * Sending may be done at any time, also before the connection stands: bytes leave as fast as the
 * transport takes them. Nothing is sent on a peer whose transport has ended.
 */
#ifndef TESTS_SIM_RAWPEER_H
#define TESTS_SIM_RAWPEER_H

#include "tests/sim/net.h"
#include "tests/sim/rawwire.h"
#include <gmux/error.h>
#include <gmux/tls.h>

enum { RAW_ANY = -1 }; /* for rawpeer_find and rawpeer_count */

typedef struct rawheader {
  char *name, *value; /* each ends with a zero */
} rawheader;

typedef struct rawframe {
  uint8_t type, flags;
  uint32_t stream;
  uint8_t *payload; /* as received, with padding */
  size_t len;
  rawheader *headers; /* of HEADERS, once its block has ended (also when that was CONTINUATION) */
  size_t header_count;
} rawframe;

typedef struct rawpeer rawpeer;
typedef struct rawlistener rawlistener;

/* ---- connecting ---- */

/* Takes what connects to `at` (port 0: a free one). Connections wait for rawpeer_accept. */
rawlistener *rawpeer_listen(gmux_loop *loop, const gmux__address *at);
const gmux__address *rawpeer_listen_address(const rawlistener *listener);
/* The oldest connection that was not accepted yet, as the server; NULL: there is none (now). */
rawpeer *rawpeer_accept(rawlistener *listener);
void rawpeer_listen_close(rawlistener *listener); /* takes NULL */

/* Starts to connect, as the client. */
rawpeer *rawpeer_connect(gmux_loop *loop, const gmux__address *to);
/* The same over TLS, to a server that has a certificate for `host`; `tls` must outlive the peer. */
rawpeer *rawpeer_connect_tls(gmux_loop *loop, const gmux__address *to, gmux_tls *tls,
                             const char *host);
void rawpeer_free(rawpeer *p); /* closes; takes NULL */
/* What it stands on, for faults; NULL: not yet, or no more. */
sim_link *rawpeer_link(const rawpeer *p);

/* ---- what came ---- */

/* 0: open or still connecting. GMUX_ERR_EOF: the other side has ended; what is sent may still
 * reach it. Else why it is lost (GMUX_ERR_IO), or GMUX_ERR_CLOSED after rawpeer_close. */
int rawpeer_state(const rawpeer *p);
bool rawpeer_has_preface(const rawpeer *p); /* as a server: the client's 24 bytes came, and right */
size_t rawpeer_bytes(const rawpeer *p);     /* all that came */
/* The nth (from 0) frame of this type on this stream, or NULL. RAW_ANY stands for all types or all
 * streams. Valid until rawpeer_free. */
const rawframe *rawpeer_find(const rawpeer *p, int type, int64_t stream, size_t nth);
size_t rawpeer_count(const rawpeer *p, int type, int64_t stream);
/* The first value of this name in HEADERS, or NULL. */
const char *rawframe_header(const rawframe *frame, const char *name);
/* The big-endian number at an offset of the payload: an error code, an increment. 0 beyond it. */
uint32_t rawframe_u32(const rawframe *frame, size_t at);

/* ---- what is said ---- */

void rawpeer_send(rawpeer *p, const void *bytes, size_t len);
/* From now on `fn` is shown all that is sent, before it leaves. */
void rawpeer_tap(rawpeer *p, void (*fn)(void *arg, const uint8_t *bytes, size_t len), void *arg);
void rawpeer_preface(rawpeer *p); /* the client's 24 bytes, without SETTINGS */
/* A frame of any kind with any content; `len` is what its header says too. */
void rawpeer_frame(rawpeer *p, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                   size_t len);
void rawpeer_settings(rawpeer *p, size_t count, const uint16_t *ids, const uint32_t *values);
void rawpeer_settings_ack(rawpeer *p);
/* `pairs`: name, value, name, value, NULL. Literals without indexing or Huffman code. Flags are
 * sent as given: RAW_END_HEADERS does not come by itself. */
void rawpeer_headers(rawpeer *p, uint32_t stream, uint8_t flags, const char *const *pairs);
/* padding > 0 (up to 255 bytes of it) sets RAW_PADDED. */
void rawpeer_data(rawpeer *p, uint32_t stream, uint8_t flags, const void *payload, size_t len,
                  uint8_t padding);
/* DATA with gRPC's five bytes (not compressed) in front. */
void rawpeer_grpc_message(rawpeer *p, uint32_t stream, uint8_t flags, const void *message,
                          size_t len);
void rawpeer_rst(rawpeer *p, uint32_t stream, uint32_t code);
void rawpeer_goaway(rawpeer *p, uint32_t last_stream, uint32_t code, const char *debug);
void rawpeer_ping(rawpeer *p, uint8_t flags, const uint8_t opaque[8]);
void rawpeer_window_update(rawpeer *p, uint32_t stream, uint32_t increment);

/* Ends our half in good order behind what was sent; what comes is still read. */
void rawpeer_shutdown(rawpeer *p);
/* Closes: what was sent and not taken by the transport yet is lost. */
void rawpeer_close(rawpeer *p);
/* A reset for both sides. */
void rawpeer_reset(rawpeer *p);

#endif
