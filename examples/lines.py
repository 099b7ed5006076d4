"""Lines: a plot of a few series of points, as SVG, with nothing to install."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 40, 52  # margins; the names of the series stand on the right
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#7a4e9c", "#b8860b", "#444444", "#008080", "#a0522d")
Points = Sequence[tuple[float, float]]


def plotted(
    series: Mapping[str, Points], title: str, x: str, y: str, *, logarithmic: bool = False
) -> str:
    """The SVG of the series by name; x and y name the axes, that of x may be logarithmic."""
    points = [point for line in series.values() for point in line]
    across, marks_x = _axis([p[0] for p in points], LEFT, WIDTH - RIGHT, logarithmic)
    up, marks_y = _axis([p[1] for p in points], HEIGHT - BOTTOM, TOP, False)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 22, title, 'font-size="15"'),
    ]
    for value in marks_x:
        parts.append(_line(across(value), TOP, across(value), HEIGHT - BOTTOM, "#dddddd"))
        parts.append(_text(across(value), HEIGHT - BOTTOM + 18, f"{value:g}", _MIDDLE))
    for value in marks_y:
        parts.append(_line(LEFT, up(value), WIDTH - RIGHT, up(value), "#dddddd"))
        parts.append(_text(LEFT - 8, up(value) + 4, f"{value:g}", 'text-anchor="end"'))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x, _MIDDLE))
    parts.append(_text(16, middle, y, f'{_MIDDLE} transform="rotate(-90 16 {middle:g})"'))
    names = _apart({name: up(line[-1][1]) for name, line in series.items()})
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across(a), up(b)) for a, b in line]
        way = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places]
        parts.append(
            _line(places[-1][0] + 5, places[-1][1], WIDTH - RIGHT + 8, names[name], colour)
        )
        parts.append(_text(WIDTH - RIGHT + 12, names[name] + 4, name, f'fill="{colour}"'))
    return "\n".join([*parts, "</svg>\n"])


def write(path: Path, *arguments, **options) -> None:
    """`plotted` into a file."""
    path.write_text(plotted(*arguments, **options), encoding="utf-8")


_MIDDLE = 'text-anchor="middle"'


def _axis(
    values: Sequence[float], first: float, last: float, logarithmic: bool
) -> tuple[Callable[[float], float], list[float]]:
    """Where a value lies between two places on the page, and the values to mark."""
    low, high = min(values), max(values)
    if logarithmic:
        marks = [2.0**n for n in range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)]
        marks = [mark for mark in marks if low <= mark <= high]
        length = math.log(high / low) or 1
        return lambda v: first + (last - first) * math.log(v / low) / length, marks
    raw = (high - low) / 5 or 1
    step = 10 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= raw)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    high = high if high > low else low + step
    marks = [low + n * step for n in range(round((high - low) / step) + 1)]
    return lambda v: first + (last - first) * (v - low) / (high - low), [
        round(mark, 10) for mark in marks
    ]


def _apart(places: Mapping[str, float], least: float = 16) -> dict[str, float]:
    """The places moved so that names do not cover each other."""
    found: dict[str, float] = {}
    below = -math.inf
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        below = max(place, below + least)
        found[name] = below
    over = max(below - (HEIGHT - BOTTOM), 0)
    return {name: place - over for name, place in found.items()}


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {more}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}"/>'
