/* request.c: is this request a call, and of which method? */
#include "lib/server/request.h"
#include "lib/wire/path.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void refuse(gmux__verdict *verdict, const char *http_status, gmux_code code,
                   const char *format, ...) GMUX_PRINTF(4, 5);
static void refuse(gmux__verdict *verdict, const char *http_status, gmux_code code,
                   const char *format, ...) {
  verdict->method = NULL;
  verdict->code = code;
  verdict->http_status = http_status;
  va_list args;
  va_start(args, format);
  vsnprintf(verdict->text, sizeof verdict->text, format, args);
  va_end(args);
}

/* A path that POST would not find either. "*" and none (OPTIONS, CONNECT) are no paths. */
static bool is_nowhere(const gmux__head *head, const gmux__methods *methods) {
  return head->path && head->path[0] == '/' && !gmux__methods_find(methods, head->path);
}

/* The answer waits for the request's end, unless the client waits for the answer. */
static void refuse_plain(gmux__verdict *v, const gmux__head *head, const gmux__methods *methods) {
  v->is_plain = !head->has_expect;
  if (!head->is_post && is_nowhere(head, methods))
    refuse(v, "404", GMUX_UNIMPLEMENTED, "nothing is here: only methods of gRPC are served");
  else if (!head->is_post)
    refuse(v, "405", GMUX_INTERNAL, "the HTTP method of a gRPC request is POST");
  else if (head->has_content_type)
    refuse(v, "415", GMUX_INTERNAL, "content-type \"%s\" is not application/grpc",
           head->content_type);
  else
    refuse(v, "415", GMUX_INTERNAL, "no content-type; it must be application/grpc");
}

/* Not understood as a gRPC request at all. First of all what was not stored, since the rest may be
 * missing then. */
static bool refuse_form(gmux__verdict *v, const gmux__head *head, const gmux__methods *methods) {
  if (head->is_out_of_memory) {
    refuse(v, NULL, GMUX_RESOURCE_EXHAUSTED, "the server is out of memory");
    return true;
  }
  if (head->is_too_large) {
    refuse(v, "431", GMUX_RESOURCE_EXHAUSTED,
           "request metadata is larger than the server accepts (it announces "
           "SETTINGS_MAX_HEADER_LIST_SIZE)");
    return true;
  }
  if (!head->is_post || !head->is_grpc) {
    refuse_plain(v, head, methods);
    return true;
  }
  if (head->is_bad_metadata) {
    refuse(v, "400", GMUX_INTERNAL, "the value of a -bin header is not base64");
    return true;
  }
  return false;
}

static void refuse_path(gmux__verdict *v, const char *path, const gmux__methods *methods) {
  size_t len = gmux__path_service_len(path);
  if (len == 0)
    refuse(v, NULL, GMUX_UNIMPLEMENTED, "malformed path \"%.160s\"", path);
  else if (gmux__map_get(&methods->services, path + 1, len))
    refuse(v, NULL, GMUX_UNIMPLEMENTED, "unknown method %.80s of service %.*s", path + 1 + len + 1,
           len < 120 ? (int)len : 120, path + 1);
  else
    refuse(v, NULL, GMUX_UNIMPLEMENTED, "unknown service %.*s", len < 200 ? (int)len : 200,
           path + 1);
}

/* A call of a known method that can't be carried out. */
static bool refuse_call(gmux__verdict *v, const gmux__head *head) {
  if (head->bad_timeout) {
    refuse(v, NULL, GMUX_INTERNAL, "malformed grpc-timeout");
    return true;
  }
  if (head->encoding == GMUX__ENCODING_UNKNOWN) {
    refuse(v, NULL, GMUX_UNIMPLEMENTED, "grpc-encoding \"%s\" is not supported",
           head->encoding_name);
    v->offers_encodings = true;
    return true;
  }
  if (head->timeout_ns == 0) {
    refuse(v, NULL, GMUX_DEADLINE_EXCEEDED, "the deadline had passed when the request arrived");
    return true;
  }
  return false;
}

void gmux__request_judge(gmux__verdict *verdict, const gmux__head *head,
                         const gmux__methods *methods) {
  *verdict = (gmux__verdict){.method = NULL};
  if (refuse_form(verdict, head, methods)) return;
  const char *path = head->path ? head->path : "";
  const gmux__method *method = gmux__methods_find(methods, path);
  if (!method) {
    refuse_path(verdict, path, methods);
    return;
  }
  if (refuse_call(verdict, head)) return;
  verdict->method = method;
}
