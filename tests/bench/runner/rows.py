"""rows.py: what is measured, with which programs, and how well it has to come out.

A row is data. Who wants a figure of his own writes a program that prints one line of JSON with it,
names it in PROGRAMS or SERVERS (programs.py), and adds a Row here: the runner does the rest.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """What one peer does for a row.

    command     name in PROGRAMS, then arguments. In them {seconds} and {warm_up} stand for the
                lengths of this run, {target} and {ca} for where the server listens and whom to
                trust, {server_pid} for its process.
    server      name in SERVERS, then arguments; empty for a program that needs none. Runs with
                the same server and transport share one process.
    transport   tcp, unix or tls: how that server is reached
    is_pinned   False for a program that divides the cores itself
    """

    peer: str
    command: tuple
    server: tuple = ()
    transport: str = 'tcp'
    is_pinned: bool = True


@dataclass(frozen=True)
class Figure:
    """A key of the programs' JSON that goes into the table, and what is asked of gmux there.

    limit, aim  at most this; with at_least, at least this; None: nothing is asked
    of          the peer that these are multiples of; None: they are the figure itself
    """

    key: str
    limit: float = None
    aim: float = None
    of: str = 'h2-c'
    at_least: bool = False


@dataclass(frozen=True)
class Row:
    """name is what --rows matches; the first of runs is ours; quick: part of --quick."""

    name: str
    title: str
    runs: tuple
    figures: tuple
    quick: bool = False


WINDOW = ('--seconds', '{seconds}', '--warm-up', '{warm_up}')

# ---- unary calls: what one costs its client ----

SIZES = {0: '0 B', 1024: '1 KiB', 65536: '64 KiB'}
OUTSTANDING = (1, 100, 1000)
UNARY_PEERS = ('gmux', 'h2-c', 'h2load', 'raw-socket', 'grpc-cpp', 'grpc-js')


def load(peer, size, outstanding, transport, server):
    """A client that keeps so many echo calls of that size under way."""
    words = (f'{peer}-unary', '--outstanding', str(outstanding), '--size', str(size), *WINDOW)
    if transport == 'tls':
        words += ('--ca', '{ca}')
    return Run(peer, words + ('{target}',), server, transport)


def server_for(peer):
    """All are measured against the same one; only the raw socket speaks no HTTP/2."""
    return ('raw-socket',) if peer == 'raw-socket' else ('raw',)


def unary_figures(size, outstanding, transport):
    if size == 65536:
        asked = outstanding == 100 and transport == 'tcp'
        figures = [Figure('cpu_us_per_call', 1.0, 0.7) if asked else Figure('cpu_us_per_call')]
    else:
        figures = [Figure('cpu_us_per_call', 1.25, 1.0)]
    if outstanding == 1 and size != 65536:
        figures += [Figure('p50_us', 1.1, 1.0), Figure('p99_us', 1.1, 1.0)]
    else:
        figures += [Figure('p50_us'), Figure('p99_us')]
    return tuple(figures)


def unary_rows():
    for transport in ('tcp', 'unix', 'tls'):
        for size in SIZES:
            for outstanding in OUTSTANDING:
                peers = [p for p in UNARY_PEERS if p != 'raw-socket' or transport != 'tls']
                yield Row(
                    f'unary-{transport}-{size}-{outstanding}',
                    f'unary, {transport}, {SIZES[size]}, {outstanding} outstanding',
                    tuple(load(p, size, outstanding, transport, server_for(p)) for p in peers),
                    unary_figures(size, outstanding, transport),
                    quick=outstanding == 100 and (size, transport) != (65536, 'unix'),
                )


ROWS = [*unary_rows()]
