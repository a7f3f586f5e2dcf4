/* list.c: gmux list: services, or a service's methods. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/printer.h"
#include "tools/gmux/reflect.h"
#include "tools/gmux/schema.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: gmux list [OPTION]... TARGET [SERVICE]\n"
                            "       gmux list --proto FILE | --protoset FILE [SERVICE]\n"
                            "The services of a server or of files; or a service's methods.\n\n"
                            "  gmux list greeter.example:443\n"
                            "  gmux list --cleartext localhost:50051 hello.Greeter\n"
                            "  gmux list --proto greeter.proto\n\n"
                            "  --json                as JSON: an array\n" SCHEMA_USAGE
                            "How the server is reached:\n" SESSION_USAGE;

typedef struct list {
  schema schema;
  session session;
  bool is_json;
  const char *target, *service; /* NULL */
} list;

static void print_json(buffer *out) {
  printf("%s\n", buffer_string(out));
  buffer_free(out);
}

/* ---- services ---- */

static void print_names(const list *l, const char *const *names, size_t count) {
  buffer out = {.data = NULL};
  printer p = {.out = &out};
  if (l->is_json) print_open(&p, '[');
  for (size_t i = 0; i < count; i++) {
    if (!l->is_json)
      printf("%s\n", quote(names[i], strlen(names[i])).text);
    else
      print_string(&p, names[i], strlen(names[i])); /* what is not UTF-8 is no service's name */
  }
  if (!l->is_json) return;
  print_close(&p, ']');
  print_json(&out);
}

static int list_server(list *l) {
  file_set files = {.asked = 0};
  reflection_names names;
  int code = reflect_services(&l->session, &files, &names);
  if (code == EXIT_DONE) print_names(l, names.list, names.count);
  files_free(&files);
  return code;
}

static int list_files(const list *l) {
  registry *r = schema_read(&l->schema);
  if (!r) return EXIT_USAGE;
  size_t count = 0;
  while (registry_service_at(r, count))
    count++;
  const char **names = calloc(count + 1, sizeof *names);
  if (!names) out_of_memory();
  for (size_t i = 0; i < count; i++)
    names[i] = registry_service_at(r, i)->name;
  print_names(l, names, count);
  free(names);
  registry_free(r);
  return EXIT_DONE;
}

/* ---- methods ---- */

static void print_method_json(printer *p, const method_type *m) {
  print_open(p, '{');
  print_text(p, "name", m->name);
  print_text(p, "path", m->path);
  print_text(p, "request", m->request->name);
  print_bool(p, "clientStreaming", m->is_client_streaming);
  print_text(p, "reply", m->reply->name);
  print_bool(p, "serverStreaming", m->is_server_streaming);
  print_close(p, '}');
}

static void print_method(const method_type *m) {
  printf("%s (%s%s) returns (%s%s)\n", m->path + 1, m->is_client_streaming ? "stream " : "",
         m->request->name, m->is_server_streaming ? "stream " : "", m->reply->name);
}

static void print_methods(const list *l, const service_type *s) {
  buffer out = {.data = NULL};
  printer p = {.out = &out};
  if (l->is_json) print_open(&p, '[');
  for (size_t i = 0; i < s->method_count; i++)
    if (l->is_json)
      print_method_json(&p, &s->methods[i]);
    else
      print_method(&s->methods[i]);
  if (!l->is_json) return;
  print_close(&p, ']');
  print_json(&out);
}

static int no_service(const registry *r, const char *name) {
  const char *near = registry_nearest_service(r, name, strlen(name));
  return complain("there is no service %s%s%s%s", quote(name, strlen(name)).text,
                  near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static int list_methods(list *l) {
  registry *r;
  int code = schema_get(&l->schema, &l->session, l->service, &r);
  if (code != EXIT_DONE) return code;
  const service_type *s = registry_service(r, l->service, strlen(l->service));
  if (s)
    print_methods(l, s);
  else
    code = no_service(r, l->service);
  registry_free(r);
  return code;
}

/* ---- the command ---- */

enum { OPTION_JSON = 1, OPTION_HELP };

/* -1: go on; else the exit code. */
static int take_option(list *l, int option, const char *value) {
  if (option == OPTION_HELP) return fputs(usage, stdout), EXIT_DONE;
  if (option == OPTION_JSON) return l->is_json = true, -1;
  schema_taken taken = schema_take(&l->schema, option, value);
  if (taken == SCHEMA_TAKEN) return -1;
  if (taken == SCHEMA_WRONG) return EXIT_USAGE;
  session_taken of_session = session_take(&l->session, option, value);
  if (of_session == SESSION_TAKEN) return -1;
  if (of_session == SESSION_NOT_MINE) fputs(usage, stderr);
  return EXIT_USAGE;
}

static int run(list *l) {
  bool is_local = schema_is_local(&l->schema);
  int code = is_local ? EXIT_DONE : session_open(&l->session, l->target);
  if (code != EXIT_DONE) return code;
  if (l->service) return list_methods(l);
  return is_local ? list_files(l) : list_server(l);
}

static int read_and_run(list *l, int argc, char **argv) {
  static const struct option longs[] = {SESSION_OPTIONS,
                                        SCHEMA_OPTIONS,
                                        {"json", 0, NULL, OPTION_JSON},
                                        {"help", 0, NULL, OPTION_HELP},
                                        {NULL, 0, NULL, 0}};
  for (int o; (o = getopt_long(argc, argv, SESSION_SHORT SCHEMA_SHORT, longs, NULL)) != -1;) {
    int code = take_option(l, o, optarg);
    if (code >= 0) return code;
  }
  int targets = schema_is_local(&l->schema) ? 0 : 1, given = argc - optind;
  if (given < targets || given > targets + 1) return fputs(usage, stderr), EXIT_USAGE;
  if (targets) l->target = argv[optind];
  if (given > targets) l->service = argv[optind + targets];
  return run(l);
}

int command_list(int argc, char **argv) {
  list l = {.target = NULL};
  session_init(&l.session);
  int code = read_and_run(&l, argc, argv);
  session_close(&l.session);
  return code;
}
