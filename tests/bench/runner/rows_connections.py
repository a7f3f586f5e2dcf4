"""rows_connections.py: fresh connections, memory, far links, and callers that share connections."""

from runner.model import WINDOW, Figure, Row, Run

RAW = ('raw',)


def run(peer, program, *words, server=RAW, transport='tcp'):
    if transport == 'tls':
        words += ('--ca', '{ca}')
    return Run(peer, (f'{peer}-{program}', *words, '{target}'), server, transport)


# ---- a fresh channel with one call ----


def connect(transport, peers):
    return tuple(run(peer, 'connect', *WINDOW, transport=transport) for peer in peers)


def connect_rows():
    peers = ('gmux', 'h2-c', 'grpc-cpp', 'grpc-go')
    for transport in ('tcp', 'tls'):
        yield Row(
            f'connect-{transport}',
            f'fresh channel and one call, {transport}',
            connect(transport, peers),
            (Figure('cpu_us_per_call', 1.3), Figure('p50_us')),
            quick=transport == 'tcp',
        )
        ours = run('gmux', 'connect', '--eager', *WINDOW, transport=transport)
        yield Row(
            f'connect-eager-{transport}',
            f'the same, not waiting for SETTINGS (eager_calls), {transport}',
            (ours, *connect(transport, ('h2-c',))),
            (Figure('cpu_us_per_call', 1.3), Figure('p50_us')),
        )
    yield Row(
        'connect-resumed',
        'fresh channel and one call, tls, session resumed',
        tuple(run(p, 'connect', '--resume', *WINDOW, transport='tls') for p in ('gmux', 'h2-c')),
        (Figure('cpu_us_per_call', 400, of=None), Figure('p50_us')),
    )


# ---- memory ----


def memory(transport, kind, count, peers):
    words = ('--of', kind, '--each', str(count))
    return tuple(run(peer, 'memory', *words, transport=transport) for peer in peers)


def memory_rows():
    yield Row(
        'memory-call',
        'an outstanding call, of 10,000',
        memory('tcp', 'call', 10000, ('gmux', 'h2-c', 'grpc-cpp', 'grpc-go')),
        (Figure('bytes_each', 1200, 800, None),),
        quick=True,
    )
    yield Row(
        'memory-waiting',
        'a call that waits for a place, of 10,000',
        memory('tcp', 'waiting', 10000, ('gmux',)),
        (Figure('bytes_each', 400, 250, None),),
        quick=True,
    )
    for transport, bounds in (('tcp', (18000, 12000)), ('tls', (50000, 25000))):
        yield Row(
            f'memory-idle-{transport}',
            f'an idle connection, {transport}, of 1000',
            memory(transport, 'connection', 1000, ('gmux', 'h2-c')),
            (Figure('bytes_each', *bounds, None),),
        )


# ---- far away ----


def far(delay_ms, *server_words):
    return ('far', '--delay-ms', str(delay_ms), *server_words)


def far_row():
    at_once = ('--outstanding', '1000', '--count', '1000')
    near = {'server': far(25), 'transport': 'tls'}
    return Row(
        'far',
        '1000 calls at once over a round trip of 50 ms, tls, one connection',
        (
            run('gmux', 'far', '--calls', '1000', **near),
            run('h2-c', 'unary', *at_once, **near),
            run('grpc-cpp', 'unary', *at_once, **near),
            run('grpc-go', 'unary', *at_once, **near),
        ),
        (Figure('seconds', 0.070, 0.058, None),),
    )


def limited_rows():
    """Asked is a delay of 10 ms each way; the shorter one shows what the ends add."""
    for delay_ms, bounds in ((10, (1.1, 1.02, None)), (5, (None, None, None))):
        for connections in (1, 4):
            words = ('--calls', '10000', '--streams', '100', '--connections', str(connections))
            words += ('--round-trip-ms', str(2 * delay_ms))
            server = far(delay_ms, '--max-streams', '100')
            yield Row(
                f'limited-{2 * delay_ms}ms-{connections}',
                f'10,000 calls, 100 streams a connection, {connections} of them, '
                f'round trip {2 * delay_ms} ms',
                (run('gmux', 'far', *words, server=server),),
                (Figure('of_theoretical', *bounds),),
            )


# ---- many callers, many threads ----


def callers_row():
    return Row(
        'callers',
        '10,000 callers on 4 connections',
        (run('gmux', 'callers', *WINDOW, server=('gmux',)),),
        (Figure('overhead_us', 100, of=None), Figure('mib_above_idle', 10, of=None)),
        quick=True,
    )


def fair_row():
    return Row(
        'fair',
        'an empty call beside 99 echoes of 1 MiB on its connection',
        (run('gmux', 'fair', *WINDOW, server=('gmux',)),),
        (Figure('p99_frames', 3.0, None, None), Figure('p50_us'), Figure('p99_us')),
    )


def posts_row():
    return Row(
        'posts',
        'calls that 8 other threads start',
        (run('gmux', 'posts'),),
        (Figure('added_us_per_call', 1.5, 0.5, None),),
    )


def loops_row():
    """Server and client are one program, which divides the cores itself."""
    return Row(
        'loops',
        'one channel over two loops on two cores, against one loop on one',
        (Run('gmux', ('gmux-loops',), is_pinned=False),),
        (
            Figure('of_one_loop', 1.8, 1.95, None, at_least=True),
            Figure('calls_per_second', of=None),
        ),
    )


ROWS = [
    *connect_rows(),
    *memory_rows(),
    far_row(),
    *limited_rows(),
    callers_row(),
    fair_row(),
    posts_row(),
    loops_row(),
]
