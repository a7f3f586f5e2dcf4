"""instructions.py: instructions a call, counted by valgrind's callgrind.

They do not depend on what else the machine does: a change of 1 % can be seen. Two runs of
different length are subtracted, so that starting, connecting and ending are in neither. Over a Unix
socket, whose other end answers all that it was asked in one write, so that batches stay the same.

What the C library and OpenSSL execute depends on the processor (which memcpy, which cipher): it is
shown and does not count. Counted are libgmux, libnghttp2, libev and the program itself.
"""

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass

from runner import processes, programs, table
from runner.model import Figure

TOLERANCE = 0.05
FEW, MANY = 1000, 5000
LIMIT_SECONDS = 300
NOT_COUNTED = re.compile(r'(libc|libm|libcrypto|libssl|ld-linux|vgpreload|libpthread)\b|[\[?]')


@dataclass(frozen=True)
class Subject:
    """name is the baseline's; one of client and server runs under valgrind.

    limit, aim  what is asked of all instructions, those that do not count for the baseline too
    """

    name: str
    client: str = 'gmux-unary'
    server: tuple = ('raw',)
    size: int = 0
    transport: str = 'unix'
    is_server: bool = False
    limit: int = None
    aim: int = None


OUR_SERVER = ('gmux', '--max-streams', '10000')
SUBJECTS = (
    Subject('client', limit=13000, aim=10000),
    Subject('client-1024', size=1024),
    Subject('client-tls', transport='tls'),
    Subject('server', client='h2-c-unary', server=OUR_SERVER, is_server=True),
    Subject('server-1024', client='h2-c-unary', server=OUR_SERVER, size=1024, is_server=True),
)
# The bare protocol, to compare with: without a baseline.
PEERS = (
    Subject('h2-c client', client='h2-c-unary'),
    Subject('h2-c client-1024', client='h2-c-unary', size=1024),
    Subject('h2-c client-tls', client='h2-c-unary', transport='tls'),
    Subject('h2-c server', client='h2-c-unary', is_server=True),
    Subject('h2-c server-1024', client='h2-c-unary', size=1024, is_server=True),
)


# ---- callgrind's file ----


def objects(path):
    """Instructions by file that they were loaded from, what they called left out: a Counter."""
    costs, names = Counter(), {}
    current, is_of_callee = None, False
    with open(path) as profile:
        for text in profile:
            key, _, value = text.rstrip().partition('=')
            if key == 'ob':
                current = object_name(value, names)
            elif key == 'cob':
                object_name(value, names)
            elif key == 'calls':
                is_of_callee = True  # the next line has what the call cost
            elif text[0] in '0123456789+-*':
                if not is_of_callee:
                    costs[current] += int(text.split()[1])
                is_of_callee = False
    return costs


def object_name(text, names):
    """callgrind names each once, "(3) /usr/lib/libc.so.6", and from then on says "(3)"."""
    number, _, name = text.partition(' ')
    if name:
        names[number] = os.path.basename(name)
    return names[number]


# ---- counting ----


def under_valgrind(place, out):
    """A prefix; libtool's, since a program of a build tree may be a script that starts another."""
    libtool = [os.path.join(place.builddir, 'libtool'), '--mode=execute']
    return libtool + ['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}']


def client_command(place, subject, count, target):
    command = programs.PROGRAMS[subject.client](place.builddir)
    command += ['--outstanding', '100', '--size', str(subject.size), '--count', str(count)]
    if subject.transport == 'tls':
        command += ['--ca', place.cert]
    return command + [target]


def profile(place, subject, count):
    """Instructions by object file of a run of so many calls."""
    out = os.path.join(place.directory, f'callgrind.{count}')
    prefix = under_valgrind(place, out)
    if subject.is_server:
        server = place.start(subject.server, subject.transport, prefix)
        prefix = []
    else:
        server = place.server(subject.server, subject.transport)
    command = prefix + client_command(place, subject, count, server.target)
    try:
        processes.measure(command, place.cores.client, LIMIT_SECONDS)
        server.check()
    finally:
        if subject.is_server:
            server.stop()
    try:
        return objects(out)
    except (OSError, ValueError, KeyError) as error:
        raise processes.Failed(f'valgrind left no profile: {error}') from None


def count(place, subject):
    """Instructions a call by object file."""
    few, many = (profile(place, subject, n) for n in (FEW, MANY))
    return {name: (many[name] - few[name]) / (MANY - FEW) for name in many}


def counted(costs):
    return sum(cost for name, cost in costs.items() if not NOT_COUNTED.match(name))


# ---- the baseline ----


def read_baseline(path):
    """Lines of a name and a number; # begins a comment."""
    with open(path) as lines:
        words = [line.split() for line in lines if line.strip() and not line.startswith('#')]
    return {name: float(value) for name, value in words}


def judge(name, value, baseline):
    """What is said of it, and whether it is well."""
    if name not in baseline:
        return 'not in the baseline', False
    growth = value / baseline[name] - 1
    verdict = ', GROWN' if growth > TOLERANCE else ''
    if growth < -TOLERANCE:
        verdict = ', so the baseline can be lowered'
    return f'{growth:+.1%} from {baseline[name]:.0f}{verdict}', growth <= TOLERANCE


def asked(subject, total):
    if subject.limit is None:
        return ''
    figure = Figure('', subject.limit, subject.aim, of=None)
    return f'all: {table.verdict(total, figure)}'


def show(subject, costs, said=''):
    total = sum(costs.values())
    remarks = '; '.join(filter(None, (said, asked(subject, total))))
    print(f'{subject.name:18}{counted(costs):8.0f} of {total:.0f}  {remarks}'.rstrip())
    for name, cost in sorted(costs.items(), key=lambda item: -item[1]):
        if cost >= 1:
            mark = ' (not counted)' if NOT_COUNTED.match(name) else ''
            print(f'{cost:>26.0f}  {name}{mark}')


def check(place, baseline):
    """The subjects that are not as they should be."""
    wrong = []
    for subject in SUBJECTS:
        costs = count(place, subject)
        said, is_well = judge(subject.name, counted(costs), baseline)
        show(subject, costs, said)
        if not is_well:
            wrong.append(subject.name)
    return wrong


def main(builddir, baseline_path):
    if not shutil.which('valgrind'):
        raise processes.Failed('valgrind is not installed (Debian: apt-get install valgrind)')
    print('Instructions a call, 100 outstanding; those that count, and all:')
    with processes.Place(builddir) as place:
        if not baseline_path:
            for subject in (*SUBJECTS, *PEERS):
                show(subject, count(place, subject))
            return 0
        wrong = check(place, read_baseline(baseline_path))
    if wrong:
        print(f'More than {TOLERANCE:.0%} over the baseline: {", ".join(wrong)}. Where that is '
              f'meant, change {baseline_path} in the same commit, and say why in its message.')
    return 1 if wrong else 0
