#!/usr/bin/env python3
"""peer_server.py: the service of echo.h by grpcio.

usage: peer_server.py [--listen HOST:PORT] [--cert FILE --key FILE [--ca FILE]]
"""

import argparse
import collections
import concurrent.futures
import threading

import grpc

SERVICE = "/gmux.test.Echo/"
CODES = {code.value[0]: code for code in grpc.StatusCode}
COMPRESSIONS = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}

drained = threading.Event()
# By id, whether it is over. A defaultdict makes one entry for both of two threads that ask at once.
sleepers = collections.defaultdict(threading.Event)
sleepers_lock = threading.Lock()


def sleeper(id):
    with sleepers_lock:
        return sleepers[id]


def with_prefix(context, prefix):
    return [(k, v) for k, v in context.invocation_metadata() if k.startswith(prefix)]


def begin(context):
    """What every method does first."""
    metadata = dict(context.invocation_metadata())
    if "x-compress" in metadata:
        context.set_compression(COMPRESSIONS[metadata["x-compress"]])
    context.set_trailing_metadata(with_prefix(context, "x-trailing"))
    initial = with_prefix(context, "x-initial")
    if initial:
        context.send_initial_metadata(initial)
    return metadata


def unary(request, context):
    begin(context)
    return request


def client_stream(requests, context):
    begin(context)
    return b",".join(requests)


def pattern(index, size):
    start = index % 251
    return (bytes(range(251)) * (size // 251 + 2))[start : start + size]


def server_stream(request, context):
    begin(context)
    count, size = map(int, request.split())
    for index in range(count):
        yield pattern(index, size)


def bidi(requests, context):
    begin(context)
    yield from requests


def status(request, context):
    metadata = begin(context)
    code, text = request.decode().split(" ", 1)
    trailers = with_prefix(context, "x-trailing")
    if "x-details-bin" in metadata:
        trailers.append(("grpc-status-details-bin", metadata["x-details-bin"]))
    context.set_trailing_metadata(trailers)
    context.set_code(CODES[int(code)])
    context.set_details(text)
    return b""


def status_late(request, context):
    yield request
    status(request, context)


def early(requests, context):
    begin(context)
    next(requests)
    context.abort(grpc.StatusCode.ABORTED, "enough")
    yield b""


def sleep(request, context):
    over = sleeper(request)
    if not context.add_callback(over.set):
        over.set()
    context.send_initial_metadata(())
    over.wait()
    yield from ()


def ended(request, context):
    begin(context)
    sleeper(request).wait()
    return request


def time_left(request, context):
    begin(context)
    left = context.time_remaining()
    return b"none" if left is None else b"%d" % (left * 1000)


def peer(request, context):
    begin(context)
    return context.peer().encode()


def peer_name(request, context):
    begin(context)
    return b"".join(context.auth_context().get("x509_common_name", []))


def drain(request, context):
    drained.set()
    return request


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
    "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    "Status": grpc.unary_unary_rpc_method_handler(status),
    "StatusLate": grpc.unary_stream_rpc_method_handler(status_late),
    "Early": grpc.stream_stream_rpc_method_handler(early),
    "Sleep": grpc.unary_stream_rpc_method_handler(sleep),
    "Ended": grpc.unary_unary_rpc_method_handler(ended),
    "TimeLeft": grpc.unary_unary_rpc_method_handler(time_left),
    "Peer": grpc.unary_unary_rpc_method_handler(peer),
    "PeerName": grpc.unary_unary_rpc_method_handler(peer_name),
    "Drain": grpc.unary_unary_rpc_method_handler(drain),
}


class Echo(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method.startswith(SERVICE):
            return HANDLERS.get(call.method[len(SERVICE) :])
        return None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--ca")
    args = parser.parse_args()

    # A stream occupies a thread as long as it runs.
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=128)
    server = grpc.server(pool, handlers=[Echo()], options=[("grpc.so_reuseport", 0)])
    if args.cert:
        credentials = grpc.ssl_server_credentials(
            [(read(args.key), read(args.cert))],
            root_certificates=read(args.ca) if args.ca else None,
            require_client_auth=bool(args.ca),
        )
        port = server.add_secure_port(args.listen, credentials)
    else:
        port = server.add_insecure_port(args.listen)
    server.start()
    print(f"port: {port}", flush=True)
    drained.wait()
    server.stop(grace=60).wait()


main()
