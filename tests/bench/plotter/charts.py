"""charts.py: three kinds of charts: bars, lines and ranges. Axes count in powers of ten, because
the peers do not cost the same by far."""

from plotter.svg import FAINT, INK, LogScale, Picture, shown

# Told apart also by who does not see all colours (Okabe and Ito).
COLOURS = {
    'gmux': '#0072b2',
    'h2-c': '#009e73',
    'h2load': '#56b4e9',
    'raw-socket': '#999999',
    'grpc-cpp': '#d55e00',
    'grpc-go': '#e69f00',
    'grpc-js': '#cc79a7',
}
UNKNOWN = '#444444'
WIDTH, LEFT, RIGHT, TOP = 900, 64, 850, 100


def colour(peer):
    return COLOURS.get(peer, UNKNOWN)


def in_order(peers):
    """Ours first, then as above, then strangers by name."""
    known = list(COLOURS)
    return sorted(set(peers), key=lambda p: (known.index(p) if p in known else len(known), p))


def bars(path, title, unit, groups):
    """groups: [(name, {peer: value})]: a block of bars each, from the left."""
    peers = in_order(p for _, values in groups for p in values)
    row, gap = 18, 34
    height = TOP + sum(gap + row * len(values) for _, values in groups) + 56
    picture = Picture(WIDTH, height, title, f'{unit}; less is better')
    picture.legend(peers, colour, 78)
    left = LEFT + 60
    scale = LogScale([v for _, values in groups for v in values.values()], left, RIGHT - 40)
    across(picture, scale, TOP, height - 50, unit)
    y = TOP
    for name, values in groups:
        y += gap
        picture.text(24, y - 8, name, weight='bold')
        for peer in in_order(values):
            value = values[peer]
            picture.text(left - 8, y + 12, peer, anchor='end')
            end = max(scale(value), left + 1)
            picture.box(left, y + 2, end - left, row - 4, colour(peer), f'{peer}: {shown(value)}')
            picture.text(end + 5, y + 12, shown(value))
            y += row
    picture.write(path)


def across(picture, scale, top, bottom, unit):
    """The grid and the figures below it."""
    for tick in scale.ticks():
        picture.line(scale(tick), top, scale(tick), bottom)
        picture.text(scale(tick), bottom + 16, shown(tick), anchor='middle', fill=FAINT)
    picture.text((scale.start + scale.end) / 2, bottom + 36, unit, anchor='middle', fill=FAINT)


def lines(path, title, x_unit, y_unit, curves, colours=COLOURS):
    """curves: {name: {x: value}}; the first of colours is drawn on top."""
    height, bottom = 560, 500
    picture = Picture(WIDTH, height, title, f'{y_unit}; less is better')
    peers = [name for name in colours if name in curves]
    peers += sorted(set(curves) - set(peers))
    picture.legend(peers, lambda name: colours.get(name, UNKNOWN), 78)
    x_scale = LogScale([x for curve in curves.values() for x in curve], LEFT + 20, RIGHT)
    y_scale = LogScale([v for curve in curves.values() for v in curve.values()], bottom, TOP)
    across(picture, x_scale, TOP, bottom, x_unit)
    for tick in y_scale.ticks():
        picture.line(x_scale.start, y_scale(tick), x_scale.end, y_scale(tick))
        picture.text(x_scale.start - 8, y_scale(tick) + 4, shown(tick), anchor='end', fill=FAINT)
    picture.text(22, (TOP + bottom) / 2, y_unit, anchor='middle', fill=FAINT, turn=-90)
    for peer in reversed(peers):
        points, ink = sorted(curves[peer].items()), colours.get(peer, UNKNOWN)
        picture.path([(x_scale(x), y_scale(v)) for x, v in points], ink)
        for x, v in points:
            picture.dot(x_scale(x), y_scale(v), ink, f'{peer}, {shown(x)}: {shown(v)}')
    picture.write(path)


def ranges(path, title, unit, names, groups):
    """groups: [(name, {peer: (value, ...)})], a value for each of `names`, from least to most."""
    peers = in_order(p for _, values in groups for p in values)
    row, gap = 22, 34
    height = TOP + sum(gap + row * len(values) for _, values in groups) + 56
    picture = Picture(WIDTH, height, title, f'{unit}; dots from left to right: {", ".join(names)}')
    picture.legend(peers, colour, 78)
    left = LEFT + 60
    every = [v for _, values in groups for some in values.values() for v in some]
    scale = LogScale(every, left, RIGHT - 120)
    across(picture, scale, TOP, height - 50, unit)
    y = TOP
    for name, values in groups:
        y += gap
        picture.text(24, y - 8, name, weight='bold')
        for peer in in_order(values):
            some, middle = values[peer], y + row / 2
            picture.text(left - 8, middle + 4, peer, anchor='end', fill=INK)
            picture.line(scale(some[0]), middle, scale(some[-1]), middle, colour(peer), 3)
            for word, value in zip(names, some):
                picture.dot(scale(value), middle, colour(peer), f'{peer}, {word}: {shown(value)}')
            picture.text(scale(some[-1]) + 9, middle + 4, ' / '.join(map(shown, some)), size=11)
            y += row
    picture.write(path)
