/* list.c: gmux list: services, or a service's methods. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/lookup.h"
#include "tools/gmux/plain.h"
#include "tools/gmux/printer.h"
#include "tools/gmux/reflect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: gmux list [OPTION]... TARGET [SERVICE]\n"
                            "       gmux list --proto FILE | --protoset FILE [SERVICE]\n"
                            "The services of a server or of files; or a service's methods.\n\n"
                            "  gmux list greeter.example:443\n"
                            "  gmux list --cleartext localhost:50051 hello.Greeter\n"
                            "  gmux list --proto greeter.proto\n\n"
                            "  --json                as JSON: an array\n" LOOKUP_USAGE;

static void print_json(buffer *out) {
  printf("%s\n", buffer_string(out));
  buffer_free(out);
}

/* ---- services ---- */

static void print_names(const lookup *l, const char *const *names, size_t count) {
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

static int list_server(lookup *l) {
  file_set files = {.asked = 0};
  reflection_names names;
  int code = reflect_services(&l->session, &files, &names);
  if (code == EXIT_DONE) print_names(l, names.list, names.count);
  files_free(&files);
  return code;
}

static int list_files(const lookup *l) {
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
  buffer line = {.data = NULL}, words = {.data = NULL};
  buffer_add_format(&words, "%s (%s%s) returns (%s%s)", m->path + 1,
                    m->is_client_streaming ? "stream " : "", m->request->name,
                    m->is_server_streaming ? "stream " : "", m->reply->name);
  plain_add(&line, (const char *)words.data, words.len);
  printf("%s\n", buffer_string(&line));
  buffer_free(&words);
  buffer_free(&line);
}

static void print_methods(const lookup *l, const service_type *s) {
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

static int list_methods(lookup *l) {
  registry *r;
  int code = schema_get(&l->schema, &l->session, l->name, &r);
  if (code != EXIT_DONE) return code;
  const service_type *s = registry_service(r, l->name, strlen(l->name));
  if (s)
    print_methods(l, s);
  else
    code = no_service(r, l->name);
  registry_free(r);
  return code;
}

/* ---- the command ---- */

static int run(lookup *l) {
  if (l->is_template) return complain("--template is for gmux describe");
  if (l->name) return list_methods(l);
  return schema_is_local(&l->schema) ? list_files(l) : list_server(l);
}

int command_list(int argc, char **argv) {
  lookup l;
  int code = lookup_open(&l, argc, argv, usage);
  if (code == LOOKUP_GO_ON) code = run(&l);
  lookup_close(&l);
  return code;
}
