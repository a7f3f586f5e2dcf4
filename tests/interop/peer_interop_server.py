#!/usr/bin/env python3
"""peer_interop_server.py: grpc.testing.TestService by grpcio; flags as interop_server's.

messages_pb2 and empty_pb2 are made from proto/grpc/testing by protoc.
"""

import argparse
import concurrent.futures
import os
import signal
import time

import empty_pb2
import grpc
import messages_pb2

SERVICE = "/grpc.testing.TestService/"
CODES = {code.value[0]: code for code in grpc.StatusCode}
ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"


def begin(context):
    """What every method does first."""
    metadata = dict(context.invocation_metadata())
    if ECHO_TRAILING in metadata:
        context.set_trailing_metadata([(ECHO_TRAILING, metadata[ECHO_TRAILING])])
    if ECHO_INITIAL in metadata:
        context.send_initial_metadata([(ECHO_INITIAL, metadata[ECHO_INITIAL])])


def end_as_asked(request, context):
    if request.HasField("response_status") and request.response_status.code != 0:
        context.abort(CODES[request.response_status.code], request.response_status.message)


def payload(size):
    return messages_pb2.Payload(body=bytes(size))


def empty_call(request, context):
    begin(context)
    return empty_pb2.Empty()


def unary_call(request, context):
    begin(context)
    end_as_asked(request, context)
    if request.response_compressed.value:
        context.set_compression(grpc.Compression.Gzip)
    response = messages_pb2.SimpleResponse(payload=payload(request.response_size))
    if request.fill_server_id:
        response.server_id = f"grpcio-{os.getpid()}"
    return response


def streaming_input_call(requests, context):
    begin(context)
    size = sum(len(request.payload.body) for request in requests)
    return messages_pb2.StreamingInputCallResponse(aggregated_payload_size=size)


def responses_to(request, context):
    for wanted in request.response_parameters:
        time.sleep(wanted.interval_us / 1e6)
        response = messages_pb2.StreamingOutputCallResponse(payload=payload(wanted.size))
        if wanted.fill_peer_socket_address:
            response.peer_socket_address = context.peer()
        if not wanted.compressed.value:
            context.disable_next_message_compression()
        yield response


def streaming_output_call(request, context):
    # Before anything is sent; then each message says for itself.
    if any(wanted.compressed.value for wanted in request.response_parameters):
        context.set_compression(grpc.Compression.Gzip)
    begin(context)
    end_as_asked(request, context)
    yield from responses_to(request, context)


def full_duplex_call(requests, context):
    begin(context)
    for request in requests:
        end_as_asked(request, context)
        yield from responses_to(request, context)


def half_duplex_call(requests, context):
    begin(context)
    for request in list(requests):
        yield from responses_to(request, context)


def handler(make, run, request):
    return make(
        run,
        request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


OUTPUT_REQUEST = messages_pb2.StreamingOutputCallRequest
HANDLERS = {
    "EmptyCall": handler(grpc.unary_unary_rpc_method_handler, empty_call, empty_pb2.Empty),
    "UnaryCall": handler(
        grpc.unary_unary_rpc_method_handler, unary_call, messages_pb2.SimpleRequest
    ),
    "StreamingInputCall": handler(
        grpc.stream_unary_rpc_method_handler,
        streaming_input_call,
        messages_pb2.StreamingInputCallRequest,
    ),
    "StreamingOutputCall": handler(
        grpc.unary_stream_rpc_method_handler, streaming_output_call, OUTPUT_REQUEST
    ),
    "FullDuplexCall": handler(
        grpc.stream_stream_rpc_method_handler, full_duplex_call, OUTPUT_REQUEST
    ),
    "HalfDuplexCall": handler(
        grpc.stream_stream_rpc_method_handler, half_duplex_call, OUTPUT_REQUEST
    ),
}


class TestService(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method.startswith(SERVICE):
            return HANDLERS.get(call.method[len(SERVICE) :])
        return None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--use_tls", choices=["true", "false"], default="false")
    parser.add_argument("--tls_cert_file")
    parser.add_argument("--tls_key_file")
    parser.add_argument("--max_concurrent_streams_limit", type=int)
    args = parser.parse_args()

    # Blocked in all threads, so that it waits for sigwait, whichever thread it meets.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    options = [("grpc.so_reuseport", 0)]
    if args.max_concurrent_streams_limit:
        options.append(("grpc.max_concurrent_streams", args.max_concurrent_streams_limit))
    # A stream occupies a thread as long as it runs.
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=64)
    server = grpc.server(pool, handlers=[TestService()], options=options)
    address = f"{args.host}:{args.port}"
    if args.use_tls == "true":
        pair = (read(args.tls_key_file), read(args.tls_cert_file))
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    print(f"port: {port}", flush=True)
    signal.sigwait({signal.SIGTERM})
    server.stop(grace=2).wait()


main()
