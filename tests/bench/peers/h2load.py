#!/usr/bin/env python3
"""h2load.py: nghttp2's h2load as a peer: our options, and one line of JSON.

It is no gRPC client: it sends a ready-made body and drops the answer, and has no calls, no status
and no deadlines. Its CPU time is that of the whole process, start included: hence no warm-up.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile


def options():
    p = argparse.ArgumentParser(usage='h2load.py [OPTION]... TARGET', allow_abbrev=False)
    p.add_argument('--outstanding', type=int, default=100)
    p.add_argument('--size', type=int, default=0)
    p.add_argument('--seconds', type=float, default=2)
    p.add_argument('--warm-up', type=float, help='ignored')
    p.add_argument('--count', type=int, default=0)
    p.add_argument('--ca', help='TLS; h2load does not look at the certificate')
    p.add_argument('target')
    return p.parse_args()


def command(o, body):
    words = ['h2load', '-c', '1', '-t', '1', '-m', str(o.outstanding), '-d', body]
    words += ['-H', 'content-type: application/grpc', '-H', 'te: trailers']
    # Windows of 1 GiB, as powers of two: none stalls.
    words += ['-w', '30', '-W', '30']
    words += ['-n', str(o.count)] if o.count else ['-D', f'{o.seconds * 1000:.0f}ms']
    kind, _, where = o.target.partition(':')
    if kind == 'unix':
        words += ['-B', f'unix:{where}']
        where = 'localhost'
    return words + [f'{"https" if o.ca else "http"}://{where}/bench.v1.Bench/Echo']


def good_calls(out, size):
    """How many ended well, if all did and the answers add up to what they should."""
    pattern = r'requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout'
    counts = re.search(pattern, out)
    data = re.search(r'\((\d+)\) data', out)
    if not counts or not data:
        return 0
    done, good, *bad = map(int, counts.groups())
    if good < done or any(bad) or int(data[1]) < done * (size + 5):
        return 0
    return done


def main():
    o = options()
    with tempfile.NamedTemporaryFile() as body:
        # A gRPC message: not compressed, its length, and what h2load does not look at.
        body.write(b'\0' + o.size.to_bytes(4, 'big') + bytes(o.size))
        body.flush()
        done = subprocess.run(command(o, body.name), capture_output=True, text=True)
    calls = good_calls(done.stdout, o.size)
    if done.returncode or not calls:
        sys.exit(f'h2load: no figures: {done.stderr or done.stdout}')
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({
        'bench': 'unary',
        'peer': 'h2load',
        'bytes': o.size,
        'outstanding': o.outstanding,
        'calls': calls,
        'calls_per_second': float(re.search(r'([\d.]+) req/s', done.stdout)[1]),
        'cpu_us_per_call': 1e6 * (spent.ru_utime + spent.ru_stime) / calls,
    }))


if __name__ == '__main__':
    main()
