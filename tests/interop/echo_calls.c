#include "tests/interop/echo_calls.h"
#include "tests/interop/echo.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool echo_fail(echo_client *client, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(client->why, sizeof client->why, format, args);
  va_end(args);
  return false;
}

gmux_call_options echo_options(const echo_client *client) {
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = client->patience_ms;
  return options;
}

gmux_method *echo_method(const char *name, gmux_method_kind kind) {
  char path[64];
  snprintf(path, sizeof path, ECHO_SERVICE "%s", name);
  gmux_method *method;
  if (gmux_method_new(&method, path, kind, 0) == 0) return method;
  fprintf(stderr, "echo_client: %s: %s\n", path, gmux_last_error());
  exit(1);
}

/* ---- a call, blocking form ---- */

gmux_call *echo_start(echo_client *client, const char *name, gmux_method_kind kind,
                      const gmux_call_options *options) {
  gmux_call_options usual = echo_options(client);
  gmux_method *method = echo_method(name, kind);
  gmux_call *call = NULL;
  if (gmux_call_start(&call, client->channel, method, options ? options : &usual, NULL, NULL))
    echo_fail(client, "start of %s: %s", name, gmux_last_error());
  gmux_method_free(method);
  return call;
}

bool echo_write(echo_client *client, gmux_call *call, const void *data, size_t len) {
  gmux_bytes bytes = gmux_bytes_borrow(data, len);
  int error = gmux_call_write_wait(call, &bytes);
  if (error == 0 || error == GMUX_ERR_STATE) return true; /* over already: its end says why */
  return echo_fail(client, "write: %s", gmux_strerror(error));
}

void echo_write_if_open(gmux_call *call, const void *data, size_t len) {
  gmux_bytes bytes = gmux_bytes_borrow(data, len);
  gmux_call_write_wait(call, &bytes);
}

/* False, with how the call ended as the reason. */
static bool fail_by_end(echo_client *client, gmux_call *call, const char *wanted) {
  gmux_status status = gmux_call_end_wait(call, NULL);
  echo_fail(client, "%s wanted, but the call ended %s \"%s\"", wanted, gmux_code_str(status.code),
            status.message);
  gmux_status_clear(&status);
  return false;
}

bool echo_expect(echo_client *client, gmux_call *call, const void *data, size_t len) {
  gmux_bytes got;
  if (gmux_call_read_wait(call, &got)) return fail_by_end(client, call, "a message was");
  bool same = echo_check_bytes(client, &got, data, len);
  gmux_bytes_release(&got);
  return same;
}

bool echo_expect_headers(echo_client *client, gmux_call *call) {
  const gmux_metadata *metadata;
  if (gmux_call_headers_wait(call, &metadata) == 0) return true;
  return fail_by_end(client, call, "headers were");
}

bool echo_expect_end(echo_client *client, gmux_call *call, gmux_code code, const char *message) {
  gmux_bytes more;
  if (gmux_call_read_wait(call, &more) == 0) {
    size_t len = more.len;
    gmux_bytes_release(&more);
    return echo_fail(client, "the end was wanted, but a message of %zu bytes came", len);
  }
  gmux_status status = gmux_call_end_wait(call, NULL);
  bool ok = echo_check_status(client, &status, code, message);
  gmux_status_clear(&status);
  return ok;
}

bool echo_finish(echo_client *client, gmux_call *call, bool ok) {
  if (call && ok) {
    gmux_call_half_close(call);
    ok = echo_expect_end(client, call, GMUX_OK, NULL);
  }
  gmux_call_free(call);
  return call && ok;
}

/* ---- a whole unary call ---- */

bool echo_unary(echo_client *client, const char *name, const void *data, size_t len,
                gmux_bytes *reply) {
  gmux_call_options options = echo_options(client);
  gmux_method *method = echo_method(name, GMUX_UNARY);
  gmux_bytes request = gmux_bytes_borrow(data, len);
  gmux_status status = gmux_call_unary_wait(client->channel, method, &options, &request, reply);
  gmux_method_free(method);
  bool ok = echo_check_status(client, &status, GMUX_OK, NULL);
  gmux_status_clear(&status);
  return ok;
}

bool echo_unary_text(echo_client *client, const char *name, const char *request, char *reply,
                     size_t room) {
  gmux_bytes got;
  if (!echo_unary(client, name, request, strlen(request), &got)) return false;
  snprintf(reply, room, "%.*s", (int)got.len, (const char *)got.data);
  gmux_bytes_release(&got);
  return true;
}

bool echo_unary_same(echo_client *client, const void *data, size_t len) {
  gmux_bytes got;
  if (!echo_unary(client, "Unary", data, len, &got)) return false;
  bool same = echo_check_bytes(client, &got, data, len);
  gmux_bytes_release(&got);
  return same;
}

/* ---- checks ---- */

bool echo_check_status(echo_client *client, const gmux_status *status, gmux_code code,
                       const char *message) {
  if (status->code == code && (!message || strcmp(status->message, message) == 0)) return true;
  return echo_fail(client, "%s \"%s\" was wanted, %s \"%s\" came", gmux_code_str(code),
                   message ? message : "...", gmux_code_str(status->code), status->message);
}

bool echo_check_bytes(echo_client *client, const gmux_bytes *got, const void *data, size_t len) {
  if (got->len == len && (len == 0 || memcmp(got->data, data, len) == 0)) return true;
  return echo_fail(client, "a message of %zu bytes is not the one of %zu that was wanted", got->len,
                   len);
}
