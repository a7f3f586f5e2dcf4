/* methods.c: what a server serves, by path. */
#include "lib/server/methods.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/wire/path.h"
#include <string.h>

/* A set: that the value is not NULL is all that counts. */
static int services_add(gmux__methods *methods, const char *path) {
  size_t len = gmux__path_service_len(path);
  if (gmux__map_get(&methods->services, path + 1, len)) return 0;
  return gmux__map_put(&methods->services, path + 1, len, methods);
}

int gmux__methods_add(gmux__methods *methods, const char *path, const gmux__method *method) {
  int error = gmux__path_check(path);
  if (error) return error;
  if (gmux__methods_find(methods, path))
    return gmux__fail(GMUX_ERR_EXISTS, "the server has a method \"%.160s\" already", path);
  gmux__method *copy = gmux__memdup(method, sizeof *method);
  if (!copy) return gmux__fail_code(GMUX_ERR_NOMEM);
  /* The service first: the name of one without methods does no harm, should the second step fail.
   */
  error = services_add(methods, path);
  if (!error) error = gmux__map_put(&methods->by_path, path, strlen(path), copy);
  if (error) gmux__free(copy);
  return error;
}

const gmux__method *gmux__methods_find(const gmux__methods *methods, const char *path) {
  return gmux__map_get(&methods->by_path, path, strlen(path));
}

static void method_free(const char *key, void *value, void *arg) {
  (void)key;
  (void)arg;
  gmux__free(value);
}

void gmux__methods_deinit(gmux__methods *methods) {
  gmux__map_each(&methods->by_path, method_free, NULL);
  gmux__map_deinit(&methods->by_path);
  gmux__map_deinit(&methods->services);
}
