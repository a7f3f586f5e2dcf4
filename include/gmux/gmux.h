/* gmux.h: gRPC over HTTP/2 for plain C. Includes every other header. */
#ifndef GMUX_GMUX_H
#define GMUX_GMUX_H

#include <gmux/alloc.h>
#include <gmux/bytes.h>
#include <gmux/call.h>
#include <gmux/channel.h>
#include <gmux/error.h>
#include <gmux/log.h>
#include <gmux/loop.h>
#include <gmux/metadata.h>
#include <gmux/protobuf.h>
#include <gmux/server.h>
#include <gmux/status.h>
#include <gmux/tls.h>
#include <gmux/version.h>

#endif
