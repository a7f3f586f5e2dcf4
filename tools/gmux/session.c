/* session.c: a loop, a channel, and options of calls. */
#include "tools/gmux/session.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/base64.h"
#include "tools/gmux/commands.h"

#include <ctype.h>
#include <string.h>

void session_init(session *s) {
  *s = (session){.target = NULL};
  gmux_channel_options_init(&s->channel_options, sizeof s->channel_options);
  gmux_call_options_init(&s->call_options, sizeof s->call_options);
}

/* ---- -H ---- */

static bool is_binary(const char *name) {
  size_t len = strlen(name);
  return len >= 4 && strcmp(name + len - 4, "-bin") == 0;
}

static int add_binary(gmux_metadata *metadata, const char *name, const char *value) {
  size_t len = strlen(value);
  buffer bytes = {.data = NULL};
  buffer_add(&bytes, value, len); /* what is decoded is shorter */
  int error = GMUX_ERR_INVALID;
  if (base64_decode(bytes.data, &bytes.len, value, len))
    error = gmux_metadata_add_bin(metadata, name, bytes.data, bytes.len);
  else
    complain("-H %s: its value is no base64", quote(name, strlen(name)).text);
  buffer_free(&bytes);
  return error;
}

static int add_named(gmux_metadata *metadata, const char *name, const char *value) {
  if (is_binary(name) && *value) return add_binary(metadata, name, value);
  int error = is_binary(name) ? gmux_metadata_add_bin(metadata, name, NULL, 0)
                              : gmux_metadata_add(metadata, name, value);
  if (error) complain("-H %s: %s", quote(name, strlen(name)).text, gmux_last_error());
  return error;
}

/* Spaces around either are nobody's. Names are lower case in HTTP/2, whatever was typed. */
static bool split_header(const char *line, buffer *name, buffer *value) {
  const char *colon = strchr(line, ':');
  if (!colon || colon == line)
    return complain("-H takes 'NAME: VALUE', not %s", quote(line, strlen(line)).text), false;
  for (const char *at = line; at < colon; at++) {
    char c = (char)tolower((unsigned char)*at);
    buffer_add(name, &c, 1);
  }
  const char *from = colon + 1, *to = line + strlen(line);
  from += strspn(from, " \t");
  while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
    to--;
  buffer_add(value, from, (size_t)(to - from));
  return true;
}

static bool add_header(session *s, const char *line) {
  if (!s->metadata && gmux_metadata_new(&s->metadata)) return complain("out of memory"), false;
  s->call_options.metadata = s->metadata;
  buffer name = {.data = NULL}, value = {.data = NULL};
  bool is_good = split_header(line, &name, &value) &&
                 add_named(s->metadata, buffer_string(&name), buffer_string(&value)) == 0;
  buffer_free(&name), buffer_free(&value);
  return is_good;
}

/* ---- options ---- */

static session_taken taken(bool is_good) {
  return is_good ? SESSION_TAKEN : SESSION_WRONG;
}

static bool set_timeout_ms(session *s, const char *value) {
  enum { MAX_MS = 1000 * 86400 };
  long ms;
  if (!read_number("--timeout-ms", value, 1, MAX_MS, &ms)) return false;
  s->call_options.timeout_ms = ms;
  return true;
}

session_taken session_take(session *s, int option, const char *value) {
  switch (option) {
  case SESSION_HEADER:
    return taken(add_header(s, value));
  case SESSION_TIMEOUT:
    return taken(read_time_ms("--timeout", value, &s->call_options.timeout_ms));
  case SESSION_TIMEOUT_MS:
    return taken(set_timeout_ms(s, value));
  case SESSION_AUTHORITY:
    return s->channel_options.authority = value, SESSION_TAKEN;
  case SESSION_USER_AGENT:
    return s->channel_options.user_agent = value, SESSION_TAKEN;
  case SESSION_WAIT:
    return taken(s->call_options.wait_for_ready = true);
  default:
    return reach_take(&s->reach, option, value) ? SESSION_TAKEN : SESSION_NOT_MINE;
  }
}

/* ---- its life ---- */

int session_open(session *s, const char *target) {
  s->target = target;
  if (!reach_check(&s->reach)) return EXIT_USAGE;
  char why[256];
  if (gmux_call_options_check(&s->call_options, why, sizeof why)) return complain("%s", why);
  if (gmux_loop_start(&s->loop, NULL))
    return complain("no loop: %s", gmux_last_error()), EXIT_CALL_FAILED;
  return reach_channel(&s->reach, s->loop, target, &s->channel_options, &s->channel) ? EXIT_DONE
                                                                                     : EXIT_USAGE;
}

void session_note(session *s, gmux_call *call) {
  if (s->first.size) return;
  s->first.size = sizeof s->first;
  if (gmux_call_explain(call, &s->first)) s->first.size = 0;
}

void session_close(session *s) {
  gmux_channel_free(s->channel);
  gmux_loop_stop(s->loop);
  gmux_metadata_free(s->metadata);
}
