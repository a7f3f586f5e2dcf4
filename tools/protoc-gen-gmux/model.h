/* model.h: a file with services, ready to be printed: all names as they are in C. */
#ifndef GEN_MODEL_H
#define GEN_MODEL_H

#include "tools/protoc-gen-gmux/options.h"
#include "tools/protoc-gen-gmux/schema.h"

/* gmux_method_kind's values. */
typedef enum kind {
  UNARY = 0,
  CLIENT_STREAMING = 1,
  SERVER_STREAMING = 2,
  BIDI_STREAMING = 3
} kind;

/* A request's or a reply's type. */
typedef struct message {
  const char *name;       /* "HelloRequest", as the .proto's reader knows it */
  const char *type;       /* Hello__HelloRequest */
  const char *descriptor; /* hello__hello_request__descriptor */
  const Plugin__File *file;
} message;

typedef struct method {
  const char *name; /* "SayHello" */
  const char *path; /* "/hello.Greeter/SayHello" */
  const char *full; /* "hello.Greeter.SayHello" */
  kind kind;
  const char *flags;  /* "0" or GMUX_METHOD_IDEMPOTENT */
  const char *lower;  /* hello__greeter__say_hello */
  const char *camel;  /* Hello__Greeter__SayHello */
  const char *member; /* say_hello, delete_: of the struct of handlers */
  const char *server; /* Hello__Greeter_Server: that struct's type */
  const char *title;  /* "rpc SayHello (HelloRequest) returns (stream HelloReply)" */
  message request, reply;
  const char *comment;
} method;

typedef struct service {
  const char *name; /* "hello.Greeter" */
  const char *lower, *camel;
  const char *server; /* Hello__Greeter_Server */
  const char *title;  /* "service hello.Greeter" */
  const char *comment;
  method *methods;
  size_t method_count;
} service;

typedef struct model {
  const char *file, *stem, *identifier;
  const char **includes; /* "dir/foo.pb-c.h" */
  size_t include_count;
  service *services;
  size_t service_count;
  ProtobufCBinaryData descriptors;
  const options *options;
} model;

/* NULL: *out is filled, of the pool's memory and the schema's. Else what cannot be served, with its
 * file and line. */
const char *model_make(model *out, pool *p, const schema *s, const Plugin__File *file,
                       const options *o);

/* Whether it is sent one request, and whether it is given one reply. */
bool has_one_request(const method *m);
bool has_one_reply(const method *m);

#endif
