/* service.c: methods by name. */
#include "lib/protobuf/service.h"

#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <stdio.h>
#include <string.h>

int gmux__protobuf_service_check(const ProtobufCServiceDescriptor *service) {
  if (!service) return gmux__fail(GMUX_ERR_INVALID, "the service descriptor is NULL");
  if (service->magic != PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC)
    return gmux__fail(GMUX_ERR_INVALID,
                      "not a service descriptor of protobuf-c (&package__service__descriptor)");
  if (!service->name || (service->n_methods > 0 && !service->method_indices_by_name))
    return gmux__fail(GMUX_ERR_INVALID, "the service has no names, by which gRPC finds methods: "
                                        "remove optimize_for = CODE_SIZE from its .proto");
  return 0;
}

int gmux__protobuf_path(char **out, const ProtobufCServiceDescriptor *service,
                        const ProtobufCMethodDescriptor *method) {
  size_t size = strlen(service->name) + strlen(method->name) + sizeof "//";
  char *path = gmux__malloc(size);
  if (!path) return gmux__fail_code(GMUX_ERR_NOMEM);
  snprintf(path, size, "/%s/%s", service->name, method->name);
  *out = path;
  return 0;
}
