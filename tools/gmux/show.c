/* show.c: gmux describe: what stands in the .proto of a symbol. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/describe.h"
#include "tools/gmux/lookup.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: gmux describe [OPTION]... TARGET [SYMBOL]\n"
    "       gmux describe --proto FILE | --protoset FILE [SYMBOL]\n"
    "A service, method, message or enum as it is in its .proto; without a SYMBOL all services.\n\n"
    "  gmux describe greeter.example:443 hello.Greeter/SayHello\n"
    "  gmux describe --proto greeter.proto hello.HelloRequest\n"
    "  gmux describe --cleartext --template localhost:50051 hello.Greeter/SayHello >request.json\n"
    "  gmux call --cleartext -d @request.json localhost:50051 hello.Greeter/SayHello\n\n"
    "  --template            a message, or the request of a method, as JSON to be filled in\n"
    "  --json                as JSON: an object, or without a SYMBOL an array\n" LOOKUP_USAGE;

/* ---- one symbol ---- */

static int print_template(const subject *s) {
  const message_type *m = s->method ? s->method->request : s->message;
  if (!m) return complain("--template takes a method or a message");
  buffer out = {.data = NULL};
  describe_template(m, 0, &out);
  printf("%s\n", buffer_string(&out));
  buffer_free(&out);
  return EXIT_DONE;
}

static int show_one(const lookup *w, const registry *r) {
  subject s;
  problem why;
  if (!subject_find(r, w->name, &s, &why)) return complain("%s", why.words);
  if (w->is_template) return print_template(&s);
  buffer out = {.data = NULL};
  printer p = {.out = &out};
  if (w->is_json)
    describe_json(r, &s, &p);
  else
    describe_text(r, &s, &out);
  printf("%s%s", buffer_string(&out), w->is_json ? "\n" : "");
  buffer_free(&out);
  return EXIT_DONE;
}

/* ---- all services ---- */

static void add_service(const lookup *w, const registry *r, size_t i, printer *p) {
  const char *name = registry_service_at(r, i)->name;
  subject s;
  problem why;
  if (!subject_find(r, name, &s, &why)) return;
  if (w->is_json) {
    describe_json(r, &s, p);
    return;
  }
  if (i > 0) buffer_add(p->out, "\n", 1);
  describe_text(r, &s, p->out);
}

static int show_all(const lookup *w, const registry *r) {
  buffer out = {.data = NULL};
  printer p = {.out = &out};
  if (w->is_json) print_open(&p, '[');
  for (size_t i = 0; registry_service_at(r, i); i++)
    add_service(w, r, i, &p);
  if (w->is_json) print_close(&p, ']');
  printf("%s%s", buffer_string(&out), w->is_json ? "\n" : "");
  buffer_free(&out);
  return EXIT_DONE;
}

/* ---- the command ---- */

/* As reflection knows names: of a method its service. */
static const char *symbol_of(const lookup *w, buffer *name) {
  if (!w->name) return NULL;
  const char *bare = w->name + (*w->name == '.' || *w->name == '/');
  buffer_add(name, bare, strcspn(bare, "/"));
  return buffer_string(name);
}

static int run(lookup *w) {
  if (w->is_template && !w->name) return complain("--template takes a method or a message");
  registry *r;
  buffer name = {.data = NULL};
  int code = schema_get(&w->schema, &w->session, symbol_of(w, &name), &r);
  buffer_free(&name);
  if (code != EXIT_DONE) return code;
  code = w->name ? show_one(w, r) : show_all(w, r);
  registry_free(r);
  return code;
}

int command_describe(int argc, char **argv) {
  lookup w;
  int code = lookup_open(&w, argc, argv, usage);
  if (code == LOOKUP_GO_ON) code = run(&w);
  lookup_close(&w);
  return code;
}
