#!/usr/bin/env python3
"""peer_interop_client.py: gRPC's interop tests by grpcio; flags and output as interop_client's.

"limited CASE: WHY" stands for a case that grpcio cannot decide: all that it can was done and went
well, and that it cannot do the rest was seen in this very run.

messages_pb2 and empty_pb2 are made from proto/grpc/testing by protoc.
"""

import argparse
import os
import queue
import sys
import time

import empty_pb2
import grpc
import messages_pb2

TEST = "/grpc.testing.TestService/"
UNIMPLEMENTED = "/grpc.testing.UnimplementedService/"
PATIENCE_S = 20 * max(1, int(os.environ.get("GMUX_TEST_SLOW") or 1))

REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
METADATA = [
    ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
    ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"),
]
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"


class Limited(Exception):
    """What grpcio cannot do, and has just not done."""


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {wanted!r:.200} was wanted, {got!r:.200} came")


def payload(size):
    return messages_pb2.Payload(body=bytes(size))


def large_request(request_size=271828, response_size=314159):
    return messages_pb2.SimpleRequest(payload=payload(request_size), response_size=response_size)


def output_request(request_size, *sizes):
    return messages_pb2.StreamingOutputCallRequest(
        payload=payload(request_size),
        response_parameters=[messages_pb2.ResponseParameters(size=size) for size in sizes],
    )


def flag(value):
    return messages_pb2.BoolValue(value=value)


class Adding(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """--additional_metadata: "K:V;K:V" with every call."""

    def __init__(self, text):
        self.pairs = [tuple(pair.split(":", 1)) for pair in text.split(";")]

    def add(self, proceed, details, request):
        metadata = list(details.metadata or []) + self.pairs
        return proceed(details._replace(metadata=metadata), request)

    intercept_unary_unary = intercept_unary_stream = add
    intercept_stream_unary = intercept_stream_stream = add


class Requests:
    """Requests of a stream, written one by one."""

    def __init__(self):
        self.queue = queue.SimpleQueue()

    def write(self, request):
        self.queue.put(request)

    def close(self):
        self.queue.put(None)

    def __iter__(self):
        return self

    def __next__(self):
        request = self.queue.get()
        if request is None:
            raise StopIteration
        return request


class Client:
    def __init__(self, args):
        self.args = args
        self.channel = self.open()

    def open(self):
        channel = self.open_plain()
        if not self.args.additional_metadata:
            return channel
        return grpc.intercept_channel(channel, Adding(self.args.additional_metadata))

    def open_plain(self):
        args = self.args
        target = f"{args.server_host}:{args.server_port}"
        # A new channel has a connection of its own.
        options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
        if args.server_host_override:
            options.append(("grpc.ssl_target_name_override", args.server_host_override))
        if args.use_tls != "true":
            return grpc.insecure_channel(target, options)
        with open(args.ca_file, "rb") as file:
            return grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()), options)

    @staticmethod
    def method(make, path, response):
        return make(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )

    def empty(self, path):
        return self.method(self.channel.unary_unary, path, empty_pb2.Empty)

    def unary(self, channel=None):
        make = (channel or self.channel).unary_unary
        return self.method(make, TEST + "UnaryCall", messages_pb2.SimpleResponse)

    def input(self):
        response = messages_pb2.StreamingInputCallResponse
        return self.method(self.channel.stream_unary, TEST + "StreamingInputCall", response)

    def output(self):
        response = messages_pb2.StreamingOutputCallResponse
        return self.method(self.channel.unary_stream, TEST + "StreamingOutputCall", response)

    def duplex(self, requests, timeout=PATIENCE_S, metadata=None):
        response = messages_pb2.StreamingOutputCallResponse
        method = self.method(self.channel.stream_stream, TEST + "FullDuplexCall", response)
        return method(iter(requests), timeout=timeout, metadata=metadata)

    def fails(self, run, code, text=None):
        """`run` ends with this status."""
        try:
            run()
        except grpc.RpcError as error:
            details = error.details() if text is not None else None
            expect("status", (error.code(), details), (code, text))
            return
        raise AssertionError(f"{code} was wanted, but it went well")

    # Plain calls

    def case_empty_unary(self):
        response = self.empty(TEST + "EmptyCall")(empty_pb2.Empty(), timeout=PATIENCE_S)
        expect("response", response, empty_pb2.Empty())

    def case_large_unary(self):
        response = self.unary()(large_request(), timeout=PATIENCE_S)
        expect("size", len(response.payload.body), 314159)

    def case_client_streaming(self):
        requests = [
            messages_pb2.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES
        ]
        response = self.input()(iter(requests), timeout=PATIENCE_S)
        expect("sum", response.aggregated_payload_size, 74922)

    def case_server_streaming(self):
        responses = self.output()(output_request(0, *RESPONSE_SIZES), timeout=PATIENCE_S)
        expect("sizes", [len(response.payload.body) for response in responses], RESPONSE_SIZES)

    def case_ping_pong(self):
        requests = Requests()
        call = self.duplex(requests)
        for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
            requests.write(output_request(request_size, response_size))
            expect("size", len(next(call).payload.body), response_size)
        requests.close()
        expect("the rest", list(call), [])

    def case_half_duplex(self):
        response = messages_pb2.StreamingOutputCallResponse
        method = self.method(self.channel.stream_stream, TEST + "HalfDuplexCall", response)
        requests = [output_request(0, size) for size in RESPONSE_SIZES]
        responses = method(iter(requests), timeout=PATIENCE_S)
        expect("sizes", [len(response.payload.body) for response in responses], RESPONSE_SIZES)

    def case_empty_stream(self):
        expect("responses", list(self.duplex([])), [])

    # Compression

    def compressed_unary(self, says, compression):
        request = large_request()
        request.expect_compressed.value = says
        response = self.unary()(request, timeout=PATIENCE_S, compression=compression)
        expect("size", len(response.payload.body), 314159)

    def case_client_compressed_unary(self):
        plain, gzip = grpc.Compression.NoCompression, grpc.Compression.Gzip
        refused = grpc.StatusCode.INVALID_ARGUMENT
        self.fails(lambda: self.compressed_unary(True, plain), refused)
        self.compressed_unary(True, gzip)
        self.compressed_unary(False, plain)

    def compressed_input(self, *requests):
        return self.input()(
            iter(requests), timeout=PATIENCE_S, compression=grpc.Compression.Gzip
        ).aggregated_payload_size

    def case_client_compressed_streaming(self):
        # grpcio has nothing to leave out one message with, but what does not get shorter by it is
        # not compressed.
        def request(body, says):
            return messages_pb2.StreamingInputCallRequest(
                payload=messages_pb2.Payload(body=body), expect_compressed=flag(says)
            )

        probe = request(os.urandom(27182), True)
        self.fails(lambda: self.compressed_input(probe), grpc.StatusCode.INVALID_ARGUMENT)
        size = self.compressed_input(
            request(bytes(27182), True), request(os.urandom(45904), False)
        )
        expect("sum", size, 73086)

    def what_is_seen(self, asked):
        """A response, compressed or not, as far as grpcio shows how it came."""
        request = large_request()
        request.response_compressed.value = asked
        response, call = self.unary().with_call(request, timeout=PATIENCE_S)
        expect("size", len(response.payload.body), 314159)
        return call.initial_metadata(), call.trailing_metadata(), call.details(), call.code()

    def case_server_compressed_unary(self):
        expect("what differs", self.what_is_seen(True), self.what_is_seen(False))
        raise Limited("grpcio does not show whether a response came compressed")

    def case_server_compressed_streaming(self):
        request = messages_pb2.StreamingOutputCallRequest(
            response_parameters=[
                messages_pb2.ResponseParameters(size=31415, compressed=flag(True)),
                messages_pb2.ResponseParameters(size=92653, compressed=flag(False)),
            ]
        )
        call = self.output()(request, timeout=PATIENCE_S)
        expect("sizes", [len(response.payload.body) for response in call], [31415, 92653])
        shown = {entry.key for entry in (*call.initial_metadata(), *call.trailing_metadata())}
        expect("grpc-encoding is shown", "grpc-encoding" in shown, False)
        raise Limited("grpcio does not show whether a response came compressed")

    # Metadata and status

    def metadata_are_back(self, call):
        for (key, value), got in zip(METADATA, (call.initial_metadata(), call.trailing_metadata())):
            expect(key, dict(got).get(key), value)

    def case_custom_metadata(self):
        _, call = self.unary().with_call(large_request(), timeout=PATIENCE_S, metadata=METADATA)
        self.metadata_are_back(call)
        call = self.duplex([output_request(271828, 314159)], metadata=METADATA)
        expect("sizes", [len(response.payload.body) for response in call], [314159])
        self.metadata_are_back(call)

    def unary_status(self, text):
        status = messages_pb2.EchoStatus(code=2, message=text)
        request = messages_pb2.SimpleRequest(response_status=status)
        self.fails(
            lambda: self.unary()(request, timeout=PATIENCE_S), grpc.StatusCode.UNKNOWN, text
        )

    def case_status_code_and_message(self):
        text = "test status message"
        self.unary_status(text)
        status = messages_pb2.EchoStatus(code=2, message=text)
        request = messages_pb2.StreamingOutputCallRequest(response_status=status)
        self.fails(lambda: list(self.duplex([request])), grpc.StatusCode.UNKNOWN, text)

    def case_special_status_message(self):
        self.unary_status(SPECIAL)

    def unimplemented(self, service):
        method = self.empty(service + "UnimplementedCall")
        self.fails(
            lambda: method(empty_pb2.Empty(), timeout=PATIENCE_S), grpc.StatusCode.UNIMPLEMENTED
        )

    def case_unimplemented_method(self):
        self.unimplemented(TEST)

    def case_unimplemented_service(self):
        self.unimplemented(UNIMPLEMENTED)

    # Giving up

    def case_cancel_after_begin(self):
        requests = Requests()
        call = self.input().future(requests, timeout=PATIENCE_S)
        call.cancel()
        expect("status", call.code(), grpc.StatusCode.CANCELLED)
        requests.close()

    def case_cancel_after_first_response(self):
        requests = Requests()
        call = self.duplex(requests)
        requests.write(output_request(27182, 31415))
        expect("size", len(next(call).payload.body), 31415)
        call.cancel()
        expect("status", call.code(), grpc.StatusCode.CANCELLED)
        requests.close()

    def case_timeout_on_sleeping_server(self):
        requests = Requests()
        requests.write(output_request(27182))
        call = self.duplex(requests, timeout=0.001)
        self.fails(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        requests.close()

    # Connections, and many calls

    def case_pick_first_unary(self):
        request = messages_pb2.SimpleRequest(response_size=1, fill_server_id=True)
        ids = {self.unary()(request, timeout=PATIENCE_S).server_id for _ in range(100)}
        expect("number of servers", len(ids), 1)
        expect("has a name", "" in ids, False)

    def case_max_concurrent_streams_connection_scaling(self):
        request = messages_pb2.StreamingOutputCallRequest(
            response_parameters=[messages_pb2.ResponseParameters(fill_peer_socket_address=True)]
        )
        streams = [Requests() for _ in range(3)]
        calls = []
        for requests in streams:
            requests.write(request)

        def start():
            calls.append(self.duplex(streams[len(calls)]))
            return calls[-1]

        first = next(start()).peer_socket_address
        expect("second address", next(start()).peer_socket_address, first)
        start()
        streams[0].close()  # makes room for a client that waits with the third
        expect("responses", list(calls[0]), [])
        third = next(calls[2]).peer_socket_address
        for requests in streams[1:]:
            requests.close()
        expect("no address", "" in (first, third), False)
        if third == first:
            raise Limited("grpcio waits for a free stream, where another connection would have one")

    def soak(self, open_channel):
        for _ in range(self.args.soak_iterations):
            start = time.monotonic()
            channel = open_channel()
            response = self.unary(channel)(
                large_request(self.args.soak_request_size, self.args.soak_response_size)
            )
            elapsed_ms = (time.monotonic() - start) * 1000
            expect("size", len(response.payload.body), self.args.soak_response_size)
            if elapsed_ms > self.args.soak_per_iteration_max_acceptable_latency_ms:
                raise AssertionError(f"a call took {elapsed_ms} ms")
            if channel is not self.channel:
                channel.close()

    def case_rpc_soak(self):
        self.soak(lambda: self.channel)

    case_long_lived_channel = case_rpc_soak

    def case_channel_soak(self):
        self.soak(self.open)

    def case_concurrent_large_unary(self):
        request = large_request()
        calls = [self.unary().future(request, timeout=PATIENCE_S) for _ in range(1000)]
        expect("sizes", {len(call.result().payload.body) for call in calls}, {314159})


def run_case(client, name):
    try:
        getattr(client, "case_" + name)()
    except Limited as limit:
        print(f"limited {name}: {limit}", flush=True)
        return True
    except grpc.RpcError as error:
        why = f"{error.code()} {error.details()!r}"
    except Exception as error:  # whatever it is, it is the reason
        why = f"{type(error).__name__}: {error}"
    else:
        print("ok", name, flush=True)
        return True
    print(f"failed {name}: {why}".replace("\n", " "), flush=True)
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server_host", default="localhost")
    parser.add_argument("--server_port", type=int, required=True)
    parser.add_argument("--server_host_override")
    parser.add_argument("--test_case", default="large_unary")
    parser.add_argument("--use_tls", choices=["true", "false"], default="false")
    parser.add_argument("--use_test_ca", choices=["true", "false"], default="false")
    parser.add_argument("--ca_file")
    parser.add_argument("--additional_metadata")
    parser.add_argument("--soak_iterations", type=int, default=10)
    parser.add_argument(
        "--soak_per_iteration_max_acceptable_latency_ms", type=int, default=1000
    )
    parser.add_argument("--soak_overall_timeout_seconds", type=int, default=10)
    parser.add_argument("--soak_request_size", type=int, default=271828)
    parser.add_argument("--soak_response_size", type=int, default=314159)
    args = parser.parse_args()
    names = args.test_case.split(",")
    for name in names:
        if not hasattr(Client, "case_" + name):
            parser.error(f'--test_case: there is no case "{name}"')
    client = Client(args)
    results = [run_case(client, name) for name in names]
    client.channel.close()
    return 0 if all(results) else 1


sys.exit(main())
