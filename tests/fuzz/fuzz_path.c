/*
 * fuzz_path.c: :path, as a client writes it and a server finds its method by it.
 *
 * The input: which allocation fails (1 byte, 0: none), paths, each with its length before it (1
 * byte). Each is made a method of the client and added to a server's methods.
 */
#include "lib/server/methods.h"
#include "lib/wire/path.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/call.h>
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { PATHS_MAX = 32 };

/* True if a client may name it. */
static bool check_client(const char *path) {
  gmux_method *untouched = (gmux_method *)&untouched, *method = untouched;
  int error = gmux_method_new(&method, path, GMUX_UNARY, 0);
  if (error) {
    FUZZ_REQUIRE(method == untouched && fuzz_has_words());
    FUZZ_REQUIRE(error == GMUX_ERR_INVALID || (error == GMUX_ERR_NOMEM && test_alloc_has_failed()));
    return false;
  }
  FUZZ_REQUIRE(strcmp(gmux_method_path(method), path) == 0);
  gmux_method_free(method);
  return true;
}

static void check_service(const char *path) {
  size_t len = gmux__path_service_len(path);
  if (len == 0) return;
  FUZZ_REQUIRE(path[0] == '/' && len + 2 < strlen(path) && path[1 + len] == '/');
  FUZZ_REQUIRE(!strchr(path + len + 2, '/'));
}

static void check_server(gmux__methods *methods, const char *path, bool client_may) {
  gmux__method method = {.kind = GMUX_UNARY};
  bool is_there = gmux__methods_find(methods, path) != NULL;
  fuzz_forget_words();
  int error = gmux__methods_add(methods, path, &method);
  const gmux__method *found = gmux__methods_find(methods, path);
  FUZZ_REQUIRE((found != NULL) == (is_there || error == 0));
  FUZZ_REQUIRE((error == GMUX_ERR_EXISTS) == is_there);
  FUZZ_REQUIRE(!error || fuzz_has_words());
  FUZZ_REQUIRE(error != GMUX_ERR_NOMEM || test_alloc_has_failed());
  /* What can be served can be called, and the other way round. */
  FUZZ_REQUIRE(client_may == (found != NULL) || test_alloc_has_failed());
  if (!found) return;
  size_t service_len = gmux__path_service_len(path);
  FUZZ_REQUIRE(gmux__map_get(&methods->services, path + 1, service_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  gmux__methods methods = {.by_path = {0}};
  test_alloc_fail_at(fuzz_u8(&in));
  for (int i = 0; i < PATHS_MAX && in.len > 0; i++) {
    uint8_t len = fuzz_u8(&in);
    char *path = fuzz_string(fuzz_take(&in, len));
    fuzz_forget_words();
    bool client_may = check_client(path);
    check_service(path);
    check_server(&methods, path, client_may);
    free(path);
  }
  test_alloc_fail_at(0);
  gmux__methods_deinit(&methods);
  return fuzz_end();
}
