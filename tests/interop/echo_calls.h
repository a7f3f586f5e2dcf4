/*
 * echo_calls.h: calls of the service in echo.h, for the cases of echo_cases.c. Each function that
 * returns bool leaves the reason in client->why when it is false.
 */
#ifndef TESTS_INTEROP_ECHO_CALLS_H
#define TESTS_INTEROP_ECHO_CALLS_H

#include <gmux/gmux.h>

typedef struct echo_client {
  gmux_channel *channel;
  int64_t patience_ms; /* the deadline of a call that should end by itself */
  char why[512];
} echo_client;

/* Always false, for `return`. */
bool echo_fail(echo_client *client, const char *format, ...) GMUX_PRINTF(2, 3);

/* Options with the client's patience. */
gmux_call_options echo_options(const echo_client *client);
/* A method by its name; the program cannot go on without. */
gmux_method *echo_method(const char *name, gmux_method_kind kind);

/* ---- a call, blocking form ---- */

/* NULL: it could not be started. `options` NULL: echo_options. */
gmux_call *echo_start(echo_client *client, const char *name, gmux_method_kind kind,
                      const gmux_call_options *options);
bool echo_write(echo_client *client, gmux_call *call, const void *data, size_t len);
/* The same for a call that may be over before it is written: then its end will say so. */
void echo_write_if_open(gmux_call *call, const void *data, size_t len);
/* The next message is this one. */
bool echo_expect(echo_client *client, gmux_call *call, const void *data, size_t len);
/* The headers have come. */
bool echo_expect_headers(echo_client *client, gmux_call *call);
/* No message is left, and the end is this one; `message` NULL: any. */
bool echo_expect_end(echo_client *client, gmux_call *call, gmux_code code, const char *message);

/* The last step of a case: if all went well so far (`ok`), says that no more is written and expects
 * OK. Frees the call (may be NULL). */
bool echo_finish(echo_client *client, gmux_call *call, bool ok);

/* ---- a whole unary call ---- */

/* Ends with OK; the reply is the caller's. */
bool echo_unary(echo_client *client, const char *name, const void *data, size_t len,
                gmux_bytes *reply);
/* The reply as text, cut to fit. */
bool echo_unary_text(echo_client *client, const char *name, const char *request, char *reply,
                     size_t room);
/* The reply is the request. */
bool echo_unary_same(echo_client *client, const void *data, size_t len);

/* ---- checks ---- */

bool echo_check_status(echo_client *client, const gmux_status *status, gmux_code code,
                       const char *message);
bool echo_check_bytes(echo_client *client, const gmux_bytes *got, const void *data, size_t len);

#endif
