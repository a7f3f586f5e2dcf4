/* protoset.c: descriptor sets for tests. */
#include "tests/unit/services/protoset.h"
#include <stdio.h>
#include <stdlib.h>

gmux_bytes protoset_shop(void) {
  static uint8_t bytes[4096];
  static size_t len;
  if (len == 0) {
    const char *builddir = getenv("GMUX_BUILDDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/unit/services/shop.protoset", builddir ? builddir : ".");
    FILE *file = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    CU_ASSERT_TRUE_FATAL(len > 0 && len < sizeof bytes);
  }
  return gmux_bytes_borrow(bytes, len);
}

gmux_bytes protoset_file(const char *name, const char *package, const void *fields, size_t len) {
  gmux__pb_writer w = {.buf = {0}};
  size_t mark = gmux__pb_begin(&w, 1);
  gmux__pb_put_string(&w, 1, name);
  gmux__pb_put_string(&w, 2, package);
  if (len > 0) CU_ASSERT_EQUAL_FATAL(gmux__buf_append(&w.buf, fields, len), 0);
  gmux__pb_end(&w, mark);
  gmux_bytes set;
  CU_ASSERT_EQUAL_FATAL(gmux__pb_finish(&w, &set), 0);
  return set;
}
