"""model.py: what a row is. A row is data.

Who wants a figure of his own writes a program that prints one line of JSON with it, names it in
PROGRAMS (programs.py), and adds a Row to one of the rows_*.py: the runner does the rest.
"""

from dataclasses import dataclass

# For programs that run for a time.
WINDOW = ('--seconds', '{seconds}', '--warm-up', '{warm_up}')


@dataclass(frozen=True)
class Run:
    """What one peer does for a row.

    peer        whose figure it is; programs of several rows may share the name
    command     name in PROGRAMS, then arguments. In them {seconds} and {warm_up} stand for the
                lengths of this run, {target} and {ca} for where the server listens and whom to
                trust, {server_pid} for its process, {port} for its TCP port.
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
