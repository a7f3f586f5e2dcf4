/* method.c: methods, made once and used for many calls. */
#include "lib/client/method.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/wire/path.h"
#include <string.h>

static int method_check(gmux_method **out, const char *path, gmux_method_kind kind,
                        unsigned flags) {
  if (!out || !path) return gmux__fail(GMUX_ERR_INVALID, "gmux_method_new: out or path is NULL");
  if ((unsigned)kind > GMUX_BIDI_STREAMING)
    return gmux__fail(GMUX_ERR_INVALID, "%d is not a gmux_method_kind", (int)kind);
  if (flags & ~(unsigned)GMUX_METHOD_IDEMPOTENT)
    return gmux__fail(GMUX_ERR_INVALID, "method flags 0x%x are not known", flags);
  return gmux__path_check(path);
}

int gmux_method_new(gmux_method **out, const char *path, gmux_method_kind kind, unsigned flags) {
  int error = method_check(out, path, kind, flags);
  if (error) return error;
  size_t len = strlen(path);
  gmux_method *m = gmux__malloc(sizeof *m + len + 1);
  if (!m) return gmux__fail_code(GMUX_ERR_NOMEM);
  atomic_init(&m->holds, 1);
  m->kind = kind;
  m->flags = flags;
  memcpy(m->path, path, len + 1);
  m->field = (gmux__field){.name = (const uint8_t *)":path",
                           .name_len = sizeof ":path" - 1,
                           .value = (const uint8_t *)m->path,
                           .value_len = len,
                           .is_name_lasting = true};
  gmux__field_prepare(&m->field);
  *out = m;
  return 0;
}

gmux_method *gmux__method_ref(gmux_method *method) {
  atomic_fetch_add_explicit(&method->holds, 1, memory_order_relaxed);
  return method;
}

void gmux_method_free(gmux_method *method) {
  if (!method) return;
  /* What every holder did with it comes before its end. */
  if (atomic_fetch_sub_explicit(&method->holds, 1, memory_order_acq_rel) == 1) gmux__free(method);
}

/* A method that becomes the usual one has calls with holds of their own, perhaps. Which of its
 * calls gives back which is all the same, as long as all are given back. */
gmux_method *gmux__usual_method_take(gmux__usual_method *usual, gmux_method *method) {
  if (usual->method != method) {
    if (usual->calls > 0) return gmux__method_ref(method);
    gmux_method_free(usual->method);
    usual->method = gmux__method_ref(method);
  }
  usual->calls++;
  return method;
}

void gmux__usual_method_give(gmux__usual_method *usual, gmux_method *method) {
  if (usual->method == method && usual->calls > 0)
    usual->calls--;
  else
    gmux_method_free(method);
}

const char *gmux_method_path(const gmux_method *method) {
  return method ? method->path : "";
}
