/*
 * header.c: foo.gmux.h.
 *
 * For each service: for each method what clients call and what a server's handlers answer with;
 * then the struct of a server's handlers. Which functions a method has is its kind's.
 */
#include "tools/protoc-gen-gmux/comments.h"
#include "tools/protoc-gen-gmux/generate.h"

/* ---- client ---- */

static const char client_unary[] =
    "\n"
    "/* Makes the call and waits. With OK *reply is the caller's (gmux_protobuf_free), else NULL.\n"
    " * Clear the status with gmux_status_clear. As gmux_call_unary_wait. */\n"
    "gmux_status $lower$__wait(\n"
    "    gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request,\n"
    "    $reply$ **reply);\n"
    "\n"
    "/* Makes the call; on_done comes once; the reply is NULL unless the status is OK.\n"
    " * As gmux_call_unary_start. */\n"
    "typedef void (*$camel$_Done)(\n"
    "    gmux_call *call, const gmux_status *status,\n"
    "    const $reply$ *reply, const gmux_metadata *trailers, void *user_data);\n"
    "int $lower$__start(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request,\n"
    "    $camel$_Done on_done, void *user_data);\n"
    "\n"
    "/* The blocking form step by step, for who wants more than the reply (metadata, peer,\n"
    " * gmux_call_explain): read, then gmux_call_end_wait and gmux_call_free. */\n"
    "int $lower$__open(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request);\n";

static const char client_handlers[] =
    "\n"
    "/* As gmux_call_handlers, with messages on loan; any may be NULL but on_end. A message that\n"
    " * cannot be unpacked ends the call with INTERNAL. */\n"
    "typedef struct $camel$_Handlers {\n"
    "  void (*on_headers)(gmux_call *call, const gmux_metadata *metadata, void *user_data);\n"
    "  void (*on_message)(gmux_call *call, const $reply$ *reply,\n"
    "                     void *user_data);\n"
    "  void (*on_writable)(gmux_call *call, void *user_data);\n"
    "  void (*on_draining)(gmux_call *call, void *user_data);\n"
    "  void (*on_end)(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,\n"
    "                 void *user_data);\n"
    "} $camel$_Handlers;\n";

static const char client_start_one[] =
    "\n"
    "/* Sends the request; handlers (copied) come from the loop. As gmux_call_start. */\n"
    "int $lower$__start(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request,\n"
    "    const $camel$_Handlers *handlers, void *user_data);\n"
    "\n"
    "/* The same in the blocking form: read, then gmux_call_end_wait and gmux_call_free. */\n"
    "int $lower$__open(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $request$ *request);\n";

static const char client_start_many[] =
    "\n"
    "/* Starts the call; handlers (copied) come from the loop. As gmux_call_start. */\n"
    "int $lower$__start(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options,\n"
    "    const $camel$_Handlers *handlers, void *user_data);\n"
    "\n"
    "/* The same in the blocking form: write, gmux_call_half_close, read, then gmux_call_end_wait\n"
    " * and gmux_call_free. */\n"
    "int $lower$__open(\n"
    "    gmux_call **out, gmux_channel *channel, const gmux_call_options *options);\n"
    "\n"
    "/* Writes a request: at once, as gmux_call_write, or when there is room, as\n"
    " * gmux_call_write_wait. The last is followed by gmux_call_half_close. */\n"
    "int $lower$__write(\n"
    "    gmux_call *call, const $request$ *request);\n"
    "int $lower$__write_wait(\n"
    "    gmux_call *call, const $request$ *request);\n";

static const char client_read[] =
    "\n"
    "/* Waits for a reply of a call that was opened: the caller's, for gmux_protobuf_free.\n"
    " * GMUX_ERR_EOF: there is none left. As gmux_call_read_wait; one that cannot be unpacked is\n"
    " * GMUX_ERR_PROTOCOL, and cancels the call. */\n"
    "int $lower$__read_wait(\n"
    "    gmux_call *call, $reply$ **reply);\n";

static void print_client(printer *p, const method *m, const var *vars) {
  if (m->kind == UNARY) {
    print(p, vars, client_unary);
  } else {
    print(p, vars, client_handlers);
    print(p, vars, has_one_request(m) ? client_start_one : client_start_many);
  }
  print(p, vars, client_read);
}

/* ---- server ---- */

static const char server_reply[] =
    "\n"
    "/* Answers a call with this reply and OK. Where that fails it is ended with the reason "
    "instead;\n"
    " * other answers are gmux_server_call_fail's. As gmux_server_call_reply. */\n"
    "int $lower$__reply(\n"
    "    gmux_server_call *call, const $reply$ *reply);\n";

static const char server_write_one[] =
    "\n"
    "/* Writes the reply and leaves the end to gmux_server_call_finish, for who has trailers.\n"
    " * As gmux_server_call_write. */\n"
    "int $lower$__server_write(\n"
    "    gmux_server_call *call, const $reply$ *reply);\n";

static const char server_write[] =
    "\n"
    "/* Writes a reply: at once, as gmux_server_call_write, or, on a thread of one's own, when "
    "there\n"
    " * is room, as gmux_server_call_write_wait. gmux_server_call_finish ends the call. */\n"
    "int $lower$__server_write(\n"
    "    gmux_server_call *call, const $reply$ *reply);\n"
    "int $lower$__server_write_wait(\n"
    "    gmux_server_call *call, const $reply$ *reply);\n";

static const char server_read[] =
    "\n"
    "/* Waits for a request, on a thread of one's own, of a call that "
    "gmux_server_call_set_blocking\n"
    " * was said of: the caller's, for gmux_protobuf_free. As gmux_server_call_read_wait; one "
    "that\n"
    " * cannot be unpacked is GMUX_ERR_PROTOCOL, and ends the call with INTERNAL. */\n"
    "int $lower$__server_read_wait(\n"
    "    gmux_server_call *call, $request$ **request);\n";

static void print_server(printer *p, const method *m, const var *vars) {
  if (has_one_reply(m)) {
    print(p, vars, server_reply);
    print(p, vars, server_write_one);
  } else {
    print(p, vars, server_write);
  }
  if (!has_one_request(m)) print(p, vars, server_read);
}

/* ---- a method ---- */

static void print_method(printer *p, const method *m, const options *o) {
  var vars[VARS];
  method_vars(vars, m);
  print(p, vars, "\n/* ---- $full$ ---- */\n\n");
  print_comment(p, m->title, m->comment);
  print(p, vars, "extern const gmux_stub_method $lower$__method;\n");
  if (o->has_client) print_client(p, m, vars);
  if (o->has_server) print_server(p, m, vars);
}

/* ---- a server's handlers ---- */

static const char handler_unary[] =
    "void (*$member$)(\n"
    "    gmux_server_call *call, const $request$ *request, void *user_data);\n";

static const char handlers_one[] =
    "struct {\n"
    "  void (*on_request)(gmux_server_call *call, const $request$ *request,\n"
    "                     void *user_data);\n"
    "  void (*on_writable)(gmux_server_call *call, void *user_data);\n"
    "  void (*on_end)(gmux_server_call *call, gmux_code code, void *user_data);\n"
    "} $member$;\n";

static const char handlers_many[] =
    "struct {\n"
    "  void (*on_call)(gmux_server_call *call, void *user_data);\n"
    "  void (*on_message)(gmux_server_call *call, const $request$ *request,\n"
    "                     void *user_data);\n"
    "  void (*on_half_close)(gmux_server_call *call, void *user_data);\n"
    "  void (*on_writable)(gmux_server_call *call, void *user_data);\n"
    "  void (*on_end)(gmux_server_call *call, gmux_code code, void *user_data);\n"
    "} $member$;\n";

static void print_handlers(printer *p, const method *m) {
  static const char *const templates[] = {[UNARY] = handler_unary,
                                          [SERVER_STREAMING] = handlers_one,
                                          [CLIENT_STREAMING] = handlers_many,
                                          [BIDI_STREAMING] = handlers_many};
  var vars[VARS];
  method_vars(vars, m);
  print(p, vars, templates[m->kind]);
}

static const char server_doc[] =
    "\n"
    "/* ---- $name$: a server's handlers ---- */\n"
    "\n"
    "/*\n"
    " * To be filled by name. A method whose handlers are NULL is UNIMPLEMENTED; of one that "
    "streams\n"
    " * one of on_request, on_call, on_message and on_half_close must be there. They come as "
    "those\n"
    " * of gmux_server_handlers, and a unary method's as a gmux_server_unary_fn, with the request "
    "on\n"
    " * loan. A request that cannot be unpacked is answered INTERNAL, and not shown.\n"
    " */\n";

static const char server_add[] =
    "\n"
    "/* Adds them to a server that does not listen yet. `service` must live as long as the "
    "server.\n"
    " * As gmux_server_add_method; after an error the methods before the one at fault remain. */\n"
    "int $lower$__server__add(\n"
    "    gmux_server *server, const $server$ *service);\n";

static const char server_descriptors[] = "\n"
                                         "/* For gmux_reflection_options: the FileDescriptorSet of "
                                         "the .proto, with all that it imports.\n"
                                         " * Static. */\n"
                                         "gmux_bytes $lower$__file__descriptors(void);\n";

static void print_server_struct(printer *p, const service *s, const model *m) {
  var vars[VARS];
  service_vars(vars, s);
  print(p, vars, server_doc);
  print(p, vars, "typedef struct $server$ {\n");
  p->indent++;
  print(p, vars, "void *user_data; /* goes to each handler */\n");
  for (size_t i = 0; i < s->method_count; i++)
    print_handlers(p, &s->methods[i]);
  p->indent--;
  print(p, vars, "} $server$;\n");
  print(p, vars, server_add);
  if (m->descriptors.len > 0) print(p, vars, server_descriptors);
}

/* ---- the file ---- */

static void print_service(printer *p, const service *s, const model *m) {
  print_text(p, "\n", 1);
  print_comment(p, s->title, s->comment);
  for (size_t i = 0; i < s->method_count; i++)
    print_method(p, &s->methods[i], m->options);
  if (m->options->has_server) print_server_struct(p, s, m);
}

static const char about[] =
    "\n"
    "/*\n"
    " * A message that a callback or handler is given is on loan until it returns; one that a\n"
    " * function gave back is the caller's, for gmux_protobuf_free. Messages that are passed in\n"
    " * are packed before the function returns, and stay the caller's; what gmux_protobuf_pack\n"
    " * may answer, each function that takes one may. `options` may be NULL. What is said \"as\"\n"
    " * another function has its errors and threads (gmux/call.h, gmux/server.h). A __method is\n"
    " * a method's path, kind and types, for gmux/stub.h.\n"
    " */\n";

void print_header(printer *p, const model *m) {
  const var vars[] = {{"file", m->file}, {"identifier", m->identifier}, {NULL, NULL}};
  print(p, vars,
        "/* Generated by protoc-gen-gmux from $file$: do not edit. */\n"
        "#ifndef GMUX_$identifier$__INCLUDED\n"
        "#define GMUX_$identifier$__INCLUDED\n\n");
  for (size_t i = 0; i < m->include_count; i++) {
    const var include[] = {{"header", m->includes[i]}, {NULL, NULL}};
    print(p, include, "#include \"$header$\"\n");
  }
  print(p, vars, "#include <gmux/stub.h>\n");
  if (m->service_count > 0) print(p, vars, about);
  print(p, vars, "\nGMUX_BEGIN_DECLS\n");
  for (size_t i = 0; i < m->service_count; i++)
    print_service(p, &m->services[i], m);
  print(p, vars, "\nGMUX_END_DECLS\n\n#endif\n");
}
