"""svg.py: as much of SVG as the plots need: text, lines, boxes, and scales for them."""

import math
from xml.sax.saxutils import escape, quoteattr

FONT = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Arial, sans-serif'
INK, FAINT, GRID = '#222222', '#666666', '#dddddd'


class Picture:
    """Shapes on a white ground, which is drawn too: the picture has to be read on a dark page."""

    def __init__(self, width, height, title, subtitle):
        self.width, self.height, self.title = width, height, title
        self.shapes = []
        self.text(24, 32, title, size=18, weight='bold')
        self.text(24, 52, subtitle, fill=FAINT)

    def add(self, name, body=None, **attributes):
        words = (f'{key.replace("_", "-")}={quoteattr(number(v))}' for key, v in attributes.items())
        start = f'<{name} {" ".join(words)}'
        self.shapes.append(f'{start}/>' if body is None else f'{start}>{body}</{name}>')

    def text(self, x, y, text, size=12, anchor='start', fill=INK, weight='normal', turn=None):
        more = {'transform': f'rotate({turn} {number(x)} {number(y)})'} if turn else {}
        self.add('text', escape(text), x=x, y=y, font_size=size, text_anchor=anchor, fill=fill,
                 font_weight=weight, **more)

    def line(self, x1, y1, x2, y2, stroke=GRID, width=1):
        self.add('line', x1=x1, y1=y1, x2=x2, y2=y2, stroke=stroke, stroke_width=width)

    def box(self, x, y, width, height, fill, hint):
        self.add('rect', f'<title>{escape(hint)}</title>', x=x, y=y, width=width, height=height,
                 fill=fill)

    def path(self, points, stroke):
        words = ' '.join(f'{number(x)},{number(y)}' for x, y in points)
        self.add('polyline', points=words, fill='none', stroke=stroke, stroke_width=2)

    def dot(self, x, y, fill, hint, radius=4):
        self.add('circle', f'<title>{escape(hint)}</title>', cx=x, cy=y, r=radius, fill=fill)

    def legend(self, names, colour, y):
        """Names with their colours, in a row."""
        x = 24
        for name in names:
            self.add('rect', x=x, y=y - 10, width=12, height=12, fill=colour(name))
            self.text(x + 17, y, name)
            x += 34 + 7.5 * len(name)

    def write(self, path):
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" '
            f'font-family={quoteattr(FONT)}>\n<title>{escape(self.title)}</title>\n'
            f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>\n'
        )
        with open(path, 'w', encoding='utf-8') as file:
            file.write(head + '\n'.join(self.shapes) + '\n</svg>\n')


def number(value):
    """A coordinate to a tenth of a point; other attributes as they are."""
    if isinstance(value, float):
        return f'{value:.1f}'.removesuffix('.0')
    return str(value)


def shown(value):
    """A figure as people write it: three digits that count."""
    if value >= 1e6:
        return f'{value / 1e6:.3g}M'
    if value >= 1e4:
        return f'{value / 1e3:.3g}k'
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


class LogScale:
    """Values from the power of ten below the least to the one above the greatest."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.end = start, end

    def __call__(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self):
        return [10**n for n in range(self.low, self.high + 1)]
