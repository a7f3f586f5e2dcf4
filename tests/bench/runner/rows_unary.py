"""rows_unary.py: unary calls over one connection: what one costs its client, and its server."""

from runner.model import WINDOW, Figure, Row, Run

SIZES = {0: '0 B', 1024: '1 KiB', 65536: '64 KiB'}
OUTSTANDING = (1, 100, 1000)
PEERS = ('gmux', 'h2-c', 'h2load', 'raw-socket', 'grpc-cpp', 'grpc-go', 'grpc-js')


def load(peer, size, outstanding, transport, server):
    """A client that keeps so many echo calls of that size under way."""
    words = (f'{peer}-unary', '--outstanding', str(outstanding), '--size', str(size), *WINDOW)
    if transport == 'tls':
        words += ('--ca', '{ca}')
    return Run(peer, words + ('{target}',), server, transport)


def client(peer, size, outstanding, transport):
    """All are measured against the same server; only the raw socket speaks no HTTP/2."""
    server = ('raw-socket',) if peer == 'raw-socket' else ('raw',)
    return load(peer, size, outstanding, transport, server)


def peers_over(transport):
    return [p for p in PEERS if p != 'raw-socket' or transport != 'tls']


def client_figures(size, outstanding, transport):
    cpu = Figure('cpu_us_per_call', 1.25, 1.0)
    if size == 65536:
        is_asked = outstanding == 100 and transport == 'tcp'
        cpu = Figure('cpu_us_per_call', 1.0, 0.7) if is_asked else Figure('cpu_us_per_call')
    bounds = (1.1, 1.0) if outstanding == 1 and size != 65536 else ()
    return cpu, Figure('p50_us', *bounds), Figure('p99_us', *bounds)


def client_rows():
    for transport in ('tcp', 'unix', 'tls'):
        for size, said in SIZES.items():
            for outstanding in OUTSTANDING:
                yield Row(
                    f'unary-{transport}-{size}-{outstanding}',
                    f'{transport}, {said}, {outstanding} outstanding',
                    tuple(client(p, size, outstanding, transport) for p in peers_over(transport)),
                    client_figures(size, outstanding, transport),
                    quick=(size, outstanding, transport) in QUICK,
                )


# What is asked for most: a few seconds each.
QUICK = (
    (0, 1, 'tcp'),
    (0, 100, 'tcp'),
    (1024, 100, 'tcp'),
    (65536, 100, 'tcp'),
    (0, 100, 'unix'),
    (1024, 100, 'tls'),
)


def server_load(server, size, outstanding, transport):
    """The same client, h2-c, for our server and for the one of the bare protocol."""
    run = load('h2-c', size, outstanding, transport, server)
    command = run.command[:-1] + ('--server-pid', '{server_pid}', run.command[-1])
    peer = 'gmux' if server[0] == 'gmux' else 'h2-c'
    return Run(peer, command, server, transport)


def server_rows():
    for transport in ('tcp', 'tls'):
        for size, said in SIZES.items():
            for outstanding in OUTSTANDING:
                servers = (('gmux', '--max-streams', '10000'), ('raw',))
                yield Row(
                    f'server-{transport}-{size}-{outstanding}',
                    f'server: {transport}, {said}, {outstanding} outstanding',
                    tuple(server_load(s, size, outstanding, transport) for s in servers),
                    (Figure('server_cpu_us_per_call', 1.25, 1.0),),
                    quick=(size, outstanding, transport) == (0, 100, 'tcp'),
                )


def scale_rows():
    """Cost against calls outstanding."""
    for outstanding in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000):
        yield Row(
            f'scale-{outstanding}',
            f'tcp, 0 B, {outstanding} outstanding',
            tuple(client(p, 0, outstanding, 'tcp') for p in ('gmux', 'h2-c', 'h2load', 'grpc-cpp', 'grpc-go')),
            (Figure('cpu_us_per_call'), Figure('p50_us'), Figure('p99_us')),
        )


ROWS = [*client_rows(), *server_rows(), *scale_rows()]
