"""size.py: bytes of the shared library, stripped: what of it a program has to load."""

import os
import subprocess
import tempfile

from runner import processes, table
from runner.model import Figure

ASKED_KIB = Figure('', limit=400, aim=250, of=None)


def stripped_bytes(builddir):
    library = os.path.join(builddir, '.libs', 'libgmux.so')
    if not os.path.exists(library):
        raise processes.Failed(f'{library} is not there (--disable-shared builds none)')
    with tempfile.TemporaryDirectory() as directory:
        copy = os.path.join(directory, 'libgmux.so')
        command = [os.environ.get('STRIP', 'strip'), '-o', copy, library]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise processes.Failed(f'{command[0]}: {done.stderr.strip()}')
        return os.path.getsize(copy)


def main(builddir):
    """Exit status 1 where it is more than is asked."""
    size = stripped_bytes(builddir)
    kib = size / 1024
    print(f'libgmux.so, stripped: {size} bytes, {kib:.1f} KiB; KiB: {table.verdict(kib, ASKED_KIB)}')
    return 0 if table.reaches(kib, ASKED_KIB.limit, ASKED_KIB) else 1
