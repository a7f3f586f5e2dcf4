/* request.c: the header fields of a request. */
#include "lib/client/request.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <gmux/version.h>
#include <stdio.h>
#include <string.h>

#define OWN_USER_AGENT "grpc-c-gmux/" GMUX_VERSION

/* Names are constants of this file. */
static gmux__field field_of(const char *name, const char *value, size_t value_len) {
  return (gmux__field){.name = (const uint8_t *)name,
                       .value = (const uint8_t *)value,
                       .name_len = strlen(name),
                       .value_len = value_len,
                       .is_name_lasting = true};
}

static gmux__field field_text(const char *name, const char *value) {
  return field_of(name, value, strlen(value));
}

/* The same for all calls: a constant, or the channel's, which outlives its connections. */
static gmux__field field_steady(const char *name, const char *value) {
  gmux__field field = field_text(name, value);
  field.is_value_lasting = true;
  gmux__field_prepare(&field);
  return field;
}

/* RFC 7541 appendix A. */
static gmux__field field_static(const char *name, const char *value, uint8_t index) {
  gmux__field field = field_steady(name, value);
  field.static_index = index;
  return field;
}

static char *user_agent_new(const char *app) {
  if (!app) return gmux__strdup(OWN_USER_AGENT);
  size_t size = strlen(app) + sizeof " " OWN_USER_AGENT;
  char *text = gmux__malloc(size);
  if (text) snprintf(text, size, "%s %s", app, OWN_USER_AGENT);
  return text;
}

int gmux__request_init(gmux__request *request, bool is_secure, const char *authority,
                       const char *app, const char *accept) {
  char *user_agent = user_agent_new(app);
  if (!user_agent) return gmux__fail_code(GMUX_ERR_NOMEM);
  request->method = field_static(":method", "POST", 3);
  request->scheme =
      is_secure ? field_static(":scheme", "https", 7) : field_static(":scheme", "http", 6);
  request->authority = field_steady(":authority", authority);
  request->te = field_steady("te", "trailers");
  request->content_type = field_steady("content-type", "application/grpc");
  request->user_agent = field_steady("user-agent", user_agent);
  request->accept_encoding = field_steady("grpc-accept-encoding", accept);
  request->user_agent_text = user_agent;
  return 0;
}

void gmux__request_deinit(gmux__request *request) {
  gmux__free(request->user_agent_text);
  request->user_agent_text = NULL;
}

size_t gmux__request_fields(const gmux__request *request, const gmux_method *method,
                            const char *timeout, const char *encoding,
                            const gmux_metadata *metadata, gmux__field *fields) {
  size_t n = 0;
  fields[n++] = request->method;
  fields[n++] = request->scheme;
  fields[n++] = method->field;
  fields[n++] = request->authority;
  if (timeout) fields[n++] = field_text("grpc-timeout", timeout);
  fields[n++] = request->te;
  fields[n++] = request->content_type;
  fields[n++] = request->user_agent;
  if (encoding) fields[n++] = field_text("grpc-encoding", encoding);
  fields[n++] = request->accept_encoding;
  return n + gmux__metadata_fields(metadata, fields + n, gmux_metadata_count(metadata));
}
