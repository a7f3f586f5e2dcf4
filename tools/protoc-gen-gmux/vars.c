/* vars.c: what templates may name. */
#include "tools/protoc-gen-gmux/generate.h"

static const char *const kinds[] = {"GMUX_UNARY", "GMUX_CLIENT_STREAMING", "GMUX_SERVER_STREAMING",
                                    "GMUX_BIDI_STREAMING"};

void method_vars(var out[VARS], const method *m) {
  const var vars[VARS] = {{"lower", m->lower},
                          {"camel", m->camel},
                          {"member", m->member},
                          {"server", m->server},
                          {"path", m->path},
                          {"full", m->full},
                          {"kind", kinds[m->kind]},
                          {"flags", m->flags},
                          {"request", m->request.type},
                          {"reply", m->reply.type},
                          {"takes", m->request.descriptor},
                          {"answers", m->reply.descriptor}};
  for (size_t i = 0; i < VARS; i++)
    out[i] = vars[i];
}

void service_vars(var out[VARS], const service *s) {
  const var vars[VARS] = {{"name", s->name}, {"lower", s->lower}, {"server", s->server}};
  for (size_t i = 0; i < VARS; i++)
    out[i] = vars[i];
}
