"""programs.py: where the programs are that rows name, and why one cannot be had."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Absent(Exception):
    """A peer that is not installed: said, and left out."""


def built(path):
    """A program of the build tree. Ours have to be there."""

    def command(builddir):
        full = os.path.join(builddir, path)
        if not os.access(full, os.X_OK):
            raise FileNotFoundError(f'{full} is not there: run make')
        return [full]

    return command


def built_where_possible(path, why):
    def command(builddir):
        full = os.path.join(builddir, path)
        if not os.access(full, os.X_OK):
            raise Absent(why)
        return [full]

    return command


def h2load(_builddir):
    if not shutil.which('h2load'):
        raise Absent('h2load is not installed (Debian: apt-get install nghttp2-client)')
    return [sys.executable, os.path.join(HERE, 'peers', 'h2load.py')]


def grpc_js(_builddir):
    for node in filter(None, (os.environ.get('NODE'), 'node', 'nodejs')):
        probe = [node, '-e', 'require("@grpc/grpc-js")']
        try:
            if subprocess.run(probe, capture_output=True, env=node_environment()).returncode == 0:
                return [node, os.path.join(HERE, 'peers', 'js_client.js')]
        except FileNotFoundError:
            continue
    raise Absent('no node with @grpc/grpc-js (./bootstrap --peers)')


def node_environment():
    """The packages of tests/interop/js serve here, too."""
    packages = os.environ.get('GMUX_INTEROP_JS', os.path.join(HERE, '..', 'interop', 'js'))
    return {**os.environ, 'NODE_PATH': os.path.join(packages, 'node_modules')}


def with_words(program, *words):
    return lambda builddir: program(builddir) + list(words)


def far_server(builddir):
    """The raw server behind a delay; --delay-ms says how long."""
    proxy, server = 'tests/bench/delay_proxy', 'tests/bench/peers/h2_server'
    return [*built(proxy)(builddir), '--server', *built(server)(builddir)]


# What clients of other implementations measure beside unary calls.
MODES = ('bidi', 'server-stream', 'connect', 'memory')
NO_CPP = 'no gRPC for C++ (./bootstrap --peers), or it was not built (make bench-peers)'
NO_GO = 'no gRPC for Go (./bootstrap --bench-peers), or it was not built (make bench-peers)'
GRPC_CPP = built_where_possible('tests/bench/peers/cpp/cpp_client', NO_CPP)
GRPC_CPP_EACH = built_where_possible('tests/bench/peers/cpp/cpp_each', NO_CPP)
GRPC_GO = built_where_possible('tests/bench/peers/go/go_client', NO_GO)
H2_EACH = built('tests/bench/peers/h2_each')

# A client prints one line of JSON and exits with 0, or says what went wrong and exits with another.
PROGRAMS = {
    'gmux-unary': built('tests/bench/unary'),
    'gmux-bidi': with_words(built('tests/bench/streams'), '--bidi'),
    'gmux-server-stream': built('tests/bench/streams'),
    'gmux-connect': built('tests/bench/connect'),
    'gmux-memory': built('tests/bench/memory'),
    'gmux-far': built('tests/bench/far'),
    'gmux-fair': built('tests/bench/fair'),
    'gmux-callers': built('tests/bench/callers'),
    'gmux-loops': built('tests/bench/loops'),
    'gmux-posts': built('tests/bench/posts'),
    'h2-c-connect': with_words(H2_EACH, '--of', 'connect'),
    'h2-c-memory': H2_EACH,
    'h2-c-unary': built('tests/bench/peers/h2_client'),
    'raw-socket-unary': built('tests/bench/peers/raw_socket'),
    'h2load-unary': h2load,
    'grpc-cpp-unary': GRPC_CPP,
    **{f'grpc-cpp-{mode}': with_words(GRPC_CPP_EACH, '--mode', mode) for mode in MODES},
    **{f'grpc-go-{mode}': with_words(GRPC_GO, '--mode', mode) for mode in ('unary', *MODES)},
    'grpc-js-unary': grpc_js,
}

# A server takes --listen ADDRESS, and --cert and --key FILE for TLS; prints "port: N" when it
# listens, and runs until SIGTERM.
SERVERS = {
    'gmux': built('tests/bench/echo_server'),
    'raw': built('tests/bench/peers/h2_server'),
    'raw-socket': built('tests/bench/peers/raw_socket'),
    'far': far_server,
}
