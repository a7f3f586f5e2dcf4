/* reach.c: a channel to the command line's target. */
#include "tools/gmux/reach.h"

#include "tools/gmux/arguments.h"

bool reach_take(reach *r, int option, const char *value) {
  switch (option) {
  case REACH_CA:
    return r->ca = value, true;
  case REACH_CERT:
    return r->cert = value, true;
  case REACH_KEY:
    return r->key = value, true;
  case REACH_HOST:
    return r->host = value, true;
  case REACH_CLEARTEXT:
    return r->is_cleartext = true;
  default:
    return false;
  }
}

bool reach_check(const reach *r) {
  if (!r->is_cleartext || !(r->ca || r->cert || r->key || r->host)) return true;
  return complain("--cleartext has no certificates: not with --ca, --cert, --key, --host"), false;
}

static bool make_tls(const reach *r, gmux_tls **tls) {
  if (!r->ca && !r->cert && !r->key) return true;
  gmux_tls_options files;
  gmux_tls_options_init(&files, sizeof files);
  files.ca_file = r->ca, files.cert_file = r->cert, files.key_file = r->key;
  if (gmux_tls_client_new(tls, &files) == 0) return true;
  return complain("TLS: %s", gmux_last_error()), false;
}

bool reach_channel(const reach *r, gmux_loop *loop, const char *target, gmux_channel_options *how,
                   gmux_channel **channel) {
  how->cleartext = r->is_cleartext;
  how->tls_host = r->host;
  if (!make_tls(r, &how->tls)) return false;
  int error = gmux_channel_new(channel, loop, target, how);
  gmux_tls_free(how->tls); /* the channel has its own hold */
  return error == 0 || (complain("%s: %s", target, gmux_last_error()), false);
}
