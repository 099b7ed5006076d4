"""Plot: lines over one axis, as SVG, with nothing to install.

Light or dark as the reader has it; what a mark stands for is its tooltip. Lines far below the rest
would leave no room for these: what lies under the floor is drawn on it, as a triangle, and where a
line ends there, its name and figure stand below the plot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from importlib.resources import files
from itertools import pairwise
from typing import Literal

HEIGHT = 352
LEFT, TOP, BOTTOM = 52, 40, 84  # margins
SPAN, NAMES, EDGE = 254, 164, 24  # of the axis; of the names right of it, or of nothing there
APART = 13  # pixels between two names
DEPTH, LEAST = 0.5, 2.0  # of the floor under ours: in spans from there to the top, and in dB
LONGEST = 74  # characters of a line below a plot
DIGIT = 7  # pixels that a digit takes, at most
Point = tuple[float, float, str]  # x, y, tooltip


@dataclass(frozen=True)
class PlotSeries:
    """Marks that belong together, in order. `look` is the names of its classes in plots.css.

    level: whether it is one figure wherever x is, a line from side to side.
    """

    name: str
    look: str
    points: Sequence[Point]
    level: bool = False


@dataclass(frozen=True)
class Panel:
    """One plot: its axes' names and what is on it.

    scale: of x, logarithmic with a mark at `each` point or at 1, 2, 5, 10, …, or even. named: the
    series' names beside it; without them, it belongs to a plot of the same series at its left.
    """

    title: str
    x: str
    y: str
    series: Sequence[PlotSeries]
    scale: Literal["each", "decades", "even"] = "even"
    named: bool = True

    @property
    def width(self) -> int:
        return LEFT + SPAN + (NAMES if self.named else EDGE)


@dataclass(frozen=True)
class Axis:
    """Where a value lies on the page, by `at`, and the values to mark."""

    at: Callable[[float], float]
    marks: Sequence[float]
    floor: float = -math.inf


def draw_sheet(rows: Sequence[Sequence[Panel]]) -> str:
    """Plots in one SVG file, in rows."""
    width, height = max(sum(one.width for one in row) for row in rows), HEIGHT * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">\n<style>\n{read_style()}</style>\n'
    ]
    for down, row in enumerate(rows):
        right = 0
        for panel in row:
            place = f"translate({right} {down * HEIGHT})"
            parts.append(f'<g transform="{place}">\n{draw_panel(panel)}</g>\n')
            right += panel.width
    return "".join([*parts, "</svg>\n"])


def draw_inline(panel: Panel) -> str:
    """One plot as an element of a page that has `style`."""
    name = escape(f"{panel.title}: {panel.y} against {panel.x}")
    return (
        f'<svg class="plot" viewBox="0 0 {panel.width} {HEIGHT}" role="img" aria-label="{name}">\n'
        f"{draw_panel(panel)}</svg>\n"
    )


def read_style() -> str:
    """The style sheet of all plots."""
    return (files("restore.bench") / "plots.css").read_text("utf-8")


def draw_panel(panel: Panel) -> str:
    """What is inside the SVG of a plot."""
    across, up = _make_x_axis(panel), _make_y_axis(panel)
    bottom, right = HEIGHT - BOTTOM, LEFT + SPAN
    parts = [
        f'<rect class="back" width="{panel.width}" height="{HEIGHT}"/>\n',
        _draw_text(LEFT, 23, panel.title, "title"),
        _draw_text((LEFT + right) / 2, bottom + 34, panel.x, anchor="middle"),
    ]
    if panel.named:
        name = _draw_text(13, (TOP + bottom) / 2, panel.y, anchor="middle")
        parts.append(f'<g transform="rotate(-90 13 {(TOP + bottom) / 2:g})">{name}</g>\n')
    for value in across.marks:
        at = across.at(value)
        parts.append(_draw_line(at, TOP, at, bottom, "rule"))
    for value in _choose_labels(across.at, across.marks):
        parts.append(_draw_text(across.at(value), bottom + 17, f"{value:g}", anchor="middle"))
    for value in up.marks:
        parts.append(_draw_line(LEFT, up.at(value), right, up.at(value), "rule"))
        parts.append(_draw_text(LEFT - 7, up.at(value) + 4, f"{value:g}", anchor="end"))
    parts.append(_draw_line(LEFT, bottom, right, bottom, "edge"))
    back_to_front = sorted(panel.series, key=lambda one: "ours" in one.look)
    parts += [_draw_series(one, across, up) for one in back_to_front]
    if panel.named:
        above = [one for one in panel.series if _last(one) >= up.floor]
        places = _spread_names({one.name: up.at(_last(one)) for one in above})
        parts += [_draw_name(one, across, up, places[one.name]) for one in above]
        below = [f"{one.name} {_last(one):.1f}" for one in panel.series if _last(one) < up.floor]
        for number, line in enumerate(_wrap("below: " + ", ".join(below)) if below else ()):
            parts.append(_draw_text(LEFT, bottom + 51 + 14 * number, line, "below"))
    return "".join(parts)


def _draw_series(one: PlotSeries, across: Axis, up: Axis) -> str:
    parts = [f'<g class="series {one.look}">\n']
    if one.level:
        y, said = up.at(one.points[0][1]), one.points[0][2]
        line = _draw_line(LEFT, y, LEFT + SPAN, y, "line")
        return "".join([*parts, f"<g><title>{escape(said)}</title>{line}</g>\n", "</g>\n"])
    places = [(across.at(x), up.at(y), y, said) for x, y, said in one.points]
    parts.append(f'<path class="line" d="{_trace(places, up.floor)}"/>\n')
    for x, y, value, said in places:
        mark = _draw_mark(x, y, value < up.floor, one.look)
        parts.append(f"<g><title>{escape(said)}</title>{mark}</g>\n")
    return "".join([*parts, "</g>\n"])


def _trace(places: Sequence[tuple[float, float, float, str]], floor: float) -> str:
    """From place to place, as far as it lies above the floor."""
    parts = []
    for (x, y, a, _), (x2, y2, b, _) in pairwise(places):
        if max(a, b) <= floor:
            continue
        crossing = x + (x2 - x) * (floor - a) / (b - a) if min(a, b) < floor else x
        x, x2 = (crossing if a < floor else x), (crossing if b < floor else x2)
        parts.append(f"M{x:.1f} {y:.1f}L{x2:.1f} {y2:.1f}")
    return "".join(parts)


def _draw_name(one: PlotSeries, across: Axis, up: Axis, place: float) -> str:
    right = LEFT + SPAN
    x = right - 5 if one.level else across.at(one.points[-1][0])
    lead = _draw_line(x + 5, up.at(_last(one)), right + 9, place, "lead")
    return f'<g class="tag {one.look}">{lead}{_draw_text(right + 12, place + 4, one.name)}</g>\n'


def _draw_mark(x: float, y: float, below: bool, look: str) -> str:
    r = 4.5 if "ours" in look else 3
    if below:
        return f'<path class="dot" d="M{x - r:.1f} {y - 2 * r:.1f}h{2 * r:g}l{-r:g} {2 * r:g}z"/>'
    if look == "classic":
        return f'<path class="dot" d="M{x - r:.1f} {y - r:.1f}h{2 * r:g}v{2 * r:g}h{-2 * r:g}z"/>'
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"/>'


def _last(one: PlotSeries) -> float:
    return one.points[-1][1]


def _make_x_axis(panel: Panel) -> Axis:
    values = sorted({x for one in panel.series if not one.level for x, _, _ in one.points})
    if not values:
        return Axis(lambda x: float(LEFT), ())
    low, high = values[0], values[-1]
    first, last = LEFT + 14, LEFT + SPAN - 14
    if panel.scale == "even":
        marks = _choose_marks(low, high)
        return Axis(_interpolate(marks[0], marks[-1], first, last), marks)
    if panel.scale == "each":
        along = _interpolate(math.log(low), math.log(high), first, last)
        return Axis(lambda x: along(math.log(x)), values)
    low, high = low / 1.2, high * 1.2
    along = _interpolate(math.log(low), math.log(high), first, last)
    axis = Axis(lambda x: along(math.log(x)), ())
    sets = (_list_steps(low, high, factors) for factors in ((1, 2, 5), (1, 3), (1,)))
    fitting = (marks for marks in sets if len(_choose_labels(axis.at, marks)) == len(marks))
    return replace(axis, marks=next(fitting, _list_steps(low, high, (1,))) or values[:1])


def _list_steps(low: float, high: float, factors: Sequence[int]) -> list[float]:
    """The powers of ten times each factor that lie from low to high."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [factor * 10.0**n for n in decades for factor in factors]
    return [step for step in steps if low <= step <= high]


def _choose_labels(at: Callable[[float], float], marks: Sequence[float]) -> list[float]:
    """The marks that have room for their number, from left to right."""
    found: list[float] = []
    right = -math.inf
    for mark in sorted(marks):
        half = DIGIT * len(f"{mark:g}") / 2
        if at(mark) - half >= right + DIGIT:
            found.append(mark)
            right = at(mark) + half
    return found


def _make_y_axis(panel: Panel) -> Axis:
    """y, from a floor that leaves ours room; down to the least where nothing is ours."""
    values = [y for one in panel.series for _, y, _ in one.points]
    least, top = min(values), max(values)
    ours = min((_last(one) for one in panel.series if "ours" in one.look), default=least)
    marks = _choose_marks(max(least, ours - max(DEPTH * (top - ours), LEAST)), top)
    low = marks[0]
    at = _interpolate(low, marks[-1], HEIGHT - BOTTOM, TOP)
    return Axis(lambda y: at(max(y, low)), marks, low)


def _interpolate(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """Values from low to high, evenly, to places from first to last; to the middle if all alike."""
    length = high - low
    return lambda v: first + (last - first) * ((v - low) / length if length else 0.5)


def _choose_marks(low: float, high: float) -> list[float]:
    """Round numbers, evenly spaced, that reach from low or less to high or more."""
    raw = (high - low) / 5 or 0.1
    step = 10 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(n * step, 10) for n in range(first, max(last, first + 1) + 1)]


def _spread_names(places: dict[str, float]) -> dict[str, float]:
    """The places moved so that names do not cover each other, and none leaves the plot."""
    found: dict[str, float] = {}
    below = float(TOP - APART)
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        found[name] = below = max(place, below + APART)
    floor = HEIGHT - BOTTOM + 20.0
    for name in reversed(found):
        found[name] = min(found[name], floor)
        floor = found[name] - APART
    return found


def _wrap(text: str) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        lines = [*lines[:-1], longer] if len(longer) <= LONGEST else [*lines, word]
    return lines


def _draw_text(x: float, y: float, text: str, name: str = "", anchor: str = "start") -> str:
    look = f' class="{name}"' if name else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{look}>{escape(text)}</text>\n'


def _draw_line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>\n'
