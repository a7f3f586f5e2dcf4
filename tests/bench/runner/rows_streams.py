"""rows_streams.py: what a message of a stream costs its client."""

from runner.model import WINDOW, Figure, Row, Run

SIZES = {0: '0 B', 1024: '1 KiB'}
PEERS = ('gmux', 'grpc-cpp', 'grpc-go')

# What is asked of gmux is a multiple of grpc-go, which is the nearest peer that has streams.
BOUNDS = (1.0, 0.5, 'grpc-go')


def stream(peer, words):
    return Run(peer, (f'{peer}-{words[0]}', *words[1:], *WINDOW, '{target}'), ('raw',))


def bidi_rows():
    for size, said in SIZES.items():
        for outstanding in (1, 100):
            words = ('bidi', '--outstanding', str(outstanding), '--size', str(size))
            yield Row(
                f'bidi-{size}-{outstanding}',
                f'bidi echo, {said}, {outstanding} in flight',
                tuple(stream(peer, words) for peer in PEERS),
                (Figure('cpu_us_per_message', *BOUNDS), Figure('messages_per_second', of='grpc-go')),
                quick=(size, outstanding) == (0, 100),
            )


def server_stream_rows():
    for size, said in SIZES.items():
        words = ('server-stream', '--size', str(size))
        yield Row(
            f'server-stream-{size}',
            f'server stream, {said}',
            tuple(stream(peer, words) for peer in PEERS),
            (Figure('cpu_us_per_message', *BOUNDS), Figure('messages_per_second', of='grpc-go')),
            quick=size == 1024,
        )


ROWS = [*bidi_rows(), *server_stream_rows()]
