#include "tests/interop/interop_lies.h"
#include "tests/interop/interop.h"
#include <string.h>

static bool is_allowed;

static const char *const names[] = {
    [INTEROP_LIE_SIZES] = "sizes",     [INTEROP_LIE_EXTRA] = "extra",
    [INTEROP_LIE_INITIAL] = "initial", [INTEROP_LIE_TRAILING] = "trailing",
    [INTEROP_LIE_TEXT] = "text",       [INTEROP_LIE_CODE] = "code",
    [INTEROP_LIE_IDS] = "ids",         [INTEROP_LIE_COMPRESSION] = "compression",
};

bool interop_lies(const gmux_server_call *call, interop_lie lie) {
  if (!is_allowed) return false;
  const char *list = gmux_metadata_get(gmux_server_call_metadata(call), "x-gmux-test-lie", NULL);
  return list && strstr(list, names[lie]); /* no name is part of another */
}

static bool is_lie(gmux_server_call *call) {
  if (interop_lies(call, INTEROP_LIE_CODE)) return true;
  gmux_server_call_fail(call, GMUX_UNIMPLEMENTED, "not implemented");
  return false;
}

static void known_service(gmux_server_call *call, const Empty *request, void *user_data) {
  (void)user_data;
  if (is_lie(call)) grpc__testing__test_service__unimplemented_call__reply(call, request);
}

static void unknown_service(gmux_server_call *call, const Empty *request, void *user_data) {
  (void)user_data;
  if (is_lie(call)) grpc__testing__unimplemented_service__unimplemented_call__reply(call, request);
}

int interop_lies_allow(gmux_server *server) {
  static const Grpc__Testing__TestService_Server known = {.unimplemented_call = known_service};
  static const Grpc__Testing__UnimplementedService_Server unknown = {.unimplemented_call =
                                                                         unknown_service};
  is_allowed = true;
  int error = grpc__testing__test_service__server__add(server, &known);
  return error ? error : grpc__testing__unimplemented_service__server__add(server, &unknown);
}
