/*
 * rawpeer.c: bytes out as fast as they are taken, bytes in cut into frames.
 */
#include "tests/sim/rawpeer.h"
#include "lib/io/tls.h"
#include "tests/sim/world.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 16384 };

struct rawpeer {
  gmux_loop *loop;
  gmux__dial *dial;           /* while it connects */
  gmux__transport *transport; /* NULL: not yet, or no more */
  sim_link *link;             /* below it */
  gmux_tls *tls;              /* NULL: cleartext */
  char *host;                 /* of its certificate */
  bool is_secure;             /* its handshake is over; of cleartext from the start */
  int state;
  bool is_server;
  bool is_ending, is_ended; /* our half: asked for; done, once all was taken */
  rawcutter cutter;
  rawbuf out;
  size_t out_taken; /* at its front: taken by the transport, and not moved out of the way yet */
  size_t received;
  rawframe **frames;
  size_t frame_count, frame_size;
  rawframe *block_of; /* HEADERS whose block is not complete; NULL: none is open */
  void (*tap)(void *arg, const uint8_t *bytes, size_t len); /* NULL: nobody listens */
  void *tap_arg;
};

struct rawlistener {
  gmux_loop *loop;
  gmux__listener *base;
  gmux__transport **waiting; /* not accepted, the oldest first */
  size_t count;
};

static void *grow(void *old, size_t size) {
  void *p = realloc(old, size);
  if (!p) sim_die("no memory for %zu bytes", size);
  return p;
}

static void *copy_of(const uint8_t *data, size_t len) {
  uint8_t *copy = sim_alloc(len + 1); /* ends with a zero */
  if (len > 0) memcpy(copy, data, len);
  return copy;
}

/* ---- frames ---- */

static void frame_free(rawframe *frame) {
  for (size_t i = 0; i < frame->header_count; i++) {
    free(frame->headers[i].name);
    free(frame->headers[i].value);
  }
  free(frame->headers);
  free(frame->payload);
  free(frame);
}

static void peer_on_frame(void *owner, const rawview *view) {
  rawpeer *p = owner;
  rawframe *frame = sim_alloc(sizeof *frame);
  frame->type = view->type;
  frame->flags = view->flags;
  frame->stream = view->stream;
  frame->len = view->len;
  frame->payload = copy_of(view->payload, view->len);
  if (p->frame_count == p->frame_size) {
    p->frame_size = p->frame_size ? 2 * p->frame_size : 16;
    p->frames = grow(p->frames, p->frame_size * sizeof(rawframe *));
  }
  p->frames[p->frame_count++] = frame;
  if (frame->type == RAW_HEADERS) p->block_of = frame;
}

static void peer_on_field(void *owner, const nghttp2_nv *field) {
  rawpeer *p = owner;
  rawframe *frame = p->block_of;
  frame->headers = grow(frame->headers, (frame->header_count + 1) * sizeof *frame->headers);
  frame->headers[frame->header_count++] =
      (rawheader){copy_of(field->name, field->namelen), copy_of(field->value, field->valuelen)};
}

static void peer_on_block(void *owner, uint32_t stream, uint8_t flags) {
  (void)stream, (void)flags;
  rawpeer *p = owner;
  p->block_of = NULL;
}

static void peer_on_bad(void *owner, const char *why) {
  (void)owner;
  sim_die("%s", why);
}

static const rawcutter_handlers peer_handlers = {
    .on_frame = peer_on_frame,
    .on_field = peer_on_field,
    .on_block = peer_on_block,
    .on_bad = peer_on_bad,
};

/* ---- the transport ---- */

static size_t out_left(const rawpeer *p) {
  return p->out.len - p->out_taken;
}

static void peer_want(rawpeer *p) {
  unsigned events = 0;
  if (!p->is_secure) return; /* it has watchers of its own for that */
  if (p->state == 0) events |= GMUX__READABLE;
  if (out_left(p) > 0) events |= GMUX__WRITABLE;
  gmux__transport_want(p->transport, events);
}

static void peer_lose(rawpeer *p, int error) {
  gmux__dial_cancel(p->dial);
  gmux__transport_close(p->transport);
  p->dial = NULL;
  p->transport = NULL;
  p->link = NULL;
  p->state = error;
}

/* What is left moves rarely, so that a large backlog that leaves in small pieces costs no more. */
static void out_take(rawpeer *p, size_t n) {
  p->out_taken += n;
  if (p->out_taken < p->out.len / 2) return;
  rawbuf_consume(&p->out, p->out_taken);
  p->out_taken = 0;
}

static void peer_flush(rawpeer *p) {
  if (!p->is_secure) return;
  while (out_left(p) > 0) {
    gmux__slice slice = {p->out.data + p->out_taken, out_left(p)};
    ptrdiff_t n = gmux__transport_write(p->transport, &slice, 1);
    if (n == GMUX_ERR_AGAIN) break;
    if (n < 0) {
      p->out.len = p->out_taken = 0; /* reading goes on: it finds what came before, and then why */
      break;
    }
    out_take(p, (size_t)n);
  }
  if (out_left(p) > 0 || !p->is_ending || p->is_ended) return;
  p->is_ended = true;
  gmux__transport_shutdown(p->transport);
}

static void peer_read(rawpeer *p) {
  uint8_t buf[READ_BYTES];
  ptrdiff_t n = gmux__transport_read(p->transport, buf, sizeof buf);
  if (n == GMUX_ERR_AGAIN) return;
  if (n == GMUX_ERR_EOF) {
    p->state = GMUX_ERR_EOF;
    return;
  }
  if (n < 0) {
    peer_lose(p, (int)n);
    return;
  }
  p->received += (size_t)n;
  rawcutter_feed(&p->cutter, buf, (size_t)n);
}

static void peer_handshake(rawpeer *p) {
  int error = gmux__transport_handshake(p->transport);
  if (error == GMUX_ERR_AGAIN) return;
  if (error != 0) {
    peer_lose(p, error);
    return;
  }
  p->is_secure = true;
  peer_flush(p);
  peer_want(p);
}

static void peer_on_ready(void *owner, unsigned events) {
  rawpeer *p = owner;
  if (!p->is_secure) {
    peer_handshake(p);
    return;
  }
  if (events & GMUX__WRITABLE) peer_flush(p);
  if (events & GMUX__READABLE) peer_read(p);
  if (p->transport) peer_want(p);
}

static void peer_take_transport(rawpeer *p, gmux__transport *transport) {
  p->link = sim_link_of(transport);
  if (p->tls && gmux__tls_wrap(&transport, p->tls, transport, p->host) != 0)
    sim_die("rawpeer: %s", gmux_last_error());
  p->transport = transport;
  transport->on_ready = peer_on_ready;
  transport->owner = p;
  peer_handshake(p);
}

static rawpeer *peer_new(gmux_loop *loop, bool is_server) {
  rawpeer *p = sim_alloc(sizeof *p);
  p->loop = loop;
  p->is_server = is_server;
  rawcutter_init(&p->cutter, &peer_handlers, p, is_server);
  return p;
}

/* ---- connecting ---- */

static void listener_on_accepted(void *arg, gmux__transport *transport) {
  rawlistener *listener = arg;
  listener->waiting = grow(listener->waiting, (listener->count + 1) * sizeof(gmux__transport *));
  listener->waiting[listener->count++] = transport;
}

rawlistener *rawpeer_listen(gmux_loop *loop, const gmux__address *at) {
  rawlistener *listener = sim_alloc(sizeof *listener);
  listener->loop = loop;
  if (gmux__loop_listen(loop, &listener->base, at, NULL, listener_on_accepted, listener) != 0)
    sim_die("rawpeer_listen: %s", gmux_last_error());
  return listener;
}

const gmux__address *rawpeer_listen_address(const rawlistener *listener) {
  return gmux__listener_address(listener->base);
}

rawpeer *rawpeer_accept(rawlistener *listener) {
  if (listener->count == 0) return NULL;
  rawpeer *p = peer_new(listener->loop, true);
  gmux__transport *transport = listener->waiting[0];
  listener->count--;
  memmove(listener->waiting, listener->waiting + 1, listener->count * sizeof(gmux__transport *));
  peer_take_transport(p, transport);
  return p;
}

void rawpeer_listen_close(rawlistener *listener) {
  if (!listener) return;
  for (size_t i = 0; i < listener->count; i++)
    gmux__transport_close(listener->waiting[i]);
  gmux__listener_close(listener->base);
  free(listener->waiting);
  free(listener);
}

static void peer_on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  rawpeer *p = arg;
  (void)why;
  p->dial = NULL;
  if (error != 0)
    p->state = error;
  else
    peer_take_transport(p, transport);
}

rawpeer *rawpeer_connect(gmux_loop *loop, const gmux__address *to) {
  return rawpeer_connect_tls(loop, to, NULL, "");
}

rawpeer *rawpeer_connect_tls(gmux_loop *loop, const gmux__address *to, gmux_tls *tls,
                             const char *host) {
  rawpeer *p = peer_new(loop, false);
  p->tls = tls;
  p->host = copy_of((const uint8_t *)host, strlen(host));
  if (gmux__loop_dial(loop, &p->dial, to, NULL, peer_on_dialed, p) != 0)
    sim_die("rawpeer_connect: %s", gmux_last_error());
  return p;
}

void rawpeer_free(rawpeer *p) {
  if (!p) return;
  rawpeer_close(p);
  for (size_t i = 0; i < p->frame_count; i++)
    frame_free(p->frames[i]);
  rawcutter_deinit(&p->cutter);
  rawbuf_deinit(&p->out);
  free(p->frames);
  free(p->host);
  free(p);
}

sim_link *rawpeer_link(const rawpeer *p) {
  return p->link;
}

/* ---- what came ---- */

int rawpeer_state(const rawpeer *p) {
  return p->state;
}

bool rawpeer_has_preface(const rawpeer *p) {
  return p->is_server && !p->cutter.wants_preface;
}

size_t rawpeer_bytes(const rawpeer *p) {
  return p->received;
}

static bool frame_matches(const rawframe *frame, int type, int64_t stream) {
  return (type == RAW_ANY || frame->type == type) && (stream == RAW_ANY || frame->stream == stream);
}

const rawframe *rawpeer_find(const rawpeer *p, int type, int64_t stream, size_t nth) {
  if (type == RAW_ANY && stream == RAW_ANY) return nth < p->frame_count ? p->frames[nth] : NULL;
  for (size_t i = 0; i < p->frame_count; i++)
    if (frame_matches(p->frames[i], type, stream) && nth-- == 0) return p->frames[i];
  return NULL;
}

size_t rawpeer_count(const rawpeer *p, int type, int64_t stream) {
  size_t count = 0;
  for (size_t i = 0; i < p->frame_count; i++)
    count += frame_matches(p->frames[i], type, stream);
  return count;
}

const char *rawframe_header(const rawframe *frame, const char *name) {
  for (size_t i = 0; i < frame->header_count; i++)
    if (strcmp(frame->headers[i].name, name) == 0) return frame->headers[i].value;
  return NULL;
}

uint32_t rawframe_u32(const rawframe *frame, size_t at) {
  return frame->len >= 4 && at <= frame->len - 4 ? raw_get_u32(frame->payload + at) : 0;
}

/* ---- what is said ---- */

void rawpeer_send(rawpeer *p, const void *bytes, size_t len) {
  assert(!p->is_ending);
  if (p->tap) p->tap(p->tap_arg, bytes, len);
  rawbuf_append(&p->out, bytes, len);
  if (!p->transport) return; /* leaves when the connection stands, or never */
  peer_flush(p);
  peer_want(p);
}

void rawpeer_tap(rawpeer *p, void (*fn)(void *arg, const uint8_t *bytes, size_t len), void *arg) {
  p->tap = fn;
  p->tap_arg = arg;
}

void rawpeer_preface(rawpeer *p) {
  rawpeer_send(p, raw_preface, RAW_PREFACE_BYTES);
}

void rawpeer_frame(rawpeer *p, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                   size_t len) {
  rawbuf frame = {NULL, 0, 0};
  rawbuf_frame(&frame, type, flags, stream, payload, len);
  rawpeer_send(p, frame.data, frame.len);
  rawbuf_deinit(&frame);
}

void rawpeer_settings(rawpeer *p, size_t count, const uint16_t *ids, const uint32_t *values) {
  rawbuf payload = {NULL, 0, 0};
  for (size_t i = 0; i < count; i++)
    rawbuf_setting(&payload, ids[i], values[i]);
  rawpeer_frame(p, RAW_SETTINGS, 0, 0, payload.data, payload.len);
  rawbuf_deinit(&payload);
}

void rawpeer_settings_ack(rawpeer *p) {
  rawpeer_frame(p, RAW_SETTINGS, RAW_ACK, 0, NULL, 0);
}

void rawpeer_headers(rawpeer *p, uint32_t stream, uint8_t flags, const char *const *pairs) {
  rawbuf block = {NULL, 0, 0};
  for (; *pairs; pairs += 2)
    rawbuf_field(&block, pairs[0], pairs[1]);
  rawpeer_frame(p, RAW_HEADERS, flags, stream, block.data, block.len);
  rawbuf_deinit(&block);
}

void rawpeer_data(rawpeer *p, uint32_t stream, uint8_t flags, const void *payload, size_t len,
                  uint8_t padding) {
  static const uint8_t zeros[UINT8_MAX];
  if (padding == 0) {
    rawpeer_frame(p, RAW_DATA, flags, stream, payload, len);
    return;
  }
  rawbuf padded = {NULL, 0, 0};
  rawbuf_append(&padded, &padding, 1);
  rawbuf_append(&padded, payload, len);
  rawbuf_append(&padded, zeros, padding);
  rawpeer_frame(p, RAW_DATA, flags | RAW_PADDED, stream, padded.data, padded.len);
  rawbuf_deinit(&padded);
}

void rawpeer_grpc_message(rawpeer *p, uint32_t stream, uint8_t flags, const void *message,
                          size_t len) {
  rawbuf framed = {NULL, 0, 0};
  uint8_t prefix[5] = {0};
  raw_put_u32(prefix + 1, (uint32_t)len);
  rawbuf_append(&framed, prefix, sizeof prefix);
  rawbuf_append(&framed, message, len);
  rawpeer_frame(p, RAW_DATA, flags, stream, framed.data, framed.len);
  rawbuf_deinit(&framed);
}

void rawpeer_rst(rawpeer *p, uint32_t stream, uint32_t code) {
  uint8_t payload[4];
  raw_put_u32(payload, code);
  rawpeer_frame(p, RAW_RST_STREAM, 0, stream, payload, sizeof payload);
}

void rawpeer_goaway(rawpeer *p, uint32_t last_stream, uint32_t code, const char *debug) {
  rawbuf payload = {NULL, 0, 0};
  uint8_t head[8];
  raw_put_u32(head, last_stream);
  raw_put_u32(head + 4, code);
  rawbuf_append(&payload, head, sizeof head);
  rawbuf_append(&payload, debug, debug ? strlen(debug) : 0);
  rawpeer_frame(p, RAW_GOAWAY, 0, 0, payload.data, payload.len);
  rawbuf_deinit(&payload);
}

void rawpeer_ping(rawpeer *p, uint8_t flags, const uint8_t opaque[8]) {
  rawpeer_frame(p, RAW_PING, flags, 0, opaque, 8);
}

void rawpeer_window_update(rawpeer *p, uint32_t stream, uint32_t increment) {
  uint8_t payload[4];
  raw_put_u32(payload, increment);
  rawpeer_frame(p, RAW_WINDOW_UPDATE, 0, stream, payload, sizeof payload);
}

void rawpeer_shutdown(rawpeer *p) {
  p->is_ending = true;
  if (!p->transport) return;
  peer_flush(p);
  peer_want(p);
}

void rawpeer_close(rawpeer *p) {
  if (p->transport || p->dial) peer_lose(p, GMUX_ERR_CLOSED);
}

void rawpeer_reset(rawpeer *p) {
  if (!p->transport) return;
  sim_link_reset(p->link);
  peer_lose(p, GMUX_ERR_IO);
}
