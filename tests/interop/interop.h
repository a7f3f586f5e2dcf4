/*
 * interop.h: what interop_client and interop_server share: gRPC's interop tests, with the messages
 * of proto/grpc/testing under names that fit on a line.
 *
 * The tests are described in grpc/grpc, doc/interop-test-descriptions.md.
 */
#ifndef TESTS_INTEROP_INTEROP_H
#define TESTS_INTEROP_INTEROP_H

#include "grpc/testing/test.gmux.h"
#include <gmux/gmux.h>

typedef Grpc__Testing__SimpleRequest SimpleRequest;
typedef Grpc__Testing__SimpleResponse SimpleResponse;
typedef Grpc__Testing__StreamingInputCallRequest InputRequest;
typedef Grpc__Testing__StreamingInputCallResponse InputResponse;
typedef Grpc__Testing__StreamingOutputCallRequest OutputRequest;
typedef Grpc__Testing__StreamingOutputCallResponse OutputResponse;
typedef Grpc__Testing__ResponseParameters ResponseParameters;
typedef Grpc__Testing__Payload Payload;
typedef Grpc__Testing__BoolValue BoolValue;
typedef Grpc__Testing__EchoStatus EchoStatus;
typedef Grpc__Testing__Empty Empty;

#define INTEROP_ECHO_INITIAL  "x-grpc-test-echo-initial"
#define INTEROP_ECHO_TRAILING "x-grpc-test-echo-trailing-bin"

#endif
