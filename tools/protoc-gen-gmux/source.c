/*
 * source.c: foo.gmux.c.
 *
 * Wrappers that know a type, around functions of gmux/stub.h that do not. It is C11 and C++17 at
 * once, so nothing in it is initialised by name.
 */
#include "tools/protoc-gen-gmux/generate.h"

#include <stdio.h>

/* ---- client ---- */

static const char client_unary[] =
    "\n"
    "gmux_status $lower$__wait(\n"
    "    gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request,\n"
    "    $reply$ **reply) {\n"
    "  ProtobufCMessage *message = NULL;\n"
    "  gmux_status status =\n"
    "      gmux_stub_unary_wait(channel, &$lower$__method, options,\n"
    "                           (const ProtobufCMessage *)request, reply ? &message : NULL);\n"
    "  if (reply) *reply = ($reply$ *)message;\n"
    "  return status;\n"
    "}\n"
    "\n"
    "static void $lower$__done(\n"
    "    gmux_stub_fn on_done, gmux_call *call, const gmux_status *status,\n"
    "    const ProtobufCMessage *reply, const gmux_metadata *trailers, void *user_data) {\n"
    "  (($camel$_Done)on_done)(\n"
    "      call, status, (const $reply$ *)reply, trailers, user_data);\n"
    "}\n"
    "\n"
    "int $lower$__start(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request,\n"
    "    $camel$_Done on_done, void *user_data) {\n"
    "  return gmux_stub_unary_start(out, channel, &$lower$__method, options,\n"
    "                               (const ProtobufCMessage *)request, $lower$__done,\n"
    "                               (gmux_stub_fn)on_done, user_data);\n"
    "}\n";

static const char client_message[] =
    "\n"
    "static void $lower$__message(\n"
    "    gmux_stub_fn on_message, gmux_call *call, const ProtobufCMessage *message,\n"
    "    void *user_data) {\n"
    "  typedef void (*message_fn)(gmux_call *, const $reply$ *, void *);\n"
    "  ((message_fn)on_message)(call, (const $reply$ *)message, user_data);\n"
    "}\n";

/* Both kinds of start are alike around the request. */
#define START_HEAD                                                                                 \
  "\n"                                                                                             \
  "int $lower$__start(\n"                                                                          \
  "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
#define START_BODY                                                                                 \
  "    const $camel$_Handlers *handlers, void *user_data) {\n"                                     \
  "  if (!handlers) return gmux_stub_null(\"handlers\");\n"                                        \
  "  const gmux_stub_handlers given = {\n"                                                         \
  "      handlers->on_headers,  (gmux_stub_fn)handlers->on_message, handlers->on_writable,\n"      \
  "      handlers->on_draining, handlers->on_end};\n"                                              \
  "  return gmux_stub_stream_start(out, channel, &$lower$__method, options,\n"
#define START_TAIL                                                                                 \
  "                                &given, $lower$__message,\n"                                    \
  "                                user_data);\n"                                                  \
  "}\n"

static const char client_start_one[] =
    START_HEAD "    const $request$ *request,\n" START_BODY
               "                                (const ProtobufCMessage *)request,\n" START_TAIL;

static const char client_start_many[] =
    START_HEAD START_BODY "                                NULL,\n" START_TAIL;

static const char client_open_one[] =
    "\n"
    "int $lower$__open(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request) {\n"
    "  return gmux_stub_stream_open(out, channel, &$lower$__method, options,\n"
    "                               (const ProtobufCMessage *)request);\n"
    "}\n";

static const char client_open_many[] =
    "\n"
    "int $lower$__open(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options) {\n"
    "  return gmux_stub_stream_open(out, channel, &$lower$__method, options, NULL);\n"
    "}\n"
    "\n"
    "int $lower$__write(\n"
    "    gmux_call *call, const $request$ *request) {\n"
    "  return gmux_stub_write(call, &$lower$__method,\n"
    "                         (const ProtobufCMessage *)request);\n"
    "}\n"
    "\n"
    "int $lower$__write_wait(\n"
    "    gmux_call *call, const $request$ *request) {\n"
    "  return gmux_stub_write_wait(call, &$lower$__method,\n"
    "                              (const ProtobufCMessage *)request);\n"
    "}\n";

static const char client_read[] =
    "\n"
    "int $lower$__read_wait(\n"
    "    gmux_call *call, $reply$ **reply) {\n"
    "  ProtobufCMessage *message = NULL;\n"
    "  int error =\n"
    "      gmux_stub_read_wait(call, &$lower$__method, reply ? &message : NULL);\n"
    "  if (!error) *reply = ($reply$ *)message;\n"
    "  return error;\n"
    "}\n";

static void print_client(printer *p, const method *m, const var *vars) {
  if (m->kind == UNARY) {
    print(p, vars, client_unary);
  } else {
    print(p, vars, client_message);
    print(p, vars, has_one_request(m) ? client_start_one : client_start_many);
  }
  print(p, vars, has_one_request(m) ? client_open_one : client_open_many);
  print(p, vars, client_read);
}

/* ---- what a server's handlers call ---- */

static const char server_reply[] =
    "\n"
    "int $lower$__reply(\n"
    "    gmux_server_call *call, const $reply$ *reply) {\n"
    "  return gmux_stub_server_reply(call, &$lower$__method,\n"
    "                                (const ProtobufCMessage *)reply);\n"
    "}\n";

static const char server_write[] =
    "\n"
    "int $lower$__server_write(\n"
    "    gmux_server_call *call, const $reply$ *reply) {\n"
    "  return gmux_stub_server_write(call, &$lower$__method,\n"
    "                                (const ProtobufCMessage *)reply);\n"
    "}\n";

static const char server_write_wait[] =
    "\n"
    "int $lower$__server_write_wait(\n"
    "    gmux_server_call *call, const $reply$ *reply) {\n"
    "  return gmux_stub_server_write_wait(call, &$lower$__method,\n"
    "                                     (const ProtobufCMessage *)reply);\n"
    "}\n";

static const char server_read[] =
    "\n"
    "int $lower$__server_read_wait(\n"
    "    gmux_server_call *call, $request$ **request) {\n"
    "  ProtobufCMessage *message = NULL;\n"
    "  int error =\n"
    "      gmux_stub_server_read_wait(call, &$lower$__method, request ? &message : NULL);\n"
    "  if (!error) *request = ($request$ *)message;\n"
    "  return error;\n"
    "}\n";

/* ---- what calls a server's handlers ---- */

/* $handler$: which of a stream's; nothing for a unary method, which has one. */
static const char server_message[] =
    "\n"
    "static void $lower$__on_message(\n"
    "    gmux_server_call *call, gmux_bytes *bytes, void *user_data) {\n"
    "  const $server$ *service = (const $server$ *)user_data;\n";

static const char server_message_check[] = "  if (!service->$member$$handler$) return;\n";

static const char server_message_body[] =
    "  ProtobufCMessage *message =\n"
    "      gmux_stub_server_request(call, &$lower$__method, bytes);\n"
    "  if (!message) return;\n"
    "  service->$member$$handler$(\n"
    "      call, (const $request$ *)message, service->user_data);\n"
    "  gmux_protobuf_free(message);\n"
    "}\n";

/* $handler$: on_call and the like. */
static const char server_event[] = "\n"
                                   "static void $lower$__$handler$(\n"
                                   "    gmux_server_call *call, void *user_data) {\n"
                                   "  const $server$ *service = (const $server$ *)user_data;\n"
                                   "  if (service->$member$.$handler$)\n"
                                   "    service->$member$.$handler$(call, service->user_data);\n"
                                   "}\n";

static const char server_end[] = "\n"
                                 "static void $lower$__on_end(\n"
                                 "    gmux_server_call *call, gmux_code code, void *user_data) {\n"
                                 "  const $server$ *service = (const $server$ *)user_data;\n"
                                 "  if (service->$member$.on_end)\n"
                                 "    service->$member$.on_end(call, code, service->user_data);\n"
                                 "}\n";

static const char table_one[] = "\n"
                                "static const gmux_server_handlers $lower$__handlers = {\n"
                                "    NULL, $lower$__on_message,\n"
                                "    NULL, $lower$__on_writable,\n"
                                "    $lower$__on_end, {NULL}};\n";

static const char table_many[] = "\n"
                                 "static const gmux_server_handlers $lower$__handlers = {\n"
                                 "    $lower$__on_call, $lower$__on_message,\n"
                                 "    $lower$__on_half_close, $lower$__on_writable,\n"
                                 "    $lower$__on_end, {NULL}};\n";

/* A method's own variables, and $handler$. */
static void handler_vars(var out[VARS + 1], const method *m, const char *handler) {
  method_vars(out + 1, m);
  out[0] = (var){"handler", handler};
}

static void print_message(printer *p, const method *m, const char *handler) {
  var vars[VARS + 1];
  handler_vars(vars, m, handler);
  print(p, vars, server_message);
  if (!has_one_request(m)) print(p, vars, server_message_check);
  print(p, vars, server_message_body);
}

static void print_event(printer *p, const method *m, const char *handler) {
  var vars[VARS + 1];
  handler_vars(vars, m, handler);
  print(p, vars, server_event);
}

static void print_stream(printer *p, const method *m, const var *vars) {
  if (has_one_request(m)) {
    print_message(p, m, ".on_request");
  } else {
    print_event(p, m, "on_call");
    print_message(p, m, ".on_message");
    print_event(p, m, "on_half_close");
  }
  print_event(p, m, "on_writable");
  print(p, vars, server_end);
  print(p, vars, has_one_request(m) ? table_one : table_many);
}

static void print_server(printer *p, const method *m, const var *vars) {
  if (has_one_reply(m)) print(p, vars, server_reply);
  print(p, vars, server_write);
  if (!has_one_reply(m)) print(p, vars, server_write_wait);
  if (!has_one_request(m)) print(p, vars, server_read);
  if (m->kind == UNARY)
    print_message(p, m, "");
  else
    print_stream(p, m, vars);
}

/* ---- a service ---- */

static void print_method(printer *p, const method *m, const options *o) {
  var vars[VARS];
  method_vars(vars, m);
  print(p, vars,
        "\n/* ---- $full$ ---- */\n\n"
        "const gmux_stub_method $lower$__method = {\n"
        "    \"$path$\", $kind$, $flags$,\n"
        "    &$takes$, &$answers$};\n");
  if (o->has_client) print_client(p, m, vars);
  if (o->has_server) print_server(p, m, vars);
}

static const char add_unary[] =
    "if (!error && service->$member$)\n"
    "  error = gmux_stub_server_add(server, &$lower$__method,\n"
    "                               $lower$__on_message, NULL, service);\n";

static const char add_one[] =
    "if (!error && service->$member$.on_request)\n"
    "  error = gmux_stub_server_add(server, &$lower$__method,\n"
    "                               NULL, &$lower$__handlers, service);\n";

static const char add_many[] =
    "if (!error && (service->$member$.on_call || service->$member$.on_message ||\n"
    "               service->$member$.on_half_close))\n"
    "  error = gmux_stub_server_add(server, &$lower$__method,\n"
    "                               NULL, &$lower$__handlers, service);\n";

static void print_add(printer *p, const service *s) {
  static const char *const templates[] = {[UNARY] = add_unary,
                                          [SERVER_STREAMING] = add_one,
                                          [CLIENT_STREAMING] = add_many,
                                          [BIDI_STREAMING] = add_many};
  var vars[VARS];
  service_vars(vars, s);
  print(p, vars,
        "\nint $lower$__server__add(\n"
        "    gmux_server *server, const $server$ *service) {\n");
  p->indent++;
  print(p, vars,
        "int error = server ? 0 : gmux_stub_null(\"server\");\n"
        "if (!service) error = gmux_stub_null(\"service\");\n");
  for (size_t i = 0; i < s->method_count; i++) {
    var of_method[VARS];
    method_vars(of_method, &s->methods[i]);
    print(p, of_method, templates[s->methods[i].kind]);
  }
  print(p, vars, "return error;\n");
  p->indent--;
  print(p, vars, "}\n");
}

static void print_service(printer *p, const service *s, const model *m) {
  for (size_t i = 0; i < s->method_count; i++)
    print_method(p, &s->methods[i], m->options);
  var vars[VARS];
  service_vars(vars, s);
  if (m->options->has_server) {
    print(p, vars, "\n/* ---- $name$ ---- */\n");
    print_add(p, s);
  }
  if (m->descriptors.len > 0)
    print(p, vars,
          "\ngmux_bytes $lower$__file__descriptors(void) {\n"
          "  return gmux_stub_static_bytes(file_descriptors, sizeof file_descriptors);\n"
          "}\n");
}

/* ---- the file ---- */

static void print_descriptors(printer *p, const ProtobufCBinaryData *bytes) {
  static const var none[] = {{NULL, NULL}};
  print(p, none,
        "\n/* A google.protobuf.FileDescriptorSet, without comments. */\n"
        "static const unsigned char file_descriptors[] = {");
  for (size_t i = 0; i < bytes->len; i++) {
    char number[16];
    int len = snprintf(number, sizeof number, "%s%u,", i % 20 == 0 ? "\n    " : "",
                       (unsigned)bytes->data[i]);
    print_text(p, number, (size_t)len);
  }
  print(p, none, "\n};\n");
}

void print_source(printer *p, const model *m) {
  const var vars[] = {{"file", m->file}, {"stem", m->stem}, {NULL, NULL}};
  print(p, vars,
        "/* Generated by protoc-gen-gmux from $file$: do not edit. */\n"
        "#include \"$stem$.gmux.h\"\n");
  if (m->descriptors.len > 0) print_descriptors(p, &m->descriptors);
  for (size_t i = 0; i < m->service_count; i++)
    print_service(p, &m->services[i], m);
}
