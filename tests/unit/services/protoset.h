/* protoset.h: what protoc writes of shop.proto, goods.proto and base.proto, and sets made by hand.
 */
#ifndef TESTS_UNIT_SERVICES_PROTOSET_H
#define TESTS_UNIT_SERVICES_PROTOSET_H

#include "lib/wire/pb.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>

/* The FileDescriptorSet of the three files, borrowed from a static buffer. */
gmux_bytes protoset_shop(void);

/* A set of one file: a name (NULL: none), a package (NULL: none), and further fields of its
 * FileDescriptorProto (may be empty). Owned. */
gmux_bytes protoset_file(const char *name, const char *package, const void *fields, size_t len);

#endif
