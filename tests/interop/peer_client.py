#!/usr/bin/env python3
"""peer_client.py: tries the service of echo.h by grpcio; the cases are those of echo_cases.c.

usage: peer_client.py [--ca FILE [--cert FILE --key FILE]] TARGET CASE...
"""

import argparse
import os
import queue
import sys

import grpc

SERVICE = "/gmux.test.Echo/"
MIB = 1024 * 1024
PATIENCE_S = 20 * max(1, int(os.environ.get("GMUX_TEST_SLOW") or 1))

OK = grpc.StatusCode.OK
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n %41 100% ~\x7f"


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {wanted!r:.200} was wanted, {got!r:.200} came")


def pattern(index, size):
    start = index % 251
    return (bytes(range(251)) * (size // 251 + 2))[start : start + size]


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
    def __init__(self, channel):
        self.channel = channel

    # Each takes a request or an iterable of requests, and gives what grpcio gives.

    def unary(self, method, request, **options):
        return self.channel.unary_unary(SERVICE + method)(request, **self.patient(options))

    def client_stream(self, method, requests, **options):
        return self.channel.stream_unary(SERVICE + method)(requests, **self.patient(options))

    def server_stream(self, method, request, **options):
        return self.channel.unary_stream(SERVICE + method)(request, **self.patient(options))

    def bidi(self, method, requests, **options):
        return self.channel.stream_stream(SERVICE + method)(requests, **self.patient(options))

    @staticmethod
    def patient(options):
        return {"timeout": PATIENCE_S, **options}

    # Checks

    def fails(self, run, code, text=None):
        """`run` ends with this status; gives the error, which is the call, too."""
        try:
            run()
        except grpc.RpcError as error:
            expect("status", (error.code(), error.details() if text is not None else None), (code, text))
            return error
        raise AssertionError(f"{code} was wanted, but it went well")

    def still_works(self):
        expect("reply", self.unary("Unary", b"still here"), b"still here")

    # The four kinds

    def case_unary(self):
        for request in (b"hello", b"", pattern(3, 1000)):
            expect("reply", self.unary("Unary", request), request)

    def case_client_stream(self):
        requests = [b"%d" % i for i in range(100)]
        expect("reply", self.client_stream("ClientStream", iter(requests)), b",".join(requests))

    def server_stream_of(self, count, size):
        replies = list(self.server_stream("ServerStream", b"%d %d" % (count, size)))
        expect("replies", replies, [pattern(i, size) for i in range(count)])

    def case_server_stream(self):
        self.server_stream_of(0, 0)
        self.server_stream_of(3, 0)
        self.server_stream_of(100, 777)

    def case_bidi(self):
        requests = Requests()
        call = self.bidi("Bidi", requests)
        for i in range(20):
            requests.write(pattern(i, i * 100))
            expect("reply", next(call), pattern(i, i * 100))
        requests.close()
        expect("the rest", list(call), [])
        expect("status", call.code(), OK)

    def case_empty_streams(self):
        expect("replies", list(self.bidi("Bidi", iter(()))), [])
        expect("reply", self.client_stream("ClientStream", iter(())), b"")

    # Metadata

    def metadata_comes_back(self, sent):
        call = self.bidi("Bidi", iter([b"x"]), metadata=sent)
        initial, replies, trailing = call.initial_metadata(), list(call), call.trailing_metadata()
        expect("replies", replies, [b"x"])
        for key in {key for key, _ in sent}:
            got = initial if key.startswith("x-initial") else trailing
            expect(key, [v for k, v in got if k == key], [v for k, v in sent if k == key])

    def case_metadata(self):
        all_bytes = bytes(range(256))
        self.metadata_comes_back(
            [
                ("x-initial-text", "one"),
                ("x-initial-text", "two  words!~"),
                ("x-initial-empty", ""),
                ("x-initial-bin", all_bytes),
                ("x-trailing_text.0", '= "three", %41'),
                ("x-trailing-bin", b"\xab\xab\xab"),
                ("x-trailing-bin", all_bytes[:255]),
                ("x-trailing-bin", all_bytes[:254]),
            ]
        )

    def case_metadata_large(self):
        self.metadata_comes_back([("x-trailing-text", "m" * 7000)])

    def case_metadata_too_large(self):
        metadata = [("x-request", "m" * 20000)]
        self.fails(
            lambda: self.unary("Unary", b"x", metadata=metadata), grpc.StatusCode.RESOURCE_EXHAUSTED
        )
        self.still_works()

    # Status

    def case_status(self):
        for code in grpc.StatusCode:
            if code is not OK:
                request = b"%d test status message" % code.value[0]
                self.fails(lambda: self.unary("Status", request), code, "test status message")
        self.fails(lambda: self.unary("Status", b"5 "), grpc.StatusCode.NOT_FOUND, "")

    def status_late(self, code, text):
        request = f"{code.value[0]} {text}".encode()
        call = self.server_stream("StatusLate", request)
        expect("reply", next(call), request)
        self.fails(lambda: next(call), code, text)

    def case_status_late(self):
        self.status_late(grpc.StatusCode.DATA_LOSS, "after a message")

    def case_special_status(self):
        request = f"2 {SPECIAL}".encode()
        self.fails(lambda: self.unary("Status", request), grpc.StatusCode.UNKNOWN, SPECIAL)
        self.status_late(grpc.StatusCode.UNKNOWN, SPECIAL)

    def case_details(self):
        details = b"\x08\x09\x12\x00\xff\x80\x00"
        error = self.fails(
            lambda: self.unary("Status", b"9 see details", metadata=[("x-details-bin", details)]),
            grpc.StatusCode.FAILED_PRECONDITION,
            "see details",
        )
        expect("details", dict(error.trailing_metadata()).get("grpc-status-details-bin"), details)

    def case_unimplemented(self):
        self.fails(lambda: self.unary("NoSuchMethod", b"x"), grpc.StatusCode.UNIMPLEMENTED)

    # Time, and giving up

    def server_saw_end(self, id):
        expect("ended", self.unary("Ended", id), id)

    def case_deadline(self):
        call = self.server_stream("Sleep", b"deadline", timeout=0.2)
        error = self.fails(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        # On a very busy machine the time may be up before the server has heard of the call; what
        # came of it says "date", if not more.
        if error.initial_metadata():
            self.server_saw_end(b"deadline")

    def case_time_left(self):
        left = int(self.unary("TimeLeft", b""))
        if not 0 < left <= PATIENCE_S * 1100:
            raise AssertionError(f"of {PATIENCE_S} s the server has {left} ms left")

    def case_cancel(self):
        call = self.server_stream("Sleep", b"cancel")
        call.initial_metadata()
        call.cancel()
        expect("status", call.code(), grpc.StatusCode.CANCELLED)
        self.server_saw_end(b"cancel")

    def case_cancel_stream(self):
        requests = Requests()
        call = self.bidi("Bidi", requests)
        requests.write(b"x")
        expect("reply", next(call), b"x")
        call.cancel()
        expect("status", call.code(), grpc.StatusCode.CANCELLED)
        requests.close()
        self.still_works()

    def case_early_end(self):
        requests = Requests()
        call = self.bidi("Early", requests)
        requests.write(b"x")
        self.fails(lambda: next(call), grpc.StatusCode.ABORTED, "enough")
        requests.close()
        self.still_works()

    # Size and number

    def case_big(self):
        body = pattern(7, MIB)
        expect("same", self.unary("Unary", body) == body, True)
        expect("same", list(self.bidi("Bidi", iter([body] * 4))) == [body] * 4, True)

    def case_long_stream(self):
        self.server_stream_of(400, 20000)

    def case_too_large(self):
        size = 4 * MIB + 1
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
        self.fails(lambda: self.unary("Unary", bytes(size)), exhausted)
        self.fails(lambda: list(self.server_stream("ServerStream", b"1 %d" % size)), exhausted)
        self.still_works()

    def case_concurrent(self):
        method = self.channel.unary_unary(SERVICE + "Peer")
        crowd = [method.future(b"who", timeout=PATIENCE_S) for _ in range(400)]
        streams = []
        for _ in range(64):
            requests = Requests()
            streams.append((requests, self.bidi("Bidi", requests)))
        for round in range(3):
            for i, (requests, _) in enumerate(streams):
                requests.write(b"%d %d" % (i, round))
            for i, (_, call) in enumerate(streams):
                expect("reply", next(call), b"%d %d" % (i, round))
        for requests, call in streams:
            requests.close()
            expect("the rest", list(call), [])
        expect("connections", len({call.result() for call in crowd}), 1)

    # Compressed both ways

    def compressed(self, compression, name):
        requests = [pattern(1, 32**i) for i in range(5)]
        metadata = [("x-compress", name)]
        call = self.bidi("Bidi", iter(requests), compression=compression, metadata=metadata)
        replies = list(call)
        expect("same", replies == requests, True)

    def case_gzip(self):
        self.compressed(grpc.Compression.Gzip, "gzip")

    def case_deflate(self):
        self.compressed(grpc.Compression.Deflate, "deflate")

    # Who is who, and the end

    def case_peer_name(self):
        expect("our name is known", b"interop-client" in self.unary("PeerName", b""), True)

    def case_refused(self):
        self.fails(lambda: self.unary("Unary", b"x"), grpc.StatusCode.UNAVAILABLE)

    def case_drain(self):
        requests = Requests()
        call = self.bidi("Bidi", requests)
        requests.write(b"before")
        expect("reply", next(call), b"before")
        expect("reply", self.unary("Drain", b"x"), b"x")
        requests.write(b"after")
        expect("reply", next(call), b"after")
        requests.close()
        expect("the rest", list(call), [])


def run_case(client, name):
    try:
        getattr(client, "case_" + name)()
    except grpc.RpcError as error:
        why = f"{error.code()} {error.details()!r}"
    except Exception as error:  # whatever it is, it is the reason
        why = f"{type(error).__name__}: {error}"
    else:
        print("ok", name, flush=True)
        return True
    print(f"failed {name}: {why}".replace("\n", " "), flush=True)
    return False


def read(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ca")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("target")
    parser.add_argument("cases", nargs="+")
    args = parser.parse_args()
    for name in args.cases:
        if not hasattr(Client, "case_" + name):
            parser.error(f'there is no case "{name}"')

    options = [("grpc.enable_http_proxy", 0)]
    if args.ca:
        credentials = grpc.ssl_channel_credentials(read(args.ca), read(args.key), read(args.cert))
        channel = grpc.secure_channel(args.target, credentials, options)
    else:
        channel = grpc.insecure_channel(args.target, options)
    with channel:
        client = Client(channel)
        results = [run_case(client, name) for name in args.cases]
    return 0 if all(results) else 1


sys.exit(main())
