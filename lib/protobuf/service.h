/* service.h (inside): methods by name, for the client's half and the server's. */
#ifndef GMUX__PROTOBUF_SERVICE_H
#define GMUX__PROTOBUF_SERVICE_H

#include <gmux/protobuf.h>

/* GMUX_ERR_INVALID: no service descriptor, or one without names (optimize_for = CODE_SIZE), by
 * which gRPC finds methods. */
int gmux__protobuf_service_check(const ProtobufCServiceDescriptor *service);

/* "/package.Service/Method" in *out, freed by the caller with gmux__free. GMUX_ERR_NOMEM. */
int gmux__protobuf_path(char **out, const ProtobufCServiceDescriptor *service,
                        const ProtobufCMethodDescriptor *method);

#endif
