/*
 * echo_server.c: a gmux server of the service in echo.h, for clients of other languages.
 *
 * Everything but main runs on the loop's thread.
 */
#include "tests/interop/echo.h"
#include <getopt.h>
#include <gmux/gmux.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: echo_server [--listen ADDRESS] [--cert FILE --key FILE [--ca FILE]]\n"
    "Without a certificate it speaks cleartext; with --ca clients must have one.\n";

/* A Sleep that runs or ran, and the Ended that waits for its end. */
typedef struct sleeper {
  struct sleeper *next;
  bool is_over;
  gmux_server_call *asker; /* a hold; NULL: nobody asks */
  char id[64];
} sleeper;

typedef struct echo {
  gmux_server *server;
  sleeper *sleepers;
  sem_t drained;
} echo;

/* What a call remembers. */
typedef struct memory {
  gmux_metadata *trailers;
  sleeper *sleeper;
  uint8_t *text; /* ClientStream */
  size_t len;
  size_t next, count, size; /* ServerStream */
} memory;

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "echo_server: %s\n", gmux_last_error());
  exit(1);
}

/* ---- metadata goes back ---- */

static gmux_metadata *metadata_with_prefix(const gmux_metadata *from, const char *prefix) {
  gmux_metadata *to;
  gmux_metadata_entry e;
  must(gmux_metadata_new(&to));
  for (size_t i = 0; gmux_metadata_at(from, i, &e) == 0; i++) {
    if (strncmp(e.key, prefix, strlen(prefix)) != 0) continue;
    if (strcmp(e.key + e.key_len - 4, "-bin") == 0)
      must(gmux_metadata_add_bin(to, e.key, e.value, e.value_len));
    else
      must(gmux_metadata_add(to, e.key, (const char *)e.value));
  }
  return to;
}

static void on_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  memory *m = calloc(1, sizeof *m);
  if (!m) exit(1);
  gmux_server_call_set_data(call, m);
  gmux_server_call_set_manual_credit(call);
  const gmux_metadata *metadata = gmux_server_call_metadata(call);
  const char *encoding = gmux_metadata_get(metadata, "x-compress", NULL);
  if (encoding) must(gmux_server_call_set_compression(call, encoding));
  m->trailers = metadata_with_prefix(metadata, "x-trailing");
  gmux_metadata *initial = metadata_with_prefix(metadata, "x-initial");
  /* Without any they go with the first message, or, where there is none, not at all: then the
   * client gets a Trailers-Only answer. */
  if (gmux_metadata_count(initial) > 0) must(gmux_server_call_send_headers(call, initial));
  gmux_metadata_free(initial);
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  memory *m = gmux_server_call_get_data(call);
  gmux_metadata_free(m->trailers);
  free(m->text);
  free(m);
}

/* ---- answers; a call that is over in the meantime refuses them, and nobody minds ---- */

static void finish(gmux_server_call *call) {
  memory *m = gmux_server_call_get_data(call);
  gmux_server_call_finish(call, NULL, m->trailers);
}

static int write_copy(gmux_server_call *call, const void *data, size_t len) {
  gmux_bytes bytes;
  must(gmux_bytes_copy(&bytes, data, len));
  int result = gmux_server_call_write(call, &bytes);
  gmux_bytes_release(&bytes); /* does nothing when the call has taken them */
  return result;
}

static void answer(gmux_server_call *call, const void *data, size_t len) {
  write_copy(call, data, len);
  finish(call);
}

static void answer_text(gmux_server_call *call, const char *text) {
  answer(call, text, strlen(text));
}

/* A request that is text. */
static void text_of(const gmux_bytes *message, char *text, size_t room) {
  snprintf(text, room, "%.*s", (int)message->len, (const char *)message->data);
}

/* ---- the four kinds ---- */

static void unary(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  answer(call, message->data, message->len);
}

static void client_stream(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  memory *m = gmux_server_call_get_data(call);
  uint8_t *grown = realloc(m->text, m->len + 1 + message->len);
  if (!grown) exit(1);
  m->text = grown;
  if (m->count++ > 0) m->text[m->len++] = ',';
  if (message->len > 0) memcpy(m->text + m->len, message->data, message->len);
  m->len += message->len;
  gmux_server_call_grant(call, 1);
}

static void client_stream_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  memory *m = gmux_server_call_get_data(call);
  answer(call, m->text, m->len);
}

/* As fast as the client takes them. */
static void server_stream_go_on(gmux_server_call *call, void *user_data) {
  (void)user_data;
  memory *m = gmux_server_call_get_data(call);
  while (m->next < m->count) {
    uint8_t *data = gmux_malloc(m->size + 1);
    if (!data) exit(1);
    echo_pattern(data, m->size, m->next++);
    gmux_bytes bytes = gmux_bytes_own(data, m->size);
    int result = gmux_server_call_write(call, &bytes);
    gmux_bytes_release(&bytes);
    if (result != 0) return; /* full: on_writable goes on; or over */
  }
  finish(call);
}

static void server_stream(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  memory *m = gmux_server_call_get_data(call);
  char text[64];
  text_of(message, text, sizeof text);
  if (sscanf(text, "%zu %zu", &m->count, &m->size) == 2)
    server_stream_go_on(call, user_data);
  else
    gmux_server_call_fail(call, GMUX_INVALID_ARGUMENT, "wanted: COUNT SIZE");
}

static void ask_for_more(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_grant(call, 1);
}

static void bidi(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  if (write_copy(call, message->data, message->len) == 0) ask_for_more(call, user_data);
}

static void bidi_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  finish(call);
}

/* ---- endings ---- */

static void status(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  char text[512], *rest;
  text_of(message, text, sizeof text);
  long code = strtol(text, &rest, 10);
  gmux_bytes details = gmux_bytes_borrow(NULL, 0);
  details.data = (const uint8_t *)gmux_metadata_get(gmux_server_call_metadata(call),
                                                    "x-details-bin", &details.len);
  gmux_status s =
      gmux_status_make((gmux_code)code, *rest ? rest + 1 : rest, details.data ? &details : NULL);
  memory *m = gmux_server_call_get_data(call);
  gmux_server_call_finish(call, &s, m->trailers);
  gmux_status_clear(&s);
}

static void status_late(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  write_copy(call, message->data, message->len);
  status(call, message, user_data);
}

static void early(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)message, (void)user_data;
  gmux_server_call_fail(call, GMUX_ABORTED, "enough");
}

static void drained(void *user_data) {
  echo *e = user_data;
  sem_post(&e->drained);
}

static void drain(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  echo *e = user_data;
  answer(call, message->data, message->len);
  gmux_server_drain(e->server, GMUX_NO_TIMEOUT, drained, e);
}

/* ---- Sleep and Ended, which may come in any order ---- */

static sleeper *sleeper_of(echo *e, const gmux_bytes *id) {
  char text[sizeof e->sleepers->id];
  text_of(id, text, sizeof text);
  for (sleeper *s = e->sleepers; s; s = s->next)
    if (strcmp(s->id, text) == 0) return s;
  sleeper *s = calloc(1, sizeof *s);
  if (!s) exit(1);
  memcpy(s->id, text, sizeof text);
  s->next = e->sleepers;
  return e->sleepers = s;
}

static void sleeper_tell(sleeper *s) {
  if (!s->is_over || !s->asker) return;
  answer_text(s->asker, s->id);
  gmux_server_call_unref(s->asker);
  s->asker = NULL;
}

static void sleepers_free(echo *e) {
  for (sleeper *s; (s = e->sleepers);) {
    e->sleepers = s->next;
    gmux_server_call_unref(s->asker);
    free(s);
  }
}

static void sleep_begins(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  memory *m = gmux_server_call_get_data(call);
  m->sleeper = sleeper_of(user_data, message);
  gmux_server_call_send_headers(call, NULL);
}

static void sleep_ends(gmux_server_call *call, gmux_code code, void *user_data) {
  memory *m = gmux_server_call_get_data(call);
  if (m->sleeper) {
    m->sleeper->is_over = true;
    sleeper_tell(m->sleeper);
  }
  on_end(call, code, user_data);
}

static void ended(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  sleeper *s = sleeper_of(user_data, message);
  gmux_server_call_unref(s->asker);
  s->asker = gmux_server_call_ref(call);
  sleeper_tell(s);
}

/* ---- what the server knows of a call ---- */

static void time_left(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)message, (void)user_data;
  int64_t ms = gmux_server_call_timeout_ms(call);
  char text[32] = "none";
  if (ms != GMUX_NO_TIMEOUT) snprintf(text, sizeof text, "%lld", (long long)ms);
  answer_text(call, text);
}

static void peer(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)message, (void)user_data;
  answer_text(call, gmux_server_call_peer(call));
}

static void peer_name(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)message, (void)user_data;
  const char *name = gmux_server_call_peer_name(call);
  answer_text(call, name ? name : "");
}

/* ---- the service ---- */

typedef struct method {
  const char *path;
  gmux_method_kind kind;
  gmux_server_handlers handlers;
} method;

static const method methods[] = {
    {ECHO_SERVICE "Unary", GMUX_UNARY, {.on_call = on_call, .on_message = unary, .on_end = on_end}},
    {ECHO_SERVICE "ClientStream",
     GMUX_CLIENT_STREAMING,
     {.on_call = on_call,
      .on_message = client_stream,
      .on_half_close = client_stream_end,
      .on_end = on_end}},
    {ECHO_SERVICE "ServerStream",
     GMUX_SERVER_STREAMING,
     {.on_call = on_call,
      .on_message = server_stream,
      .on_writable = server_stream_go_on,
      .on_end = on_end}},
    {ECHO_SERVICE "Bidi",
     GMUX_BIDI_STREAMING,
     {.on_call = on_call,
      .on_message = bidi,
      .on_half_close = bidi_end,
      .on_writable = ask_for_more,
      .on_end = on_end}},
    {ECHO_SERVICE "Status",
     GMUX_UNARY,
     {.on_call = on_call, .on_message = status, .on_end = on_end}},
    {ECHO_SERVICE "StatusLate",
     GMUX_SERVER_STREAMING,
     {.on_call = on_call, .on_message = status_late, .on_end = on_end}},
    {ECHO_SERVICE "Early",
     GMUX_BIDI_STREAMING,
     {.on_call = on_call, .on_message = early, .on_end = on_end}},
    {ECHO_SERVICE "Sleep",
     GMUX_SERVER_STREAMING,
     {.on_call = on_call, .on_message = sleep_begins, .on_end = sleep_ends}},
    {ECHO_SERVICE "Ended", GMUX_UNARY, {.on_call = on_call, .on_message = ended, .on_end = on_end}},
    {ECHO_SERVICE "TimeLeft",
     GMUX_UNARY,
     {.on_call = on_call, .on_message = time_left, .on_end = on_end}},
    {ECHO_SERVICE "Peer", GMUX_UNARY, {.on_call = on_call, .on_message = peer, .on_end = on_end}},
    {ECHO_SERVICE "PeerName",
     GMUX_UNARY,
     {.on_call = on_call, .on_message = peer_name, .on_end = on_end}},
    {ECHO_SERVICE "Drain", GMUX_UNARY, {.on_call = on_call, .on_message = drain, .on_end = on_end}},
};

static void listen_at(echo *e, const char *address, const gmux_tls_options *credentials) {
  uint16_t port = 0;
  if (credentials->cert_file) {
    gmux_tls *tls;
    must(gmux_tls_server_new(&tls, credentials));
    must(gmux_server_listen(e->server, address, tls, &port));
    gmux_tls_free(tls); /* the server has its own hold */
  } else {
    must(gmux_server_listen_cleartext(e->server, address, &port));
  }
  printf("port: %u\n", port);
  fflush(stdout);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"listen", 1, NULL, 'l'},
                                        {"cert", 1, NULL, 'c'},
                                        {"key", 1, NULL, 'k'},
                                        {"ca", 1, NULL, 'a'},
                                        {NULL, 0, NULL, 0}};
  const char *address = "ipv4:127.0.0.1:0";
  gmux_tls_options credentials;
  gmux_tls_options_init(&credentials, sizeof credentials);
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == '?') return fputs(usage, stderr), 2;
    if (o == 'l') address = optarg;
    if (o == 'c') credentials.cert_file = optarg;
    if (o == 'k') credentials.key_file = optarg;
    if (o == 'a') credentials.ca_file = optarg, credentials.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  }
  if (optind < argc) return fputs(usage, stderr), 2;

  gmux_loop *loop;
  static echo e;
  sem_init(&e.drained, 0, 0);
  must(gmux_loop_start(&loop, NULL));
  must(gmux_server_new(&e.server, loop, NULL));
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    must(gmux_server_add_method(e.server, methods[i].path, methods[i].kind, &methods[i].handlers,
                                &e));
  listen_at(&e, address, &credentials);

  while (sem_wait(&e.drained)) /* a signal may interrupt it */
    continue;
  sleepers_free(&e);
  gmux_server_free(e.server);
  must(gmux_loop_stop(loop));
  sem_destroy(&e.drained);
  return 0;
}
