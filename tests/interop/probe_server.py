#!/usr/bin/env python3
"""probe_server.py: the cases "framing" and "tls" of gRPC's interop runner, which ask a server
whether it refuses what is no HTTP/2. Flags and output as interop_client's; each case is several
probes, whose names follow it: "ok framing/short_settings". Nothing of gRPC is needed.
"""

import argparse
import os
import socket
import ssl
import struct
import sys
import warnings

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY, CONTINUATION = 4, 6, 7, 9
ACK = 1
PROTOCOL_ERROR, FRAME_SIZE_ERROR = 1, 6
PATIENCE_S = 20 * max(1, int(os.environ.get("GMUX_TEST_SLOW") or 1))

# What RFC 9113, appendix A, forbids, as far as the certificate's key could be used with it.
BAD_CIPHERS = "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256:AES128-SHA"


def frame(kind, stream=0, payload=b"", flags=0):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


class Server:
    def __init__(self, args):
        self.args = args

    def connect(self):
        address = (self.args.server_host, self.args.server_port)
        return socket.create_connection(address, timeout=PATIENCE_S)

    def context(self):
        context = ssl.create_default_context(cafile=self.args.ca_file)
        context.set_alpn_protocols(["h2"])
        return context

    def secure(self, context):
        name = self.args.server_host_override or self.args.server_host
        return context.wrap_socket(self.connect(), server_hostname=name)

    def open(self):
        return self.secure(self.context()) if self.args.use_tls == "true" else self.connect()


def read_exactly(sock, count):
    """None: the connection has ended."""
    data = b""
    while len(data) < count:
        try:
            more = sock.recv(count - len(data))
        except (ConnectionError, ssl.SSLError):
            return None
        if not more:
            return None
        data += more
    return data


def frames(sock):
    """(kind, flags, payload) until the connection ends."""
    while True:
        header = read_exactly(sock, 9)
        if header is None:
            return
        payload = read_exactly(sock, int.from_bytes(header[:3], "big"))
        if payload is None:
            return
        yield header[3], header[4], payload


def expect_end(sock, *codes):
    """The connection ends, and if a GOAWAY says why, with one of these codes."""
    for kind, _, payload in frames(sock):
        if kind == GOAWAY:
            code = int.from_bytes(payload[4:8], "big")
            if code not in codes:
                raise AssertionError(f"GOAWAY({code})")


def expect_pong(sock):
    sock.sendall(frame(PING, payload=b"01234567"))
    if (PING, ACK, b"01234567") not in frames(sock):
        raise AssertionError("no answer to a PING")


# framing


def short_preface(server):
    for length in range(len(PREFACE) - 1):
        with server.open() as sock:
            sock.sendall(PREFACE[:length] + b"X")
            expect_end(sock, PROTOCOL_ERROR)


def settings_on_a_stream(server):
    with server.open() as sock:
        sock.sendall(PREFACE + frame(SETTINGS, stream=1))
        expect_end(sock, PROTOCOL_ERROR)


def short_settings(server):
    for length in range(1, 6):
        with server.open() as sock:
            sock.sendall(PREFACE + frame(SETTINGS, payload=bytes(length)))
            expect_end(sock, FRAME_SIZE_ERROR)


def unknown_frame_types(server):
    """They are to be ignored (RFC 9113, section 4.1)."""
    with server.open() as sock:
        kinds = range(CONTINUATION + 2, 256)  # the one left out is ALTSVC
        sock.sendall(PREFACE + frame(SETTINGS) + b"".join(frame(kind) for kind in kinds))
        expect_pong(sock)


# tls


def expect_refusal(server, context):
    """No handshake, or none that leads to HTTP/2: not even SETTINGS come."""
    try:
        sock = server.secure(context)
    except (ssl.SSLError, ConnectionError):
        return
    with sock:
        sock.sendall(PREFACE + frame(SETTINGS))
        if any(kind == SETTINGS for kind, _, _ in frames(sock)):
            raise AssertionError(f"{sock.version()}, {sock.cipher()[0]} was good enough")


def other_protocol(server):
    context = server.context()
    context.set_alpn_protocols(["h2c"])
    expect_refusal(server, context)


def old_version(server):
    context = server.context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else it is this side that refuses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    expect_refusal(server, context)


def bad_ciphers(server):
    context = server.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(BAD_CIPHERS)
    expect_refusal(server, context)


def good_connection(server):
    """That the other ones are refused means something."""
    with server.open() as sock:
        sock.sendall(PREFACE + frame(SETTINGS))
        expect_pong(sock)


CASES = {
    "framing": [
        short_preface, settings_on_a_stream, short_settings, unknown_frame_types, good_connection
    ],
    "tls": [other_protocol, old_version, bad_ciphers, good_connection],
}


def run(probe, name, server):
    try:
        probe(server)
    except Exception as error:  # whatever it is, it is the reason
        print(f"failed {name}: {type(error).__name__}: {error}", flush=True)
        return False
    print("ok", name, flush=True)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server_host", default="localhost")
    parser.add_argument("--server_port", type=int, required=True)
    parser.add_argument("--server_host_override")
    parser.add_argument("--test_case", choices=CASES, default="framing")
    parser.add_argument("--use_tls", choices=["true", "false"], default="false")
    parser.add_argument("--use_test_ca", choices=["true", "false"], default="false")
    parser.add_argument("--ca_file")
    args = parser.parse_args()
    if args.test_case == "tls" and args.use_tls != "true":
        parser.error("--test_case=tls needs --use_tls=true")
    server = Server(args)
    case = args.test_case
    results = [run(probe, f"{case}/{probe.__name__}", server) for probe in CASES[case]]
    return 0 if all(results) else 1


sys.exit(main())
