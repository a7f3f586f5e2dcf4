"""processes.py: servers that run beside the measurements, clients that make them, and cores."""

import itertools
import json
import os
import select
import signal
import subprocess
import tempfile

from runner import programs

START_SECONDS = 60  # a server says where it listens; what takes longer will never do so
END_SECONDS = 60  # beyond its window, for a client to connect and to finish


class Failed(Exception):
    """A measurement without a figure, and why, in words."""


# ---- cores ----


class Cores:
    """Server on the first, clients on the second of those that we may use."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.server, self.client = (cores[0], cores[1]) if len(cores) > 1 else (None, None)

    def __str__(self):
        if self.server is None:
            return 'NOT PINNED (there is one core): server and client disturb each other'
        return f'server on core {self.server}, clients on core {self.client}'


def pin(core):
    """For preexec_fn: a child begins its life on that core."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def tail(file):
    """What a program said last, on one line."""
    file.seek(0)
    lines = [line.strip() for line in file.read().splitlines() if line.strip()]
    return ' / '.join(lines[-4:]) or 'it said nothing'


def ending(status):
    if status < 0:
        return f'it was ended by {signal.Signals(-status).name}'
    return f'its exit status is {status}'


# ---- servers ----


class Server:
    """One process, from when it listens until stop(). prefix: what runs it, such as valgrind."""

    def __init__(self, words, transport, place, prefix):
        self.words, self.transport = words, transport
        self.log = tempfile.TemporaryFile('w+')
        path = os.path.join(place.directory, f'{next(place.numbers)}.socket')
        self.address = f'unix:{path}' if transport == 'unix' else 'ipv4:127.0.0.1:0'
        command = prefix + programs.SERVERS[words[0]](place.builddir) + list(words[1:])
        command += ['--listen', self.address]
        if transport == 'tls':
            command += ['--cert', place.cert, '--key', place.key]
        self.process = spawn(command, place.cores.server, self.log)
        try:
            self.port = self.read_port()
        except BaseException:
            self.stop()
            raise
        self.target = self.address if transport == 'unix' else f'ipv4:127.0.0.1:{self.port}'

    def __str__(self):
        return f'the server ({" ".join(self.words)}, {self.transport})'

    def read_port(self):
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline() if ready else ''
        name, _, port = line.strip().partition(': ')
        if name == 'port' and port.isdigit():
            return int(port)
        raise Failed(f'{self} did not start: {tail(self.log)}')

    def check(self):
        """After a run: figures of a run in which it died are none."""
        status = self.process.poll()
        if status is not None:
            raise Failed(f'{self} died during the run, {ending(status)}: {tail(self.log)}')

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.is_alive():
            self.process.terminate()
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def spawn(command, core, log):
    """A child of ours. Its stdout is a pipe, what it says on stderr is kept."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=pin(core),
            env=programs.node_environment(),
        )
    except OSError as error:
        raise Failed(f'{command[0]} cannot be started: {error.strerror}') from None


class Place:
    """What all of one session share: programs, a certificate, servers. A context manager."""

    def __init__(self, builddir):
        self.builddir = builddir
        self.cores = Cores()
        self.servers = {}
        self.numbers = itertools.count()
        self.folder = tempfile.TemporaryDirectory(prefix='gmux-bench.')
        self.directory = self.folder.name
        self.cert = os.path.join(self.directory, 'cert.pem')
        self.key = os.path.join(self.directory, 'key.pem')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.stop()
        self.folder.cleanup()

    def make_certificate(self):
        """Its own authority, for as long as this session."""
        if os.path.exists(self.cert):
            return
        command = ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
        command += ['-nodes', '-days', '1', '-subj', '/CN=localhost']
        command += ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
        command += ['-keyout', self.key, '-out', self.cert]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Failed(f'openssl could not make a certificate: {error}') from None

    def server(self, words, transport):
        """The one that is meant, started if it does not run. Idle ones cost nothing."""
        key = (words, transport)
        if key not in self.servers or not self.servers[key].is_alive():
            self.servers[key] = self.start(words, transport)
        return self.servers[key]

    def start(self, words, transport, prefix=()):
        """One of the caller's own."""
        if transport == 'tls':
            self.make_certificate()
        return Server(words, transport, self, list(prefix))


# ---- clients ----


def run(place, run, seconds, warm_up):
    """Makes one measurement: what the program printed, as a dict."""
    fills = {'seconds': f'{seconds:g}', 'warm_up': f'{warm_up:g}', 'ca': place.cert}
    server = None
    if run.server:
        server = place.server(run.server, run.transport)
        pid, port = server.process.pid, server.port
        fills |= {'target': server.target, 'server_pid': pid, 'port': port}
    command = programs.PROGRAMS[run.command[0]](place.builddir)
    command += [word.format(**fills) for word in run.command[1:]]
    try:
        figures = measure(command, place.cores.client if run.is_pinned else None,
                          seconds + warm_up + END_SECONDS)
    except Failed:
        if server:
            server.check()  # which explains what the client saw
        raise
    if server:
        server.check()
    return figures


def measure(command, core, limit_seconds):
    with tempfile.TemporaryFile('w+') as log:
        process = spawn(command, core, log)
        try:
            out, _ = process.communicate(timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f'the client did not end within {limit_seconds:.0f} s') from None
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            raise Failed(f'the client failed, {ending(process.returncode)}: {tail(log)}')
    return parse(out)


def parse(out):
    try:
        figures = json.loads(out)
    except json.JSONDecodeError:
        raise Failed(f'the client printed no line of JSON: {out[-200:]!r}') from None
    if not isinstance(figures, dict):
        raise Failed(f'the client printed JSON that is no object: {out[-200:]!r}')
    return figures
