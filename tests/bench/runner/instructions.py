"""instructions.py: instructions a call, counted by valgrind's callgrind.

They do not depend on what else the machine does: a change of 1 % can be seen. Two runs of
different length are subtracted, so that starting, connecting and ending are in neither.

What a C library or OpenSSL executes depends on the processor (which memcpy, which cipher), so it is
shown but does not count: counted is what libgmux, libnghttp2, libev and the program itself execute.
"""

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass

from runner import processes, programs

TOLERANCE = 0.05
FEW, MANY = 1000, 6000
NOT_COUNTED = re.compile(r'^(libc|libm|libcrypto|libssl|libpthread|ld-linux.*|\[.*|\?+|vgpreload.*)([.-]|$)')


@dataclass(frozen=True)
class Subject:
    name: str
    size: int = 0
    transport: str = 'unix'
    side: str = 'client'
    peer: str = 'gmux'


SUBJECTS = (
    Subject('client'),
    Subject('client-1024', size=1024),
)


def objects(path):
    """Self cost by object file, of a callgrind profile: {basename: instructions}."""
    costs, names, current, is_call = Counter(), {}, None, False
    with open(path) as profile:
        for text in profile:
            if text.startswith('ob='):
                current = object_name(text[3:].strip(), names)
            elif text.startswith('cob='):
                object_name(text[4:].strip(), names)
            elif text.startswith('calls='):
                is_call = True
            elif text[:1].isdigit() or text[:1] in '+-*':
                if not is_call:
                    costs[current] += int(text.split()[1])
                is_call = False
    return costs


def object_name(text, names):
    """callgrind names each once, "(3) /usr/lib/libc.so.6", and then says "(3)"."""
    number, _, name = text.partition(' ')
    if name:
        names[number] = os.path.basename(name)
    return names[number]


def profile(place, subject, count):
    """The profile of a run of so many calls."""
    out = os.path.join(place.directory, 'callgrind')
    valgrind = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}']
    libtool = [os.path.join(place.builddir, 'libtool'), '--mode=execute']
    server = place.server(('gmux',), subject.transport)
    command = programs.PROGRAMS[f'{subject.peer}-unary'](place.builddir)
    command += ['--outstanding', '100', '--size', str(subject.size), '--count', str(count)]
    if subject.transport == 'tls':
        command += ['--ca', place.cert]
    processes.measure(libtool + valgrind + command + [server.target], place.cores.client, 300)
    server.check()
    return objects(out)


def count(place, subject):
    """Instructions a call by object."""
    few, many = profile(place, subject, FEW), profile(place, subject, MANY)
    return {name: (many[name] - few[name]) / (MANY - FEW) for name in many}


def counted(costs):
    return sum(cost for name, cost in costs.items() if not NOT_COUNTED.match(name))


def read_baseline(path):
    with open(path) as lines:
        words = [line.split() for line in lines if line.strip() and not line.startswith('#')]
    return {name: float(value) for name, value in words}


def judge(name, value, baseline):
    if baseline is None:
        return '', True
    if name not in baseline:
        return 'NOT IN THE BASELINE', False
    growth = value / baseline[name] - 1
    text = f'{growth:+.1%} against {baseline[name]:.0f}'
    return text, growth <= TOLERANCE


def main(builddir, baseline_path):
    if not shutil.which('valgrind'):
        print('bench: valgrind is not installed (Debian: apt-get install valgrind)')
        return 1
    baseline = read_baseline(baseline_path) if baseline_path else None
    is_good = True
    with processes.Place(builddir) as place:
        for subject in SUBJECTS:
            costs = count(place, subject)
            text, is_within = judge(subject.name, counted(costs), baseline)
            is_good &= is_within
            show(subject, costs, text)
    if not is_good:
        print(f'Instructions a call have grown by more than {TOLERANCE:.0%}. Where that is meant, '
              f'change {baseline_path} in the same commit, and say why in its message.')
    return 0 if is_good else 1


def show(subject, costs, text):
    print(f'{subject.name:12} {counted(costs):8.0f} {text}'.rstrip())
    for name, cost in sorted(costs.items(), key=lambda item: -item[1]):
        if cost >= 1:
            mark = ' (not counted)' if NOT_COUNTED.match(name) else ''
            print(f'    {cost:8.0f} {name}{mark}')
