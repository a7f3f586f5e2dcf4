/* list.c: gmux list: services, or a service's methods. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: gmux list --protoset FILE [SERVICE]\n"
    "The services of a descriptor set (protoc --include_imports --descriptor_set_out=FILE), or a\n"
    "service's methods.\n\n"
    "  gmux list --protoset shop.protoset\n"
    "  gmux list --protoset shop.protoset shop.Shop\n";

static int list_services(const registry *r) {
  const service_type *s;
  for (size_t i = 0; (s = registry_service_at(r, i)); i++)
    printf("%s\n", s->name);
  return EXIT_DONE;
}

static int list_methods(const registry *r, const char *name) {
  const service_type *s = registry_service(r, name, strlen(name));
  if (!s) {
    const char *near = registry_nearest_service(r, name, strlen(name));
    return complain("there is no service %s%s%s%s", quote(name, strlen(name)).text,
                    near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
  }
  for (size_t i = 0; i < s->method_count; i++) {
    const method_type *m = &s->methods[i];
    printf("%s/%s (%s%s) returns (%s%s)\n", s->name, m->name,
           m->is_client_streaming ? "stream " : "", m->request->name,
           m->is_server_streaming ? "stream " : "", m->reply->name);
  }
  return EXIT_DONE;
}

int command_list(int argc, char **argv) {
  static const struct option longs[] = {
      {"protoset", 1, NULL, 'p'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
  const char *protoset = NULL;
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h') return fputs(usage, stdout), EXIT_DONE;
    if (o != 'p') return fputs(usage, stderr), EXIT_USAGE;
    protoset = optarg;
  }
  if (!protoset || argc - optind > 1) return fputs(usage, stderr), EXIT_USAGE;
  registry *r = read_protoset(protoset);
  if (!r) return EXIT_USAGE;
  int code = optind < argc ? list_methods(r, argv[optind]) : list_services(r);
  registry_free(r);
  return code;
}
