"""table.py: medians, ranges, ratios and verdicts, as Markdown."""

from statistics import median

UNITS = {
    'cpu_us_per_call': 'client CPU (user + system), microseconds a call',
    'server_cpu_us_per_call': 'server CPU (user + system), microseconds a call',
    'p50_us': 'latency, median, microseconds',
    'p99_us': 'latency, 99 %, microseconds',
    'p999_us': 'latency, 99.9 %, microseconds',
    'calls_per_second': 'calls a second',
    'cpu_us_per_message': 'client CPU (user + system), microseconds a message',
    'messages_per_second': 'messages a second',
    'bytes_each': 'resident memory, bytes each',
    'seconds': 'seconds, all of it',
    'of_theoretical': 'time, as a multiple of the least number of round trips',
    'overhead_us': 'latency above that of one caller alone, median, microseconds',
    'mib_above_idle': 'memory above idle, all callers at once, MiB',
    'added_us_per_call': 'CPU above that of calls started on the loop, microseconds a call',
}


def shown(value):
    if value >= 10000:
        return f'{value / 1000:.1f}k' if value < 1e6 else f'{value / 1e6:.2f}M'
    if value >= 100:
        return f'{value:.0f}'
    return f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def spread(values):
    return f'{shown(median(values))} ({shown(min(values))}-{shown(max(values))})'


def by_round(results, row, peer, key):
    """One figure of one peer: {round: value}. Where a round was measured twice the last counts."""
    return {
        r['round']: r[key]
        for r in results
        if r['row'] == row.name and r['peer'] == peer and key in r
    }


def ratios(ours, theirs):
    """Of the rounds that both have: neighbours in time, so that the machine's mood cancels out."""
    return [ours[n] / theirs[n] for n in ours if theirs.get(n)]


def verdict(value, figure):
    if figure.limit is None:
        return ''
    word = 'at least' if figure.at_least else 'at most'
    text = f'{word} {figure.limit:g}'
    if figure.aim is not None:
        text += f', aim {figure.aim:g}'
    if value is None:
        return f'{text}: not measured'
    if figure.aim is not None and reaches(value, figure.aim, figure):
        return f'{text}: aim reached'
    return f'{text}: {"met" if reaches(value, figure.limit, figure) else "MISSED"}'


def reaches(value, bound, figure):
    return value >= bound if figure.at_least else value <= bound


def compare(figure, values, ours):
    """The ratio's cell, and the number that the limit is for."""
    if ours not in values:
        return '-', None
    if figure.of is None:
        return '-', median(values[ours].values())
    parts = ratios(values[ours], values.get(figure.of, {}))
    if not parts:
        return '-', None
    return f'{median(parts):.2f} ({min(parts):.2f}-{max(parts):.2f}) x {figure.of}', median(parts)


def line(row, figure, results, peers):
    values = {p: by_round(results, row, p, figure.key) for p in peers}
    values = {p: v for p, v in values.items() if v}
    if not values:
        return None
    ours = row.runs[0].peer
    ratio, value = compare(figure, values, ours)
    cells = [spread(list(values[p].values())) if p in values else '-' for p in peers]
    return [row.title, *cells, ratio, verdict(value, figure)]


def print_table(lines):
    widths = [max(len(cells[i]) for cells in lines) for i in range(len(lines[0]))]
    lines.insert(1, ['-' * width for width in widths])
    for cells in lines:
        print('| ' + ' | '.join(cell.ljust(width) for cell, width in zip(cells, widths)) + ' |')


def peers_of(rows, results):
    """In the order of the rows, those that have been measured."""
    seen = {r['peer'] for r in results}
    return list(dict.fromkeys(run.peer for row in rows for run in row.runs if run.peer in seen))


def show(rows, results):
    """A table for each figure, with the rows that have it."""
    keys = dict.fromkeys(figure.key for row in rows for figure in row.figures)
    for key in keys:
        asked = [(row, f) for row in rows for f in row.figures if f.key == key]
        has_it = [r for r in results if key in r]
        peers = peers_of([row for row, _ in asked], has_it)
        lines = [line(row, f, has_it, peers) for row, f in asked]
        lines = [cells for cells in lines if cells]
        if lines:
            print(f'\n**{UNITS.get(key, key)}**: median (least-most)\n')
            print_table([['row', *peers, 'ratio', 'asked'], *lines])
    print()
