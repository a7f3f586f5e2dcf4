/* descriptors.h: the google.protobuf.FileDescriptorSet of the services of this room, for
 * reflection. protoc's own bytes, of the files in proto/, in gzip's form, which is a quarter of
 * them: few programs ever read them. descriptors.c is made of them at build time. */
#ifndef GMUX__SERVICES_DESCRIPTORS_H
#define GMUX__SERVICES_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t gmux__services_descriptors[];
extern const size_t gmux__services_descriptors_len;

#endif
