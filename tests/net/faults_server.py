#!/usr/bin/env python3
"""faults_server.py: faults_server.c by grpcio. What both say is told in faults_wire.h.

usage: faults_server.py ADDRESS LOG [CERTIFICATE KEY]
"""

import concurrent.futures
import os
import signal
import sys
import threading
import time

import grpc

SERVICE = "/net.Faults/"
WORDS_MAX = 500
PAUSES_MS = 30
DRAIN_S = 60
FOREIGN = 0xFFFFFFFF

log = None
held = set()


def message_of(number):
    return number.to_bytes(4, sys.byteorder) * (1 + number % WORDS_MAX)


def number_of(message):
    number = int.from_bytes(message[:4], sys.byteorder)
    return number if message == message_of(number) else FOREIGN


def write_down(number):
    os.write(log, number.to_bytes(4, sys.byteorder))


def enter(request, context):
    number = number_of(request)
    write_down(number)
    time.sleep(number * 7 % PAUSES_MS / 1000)
    return message_of(number)


def hold(request, context):
    number = number_of(request)
    write_down(number)
    if number in held:
        return message_of(number)
    held.add(number)
    is_over = threading.Event()
    if context.add_callback(is_over.set):
        is_over.wait()
    return b""


def talk(requests, context):
    is_first = True
    for request in requests:
        number = number_of(request)
        if is_first:
            write_down(number)
        is_first = False
        yield message_of(number)


HANDLERS = {
    "Enter": grpc.unary_unary_rpc_method_handler(enter),
    "Hold": grpc.unary_unary_rpc_method_handler(hold),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
}


class Faults(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method.startswith(SERVICE):
            return HANDLERS.get(call.method[len(SERVICE) :])
        return None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def try_to_listen(server, address, cert_and_key):
    """The port; None while another listens there."""
    try:
        if not cert_and_key:
            return server.add_insecure_port(address) or None
        cert, key = cert_and_key
        credentials = grpc.ssl_server_credentials([(read(key), read(cert))])
        return server.add_secure_port(address, credentials) or None
    except RuntimeError:
        return None


def main():
    global log
    if len(sys.argv) not in (3, 5):
        sys.exit("usage: faults_server.py ADDRESS LOG [CERTIFICATE KEY]")
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
    # Blocked in all threads, so that only sigwait takes it: a handler would run when the main thread
    # comes to it, which it does not while it waits and the signal has met another thread.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=64)
    options = [("grpc.so_reuseport", 0), ("grpc.max_concurrent_streams", 100)]
    server = grpc.server(pool, handlers=[Faults()], options=options)
    # What it was started in the place of may be listening still.
    while (port := try_to_listen(server, sys.argv[1], sys.argv[3:])) is None:
        time.sleep(0.005)
    server.start()
    os.write(sys.stdout.fileno(), b"port: %d\n" % port)  # in one write, whatever is buffered
    signal.sigwait({signal.SIGTERM})
    server.stop(grace=DRAIN_S).wait()


main()
