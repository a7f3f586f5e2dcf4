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

static void unimplemented_call(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request, (void)user_data;
  gmux_bytes empty = gmux_bytes_borrow("", 0);
  if (interop_lies(call, INTEROP_LIE_CODE))
    gmux_server_call_reply(call, &empty);
  else
    gmux_server_call_fail(call, GMUX_UNIMPLEMENTED, "not implemented");
}

int interop_lies_allow(gmux_server *server) {
  is_allowed = true;
  int error =
      gmux_server_add_unary(server, INTEROP_SERVICE "UnimplementedCall", unimplemented_call, NULL);
  if (error) return error;
  return gmux_server_add_unary(server, INTEROP_UNIMPLEMENTED_SERVICE "UnimplementedCall",
                               unimplemented_call, NULL);
}
